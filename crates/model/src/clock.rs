//! Time without a clock. A session's behaviour depends on time in one place only: which wait a tick finds to be over.
//! So all times in a state are one constant, and each wait may be the one that is over: [`lapses`] asks the session
//! itself, by making the times of its waits old one after the other.
//!
//! `model_tests.rs` holds that nothing is lost by it: sessions that differ in times only decide alike, and whatever a
//! tick at any time does is among the lapses.

use anteroom_protocol::UnixMillis;
use anteroom_session::{Decision, Phase, Session};
use serde_json::Value;

/// The one time.
pub(crate) const NOW: UnixMillis = UnixMillis(1_000_000_000_000);
/// Longer ago than any deadline.
const LONG_MS: i64 = 10_000_000_000;

/// The session with all its times made one, its event numbers left out, and sets that are kept as lists in order:
/// nothing of that is decided on. It goes through JSON, because some of it is nobody's but the session's.
pub(crate) fn without_times(session: &Session) -> (Session, String) {
    let mut value = serde_json::to_value(session).expect("a session is JSON");
    normalise(&mut value);
    let key = value.to_string();
    (serde_json::from_value(value).expect("it is still a session"), key)
}

fn normalise(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| match name.as_str() {
            "since" | "stage_since" | "at" | "created_at" => *field = NOW.0.into(),
            "resumed_at" => *field = Value::Null,
            "last_event" => *field = 0.into(),
            "steps" | "seen" | "superseded" => {
                normalise(field);
                if let Value::Array(items) = field {
                    items.sort_by_cached_key(Value::to_string);
                }
            }
            _ => normalise(field),
        }),
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Everything that time alone can do to this session now: each decision of a tick, with each of its waits in turn
/// being the one that ends first.
pub(crate) fn lapses(session: &Session) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for old in 0..8u8 {
        let aged = aged(session, old);
        for at in [aged.next_tick(), aged.deadline()].into_iter().flatten() {
            if let Ok(decision @ Decision::Changed(_)) = aged.handle(anteroom_session::Input::Tick, at) {
                decisions.push(decision);
            }
        }
    }
    decisions
}

/// The session with some of its waits begun long ago: bit 0 the phase's, bit 1 the epoch's, bit 2 the stage's.
fn aged(session: &Session, old: u8) -> Session {
    let mut aged = session.clone();
    let ago = |bit: u8, at: &mut UnixMillis| {
        if old & 1 << bit != 0 {
            *at = at.plus_ms(-LONG_MS);
        }
    };
    ago(0, &mut aged.created_at);
    match &mut aged.phase {
        Phase::Queued { since }
        | Phase::Starting { since, .. }
        | Phase::SigningIn { since }
        | Phase::Saving { since } => ago(0, since),
        Phase::WaitingForOffer | Phase::Ended(_) => {}
    }
    if let Some(epoch) = &mut aged.epoch {
        ago(1, &mut epoch.since);
        ago(2, &mut epoch.stage_since);
    }
    aged
}
