//! The `media` thread: owns the sockets and all viewers' transports, sends frames, and passes input on.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::{
    Epoch,
    guest::DesktopSize,
    input::{FromGuest, Input},
};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use super::{
    Closed, Event, EventKind, Who,
    audience::{self, Audience, Condition},
    link::{Command, Each, Link},
    peer::{Failure, Note, Peer},
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
    /// Those that viewers share. An engine whose transports have sockets of their own has none.
    sockets: Option<Sockets>,
    link: Arc<Link>,
    events: Sender<Event>,
    size: DesktopSize,
    origin: Instant,
    peers: Vec<Box<dyn Peer>>,
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
        sockets: Option<Sockets>,
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
            let sockets = self.sockets.as_ref();
            let peers = self.peers.iter().filter_map(|peer| peer.wake());
            let until = peers.chain(keyframes).chain(sockets.and_then(Sockets::wake)).min();
            if let Err(error) = self.link.media.wait(sockets.map(Sockets::fd), until) {
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
            Command::Connect(peer) => self.connect(peer),
            Command::Candidates(who, candidates) => {
                if let Some(peer) = self.peers.iter_mut().find(|peer| peer.viewer().who == who) {
                    candidates.into_iter().for_each(|candidate| peer.add_candidate(candidate));
                }
            }
            Command::Close(who) => self.end(&who, Closed::ByViewer),
        }
    }

    fn connect(&mut self, peer: Box<dyn Peer>) {
        if epoch_of(&peer.viewer().who).is_some() {
            while self.epochs().count() >= MAX_EPOCHS {
                let Some(oldest) = self.epochs().map(|(index, _)| index).next() else { break };
                let oldest = self.peers.remove(oldest);
                self.close(oldest, Closed::Superseded);
            }
        }
        self.peers.push(peer);
    }

    fn send(&mut self, frame: &EncodedFrame) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            let waits = self.peers[index].waits(self.sockets.as_ref(), now);
            if let Err(failure) = self.peers[index].send(frame, self.origin, waits) {
                self.fail(index, failure);
            }
        }
    }

    fn read_sockets(&mut self) {
        let Some(sockets) = &mut self.sockets else { return };
        sockets.look(Instant::now());
        let mut datagram = [0; DATAGRAM_BYTES];
        for _ in 0..MAX_DATAGRAMS {
            let Some(arrival) = self.sockets.as_mut().and_then(|sockets| sockets.next(&mut datagram)) else { return };
            self.receive(arrival, &datagram[..arrival.length]);
        }
    }

    fn receive(&mut self, arrival: Arrival, bytes: &[u8]) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            match self.peers[index].receive(arrival, bytes, now) {
                Ok(true) => {
                    self.judge(arrival, Some(index));
                    return self.turn(index, now);
                }
                Ok(false) => {}
                Err(failure) => return self.fail(index, failure),
            }
        }
        self.judge(arrival, None);
    }

    /// Says whose a datagram was.
    fn judge(&mut self, arrival: Arrival, owner: Option<usize>) {
        if let Some(sockets) = &mut self.sockets {
            sockets.judge(arrival, owner.map(|index| &self.peers[index].viewer().who));
        }
    }

    fn turn_peers(&mut self) {
        let now = Instant::now();
        for index in (0..self.peers.len()).rev() {
            if self.peers.get(index).is_some_and(|peer| peer.wake().is_some_and(|wake| wake <= now)) {
                self.turn(index, now);
            }
        }
    }

    fn turn(&mut self, index: usize, now: Instant) {
        let sockets = &mut self.sockets;
        let mut out = |transmit| sockets.iter_mut().for_each(|sockets| sockets.transmit(&transmit, now));
        match self.peers[index].turn(now, &mut out) {
            Ok(notes) if notes.is_empty() => {}
            Ok(notes) => {
                let who = self.peers[index].viewer().who.clone();
                notes.into_iter().for_each(|note| self.heed(&who, note));
            }
            Err(failure) => self.fail(index, failure),
        }
    }

    fn heed(&mut self, who: &Who, note: Note) {
        match note {
            Note::IceConnected => self.report(who, EventKind::IceConnected),
            Note::DtlsConnected => self.connected(who),
            Note::InputOpen => self.input_open(who),
            Note::Ping { id } => self.say(who, &FromGuest::Pong { id }),
            Note::Input(input) => self.play(who, |injector| injector.input(input)),
            Note::Motion { x, y } => self.play(who, |injector| injector.motion(x, y)),
            Note::KeyframeWanted => self.want_keyframe(who, audience::keyframe_interval(who)),
            Note::Gone(why) => self.end(who, why),
        }
    }

    fn input_open(&mut self, who: &Who) {
        self.say(who, &FromGuest::Desktop { width: self.size.width, height: self.size.height });
        self.report(who, EventKind::InputOpen);
    }

    fn say(&mut self, who: &Who, message: &FromGuest) {
        let Some(index) = self.peers.iter().position(|peer| peer.viewer().who == *who) else { return };
        if let Err(failure) = self.peers[index].say(message) {
            self.fail(index, failure);
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
        let older = |epochs: &Self| epochs.epochs().find(|(_, other)| *other < epoch).map(|(index, _)| index);
        while let Some(index) = older(self) {
            let peer = self.peers.remove(index);
            self.close(peer, Closed::Superseded);
        }
    }

    /// The epochs that have a transport, oldest answer first, and where.
    fn epochs(&self) -> impl Iterator<Item = (usize, Epoch)> {
        let epochs = self.peers.iter().map(|peer| epoch_of(&peer.viewer().who)).enumerate();
        epochs.filter_map(|(index, epoch)| Some((index, epoch?)))
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
        let viewers = self.peers.iter().map(|peer| peer.viewer());
        let codec = viewers.filter(|viewer| viewer.who == *who).map(|viewer| viewer.codec).next();
        codec.into_iter().for_each(|codec| self.want_keyframe_of(codec, interval));
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
            if !self.peers[index].viewer().watches() {
                continue;
            }
            let waits = self.peers[index].waits(self.sockets.as_ref(), now);
            let viewer = self.peers[index].viewer_mut();
            *watched.of(viewer.codec) = true;
            audience.add(&viewer.who, Condition { estimate_bps: viewer.estimate_bps, waits });
            if viewer.has_caught_up(waits) {
                tracing::debug!(who = %viewer.who, "a viewer has caught up; it gets a keyframe");
                let (codec, interval) = (viewer.codec, audience::keyframe_interval(&viewer.who));
                self.want_keyframe_of(codec, interval);
            }
        }
        (watched, audience)
    }

    fn fail(&mut self, index: usize, Failure(reason): Failure) {
        let peer = self.peers.remove(index);
        tracing::warn!(who = %peer.viewer().who, reason, "a viewer's transport failed");
        self.close(peer, Closed::Failed);
    }

    fn end(&mut self, who: &Who, why: Closed) {
        if let Some(index) = self.peers.iter().position(|peer| peer.viewer().who == *who) {
            let peer = self.peers.remove(index);
            self.close(peer, why);
        }
    }

    fn close(&mut self, peer: Box<dyn Peer>, why: Closed) {
        let who = peer.viewer().who.clone();
        let (sockets, now) = (&mut self.sockets, Instant::now());
        peer.close(&mut |transmit| sockets.iter_mut().for_each(|sockets| sockets.transmit(&transmit, now)));
        sockets.iter_mut().for_each(|sockets| sockets.forget(&who));
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
