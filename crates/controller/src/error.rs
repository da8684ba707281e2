//! Why a use case did not do what it was asked. How each becomes HTTP stands in `http::problems`.

use anteroom_machines::OperationError;
use anteroom_protocol::{ProviderId, SessionId, run::LeaseHolder, sdpfrag::InvalidFragment, signaling::InvalidSignal};
use anteroom_session::{Refusal, view::ViewRefusal};
use anteroom_store::{Full, StoreError};
use anteroom_vault::sealed::OpenError;

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noun {
    /// A session.
    Session,
    /// A credential.
    Credential,
    /// A view-only connection.
    View,
    /// A machine, or what was kept of one.
    Machine,
    /// A run.
    Run,
    /// A personal token.
    Token,
    /// An address of the API, or a file of the page.
    Address,
}

/// Why a use case did not do what it was asked. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none, or it is somebody else's: nobody learns which.
    #[error("there is no such {0:?} of yours")]
    NotFound(Noun),
    /// The caller's token opens nothing any more.
    #[error("the token opens nothing any more")]
    NoAccess,
    /// This is for the administrator.
    #[error("this is for the administrator")]
    NotAdministrator,
    /// The driver failed.
    #[error(transparent)]
    Driver(#[from] OperationError),
    /// The driver did not answer.
    #[error("the driver did not answer in time")]
    DriverTimedOut,
    /// The session does not take this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The session's views don't take this.
    #[error(transparent)]
    View(#[from] ViewRefusal),
    /// A fragment with candidates that can't be one.
    #[error(transparent)]
    Fragment(#[from] InvalidFragment),
    /// A signaling object that can't be one.
    #[error("{field}: {problem}")]
    Signal {
        /// Its path in the request.
        field: String,
        /// What is wrong.
        #[source]
        problem: InvalidSignal,
    },
    /// A value of the request that can't be taken.
    #[error("{field}: {problem}")]
    Invalid {
        /// Its path in the request.
        field: String,
        /// What is wrong with it, and what is taken.
        problem: String,
    },
    /// No file describes this provider.
    #[error("there is no provider {0}")]
    UnknownProvider(ProviderId),
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// A request with the same idempotency key has made this session at the same time.
    #[error("this request has made session {0} before")]
    Repeated(SessionId),
    /// There are as many machines, or sessions that wait for one, as there may be.
    #[error("there is no place: {0}")]
    NoCapacity(Full),
    /// What the CLI left is not worth keeping; the session has ended by it.
    #[error("the credential is refused: {0}")]
    CredentialRefused(String),
    /// Another run of the person holds the credential.
    #[error("run {} holds the credential", .0.run_id)]
    CredentialInUse(LeaseHolder),
    /// Nothing is connected.
    #[error("nothing is connected for {0}")]
    NotConnected(ProviderId),
    /// The person has as many tokens as one may.
    #[error("there are {0} tokens already")]
    TooManyTokens(u32),
    /// The provider's file does not say how its credential is checked.
    #[error("{0} has no check")]
    NotCheckable(ProviderId),
    /// There is no such version (any more), or it is the newest.
    #[error("there is no version {0} to go back to")]
    NoSuchVersion(u32),
    /// The run's output is a terminal's.
    #[error("the run has a terminal")]
    HasTerminal,
    /// The CLI takes no prompts.
    #[error("{0} takes no prompts")]
    NoPrompts(ProviderId),
    /// The server stops.
    #[error("the server stops")]
    Closing,
    /// The provider's file says nothing of runs.
    #[error("{0} has no runs")]
    NotRunnable(ProviderId),
    /// What a run made of its credential is not taken; the stored one stays.
    #[error("the run's credential is not taken: {0}")]
    NotWrittenBack(String),
    /// The stored credential does not open.
    #[error("the stored credential does not open")]
    NotOpened(#[source] OpenError),
    /// Others changed the session each time that this was decided.
    #[error("the session was changed {0} times while this was decided")]
    Busy(u32),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
