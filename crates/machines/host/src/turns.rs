//! Whose turn it is to work on a machine: one call after the other, in the order in which they came. It knows nothing of what
//! the calls do.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anteroom_protocol::MachineId;
use tokio::sync::OwnedMutexGuard;

/// First come, first served.
type Queue = Arc<tokio::sync::Mutex<()>>;

/// The queues of the machines that somebody works on, or wants to.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<MachineId, Queue>>,
}

/// A place in a machine's queue, and the right to work on it when it is the first one's.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    id: MachineId,
    queue: Queue,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for those who came before. Whoever stops waiting leaves the queue.
    pub(crate) async fn next(self: &Arc<Self>, id: MachineId) -> Turn {
        let queue =
            Arc::clone(self.queues.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default());
        let mut turn = Turn { turns: Arc::clone(self), id, queue, held: None };
        turn.held = Some(Arc::clone(&turn.queue).lock_owned().await);
        turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut queues = self.turns.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // Another place is got under the same lock: what is counted here are the list itself and this place.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn id(number: u8) -> MachineId {
        MachineId::from_random([number; 16])
    }

    /// A look at whether it is ready.
    fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn turns_come_in_the_order_in_which_they_were_asked_for() {
        let turns = Arc::<Turns>::default();
        let first = turns.next(id(1)).await;
        let (mut second, mut third) = (Box::pin(turns.next(id(1))), Box::pin(turns.next(id(1))));
        assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
        drop(first);
        assert!(poll(&mut third).is_pending());
        let Poll::Ready(second) = poll(&mut second) else { panic!("the second has no turn") };
        assert!(poll(&mut third).is_pending());
        drop(second);
        assert!(poll(&mut third).is_ready());
    }

    #[tokio::test]
    async fn who_stops_waiting_has_no_turn() {
        let turns = Arc::<Turns>::default();
        let first = turns.next(id(1)).await;
        let (mut second, mut third) = (Box::pin(turns.next(id(1))), Box::pin(turns.next(id(1))));
        assert!(poll(&mut second).is_pending() && poll(&mut third).is_pending());
        drop(second);
        drop(first);
        assert!(poll(&mut third).is_ready());
    }

    #[tokio::test]
    async fn machines_do_not_wait_for_each_other_and_nothing_is_kept_of_them() {
        let turns = Arc::<Turns>::default();
        let (one, other) = (turns.next(id(1)).await, turns.next(id(2)).await);
        let mut waiting = Box::pin(turns.next(id(1)));
        assert!(poll(&mut waiting).is_pending());
        drop(one);
        drop(waiting);
        drop(other);
        assert!(turns.queues.lock().unwrap().is_empty());
    }
}
