//! What a machine shall be. Pure: checked here once, so that a driver can put each value where it belongs without
//! asking again.

use std::net::{IpAddr, Ipv4Addr};

use anteroom_protocol::{MachineId, guest::Boot};
use serde::{Deserialize, Serialize};

/// Where the guest agent stands in every machine, read-only.
pub const AGENT_PATH: &str = "/opt/anteroom/anteroom-guest";
/// The home directory of the machine's one user.
pub const HOME: &str = "/home/user";
/// The machine's one user and group, as seen inside.
pub const GUEST_UID: u32 = 1000;
/// Debian's bundle of certificate authorities, with the added ones at its end.
pub const CA_BUNDLE_PATH: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The added certificate authorities alone, for programs that bring a bundle of their own (Node).
pub const EXTRA_CA_PATH: &str = "/etc/anteroom/ca.pem";
/// All added files and certificates together. They travel to the machine in one message and lie in its memory.
pub const MAX_ADDED_BYTES: usize = 4 * 1024 * 1024;

/// The least memory in which X server and browser come up at all.
const MIN_MEMORY_MB: u32 = 64;
/// One desktop with a browser has about 150 tasks.
const MIN_PIDS: u32 = 16;
/// What the kernel takes as the shortest quota is 1 ms in 100 ms.
const MIN_CPU_PERCENT: u32 = 1;
/// Room for home directory and temporary files.
const MIN_DISK_MB: u32 = 16;

/// Everything about one machine. Its `Debug` output holds no secret: the boot document's token prints nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MachineSpec {
    /// Every device, cgroup and directory of the machine is named after it.
    pub id: MachineId,
    /// The machine's own address, from the pool that the store owns.
    pub address: Ipv4Addr,
    /// What the guest agent finds on its standard input.
    pub boot: Boot,
    /// What it may use.
    pub limits: Limits,
    /// What the operator adds to every machine.
    pub additions: Additions,
}

/// What a machine may use of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Mebibytes of memory, the machine's files among it (its root lies in memory).
    pub memory_mb: u32,
    /// Processes and threads together.
    pub pids: u32,
    /// Percent of one core: 200 is two cores.
    pub cpu_percent: u32,
    /// Mebibytes of files that the machine may write.
    pub disk_mb: u32,
}

impl Default for Limits {
    /// One desktop with a browser and a CLI: 470 MiB were measured, 150 tasks.
    fn default() -> Self {
        Self { memory_mb: 2048, pids: 1024, cpu_percent: 200, disk_mb: 1024 }
    }
}

/// What the operator adds to every machine: companies need their certificate authority and their proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Additions {
    /// Files, written before anything starts.
    pub files: Vec<MachineFile>,
    /// Certificate authorities that browser and CLIs trust, each in PEM.
    pub ca_certificates: Vec<String>,
    /// Names that resolve without a resolver.
    pub hosts: Vec<HostEntry>,
    /// Environment of every program that the agent starts, e.g. `HTTPS_PROXY`.
    pub environment: Vec<(String, String)>,
}

/// One added file. It belongs to root, or to the machine's user when it lies below the home directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineFile {
    /// Absolute, without `.` and `..`.
    pub path: String,
    /// Its text.
    pub contents: String,
    /// Permission bits, e.g. 0o644.
    pub mode: u32,
}

/// One line of the hosts file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEntry {
    /// The address.
    pub address: IpAddr,
    /// The name.
    pub name: String,
}

/// Why a specification is refused before anything is made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{field}: {problem}")]
pub struct InvalidSpec {
    /// Which value, as a path.
    pub field: String,
    /// What is wrong with it and what is taken.
    pub problem: String,
}

impl MachineSpec {
    /// Checks every value that a driver puts into a path, a file or a limit.
    ///
    /// # Errors
    /// Names the first that is wrong.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        self.limits.check()?;
        self.additions.check()
    }

    /// The boot document as the agent gets it: the specification's, with the environment of the additions after it.
    /// A name that stands twice keeps its last value.
    #[must_use]
    pub fn boot_with_additions(&self) -> Boot {
        let mut boot = self.boot.clone();
        for (name, value) in self.additions.machine_environment() {
            boot.environment.retain(|(known, _)| *known != name);
            boot.environment.push((name, value));
        }
        boot
    }
}

impl Limits {
    fn check(&self) -> Result<(), InvalidSpec> {
        for (field, value, least) in [
            ("memory_mb", self.memory_mb, MIN_MEMORY_MB),
            ("pids", self.pids, MIN_PIDS),
            ("cpu_percent", self.cpu_percent, MIN_CPU_PERCENT),
            ("disk_mb", self.disk_mb, MIN_DISK_MB),
        ] {
            if value < least {
                return Err(invalid(format!("limits.{field}"), format!("is {value}; at least {least} is needed")));
            }
        }
        Ok(())
    }
}

impl Additions {
    /// Checks paths, certificates, names and the whole size.
    ///
    /// # Errors
    /// Names the first that is wrong.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        for (index, file) in self.files.iter().enumerate() {
            check_path(&file.path).map_err(|problem| invalid(format!("additions.files[{index}].path"), problem))?;
            if file.mode > 0o777 {
                return Err(invalid(
                    format!("additions.files[{index}].mode"),
                    "takes the nine permission bits only, e.g. 0644".to_owned(),
                ));
            }
        }
        for (index, pem) in self.ca_certificates.iter().enumerate() {
            check_pem(pem).map_err(|problem| invalid(format!("additions.ca_certificates[{index}]"), problem))?;
        }
        for (index, host) in self.hosts.iter().enumerate() {
            check_host(&host.name).map_err(|problem| invalid(format!("additions.hosts[{index}].name"), problem))?;
        }
        for (index, (name, value)) in self.environment.iter().enumerate() {
            check_variable(name, value)
                .map_err(|problem| invalid(format!("additions.environment[{index}]"), problem))?;
        }
        let bytes = self.files.iter().map(|file| file.contents.len()).sum::<usize>()
            + self.ca_certificates.iter().map(String::len).sum::<usize>();
        if bytes > MAX_ADDED_BYTES {
            return Err(invalid("additions".to_owned(), format!("have {bytes} bytes; at most {MAX_ADDED_BYTES} fit")));
        }
        Ok(())
    }

    /// The environment that makes CLIs trust the added certificate authorities, and then the operator's own. Each
    /// runtime reads another name: OpenSSL, Node, codex (rustls), Python's requests, curl, git.
    #[must_use]
    pub fn machine_environment(&self) -> Vec<(String, String)> {
        let trust: &[(&str, &str)] = if self.ca_certificates.is_empty() {
            &[]
        } else {
            &[
                ("SSL_CERT_FILE", CA_BUNDLE_PATH),
                ("NODE_EXTRA_CA_CERTS", EXTRA_CA_PATH),
                ("CODEX_CA_CERTIFICATE", CA_BUNDLE_PATH),
                ("REQUESTS_CA_BUNDLE", CA_BUNDLE_PATH),
                ("CURL_CA_BUNDLE", CA_BUNDLE_PATH),
                ("GIT_SSL_CAINFO", CA_BUNDLE_PATH),
            ]
        };
        trust
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .chain(self.environment.iter().cloned())
            .collect()
    }
}

fn invalid(field: String, problem: String) -> InvalidSpec {
    InvalidSpec { field, problem }
}

fn check_path(path: &str) -> Result<(), String> {
    let parts = path.strip_prefix('/').unwrap_or_default();
    let good = !parts.is_empty()
        && !path.contains('\0')
        && parts.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if good { Ok(()) } else { Err("must be absolute, without '.', '..' and empty parts".to_owned()) }
}

fn check_pem(pem: &str) -> Result<(), String> {
    let begins = pem.matches("-----BEGIN CERTIFICATE-----").count();
    let ends = pem.matches("-----END CERTIFICATE-----").count();
    if begins == 1 && ends == 1 { Ok(()) } else { Err("must be one certificate in PEM".to_owned()) }
}

fn check_host(name: &str) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_';
    if !name.is_empty() && name.len() <= 253 && name.bytes().all(ok) {
        Ok(())
    } else {
        Err("must be a host name: letters, digits, '-', '.', at most 253".to_owned())
    }
}

fn check_variable(name: &str, value: &str) -> Result<(), String> {
    if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
        Err("the name must be there and hold no '=', and neither may hold NUL".to_owned())
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
