//! Everything that is drawn in a schedule, from its seed. Draws come in the order in which tasks run, which is the same
//! each time.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_controller::ports::Entropy;

/// Whatever `chance` is told of these happens always.
pub(crate) const ALWAYS: u32 = 10_000;

/// One stream of draws.
pub(crate) struct Dice(Mutex<fastrand::Rng>);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// Whether something happens that happens so often in [`ALWAYS`].
    pub(crate) fn chance(&self, of_always: u32) -> bool {
        of_always > 0 && self.lock().u32(0..ALWAYS) < of_always
    }

    pub(crate) fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.lock().u64(range)
    }

    pub(crate) fn ms(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.lock().usize(0..of.len())]
    }

    /// One of them, each as often as its number says.
    pub(crate) fn weighted<T: Copy>(&self, of: &[(u32, T)]) -> T {
        let mut left = self.lock().u32(0..of.iter().map(|(weight, _)| weight).sum());
        for (weight, value) in of {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        unreachable!("what is left is below the sum of all weights")
    }

    /// Bytes for ids of things that no controller makes.
    pub(crate) fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.lock().fill(&mut bytes);
        bytes
    }

    fn lock(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The controllers' randomness.
impl Entropy for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        self.lock().fill(buffer);
    }
}
