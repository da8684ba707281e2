//! The `media` thread's sockets: one for UDP, and the TCP connections of viewers whose network lets nothing else
//! through. Knows no WebRTC: datagrams come out and go in, each with its path.

use std::{
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use rustix::event::{
    Timespec,
    epoll::{self, CreateFlags, Event, EventData, EventFlags},
};
use str0m::net::{Protocol, Transmit};

use super::{Who, streams::Streams};

/// The largest datagram that is taken: what WebRTC sends fits an MTU.
pub(super) const DATAGRAM_BYTES: usize = 2048;
/// Sockets that are told to be ready at once: all of them.
const MAX_READY: usize = 40;

const UDP: u64 = 0;
const LISTENER: u64 = 1;
/// Names of connections begin here.
pub(super) const FIRST_STREAM: u64 = 2;

/// Where viewers reach the machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) udp: SocketAddr,
    pub(super) tcp: SocketAddr,
}

/// How a viewer's datagrams go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) protocol: Protocol,
    pub(super) far: SocketAddr,
}

/// A datagram that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) path: Path,
    /// Our address, to which it was sent.
    pub(super) to: SocketAddr,
    pub(super) length: usize,
    /// The connection on which it came, if any.
    pub(super) stream: Option<u64>,
}

pub(super) struct Sockets {
    udp: UdpSocket,
    addresses: Addresses,
    streams: Streams,
    /// Readable when one of the sockets has something to do.
    ready: OwnedFd,
    udp_ready: bool,
    /// The next datagram comes from a connection, if there is one: neither kind can starve the other.
    streams_first: bool,
}

impl Sockets {
    /// Binds both, on ports that the system chooses.
    pub(super) fn bind(address: IpAddr) -> std::io::Result<Self> {
        let (udp, listener) = (UdpSocket::bind((address, 0))?, TcpListener::bind((address, 0))?);
        udp.set_nonblocking(true)?;
        listener.set_nonblocking(true)?;
        let addresses = Addresses { udp: udp.local_addr()?, tcp: listener.local_addr()? };
        let ready = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&ready, &udp, EventData::new_u64(UDP), EventFlags::IN)?;
        epoll::add(&ready, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let streams = Streams::new(listener);
        Ok(Self { udp, addresses, streams, ready, udp_ready: false, streams_first: false })
    }

    pub(super) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Readable when [`Self::look`] would find something.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// When [`Self::look`] is due, although nothing comes.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.streams.wake()
    }

    /// Finds out which sockets are ready, takes new connections, writes what waits, and closes what is overdue.
    pub(super) fn look(&mut self, now: Instant) {
        let empty = Event { flags: EventFlags::empty(), data: EventData::new_u64(UDP) };
        let mut events = [empty; MAX_READY];
        let at_once = Timespec::try_from(Duration::ZERO).ok();
        let count = epoll::wait(&self.ready, &mut events, at_once.as_ref()).unwrap_or(0);
        for event in &events[..count] {
            let Event { flags, data } = *event;
            match data.u64() {
                UDP => self.udp_ready = true,
                LISTENER => self.streams.accept(&self.ready, now),
                stream => self.streams.hear(stream, flags, &self.ready),
            }
        }
        self.streams.expire(now);
    }

    /// The next datagram that has come, if there is one.
    pub(super) fn next(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Option<Arrival> {
        self.streams_first = !self.streams_first;
        if self.streams_first {
            self.next_of_streams(datagram).or_else(|| self.next_of_udp(datagram))
        } else {
            self.next_of_udp(datagram).or_else(|| self.next_of_streams(datagram))
        }
    }

    fn next_of_udp(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Option<Arrival> {
        while self.udp_ready {
            match self.udp.recv_from(datagram) {
                Ok((length, far)) => {
                    let path = Path { protocol: Protocol::Udp, far };
                    return Some(Arrival { path, to: self.addresses.udp, length, stream: None });
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.udp_ready = false,
                // An ICMP message about an earlier datagram; ICE notices by itself when a path is gone.
                Err(_) => {}
            }
        }
        None
    }

    fn next_of_streams(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Option<Arrival> {
        let (stream, far, length) = self.streams.next(datagram)?;
        let path = Path { protocol: Protocol::Tcp, far };
        Some(Arrival { path, to: self.addresses.tcp, length, stream: Some(stream) })
    }

    /// Says whose a datagram was. A connection on which the first one is nobody's is closed.
    pub(super) fn judge(&mut self, arrival: Arrival, owner: Option<&Who>) {
        if let Some(stream) = arrival.stream {
            self.streams.judge(stream, owner);
        }
    }

    pub(super) fn transmit(&mut self, transmit: &Transmit, now: Instant) {
        match transmit.proto {
            // A full send buffer or an unreachable viewer is loss, which RTP, SCTP and ICE are made for.
            Protocol::Udp => drop(self.udp.send_to(&transmit.contents, transmit.destination)),
            Protocol::Tcp => self.streams.send(transmit.destination, &transmit.contents, &self.ready, now),
            // Candidates of ours for neither exist.
            Protocol::SslTcp | Protocol::Tls => {}
        }
    }

    /// Since when the oldest datagram on this path waits for the network.
    pub(super) fn waits_since(&self, path: Path) -> Option<Instant> {
        match path.protocol {
            Protocol::Tcp => self.streams.waits_since(path.far),
            Protocol::Udp | Protocol::SslTcp | Protocol::Tls => None,
        }
    }

    /// Closes the connections of a viewer that is gone.
    pub(super) fn forget(&mut self, who: &Who) {
        self.streams.forget(who);
    }
}
