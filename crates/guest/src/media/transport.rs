//! The `media` thread: owns the UDP socket and all viewers' transports, sends frames, and passes input on.

use std::{
    net::{SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::{Epoch, guest::DesktopSize, input::Input};
use str0m::net::Transmit;
use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    Closed, Event, EventKind,
    link::{Command, Each, Link},
    peer::{Note, Peer, kind},
    rate,
};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::Injector,
};

/// Transports at once: the viewer's, its successor's, and those of tabs that were closed without a word.
const MAX_PEERS: usize = 4;
/// Datagrams taken before frames and timers have their turn.
const MAX_DATAGRAMS: usize = 64;
/// The largest datagram that WebRTC sends is an MTU.
const DATAGRAM_BYTES: usize = 2048;
/// Keyframes for lost packets at most this often: each is as large as many pictures, and a lossy path asks all the
/// time.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(250);

/// The thread's state.
pub(super) struct Transport {
    socket: UdpSocket,
    address: SocketAddr,
    link: Arc<Link>,
    events: Sender<Event>,
    size: DesktopSize,
    origin: Instant,
    peers: Vec<Peer>,
    injector: Option<Injector>,
    /// Whose input is played: the newest that has connected.
    pilot: Option<Epoch>,
    kbps: u32,
    last_keyframe: Each<Option<Instant>>,
    /// When a keyframe that somebody wants is asked for.
    keyframe_due: Each<Option<Instant>>,
}

impl Transport {
    pub(super) fn new(
        socket: UdpSocket,
        address: SocketAddr,
        link: Arc<Link>,
        events: Sender<Event>,
        size: DesktopSize,
        origin: Instant,
    ) -> Self {
        let (peers, injector, pilot, kbps) = (Vec::new(), None, None, rate::START_KBPS);
        let (last_keyframe, keyframe_due) = (Each::default(), Each::default());
        Self { socket, address, link, events, size, origin, peers, injector, pilot, kbps, last_keyframe, keyframe_due }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        while !self.listen() {
            self.read_socket();
            self.turn_peers();
            self.tell_screen();
            self.ask_for_keyframes();
            let keyframes = [self.keyframe_due.h264, self.keyframe_due.vp8].into_iter().flatten();
            let until = self.peers.iter().map(|peer| peer.wake).chain(keyframes).min();
            if let Err(error) = self.link.media.wait(self.socket.as_fd(), until) {
                tracing::error!(%error, "the media thread can't wait; it ends");
                break;
            }
        }
        while let Some(peer) = self.peers.pop() {
            self.close(peer, Closed::Shutdown);
        }
    }

    /// Takes in what others told. Returns whether to stop.
    fn listen(&mut self) -> bool {
        let (told, injector) = self.link.media.read(|told| {
            let injector = told.injector.take();
            let taken = (std::mem::take(&mut told.commands), std::mem::take(&mut told.frames), told.stop);
            (taken, injector)
        });
        self.injector = injector.or(self.injector.take());
        let (commands, frames, stop) = told;
        for command in commands {
            self.obey(command);
        }
        for frame in frames {
            self.send(&frame);
        }
        stop
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Connect(negotiated) => {
                while self.peers.len() >= MAX_PEERS {
                    let oldest = self.peers.remove(0);
                    self.close(oldest, Closed::Superseded);
                }
                self.peers.push(Peer::new(*negotiated, Instant::now()));
            }
            Command::Candidates(epoch, candidates) => {
                if let Some(peer) = self.peers.iter_mut().find(|peer| peer.epoch == epoch) {
                    candidates.into_iter().for_each(|candidate| peer.add_candidate(candidate));
                    peer.wake = Instant::now();
                }
            }
        }
    }

    fn send(&mut self, frame: &EncodedFrame) {
        for index in (0..self.peers.len()).rev() {
            if let Err(error) = self.peers[index].send(frame, self.origin) {
                self.fail(index, kind(&error));
            }
        }
    }

    fn read_socket(&mut self) {
        let mut buffer = [0; DATAGRAM_BYTES];
        for _ in 0..MAX_DATAGRAMS {
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => self.receive(from, &buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // An ICMP message about an earlier datagram; ICE notices by itself when a path is gone.
                Err(_) => {}
            }
        }
    }

    fn receive(&mut self, from: SocketAddr, bytes: &[u8]) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            match self.peers[index].receive(from, self.address, bytes, now) {
                Ok(true) => return self.turn(index, now),
                Ok(false) => {}
                Err(error) => return self.fail(index, kind(&error)),
            }
        }
    }

    fn turn_peers(&mut self) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            if self.peers.get(index).is_some_and(|peer| peer.wake <= now) {
                self.turn(index, now);
            }
        }
    }

    fn turn(&mut self, index: usize, now: Instant) {
        let socket = &self.socket;
        let result = self.peers[index].turn(now, self.size, &mut |transmit| transmit_on(socket, &transmit));
        match result {
            Ok(notes) => {
                let epoch = self.peers[index].epoch;
                notes.into_iter().for_each(|note| self.heed(epoch, note));
            }
            Err(error) => self.fail(index, kind(&error)),
        }
    }

    fn heed(&mut self, epoch: Epoch, note: Note) {
        match note {
            Note::IceConnected => self.report(epoch, EventKind::IceConnected),
            Note::DtlsConnected => self.connected(epoch),
            Note::InputOpen => self.report(epoch, EventKind::InputOpen),
            Note::Input(input) => self.play(epoch, |injector| injector.input(input)),
            Note::Motion { x, y } => self.play(epoch, |injector| injector.motion(x, y)),
            Note::KeyframeWanted => self.want_keyframe(epoch, KEYFRAME_INTERVAL),
            Note::Gone(why) => {
                if let Some(index) = self.peers.iter().position(|peer| peer.epoch == epoch) {
                    let peer = self.peers.remove(index);
                    self.close(peer, why);
                }
            }
        }
    }

    /// The newest viewer that has connected is the person: the others are closed, and what they held is released.
    fn connected(&mut self, epoch: Epoch) {
        self.report(epoch, EventKind::DtlsConnected);
        self.tell_screen();
        self.want_keyframe(epoch, Duration::ZERO);
        if self.pilot.is_none_or(|pilot| pilot < epoch) {
            self.pilot = Some(epoch);
            self.release();
        }
        while let Some(index) = self.peers.iter().position(|peer| peer.epoch < epoch) {
            let peer = self.peers.remove(index);
            self.close(peer, Closed::Superseded);
        }
    }

    fn play(&self, epoch: Epoch, play: impl FnOnce(&Injector)) {
        if self.pilot == Some(epoch)
            && let Some(injector) = &self.injector
        {
            play(injector);
        }
    }

    fn release(&self) {
        if let Some(injector) = &self.injector {
            injector.input(Input::Release);
        }
    }

    fn want_keyframe(&mut self, epoch: Epoch, interval: Duration) {
        let Some(codec) = self.peers.iter().find(|peer| peer.epoch == epoch).map(|peer| peer.codec) else { return };
        let now = Instant::now();
        let at = self.last_keyframe.of(codec).map_or(now, |last| now.max(last + interval));
        let due = self.keyframe_due.of(codec);
        *due = Some(due.map_or(at, |due| due.min(at)));
    }

    fn ask_for_keyframes(&mut self) {
        let now = Instant::now();
        for codec in [Codec::H264, Codec::Vp8] {
            if self.keyframe_due.of(codec).is_some_and(|due| due <= now) {
                *self.keyframe_due.of(codec) = None;
                *self.last_keyframe.of(codec) = Some(now);
                self.link.screen.tell(|screen| *screen.keyframe.of(codec) = true);
            }
        }
    }

    /// Tells the `screen` thread what changed for it.
    fn tell_screen(&mut self) {
        let now = Instant::now();
        let mut watched = Each::default();
        for codec in [Codec::H264, Codec::Vp8] {
            *watched.of(codec) = self.peers.iter().any(|peer| peer.codec == codec && peer.watches());
        }
        let congested = self.peers.iter_mut().any(|peer| peer.is_congested(now));
        let watching = self.peers.iter().filter(|peer| peer.watches());
        let kbps = rate::encoder_kbps(watching.map(|peer| peer.estimate_bps));
        if rate::is_noticeable(self.kbps, kbps) {
            self.kbps = kbps;
        }
        let (kbps, known) =
            (self.kbps, self.link.screen.read(|screen| (screen.watched, screen.congested, screen.kbps)));
        if known != (watched, congested, kbps) {
            tracing::debug!(kbps, congested, "what the network carries");
            self.link
                .screen
                .tell(|screen| (screen.watched, screen.congested, screen.kbps) = (watched, congested, kbps));
        }
    }

    fn fail(&mut self, index: usize, reason: &'static str) {
        let peer = self.peers.remove(index);
        tracing::warn!(epoch = %peer.epoch, reason, "a viewer's transport failed");
        self.close(peer, Closed::Failed);
    }

    fn close(&mut self, peer: Peer, why: Closed) {
        let epoch = peer.epoch;
        let socket = &self.socket;
        peer.close(self.size, &mut |transmit| transmit_on(socket, &transmit));
        if self.pilot == Some(epoch) {
            self.release();
        }
        self.report(epoch, EventKind::Closed(why));
    }

    fn report(&self, epoch: Epoch, kind: EventKind) {
        tracing::info!(%epoch, ?kind, "viewer");
        match self.events.try_send(Event { epoch, kind }) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(event)) => tracing::warn!(?event, "nobody reads the media events; one is dropped"),
        }
    }
}

fn transmit_on(socket: &UdpSocket, transmit: &Transmit) {
    // A full send buffer or an unreachable viewer is loss, which RTP, SCTP and ICE are made for.
    let _ = socket.send_to(&transmit.contents, transmit.destination);
}
