//! What a decision wants to have stored, as one transaction.

use anteroom_protocol::{
    Epoch, MachineId,
    session::SessionEvent,
    signaling::{Answer, LoggedCandidate, Offer, Side},
};

use crate::Session;

/// The outcome of an input that was not refused.
#[derive(Clone, Debug)]
pub enum Decision {
    /// To be committed.
    Changed(Box<Change>),
    /// The same again, or nothing new: there is nothing to store and the caller answers as it did the first time.
    Same,
}

/// A new session state and what else is stored with it, all or nothing.
#[derive(Clone, Debug)]
pub struct Change {
    /// The session as it is from now on.
    pub session: Session,
    /// In order.
    pub writes: Vec<Write>,
}

/// One thing to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A new epoch with its offer. Never changes once stored (invariant no-overwrite).
    Offer {
        /// Its number.
        epoch: Epoch,
        /// The description.
        offer: Offer,
    },
    /// The epoch's one answer.
    Answer {
        /// Its number.
        epoch: Epoch,
        /// The description.
        answer: Answer,
    },
    /// To be appended to a log.
    Candidates {
        /// Whose epoch.
        epoch: Epoch,
        /// Whose log.
        side: Side,
        /// With their sequence numbers.
        candidates: Vec<LoggedCandidate>,
    },
    /// The text that the person has pasted, under this number; it comes sealed, beside the change.
    Paste(u32),
    /// To be appended to the session's event log.
    Event(SessionEvent),
    /// The session waits for a place from now on.
    JoinQueue,
    /// The intent to create a machine: a row with an address of the pool (invariant offer-first: with a desktop it
    /// comes with a [`Write::Offer`], or after a stored one).
    PlanMachine(MachineId),
    /// The machine runs, for its agent was heard: a controller that starts again after this asks what became of it, and
    /// makes no other.
    SawMachine(MachineId),
    /// The intent to destroy the machine.
    RetireMachine(MachineId),
}
