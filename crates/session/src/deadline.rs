//! How long each party may take. Every wait of a session ends, each with its own reason.

use anteroom_protocol::{
    UnixMillis,
    session::{ConnectionState, ConnectionTrouble, ReasonCode},
};
use serde::{Deserialize, Serialize};

use crate::session::{Phase, Session};

/// The deadlines of one session, fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// From the creation to the first offer. A page makes one within a second; a program may wait for a person.
    pub offer_ms: i64,
    /// From the offer to a place for a machine, when all are taken. A place becomes free with each sign-in that ends, which
    /// takes some minutes; a person does not wait for longer, nor do the page's relay credentials (15 min).
    #[serde(default = "default_queue_ms")]
    pub queue_ms: i64,
    /// From the place to a machine. A sandbox takes 0.1 s, a virtual machine without KVM up to 30 s.
    pub machine_ms: i64,
    /// From the machine to the agent's first word.
    pub agent_ms: i64,
    /// From offer and agent to the answer. Measured: 2 s for the slowest engine in a fresh process.
    pub answer_ms: i64,
    /// From the agent's first word to the CLI's end: the person's time, from the provider's file.
    pub sign_in_ms: i64,
    /// From the CLI's end to the credential in the vault; of a run, from the wish to stop it to its CLI's end.
    pub saving_ms: i64,
    /// Of a run: how long it waits for somebody who uses it.
    #[serde(default)]
    pub idle_ms: i64,
}

/// Also of sessions that an earlier release has stored.
fn default_queue_ms() -> i64 {
    10 * 60 * 1000
}

impl Deadlines {
    /// The defaults, with the provider's time for the person.
    #[must_use]
    pub fn for_sign_in(timeout_seconds: u32) -> Self {
        Self {
            offer_ms: 60_000,
            queue_ms: default_queue_ms(),
            machine_ms: 60_000,
            agent_ms: 30_000,
            answer_ms: 30_000,
            sign_in_ms: i64::from(timeout_seconds) * 1000,
            saving_ms: 60_000,
            idle_ms: 0,
        }
    }

    /// The defaults of a run, which ends when nobody has used it for so long.
    #[must_use]
    pub fn for_run(idle_ms: i64) -> Self {
        Self { saving_ms: 20_000, idle_ms, ..Self::for_sign_in(0) }
    }
}

/// From the answer to a path. Checks on loopback or in a LAN take milliseconds, through a relay a second.
pub const ICE_MS: i64 = 10_000;
/// From a path to DTLS (invariant seen-is-connected).
pub const DTLS_MS: i64 = 5_000;
/// From DTLS to a decoded frame: the guest sends a keyframe as soon as DTLS is up.
pub const FRAME_MS: i64 = 5_000;

/// A stage of a connection that has no name for its delay yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) until: UnixMillis,
    pub(crate) trouble: ConnectionTrouble,
}

/// The present stage of the newest epoch's connection, unless it is named already, has ended well, or there is
/// nobody to wait for: no answer yet, or no session any more.
pub(crate) fn stage(session: &Session) -> Option<Stage> {
    let epoch = session.epoch.as_ref()?;
    if session.end().is_some() || epoch.answer_digest.is_none() || epoch.trouble.is_some() {
        return None;
    }
    let (ms, trouble) = match epoch.connection {
        ConnectionState::New => (ICE_MS, ConnectionTrouble::IceTimeout),
        ConnectionState::IceConnected => (DTLS_MS, ConnectionTrouble::DtlsTimeout),
        ConnectionState::DtlsConnected => (FRAME_MS, ConnectionTrouble::FrameTimeout),
        ConnectionState::FrameDecoded => return None,
    };
    let since = session.resumed_at.map_or(epoch.stage_since, |at| at.max(epoch.stage_since));
    Some(Stage { until: since.plus_ms(ms), trouble })
}

/// A wait that has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) until: UnixMillis,
    pub(crate) code: ReasonCode,
    pub(crate) detail: &'static str,
}

/// The wait that ends first, if any. What machine and agent must do is counted from the controller's return
/// when it was away; the person's own time is not.
pub(crate) fn first(session: &Session) -> Option<Wait> {
    let d = session.deadlines;
    let resumed = |since: UnixMillis| session.resumed_at.map_or(since, |at| at.max(since));
    match session.phase {
        Phase::WaitingForOffer => Some(Wait {
            until: session.created_at.plus_ms(d.offer_ms),
            code: ReasonCode::OfferTimeout,
            detail: "No page sent an offer for this sign-in in time. Open it in the page, or start again.",
        }),
        Phase::Queued { since } => Some(Wait {
            until: resumed(since).plus_ms(d.queue_ms),
            code: ReasonCode::NoCapacity,
            detail: "All places for machines were taken, and none became free in time. Try again later.",
        }),
        Phase::Starting { since, created: false } => Some(Wait {
            until: resumed(since).plus_ms(d.machine_ms),
            code: ReasonCode::MachineTimeout,
            detail: "The machine was not made in time. Try again; the server's log says what it waited for.",
        }),
        Phase::Starting { since, created: true } => Some(Wait {
            until: resumed(since).plus_ms(d.agent_ms),
            code: ReasonCode::AgentTimeout,
            detail: "The machine runs but its agent did not report in time. Try again; the machine's log says more.",
        }),
        Phase::SigningIn { since } if session.run.is_some() => Some(of_run(session, resumed(since))),
        Phase::SigningIn { since } => {
            let person = Wait {
                until: since.plus_ms(d.sign_in_ms),
                code: ReasonCode::SignInTimeout,
                detail: "The sign-in was not finished in the time that this provider has. Start again when you are ready.",
            };
            let answer = session.epoch.as_ref().filter(|epoch| epoch.answer_digest.is_none()).map(|epoch| Wait {
                until: resumed(since.max(epoch.since)).plus_ms(d.answer_ms),
                code: ReasonCode::AnswerTimeout,
                detail: "The machine did not answer the page's offer in time. Try again; the machine's log says more.",
            });
            [Some(person), answer].into_iter().flatten().min_by_key(|wait| wait.until)
        }
        Phase::Saving { since } => Some(Wait {
            until: resumed(since).plus_ms(d.saving_ms),
            code: ReasonCode::CredentialMissing,
            detail: "The CLI ended well, but its credential did not reach the vault in time. Sign in again.",
        }),
        Phase::Ended(_) => None,
    }
}

/// A run's own waits while its agent is there: for the CLI's start, then for somebody who uses it.
fn of_run(session: &Session, since: UnixMillis) -> Wait {
    let d = session.deadlines;
    match session.run.as_ref().filter(|run| run.started_at.is_some()) {
        None => Wait {
            until: since.plus_ms(d.agent_ms),
            code: ReasonCode::AgentTimeout,
            detail: "The machine's agent did not start the CLI in time. Try again; the machine's log says more.",
        },
        Some(run) => Wait {
            until: since.max(run.used_at).plus_ms(d.idle_ms),
            code: ReasonCode::Idle,
            detail: "Nobody used this run for as long as a run waits. Open it again when you are ready.",
        },
    }
}
