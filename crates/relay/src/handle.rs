//! Whom a credential belongs to: a session, or a ticket from before there is one.

use std::{fmt, str::FromStr};

use anteroom_protocol::{SessionId, TicketId};

/// The second half of a username, `s-ses_...` or `t-tic_...`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handle {
    /// A session that exists.
    Session(SessionId),
    /// Given to a page before its click, bound to the session when the click has stored its offer.
    Ticket(TicketId),
}

/// Why a text is no handle. The text itself is not repeated: it comes from strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a relay handle: expected s- and a session id, or t- and a ticket id")]
pub struct InvalidHandle;

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(id) => write!(f, "s-{id}"),
            Self::Ticket(id) => write!(f, "t-{id}"),
        }
    }
}

impl FromStr for Handle {
    type Err = InvalidHandle;

    fn from_str(text: &str) -> Result<Self, InvalidHandle> {
        if let Some(id) = text.strip_prefix("s-") {
            id.parse().map(Self::Session).map_err(|_| InvalidHandle)
        } else if let Some(id) = text.strip_prefix("t-") {
            id.parse().map(Self::Ticket).map_err(|_| InvalidHandle)
        } else {
            Err(InvalidHandle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_as_itself() {
        for handle in [Handle::Session(SessionId::from_random([3; 16])), Handle::Ticket(TicketId::from_random([9; 16]))]
        {
            assert_eq!(handle.to_string().parse(), Ok(handle));
        }
    }

    #[test]
    fn handles_of_another_form_are_refused() {
        let id = SessionId::from_random([3; 16]);
        for text in ["", "s-", "t-", &id.to_string(), &format!("t-{id}"), &format!("s-{id}x"), &format!("S-{id}")] {
            assert_eq!(text.parse::<Handle>(), Err(InvalidHandle), "{text}");
        }
    }
}
