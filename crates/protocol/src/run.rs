//! A run: one remote CLI on a machine, with the person's leased credential.

use serde::{Deserialize, Serialize};

use crate::{ProviderId, SessionId, UnixMillis, session::Reason};

/// Arguments that a person may add to a provider's command.
pub const MAX_ARGUMENTS: usize = 256;
/// All of them together. A prompt is one of them.
pub const MAX_ARGUMENT_BYTES: usize = 64 * 1024;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// All places for machines are taken: it waits for one.
    Queued,
    /// Its machine is on its way.
    Starting,
    /// The CLI runs.
    Running,
    /// It is being stopped, and what it has changed of the credential is being saved.
    Saving,
    /// Over, for good; the reason says why.
    Ended,
}

/// A run for its owner. Holds no output and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// Its id: that of its session.
    pub run_id: SessionId,
    /// Whose CLI it is.
    pub provider: ProviderId,
    /// What was added to the provider's command.
    pub arguments: Vec<String>,
    /// Whether its CLI runs on a terminal; else a program has its input and output.
    pub terminal: bool,
    /// Whether it only finds out whether the credential works.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check: bool,
    /// Where it stands.
    pub state: RunState,
    /// When it was asked for.
    pub created_at: UnixMillis,
    /// When the CLI began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<UnixMillis>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMillis>,
    /// What the CLI ended with; 128 + signal when it was killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended, or is being stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Who uses a credential that has one holder at a time, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeaseHolder {
    /// The run.
    pub run_id: SessionId,
    /// Since when.
    pub since: UnixMillis,
}
