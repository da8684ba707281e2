//! What controller and guest agent tell each other, beside the signaling objects.
//!
//! The agent calls `GET /api/guest/assignment`, `GET /api/guest/pastes`, `POST /api/guest/reports` and `POST
//! /api/guest/credential` on its controller endpoint, with its machine's token as bearer; the token opens its own session and
//! nothing else. Of a run it calls `GET /api/guest/credential` and `GET /api/guest/stop` too, and connects the CLI's terminal
//! by a WebSocket at `/api/guest/terminal` ([`crate::terminal`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Secret, SessionId,
    provider::{CredentialRules, LoginPlan, SeedFile},
    session::{DeviceCode, UrlSource},
    terminal::{Background, TerminalSize},
};

/// What the agent finds on its standard input when it starts: one JSON document, then end of file. Neither its
/// arguments nor its environment hold a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Boot {
    /// The controller endpoint, e.g. `http://10.87.0.1:4001`.
    pub controller_url: String,
    /// The machine's token.
    pub token: Secret<String>,
    /// The machine's own IPv4 address, on which media is offered.
    pub address: std::net::IpAddr,
    /// The desktop's size in pixels.
    pub desktop: DesktopSize,
    /// Environment for every program that the agent starts (CA bundle, upstream proxy).
    pub environment: Vec<(String, String)>,
    /// What carries the desktop to its viewers.
    #[serde(default)]
    pub engine: MediaEngine,
}

/// What carries a desktop to its viewers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaEngine {
    /// str0m, on sockets of the agent's own.
    #[default]
    Str0m,
    /// GStreamer's `webrtcbin`: over UDP only, and without a restart of ICE.
    Webrtcbin,
}

/// What the machine is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Assignment {
    /// The session it serves.
    pub session_id: SessionId,
    /// What is done.
    pub work: Work,
    /// What the credential is.
    pub credential: CredentialRules,
}

/// What is done in a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Work {
    /// A person signs in, and the credential is captured.
    SignIn {
        /// How.
        login: LoginPlan,
    },
    /// The CLI runs with a credential that is there.
    Run {
        /// How.
        run: RunPlan,
    },
}

impl Work {
    /// Whether the person sees the machine's desktop.
    #[must_use]
    pub fn has_desktop(&self) -> bool {
        match self {
            Self::SignIn { login } => login.method.kind.has_desktop(),
            Self::Run { .. } => false,
        }
    }
}

/// A run, as its machine needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunPlan {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// The CLI's environment, beside what every program in the machine gets.
    pub environment: BTreeMap<String, String>,
    /// Files that are there before the CLI starts. The credential's come after them.
    pub files: Vec<SeedFile>,
    /// The terminal's first size.
    pub size: TerminalSize,
    /// What it is drawn on.
    pub background: Background,
    /// Whether there is one. Without it standard input, output and error are pipes, and the CLI starts when somebody is there.
    pub terminal: bool,
    /// Whether changes of the credential's files are handed in.
    pub writes_back: bool,
    /// Variables of the environment whose values are files of the credential, each by its path.
    pub environment_files: BTreeMap<String, String>,
}

/// Whether a run is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StopOrder {
    /// Always true: without an order there is no content.
    pub stop: bool,
}

/// A desktop's size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DesktopSize {
    /// Pixels, even.
    pub width: u16,
    /// Pixels, even.
    pub height: u16,
}

/// The agent's reports, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reports {
    /// At most [`crate::limits::MAX_REPORTS_PER_REQUEST`].
    pub reports: Vec<Report>,
}

/// One thing that happened in the machine. Each may be repeated (a lost reply is sent again) without harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Report {
    /// X server and window manager answer.
    DesktopReady,
    /// The browser has a window.
    BrowserReady,
    /// X server, window manager or browser could not be started, or ended for good.
    DesktopFailed {
        /// What was tried and what was seen; at most [`crate::limits::MAX_DETAIL_BYTES`].
        detail: String,
    },
    /// The CLI runs.
    CliStarted,
    /// The CLI could not be started.
    CliNotStarted {
        /// What was tried and what was seen.
        detail: String,
    },
    /// A sign-in URL was found.
    UrlFound {
        /// An http or https URL.
        url: String,
        /// Where it came from.
        source: UrlSource,
    },
    /// The browser in the machine was given the URL.
    UrlOpened,
    /// The CLI shows a code for the person's own browser.
    CodeFound {
        /// The code, and where it is to be typed.
        code: DeviceCode,
    },
    /// What the person has pasted does not help: it is of another sign-in, or the CLI does not take it.
    PasteRefused {
        /// Why, and what to do.
        detail: String,
    },
    /// The CLI ended.
    CliExited {
        /// Its exit code; 128 + signal when it was killed.
        code: i32,
        /// The last rows of its screen, with URLs and token-like words masked.
        detail: String,
    },
    /// The CLI ended well, but no valid credential was there within the settling time.
    CredentialMissing {
        /// Which file or rule was not met.
        detail: String,
    },
}

/// What the person has brought from their own browser: codes, or addresses of the CLI's callback. Each is good for one use and
/// for a short time; in the store it is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Pastes {
    /// In order. One that can't be opened any more is left out.
    pub pastes: Vec<Paste>,
    /// The number to go on after.
    pub next: u32,
}

/// One text that the person has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Paste {
    /// 1 for the first of the session.
    pub number: u32,
    /// The text.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub text: Secret<String>,
}

/// The credential's files, as the CLI left them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CapturedCredential {
    /// At most [`crate::limits::MAX_CREDENTIAL_FILES`], together at most [`crate::limits::MAX_CREDENTIAL_BYTES`].
    pub files: Vec<CapturedFile>,
}

/// One captured file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CapturedFile {
    /// Relative to the home directory, one of the provider's.
    pub path: String,
    /// The bytes, in base64 (RFC 4648, section 4).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub base64: Secret<String>,
}
