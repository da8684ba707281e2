//! Networks around the test's host, with services that answer, and whoever asks them.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{enter, shell};
use crate::Transport;

/// Long enough for an answer on a busy host, on which everything is in one kernel.
pub const ANSWER: Duration = Duration::from_millis(700);

/// Somebody else's network, kept by a process that sleeps.
pub struct Elsewhere {
    keeper: Child,
    /// Its namespace.
    pub namespace: Arc<File>,
}

impl Elsewhere {
    /// Connects a new network to the calling thread's by a cable with these two addresses.
    #[must_use]
    pub fn new(device: &str, here: &str, there: &str) -> Self {
        let keeper = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; exec sleep infinity"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut elsewhere = Self { keeper, namespace: Arc::new(File::open("/proc/self/ns/net").unwrap()) };
        let mut ready = [0; 6];
        elsewhere.keeper.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        let pid = elsewhere.keeper.id();
        elsewhere.namespace = Arc::new(File::open(format!("/proc/{pid}/ns/net")).unwrap());
        shell(&format!("ip link add {device} type veth peer name up0 netns {pid}"));
        shell(&format!("ip addr add {here} dev {device}; ip link set {device} up"));
        elsewhere.shell(&format!("ip link set lo up; ip addr add {there} dev up0; ip link set up0 up"));
        elsewhere
    }

    /// Runs a line of shell there.
    pub fn shell(&self, line: &str) {
        in_network(&self.namespace, {
            let line = line.to_owned();
            move || shell(&line)
        });
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Does something in a network, in a thread of its own.
pub fn in_network<T: Send + 'static>(network: &Arc<File>, work: impl FnOnce() -> T + Send + 'static) -> T {
    let network = Arc::clone(network);
    thread::spawn(move || {
        enter(&network);
        work()
    })
    .join()
    .unwrap()
}

/// Answers on a port, TCP and UDP, with the address that it sees. The threads end with the test's process.
pub fn serve(network: &Arc<File>, port: u16) {
    in_network(network, move || {
        // For both families.
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let (tcp, udp) = (TcpListener::bind(everywhere).unwrap(), UdpSocket::bind(everywhere).unwrap());
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let _ = (&stream).write_all(seen(stream.peer_addr().unwrap()).as_bytes());
            }
        });
        thread::spawn(move || {
            let mut buffer = [0; 16];
            while let Ok((_, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(seen(from).as_bytes(), from);
            }
        });
    });
}

fn seen(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}

/// Whether a service answers, and which address it has seen.
pub fn ask(transport: Transport, from: Option<IpAddr>, to: (IpAddr, u16)) -> Option<String> {
    let to = SocketAddr::from(to);
    let mut answer = [0; 64];
    let length = match transport {
        Transport::Tcp => {
            assert!(from.is_none(), "spoofed sources are tried with UDP");
            let mut stream = TcpStream::connect_timeout(&to, ANSWER).ok()?;
            stream.set_read_timeout(Some(ANSWER)).unwrap();
            stream.read(&mut answer).ok()?
        }
        Transport::Udp => {
            let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let socket = UdpSocket::bind((from.unwrap_or(any), 0)).unwrap();
            socket.set_read_timeout(Some(ANSWER)).unwrap();
            socket.send_to(b"?", to).ok()?;
            socket.recv(&mut answer).ok()?
        }
    };
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}
