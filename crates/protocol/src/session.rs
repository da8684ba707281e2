//! A session as the page sees it: state, steps with their times, and the reason when it has ended.

use serde::{Deserialize, Serialize};

use crate::{CredentialId, Epoch, MachineId, ProviderId, SessionId, UnixMillis, provider::MethodKind};

/// Where a sign-in stands. The last four are terminal and never change again (invariant one-end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SessionState {
    /// No offer is stored, and so no machine exists.
    WaitingForOffer,
    /// The offer is stored, and all places for machines are taken: it waits for one, behind those that came before.
    Queued,
    /// The offer and the intent to create a machine are stored.
    Starting,
    /// The guest agent runs; the person signs in.
    SigningIn,
    /// The CLI has ended well; its credential is being sealed.
    Saving,
    /// The credential is in the vault.
    Succeeded,
    /// Ended by a failure; the reason says which.
    Failed,
    /// Ended by the person, or by whoever runs the server.
    Cancelled,
    /// Ended by a deadline.
    TimedOut,
}

impl SessionState {
    /// Whether the session has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut => true,
            Self::WaitingForOffer | Self::Queued | Self::Starting | Self::SigningIn | Self::Saving => false,
        }
    }
}

/// Why a session ended. The code is stable; the page has a sentence and a remedy for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The credential is in the vault.
    Saved,
    /// The person cancelled.
    CancelledByPerson,
    /// Whoever runs the server stopped the machine.
    StoppedByAdministrator,
    /// No offer came in time.
    OfferTimeout,
    /// The machine was not made in time.
    MachineTimeout,
    /// The machine could not be made.
    MachineFailed,
    /// The machine ended by itself, or was killed.
    MachineLost,
    /// The guest agent did not report in time.
    AgentTimeout,
    /// The desktop did not come up.
    DesktopFailed,
    /// No answer to the last offer came in time.
    AnswerTimeout,
    /// The CLI could not be started.
    CliNotStarted,
    /// The CLI ended with an error.
    CliFailed,
    /// The CLI ended well but left no valid credential.
    CredentialMissing,
    /// What the CLI left is blank, broken, or older than what the vault has.
    CredentialInvalid,
    /// The person did not finish in the provider's time.
    SignInTimeout,
    /// No place for a machine became free in time.
    NoCapacity,
    /// The run's CLI ended by itself; the exit code says how.
    Exited,
    /// The person stopped the run.
    StoppedByPerson,
    /// Another run of the person has taken the credential over.
    TakenOver,
    /// Nobody used the run for as long as runs wait.
    Idle,
}

/// Why it ended, for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    /// The stable code.
    pub code: ReasonCode,
    /// One sentence: what was tried on what, and what to do. Holds no secret.
    pub detail: String,
}

/// One thing that a sign-in goes through. The page shows them as steps with their times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The first offer is durable.
    OfferStored,
    /// The driver has made the machine.
    MachineCreated,
    /// The guest agent spoke for the first time.
    AgentReady,
    /// X server and window manager answer.
    DesktopReady,
    /// The browser has a window.
    BrowserReady,
    /// The answer of the current epoch is stored.
    AnswerStored,
    /// The viewer saw ICE connected.
    IceConnected,
    /// The viewer saw DTLS connected.
    DtlsConnected,
    /// The viewer decoded a frame: this, and only this, is `connected` (invariant seen-is-connected).
    FrameDecoded,
    /// The CLI runs.
    CliStarted,
    /// The sign-in URL is known.
    UrlFound,
    /// The browser in the machine was given the URL.
    UrlOpened,
    /// The device code is known.
    CodeFound,
    /// The CLI ended with exit code 0.
    CliSucceeded,
    /// The guest has handed in the credential's files.
    CredentialCaptured,
    /// The vault has the credential durably.
    CredentialSaved,
    /// The machine is proved gone.
    MachineDestroyed,
}

/// A step that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StepReached {
    /// Which.
    pub step: Step,
    /// When, by the controller's clock.
    pub at: UnixMillis,
}

/// How a sign-in URL was found. The shim's is the better one: some CLIs print another, for pasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum UrlSource {
    /// Read from the CLI's screen.
    Printed,
    /// Handed by the CLI to what it took for the browser.
    Shim,
}

/// The sign-in URL, for the page's *copy*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginUrl {
    /// An https URL of one of the provider's hosts.
    pub url: String,
    /// Where it came from.
    pub source: UrlSource,
}

/// A code for the person's own browser (`user_code` of RFC 8628).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeviceCode {
    /// As the CLI shows it, e.g. `ABCD-1234`.
    pub code: String,
    /// Where it is to be typed: an https URL of one of the provider's hosts.
    pub url: String,
}

/// How far the viewer's connection of one epoch has come. The page reports it; the guest can't know what
/// was decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionState {
    /// Nothing yet.
    New,
    /// ICE has a pair. Not a success: DTLS may hang for ever with a foreign answer.
    IceConnected,
    /// DTLS is up.
    DtlsConnected,
    /// DTLS is up and a frame was decoded: `connected`.
    FrameDecoded,
}

/// Why an answered epoch shows no picture, as far as the controller can tell from the viewer's reports: each stage has
/// a deadline of its own. It ends nothing; the page makes a new epoch by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionTrouble {
    /// The answer is there, and no path was found.
    IceTimeout,
    /// A path is there, and DTLS never came up: the answer went to another connection (invariant seen-is-connected).
    DtlsTimeout,
    /// DTLS is up, and no frame was decoded.
    FrameTimeout,
}

/// What the viewer says of its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionReport {
    /// The epoch of the reporting connection.
    pub epoch: Epoch,
    /// How far it has come.
    pub state: ConnectionState,
}

/// A session for its owner. Holds no SDP, no token and no credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Its id.
    pub session_id: SessionId,
    /// What is being connected.
    pub provider: ProviderId,
    /// How the person signs in.
    pub method: MethodKind,
    /// Where it stands.
    pub state: SessionState,
    /// The newest epoch; 0 before the first offer, and always where there is no desktop.
    pub epoch: Epoch,
    /// How far the newest epoch's connection has come, as far as its viewer said.
    pub connection: ConnectionState,
    /// Which stage of the newest epoch's connection has taken too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<ConnectionTrouble>,
    /// Set exactly when the state is terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixMillis>,
    /// When it ends by itself unless something happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_at: Option<UnixMillis>,
    /// In the order they were reached, each once (of the current epoch where it belongs to one).
    pub steps: Vec<StepReached>,
    /// The sign-in URL, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<LoginUrl>,
    /// The device code, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_code: Option<DeviceCode>,
    /// How many texts the person has pasted.
    pub pasted: u32,
    /// Why the newest pasted text does not help, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paste_refused: Option<String>,
    /// How many sign-ins are before this one, while it waits for a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<u32>,
    /// The machine, while the session has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineId>,
    /// What was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
}

/// One event of a session's stream. `id` is the SSE event id: 1 for the first, without gaps; a reader goes on
/// after a break with `Last-Event-ID`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionEvent {
    /// Its place in the session's log.
    pub id: u32,
    /// When it happened, by the controller's clock.
    pub at: UnixMillis,
    /// What happened.
    #[serde(flatten)]
    pub kind: SessionEventKind,
}

/// The event `place` of a session's stream, while the session waits for a place: where it stands now. It is told when it
/// changes, and belongs to no log, so that it has no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueuePlace {
    /// How many sign-ins are before this one.
    pub ahead: u32,
}

/// What happened in a session. The stream's reader applies each to its [`SessionView`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SessionEventKind {
    /// The state changed; `reason` is set exactly when it is terminal.
    State {
        /// The new state.
        state: SessionState,
        /// Why it ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// A step was reached.
    Step {
        /// Which.
        step: Step,
    },
    /// A new offer was stored; the epochs before it are superseded.
    Epoch {
        /// Its number.
        epoch: Epoch,
    },
    /// The epoch's answer is stored and can be read.
    Answer {
        /// Its number.
        epoch: Epoch,
    },
    /// A stage of the epoch's connection has taken too long.
    Trouble {
        /// Its number.
        epoch: Epoch,
        /// Which stage.
        trouble: ConnectionTrouble,
    },
    /// The sign-in URL is known, or a better one is.
    Url {
        /// The URL and its source.
        #[serde(rename = "loginUrl")]
        login_url: LoginUrl,
    },
    /// The device code is known, or a new one is.
    DeviceCode {
        /// Code and URL.
        #[serde(rename = "deviceCode")]
        device_code: DeviceCode,
    },
    /// The person has pasted a text, which the CLI is given.
    Pasted {
        /// How many by now.
        count: u32,
    },
    /// The newest pasted text does not help.
    PasteRefused {
        /// Why, and what to do.
        detail: String,
    },
    /// The credential was saved.
    Credential {
        /// Its id.
        credential: CredentialId,
    },
}
