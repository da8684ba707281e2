//! The whole way of a question over loopback: a machine that asks, a name server that the test plays, and who is let through
//! before the answer goes out.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anteroom_protocol::{HostName, HostPattern, MachineId};
use anteroom_resolver::{NotOpened, Permit, Permits, Resolver};
use async_trait::async_trait;
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(20);
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);

/// The list of the one machine that there is, on this host's own address.
struct List {
    hosts: Vec<HostPattern>,
    set: Vec<Ipv4Addr>,
    opens: bool,
    log: Mutex<Vec<String>>,
}

impl List {
    fn of(hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Self { hosts, set: vec![], opens: true, log: Mutex::default() }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[async_trait]
impl Permits for List {
    async fn permit(&self, from: Ipv4Addr, host: &HostName) -> Permit {
        if from != Ipv4Addr::LOCALHOST {
            return Permit::Nobody;
        }
        if self.hosts.iter().any(|pattern| pattern.covers(host)) {
            Permit::Allowed { machine: MachineId::from_random([1; 16]), set: self.set.clone() }
        } else {
            self.log.lock().unwrap().push(format!("refused {host}"));
            Permit::Refused
        }
    }

    async fn open(&self, machine: &MachineId, addresses: &[IpAddr]) -> Result<(), NotOpened> {
        assert_eq!(*machine, MachineId::from_random([1; 16]));
        self.log.lock().unwrap().push(format!("opened {addresses:?}"));
        if self.opens { Ok(()) } else { Err(NotOpened) }
    }
}

/// A name server: answers all names with these addresses, by UDP cut short where that is wanted.
async fn server(addresses: Vec<Ipv4Addr>, cut_short: bool) -> SocketAddr {
    let tcp = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = UdpSocket::bind(address).await.unwrap();
    let answer = move |bytes: &[u8], cut: bool| {
        let asked = Message::from_vec(bytes).unwrap();
        let mut answer = Message::response(asked.metadata.id, OpCode::Query);
        answer.metadata.truncation = cut;
        answer.add_query(asked.queries[0].clone());
        for address in addresses.iter().filter(|_| !cut) {
            answer.add_answer(Record::from_rdata(asked.queries[0].name.clone(), 60, RData::A((*address).into())));
        }
        answer.to_vec().unwrap()
    };
    let by_tcp = answer.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let _ = udp.send_to(&answer(&buffer[..length], cut_short), from).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            let said = by_tcp(&bytes, false);
            stream.write_all(&framed(&said)).await.unwrap();
        }
    });
    address
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

async fn resolver(list: &Arc<List>, servers: Vec<SocketAddr>) -> SocketAddr {
    let resolver = Resolver::bind(LOOPBACK, servers, list.clone()).await.unwrap();
    let address = resolver.address().unwrap();
    tokio::spawn(resolver.run());
    address
}

fn question(host: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(99, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(host).unwrap(), kind));
    message.to_vec().unwrap()
}

/// What is said to a question by UDP: the code and the addresses.
async fn heard(resolver: SocketAddr, bytes: &[u8]) -> (ResponseCode, Vec<Ipv4Addr>) {
    let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
    socket.send_to(bytes, resolver).await.unwrap();
    let mut buffer = [0; 2048];
    let length = timeout(DEADLINE, socket.recv(&mut buffer)).await.expect("an answer in time").unwrap();
    read(&buffer[..length])
}

fn read(bytes: &[u8]) -> (ResponseCode, Vec<Ipv4Addr>) {
    let message = Message::from_vec(bytes).unwrap();
    assert_eq!(message.metadata.id, 99);
    let address = |record: &Record| if let RData::A(address) = &record.data { address.0 } else { panic!("{record}") };
    (message.metadata.response_code, message.answers.iter().map(address).collect())
}

async fn ask(resolver: SocketAddr, host: &str) -> (ResponseCode, Vec<Ipv4Addr>) {
    heard(resolver, &question(host, RecordType::A)).await
}

#[tokio::test]
async fn a_host_on_the_list_is_answered_when_its_addresses_are_open_and_no_other_is() {
    let list = Arc::new(List::of(&["*.example.com"]));
    let resolver = resolver(&list, vec![server(vec![PUBLIC], false).await]).await;
    assert_eq!(ask(resolver, "Auth.Example.com.").await, (ResponseCode::NoError, vec![PUBLIC]));
    assert_eq!(list.log(), ["opened [93.184.216.34]"]);
    assert_eq!(ask(resolver, "evil.example.").await, (ResponseCode::NXDomain, vec![]));
    assert_eq!(list.log()[1..], ["refused evil.example"]);
}

#[tokio::test]
async fn other_kinds_of_questions_have_no_answer_and_open_nothing() {
    let list = Arc::new(List::of(&["auth.example"]));
    let resolver = resolver(&list, vec![server(vec![PUBLIC], false).await]).await;
    for kind in [RecordType::AAAA, RecordType::TXT, RecordType::HTTPS, RecordType::ANY] {
        assert_eq!(heard(resolver, &question("auth.example.", kind)).await, (ResponseCode::NoError, vec![]), "{kind}");
    }
    assert_eq!(list.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_name_of_ours_that_a_server_gives_a_private_address_opens_nothing() {
    let list = Arc::new(List::of(&["auth.example"]));
    let resolver = resolver(&list, vec![server(vec![Ipv4Addr::new(10, 87, 0, 1)], false).await]).await;
    assert_eq!(ask(resolver, "auth.example.").await, (ResponseCode::NoError, vec![]));
    assert_eq!(list.log(), Vec::<String>::new());
}

#[tokio::test]
async fn addresses_that_can_not_be_opened_are_not_told() {
    let list = Arc::new(List { opens: false, ..List::of(&["auth.example"]) });
    let resolver = resolver(&list, vec![server(vec![PUBLIC], false).await]).await;
    assert_eq!(ask(resolver, "auth.example.").await, (ResponseCode::ServFail, vec![]));
}

/// The operator's own word may be a private address.
#[tokio::test]
async fn addresses_that_the_operator_has_set_are_told_without_asking_a_server() {
    let own = Ipv4Addr::new(192, 168, 3, 5);
    let list = Arc::new(List { set: vec![own], ..List::of(&["sso.example"]) });
    let resolver = resolver(&list, vec![]).await;
    assert_eq!(ask(resolver, "sso.example.").await, (ResponseCode::NoError, vec![own]));
    assert_eq!(list.log(), ["opened [192.168.3.5]"]);
}

#[tokio::test]
async fn a_server_that_is_silent_is_followed_by_the_next_and_an_answer_that_is_cut_short_is_asked_for_by_tcp() {
    let silent = UdpSocket::bind(LOOPBACK).await.unwrap();
    let list = Arc::new(List::of(&["auth.example"]));
    let servers = vec![silent.local_addr().unwrap(), server(vec![PUBLIC], true).await];
    let resolver = resolver(&list, servers).await;
    assert_eq!(ask(resolver, "auth.example.").await, (ResponseCode::NoError, vec![PUBLIC]));
}

#[tokio::test]
async fn without_a_server_that_answers_the_failure_is_said() {
    let list = Arc::new(List::of(&["auth.example"]));
    let resolver = resolver(&list, vec![]).await;
    assert_eq!(ask(resolver, "auth.example.").await, (ResponseCode::ServFail, vec![]));
}

#[tokio::test]
async fn one_connection_carries_many_questions() {
    let list = Arc::new(List::of(&["auth.example"]));
    let resolver = resolver(&list, vec![server(vec![PUBLIC], false).await]).await;
    let mut stream = TcpStream::connect(resolver).await.unwrap();
    for (host, code) in [("auth.example.", ResponseCode::NoError), ("evil.example.", ResponseCode::NXDomain)] {
        stream.write_all(&framed(&question(host, RecordType::A))).await.unwrap();
        let length = timeout(DEADLINE, stream.read_u16()).await.expect("in time").unwrap();
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(read(&bytes).0, code);
    }
}

/// Whoever is no machine learns nothing, not even that somebody is there; and what is no question gets nothing either.
#[tokio::test]
async fn strangers_and_noise_get_no_answer() {
    let list = Arc::new(List::of(&["auth.example"]));
    let resolver = resolver(&list, vec![server(vec![PUBLIC], false).await]).await;
    let stranger = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let machine = UdpSocket::bind(LOOPBACK).await.unwrap();
    stranger.send_to(&question("auth.example.", RecordType::A), resolver).await.unwrap();
    machine.send_to(b"noise", resolver).await.unwrap();
    // What was sent after them is answered.
    ask(resolver, "evil.example.").await;
    let mut buffer = [0; 64];
    for socket in [&stranger, &machine] {
        let heard = timeout(Duration::from_millis(300), socket.recv(&mut buffer)).await;
        assert!(heard.is_err(), "something was said");
    }
    assert_eq!(list.log(), ["refused evil.example"]);
}
