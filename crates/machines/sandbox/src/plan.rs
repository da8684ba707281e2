//! From a specification to everything that the launcher does. Pure: the host is looked at elsewhere.

use std::fmt::Write as _;

use anteroom_machines::{CA_BUNDLE_PATH, EXTRA_CA_PATH, GUEST_UID, HOME, MachineSpec};
use anteroom_protocol::Secret;

use crate::{
    config::Config,
    wire::{Cable, How, Launch, Owner, PlannedFile},
};

/// Chromium keeps bitmaps of its pages there; Docker's 64 MiB are known to be too few.
const MAX_SHARED_MEMORY_MB: u32 = 1024;
/// Chromium trusts what stands in a managed policy of this directory.
const CA_POLICY_PATH: &str = "/etc/chromium/policies/managed/anteroom-ca.json";
/// The C library reads no more name servers.
const MAX_RESOLVERS: usize = 3;

/// What was read from the host, or drawn, for one launch.
pub(crate) struct Circumstances {
    /// What the way to the internet carries.
    pub mtu: u32,
    /// The host's user of this machine.
    pub uid: u32,
    /// The machine's groups.
    pub cgroups: Vec<std::path::PathBuf>,
    /// For /etc/machine-id: it identifies the machine to programs in it and must say nothing about the host.
    pub machine_id: [u8; 16],
}

/// Decides a launch.
pub(crate) fn launch(config: &Config, spec: &MachineSpec, here: Circumstances) -> serde_json::Result<Launch> {
    let hostname = format!("machine-{}", spec.id.short());
    Ok(Launch {
        directory: config.directory(&spec.id),
        cgroups: here.cgroups,
        uid: here.uid,
        cable: Cable {
            link: config.link(&spec.id),
            alias: config.link_alias(&spec.id),
            mtu: here.mtu,
            gateway: config.network.gateway,
            address: spec.address,
        },
        image: config.image.clone(),
        agent: config.agent().to_owned(),
        disk_mb: spec.limits.disk_mb,
        shared_memory_mb: (spec.limits.memory_mb / 2).min(MAX_SHARED_MEMORY_MB),
        files: files(config, spec, &hostname, here.machine_id),
        environment: environment(),
        boot: Secret::new(serde_json::to_string(&spec.boot_with_additions())?),
        hostname,
    })
}

/// What a login shell would set; the agent adds its own for each program.
fn environment() -> Vec<(String, String)> {
    [
        ("PATH", "/opt/anteroom/bin:/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("HOME", HOME.to_owned()),
        ("USER", "user".to_owned()),
        ("LOGNAME", "user".to_owned()),
        ("SHELL", "/bin/bash".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("XDG_RUNTIME_DIR", format!("/run/user/{GUEST_UID}")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn files(config: &Config, spec: &MachineSpec, hostname: &str, machine_id: [u8; 16]) -> Vec<PlannedFile> {
    let id = machine_id.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let mut all = vec![
        root_file("/etc/hostname", format!("{hostname}\n")),
        root_file("/etc/hosts", hosts(spec, hostname)),
        root_file("/etc/resolv.conf", resolvers(config)),
        root_file("/etc/machine-id", format!("{id}\n")),
    ];
    all.extend(certificates(&spec.additions.ca_certificates));
    all.extend(spec.additions.files.iter().map(|file| PlannedFile {
        path: file.path.clone(),
        contents: file.contents.clone(),
        mode: file.mode,
        owner: if file.path.starts_with(&format!("{HOME}/")) { Owner::User } else { Owner::Root },
        how: How::Replace,
    }));
    all
}

fn root_file(path: &str, contents: String) -> PlannedFile {
    PlannedFile { path: path.to_owned(), contents, mode: 0o644, owner: Owner::Root, how: How::Replace }
}

fn hosts(spec: &MachineSpec, hostname: &str) -> String {
    let mut text = format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {hostname}\n");
    for entry in &spec.additions.hosts {
        let _ = writeln!(text, "{} {}", entry.address, entry.name);
    }
    text
}

fn resolvers(config: &Config) -> String {
    let mut text = String::new();
    for address in config.network.resolvers.iter().take(MAX_RESOLVERS) {
        let _ = writeln!(text, "nameserver {address}");
    }
    if text.is_empty() { "# No resolver is configured: network.resolvers\n".to_owned() } else { text }
}

/// The three places where programs look for certificate authorities.
fn certificates(pems: &[String]) -> Vec<PlannedFile> {
    if pems.is_empty() {
        return Vec::new();
    }
    let bundle = pems.iter().fold(String::new(), |text, pem| text + pem.trim() + "\n");
    let bodies: Vec<String> = pems.iter().map(|pem| base64_body(pem)).collect();
    let policy = serde_json::json!({ "CACertificates": bodies }).to_string();
    vec![
        root_file(EXTRA_CA_PATH, bundle.clone()),
        PlannedFile { how: How::Append, ..root_file(CA_BUNDLE_PATH, format!("\n{bundle}")) },
        root_file(CA_POLICY_PATH, policy),
    ]
}

/// The certificate between PEM's first and last line, which is what the browser's policy takes.
fn base64_body(pem: &str) -> String {
    pem.lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .flat_map(|line| line.trim().chars())
        .collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
