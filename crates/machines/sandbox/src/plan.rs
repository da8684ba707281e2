//! From a specification to everything that the launcher does. Pure: the host is looked at elsewhere.

use anteroom_machines::MachineSpec;
use anteroom_machines_host::{Circumstances, HostConfig, files, wire::Place};
use anteroom_protocol::Secret;

use crate::{driver::Sandbox, wire::Launch};

/// Chromium keeps bitmaps of its pages there; Docker's 64 MiB are known to be too few.
const MAX_SHARED_MEMORY_MB: u32 = 1024;

/// Decides a launch.
pub(crate) fn launch(
    sandbox: &Sandbox,
    host: &HostConfig,
    spec: &MachineSpec,
    here: &Circumstances,
) -> serde_json::Result<Launch> {
    let place = Place::new(host, spec, here);
    Ok(Launch {
        image: sandbox.image.clone(),
        agent: sandbox.agent.clone(),
        disk_mb: spec.limits.disk_mb,
        shared_memory_mb: (spec.limits.memory_mb / 2).min(MAX_SHARED_MEMORY_MB),
        files: files::files(host, spec, &place.hostname, here.machine_id),
        environment: files::environment(),
        boot: Secret::new(serde_json::to_string(&spec.boot_with_additions())?),
        place,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
