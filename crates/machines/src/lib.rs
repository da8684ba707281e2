//! Disposable machines: the port, a behaving fake of it, and the suite that every driver passes.
//!
//! A driver makes a machine from a [`MachineSpec`] and destroys it by its id alone. It knows addresses, files and
//! limits; it never knows sessions, providers or credentials. The controller's reconciler calls it; only the program
//! and tests name an adapter.

mod driver;
pub mod fake;
mod memory;
mod spec;
#[cfg(feature = "suite")]
pub mod suite;
pub mod walled;

pub use driver::{
    Capabilities, CreateError, Driver, Limit, MAX_LOG_BYTES, MAX_REACH_ADDRESSES, MAX_REACH_SECONDS, MAX_REACHED,
    Observed, OperationError, Reach, Usage,
};
pub use memory::free_memory;
pub use spec::{
    AGENT_PATH, Additions, CA_BUNDLE_PATH, EXTRA_CA_PATH, GUEST_UID, HOME, HostEntry, InvalidSpec, Limits,
    MAX_ADDED_BYTES, MachineFile, MachineSpec,
};
