//! One viewer's transport: a pipeline, what its callbacks told, and what is known of viewer and network.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::input::{FromGuest, Input};
use gstreamer::prelude::*;
use str0m::net::Transmit;

use super::{
    channel::DataChannel,
    ears::{Ears, Told},
    estimate::Network,
    line::Line,
};
use crate::{
    encode::EncodedFrame,
    inject::message::Channel,
    media::{
        Closed,
        peer::{Failure, Note, Peer},
        sockets::{Arrival, Sockets},
        viewer::Viewer,
    },
};

/// How soon it is looked again whether what waits is gone.
const WAITING_TURN: Duration = Duration::from_millis(10);
/// `webrtcbin` has one ICE session, that of the first section.
const SECTION: u32 = 0;

/// A viewer's transport.
pub(super) struct BinPeer {
    viewer: Viewer,
    ears: Arc<Ears>,
    network: Network,
    input: Option<DataChannel>,
    /// When something is to be looked at, though nothing is told.
    wake: Option<Instant>,
    /// A time that has come.
    born: Instant,
    /// Last, so that everything else of it is gone when it is taken apart.
    line: Line,
}

impl BinPeer {
    pub(super) fn new(viewer: Viewer, line: Line, ears: Arc<Ears>, now: Instant) -> Self {
        let network = Network::new(viewer.estimate_bps, now);
        let wake = viewer.deadline();
        Self { viewer, ears, network, input: None, wake, born: now, line }
    }

    fn hear(&mut self, told: Told, notes: &mut Vec<Note>, now: Instant) -> Result<(), Failure> {
        match told {
            Told::PathFound => notes.extend(self.viewer.path_found(now)),
            Told::PathLost => self.viewer.path_lost(now),
            Told::Secured => {
                // Which of the two is told first is GStreamer's threads' business.
                notes.extend(self.viewer.path_found(now));
                if !self.viewer.watches() {
                    self.line.secured();
                    notes.push(self.viewer.secured());
                }
            }
            Told::Left => notes.push(Note::Gone(Closed::ByViewer)),
            Told::Broken(what) => return Err(Failure(what)),
            Told::Opened(Channel::Input, channel) => {
                self.input = Some(channel);
                notes.push(Note::InputOpen);
            }
            Told::Opened(Channel::Motion, _) | Told::Shut(Channel::Motion) => {}
            Told::Shut(Channel::Input) => {
                self.input = None;
                notes.push(Note::Input(Input::Release));
            }
            Told::Said { channel, binary, bytes } => notes.extend(self.viewer.hear(Some(channel), binary, &bytes)),
            Told::KeyframeWanted => notes.push(Note::KeyframeWanted),
            Told::Feedback(packets) => {
                self.network.heard(&packets, self.line.clock(), now);
                self.viewer.estimate_bps = self.network.estimate_bps();
            }
        }
        Ok(())
    }
}

impl Peer for BinPeer {
    fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.viewer
    }

    fn add_candidate(&mut self, candidate: str0m::Candidate) {
        self.line.bin.emit_by_name::<()>("add-ice-candidate", &[&SECTION, &candidate.to_sdp_string()]);
    }

    /// Its sockets are `webrtcbin`'s own.
    fn receive(&mut self, _arrival: Arrival, _bytes: &[u8], _now: Instant) -> Result<bool, Failure> {
        Ok(false)
    }

    fn send(&mut self, frame: &EncodedFrame, origin: Instant, waits: Duration) -> Result<(), Failure> {
        if !self.viewer.takes(frame, waits) {
            return Ok(());
        }
        if self.line.push(frame, origin) {
            self.viewer.got_it();
            self.network.sent(frame.data.len(), self.line.clock(), Instant::now());
        } else {
            self.viewer.missed_a_frame();
        }
        self.wake = Some(self.born);
        Ok(())
    }

    fn say(&mut self, message: &FromGuest) -> Result<(), Failure> {
        let Some(input) = &self.input else { return Ok(()) };
        let json = serde_json::to_string(message).unwrap_or_default();
        input.say(&json);
        Ok(())
    }

    fn turn(&mut self, now: Instant, _out: &mut dyn FnMut(Transmit)) -> Result<Vec<Note>, Failure> {
        let mut notes = Vec::new();
        for told in self.ears.take() {
            self.hear(told, &mut notes, now)?;
        }
        notes.extend(self.viewer.overdue(now).map(Note::Gone));
        let waiting = self.network.waits(now) > Duration::ZERO;
        self.wake = if waiting { Some(now + WAITING_TURN) } else { self.viewer.deadline() };
        Ok(notes)
    }

    fn wake(&self) -> Option<Instant> {
        if self.ears.has_news() { Some(self.born) } else { self.wake }
    }

    /// Nothing is known of packets that `webrtcbin` has sent and the network still holds: what stands in for it is
    /// reckoned, see [`Network::waits`].
    fn waits(&mut self, _sockets: Option<&Sockets>, now: Instant) -> Duration {
        self.network.waits(now)
    }

    fn close(self: Box<Self>, _out: &mut dyn FnMut(Transmit)) {
        self.viewer.log_refusals();
    }
}
