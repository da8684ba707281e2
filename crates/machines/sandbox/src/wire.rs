//! The document that becomes a machine, decided. What else driver and launcher tell each other is the same for all kinds.

use std::path::PathBuf;

use anteroom_machines_host::{files::PlannedFile, wire::Place};
use anteroom_protocol::Secret;
use serde::{Deserialize, Serialize};

/// Everything that the launcher does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Launch {
    pub place: Place,
    pub image: PathBuf,
    pub agent: PathBuf,
    pub disk_mb: u32,
    pub shared_memory_mb: u32,
    pub files: Vec<PlannedFile>,
    /// The agent's own environment.
    pub environment: Vec<(String, String)>,
    /// The agent's boot document, as JSON.
    pub boot: Secret<String>,
}
