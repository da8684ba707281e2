//! The server's use cases, its reconciler, its HTTP and its access rules.
//!
//! A use case loads a session, has `session` decide, and commits the decision as one transaction; whoever waits for
//! the session is woken after the commit. The [`reconciler`] moves machines to where their rows want them, the
//! [`timer`] ends waits. [`http`] is the edge: it parses, authorises, calls one use case and converts.
//!
//! This crate never names an adapter: store, driver, clock, randomness and the page's files are ports that the program
//! fills. Only `anteroom` and tests do that.

mod access;
mod capture;
mod catalogue;
mod controller;
mod credentials;
mod error;
mod guest;
mod health;
mod hosts;
pub mod http;
mod idempotency;
mod machines;
mod mask;
mod notices;
mod paste;
mod pieces;
mod poll;
mod pool;
pub mod ports;
mod queue;
pub mod reconciler;
mod relays;
mod runs;
mod settings;
mod sign_in;
mod signal;
mod signaling;
mod starting;
mod terminal;
pub mod timer;
mod token;
mod tokens;
mod views;
mod wake;
mod wanted;
mod write_back;

pub use access::{COMMAND_LIFETIME_MS, COOKIE_LIFETIME_MS, LINK_LIFETIME_MS};
pub use catalogue::{Catalogue, CatalogueError};
pub use controller::{Caller, Controller, Ports};
pub use credentials::{CredentialVersion, CredentialView, RestoreVersion};
pub use error::Error;
pub use hosts::{AllowHost, HostsView, Reaches, RefusedHost};
pub use machines::{FailedMachineView, MachineList, MachineLog, MachineState, MachineView};
pub use notices::{Care, Outside, run as care_for_credentials};
pub use paste::PastedText;
pub use relays::{ConnectionFacts, Finding, Holder, Issued, Level, NoRelays, Reach, RelayKind, Relays};
pub use runs::{RunEvent, StartRun};
pub use settings::{DeadlineOverrides, KeepSettings, PoolSettings, Restriction, RunSettings, Settings};
pub use sign_in::{ProviderView, SignInStarted, StartSignIn};
pub use token::Token;
pub use tokens::{MAX_TOKEN_DAYS, NewToken, TokenMade, TokenView};
