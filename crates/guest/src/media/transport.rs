//! The `media` thread: owns the sockets and all viewers' transports, sends frames, and passes input on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::{Epoch, guest::DesktopSize, input::Input};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    Closed, Event, EventKind, Who,
    answer::Negotiated,
    audience::{self, Audience, Condition},
    link::{Command, Each, Link},
    peer::{Note, Peer, kind},
    rate,
    sockets::{Arrival, DATAGRAM_BYTES, Sockets},
};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::Injector,
};

/// Epochs' transports at once: the person's, its successor's, and those of tabs that were closed without a word. Views
/// are counted before they get here.
const MAX_EPOCHS: usize = 4;
/// Datagrams taken before frames and timers have their turn.
const MAX_DATAGRAMS: usize = 64;

/// The thread's state.
pub(super) struct Transport {
    sockets: Sockets,
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
        sockets: Sockets,
        link: Arc<Link>,
        events: Sender<Event>,
        size: DesktopSize,
        origin: Instant,
    ) -> Self {
        let (peers, injector, pilot, kbps) = (Vec::new(), None, None, rate::START_KBPS);
        let (last_keyframe, keyframe_due) = (Each::default(), Each::default());
        Self { sockets, link, events, size, origin, peers, injector, pilot, kbps, last_keyframe, keyframe_due }
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) {
        while !self.listen() {
            self.read_sockets();
            self.turn_peers();
            self.tell_screen();
            self.ask_for_keyframes();
            let keyframes = [self.keyframe_due.h264, self.keyframe_due.vp8].into_iter().flatten();
            let until = self.peers.iter().map(|peer| peer.wake).chain(keyframes).chain(self.sockets.wake()).min();
            if let Err(error) = self.link.media.wait(self.sockets.fd(), until) {
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
            Command::Connect(negotiated) => self.connect(*negotiated),
            Command::Candidates(who, candidates) => {
                if let Some(peer) = self.peers.iter_mut().find(|peer| peer.who == who) {
                    candidates.into_iter().for_each(|candidate| peer.add_candidate(candidate));
                    peer.wake = Instant::now();
                }
            }
            Command::Close(who) => self.end(&who, Closed::ByViewer),
        }
    }

    fn connect(&mut self, negotiated: Negotiated) {
        let is_epoch = |peer: &Peer| epoch_of(&peer.who).is_some();
        if epoch_of(&negotiated.who).is_some() {
            while self.peers.iter().filter(|peer| is_epoch(peer)).count() >= MAX_EPOCHS {
                let Some(oldest) = self.peers.iter().position(is_epoch) else { break };
                let oldest = self.peers.remove(oldest);
                self.close(oldest, Closed::Superseded);
            }
        }
        self.peers.push(Peer::new(negotiated, Instant::now()));
    }

    fn send(&mut self, frame: &EncodedFrame) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            let waits = waits(&self.sockets, &mut self.peers[index], now);
            if let Err(error) = self.peers[index].send(frame, self.origin, waits) {
                self.fail(index, kind(&error));
            }
        }
    }

    fn read_sockets(&mut self) {
        self.sockets.look(Instant::now());
        let mut datagram = [0; DATAGRAM_BYTES];
        for _ in 0..MAX_DATAGRAMS {
            let Some(arrival) = self.sockets.next(&mut datagram) else { return };
            self.receive(arrival, &datagram[..arrival.length]);
        }
    }

    fn receive(&mut self, arrival: Arrival, bytes: &[u8]) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            match self.peers[index].receive(arrival, bytes, now) {
                Ok(true) => {
                    self.sockets.judge(arrival, Some(&self.peers[index].who));
                    return self.turn(index, now);
                }
                Ok(false) => {}
                Err(error) => return self.fail(index, kind(&error)),
            }
        }
        self.sockets.judge(arrival, None);
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
        let sockets = &mut self.sockets;
        let result = self.peers[index].turn(now, self.size, &mut |transmit| sockets.transmit(&transmit, now));
        match result {
            Ok(notes) if notes.is_empty() => {}
            Ok(notes) => {
                let who = self.peers[index].who.clone();
                notes.into_iter().for_each(|note| self.heed(&who, note));
            }
            Err(error) => self.fail(index, kind(&error)),
        }
    }

    fn heed(&mut self, who: &Who, note: Note) {
        match note {
            Note::IceConnected => self.report(who, EventKind::IceConnected),
            Note::DtlsConnected => self.connected(who),
            Note::InputOpen => self.report(who, EventKind::InputOpen),
            Note::Input(input) => self.play(who, |injector| injector.input(input)),
            Note::Motion { x, y } => self.play(who, |injector| injector.motion(x, y)),
            Note::KeyframeWanted => self.want_keyframe(who, audience::keyframe_interval(who)),
            Note::Gone(why) => self.end(who, why),
        }
    }

    fn connected(&mut self, who: &Who) {
        self.report(who, EventKind::DtlsConnected);
        self.tell_screen();
        self.want_keyframe(who, Duration::ZERO);
        match who {
            Who::Epoch(epoch) => self.hand_over(*epoch),
            Who::View(_) => {}
        }
    }

    /// The newest epoch that has connected is the person: older ones are closed, and what they held is released. Views
    /// stay.
    fn hand_over(&mut self, epoch: Epoch) {
        if self.pilot.is_none_or(|pilot| pilot < epoch) {
            self.pilot = Some(epoch);
            self.release();
        }
        let is_older = |peer: &Peer| epoch_of(&peer.who).is_some_and(|other| other < epoch);
        while let Some(index) = self.peers.iter().position(is_older) {
            let peer = self.peers.remove(index);
            self.close(peer, Closed::Superseded);
        }
    }

    fn play(&self, who: &Who, play: impl FnOnce(&Injector)) {
        if self.is_pilot(who)
            && let Some(injector) = &self.injector
        {
            play(injector);
        }
    }

    fn is_pilot(&self, who: &Who) -> bool {
        epoch_of(who).is_some_and(|epoch| self.pilot == Some(epoch))
    }

    fn release(&self) {
        if let Some(injector) = &self.injector {
            injector.input(Input::Release);
        }
    }

    fn want_keyframe(&mut self, who: &Who, interval: Duration) {
        let Some(codec) = self.peers.iter().find(|peer| peer.who == *who).map(|peer| peer.codec) else { return };
        self.want_keyframe_of(codec, interval);
    }

    fn want_keyframe_of(&mut self, codec: Codec, interval: Duration) {
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
        let (watched, audience) = self.look_around();
        let (kbps, congested) = (audience.kbps(), audience.is_congested());
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

    /// Who watches, and how they are. Viewers that have caught up get their keyframe.
    fn look_around(&mut self) -> (Each<bool>, Audience) {
        let now = Instant::now();
        let (mut watched, mut audience) = (Each::<bool>::default(), Audience::default());
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            if !peer.watches() {
                continue;
            }
            let waits = waits(&self.sockets, peer, now);
            *watched.of(peer.codec) = true;
            audience.add(&peer.who, Condition { estimate_bps: peer.estimate_bps, waits });
            if peer.has_caught_up(waits) {
                tracing::debug!(who = %peer.who, "a view has caught up; it gets a keyframe");
                let (codec, interval) = (peer.codec, audience::keyframe_interval(&peer.who));
                self.want_keyframe_of(codec, interval);
            }
        }
        (watched, audience)
    }

    fn fail(&mut self, index: usize, reason: &'static str) {
        let peer = self.peers.remove(index);
        tracing::warn!(who = %peer.who, reason, "a viewer's transport failed");
        self.close(peer, Closed::Failed);
    }

    fn end(&mut self, who: &Who, why: Closed) {
        if let Some(index) = self.peers.iter().position(|peer| peer.who == *who) {
            let peer = self.peers.remove(index);
            self.close(peer, why);
        }
    }

    fn close(&mut self, peer: Peer, why: Closed) {
        let who = peer.who.clone();
        let (sockets, now) = (&mut self.sockets, Instant::now());
        peer.close(self.size, &mut |transmit| sockets.transmit(&transmit, now));
        sockets.forget(&who);
        if self.is_pilot(&who) {
            self.release();
        }
        if let Who::View(view) = &who {
            self.link.media.read(|media| media.views.retain(|other| other != view));
        }
        self.report(&who, EventKind::Closed(why));
    }

    fn report(&self, who: &Who, kind: EventKind) {
        tracing::info!(%who, ?kind, "viewer");
        match self.events.try_send(Event { who: who.clone(), kind }) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(event)) => tracing::warn!(?event, "nobody reads the media events; one is dropped"),
        }
    }
}

fn epoch_of(who: &Who) -> Option<Epoch> {
    match who {
        Who::Epoch(epoch) => Some(*epoch),
        Who::View(_) => None,
    }
}

/// How long a viewer's oldest packet has waited, before its transport lets it go or after.
fn waits(sockets: &Sockets, peer: &mut Peer, now: Instant) -> Duration {
    let sent = peer.path().and_then(|path| sockets.waits_since(path));
    let since = peer.oldest_unsent().into_iter().chain(sent).min();
    since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
}
