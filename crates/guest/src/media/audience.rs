//! What all who watch together mean for the one encoder. Pure.
//!
//! The person decides: the encoder makes what the person's network carries, and waits when packets wait there. Views
//! take part in neither as long as there is a person. A view that can't keep up gets no pictures until what waits is
//! gone, and then begins again with a keyframe, at most one a [`VIEW_KEYFRAME_INTERVAL`]: keyframes go to everybody.
//! Without a person the slowest view decides, within a limit, and only when packets wait for all of them is there no new
//! picture.

use std::time::Duration;

use super::{Who, rate};

/// Keyframes for lost packets at most this often: each is as large as many pictures, and a lossy path asks all the
/// time.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(250);
/// For a view's. One picture may take 90 ms of the network, so that keyframes for views take a tenth of the person's.
const VIEW_KEYFRAME_INTERVAL: Duration = Duration::from_secs(1);
/// A packet that waits longer means that the network takes less than the encoder makes.
const CONGESTED_AFTER: Duration = Duration::from_millis(30);
/// A view is behind when a packet has waited longer: nobody types there, and a keyframe at the person's rate may take a
/// while.
const BEHIND_AFTER: Duration = Duration::from_millis(250);
/// What the slowest view may bring the others down to when nobody else watches.
const VIEWS_MIN_BPS: u64 = 1_000_000;

/// How one watcher's transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// Bits a second that its network carries.
    pub(super) estimate_bps: u64,
    /// How long its oldest packet has waited.
    pub(super) waits: Duration,
}

/// All who watch, taken together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Audience {
    person: Option<Group>,
    views: Option<Group>,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    slowest_bps: u64,
    longest_wait: Duration,
    shortest_wait: Duration,
}

impl Audience {
    pub(super) fn add(&mut self, who: &Who, Condition { estimate_bps, waits }: Condition) {
        let group = match who {
            Who::Epoch(_) => &mut self.person,
            Who::View(_) => &mut self.views,
        };
        let so_far = group.unwrap_or(Group { slowest_bps: estimate_bps, longest_wait: waits, shortest_wait: waits });
        *group = Some(Group {
            slowest_bps: so_far.slowest_bps.min(estimate_bps),
            longest_wait: so_far.longest_wait.max(waits),
            shortest_wait: so_far.shortest_wait.min(waits),
        });
    }

    /// What the encoder may make.
    pub(super) fn kbps(&self) -> u32 {
        let person = self.person.map(|person| person.slowest_bps);
        let views = self.views.map(|views| views.slowest_bps.max(VIEWS_MIN_BPS));
        rate::encoder_kbps(person.or(views).into_iter())
    }

    /// Whether a new picture would only wait.
    pub(super) fn is_congested(&self) -> bool {
        let waits = self.person.map(|person| person.longest_wait).or(self.views.map(|views| views.shortest_wait));
        waits.is_some_and(|waits| waits > CONGESTED_AFTER)
    }
}

/// Whether a viewer can't keep up, so that pictures pass it by. For a person the encoder waits instead.
pub(super) fn is_behind(who: &Who, waits: Duration) -> bool {
    match who {
        Who::Epoch(_) => false,
        Who::View(_) => waits > BEHIND_AFTER,
    }
}

/// How long after the last keyframe a viewer's next one may come.
pub(super) fn keyframe_interval(who: &Who) -> Duration {
    match who {
        Who::Epoch(_) => KEYFRAME_INTERVAL,
        Who::View(_) => VIEW_KEYFRAME_INTERVAL,
    }
}

#[cfg(test)]
#[path = "audience_tests.rs"]
mod tests;
