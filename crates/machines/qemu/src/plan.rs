//! From a specification to everything that the launcher does. Pure: the host is looked at elsewhere.

use std::time::Duration;

use anteroom_machines::MachineSpec;
use anteroom_machines_host::{Circumstances, HostConfig, files, wire::Place};
use anteroom_protocol::Secret;

use crate::{
    command::Shape,
    wire::{Launch, Parts, Purpose, Start},
};

/// Chromium keeps bitmaps of its pages there; Docker's 64 MiB are known to be too few.
const MAX_SHARED_MEMORY_MB: u32 = 1024;

/// Decides a launch.
pub(crate) fn launch(
    host: &HostConfig,
    spec: &MachineSpec,
    here: &Circumstances,
    shape: Shape,
    parts: Parts,
    deadline: Duration,
) -> serde_json::Result<Launch> {
    let place = Place::new(host, spec, here);
    let start = Start {
        // Both are the launcher's, when the guest listens.
        unix_nanos: 0,
        entropy: Secret::new(String::new()),
        hostname: place.hostname.clone(),
        ends: place.cable.ends.clone(),
        mtu: here.mtu,
        disk_mb: spec.limits.disk_mb,
        shared_memory_mb: (spec.limits.memory_mb / 2).min(MAX_SHARED_MEMORY_MB),
        pids: spec.limits.pids,
        files: files::files(host, spec, &place.hostname, here.machine_id),
        environment: files::environment(),
        boot: Secret::new(serde_json::to_string(&spec.boot_with_additions())?),
    };
    let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    Ok(Launch { place, shape, parts, deadline_ms, purpose: Purpose::Machine(Box::new(start)) })
}
