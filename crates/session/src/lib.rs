//! Decisions of a sign-in or a run, and nothing else: input and time in, change out.
//!
//! [`Session::handle`] takes what happened and when, and returns a [`Change`] that the caller commits as one
//! transaction, or a [`Refusal`] that names why nothing changes. [`machine::next`] says what the reconciler does
//! with one machine row, [`pool::moves`] what with those that wait for sessions. Who calls: the controller's use cases and its reconciler; the model checker and the
//! simulation call the very same code.
//!
//! This crate never does I/O, never reads a clock, never makes randomness, and knows no crate that does.

pub mod change;
pub mod deadline;
pub mod epoch;
pub mod input;
pub mod machine;
pub mod pool;
mod run;
mod session;
pub mod view;

pub use change::{Change, Decision, Write};
pub use deadline::Deadlines;
pub use epoch::{CandidateLogState, EpochState};
pub use input::{Input, Refusal};
pub use run::Run;
pub use session::{End, Phase, Session, is_worth_a_look, wants_explaining};
