//! What the network to one viewer carries, reckoned from when each packet was sent and received. Pure.
//!
//! A picture's packets are sent at once. How far apart they arrive is what the narrowest part of the way takes for one,
//! whether or not something waits there already; packets that were sent apart say the same while they wait. The
//! estimate follows that at once downwards and step by step upwards. It stays below when something waits all the time,
//! until that is gone, and when so much is lost that it can't be chance. An idle desktop says nothing, and changes
//! nothing.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::media::rate;

/// Packets that are sent this close together arrive as far apart as the network wants.
const TOGETHER: Duration = Duration::from_millis(1);
/// A packet that took this much longer than the fastest one has waited for those before it.
const WAITED: Duration = Duration::from_millis(10);
/// After this long a measurement counts half.
const HALF_LIFE_MS: f64 = 500.0;
/// Fewer bytes say nothing.
const LEAST_BYTES: f64 = 6_000.0;
/// Part of what the network takes that is used: what waits goes away.
const SHARE: f64 = 0.9;
/// The estimate at most doubles in this time.
const DOUBLING_MS: f64 = 500.0;
/// How far growth goes on over a pause.
const LONGEST_STEP_MS: f64 = 200.0;
/// What may wait all the time; beyond it less is sent, at most by [`MOST_DRAIN`].
const STANDING: Duration = Duration::from_millis(40);
/// A standing queue of this much more halves the rate.
const DRAIN: Duration = Duration::from_millis(300);
const MOST_DRAIN: f64 = 0.5;
/// The time over which the least wait is what waits all the time: some pictures.
const STANDING_WINDOW: Duration = Duration::from_millis(400);
/// The time over which losses are looked at.
const WINDOW: Duration = Duration::from_secs(1);
/// Bound of that window: 10 Mbit/s of small packets.
const MAX_WINDOW_PACKETS: usize = 2_500;
/// More than this is lost because there is too much, and not by chance.
const LOSSY: f64 = 0.15;
/// Of fewer packets losses say nothing.
const LEAST_PACKETS: usize = 20;
/// The way's own delay is the least one within one to two of these.
const BASE_AGE: Duration = Duration::from_secs(10);
/// Pictures of some seconds.
const MAX_UNHEARD: usize = 256;
/// Viewers tell every 50 to 250 ms, a round trip later. When nothing was heard for so long, something waits.
const SILENT: Duration = Duration::from_millis(500);
/// But not for ever: what was sent may be lost, and only something new shows whether the network is back.
const FORGOTTEN: Duration = Duration::from_millis(1_500);

/// What is known of a packet. The times are two clocks'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) bytes: u32,
    pub(super) sent: Duration,
    /// None when it was lost.
    pub(super) received: Option<Duration>,
}

/// The way to a viewer.
pub(super) struct Network {
    estimate_bps: f64,
    /// Bytes that came one after the other, and milliseconds that they took; both fade.
    came: (f64, f64),
    /// The packet before.
    last: Option<Packet>,
    base: Base,
    /// How long each of the newest packets waited, by when it was sent; none when it was lost.
    window: VecDeque<(Duration, Option<Duration>)>,
    /// When the estimate was changed, and when it was lowered for losses.
    changed: Instant,
    lowered: Instant,
    /// When all that was sent is through, at the estimate.
    through: Instant,
    /// What was sent lately: when, by the packets' clock, and bytes.
    unheard: VecDeque<(Duration, usize)>,
    /// Since when something is sent and nothing heard, once something was heard.
    silent: Option<Instant>,
    was_heard: bool,
}

impl Network {
    pub(super) fn new(start_bps: u64, now: Instant) -> Self {
        Self {
            estimate_bps: start_bps as f64,
            came: (0.0, 0.0),
            last: None,
            base: Base::default(),
            window: VecDeque::new(),
            changed: now,
            lowered: now,
            through: now,
            unheard: VecDeque::new(),
            silent: None,
            was_heard: false,
        }
    }

    pub(super) fn estimate_bps(&self) -> u64 {
        self.estimate_bps as u64
    }

    /// Something was sent; `clock` is the time by the packets' clock.
    pub(super) fn sent(&mut self, bytes: usize, clock: Duration, now: Instant) {
        self.through = self.through.max(now) + self.takes(bytes);
        self.silent = self.silent.or(Some(now));
        self.unheard.push_back((clock, bytes));
        if self.unheard.len() > MAX_UNHEARD {
            self.unheard.pop_front();
        }
    }

    fn takes(&self, bytes: usize) -> Duration {
        Duration::from_secs_f64(bytes as f64 * 8.0 / self.estimate_bps)
    }

    /// How long a packet that is sent now would wait: for those before it at the estimated rate, or because the viewer
    /// has said nothing of them for a time.
    pub(super) fn waits(&self, now: Instant) -> Duration {
        let silent =
            self.silent.filter(|_| self.was_heard).map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let unheard = if (SILENT..FORGOTTEN).contains(&silent) { silent } else { Duration::ZERO };
        self.through.saturating_duration_since(now).max(unheard)
    }

    /// The viewer told of packets, in the order of their sending.
    pub(super) fn heard(&mut self, packets: &[Packet], clock: Duration, now: Instant) {
        (self.silent, self.was_heard) = (None, true);
        let elapsed_ms = now.saturating_duration_since(self.changed).as_secs_f64() * 1000.0;
        self.changed = now;
        self.fade(elapsed_ms);
        for packet in packets {
            self.take(*packet);
        }
        let lost = self.losses();
        self.follow(if lost > LOSSY { 0.0 } else { elapsed_ms.min(LONGEST_STEP_MS) });
        self.heed(lost, now);
        self.estimate_bps = self.estimate_bps.clamp(LEAST_BPS, MOST_BPS);
        self.reckon_again(clock, now);
    }

    /// What waits now: what the newest packet that was heard of had before it, and what was sent after it, less what
    /// has gone through since.
    fn reckon_again(&mut self, clock: Duration, now: Instant) {
        let newest = self.window.iter().rev().find_map(|(sent, waited)| waited.map(|waited| (*sent, waited)));
        let Some((sent, waited)) = newest else { return };
        self.unheard.retain(|(at, _)| *at > sent);
        let bytes = self.unheard.iter().map(|(_, bytes)| bytes).sum();
        let waits = (waited + self.takes(bytes)).saturating_sub(clock.saturating_sub(sent));
        self.through = now + waits;
    }

    fn fade(&mut self, elapsed_ms: f64) {
        let left = 0.5f64.powf(elapsed_ms / HALF_LIFE_MS);
        self.came = (self.came.0 * left, self.came.1 * left);
    }

    fn take(&mut self, packet: Packet) {
        let waited = packet.received.map(|received| self.base.waited(packet.sent, received));
        self.window.push_back((packet.sent, waited));
        while self.window.len() > MAX_WINDOW_PACKETS
            || self.window.front().is_some_and(|(sent, _)| *sent + WINDOW < packet.sent)
        {
            self.window.pop_front();
        }
        // Across a lost packet the distance says nothing: nobody knows where it was lost.
        if let Some((before, received)) = self.last.and_then(|last| last.received.map(|at| (last, at)))
            && let (Some(now), Some(waited)) = (packet.received, waited)
            && (packet.sent.saturating_sub(before.sent) <= TOGETHER || waited > WAITED)
        {
            self.came.0 += f64::from(packet.bytes);
            self.came.1 += now.saturating_sub(received).as_secs_f64() * 1000.0;
        }
        self.last = Some(packet);
    }

    /// Follows what the network takes.
    fn follow(&mut self, step_ms: f64) {
        let (bytes, ms) = self.came;
        if bytes < LEAST_BYTES {
            return;
        }
        let carries = bytes * 8_000.0 / ms.max(0.1);
        let target = carries * SHARE * (1.0 - self.drain());
        let grown = self.estimate_bps * 2f64.powf(step_ms / DOUBLING_MS);
        self.estimate_bps = target.min(grown);
    }

    /// How much less is sent because something waits all the time.
    fn drain(&self) -> f64 {
        let newest = self.window.back().map_or(Duration::ZERO, |(sent, _)| *sent);
        let recent = self.window.iter().rev().take_while(|(sent, _)| *sent + STANDING_WINDOW >= newest);
        let standing = recent.filter_map(|(_, waited)| *waited).min().unwrap_or_default();
        let part = standing.saturating_sub(STANDING).as_secs_f64() / DRAIN.as_secs_f64();
        (part * MOST_DRAIN).min(MOST_DRAIN)
    }

    /// Which part of the newest packets was lost.
    fn losses(&self) -> f64 {
        let lost = self.window.iter().filter(|(_, waited)| waited.is_none()).count();
        if self.window.len() < LEAST_PACKETS { 0.0 } else { lost as f64 / self.window.len() as f64 }
    }

    fn heed(&mut self, lost: f64, now: Instant) {
        if lost > LOSSY && now.saturating_duration_since(self.lowered) >= WINDOW {
            self.estimate_bps *= 1.0 - lost / 2.0;
            self.lowered = now;
        }
    }
}

const LEAST_BPS: f64 = rate::MIN_KBPS as f64 * 1000.0;
const MOST_BPS: f64 = rate::ENOUGH_KBPS as f64 * 1000.0;

/// The shortest time that a packet took lately, between two clocks that have nothing in common.
#[derive(Default)]
struct Base {
    /// Microseconds, and since when: the least one of this time and of the time before it.
    now: Option<(i64, Duration)>,
    before: Option<i64>,
}

impl Base {
    /// How much longer than the shortest this one took.
    fn waited(&mut self, sent: Duration, received: Duration) -> Duration {
        let took = micros(received) - micros(sent);
        self.now = Some(match self.now {
            Some((_, since)) if sent.saturating_sub(since) > BASE_AGE => {
                self.before = self.now.map(|(least, _)| least);
                (took, sent)
            }
            Some((least, since)) => (least.min(took), since),
            None => (took, sent),
        });
        let least = self.now.map(|(least, _)| least).into_iter().chain(self.before).min().unwrap_or(took);
        Duration::from_micros(u64::try_from(took - least).unwrap_or(0))
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
