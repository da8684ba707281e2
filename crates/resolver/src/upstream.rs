//! Asking the configured name servers. Each question has a socket of its own, so that its port, like its number, is hard to
//! guess for whoever wants to answer in a server's place.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anteroom_protocol::HostName;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::message::{self, Answer, Reply, UDP_PAYLOAD};

/// How long one server may take. A resolver that has to ask others first takes below a second.
const SERVER_DEADLINE: Duration = Duration::from_secs(2);
/// Servers that are asked, one after the other: glibc too reads no more. Together they answer before a program gives up,
/// which is after 5 s (resolv.conf(5), timeout).
const MAX_SERVERS: usize = 2;

/// The name servers, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    servers: Vec<SocketAddr>,
}

impl Upstream {
    pub(crate) fn new(mut servers: Vec<SocketAddr>) -> Self {
        servers.truncate(MAX_SERVERS);
        Self { servers }
    }

    /// What the first server says that says something; a failure is not something while there is another server.
    pub(crate) async fn ask(&self, host: &HostName) -> Reply {
        for server in &self.servers {
            match timeout(SERVER_DEADLINE, ask(*server, host)).await {
                Ok(Ok(Reply::Failed)) => tracing::debug!(%server, "a name server can't answer"),
                Ok(Ok(reply)) => return reply,
                Ok(Err(error)) => tracing::warn!(%server, %error, "a name server could not be asked"),
                Err(_) => tracing::warn!(%server, "a name server did not answer in time"),
            }
        }
        Reply::Failed
    }
}

async fn ask(server: SocketAddr, host: &HostName) -> io::Result<Reply> {
    let mut random = [0; 2];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let id = u16::from_ne_bytes(random);
    let question = message::ask(host, id).ok_or_else(|| io::Error::other("the question can't be written"))?;
    match by_udp(server, &question, host, id).await? {
        Answer::Reply(reply) => Ok(reply),
        Answer::Truncated => match by_tcp(server, &question, host, id).await? {
            Answer::Reply(reply) => Ok(reply),
            Answer::Truncated => Err(io::Error::other("its answer by TCP is cut short too")),
        },
    }
}

/// What is not the answer is passed over: anybody can send a datagram.
async fn by_udp(server: SocketAddr, question: &[u8], host: &HostName, id: u16) -> io::Result<Answer> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    socket.send(question).await?;
    let mut buffer = [0; UDP_PAYLOAD as usize];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Ok(answer) = message::answer(&buffer[..length], host, id) {
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &[u8], host: &HostName, id: u16) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    write(&mut stream, question).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    message::answer(&bytes, host, id).map_err(io::Error::other)
}

/// By TCP a message stands behind its length (RFC 1035, 4.2.2).
pub(crate) async fn write(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], message].concat()).await
}
