//! Who has clicked and sees no picture yet. While there is somebody, the pool is not filled: a machine that starts takes the
//! processors that theirs needs. Known by this controller only, for as long as it runs.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anteroom_protocol::SessionId;
use tokio::time::Instant;

/// How long the pool waits for those who began in the meantime, all together: where somebody clicks every second, it is filled
/// nevertheless.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub(crate) struct Starting {
    group: Mutex<Option<Group>>,
}

/// Those who are waited for, and until when.
#[derive(Debug)]
struct Group {
    sessions: BTreeSet<SessionId>,
    until: Instant,
}

impl Starting {
    /// Somebody waits for a picture from now on.
    pub(crate) fn begin(&self, session: &SessionId, now: Instant) {
        let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let group = group.get_or_insert_with(|| Group { sessions: BTreeSet::new(), until: now + PATIENCE });
        group.sessions.insert(session.clone());
    }

    /// They have it, or have ended. Whether nobody waits any more who did until now.
    pub(crate) fn end(&self, session: &SessionId) -> bool {
        let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let was_last = group.as_mut().is_some_and(|group| group.sessions.remove(session) && group.sessions.is_empty());
        if was_last {
            *group = None;
        }
        was_last
    }

    /// Until when somebody is waited for at most; none when the pool may be filled now.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        if group.as_ref().is_some_and(|group| now >= group.until) {
            *group = None;
        }
        group.as_ref().map(|group| group.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u8) -> SessionId {
        SessionId::from_random([number; 16])
    }

    #[test]
    fn nobody_is_waited_for_when_all_have_their_picture() {
        let (starting, now) = (Starting::default(), Instant::now());
        assert_eq!(starting.until(now), None);
        starting.begin(&session(1), now);
        starting.begin(&session(2), now);
        assert!(!starting.end(&session(1)));
        assert_eq!(starting.until(now), Some(now + PATIENCE));
        assert!(starting.end(&session(2)));
        assert_eq!(starting.until(now), None);
        assert!(!starting.end(&session(2)), "that was told before");
    }

    #[test]
    fn who_begins_later_makes_nobody_wait_longer() {
        let (starting, now) = (Starting::default(), Instant::now());
        starting.begin(&session(1), now);
        starting.begin(&session(2), now + PATIENCE / 2);
        assert_eq!(starting.until(now + PATIENCE / 2), Some(now + PATIENCE));
        assert_eq!(starting.until(now + PATIENCE), None);
        assert!(!starting.end(&session(2)));
        starting.begin(&session(3), now + PATIENCE);
        assert_eq!(starting.until(now + PATIENCE), Some(now + PATIENCE * 2));
    }
}
