//! What waits to be written to one connection. A viewer that reads too slowly loses datagrams, as on any network, and
//! costs no more memory than this. Pure but for the wake-up.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::engine::Kind;

/// Datagrams wait up to this much, bytes: 64 ms at 8 Mbit/s, and one picture's burst. What waits longer is late anyway.
const MAX_DATA_BYTES: usize = 64 * 1024;
/// Answers may wait beside them up to this. A client that asks so much and reads nothing is not served any more.
const MAX_BYTES: usize = MAX_DATA_BYTES + 16 * 1024;

/// The queue of one connection.
#[derive(Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    closed: bool,
}

impl Outbox {
    /// Adds a message, or says that there is no room.
    pub(super) fn push(&self, message: Vec<u8>, kind: Kind) -> bool {
        let mut queue = self.lock();
        let room = match kind {
            Kind::Data => MAX_DATA_BYTES,
            Kind::Answer => MAX_BYTES,
        };
        if queue.closed || queue.bytes + message.len() > room {
            // Over a stream an unanswered request is not asked again: the connection is of no use.
            queue.closed |= kind == Kind::Answer;
            self.changed.notify_one();
            return false;
        }
        queue.bytes += message.len();
        queue.messages.push_back(message);
        self.changed.notify_one();
        true
    }

    /// Ends the connection; what waits is not written any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// All that waits, when something does. None when the connection is to end. Only one task may wait.
    pub(super) async fn take(&self) -> Option<Vec<u8>> {
        loop {
            {
                let mut queue = self.lock();
                if queue.closed {
                    return None;
                }
                if !queue.messages.is_empty() {
                    queue.bytes = 0;
                    return Some(queue.messages.drain(..).flatten().collect());
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn datagrams_beyond_the_bound_are_dropped_and_answers_still_fit() {
        let outbox = Outbox::default();
        let pushed = (0..200).filter(|_| outbox.push(vec![1; 1000], Kind::Data)).count();
        assert_eq!(pushed, MAX_DATA_BYTES / 1000);
        assert!(outbox.push(vec![2; 100], Kind::Answer));
        let waiting = outbox.take().await.expect("it is open");
        assert_eq!(waiting.len(), pushed * 1000 + 100);
        assert!(outbox.push(vec![1; 1000], Kind::Data), "there is room again");
    }

    #[tokio::test]
    async fn a_client_that_reads_no_answers_is_hung_up() {
        let outbox = Outbox::default();
        while outbox.push(vec![2; 1000], Kind::Answer) {}
        assert_eq!(outbox.take().await, None);
    }

    #[tokio::test]
    async fn a_closed_connection_writes_nothing_more() {
        let outbox = Outbox::default();
        assert!(outbox.push(vec![1], Kind::Data));
        outbox.close();
        assert_eq!(outbox.take().await, None);
        assert!(!outbox.push(vec![1], Kind::Data));
    }
}
