//! How often a program may be started anew. Pure: time is an argument.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Restarts within [`WINDOW`] that are one too many: a program that ends so often will not stay.
pub(super) const MAX: usize = 5;
/// The time that counts. A start of everything takes below 3 s.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// The last restarts of one program.
#[derive(Debug, Default)]
pub struct Restarts {
    last: VecDeque<Instant>,
}

impl Restarts {
    /// Whether it may be started anew now; counts it.
    pub fn again(&mut self, now: Instant) -> bool {
        while self.last.front().is_some_and(|then| now.saturating_duration_since(*then) >= WINDOW) {
            self.last.pop_front();
        }
        if self.last.len() + 1 >= MAX {
            return false;
        }
        self.last.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_again_and_again_is_given_up() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        let allowed = (0..10).take_while(|n| restarts.again(start + Duration::from_secs(*n))).count();
        assert_eq!(allowed, MAX - 1);
    }

    #[test]
    fn a_program_that_ends_now_and_then_is_started_for_ever() {
        let (mut restarts, start) = (Restarts::default(), Instant::now());
        assert!((0..100).all(|n| restarts.again(start + WINDOW * n / 3)));
    }
}
