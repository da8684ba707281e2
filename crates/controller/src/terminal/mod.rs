//! The terminals of this controller's runs: a relay for each, for as long as somebody is connected. They are known to this
//! controller only and to nobody after it; whoever was connected comes again, and the agent has the screen.

mod relay;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use anteroom_protocol::{SessionId, terminal::TerminalSize};
use axum::body::Bytes;
use tokio::sync::{Mutex as Turn, Notify, mpsc};

pub(crate) use self::relay::{Relay, ViewerNumber};

/// Messages that were typed and that the agent has not taken; each of at most 64 KiB. What is typed before the agent is there
/// waits here too.
const MAX_TYPED: usize = 32;

/// All terminals.
#[derive(Default)]
pub(crate) struct Terminals {
    of: Mutex<HashMap<SessionId, Arc<Terminal>>>,
}

/// One run's terminal.
pub(crate) struct Terminal {
    relay: Mutex<Relay>,
    /// There is something to tell the agent.
    pub(crate) ordered: Notify,
    /// The agent has come by another connection.
    pub(crate) replaced: Notify,
    typed: mpsc::Sender<Vec<u8>>,
    /// What was typed, for the agent's present connection.
    pub(crate) keys: Turn<mpsc::Receiver<Vec<u8>>>,
}

/// A viewer's place, until it is dropped.
pub(crate) struct Seat {
    pub(crate) terminal: Arc<Terminal>,
    pub(crate) number: ViewerNumber,
    pub(crate) outbox: mpsc::UnboundedReceiver<Bytes>,
}

impl Terminals {
    /// The run's terminal.
    pub(crate) fn of(&self, run: &SessionId) -> Arc<Terminal> {
        self.lock().entry(run.clone()).or_insert_with(|| Arc::new(Terminal::new())).clone()
    }

    /// The run is over. Who is connected hears of it otherwise.
    pub(crate) fn forget(&self, run: &SessionId) {
        self.lock().remove(run);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Terminal>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    fn new() -> Self {
        let (typed, keys) = mpsc::channel(MAX_TYPED);
        Self { relay: Mutex::default(), ordered: Notify::new(), replaced: Notify::new(), typed, keys: Turn::new(keys) }
    }

    /// Has the relay decide, and wakes the agent's connection when there is something for it.
    pub(crate) fn with<T>(&self, decide: impl FnOnce(&mut Relay) -> T) -> T {
        let mut relay = self.relay.lock().unwrap_or_else(PoisonError::into_inner);
        let decided = decide(&mut relay);
        if relay.has_orders() {
            self.ordered.notify_one();
        }
        decided
    }

    /// A viewer takes a place.
    pub(crate) fn join(self: &Arc<Self>, size: TerminalSize) -> Seat {
        let (number, outbox) = self.with(|relay| relay.join(size, Instant::now()));
        Seat { terminal: self.clone(), number, outbox }
    }

    /// Waits for room: what is typed is never lost here.
    pub(crate) async fn types(&self, number: ViewerNumber, bytes: Vec<u8>) {
        self.with(|relay| relay.types(number));
        // The receiver lives as long as this.
        let _ = self.typed.send(bytes).await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let number = self.number;
        self.terminal.with(|relay| relay.leave(number));
    }
}
