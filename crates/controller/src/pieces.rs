//! All live sessions, and all machines, a piece at a time: with ten thousand of them nobody holds all.

use anteroom_protocol::{MachineId, SessionId};
use anteroom_session::machine::MachineRow;
use anteroom_store::{Store, StoreError, Stored};

/// How many at once: some hundred kilobytes.
const PIECE: u32 = 128;

/// The sessions that are live, the oldest first.
pub(crate) struct LiveSessions<'a> {
    store: &'a dyn Store,
    after: Option<SessionId>,
}

/// The machines that are not gone, in the order in which they were planned.
pub(crate) struct Machines<'a> {
    store: &'a dyn Store,
    after: Option<MachineId>,
}

impl<'a> LiveSessions<'a> {
    pub(crate) fn of(store: &'a dyn Store) -> Self {
        Self { store, after: None }
    }

    /// The next ones; empty at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<Stored>, StoreError> {
        let piece = self.store.live_sessions(self.after.as_ref(), PIECE).await?;
        self.after = piece.last().map(|stored| stored.session.id.clone()).or(self.after.take());
        Ok(piece)
    }
}

impl<'a> Machines<'a> {
    pub(crate) fn of(store: &'a dyn Store) -> Self {
        Self { store, after: None }
    }

    /// The next ones; empty at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<MachineRow>, StoreError> {
        let piece = self.store.machines(self.after.as_ref(), PIECE).await?;
        self.after = piece.last().map(|row| row.id.clone()).or(self.after.take());
        Ok(piece)
    }
}
