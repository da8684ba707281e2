//! What controller and guest agent tell each other, beside the signaling objects.
//!
//! The agent calls `GET /api/guest/assignment`, `POST /api/guest/reports` and `POST /api/guest/credential` on its
//! controller endpoint, with its machine's token as bearer; the token opens its own session and nothing else.

use serde::{Deserialize, Serialize};

use crate::{
    Secret, SessionId,
    provider::{CredentialRules, Login},
    session::UrlSource,
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
    /// How to sign in.
    pub login: Login,
    /// What the credential is.
    pub credential: CredentialRules,
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
