//! How everything that goes wrong looks on the wire: one place, one shape (RFC 9457). A detail says what was tried and
//! what to do; it repeats no value that came from outside.

use anteroom_protocol::{
    Epoch, access::Scope, problem::Problem, run::LeaseHolder, sdpfrag::InvalidFragment, session::Reason,
    signaling::InvalidSignal,
};
use anteroom_session::{Refusal, view::ViewRefusal};
use anteroom_store::Full;
use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{Error, error::Noun};

/// The kind of what an agent is told whose machine is kept; it looks for it.
const KEPT: &str = "kept";
/// After how many seconds a program may try again what failed for want of room.
const RETRY_AFTER_S: u32 = 5;
/// A picture is there a second after the click, on a warm host.
const PICTURE_AFTER_S: u32 = 1;

/// A refused request.
#[derive(Debug)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    retry_after_s: Option<u32>,
}

/// What every handler returns.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        let problem = Box::new(Problem {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            epoch: None,
            reason: None,
            holder: None,
        });
        let retry_after_s = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(RETRY_AFTER_S);
        Self { problem, retry_after_s }
    }

    fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    fn epoch(mut self, epoch: Epoch) -> Self {
        self.problem.epoch = Some(epoch);
        self
    }

    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.problem.field = Some(field.into());
        self
    }

    fn holder(mut self, holder: LeaseHolder) -> Self {
        self.problem.holder = Some(holder);
        self
    }

    fn reason(mut self, reason: Reason) -> Self {
        self.problem.reason = Some(reason);
        self
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = serde_json::to_vec(&*self.problem).expect("a problem has text and numbers only");
        let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (status, media_type, body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(noun) => not_found(noun),
            Error::NoAccess => no_access(),
            Error::NotAdministrator => not_administrator(),
            Error::Refused(refusal) => refused(refusal),
            Error::View(refusal) => view_refused(refusal),
            Error::Fragment(problem) => fragment(&problem),
            Error::Signal { field, problem } => signal(&problem).field(field),
            Error::Invalid { field, problem } => invalid(problem).field(field),
            Error::UnknownProvider(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unknown-provider",
                "Unknown provider",
                "No provider has this id; GET /api/providers lists them.",
            )
            .field("provider"),
            Error::KeyReused | Error::Repeated(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-reused",
                "Idempotency key used for another request",
                "This Idempotency-Key came with another request before. Use a new key for each.",
            )
            .field("Idempotency-Key"),
            Error::NoCapacity(full) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "no-capacity",
                "No place for another machine",
                match full {
                    Full::Machines => "All places for machines are taken. Try again when a sign-in has ended.",
                    Full::Owner => "You have as many machines as one person may. End a sign-in, or try again later.",
                    Full::Queue => {
                        "All places for machines are taken, and as many sign-ins wait for one as may. Try again later."
                    }
                },
            ),
            Error::CredentialRefused(problem) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "credential-refused",
                "The credential is not kept",
                format!("{problem}. The stored one, if any, stays."),
            ),
            Error::CredentialInUse(holder) => Self::new(
                StatusCode::CONFLICT,
                "credential-in-use",
                "Another run uses the credential",
                "Another run of yours uses this credential, which changes with its use and has one holder at a time. Stop that \
                 run, or take the credential over with takeOver.",
            )
            .holder(holder),
            Error::NotConnected(_) => Self::new(
                StatusCode::CONFLICT,
                "not-connected",
                "Not connected",
                "Nothing is connected for this provider. Sign in first.",
            )
            .field("provider"),
            Error::NotRunnable(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-runnable",
                "The provider has no runs",
                "The provider's file says nothing of how its CLI is run: add [run] with a command to it.",
            )
            .field("provider"),
            Error::TooManyTokens(max) => Self::new(
                StatusCode::CONFLICT,
                "too-many-tokens",
                "Too many tokens",
                format!("You have {max} tokens. Revoke one that is not used any more."),
            ),
            Error::HasTerminal => Self::new(
                StatusCode::CONFLICT,
                "has-terminal",
                "The run has a terminal",
                "What it writes is drawn on its terminal, at /api/runs/{id}/terminal. Start a run with terminal: false.",
            ),
            Error::NoPrompts(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "no-prompts",
                "The provider takes no prompts",
                "The provider's file does not say how its CLI answers one prompt: send arguments, or add prompt to its [run].",
            )
            .field("prompt"),
            Error::Closing => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "closing",
                "The server stops",
                "The server is being stopped. Ask again when it is back.",
            ),
            Error::NotCheckable(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "not-checkable",
                "The provider has no check",
                "The provider's file does not say how the CLI is asked: add check to its [run].",
            ),
            Error::NoSuchVersion(version) => Self::new(
                StatusCode::CONFLICT,
                "no-such-version",
                "No such version",
                format!("There is no version {version} to go back to: it is the newest, or is not kept any more."),
            )
            .field("version"),
            Error::NotWrittenBack(problem) => Self::new(
                StatusCode::CONFLICT,
                "not-written-back",
                "The credential is not kept",
                format!("The run's credential is not taken: {problem}."),
            ),
            Error::NotOpened(_) => Self::new(
                StatusCode::CONFLICT,
                "not-opened",
                "The credential does not open",
                "The stored credential does not open with the keys that the server has. Whoever runs it finds more in its log.",
            ),
            Error::Driver(_) | Error::DriverTimedOut => driver_failed(&error),
            Error::Busy(_) | Error::Store(_) => unavailable(&error),
        }
    }
}

/// Logged here, where it is handled: the caller learns that it may try again, the operator learns why.
fn unavailable(error: &Error) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, "a request could not be carried out");
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "The controller can't do this now",
        "The database did not take or give what was asked; nothing was changed. Try again; the server's log says more.",
    )
}

fn driver_failed(error: &Error) -> Failure {
    tracing::error!(error = error as &dyn std::error::Error, "the driver does not say what a machine wrote");
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "driver-failed",
        "The driver does not answer",
        "The host did not give the machine's log. Try again; the server's log says more.",
    )
}

fn not_administrator() -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        "administrator-only",
        "For the administrator",
        "Machines of all people are shown to the administrator of this server only.",
    )
}

fn not_found(noun: Noun) -> Failure {
    let detail = match noun {
        Noun::Session => "There is no such session of yours.",
        Noun::Credential => "There is no such credential of yours.",
        Noun::Run => "There is no such run of yours.",
        Noun::View => "There is no such view of this session.",
        Noun::Machine => {
            "There is no such machine, and no log of it: logs are kept of the last machines that failed, and of no other."
        }
        Noun::Token => "There is no such token of yours.",
        Noun::Address => "There is nothing at this address; /api/openapi.json lists what there is.",
    };
    Failure::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
}

fn refused(refusal: Refusal) -> Failure {
    let conflict = |kind, title, detail: &str| Failure::new(StatusCode::CONFLICT, kind, title, detail);
    match refusal {
        Refusal::Ended(reason) => {
            Failure::new(StatusCode::GONE, "ended", "The session has ended", reason.detail.clone()).reason(reason)
        }
        Refusal::TakenOver { current } => conflict(
            "taken-over",
            "Shown elsewhere",
            "Another page has taken this desktop over. To take it back, offer again with `epoch` as `after`.",
        )
        .epoch(current),
        Refusal::StaleEpoch { current } => conflict(
            "stale-epoch",
            "Superseded epoch",
            "A newer offer has superseded this epoch. Go on with the current one.",
        )
        .epoch(current),
        Refusal::NoSuchEpoch { current } => conflict(
            "no-such-epoch",
            "No such epoch",
            "The session has no such epoch yet. Use the number that came with the offer.",
        )
        .epoch(current),
        Refusal::AnotherOffer { current } => conflict(
            "another-offer",
            "Answer to another offer",
            "The answer's offerDigest is not that of the epoch's offer. Answer the offer that is stored.",
        )
        .epoch(current),
        Refusal::AlreadyAnswered { current } => conflict(
            "already-answered",
            "Already answered",
            "The epoch has another answer already, and takes one only. Wait for a newer offer.",
        )
        .epoch(current),
        Refusal::NotAnswered { current } => conflict(
            "not-answered",
            "Not answered yet",
            "The epoch has no answer yet, so nobody can be connected by it.",
        )
        .epoch(current),
        Refusal::CandidatesComplete => conflict(
            "candidates-complete",
            "Candidates are complete",
            "End-of-candidates was said in this epoch before.",
        ),
        Refusal::TooManyCandidates => conflict(
            "too-many-candidates",
            "Too many candidates",
            "The epoch's candidate log is full. Make a new offer.",
        ),
        Refusal::TooManyEpochs => {
            conflict("too-many-epochs", "Too many epochs", "The session has had too many offers. Start a new sign-in.")
        }
        Refusal::NotNow => conflict(
            "not-now",
            "Not in this state",
            "This can't happen in the session's present state; GET /api/session/{id} shows it.",
        ),
        Refusal::NoDesktop => conflict(
            "no-desktop",
            "There is no desktop",
            "This sign-in takes place in the person's own browser; its machine has no desktop to show.",
        ),
        Refusal::TooManyPastes => conflict(
            "too-many-pastes",
            "Pasted too often",
            "The session has been given too many texts. Start a new sign-in.",
        ),
        Refusal::TooManyWriteBacks => conflict(
            "too-many-versions",
            "Too many versions",
            "The run has changed its credential as often as one may. Open a new run.",
        ),
        Refusal::Saving => conflict(
            "saving",
            "The credential is being saved",
            "The CLI has signed in and its credential is being saved: too late to cancel.",
        ),
    }
}

fn view_refused(refusal: ViewRefusal) -> Failure {
    match refusal {
        ViewRefusal::Session(refusal) => refused(refusal),
        ViewRefusal::Signal(problem) => signal(&problem),
        ViewRefusal::NoPicture => Failure::new(
            StatusCode::CONFLICT,
            "no-picture",
            "No picture yet",
            "The machine shows nothing yet. Try again after the seconds of Retry-After.",
        )
        .retry_after(PICTURE_AFTER_S),
        ViewRefusal::Unusable { detail } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unusable-offer",
            "The offer asks for nothing that the machine has",
            format!("The machine can't send what the offer asks for: {detail}"),
        ),
        ViewRefusal::NoAnswer => Failure::new(
            StatusCode::GATEWAY_TIMEOUT,
            "no-answer",
            "The machine did not answer",
            "The machine did not answer the offer in time. Make a new offer.",
        )
        .retry_after(RETRY_AFTER_S),
        ViewRefusal::TooMany => Failure::new(
            StatusCode::CONFLICT,
            "too-many-views",
            "Too many views",
            "The session has been viewed too often. Start a new sign-in.",
        ),
        ViewRefusal::Closed => {
            Failure::new(StatusCode::GONE, "view-closed", "The view is over", "The view is over. Make a new offer.")
        }
        ViewRefusal::AnotherOffer => Failure::new(
            StatusCode::CONFLICT,
            "another-offer",
            "Answer to another offer",
            "The answer's offerDigest is not that of the view's offer. Answer the offer that is stored.",
        ),
        ViewRefusal::AlreadyAnswered => Failure::new(
            StatusCode::CONFLICT,
            "already-answered",
            "Already answered",
            "The view has another answer already, and takes one only.",
        ),
        ViewRefusal::NoTag => Failure::new(
            StatusCode::PRECONDITION_REQUIRED,
            "tag-required",
            "If-Match is missing",
            "Send If-Match with the ETag that came with the view.",
        ),
        ViewRefusal::AnotherTag => Failure::new(
            StatusCode::PRECONDITION_FAILED,
            "another-tag",
            "Another ICE session",
            "If-Match names another ICE session than the view's. Send the ETag that came with the view.",
        ),
        ViewRefusal::IceRestart => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no-ice-restart",
            "ICE is not restarted here",
            "The fragment belongs to another ICE session. Views don't restart ICE: make a new offer with POST, and DELETE this \
             view.",
        ),
    }
}

fn fragment(problem: &InvalidFragment) -> Failure {
    match problem {
        InvalidFragment::Candidates(problem) => signal(problem),
        InvalidFragment::TooLong { .. }
        | InvalidFragment::NotALine { .. }
        | InvalidFragment::Value { .. }
        | InvalidFragment::TwoSessions => {
            let detail = format!("The body can't be read: {problem}.");
            Failure::new(StatusCode::BAD_REQUEST, "malformed", "The request is malformed", detail)
        }
    }
}

fn signal(problem: &InvalidSignal) -> Failure {
    match problem {
        InvalidSignal::SdpTooLong { .. } | InvalidSignal::SdpLacks { .. } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-sdp",
            "Not a session description",
            format!("{problem}."),
        ),
        InvalidSignal::CandidateTooLong { .. }
        | InvalidSignal::NotACandidate
        | InvalidSignal::TooManyCandidates { .. } => Failure::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-candidates",
            "Not candidates",
            format!("{problem}."),
        ),
    }
}

fn invalid(problem: impl std::fmt::Display) -> Failure {
    Failure::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "invalid-value",
        "A value can't be taken",
        format!("The value {problem}."),
    )
}

/// For the agent of a machine that stays for a look.
pub(crate) fn kept(reason: Reason) -> Failure {
    let detail = "The session has failed, and the machine is kept for a look: it stays as it is.";
    Failure::new(StatusCode::GONE, KEPT, "The machine is kept", detail).reason(reason)
}

/// Neither cookie nor token, or one that opens nothing.
pub(crate) fn no_access() -> Failure {
    Failure::new(
        StatusCode::UNAUTHORIZED,
        "no-access",
        "No access",
        "This call needs the owner's cookie or token. Run `anteroom link` and open the link that it prints.",
    )
}

/// The token opens something, but not this.
pub(crate) fn scope_missing(scope: Scope) -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        "scope-missing",
        "The token does not open this",
        format!("This call needs a token with the scope `{scope}`. Make one on the page, or with `anteroom token`."),
    )
}

/// A page of another site has sent this.
pub(crate) fn foreign_origin() -> Failure {
    Failure::new(
        StatusCode::FORBIDDEN,
        "foreign-origin",
        "Not from this page",
        "Calls that change something need an Origin header that names this server. Open Anteroom's own page.",
    )
}

/// The Host header names something else (DNS rebinding, or a proxy that is not configured).
pub(crate) fn foreign_host() -> Failure {
    Failure::new(
        StatusCode::MISDIRECTED_REQUEST,
        "foreign-host",
        "Another host's name",
        "This server does not answer under the name in the Host header. Add it to allowed_hosts if it is right.",
    )
}

/// The route exists, with other methods.
pub(crate) async fn method_not_allowed(method: Method) -> Failure {
    let detail = format!("{method} is none of this address's methods; the Allow header lists them.");
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
}

/// No route.
pub(crate) async fn no_such_address() -> Failure {
    not_found(Noun::Address)
}

/// One of the parts that a request needs does not answer.
pub(crate) fn not_ready(part: &str) -> Failure {
    let detail = format!("The {part} does not answer. The server's log says more.");
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready", detail)
}

pub(crate) fn missing(noun: Noun) -> Failure {
    not_found(noun)
}
