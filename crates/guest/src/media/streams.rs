//! Viewers' TCP connections (RFC 6544): taken, proven, bounded.
//!
//! ```text
//! accepted ► unproven ► serves a viewer ► closed
//!               └─ its first message is no check of a viewer of ours, or does not come in time ► closed
//! ```
//!
//! A connection carries one viewer's datagrams and never reaches another's transport first: that is decided by the
//! credentials in its first STUN message, which the viewer's transport examines.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::event::epoll::{self, EventData, EventFlags};
use socket2::SockRef;

use super::{
    Who,
    framing::{Inbox, Outbox},
    sockets::{DATAGRAM_BYTES, FIRST_STREAM},
};

/// Connections at once: one for each transport, and some that are not proven yet.
const MAX_STREAMS: usize = 32;
/// Connections taken at once.
const MAX_ACCEPTS: usize = 8;
/// How long the first check of a viewer may take. Browsers send it as soon as the connection is there.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a viewer may take nothing at all. Its ICE has found or lost another path long before.
const STALLED_TIMEOUT: Duration = Duration::from_secs(10);
/// What the kernel may hold beyond what is under way: what waits there can't be dropped, and every new picture waits
/// behind it.
const UNSENT_BYTES: u32 = 16 * 1024;
/// First bytes from here on are no STUN (RFC 7983).
const NOT_STUN: u8 = 4;

/// The connection can't be used any more.
struct Gone;

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Unproven { deadline: Instant },
    Serves(Who),
}

struct Stream {
    name: u64,
    socket: TcpStream,
    far: SocketAddr,
    standing: Standing,
    inbox: Inbox,
    outbox: Outbox,
    readable: bool,
    /// The kernel says when it takes more.
    asked_for_room: bool,
}

/// All connections.
pub(super) struct Streams {
    listener: TcpListener,
    streams: Vec<Stream>,
    next_name: u64,
    /// Where the search for the next datagram goes on.
    turn: usize,
}

impl Streams {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, streams: Vec::new(), next_name: FIRST_STREAM, turn: 0 }
    }

    /// Takes connections that wait.
    pub(super) fn accept(&mut self, ready: &OwnedFd, now: Instant) {
        for _ in 0..MAX_ACCEPTS {
            match self.listener.accept() {
                Ok((socket, far)) => self.admit(socket, far, ready, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if [ErrorKind::Interrupted, ErrorKind::ConnectionAborted].contains(&error.kind()) => {}
                Err(error) => {
                    // Asked again at once, it would fail again: no thread spins for it.
                    tracing::error!(%error, "connections of viewers can't be taken; from now on only UDP serves");
                    let _ = epoll::delete(ready, &self.listener);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, socket: TcpStream, far: SocketAddr, ready: &OwnedFd, now: Instant) {
        if self.streams.len() >= MAX_STREAMS {
            let unproven = |stream: &Stream| matches!(stream.standing, Standing::Unproven { .. });
            let Some(oldest) = self.streams.iter().position(unproven) else { return };
            self.streams.remove(oldest);
        }
        let name = self.next_name;
        let set_up = socket
            .set_nonblocking(true)
            .and_then(|()| socket.set_nodelay(true))
            .and_then(|()| SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES))
            .and_then(|()| Ok(epoll::add(ready, &socket, EventData::new_u64(name), EventFlags::IN)?));
        if let Err(error) = set_up {
            tracing::warn!(%error, "a viewer's connection could not be set up");
            return;
        }
        self.next_name += 1;
        let standing = Standing::Unproven { deadline: now + FIRST_MESSAGE_TIMEOUT };
        let (inbox, outbox) = (Inbox::new(), Outbox::default());
        self.streams.push(Stream {
            name,
            socket,
            far,
            standing,
            inbox,
            outbox,
            readable: false,
            asked_for_room: false,
        });
    }

    /// What the kernel says of a connection.
    pub(super) fn hear(&mut self, name: u64, flags: EventFlags, ready: &OwnedFd) {
        let Some(index) = self.streams.iter().position(|stream| stream.name == name) else { return };
        let stream = &mut self.streams[index];
        // An error or an end shows when it is read.
        stream.readable |= flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR);
        if flags.contains(EventFlags::OUT) && stream.flush(ready).is_err() {
            self.streams.remove(index);
        }
    }

    /// The next datagram: on which connection, from where, how long.
    pub(super) fn next(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Option<(u64, SocketAddr, usize)> {
        for _ in 0..self.streams.len() {
            self.turn = (self.turn + 1) % self.streams.len().max(1);
            let Some(stream) = self.streams.get_mut(self.turn) else { continue };
            match stream.next(datagram) {
                Ok(Some(length)) => return Some((stream.name, stream.far, length)),
                Ok(None) => {}
                Err(Gone) => drop(self.streams.remove(self.turn)),
            }
        }
        None
    }

    pub(super) fn judge(&mut self, name: u64, owner: Option<&Who>) {
        let unproven = |stream: &Stream| stream.name == name && matches!(stream.standing, Standing::Unproven { .. });
        let Some(index) = self.streams.iter().position(unproven) else { return };
        match owner {
            Some(who) => self.streams[index].standing = Standing::Serves(who.clone()),
            None => drop(self.streams.remove(index)),
        }
    }

    /// Sends a datagram, or keeps it until the network takes it, or loses it.
    pub(super) fn send(&mut self, far: SocketAddr, datagram: &[u8], ready: &OwnedFd, now: Instant) {
        let Some(index) = self.streams.iter().position(|stream| stream.far == far) else { return };
        let stream = &mut self.streams[index];
        let is_first = stream.outbox.since().is_none();
        if stream.outbox.push(datagram, now) && is_first && stream.flush(ready).is_err() {
            self.streams.remove(index);
        }
    }

    pub(super) fn waits_since(&self, far: SocketAddr) -> Option<Instant> {
        self.streams.iter().find(|stream| stream.far == far)?.outbox.since()
    }

    pub(super) fn forget(&mut self, who: &Who) {
        self.streams.retain(|stream| !matches!(&stream.standing, Standing::Serves(served) if served == who));
    }

    /// Closes what was not proven in time, and what takes nothing any more.
    pub(super) fn expire(&mut self, now: Instant) {
        self.streams.retain(|stream| match stream.standing {
            Standing::Unproven { deadline } => now < deadline,
            Standing::Serves(_) => !stream.outbox.is_stalled(now, STALLED_TIMEOUT),
        });
    }

    /// When something is to be done although the kernel says nothing.
    pub(super) fn wake(&self) -> Option<Instant> {
        let wake = |stream: &Stream| match (&stream.standing, stream.outbox.since()) {
            // Read already, so that the kernel is silent about it.
            _ if stream.inbox.has_more() => Some(Instant::now()),
            (Standing::Unproven { deadline }, _) => Some(*deadline),
            (Standing::Serves(_), since) => since.map(|since| since + STALLED_TIMEOUT),
        };
        self.streams.iter().filter_map(wake).min()
    }
}

impl Stream {
    fn next(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Result<Option<usize>, Gone> {
        loop {
            if let Some(length) = self.inbox.take(datagram).map_err(|_| Gone)? {
                let is_stun = datagram[0] < NOT_STUN;
                let may_speak = is_stun || matches!(self.standing, Standing::Serves(_));
                return if may_speak { Ok(Some(length)) } else { Err(Gone) };
            }
            if !self.readable {
                return Ok(None);
            }
            match self.socket.read(self.inbox.space()) {
                Ok(0) => return Err(Gone),
                Ok(length) => self.inbox.filled(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
    }

    /// Writes what waits, as far as the kernel takes it, and asks to be told when it takes more.
    fn flush(&mut self, ready: &OwnedFd) -> Result<(), Gone> {
        while !self.outbox.next().is_empty() {
            match self.socket.write(self.outbox.next()) {
                Ok(length) => self.outbox.took(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        let needs_room = !self.outbox.next().is_empty();
        if needs_room != self.asked_for_room {
            let flags = if needs_room { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(ready, &self.socket, EventData::new_u64(self.name), flags).map_err(|_| Gone)?;
            self.asked_for_room = needs_room;
        }
        Ok(())
    }
}
