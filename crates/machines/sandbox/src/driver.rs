//! The sandbox as a kind of machine.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use anteroom_machines::{Capabilities, Limit, Limits, MachineSpec};
use anteroom_machines_host::{Circumstances, HostConfig, Kind, Machines, OpenError};
use anteroom_protocol::Secret;

use crate::plan;

/// A launch takes 0.1 s on an idle host.
const LAUNCH_DEADLINE: Duration = Duration::from_secs(20);

/// What the driver needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host.
    pub host: HostConfig,
    /// Its machines.
    pub sandbox: Sandbox,
}

/// What is particular to sandboxes.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The guest image, a directory tree that `image/build` made.
    pub image: PathBuf,
    /// The guest agent's program on the host.
    pub agent: PathBuf,
    /// The program that becomes a machine, and its first arguments: `anteroom sandbox-init`.
    pub launcher: (PathBuf, Vec<OsString>),
}

/// Makes machines of this host's own namespaces.
pub type SandboxDriver = Machines<Sandbox>;

/// Prepares the host and opens the driver.
///
/// # Errors
/// Says what is wrong in the configuration, or which step failed on the host.
pub async fn open(config: Config) -> Result<SandboxDriver, OpenError> {
    Machines::open(config.host, config.sandbox).await
}

impl Kind for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn needs(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            ("guest image", self.image.clone()),
            ("guest agent", self.agent.clone()),
            ("launcher", self.launcher.0.clone()),
        ]
    }

    fn launcher(&self) -> &(PathBuf, Vec<OsString>) {
        &self.launcher
    }

    fn launch_deadline(&self) -> Duration {
        LAUNCH_DEADLINE
    }

    fn group_limits(&self, limits: &Limits) -> Limits {
        *limits
    }

    fn capabilities(&self, groups: Capabilities) -> Capabilities {
        Capabilities { disk: Limit::Enforced("size of the root's memory".to_owned()), ..groups }
    }

    fn document(&self, host: &HostConfig, spec: &MachineSpec, here: &Circumstances) -> Result<Secret<Vec<u8>>, String> {
        let launch = plan::launch(self, host, spec, here).map_err(|error| error.to_string())?;
        serde_json::to_vec(&launch).map(Secret::new).map_err(|error| error.to_string())
    }
}
