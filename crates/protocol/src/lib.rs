//! The words on the wire: ids, signaling objects, session views, guest messages, provider files, problems.
//!
//! Every other crate and the page speak in these types, so that one word stands for one thing from SQL to
//! the page. Parsing happens here, at the edge, into types that can't be wrong; inside, nothing is checked
//! again. This crate does no I/O, reads no clock and makes no randomness.

pub mod access;
pub mod credential;
pub mod guest;
pub mod host;
pub mod ice;
pub mod ids;
pub mod input;
pub mod limits;
pub mod problem;
pub mod provider;
pub mod run;
pub mod sdpfrag;
pub mod secret;
pub mod session;
pub mod signaling;
pub mod terminal;
pub mod time;
pub mod view;

pub use host::{HostName, HostPattern, InvalidHost};
pub use ids::{CredentialId, Epoch, MachineId, NoticeId, ProviderId, SessionId, TicketId, TokenId, UserId, ViewId};
pub use secret::Secret;
pub use time::UnixMillis;
