//! The connection that writes, and whose turn it is.
//!
//! A commit waits for the disk once, whatever is in it. So what comes while one commit is under way is carried out
//! afterwards, one transaction after the other, and then committed together: a batch. One that fails is undone alone, by a
//! savepoint. Nobody is told anything before the batch is on the disk, those that were refused included: what refused
//! them may be in the same batch, and whoever reads again must find it.
//!
//! One task has the connection and lends it for a turn. Who goes away in their turn gives it back by that, and their part
//! is undone.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use anteroom_store::StoreError;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, pool::PoolConnection};
use tokio::sync::{mpsc, oneshot};

use crate::database::MAX_WAIT;

/// Transactions in one batch: the first one waits for the last one's statements, some milliseconds.
const MAX_BATCH: usize = 64;
/// Callers in the queue. More wait for a place in it, as long as for a turn.
const MAX_QUEUE: usize = 1024;

/// Why a batch is not stored, for each that was in it.
#[derive(Clone, Debug, thiserror::Error)]
enum Failure {
    #[error("the transactions that were to be committed together are undone")]
    Undone(#[source] Arc<sqlx::Error>),
    #[error("others wrote for {} s", MAX_WAIT.as_secs())]
    Busy,
    #[error("the database is closed")]
    Closed,
}

/// Whoever waits for a turn.
type Caller = oneshot::Sender<Result<Turn, Failure>>;

/// The queue of those who want to write. Clones are the same queue.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Caller>,
}

/// The connection, in a transaction that ends with [`Turn::end`], and is undone when this is dropped.
pub(crate) struct Turn {
    connection: Option<PoolConnection<Sqlite>>,
    back: Option<oneshot::Sender<Returned>>,
}

/// What comes back after a turn.
struct Returned {
    connection: PoolConnection<Sqlite>,
    kept: bool,
    /// Who waits for the end of the batch.
    waits: Option<oneshot::Sender<Result<(), Failure>>>,
}

/// Transactions that are committed together.
struct Batch {
    connection: Option<PoolConnection<Sqlite>>,
    /// Whether a transaction has begun.
    open: bool,
    /// How many have something in it.
    kept: usize,
    waiting: Vec<oneshot::Sender<Result<(), Failure>>>,
}

impl Writer {
    /// Lends out the one connection of this pool, until all clones are dropped.
    pub(crate) fn start(pool: SqlitePool) -> Self {
        let (queue, callers) = mpsc::channel(MAX_QUEUE);
        tokio::spawn(lend(pool, callers));
        Self { queue }
    }

    /// Waits for a turn; `action` says what it is for.
    pub(crate) async fn turn(&self, action: impl FnOnce() -> String) -> Result<Turn, StoreError> {
        let (caller, turn) = oneshot::channel();
        let queued = async {
            self.queue.send(caller).await.map_err(|_| Failure::Closed)?;
            turn.await.map_err(|_| Failure::Closed)?
        };
        let turn = tokio::time::timeout(MAX_WAIT, queued).await.unwrap_or(Err(Failure::Busy));
        turn.map_err(|failure| StoreError::new(action(), failure))
    }
}

impl Turn {
    /// Keeps what was done when it went well, undoes it otherwise, and says how it went when that is stored.
    pub(crate) async fn end<T, E: From<StoreError>>(
        mut self,
        outcome: Result<T, E>,
        action: impl FnOnce() -> String,
    ) -> Result<T, E> {
        let (ended, end) = oneshot::channel();
        self.give_back(outcome.is_ok(), Some(ended));
        match end.await.unwrap_or(Err(Failure::Closed)) {
            Ok(()) => outcome,
            Err(failure) => Err(StoreError::new(action(), failure).into()),
        }
    }

    fn give_back(&mut self, kept: bool, waits: Option<oneshot::Sender<Result<(), Failure>>>) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            let _ = back.send(Returned { connection, kept, waits });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_back(false, None);
    }
}

impl Deref for Turn {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("a turn has the connection until it ends")
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("a turn has the connection until it ends")
    }
}

/// Batch after batch, until nobody can call any more.
async fn lend(pool: SqlitePool, mut callers: mpsc::Receiver<Caller>) {
    let mut connection = None;
    while let Some(first) = callers.recv().await {
        let mut batch = match lent(&pool, connection.take()).await {
            Ok(connection) => Batch::new(connection),
            Err(error) => {
                let _ = first.send(Err(Failure::Undone(Arc::new(error))));
                continue;
            }
        };
        let outcome = batch.turns(first, &mut callers).await;
        connection = batch.end(outcome).await;
        // While nobody writes the pool has it: the pool can be closed then.
        if callers.is_empty() || pool.is_closed() {
            connection = None;
        }
    }
}

async fn lent(
    pool: &SqlitePool,
    connection: Option<PoolConnection<Sqlite>>,
) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
    match connection {
        Some(connection) => Ok(connection),
        None => pool.acquire().await,
    }
}

impl Batch {
    fn new(connection: PoolConnection<Sqlite>) -> Self {
        Self { connection: Some(connection), open: false, kept: 0, waiting: Vec::new() }
    }

    /// One turn after the other, for as long as somebody is there. A failure here is everybody's.
    async fn turns(&mut self, first: Caller, callers: &mut mpsc::Receiver<Caller>) -> Result<(), Failure> {
        let mut next = Some(first);
        for place in 1..=MAX_BATCH {
            let Some(caller) = next.take() else { break };
            // One that has gone away needs no turn.
            if !caller.is_closed() {
                self.turn(caller).await?;
            }
            next = if place < MAX_BATCH { callers.try_recv().ok() } else { None };
        }
        Ok(())
    }

    async fn turn(&mut self, caller: Caller) -> Result<(), Failure> {
        if let Err(failure) = self.begin().await {
            let _ = caller.send(Err(failure.clone()));
            return Err(failure);
        }
        let (back, returned) = oneshot::channel();
        // Where nobody takes it any more, it is dropped, and comes back by that.
        drop(caller.send(Ok(Turn { connection: self.connection.take(), back: Some(back) })));
        let Returned { connection, kept, waits } = returned.await.map_err(|_| Failure::Closed)?;
        self.connection = Some(connection);
        self.waiting.extend(waits);
        if kept { self.keep().await } else { self.undo().await }
    }

    /// The first one has the transaction for itself; those after it must not undo what it did.
    async fn begin(&mut self) -> Result<(), Failure> {
        if self.kept > 0 {
            return self.run("SAVEPOINT turn").await;
        }
        // The lock at once: one that begins by reading could lose it to another process in between.
        self.run("BEGIN IMMEDIATE").await?;
        self.open = true;
        Ok(())
    }

    async fn keep(&mut self) -> Result<(), Failure> {
        if self.kept > 0 {
            self.run("RELEASE turn").await?;
        }
        self.kept += 1;
        Ok(())
    }

    async fn undo(&mut self) -> Result<(), Failure> {
        if self.kept > 0 {
            self.run("ROLLBACK TO turn").await?;
            return self.run("RELEASE turn").await;
        }
        self.run("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    /// Commits, and tells everybody. Returns the connection, unless its transaction did not end as it should: then it is
    /// closed, which undoes everything, and the pool opens another.
    async fn end(mut self, outcome: Result<(), Failure>) -> Option<PoolConnection<Sqlite>> {
        let outcome = match outcome {
            Ok(()) if self.open => self.run("COMMIT").await,
            Ok(()) | Err(_) => outcome,
        };
        if outcome.is_err()
            && let Some(connection) = self.connection.take()
        {
            // Closed before anybody hears of it: what they do next must not find its lock.
            let _ = connection.close().await;
        }
        for waiting in self.waiting {
            let _ = waiting.send(outcome.clone());
        }
        self.connection
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Failure> {
        let connection = self.connection.as_mut().ok_or(Failure::Closed)?;
        let done = sqlx::query(statement).execute(&mut **connection).await;
        done.map(drop).map_err(|error| Failure::Undone(Arc::new(error)))
    }
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
