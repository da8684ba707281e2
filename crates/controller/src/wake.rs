//! Who waits for a session is woken after each commit to it. There are as many entries as sessions that somebody
//! waits for; the last waiter takes the entry away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anteroom_protocol::SessionId;
use tokio::{sync::watch, time::Instant};

/// The waiters of all sessions.
#[derive(Clone, Default)]
pub(crate) struct Wakers {
    sessions: Arc<Mutex<HashMap<SessionId, watch::Sender<()>>>>,
}

/// One waiter's place. What it has not yet seen wakes it at once.
pub(crate) struct Waiter {
    wakers: Wakers,
    session: SessionId,
    changes: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
}

impl Wakers {
    /// Waits from now on: take the place first and look at the session then, and no change is missed.
    pub(crate) fn waiter(&self, session: &SessionId, closing: watch::Receiver<bool>) -> Waiter {
        let changes = self.lock().entry(session.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        Waiter { wakers: self.clone(), session: session.clone(), changes, closing }
    }

    pub(crate) fn wake(&self, session: &SessionId) {
        if let Some(sender) = self.lock().get(session) {
            sender.send_replace(());
        }
    }

    #[cfg(test)]
    fn waited_for(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<()>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Whether the session has changed before the deadline. False as well when the controller shuts down.
    pub(crate) async fn changed_before(&mut self, deadline: Instant) -> bool {
        tokio::select! {
            biased;
            changed = self.changes.changed() => changed.is_ok(),
            _ = self.closing.wait_for(|closing| *closing) => false,
            () = tokio::time::sleep_until(deadline) => false,
        }
    }

    /// Whether the controller shuts down.
    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut sessions = self.wakers.lock();
        // This waiter's own receiver still counts.
        if sessions.get(&self.session).is_some_and(|sender| sender.receiver_count() <= 1) {
            sessions.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn session() -> SessionId {
        SessionId::from_random([1; 16])
    }

    #[tokio::test(start_paused = true)]
    async fn a_wake_between_taking_the_place_and_waiting_is_not_missed() {
        let (wakers, closing) = (Wakers::default(), watch::Sender::new(false));
        let mut waiter = wakers.waiter(&session(), closing.subscribe());
        wakers.wake(&session());
        assert!(waiter.changed_before(Instant::now() + Duration::from_secs(1)).await);
        assert!(!waiter.changed_before(Instant::now() + Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_ends_every_wait() {
        let (wakers, closing) = (Wakers::default(), watch::Sender::new(false));
        let mut waiter = wakers.waiter(&session(), closing.subscribe());
        closing.send_replace(true);
        let before = Instant::now();
        assert!(!waiter.changed_before(before + Duration::from_secs(25)).await);
        assert_eq!(Instant::now(), before);
        assert!(waiter.is_closing());
    }

    #[test]
    fn the_last_waiter_takes_the_entry_away() {
        let (wakers, closing) = (Wakers::default(), watch::Sender::new(false));
        let (first, second) =
            (wakers.waiter(&session(), closing.subscribe()), wakers.waiter(&session(), closing.subscribe()));
        drop(first);
        assert_eq!(wakers.waited_for(), 1);
        drop(second);
        assert_eq!(wakers.waited_for(), 0);
    }
}
