//! What a controller that was taken over sends to the helper that runs as root.

use anteroom_machined::{Policy, Request, decode};
use anteroom_machines::{Limits, MAX_REACH_ADDRESSES, MAX_REACH_SECONDS};

const POLICY: Policy = Policy {
    client: 1000,
    max_machines: 2,
    limits: Limits { memory_mb: 512, pids: 128, cpu_percent: 100, disk_mb: 64 },
};

/// A request is none of something else, and what passes the policy is within it.
pub fn requests(data: &[u8]) {
    let Ok(request) = decode(data) else { return };
    let written = serde_json::to_vec(&request).expect("what was read can be written");
    let again = decode(&written).expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{request:?}"));
    match request {
        Request::Create(spec) => {
            if POLICY.check(&spec, 1).is_ok() && spec.check().is_ok() {
                assert!(spec.limits.memory_mb <= 512 && spec.limits.pids <= 128);
                assert!(spec.limits.cpu_percent <= 100 && spec.limits.disk_mb <= 64);
                assert!(
                    spec.additions.files.iter().all(|file| file.path.starts_with('/') && !file.path.contains("/../"))
                );
                a_name(spec.id.as_str());
            }
            assert!(POLICY.check(&spec, 2).is_err());
        }
        Request::Inspect(id) | Request::Destroy(id) | Request::Exited(id) | Request::Logs(id) | Request::Usage(id) => {
            a_name(id.as_str())
        }
        Request::Reach(id, reach) => {
            a_name(id.as_str());
            if reach.check().is_ok() {
                assert!((1..=MAX_REACH_ADDRESSES).contains(&reach.addresses.len()));
                assert!((1..=MAX_REACH_SECONDS).contains(&reach.seconds));
            }
        }
        Request::Hello { .. } | Request::List => {}
    }
}

/// It becomes part of paths and of names of devices.
fn a_name(id: &str) {
    assert!(!id.is_empty() && id.len() <= 64);
    assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
}
