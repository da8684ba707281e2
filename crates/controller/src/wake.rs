//! Who waits for a session is woken after each commit to it, and who keeps a machine when something is wanted of it.
//! There are as many entries as things that somebody waits for; the last waiter takes the entry away.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anteroom_protocol::SessionId;
use tokio::time::Instant;

use crate::signal::{Listener, Signal};

/// The waiters of all sessions, or of all machines.
pub(crate) struct Wakers<Id = SessionId> {
    waited_for: Arc<Mutex<HashMap<Id, Signal>>>,
}

/// One waiter's place. What it has not yet seen wakes it at once.
pub(crate) struct Waiter<Id: Eq + Hash = SessionId> {
    wakers: Wakers<Id>,
    id: Id,
    changes: Listener,
    closing: Signal,
}

impl<Id> Clone for Wakers<Id> {
    fn clone(&self) -> Self {
        Self { waited_for: self.waited_for.clone() }
    }
}

impl<Id> Default for Wakers<Id> {
    fn default() -> Self {
        Self { waited_for: Arc::default() }
    }
}

impl<Id: Clone + Eq + Hash> Wakers<Id> {
    /// Waits from now on: take the place first and look at the session then, and no change is missed.
    pub(crate) fn waiter(&self, id: &Id, closing: &Signal) -> Waiter<Id> {
        let changes = self.lock().entry(id.clone()).or_default().listener();
        Waiter { wakers: self.clone(), id: id.clone(), changes, closing: closing.clone() }
    }

    pub(crate) fn wake(&self, id: &Id) {
        if let Some(changes) = self.lock().get(id) {
            changes.give();
        }
    }

    #[cfg(test)]
    fn waited_for(&self) -> usize {
        self.lock().len()
    }
}

impl<Id> Wakers<Id> {
    fn lock(&self) -> MutexGuard<'_, HashMap<Id, Signal>> {
        self.waited_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Id: Eq + Hash> Waiter<Id> {
    /// Whether the session has changed before the deadline. False as well when the controller shuts down.
    pub(crate) async fn changed_before(&mut self, deadline: Instant) -> bool {
        let mut closing = self.closing.listener_from_the_first();
        tokio::select! {
            biased;
            () = self.changes.heard() => true,
            () = closing.heard() => false,
            () = tokio::time::sleep_until(deadline) => false,
        }
    }

    /// Waits for a change, however long. The caller has another end for the wait.
    pub(crate) async fn changed(&mut self) {
        self.changes.heard().await;
    }

    /// What changed until now is known.
    pub(crate) fn catch_up(&mut self) {
        self.changes.catch_up();
    }

    /// Whether the controller shuts down.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.was_given()
    }
}

impl<Id: Eq + Hash> Drop for Waiter<Id> {
    fn drop(&mut self) {
        let mut waited_for = self.wakers.lock();
        // This waiter's own place still counts.
        if waited_for.get(&self.id).is_some_and(|changes| changes.listeners() <= 1) {
            waited_for.remove(&self.id);
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
        let (wakers, closing) = (Wakers::default(), Signal::default());
        let mut waiter = wakers.waiter(&session(), &closing);
        wakers.wake(&session());
        assert!(waiter.changed_before(Instant::now() + Duration::from_secs(1)).await);
        assert!(!waiter.changed_before(Instant::now() + Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_ends_every_wait() {
        let (wakers, closing) = (Wakers::default(), Signal::default());
        let mut waiter = wakers.waiter(&session(), &closing);
        closing.give();
        let before = Instant::now();
        assert!(!waiter.changed_before(before + Duration::from_secs(25)).await);
        assert_eq!(Instant::now(), before);
        assert!(waiter.is_closing());
    }

    #[test]
    fn the_last_waiter_takes_the_entry_away() {
        let (wakers, closing) = (Wakers::default(), Signal::default());
        let (first, second) = (wakers.waiter(&session(), &closing), wakers.waiter(&session(), &closing));
        drop(first);
        assert_eq!(wakers.waited_for(), 1);
        drop(second);
        assert_eq!(wakers.waited_for(), 0);
    }
}
