//! Asks a relay for an answer, as a viewer's browser would begin: for `anteroom doctor`. It sends one STUN Binding
//! request (RFC 8489), which needs no credentials and leaves nothing behind.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    time::{Duration, Instant},
};

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};
use tokio_openssl::SslStream;
use turn_types::stun::{
    message::{BINDING, Message, MessageClass, MessageType, MessageWriteVec, TransactionId},
    prelude::MessageWrite as _,
};

use crate::Frames;

/// How long an answer may take.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// After this long an unanswered datagram is sent again (RFC 8489, section 6.2.1).
const RESEND: Duration = Duration::from_millis(500);
/// The largest answer that is read.
const MAX_ANSWER_BYTES: usize = 2048;

/// How the relay is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `turn:...?transport=udp`
    Udp,
    /// `turn:...?transport=tcp`
    Tcp,
    /// `turns:...?transport=tcp`
    Tls,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nothing came back.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Silent,
    /// The system or the other end refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS came up only without checking the certificate.
    #[error("the certificate is not trusted for this name: {0}")]
    Untrusted(String),
    /// Something else answers there.
    #[error("what answered is no TURN server")]
    NotTurn,
}

/// How long the answer took, connecting and encrypting included.
///
/// # Errors
/// Why there was none.
pub async fn probe(way: Way, address: SocketAddr, name: &str) -> Result<Duration, ProbeError> {
    let began = Instant::now();
    let asked = async {
        match way {
            Way::Udp => over_udp(address).await,
            Way::Tcp => over_stream(TcpStream::connect(address).await?).await,
            Way::Tls => over_tls(address, name).await,
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.map_err(|_| ProbeError::Silent)??;
    Ok(began.elapsed())
}

fn request() -> (TransactionId, Vec<u8>) {
    let id = TransactionId::generate();
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    (id, Message::builder(kind, id, MessageWriteVec::new()).finish())
}

fn answers(bytes: &[u8], id: TransactionId) -> bool {
    Message::from_bytes(bytes).is_ok_and(|message| {
        message.transaction_id() == id && message.method() == BINDING && message.class() == MessageClass::Success
    })
}

async fn over_udp(address: SocketAddr) -> Result<(), ProbeError> {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(address).await?;
    let (id, bytes) = request();
    let mut answer = [0; MAX_ANSWER_BYTES];
    loop {
        socket.send(&bytes).await?;
        if let Ok(received) = tokio::time::timeout(RESEND, socket.recv(&mut answer)).await {
            return if answers(&answer[..received?], id) { Ok(()) } else { Err(ProbeError::NotTurn) };
        }
    }
}

async fn over_tls(address: SocketAddr, name: &str) -> Result<(), ProbeError> {
    match handshake(address, name, SslVerifyMode::PEER).await {
        Ok(stream) => over_stream(stream).await,
        Err(refused) => match handshake(address, name, SslVerifyMode::NONE).await {
            Ok(_) => Err(ProbeError::Untrusted(refused.to_string())),
            Err(error) => Err(error.into()),
        },
    }
}

async fn handshake(address: SocketAddr, name: &str, verify: SslVerifyMode) -> io::Result<SslStream<TcpStream>> {
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    connector.set_verify(verify);
    let ssl = connector.build().configure()?.into_ssl(name)?;
    let mut stream = SslStream::new(ssl, TcpStream::connect(address).await?)?;
    Pin::new(&mut stream).connect().await.map_err(io::Error::other)?;
    Ok(stream)
}

async fn over_stream(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), ProbeError> {
    let (id, bytes) = request();
    stream.write_all(&bytes).await?;
    let (mut frames, mut read) = (Frames::default(), [0; MAX_ANSWER_BYTES]);
    loop {
        let length = stream.read(&mut read).await?;
        if length == 0 {
            return Err(ProbeError::NotTurn);
        }
        frames.push(&read[..length]);
        match frames.next_frame() {
            Ok(Some(frame)) if answers(frame, id) => return Ok(()),
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => return Err(ProbeError::NotTurn),
        }
    }
}
