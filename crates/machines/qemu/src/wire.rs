//! The documents of a virtual machine: what the launcher does, and what host and guest tell each other over the control
//! channel, each on a line. Secrets travel in them and nowhere else.

use std::path::PathBuf;

use anteroom_machines_host::{
    files::PlannedFile,
    wire::{Ends, Place},
};
use anteroom_protocol::{Secret, guest::DesktopSize};
use serde::{Deserialize, Serialize};

use crate::command::Shape;

/// The longest line that a guest's word may have. A guest that says more is not ours.
pub(crate) const MAX_WORD_BYTES: usize = 64 * 1024;
/// Random bytes for the guest's kernel in the first message.
pub(crate) const ENTROPY_BYTES: usize = 64;
/// The guest's hardware address and the host's, at every cable: each cable has these two ends only.
pub(crate) const GUEST_MAC: [u8; 6] = [2, 2, 0, 0, 0, 1];
/// The host's.
pub(crate) const HOST_MAC: [u8; 6] = [2, 1, 0, 0, 0, 1];

/// Everything that the launcher does, decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Launch {
    pub place: Place,
    /// What the virtual machine is.
    pub shape: Shape,
    /// What it reads.
    pub parts: Parts,
    /// How long until the agent's program runs, milliseconds.
    pub deadline_ms: u64,
    pub purpose: Purpose,
}

/// What a launch is for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Purpose {
    /// A machine, with the first message but for its time and entropy.
    Machine(Box<Start>),
    /// A template: it is stopped where it waits to be told what it is, and its state is written to this file.
    Template { state: PathBuf },
}

/// Files on the host that a virtual machine reads. It sees them as open files only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parts {
    pub kernel: PathBuf,
    pub initrd: PathBuf,
    /// The guest image, as erofs.
    pub disk: PathBuf,
    /// The guest agent, as erofs.
    pub agent: PathBuf,
    /// The guest's memory as a file: what clones have in common, or what a template writes.
    pub memory: Option<PathBuf>,
    /// What else a clone begins with.
    pub state: Option<PathBuf>,
}

/// What the host tells the guest first: what is to be ready before the machine is anybody's. It is of no machine, and
/// nothing of it is secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prepare {
    /// The desktop's size; none for no desktop.
    pub desktop: Option<DesktopSize>,
    /// Whether to read ahead what clones will read, which takes longer than it saves one machine.
    pub warm: bool,
}

/// What the host tells the guest then: once, and the first that is secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// Since 1970. A guest that was saved has an old clock.
    pub unix_nanos: i64,
    /// Random bytes in hexadecimal: saved guests would all draw the same.
    pub entropy: Secret<String>,
    pub hostname: String,
    /// The addresses of the machine's cable, each with its way out.
    pub ends: Vec<Ends>,
    pub mtu: u32,
    pub disk_mb: u32,
    pub shared_memory_mb: u32,
    pub pids: u32,
    pub files: Vec<PlannedFile>,
    /// The agent's own environment.
    pub environment: Vec<(String, String)>,
    /// The agent's boot document, as JSON.
    pub boot: Secret<String>,
}

/// What the guest tells the host.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Word {
    /// It is prepared, and waits to be told what it is.
    Ready,
    /// The agent's program runs.
    Started,
    /// A step failed; it ends.
    Failed { step: String, detail: String },
    /// The agent has ended, with this code, or 128 and the number of the signal.
    Ended { code: i32 },
}

/// Bytes as the first message writes them.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The bytes of such a text; none when it is no such text.
pub(crate) fn from_hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_reads_back_and_a_wrong_text_is_none() {
        assert_eq!(from_hexadecimal(&hexadecimal(&[0, 255, 16])), Some(vec![0, 255, 16]));
        assert_eq!(from_hexadecimal("0"), None);
        assert_eq!(from_hexadecimal("zz"), None);
    }
}
