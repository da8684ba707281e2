//! A TURN client over a real socket: UDP, TCP or TLS.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use anteroom_relay::Frames;
use openssl::ssl::{SslConnector, SslMethod};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_openssl::SslStream;

use super::{Arrived, Dialogue, Reply, arrived, channel_data, indication};

/// Longer than anything takes on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(10);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

enum Socket {
    Udp(UdpSocket),
    Stream(Box<dyn Stream>, Frames),
}

pub struct Client {
    pub dialogue: Dialogue,
    socket: Socket,
    /// Datagrams that came while an answer was waited for.
    arrived: Vec<Arrived>,
}

/// A way to the relay.
#[derive(Clone, Debug)]
pub enum Way {
    Udp(SocketAddr),
    Tcp(SocketAddr),
    /// With the certificate to trust, PEM, for `localhost`.
    Tls(SocketAddr, Vec<u8>),
}

impl Client {
    pub async fn connect(way: &Way, dialogue: Dialogue) -> Self {
        let socket = match way {
            Way::Udp(server) => {
                let local = if server.is_ipv6() { "[::1]:0" } else { "127.0.0.1:0" };
                let socket = UdpSocket::bind(local).await.expect("a socket");
                socket.connect(server).await.expect("a route");
                Socket::Udp(socket)
            }
            Way::Tcp(server) => {
                Socket::Stream(Box::new(TcpStream::connect(server).await.expect("a connection")), Frames::default())
            }
            Way::Tls(server, trusted) => Socket::Stream(Box::new(tls(*server, trusted).await), Frames::default()),
        };
        Self { dialogue, socket, arrived: Vec::new() }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => {
                socket.send(bytes).await.expect("the datagram leaves");
            }
            Socket::Stream(stream, _) => stream.write_all(bytes).await.expect("the connection takes it"),
        }
    }

    /// The next message. None when the connection has ended, or nothing came in time.
    pub async fn read(&mut self, deadline: Duration) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64 * 1024];
        match &mut self.socket {
            Socket::Udp(socket) => {
                let length = timeout(deadline, socket.recv(&mut buffer)).await.ok()?.ok()?;
                Some(buffer[..length].to_vec())
            }
            Socket::Stream(stream, frames) => loop {
                if let Some(frame) = frames.next_frame().expect("the relay sends TURN") {
                    return Some(frame.to_vec());
                }
                match timeout(deadline, stream.read(&mut buffer)).await.ok()? {
                    Ok(0) | Err(_) => return None,
                    Ok(length) => frames.push(&buffer[..length]),
                }
            },
        }
    }

    /// Whether the server ends the connection in time.
    pub async fn is_hung_up(&mut self, deadline: Duration) -> bool {
        let Socket::Stream(stream, _) = &mut self.socket else { return false };
        let mut buffer = [0; 1024];
        timeout(deadline, async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} }).await.is_ok()
    }

    pub async fn ask(&mut self, request: &[u8]) -> Reply {
        self.write(request).await;
        loop {
            let bytes = self.read(DEADLINE).await.expect("an answer");
            match arrived(&bytes) {
                Some(datagram) => self.arrived.push(datagram),
                None => return self.dialogue.read(&bytes),
            }
        }
    }

    /// Allocates as browsers do: first without the credential, then with it.
    pub async fn allocate(&mut self) -> Reply {
        let first = self.dialogue.allocate();
        assert_eq!(self.ask(&first).await.code, 401);
        let second = self.dialogue.allocate();
        self.ask(&second).await
    }

    pub async fn permit(&mut self, peer: SocketAddr) -> u16 {
        let request = self.dialogue.permit(&[peer]);
        self.ask(&request).await.code
    }

    pub async fn bind(&mut self, number: u16, peer: SocketAddr) -> u16 {
        let request = self.dialogue.bind(number, peer);
        self.ask(&request).await.code
    }

    pub async fn refresh(&mut self, lifetime_s: u32) -> u16 {
        let request = self.dialogue.refresh(lifetime_s);
        self.ask(&request).await.code
    }

    pub async fn send_to(&mut self, peer: SocketAddr, data: &[u8]) {
        self.write(&indication(peer, data)).await;
    }

    pub async fn send_on(&mut self, channel: u16, data: &[u8]) {
        let padded = matches!(self.socket, Socket::Stream(..));
        self.write(&channel_data(channel, data, padded)).await;
    }

    /// The next datagram of the peer's.
    pub async fn receive(&mut self, deadline: Duration) -> Option<Arrived> {
        if !self.arrived.is_empty() {
            return Some(self.arrived.remove(0));
        }
        let bytes = self.read(deadline).await?;
        Some(arrived(&bytes).expect("a datagram, as nothing was asked"))
    }
}

async fn tls(server: SocketAddr, trusted: &[u8]) -> SslStream<TcpStream> {
    let stream = TcpStream::connect(server).await.expect("a connection");
    let mut builder = SslConnector::builder(SslMethod::tls_client()).expect("OpenSSL works");
    let certificate = openssl::x509::X509::from_pem(trusted).expect("PEM");
    builder.cert_store_mut().add_cert(certificate).expect("it is added once");
    let ssl = builder.build().configure().and_then(|ssl| ssl.into_ssl("localhost")).expect("OpenSSL works");
    let mut stream = SslStream::new(ssl, stream).expect("OpenSSL works");
    timeout(DEADLINE, Pin::new(&mut stream).connect()).await.expect("in time").expect("the certificate is trusted");
    stream
}
