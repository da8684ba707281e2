//! One run's terminal between its agent and its viewers: who is sent what, and how far anybody may be ahead. Decides, and puts
//! what it decided where the connections take it from; it waits for nothing.
//!
//! ```text
//!   viewer:  waits ──a screen──► live ──too far behind──► behind ──has drawn all──► waits
//! ```
//!
//! A viewer that comes, or was left behind, gets the whole screen, drawn by the agent, and from that very place on all output.
//! The agent goes as fast as the fastest viewer, and nobody holds it up for good: who has drawn nothing for a while is left
//! behind. The size is that of the viewer who typed last.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anteroom_protocol::terminal::{TerminalSize, ToAgent, ViewerWords, WINDOW_BYTES, output};
use axum::body::Bytes;
use tokio::sync::mpsc;

/// A viewer that is the fastest, and that has drawn nothing for so long, holds the CLI up no longer.
const STALLED: Duration = Duration::from_secs(5);
/// The agent hears of what was drawn in steps of this size, and when all was.
const STEP_BYTES: u64 = 32 * 1024;
/// How often it is noted that somebody uses the run.
const NOTED: Duration = Duration::from_secs(20);

/// A viewer's number in its run.
pub(crate) type ViewerNumber = u64;

/// What is to be told to the agent, once for however often it was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Orders {
    size: Option<TerminalSize>,
    draw: bool,
    drawn: Option<u64>,
}

/// The terminal of one run.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    agent: Option<Agent>,
    viewers: BTreeMap<ViewerNumber, Viewer>,
    next: ViewerNumber,
    /// Who sets the size.
    typist: Option<ViewerNumber>,
    size: Option<TerminalSize>,
    orders: Orders,
    noted: Option<Instant>,
}

/// The agent's connection.
#[derive(Debug, Default)]
struct Agent {
    /// Bytes of output and of screens.
    received: u64,
    /// How many of them it was told that they were drawn.
    told: u64,
    /// Bytes that were typed, and how many of them the CLI has taken.
    typed: u64,
    taken: u64,
}

#[derive(Debug)]
struct Viewer {
    out: mpsc::UnboundedSender<Bytes>,
    size: TerminalSize,
    sent: u64,
    drawn: u64,
    heard_at: Instant,
    at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Waits,
    /// Its byte number `sent` was the agent's number `received`.
    Live {
        received: u64,
        sent: u64,
    },
    Behind,
}

/// What a viewer says that it can't have drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Impossible;

impl Relay {
    // --- the agent -------------------------------------------------------------------------------

    /// A new connection of the agent, which takes the place of any older one.
    pub(crate) fn agent_came(&mut self) {
        self.agent = Some(Agent::default());
        for viewer in self.viewers.values_mut() {
            viewer.at = At::Waits;
        }
        let is_seen = !self.viewers.is_empty();
        // An agent whose CLI has ended already hears that nobody waits to see it.
        self.orders = Orders { size: self.size, draw: is_seen, drawn: (!is_seen).then_some(0) };
    }

    /// Whether the agent is to be told something.
    pub(crate) fn has_orders(&self) -> bool {
        self.orders != Orders::default()
    }

    /// What the agent is to be told now.
    pub(crate) fn orders(&mut self) -> Vec<ToAgent> {
        let Orders { size, draw, drawn } = std::mem::take(&mut self.orders);
        let size = size.map(ToAgent::Resize);
        size.into_iter().chain(draw.then_some(ToAgent::Draw)).chain(drawn.map(ToAgent::Drawn)).collect()
    }

    /// Whether the agent may be given more of what is typed.
    pub(crate) fn takes_keys(&self) -> bool {
        self.agent.as_ref().is_some_and(|agent| agent.typed - agent.taken < WINDOW_BYTES)
    }

    /// It was given some.
    pub(crate) fn gave_keys(&mut self, length: u64) {
        if let Some(agent) = &mut self.agent {
            agent.typed += length;
        }
    }

    /// So many bytes of them the CLI has taken.
    pub(crate) fn took_keys(&mut self, count: u64) -> Result<(), Impossible> {
        let Some(agent) = &mut self.agent else { return Ok(()) };
        if count < agent.taken || count > agent.typed {
            return Err(Impossible);
        }
        agent.taken = count;
        Ok(())
    }

    /// Output, as a message that viewers are sent as it is.
    pub(crate) fn output(&mut self, message: &Bytes) {
        let length = message.len() as u64 - 1;
        self.received(length);
        for viewer in self.viewers.values_mut() {
            let At::Live { sent, .. } = viewer.at else { continue };
            // The screen that it began with is not held against it.
            if viewer.sent - viewer.drawn.max(sent) + length > WINDOW_BYTES {
                viewer.at = At::Behind;
            } else {
                viewer.send(message.clone(), length);
            }
        }
        self.settle();
    }

    /// Everything that is on the screen, at this place in the output.
    pub(crate) fn screen(&mut self, size: TerminalSize, drawing: &[u8]) {
        self.received(drawing.len() as u64);
        self.size = Some(size);
        let TerminalSize { columns, rows } = size;
        let words = Bytes::from(ViewerWords::Screen { columns, rows }.message());
        let (received, drawing) = (self.agent.as_ref().map_or(0, |agent| agent.received), Bytes::from(output(drawing)));
        for viewer in self.viewers.values_mut().filter(|viewer| viewer.at == At::Waits) {
            viewer.send(words.clone(), 0);
            viewer.send(drawing.clone(), drawing.len() as u64 - 1);
            viewer.at = At::Live { received, sent: viewer.sent };
        }
        self.settle();
    }

    fn received(&mut self, length: u64) {
        if let Some(agent) = &mut self.agent {
            agent.received += length;
        }
    }

    // --- viewers ---------------------------------------------------------------------------------

    /// A viewer comes. What it is to be sent comes out of the channel; what is in it is bounded by what the viewer says that
    /// it has drawn.
    pub(crate) fn join(&mut self, size: TerminalSize, now: Instant) -> (ViewerNumber, mpsc::UnboundedReceiver<Bytes>) {
        let (out, outbox) = mpsc::unbounded_channel();
        self.next += 1;
        self.viewers.insert(self.next, Viewer { out, size, sent: 0, drawn: 0, heard_at: now, at: At::Waits });
        if self.typist.is_none() {
            self.typist = Some(self.next);
            self.set_size(size);
        }
        self.orders.draw = true;
        (self.next, outbox)
    }

    /// A viewer goes. If the size was its own, it is that of the one who came first of the others, whose screen is drawn anew.
    pub(crate) fn leave(&mut self, number: ViewerNumber) {
        self.viewers.remove(&number);
        if self.typist == Some(number) {
            self.typist = self.viewers.keys().next().copied();
            if let Some(viewer) = self.viewers.values_mut().next() {
                viewer.at = At::Waits;
                self.orders.draw = true;
                let size = viewer.size;
                self.set_size(size);
            }
        }
        self.settle();
    }

    /// A viewer types: the size is its own from now on.
    pub(crate) fn types(&mut self, number: ViewerNumber) {
        if self.typist != Some(number)
            && let Some(viewer) = self.viewers.get(&number)
        {
            let size = viewer.size;
            self.typist = Some(number);
            self.set_size(size);
        }
    }

    /// A viewer's own size.
    pub(crate) fn resize(&mut self, number: ViewerNumber, size: TerminalSize) {
        if let Some(viewer) = self.viewers.get_mut(&number) {
            viewer.size = size;
        }
        if self.typist == Some(number) {
            self.set_size(size);
        }
    }

    fn set_size(&mut self, size: TerminalSize) {
        if self.size == Some(size) {
            return;
        }
        self.size = Some(size);
        self.orders.size = Some(size);
        let TerminalSize { columns, rows } = size;
        let words = Bytes::from(ViewerWords::Size { columns, rows }.message());
        for (number, viewer) in &mut self.viewers {
            if Some(*number) != self.typist {
                viewer.send(words.clone(), 0);
            }
        }
    }

    /// How much a viewer has drawn of all that it was sent.
    pub(crate) fn drawn(&mut self, number: ViewerNumber, drawn: u64, now: Instant) -> Result<(), Impossible> {
        let Some(viewer) = self.viewers.get_mut(&number) else { return Ok(()) };
        if drawn < viewer.drawn || drawn > viewer.sent {
            return Err(Impossible);
        }
        viewer.drawn = drawn;
        viewer.heard_at = now;
        if viewer.at == At::Behind && viewer.drawn == viewer.sent {
            viewer.at = At::Waits;
            self.orders.draw = true;
        }
        self.settle();
        Ok(())
    }

    /// Leaves those behind who have drawn nothing for too long, though there is much to draw.
    pub(crate) fn look(&mut self, now: Instant) {
        for viewer in self.viewers.values_mut() {
            let is_full = viewer.sent - viewer.drawn > WINDOW_BYTES / 2;
            if matches!(viewer.at, At::Live { .. }) && is_full && now.duration_since(viewer.heard_at) > STALLED {
                viewer.at = At::Behind;
            }
        }
        self.settle();
    }

    /// Whether it is to be noted that somebody uses the run: not with every key.
    pub(crate) fn is_noteworthy(&mut self, now: Instant) -> bool {
        let is_due = self.noted.is_none_or(|noted| now.duration_since(noted) > NOTED);
        if is_due {
            self.noted = Some(now);
        }
        is_due
    }

    /// The agent may go on by what the fastest has drawn, or without anybody who draws, by all.
    fn settle(&mut self) {
        let Some(agent) = &mut self.agent else { return };
        let reached = self.viewers.values().filter_map(|viewer| match viewer.at {
            At::Live { received, sent } => Some(received + viewer.drawn.saturating_sub(sent)),
            At::Waits | At::Behind => None,
        });
        let reached = reached.max().unwrap_or(agent.received);
        if reached > agent.told && (reached == agent.received || reached - agent.told >= STEP_BYTES) {
            agent.told = reached;
            self.orders.drawn = Some(reached);
        }
    }
}

impl Viewer {
    /// One that goes away is told nothing more; its place is given up in a moment.
    fn send(&mut self, message: Bytes, length: u64) {
        self.sent += length;
        let _ = self.out.send(message);
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
