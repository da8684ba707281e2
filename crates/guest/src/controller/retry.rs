//! When a call is tried again, and after how long. Pure.

use std::time::Duration;

use reqwest::StatusCode;

/// The first pause: a controller that was only busy is there again.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause. The page wants its picture back within two seconds of the controller's return, and a
/// refused connection on the host's own network costs next to nothing.
const LONGEST: Duration = Duration::from_millis(500);

/// Pauses that double up to a bound.
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { pause: FIRST }
    }
}

impl Backoff {
    /// The pause before the next try.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        pause
    }
}

/// Whether an answer says no more than "not now".
pub(super) fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_stay_there() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = std::iter::repeat_with(|| backoff.next().as_millis()).take(6).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 500, 500]);
    }

    #[test]
    fn only_answers_without_a_decision_are_tried_again() {
        for (status, busy) in [(200, false), (204, false), (401, false), (409, false), (410, false), (422, false)] {
            assert_eq!(is_busy(StatusCode::from_u16(status).unwrap()), busy, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(is_busy(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
