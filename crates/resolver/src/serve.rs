//! [`Resolver`]: listens for machines, asks [`Permits`], and answers.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anteroom_machines::MAX_REACH_ADDRESSES;
use anteroom_protocol::{HostName, MachineId};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
    time::timeout,
};

use crate::{
    Permit, Permits,
    bounds::{AtWork, MAX_AT_WORK},
    message::{MAX_ADDRESSES, MAX_TTL_SECONDS, Question, Reply},
    upstream::{self, Upstream},
};

const _: () = assert!(MAX_ADDRESSES <= MAX_REACH_ADDRESSES);

/// A question has one name; no program's is longer.
const MAX_QUESTION_BYTES: usize = 512;
/// How long a connection may be silent, or take for a question or an answer.
const SILENCE: Duration = Duration::from_secs(10);
/// Beyond two servers' deadlines and the firewall's.
const QUESTION_DEADLINE: Duration = Duration::from_secs(10);
/// After a failure of the socket itself, so that one that stays does not take a core.
const PAUSE: Duration = Duration::from_millis(100);

/// The name server of restricted machines.
pub struct Resolver {
    udp: Arc<UdpSocket>,
    tcp: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    permits: Arc<dyn Permits>,
    upstream: Upstream,
    at_work: Arc<AtWork>,
}

/// It can't listen.
#[derive(Debug, thiserror::Error)]
#[error(
    "listening for machines' names on {address} ({transport}): {source}; nothing else may serve names there, and port 53 \
     needs the right to listen on low ports"
)]
pub struct ResolveError {
    /// Where.
    pub address: SocketAddr,
    /// UDP or TCP.
    pub transport: &'static str,
    /// What was said.
    #[source]
    pub source: io::Error,
}

impl Resolver {
    /// Listens on `address`, by UDP and TCP, and asks `servers`.
    ///
    /// # Errors
    /// The address can't be had.
    pub async fn bind(
        address: SocketAddr,
        servers: Vec<SocketAddr>,
        permits: Arc<dyn Permits>,
    ) -> Result<Self, ResolveError> {
        let failed = |transport| move |source| ResolveError { address, transport, source };
        let tcp = TcpListener::bind(address).await.map_err(failed("TCP"))?;
        // With port 0 both have the same one.
        let bound = tcp.local_addr().map_err(failed("TCP"))?;
        let udp = Arc::new(UdpSocket::bind(bound).await.map_err(failed("UDP"))?);
        let shared = Shared { permits, upstream: Upstream::new(servers), at_work: Arc::default() };
        Ok(Self { udp, tcp, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Answers until it is dropped.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        // One byte more, to tell what is too long.
        let mut buffer = [0; MAX_QUESTION_BYTES + 1];
        loop {
            tokio::select! {
                received = self.udp.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.heard(&mut tasks, &buffer[..length], from),
                    Err(error) => pause("a question could not be received", &error).await,
                },
                accepted = self.tcp.accept() => match accepted {
                    Ok((stream, from)) => self.accepted(&mut tasks, stream, from),
                    Err(error) => pause("a connection could not be taken", &error).await,
                },
                Some(_) = tasks.join_next() => {}
            }
        }
    }

    /// What is too much or too long is passed over; whoever asked asks again.
    fn heard(&self, tasks: &mut JoinSet<()>, bytes: &[u8], from: SocketAddr) {
        let IpAddr::V4(machine) = from.ip() else { return };
        if bytes.len() > MAX_QUESTION_BYTES {
            return;
        }
        let Some(place) = self.shared.at_work.enter(machine) else { return };
        let (shared, udp, bytes) = (Arc::clone(&self.shared), Arc::clone(&self.udp), bytes.to_vec());
        tasks.spawn(async move {
            if let Some(reply) = shared.answer(&bytes, machine).await
                && let Err(error) = udp.send_to(&reply, from).await
            {
                tracing::debug!(%error, "an answer could not be sent");
            }
            drop(place);
        });
    }

    fn accepted(&self, tasks: &mut JoinSet<()>, stream: TcpStream, from: SocketAddr) {
        let IpAddr::V4(machine) = from.ip() else { return };
        // A connection holds a place for as long as it is there.
        if tasks.len() >= 2 * MAX_AT_WORK {
            return;
        }
        let Some(place) = self.shared.at_work.enter(machine) else { return };
        let shared = Arc::clone(&self.shared);
        tasks.spawn(async move {
            if let Err(error) = shared.converse(stream, machine).await {
                tracing::debug!(%error, "a connection for names ended early");
            }
            drop(place);
        });
    }
}

impl Shared {
    /// One question after the other, until the machine closes the connection or says nothing.
    async fn converse(&self, mut stream: TcpStream, from: Ipv4Addr) -> io::Result<()> {
        loop {
            let question = match timeout(SILENCE, read(&mut stream)).await {
                Ok(Ok(question)) => question,
                Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(()),
            };
            let Some(reply) = self.answer(&question, from).await else { return Ok(()) };
            timeout(SILENCE, upstream::write(&mut stream, &reply)).await??;
        }
    }

    /// The bytes of the answer; none when nothing is said.
    async fn answer(&self, bytes: &[u8], from: Ipv4Addr) -> Option<Vec<u8>> {
        let question = Question::read(bytes).ok()?;
        let reply = timeout(QUESTION_DEADLINE, self.reply(&question, from)).await.unwrap_or(Some(Reply::Failed));
        question.reply(&reply?)
    }

    /// Decides what is said. For a name that is no host's there is nothing anywhere.
    async fn reply(&self, question: &Question, from: Ipv4Addr) -> Option<Reply> {
        let Some(host) = question.host() else { return Some(Reply::Missing) };
        Some(match self.permits.permit(from, host).await {
            Permit::Nobody => return None,
            Permit::Refused => Reply::Missing,
            Permit::Unknown => Reply::Failed,
            Permit::Allowed { .. } if !question.asks_for_addresses() => Reply::Nothing,
            Permit::Allowed { machine, set } => self.open(&machine, self.addresses(host, set).await).await,
        })
    }

    async fn addresses(&self, host: &HostName, set: Vec<Ipv4Addr>) -> Reply {
        if set.is_empty() {
            return self.upstream.ask(host).await;
        }
        Reply::Addresses(set.into_iter().take(MAX_ADDRESSES).collect(), MAX_TTL_SECONDS)
    }

    /// The answer is said when its addresses are open, and not before: the machine's first packet follows at once.
    async fn open(&self, machine: &MachineId, reply: Reply) -> Reply {
        let Reply::Addresses(addresses, _) = &reply else { return reply };
        let addresses: Vec<_> = addresses.iter().map(|address| IpAddr::V4(*address)).collect();
        match self.permits.open(machine, &addresses).await {
            Ok(()) => reply,
            Err(crate::NotOpened) => Reply::Failed,
        }
    }
}

async fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_QUESTION_BYTES {
        return Err(io::Error::other(format!("a question of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn pause(what: &str, error: &io::Error) {
    tracing::warn!(%error, "{what}");
    tokio::time::sleep(PAUSE).await;
}
