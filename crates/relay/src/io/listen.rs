//! Opens the listening sockets, so that one address of IPv4 and one of IPv6 may share a port.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    os::fd::OwnedFd,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::net::TcpListener;

use super::{RelayError, udp::UdpListener};
use crate::Config;

/// Connections that the kernel holds until we take them.
const BACKLOG: i32 = 256;
/// Tries to find a port that is free for UDP and for TCP, when the system may choose it.
const PORT_TRIES: usize = 16;

/// All that viewers can reach.
pub(super) struct Listeners {
    pub(super) udp: Vec<UdpListener>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) tls: Vec<TcpListener>,
}

impl Listeners {
    /// Opens all of them. On a host without IPv6 the wildcard of IPv6 is left out: it is a default, not a wish.
    pub(super) async fn open(config: &Config) -> Result<Self, RelayError> {
        let mut all = Self { udp: Vec::new(), tcp: Vec::new(), tls: Vec::new() };
        for address in &config.listen {
            match open_pair(*address) {
                Ok((udp, tcp)) => {
                    all.udp.push(udp);
                    all.tcp.push(tcp);
                }
                Err((_, error)) if is_missing_v6(*address, &error) => {}
                Err((protocol, error)) => return Err(RelayError::Listen { protocol, address: *address, error }),
            }
        }
        for address in &config.tls_listen {
            match open_tcp(*address) {
                Ok(tls) => all.tls.push(tls),
                Err(error) if is_missing_v6(*address, &error) => {}
                Err(error) => return Err(RelayError::Listen { protocol: "TLS", address: *address, error }),
            }
        }
        if all.tcp.is_empty() && all.tls.is_empty() { Err(RelayError::NoAddress) } else { Ok(all) }
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.tcp)
    }

    pub(super) fn tls_addresses(&self) -> Vec<SocketAddr> {
        addresses(&self.tls)
    }
}

fn addresses(listeners: &[TcpListener]) -> Vec<SocketAddr> {
    listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
}

fn is_missing_v6(address: SocketAddr, error: &io::Error) -> bool {
    let missing = [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL];
    let errno = rustix::io::Errno::from_io_error(error);
    address.is_ipv6() && address.ip().is_unspecified() && errno.is_some_and(|errno| missing.contains(&errno))
}

/// UDP and TCP on one port.
fn open_pair(address: SocketAddr) -> Result<(UdpListener, TcpListener), (&'static str, io::Error)> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        let tcp = open_tcp(address).map_err(|error| ("TCP", error))?;
        let same_port = tcp.local_addr().map_err(|error| ("TCP", error))?;
        tries -= 1;
        match open_udp(same_port) {
            Ok(udp) => return Ok((udp, tcp)),
            Err(error) if tries == 0 => return Err(("UDP", error)),
            Err(_) => {}
        }
    }
}

fn open_udp(address: SocketAddr) -> io::Result<UdpListener> {
    UdpListener::new(StdUdpSocket::from(open(address, SocketType::DGRAM)?))
}

fn open_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, SocketType::STREAM)?;
    listen(&socket, BACKLOG)?;
    TcpListener::from_std(StdTcpListener::from(socket))
}

fn open(address: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if address.is_ipv6() {
        // Else the wildcard of IPv6 takes IPv4's port as well, and clients of IPv4 have two names.
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if kind == SocketType::STREAM {
        // A new start does not wait for old connections to be forgotten.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}
