//! A token bucket: how many bytes may pass. Time is an argument.

use std::time::Duration;

/// Level and burst are kept in millionths of a byte, so that short steps of time lose nothing.
const SCALE: u64 = 1_000_000;

/// Lets `rate` bytes a second pass in the long run, and a burst after silence.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: u64,
    burst: u64,
    level: u64,
    at: Duration,
}

impl Bucket {
    /// A full one. `rate` in bytes a second, `burst` in bytes.
    pub(crate) fn new(rate: u64, burst: u64, now: Duration) -> Self {
        let burst = burst.saturating_mul(SCALE);
        Self { rate, burst, level: burst, at: now }
    }

    /// Takes `bytes` out if they are there; else nothing is taken.
    pub(crate) fn take(&mut self, bytes: usize, now: Duration) -> bool {
        let elapsed_us = u64::try_from(now.saturating_sub(self.at).as_micros()).unwrap_or(u64::MAX);
        self.at += Duration::from_micros(elapsed_us);
        self.level = self.level.saturating_add(elapsed_us.saturating_mul(self.rate)).min(self.burst);
        let cost = (bytes as u64).saturating_mul(SCALE);
        let there = cost <= self.level;
        if there {
            self.level -= cost;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `datagrams` of 1000 bytes pass when one comes each `every_us`.
    fn passed(rate: u64, datagrams: u32, every_us: u64) -> u32 {
        let mut bucket = Bucket::new(rate, 10_000, Duration::ZERO);
        let passed = |n: &u32| bucket.take(1000, Duration::from_micros(every_us * u64::from(*n)));
        u32::try_from((0..datagrams).filter(passed).count()).expect("few")
    }

    #[test]
    fn below_the_rate_everything_passes() {
        assert_eq!(passed(1_000_000, 10_000, 1_000), 10_000);
    }

    #[test]
    fn above_the_rate_passes_what_the_rate_allows_and_one_burst() {
        // 10,000 datagrams in 5 seconds are 2 MB/s; the rate allows 5,000 of them, the burst ten more.
        assert!((5_000..=5_011).contains(&passed(1_000_000, 10_000, 500)));
    }

    #[test]
    fn a_long_silence_saves_up_one_burst_only() {
        let mut bucket = Bucket::new(1_000_000, 10_000, Duration::ZERO);
        assert!(bucket.take(10_000, Duration::ZERO));
        let later = Duration::from_secs(u64::from(u32::MAX) * 1000);
        assert!(!bucket.take(10_001, later));
        assert!(bucket.take(10_000, later));
        assert!(!bucket.take(1, later));
    }

    #[test]
    fn time_that_runs_backwards_gives_nothing() {
        let mut bucket = Bucket::new(1_000_000, 1_000, Duration::from_secs(5));
        assert!(bucket.take(1_000, Duration::from_secs(1)));
        assert!(!bucket.take(1, Duration::from_secs(5)));
    }
}
