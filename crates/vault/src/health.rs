//! Whether a credential works, as far as is known without asking anybody.

use anteroom_protocol::{UnixMillis, credential::Health};

/// A person is told of an expiry so long before at the most.
const EXPIRING_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// And in the last of so many parts of its life: one that lives for hours is not always about to expire.
const EXPIRING_PART: i64 = 10;

/// What is known of a credential's newest version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// When it was saved.
    pub saved_at: UnixMillis,
    /// When it stops working for good, where it says so.
    pub expires_at: Option<UnixMillis>,
    /// What was seen of it that says that it does not work.
    pub trouble: Option<&'a str>,
}

/// Whether it works, and what is to be said of it.
#[must_use]
pub fn health(known: Known<'_>, now: UnixMillis) -> (Health, Option<String>) {
    if let Some(trouble) = known.trouble {
        return (Health::NeedsSignIn, Some(trouble.to_owned()));
    }
    let Some(expires_at) = known.expires_at else {
        return (Health::Connected, None);
    };
    if expires_at <= now {
        return (Health::NeedsSignIn, Some("It has expired.".to_owned()));
    }
    let life = expires_at.since(known.saved_at).max(0);
    let warned = expires_at.since(now) <= (life / EXPIRING_PART).min(EXPIRING_MS);
    (if warned { Health::Expiring } else { Health::Connected }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    fn health_of(life_ms: i64, age_ms: i64, trouble: Option<&str>) -> Health {
        let saved_at = UnixMillis(1_000_000_000_000);
        let known = Known { saved_at, expires_at: Some(saved_at.plus_ms(life_ms)), trouble };
        health(known, saved_at.plus_ms(age_ms)).0
    }

    #[test]
    fn a_credential_expires_in_its_last_tenth_and_at_most_a_week_before_its_end() {
        for (life, age, expected) in [
            (10, 0, Health::Connected),
            (10, 8, Health::Connected),
            (10, 9, Health::Expiring),
            (10, 10, Health::NeedsSignIn),
            (10, 11, Health::NeedsSignIn),
            (365 * 24, (365 - 8) * 24, Health::Connected),
            (365 * 24, (365 - 7) * 24, Health::Expiring),
            (-1, 0, Health::NeedsSignIn),
        ] {
            assert_eq!(health_of(life * HOUR_MS, age * HOUR_MS, None), expected, "{age} of {life} hours");
        }
    }

    #[test]
    fn one_that_does_not_say_when_it_expires_is_connected_until_something_is_seen() {
        let known = Known { saved_at: UnixMillis(0), expires_at: None, trouble: None };
        assert_eq!(health(known, UnixMillis(i64::MAX)), (Health::Connected, None));
        let known = Known { trouble: Some("it was blanked"), ..known };
        assert_eq!(health(known, UnixMillis(0)), (Health::NeedsSignIn, Some("it was blanked".to_owned())));
        assert_eq!(health_of(10, 1, Some("it was blanked")), Health::NeedsSignIn);
    }
}
