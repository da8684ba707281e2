//! The port: what the controller asks of a driver, and what a driver answers.
//!
//! The contract, held by `suite`: every call may be repeated; whatever a call leaves half done, `list` shows and
//! `destroy` removes; a driver has no memory of its own, so that a new instance over the same host sees the same world.

use std::{net::IpAddr, time::Duration};

use anteroom_protocol::MachineId;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{InvalidSpec, MachineSpec};

/// The most that [`Driver::logs`] returns: the end of what the agent wrote.
pub const MAX_LOG_BYTES: usize = 64 * 1024;

/// Addresses in one [`Reach`]: an answer of a name server has some, and a packet holds no more of them.
pub const MAX_REACH_ADDRESSES: usize = 64;
/// The longest time of one [`Reach`]: beyond every sign-in.
pub const MAX_REACH_SECONDS: u32 = 6 * 60 * 60;
/// Addresses that one machine reaches at a time. A page with all that it loads has some hundred.
pub const MAX_REACHED: usize = 1024;

/// Makes, watches and destroys machines.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Its name in configuration and rows: `sandbox`.
    fn name(&self) -> &'static str;

    /// What it can hold to on this host.
    fn capabilities(&self) -> Capabilities;

    /// Memory of the host that one more machine could use now, bytes; `None` where nobody can say.
    fn free_memory(&self) -> Option<u64> {
        None
    }

    /// Makes the machine and starts its agent; returns when the agent's program runs. What an earlier attempt with the
    /// same id left is removed first, a running machine too.
    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError>;

    /// What is there of a machine now.
    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError>;

    /// Removes the machine and all that is named after it. Returns when nothing of it is left: no process, mount,
    /// namespace, device, cgroup or directory. Destroying what is not there succeeds.
    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError>;

    /// Everything in the world that is this driver's, half machines too, each once, in order.
    async fn list(&self) -> Result<Vec<MachineId>, OperationError>;

    /// Waits until the machine has ended by itself or was ended by somebody, and says why, for a person. It waits
    /// without a deadline; dropping the future ends the wait and nothing else. For a machine that is not there it
    /// returns at once.
    async fn exited(&self, id: &MachineId) -> String;

    /// The end of what the agent wrote to its console, at most [`MAX_LOG_BYTES`]; empty when there is nothing. It can
    /// be read until the machine is destroyed.
    async fn logs(&self, id: &MachineId) -> Result<String, OperationError>;

    /// Lets the machine reach these addresses for so long from now on, with those that it reaches already. On a driver that
    /// does not restrict machines this changes nothing that they reach. What is walled off stays walled off. When the call
    /// returns, the first packet passes.
    ///
    /// # Errors
    /// The machine is not there, there are too many addresses, or of a kind that machines don't have.
    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError>;

    /// What the machine uses; `None` where nobody can say, and for a machine that is not there.
    async fn usage(&self, _id: &MachineId) -> Result<Option<Usage>, OperationError> {
        Ok(None)
    }
}

/// Addresses that a restricted machine may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reach {
    /// At most [`MAX_REACH_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// For how long, at most [`MAX_REACH_SECONDS`].
    pub seconds: u32,
}

impl Reach {
    /// Checks the bounds.
    ///
    /// # Errors
    /// Says which does not hold.
    pub fn check(&self) -> Result<(), String> {
        let count = self.addresses.len();
        if !(1..=MAX_REACH_ADDRESSES).contains(&count) {
            return Err(format!("takes 1 to {MAX_REACH_ADDRESSES} addresses at once, and got {count}"));
        }
        if !(1..=MAX_REACH_SECONDS).contains(&self.seconds) {
            return Err(format!("takes 1 to {MAX_REACH_SECONDS} seconds, and got {}", self.seconds));
        }
        Ok(())
    }
}

/// What a machine uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Memory that counts against its limit, bytes; written files are in it where they lie in memory.
    pub memory_bytes: u64,
    /// Computing time of its processes, summed up since it was made. It may be a little less at a later look, when a
    /// process has ended that nobody waited for.
    pub cpu: Duration,
}

/// What is there of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Observed {
    /// Nothing.
    Absent,
    /// Its agent's program runs. Whether the agent answers is the controller's to see.
    Running,
    /// Something is there, but no agent runs: it ended, or its creation was not completed.
    Dead {
        /// Why, for a person.
        reason: String,
    },
}

/// What a driver can hold to on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// Memory.
    pub memory: Limit,
    /// Processes and threads.
    pub pids: Limit,
    /// Computing time.
    pub cpu: Limit,
    /// Written files.
    pub disk: Limit,
    /// Whether the machine's egress is filtered (invariant walled).
    pub walled: Limit,
    /// Whether machines reach only what [`Driver::reach`] has named, and the exceptions.
    pub restricted: bool,
}

/// Whether a limit is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// By what, e.g. `cgroup v2`.
    Enforced(String),
    /// Why not, and what would have to be done.
    Unavailable(String),
}

/// Why a machine was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CreateError {
    /// It can't be made so; asking again changes nothing.
    #[error("the machine {machine} can't be made as asked: {problem}")]
    Invalid {
        /// Which.
        machine: MachineId,
        /// What is wrong.
        problem: InvalidSpec,
    },
    /// A step failed. What it left is shown by `list` and removed by `destroy` or the next `create`.
    #[error(transparent)]
    Failed(#[from] OperationError),
}

/// A step that failed on a machine or on the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{step}{}: {detail}", machine.as_ref().map(|id| format!(" for {id}")).unwrap_or_default())]
pub struct OperationError {
    /// What was tried, and on what: `mount the overlay at /run/...`.
    pub step: String,
    /// On which machine; none when it concerns the host.
    pub machine: Option<MachineId>,
    /// What was seen, and what to do where that is known.
    pub detail: String,
}
