//! Ends waits: one task ticks each session at its deadline. Commits tell it the deadlines; a sweep reads them from the
//! store again, because the clock may be set and another controller may have committed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_protocol::{SessionId, UnixMillis};
use anteroom_session::{Input, Refusal};
use tokio::sync::Notify;

use crate::{Caller, Controller, Error, pieces::LiveSessions};

/// How often the store is asked again.
const SWEEP: Duration = Duration::from_secs(30);
/// After a failure of the store.
const RETRY_MS: i64 = 1000;

/// The deadlines of all live sessions.
#[derive(Default)]
pub(crate) struct Timer {
    due: Mutex<Due>,
    changed: Notify,
}

/// The same deadlines twice: by session, and in their order. With thousands of sessions nobody walks over all of them.
#[derive(Default)]
struct Due {
    of: BTreeMap<SessionId, UnixMillis>,
    in_order: BTreeSet<(UnixMillis, SessionId)>,
}

impl Due {
    /// Returns the deadline that was there before.
    fn set(&mut self, session: &SessionId, deadline: Option<UnixMillis>) -> Option<UnixMillis> {
        let before = match deadline {
            Some(at) => self.of.insert(session.clone(), at),
            None => self.of.remove(session),
        };
        if before != deadline {
            if let Some(at) = before {
                self.in_order.remove(&(at, session.clone()));
            }
            if let Some(at) = deadline {
                self.in_order.insert((at, session.clone()));
            }
        }
        before
    }
}

impl Timer {
    /// From now on this is the session's deadline; `None` takes the session out.
    pub(crate) fn set(&self, session: &SessionId, deadline: Option<UnixMillis>) {
        if self.lock().set(session, deadline) != deadline {
            self.changed.notify_one();
        }
    }

    fn next(&self) -> Option<UnixMillis> {
        self.lock().in_order.first().map(|(at, _)| *at)
    }

    fn due(&self, now: UnixMillis) -> Vec<SessionId> {
        let due = self.lock();
        due.in_order.iter().take_while(|(at, _)| *at <= now).map(|(_, session)| session.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ticks sessions at their deadlines, for ever.
pub async fn run(controller: Arc<Controller>) {
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let until_next = controller.timer.next().map(|at| wait_ms(at, controller.now()));
        tokio::select! {
            biased;
            _ = sweep.tick() => reread(&controller).await,
            () = controller.timer.changed.notified() => {}
            () = async { match until_next {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            } } => {}
        }
        for session in controller.timer.due(controller.now()) {
            tick(&controller, &session).await;
        }
    }
}

fn wait_ms(at: UnixMillis, now: UnixMillis) -> u64 {
    u64::try_from(at.since(now)).unwrap_or(0)
}

async fn reread(controller: &Controller) {
    let mut live = LiveSessions::of(&*controller.store);
    loop {
        match live.next().await {
            Ok(piece) if piece.is_empty() => return,
            Ok(piece) => {
                for stored in piece {
                    controller.timer.set(&stored.session.id, stored.session.next_tick());
                }
            }
            Err(error) => {
                return tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "deadlines could not be read again; the next sweep reads them"
                );
            }
        }
    }
}

async fn tick(controller: &Controller, session: &SessionId) {
    match controller.decide(&Caller::Controller, session, Input::Tick).await {
        // The commit told the new deadline; where nothing was committed, the deadline here was out of date.
        Ok(decided) => controller.timer.set(session, decided.session.next_tick()),
        Err(Error::Refused(Refusal::Ended(_)) | Error::NotFound(_)) => controller.timer.set(session, None),
        Err(error) => {
            tracing::warn!(%session, error = &error as &dyn std::error::Error, "the session could not be ticked");
            controller.timer.set(session, Some(controller.now().plus_ms(RETRY_MS)));
        }
    }
}
