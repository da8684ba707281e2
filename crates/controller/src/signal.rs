//! A signal that many wait for and that may be given again and again. Waiters wake in the order in which they began to
//! wait: what happens next follows from what happened before, so that a simulation replays it. (`tokio::sync::watch`
//! wakes in an order that it draws anew each time.)

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

/// The giving end. Clones are the same signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// How often it was given.
    given: AtomicU64,
    waiting: Notify,
}

/// One listener's place: it knows how often it has heard the signal, and so misses none.
#[derive(Debug)]
pub(crate) struct Listener {
    signal: Signal,
    heard: u64,
}

impl Signal {
    /// Gives it: who waits wakes, and who listens but does not wait at this moment wakes when they do.
    pub(crate) fn give(&self) {
        self.0.given.fetch_add(1, Ordering::Release);
        self.0.waiting.notify_waiters();
    }

    /// Whether it was ever given.
    pub(crate) fn was_given(&self) -> bool {
        self.given() > 0
    }

    /// A place from now on: only what is given later counts.
    pub(crate) fn listener(&self) -> Listener {
        Listener { signal: self.clone(), heard: self.given() }
    }

    /// A place from the beginning on: what was given before counts as well.
    pub(crate) fn listener_from_the_first(&self) -> Listener {
        Listener { signal: self.clone(), heard: 0 }
    }

    /// How many listeners there are. The caller holds what keeps new ones out.
    pub(crate) fn listeners(&self) -> usize {
        // One is this one.
        Arc::strong_count(&self.0) - 1
    }

    fn given(&self) -> u64 {
        self.0.given.load(Ordering::Acquire)
    }
}

impl Listener {
    /// Waits until the signal was given since it was last heard.
    pub(crate) async fn heard(&mut self) {
        loop {
            let mut told = std::pin::pin!(self.signal.0.waiting.notified());
            // The place in the queue is taken before the look, so that nothing falls in between.
            told.as_mut().enable();
            let given = self.signal.given();
            if given != self.heard {
                self.heard = given;
                return;
            }
            told.await;
        }
    }

    /// What was given so far is known.
    pub(crate) fn catch_up(&mut self) {
        self.heard = self.signal.given();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waiters_wake_in_the_order_in_which_they_began_to_wait() {
        let (signal, woken) = (Signal::default(), Arc::new(Mutex::new(Vec::new())));
        let mut waiters = JoinSet::new();
        for number in 0..40 {
            let (mut listener, woken) = (signal.listener(), woken.clone());
            waiters.spawn(async move {
                listener.heard().await;
                woken.lock().unwrap().push(number);
            });
        }
        tokio::task::yield_now().await;
        signal.give();
        waiters.join_all().await;
        assert_eq!(*woken.lock().unwrap(), (0..40).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_between_two_waits_is_heard_once() {
        let signal = Signal::default();
        let (mut listener, mut late) = (signal.listener(), signal.listener());
        signal.give();
        signal.give();
        listener.heard().await;
        late.catch_up();
        for listener in [&mut listener, &mut late, &mut signal.listener()] {
            let again = tokio::time::timeout(std::time::Duration::from_secs(1), listener.heard()).await;
            assert!(again.is_err(), "heard twice");
        }
        signal.listener_from_the_first().heard().await;
    }
}
