//! The files that every machine has beside its image, and the agent's environment, decided from the specification.
//! Pure.

use std::fmt::Write as _;

use anteroom_machines::{CA_BUNDLE_PATH, EXTRA_CA_PATH, GUEST_UID, HOME, MachineSpec};
use serde::{Deserialize, Serialize};

use crate::HostConfig;

/// Chromium trusts what stands in a managed policy of this directory.
const CA_POLICY_PATH: &str = "/etc/chromium/policies/managed/anteroom-ca.json";
/// The C library reads no more name servers.
const MAX_RESOLVERS: usize = 3;

/// One file that is written into the machine's root.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedFile {
    /// Absolute.
    pub path: String,
    /// Its text.
    pub contents: String,
    /// Permission bits.
    pub mode: u32,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it replaces what is there.
    pub how: How,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Owner {
    /// The machine's root.
    Root,
    /// The machine's one user.
    User,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// In place of what is there.
    Replace,
    /// At the end of what is there.
    Append,
}

/// What a login shell would set; the agent adds its own for each program.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
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

/// All of them, in the order in which they are written.
#[must_use]
pub fn files(config: &HostConfig, spec: &MachineSpec, hostname: &str, machine_id: [u8; 16]) -> Vec<PlannedFile> {
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

fn resolvers(config: &HostConfig) -> String {
    let network = &config.network;
    let own = [network.gateway.into()];
    let servers = if network.restrict { &own[..] } else { &network.resolvers };
    let mut text = String::new();
    for address in servers.iter().take(MAX_RESOLVERS) {
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
#[path = "files_tests.rs"]
mod tests;
