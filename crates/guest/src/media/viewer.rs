//! What is known about a viewer, whatever carries its media: how far its connection has come, what it can decode, and
//! what it says. Pure.
//!
//! ```text
//! Checking ─ path ► Handshaking ─ DTLS ► Connected ─ path lost ► Lost ─ path ► Connected
//! ```
//! There is no way back to an earlier stage, and no end: the owner closes a transport when [`Viewer::overdue`] says so.

use std::time::{Duration, Instant};

use anteroom_protocol::input::Input;

use super::{Closed, DTLS_TIMEOUT, ICE_TIMEOUT, LOST_TIMEOUT, Who, audience, peer::Note, rate};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::message::{self, Channel, Refused},
};

/// How far the transport has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `deadline` for a path.
    Checking {
        deadline: Instant,
    },
    /// A path; `deadline` for DTLS.
    Handshaking {
        deadline: Instant,
    },
    Connected,
    /// Was connected; `deadline` for the path to come back.
    Lost {
        deadline: Instant,
    },
}

/// A viewer.
pub(super) struct Viewer {
    pub(super) who: Who,
    pub(super) codec: Codec,
    /// Bits a second that the network carries.
    pub(super) estimate_bps: u64,
    stage: Stage,
    /// The viewer has what the next picture refers to. Not before the first keyframe.
    can_decode: bool,
    /// Pictures passed it by: it needs a keyframe when its network has room again.
    fell_behind: bool,
    last_motion: Option<u32>,
    /// Messages that were refused.
    refused: u64,
}

impl Viewer {
    pub(super) fn new(who: Who, codec: Codec, now: Instant) -> Self {
        let stage = Stage::Checking { deadline: now + ICE_TIMEOUT };
        let estimate_bps = u64::from(rate::START_KBPS) * 1000;
        let (can_decode, fell_behind, last_motion, refused) = (false, false, None, 0);
        Self { who, codec, estimate_bps, stage, can_decode, fell_behind, last_motion, refused }
    }

    /// Whether frames for it make sense now.
    pub(super) fn watches(&self) -> bool {
        matches!(self.stage, Stage::Connected)
    }

    /// A path to the viewer is there.
    pub(super) fn path_found(&mut self, now: Instant) -> Option<Note> {
        let (stage, note) = match self.stage {
            Stage::Checking { .. } => (Stage::Handshaking { deadline: now + DTLS_TIMEOUT }, Some(Note::IceConnected)),
            // What was sent meanwhile is lost.
            Stage::Lost { .. } => (Stage::Connected, Some(Note::KeyframeWanted)),
            stage @ (Stage::Handshaking { .. } | Stage::Connected) => (stage, None),
        };
        self.stage = stage;
        note
    }

    /// The path carries nothing any more. Before DTLS is up the deadlines say enough.
    pub(super) fn path_lost(&mut self, now: Instant) {
        self.stage = match self.stage {
            Stage::Connected => Stage::Lost { deadline: now + LOST_TIMEOUT },
            stage @ (Stage::Checking { .. } | Stage::Handshaking { .. } | Stage::Lost { .. }) => stage,
        };
    }

    /// DTLS is up.
    pub(super) fn secured(&mut self) -> Note {
        self.stage = Stage::Connected;
        Note::DtlsConnected
    }

    pub(super) fn overdue(&self, now: Instant) -> Option<Closed> {
        match self.stage {
            Stage::Checking { deadline } if now >= deadline => Some(Closed::NoPath),
            Stage::Handshaking { deadline } if now >= deadline => Some(Closed::NoDtls),
            Stage::Lost { deadline } if now >= deadline => Some(Closed::PathLost),
            Stage::Checking { .. } | Stage::Handshaking { .. } | Stage::Lost { .. } | Stage::Connected => None,
        }
    }

    /// When [`Self::overdue`] may say something new.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Checking { deadline } | Stage::Handshaking { deadline } | Stage::Lost { deadline } => Some(deadline),
            Stage::Connected => None,
        }
    }

    /// Whether it gets a frame: it can decode it, and keeps up. `waits` is how long its oldest packet has waited.
    pub(super) fn takes(&mut self, frame: &EncodedFrame, waits: Duration) -> bool {
        if frame.codec != self.codec || !self.watches() || !(self.can_decode || frame.keyframe) {
            return false;
        }
        if audience::is_behind(&self.who, waits) {
            tracing::debug!(who = %self.who, ?waits, estimate_bps = self.estimate_bps, "a view is behind; pictures pass it by");
            self.missed_a_frame();
            return false;
        }
        true
    }

    /// It got the frame that it takes.
    pub(super) fn got_it(&mut self) {
        self.can_decode = true;
    }

    /// A frame was not sent to it: what follows makes no sense without a keyframe.
    pub(super) fn missed_a_frame(&mut self) {
        (self.can_decode, self.fell_behind) = (false, true);
    }

    /// Whether it fell behind and has room again: true once.
    pub(super) fn has_caught_up(&mut self, waits: Duration) -> bool {
        let caught_up = self.fell_behind && waits == Duration::ZERO;
        self.fell_behind &= !caught_up;
        caught_up
    }

    /// Which of our channels a label means, and whether anybody listens to it: nobody does to a view's.
    pub(super) fn channel(&self, label: &str) -> Option<Channel> {
        Channel::by_label(label).filter(|_| matches!(self.who, Who::Epoch(_)))
    }

    /// What a message on one of our channels says; nothing when it is refused.
    pub(super) fn hear(&mut self, channel: Option<Channel>, binary: bool, bytes: &[u8]) -> Option<Note> {
        let heard = match channel {
            Some(Channel::Input) => message::input(binary, bytes).map(|input| match input {
                Input::Ping { id } => Note::Ping { id },
                input @ (Input::Button { .. }
                | Input::Key { .. }
                | Input::Text { .. }
                | Input::Wheel { .. }
                | Input::Release) => Note::Input(input),
            }),
            Some(Channel::Motion) => message::motion(binary, bytes).and_then(|motion| {
                let newer = message::is_newer(motion.seq, self.last_motion);
                self.last_motion = if newer { Some(motion.seq) } else { self.last_motion };
                newer.then_some(Note::Motion { x: motion.x, y: motion.y }).ok_or(Refused::Late)
            }),
            None => Err(Refused::Unknown),
        };
        match heard {
            Ok(note) => return Some(note),
            Err(Refused::Late) => {}
            Err(Refused::TooLong | Refused::Binary | Refused::Unknown | Refused::Button) => self.refused += 1,
        }
        None
    }

    /// Said once, at the end: a viewer that is wrong is wrong many times.
    pub(super) fn log_refusals(&self) {
        if self.refused > 0 {
            tracing::warn!(who = %self.who, messages = self.refused, "the viewer sent input that was refused");
        }
    }
}

#[cfg(test)]
#[path = "viewer_tests.rs"]
mod tests;
