//! The relay over real sockets on loopback: UDP, TCP and TLS, with a machine that echoes.

mod support;

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    sync::Arc,
    time::Duration,
};

use anteroom_relay::{Config, Limits, PortRange, Relay, RelayError, credentials};
use support::{
    Arrived, Dialogue, address,
    client::{Client, DEADLINE, Way},
    ip,
    lab::{Echo, Lab, MACHINE, config, now, write_certificate},
    secret, session, ticket,
    world::World,
};
use tokio::net::UdpSocket;

/// Long enough for a datagram on loopback, where the test is that none comes.
const SILENCE: Duration = Duration::from_millis(300);

fn machine(port: u16) -> SocketAddr {
    (ip(MACHINE), port).into()
}

#[tokio::test]
async fn datagrams_are_echoed_through_the_relay_by_udp_tcp_and_tls() {
    let lab = Lab::start().await;
    let peer = lab.echo.address;
    let mut clients = Vec::new();
    for way in lab.ways() {
        let (mut client, relayed) = lab.allocated(&way).await;
        assert_eq!(relayed.ip(), ip("127.0.0.1"));
        assert_eq!(client.permit(peer).await, 0);
        client.send_to(peer, b"by its address").await;
        let expected = Arrived::Indication { peer, data: b"by its address".to_vec() };
        assert_eq!(client.receive(DEADLINE).await, Some(expected), "{way:?}");
        assert_eq!(client.bind(0x4001, peer).await, 0);
        // Lengths with every padding.
        for length in [0, 1, 2, 3, 4, 1201] {
            let data = vec![7; length];
            client.send_on(0x4001, &data).await;
            assert_eq!(client.receive(DEADLINE).await, Some(Arrived::Channel { number: 0x4001, data }), "{way:?}");
        }
        clients.push(client);
    }
    let counters = lab.relay.counters();
    assert_eq!((counters.stats.allocations, counters.connections), (3, 2));
    assert_eq!((counters.stats.bytes_to_peers, counters.stats.bytes_to_clients), (3 * 1225, 3 * 1225));
    assert_eq!((counters.stats.dropped_rate, counters.dropped_queue), (0, 0));
}

#[tokio::test]
async fn the_relay_is_reached_by_ipv6() {
    let lab = Lab::start().await;
    let v6 = lab.relay.addresses().listen[1];
    assert!(v6.is_ipv6());
    for way in [Way::Udp(v6), Way::Tcp(v6)] {
        let (mut client, _) = lab.allocated(&way).await;
        assert_eq!(client.permit(lab.echo.address).await, 0);
        client.send_to(lab.echo.address, b"six").await;
        assert!(client.receive(DEADLINE).await.is_some(), "{way:?}");
    }
}

#[tokio::test]
async fn another_peer_is_forbidden_and_gets_nothing() {
    let lab = Lab::start().await;
    let host = UdpSocket::bind("127.0.0.1:0").await.expect("a socket of the host's");
    let neighbour = UdpSocket::bind("127.0.0.3:0").await.expect("a socket of another machine's");
    for way in lab.ways() {
        let (mut client, relayed) = lab.allocated(&way).await;
        assert_eq!(client.permit(lab.echo.address).await, 0);
        for other in [&host, &neighbour] {
            let other = other.local_addr().expect("it is bound");
            assert_eq!(client.permit(other).await, 403, "{way:?} {other}");
            assert_eq!(client.bind(0x4001, other).await, 403, "{way:?} {other}");
            client.send_to(other, b"to a stranger").await;
        }
        neighbour.send_to(b"of a stranger", relayed).await.expect("it leaves");
        // What comes first to the machine and back has overtaken nothing: the strangers' datagrams are gone.
        client.send_to(lab.echo.address, b"echo").await;
        let expected = Arrived::Indication { peer: lab.echo.address, data: b"echo".to_vec() };
        assert_eq!(client.receive(DEADLINE).await, Some(expected), "{way:?}");
    }
    let mut buffer = [0; 64];
    for socket in [host, neighbour] {
        assert!(tokio::time::timeout(SILENCE, socket.recv(&mut buffer)).await.is_err(), "a stranger got a datagram");
    }
    assert_eq!(lab.relay.counters().stats.refused_peers, 12);
}

#[tokio::test]
async fn credentials_that_are_expired_wrong_or_unbound_open_nothing() {
    let lab = Lab::start().await;
    let expired = credentials::mint(&secret(), &session(1), now().plus_ms(-700_000), 600);
    let good = credentials::mint(&secret(), &session(1), now(), 600);
    for way in lab.ways() {
        let mut client = Client::connect(&way, Dialogue::with(&expired.username, expired.password.expose())).await;
        assert_eq!(client.allocate().await.code, 401, "{way:?}: expired");
        let mut client = Client::connect(&way, Dialogue::with(&good.username, "wrong")).await;
        assert_eq!(client.allocate().await.code, 401, "{way:?}: wrong password");
        let mut client = lab.connect(&way, &ticket(1)).await;
        assert_eq!(client.allocate().await.code, 0);
        assert_eq!(client.permit(lab.echo.address).await, 403, "{way:?}: unbound");
        lab.world.set(&ticket(1), ip(MACHINE));
        assert_eq!(client.permit(lab.echo.address).await, 0, "{way:?}: bound");
        lab.world.end(&ticket(1));
    }
}

#[tokio::test]
async fn an_allocation_refuses_the_username_of_another() {
    let lab = Lab::start().await;
    lab.world.set(&session(2), ip(MACHINE));
    for way in lab.ways() {
        let (mut client, _) = lab.allocated(&way).await;
        client.dialogue.become_another(&Dialogue::new(&session(2), now()));
        assert_eq!(client.refresh(600).await, 441, "{way:?}");
        assert_eq!(client.permit(lab.echo.address).await, 441, "{way:?}");
    }
}

#[tokio::test]
async fn the_session_s_end_closes_sockets_and_connections_within_seconds() {
    let lab = Lab::start().await;
    let mut clients = Vec::new();
    for way in lab.ways() {
        let (mut client, relayed) = lab.allocated(&way).await;
        assert_eq!(client.permit(lab.echo.address).await, 0);
        clients.push((client, relayed));
    }
    lab.world.end(&session(1));
    lab.until("three allocations end", |counters| counters.stats.allocations == 0).await;
    for (client, relayed) in &mut clients {
        StdUdpSocket::bind(*relayed).expect("the relayed port is free again");
        client.send_to(lab.echo.address, b"late").await;
    }
    for (client, _) in &mut clients[1..] {
        assert!(client.is_hung_up(DEADLINE).await);
    }
    assert_eq!(clients[0].0.receive(SILENCE).await, None);
    lab.until("the connections end", |counters| counters.connections == 0).await;
}

#[tokio::test]
async fn a_session_s_quota_is_answered_with_486() {
    let lab = Lab::with_limits(Limits { allocations_per_handle: 2, ..Limits::default() }).await;
    let way = &lab.ways()[0];
    let (mut first, _) = lab.allocated(way).await;
    let _second = lab.allocated(way).await;
    let mut third = lab.connect(way, &session(1)).await;
    assert_eq!(third.allocate().await.code, 486);
    assert_eq!(first.refresh(0).await, 0);
    let again = third.dialogue.allocate();
    assert_eq!(third.ask(&again).await.code, 0);
}

#[tokio::test]
async fn a_burst_above_the_rate_is_dropped_and_one_below_is_not() {
    let lab = Lab::with_limits(Limits { bits_per_second: 80_000, ..Limits::default() }).await;
    let (mut client, _) = lab.allocated(&lab.ways()[0]).await;
    assert_eq!(client.permit(lab.echo.address).await, 0);
    // The bucket holds 64 kB.
    for (datagrams, dropped) in [(50_u32, false), (100, true)] {
        for _ in 0..datagrams {
            client.send_to(lab.echo.address, &[1; 1000]).await;
        }
        lab.until("all were counted", |counters| {
            let stats = counters.stats;
            stats.bytes_to_peers / 1000 + stats.dropped_rate >= u64::from(datagrams)
        })
        .await;
        assert_eq!(lab.relay.counters().stats.dropped_rate > 0, dropped);
    }
}

#[tokio::test]
async fn a_viewer_that_does_not_read_loses_datagrams_and_keeps_its_connection() {
    let lab = Lab::with_limits(Limits { bits_per_second: 8_000_000_000, ..Limits::default() }).await;
    let (mut client, relayed) = lab.allocated(&lab.ways()[1]).await;
    let peer = UdpSocket::bind((ip(MACHINE), 0)).await.expect("a socket in the machine");
    assert_eq!(client.bind(0x4001, peer.local_addr().expect("it is bound")).await, 0);
    while lab.relay.counters().dropped_queue == 0 {
        peer.send_to(&[7; 1200], relayed).await.expect("it leaves");
        tokio::task::yield_now().await;
    }
    // What waited arrives whole, and after it the answer.
    let mut received = 0;
    while let Some(Arrived::Channel { data, .. }) = client.receive(SILENCE).await {
        assert_eq!(data.len(), 1200);
        received += 1;
    }
    assert!(received > 0);
    assert_eq!(client.refresh(600).await, 0);
}

#[tokio::test]
async fn a_connection_that_is_no_turn_is_closed_at_once() {
    let lab = Lab::start().await;
    for way in &lab.ways()[1..] {
        let mut client = lab.connect(way, &session(1)).await;
        client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(client.is_hung_up(Duration::from_secs(5)).await, "{way:?}");
    }
    lab.until("they are forgotten", |counters| counters.connections == 0).await;
}

#[tokio::test]
async fn a_connection_without_an_allocation_is_closed_and_one_with_stays() {
    let lab = Lab::start().await;
    let tcp = &lab.ways()[1];
    let (mut used, _) = lab.allocated(tcp).await;
    let mut asking = lab.connect(tcp, &session(1)).await;
    let binding = asking.dialogue.binding();
    assert!(asking.ask(&binding).await.mapped.is_some());
    let mut handshaking =
        Client::connect(&Way::Tcp(lab.relay.addresses().tls[0]), Dialogue::new(&session(1), now())).await;
    let idle = Duration::from_secs(15);
    let (asking, handshaking) = tokio::join!(asking.is_hung_up(idle), handshaking.is_hung_up(idle));
    assert!(asking && handshaking);
    assert_eq!(used.refresh(600).await, 0);
    lab.until("one is left", |counters| counters.connections == 1).await;
}

#[tokio::test]
async fn connections_of_one_client_are_bounded() {
    let lab = Lab::with_limits(Limits { connections_per_client: 3, ..Limits::default() }).await;
    let tcp = &lab.ways()[1];
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(lab.connect(tcp, &session(1)).await);
        let taken = clients.len() as u64;
        lab.until("it is taken", |counters| counters.connections == taken).await;
    }
    let mut fourth = lab.connect(tcp, &session(1)).await;
    assert!(fourth.is_hung_up(Duration::from_secs(5)).await);
    assert_eq!(lab.relay.counters().refused_connections, 1);
    clients.pop();
    lab.until("one has left", |counters| counters.connections == 2).await;
    let _fifth = lab.allocated(tcp).await;
}

#[tokio::test]
async fn an_answer_comes_from_the_address_that_was_asked() {
    let lab = Lab::with(|config| config.listen = vec![address("0.0.0.0:0")]).await;
    let port = lab.relay.addresses().listen[0].port();
    // A connected socket takes datagrams of that address only.
    for host in ["127.0.0.9", "127.0.0.1", "127.1.2.3"] {
        let (mut client, _) = lab.allocated(&Way::Udp((ip(host), port).into())).await;
        assert_eq!(client.permit(lab.echo.address).await, 0);
        client.send_to(lab.echo.address, b"here").await;
        assert!(client.receive(DEADLINE).await.is_some(), "{host}");
    }
}

#[tokio::test]
async fn both_wildcards_share_one_port() {
    let free = StdTcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let lab = Lab::with(|config| {
        config.listen = vec![SocketAddr::from(([0, 0, 0, 0], free)), SocketAddr::from(([0_u16; 8], free))];
    })
    .await;
    assert_eq!(lab.relay.addresses().listen.len(), 2);
    for host in ["127.0.0.1", "::1"] {
        let _client = lab.allocated(&Way::Udp((ip(host), free).into())).await;
    }
}

#[tokio::test]
async fn relayed_ports_come_from_the_range_and_no_others() {
    let lab = Lab::with(|config| config.relay_ports = Some(PortRange { from: 47_310, to: 47_312 })).await;
    let way = &lab.ways()[0];
    let mut ports = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..3 {
        let (client, relayed) = lab.allocated(way).await;
        clients.push(client);
        ports.push(relayed.port());
    }
    ports.sort_unstable();
    assert_eq!(ports, [47_310, 47_311, 47_312]);
    let mut fourth = lab.connect(way, &session(1)).await;
    assert_eq!(fourth.allocate().await.code, 508);
    assert_eq!(clients[1].refresh(0).await, 0);
    let again = fourth.dialogue.allocate();
    assert_eq!(fourth.ask(&again).await.code, 0);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let mut lab = Lab::start().await;
    let (mut before, _) = lab.allocated(&lab.ways()[2]).await;
    // Half a renewal: the key does not fit, and the old pair goes on.
    let kept = std::fs::read(lab.directory.path().join("key.pem")).expect("a key");
    let old = std::mem::replace(&mut lab.certificate, write_certificate(lab.directory.path()));
    let new_key = std::fs::read(lab.directory.path().join("key.pem")).expect("a key");
    std::fs::write(lab.directory.path().join("key.pem"), kept).expect("a file");
    let tls = lab.relay.addresses().tls[0];
    let _old = lab.allocated(&Way::Tls(tls, old)).await;
    std::fs::write(lab.directory.path().join("key.pem"), new_key).expect("a file");
    let _new = lab.allocated(&lab.ways()[2]).await;
    assert_eq!(before.refresh(600).await, 0);
}

/// By `shutdown` and by being dropped.
#[tokio::test]
async fn an_ended_relay_leaves_no_socket() {
    for by_drop in [false, true] {
        let lab = Lab::start().await;
        let mut clients = Vec::new();
        let mut ports = lab.relay.addresses().listen.clone();
        for way in lab.ways() {
            let (client, relayed) = lab.allocated(&way).await;
            clients.push(client);
            ports.push(relayed);
        }
        let tls = lab.relay.addresses().tls[0];
        let Lab { relay, .. } = lab;
        if by_drop {
            drop(relay);
        } else {
            relay.shutdown().await;
        }
        for client in &mut clients[1..] {
            assert!(client.is_hung_up(DEADLINE).await);
        }
        for port in ports {
            free(port, by_drop).await;
        }
        let refused = tokio::net::TcpStream::connect(tls).await.map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    }
}

/// That a port can be had again: at once, or as soon as the dropped relay's tasks have ended.
async fn free(port: SocketAddr, soon: bool) {
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        match StdUdpSocket::bind(port) {
            Ok(_) => return,
            Err(error) => {
                assert!(soon && tokio::time::Instant::now() < deadline, "{port}: {error}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

#[tokio::test]
async fn a_relay_that_can_not_start_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let start = |change: &dyn Fn(&mut Config)| {
        write_certificate(directory.path());
        let mut config = config(directory.path());
        change(&mut config);
        Relay::start(config, World::new(&[]))
    };
    let taken = StdTcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().map(|address| (taken, address)).expect("it is bound");
    let refused = start(&|config| config.listen = vec![taken.1]).await.err().expect("the port is taken");
    assert!(matches!(refused, RelayError::Listen { address, .. } if address == taken.1), "{refused}");

    let missing = directory.path().join("missing.pem");
    let refused = start(&|config| config.certificate = Some(missing.clone())).await.err().expect("no certificate");
    assert!(refused.to_string().contains("missing.pem"), "{refused}");

    let secret = directory.path().join("short");
    std::fs::write(&secret, "short\n").expect("a file");
    let refused = start(&|config| config.secret_file = Some(secret.clone())).await.err().expect("too short");
    assert!(matches!(refused, RelayError::WeakSecret { .. }), "{refused}");

    let refused = start(&|config| config.key = None).await.err().expect("half a certificate");
    assert!(matches!(refused, RelayError::Config(_)), "{refused}");
}

#[tokio::test]
async fn the_page_s_servers_open_the_relay_and_its_secret_is_new_at_each_start() {
    let mut passwords = Vec::new();
    for _ in 0..2 {
        let lab = Lab::with(|config| config.secret_file = None).await;
        let issued = lab.relay.issuer().ice_servers("127.0.0.1", &session(1), now());
        let server = &issued.servers[0];
        let udp = lab.relay.addresses().listen[0].port();
        assert_eq!(server.urls[0], format!("turn:127.0.0.1:{udp}?transport=udp"));
        let (username, password) = (server.username.as_ref(), server.credential.as_ref());
        let password = password.expect("a credential").expose();
        let dialogue = Dialogue::with(username.expect("a username"), password);
        assert_eq!(Client::connect(&lab.ways()[0], dialogue).await.allocate().await.code, 0);
        let forged = lab.connect(&lab.ways()[0], &session(1)).await.allocate().await;
        assert_eq!(forged.code, 401, "a secret of tests opens nothing");
        passwords.push(password.clone());
    }
    assert_ne!(passwords[0], passwords[1]);
}

/// Several viewers of one machine at a time, each with its own datagrams.
#[tokio::test]
async fn viewers_get_their_own_datagrams_only() {
    let lab = Arc::new(Lab::start().await);
    let echo = Echo::start(MACHINE).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..9_u8 {
        let (lab, peer) = (lab.clone(), echo.address);
        tasks.spawn(async move {
            let (mut client, _) = lab.allocated(&lab.ways()[usize::from(n % 3)]).await;
            assert_eq!(client.bind(0x4000, machine(peer.port())).await, 0);
            for _ in 0..50 {
                client.send_on(0x4000, &[n; 100]).await;
                let expected = Arrived::Channel { number: 0x4000, data: vec![n; 100] };
                assert_eq!(client.receive(DEADLINE).await, Some(expected));
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("each viewer is served");
    }
}
