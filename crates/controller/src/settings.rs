//! What the operator decides, as the use cases need it. Where it comes from is the program's business.

use anteroom_machines::{Additions, HostEntry, Limits};
use anteroom_protocol::{
    HostPattern,
    guest::{DesktopSize, MediaEngine},
    provider::Provider,
};
use anteroom_session::Deadlines;
use anteroom_store::Placement;

/// The controller's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the owner is called on the page.
    pub owner_name: String,
    /// Which driver makes machines, and which addresses they have.
    pub placement: Placement,
    /// Where guests reach this controller, e.g. `http://10.87.0.1:4001`.
    pub guest_url: String,
    /// The size of each desktop.
    pub desktop: DesktopSize,
    /// What each machine may use.
    pub limits: Limits,
    /// What each machine gets beside the image.
    pub additions: Additions,
    /// What carries desktops to their viewers.
    pub engine: MediaEngine,
    /// Deadlines other than the defaults.
    pub deadlines: DeadlineOverrides,
    /// What restricted machines reach; none where machines reach the whole public internet.
    pub restriction: Option<Restriction>,
    /// Failed machines that stay for a look.
    pub keep: KeepSettings,
    /// Machines that wait for sessions.
    pub pool: PoolSettings,
    /// Runs.
    pub runs: RunSettings,
    /// Sessions that may wait for a place, when all are taken.
    pub max_queued: u32,
}

/// What all restricted machines reach, beside the hosts of their providers and those that people allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restriction {
    /// Hosts.
    pub hosts: Vec<HostPattern>,
    /// Addresses of hosts that no name server is asked for. They are on no list by that.
    pub addresses: Vec<HostEntry>,
}

/// How many machines are made before anybody asks for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolSettings {
    /// Machines that wait; 0 for none.
    pub size: u32,
    /// Bytes of the host's memory that stay free: below this the pool is emptied.
    pub keep_free: u64,
}

/// How runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSettings {
    /// One that nobody uses ends after so long, milliseconds.
    pub idle_ms: i64,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { idle_ms: 60 * 60 * 1000 }
    }
}

/// How many failed machines stay for a look, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeepSettings {
    /// The last so many; 0 for none.
    pub machines: u32,
    /// For so long after each was made, milliseconds.
    pub for_ms: i64,
}

/// Deadlines that the operator has set, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadlineOverrides {
    /// From the creation to the first offer.
    pub offer_ms: Option<i64>,
    /// From the offer to a place for a machine, when all are taken.
    pub queue_ms: Option<i64>,
    /// From the place to a machine.
    pub machine_ms: Option<i64>,
    /// From the machine to the agent's first word.
    pub agent_ms: Option<i64>,
    /// From offer and agent to the answer.
    pub answer_ms: Option<i64>,
    /// The person's time, in place of every provider's own.
    pub sign_in_ms: Option<i64>,
    /// From the CLI's end to the credential in the vault.
    pub saving_ms: Option<i64>,
}

impl DeadlineOverrides {
    /// The deadlines of a sign-in at a provider.
    #[must_use]
    pub fn for_provider(&self, provider: &Provider) -> Deadlines {
        self.over(Deadlines::for_sign_in(provider.login.timeout_seconds))
    }

    /// The deadlines of a run, which ends when nobody has used it for so long.
    #[must_use]
    pub fn for_run(&self, idle_ms: i64) -> Deadlines {
        self.over(Deadlines::for_run(idle_ms))
    }

    fn over(&self, default: Deadlines) -> Deadlines {
        Deadlines {
            offer_ms: self.offer_ms.unwrap_or(default.offer_ms),
            queue_ms: self.queue_ms.unwrap_or(default.queue_ms),
            machine_ms: self.machine_ms.unwrap_or(default.machine_ms),
            agent_ms: self.agent_ms.unwrap_or(default.agent_ms),
            answer_ms: self.answer_ms.unwrap_or(default.answer_ms),
            sign_in_ms: self.sign_in_ms.unwrap_or(default.sign_in_ms),
            saving_ms: self.saving_ms.unwrap_or(default.saving_ms),
            idle_ms: default.idle_ms,
        }
    }
}
