//! When the next picture is encoded. Pure.
//!
//! The first change after a quiet time is encoded at once, and so is one more: an answer to a click often comes in
//! two parts. From then on one each [`INTERVAL`], which is shorter than what a browser takes for a picture of its own:
//! at an equal rate, one picture more than usual would make all that follow wait, until the desktop is quiet again.
//! While the encoder or the network is busy nothing is captured, so that what is captured next is as new as it can be.
//!
//! When the desktop is quiet, the same picture is encoded again: once soon after the last change, because a viewer
//! that lost the end of it learns that only from what follows; a few times more when the change took so many bits that
//! it is not sharp yet; and then every [`KEEP_ALIVE`], because Chromium asks for a keyframe, which has a hundred times
//! the bytes, when it got no picture for 3 s.

use std::time::{Duration, Instant};

/// Time that each picture takes of the rate. A browser draws every 16.7 ms: what waits is caught up by 1.7 ms with each
/// picture, and gone before a person has clicked again.
const INTERVAL: Duration = Duration::from_millis(15);
/// Pictures that may follow each other at once after a quiet time.
const BURST: u32 = 2;
/// How long the desktop must be quiet before its picture is sent again. Moving pictures of 24 a second don't get
/// there.
const REPEAT_AFTER: Duration = Duration::from_millis(60);
/// How long each further step takes.
const SHARPEN_INTERVAL: Duration = Duration::from_millis(33);
/// Steps that make a picture sharp, at most.
const SHARPEN_STEPS: u8 = 16;
/// Pictures with fewer bytes hold nothing new. Two in a row mean that the picture is sharp: one may only mean that the
/// encoder was short of bits.
const SHARP_BYTES: usize = 3_000;
/// How long nothing is sent at most.
const KEEP_ALIVE: Duration = Duration::from_millis(2_400);

/// What the pace depends on, besides the past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// Somebody watches.
    pub(super) watched: bool,
    /// The desktop changed since the last picture.
    pub(super) changed: bool,
    /// Somebody waits for a keyframe.
    pub(super) keyframe: bool,
    /// A picture is in the encoder.
    pub(super) busy: bool,
    /// Packets wait for the network.
    pub(super) congested: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for something to happen.
    Wait,
    /// Wait for something to happen, until this time.
    WaitUntil(Instant),
    /// Bring the picture up to date and encode it.
    Show,
}

/// The past that matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The time at which the pictures so far would have been shown at an even rate.
    due: Instant,
    /// When the same picture is sent again.
    repeat: Instant,
    /// How many times soon.
    steps: u8,
    /// Pictures without anything new in a row.
    small: u8,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now, repeat: now, steps: 0, small: 0 }
    }

    pub(super) fn next(&self, situation: Situation, now: Instant) -> Step {
        if !situation.watched || situation.busy {
            return Step::Wait;
        }
        if situation.keyframe {
            return Step::Show;
        }
        if situation.congested {
            return Step::Wait;
        }
        let at = match situation.changed {
            true => self.due.checked_sub(INTERVAL * (BURST - 1)).unwrap_or(self.due),
            false => self.repeat,
        };
        if at <= now { Step::Show } else { Step::WaitUntil(at) }
    }

    /// A picture went into the encoder.
    pub(super) fn shown(&mut self, changed: bool, now: Instant) {
        self.due = self.due.max(now) + INTERVAL;
        self.small = if changed { 0 } else { self.small };
        self.steps = if changed { SHARPEN_STEPS } else { self.steps.saturating_sub(1) };
        self.repeat = now
            + match self.steps {
                0 => KEEP_ALIVE,
                SHARPEN_STEPS => REPEAT_AFTER,
                _ => SHARPEN_INTERVAL,
            };
    }

    /// It came out.
    pub(super) fn encoded(&mut self, bytes: usize) {
        self.small = if bytes < SHARP_BYTES { self.small.saturating_add(1) } else { 0 };
        if self.small >= 2 && self.steps > 0 {
            self.steps = 0;
            self.repeat += KEEP_ALIVE;
        }
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
