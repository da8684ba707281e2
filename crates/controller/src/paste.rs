//! What a person brings from their own browser, on its way to the machine: a code, or the address of the CLI's callback. It is
//! sealed while it is stored, reaches the session's own machine and nobody else, and ends with the session.

use std::time::Duration;

use anteroom_protocol::{
    Secret, SessionId, UserId,
    guest::{Paste, Pastes},
    limits,
};
use anteroom_session::{Input, Session};
use anteroom_store::Extras;
use anteroom_vault::{SealedText, TextBinding};
use serde::Deserialize;

use crate::{
    Caller, Controller, Error,
    controller::{MAX_CONFLICTS, Uncommitted},
    ports::random,
};

/// A text that a person pastes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PastedText {
    /// The code that the provider's page shows, or the address of the page that could not be reached; at most 8 KiB.
    #[schema(value_type = String)]
    pub text: Secret<String>,
}

impl Controller {
    /// Takes a text for the CLI.
    ///
    /// # Errors
    /// A text that can't be one, a session that does not wait for any.
    pub async fn paste(&self, user: &UserId, id: &SessionId, pasted: &PastedText) -> Result<(), Error> {
        let text = checked(&pasted.text)?;
        for _ in 0..MAX_CONFLICTS {
            let stored = self.load(&Caller::Person(user.clone()), id).await?;
            let binding = binding(&stored.session, stored.session.pasted + 1);
            let sealed = SealedText::seal(&text, &binding, &self.ring, &random(&*self.entropy));
            let extras = Extras { paste: Some(sealed), ..Extras::default() };
            match self.commit(&stored, Input::Pasted, extras).await {
                Ok(_) => return Ok(()),
                Err(Uncommitted::Conflict) => {}
                Err(Uncommitted::Error(error)) => return Err(error),
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// The guest waits for texts above number `after`. One that does not open any more is left out: the person pastes again.
    pub(crate) async fn next_pastes(
        &self,
        id: &SessionId,
        after: u32,
        wait: Duration,
    ) -> Result<Option<Pastes>, Error> {
        let (mut waiter, deadline) = (self.waiter(id), Self::poll_deadline(wait));
        loop {
            let session = self.going_on(&Caller::Machine(id.clone()), id).await?;
            if session.pasted > after {
                return self.read_pastes(&session, after).await.map(Some);
            }
            if !waiter.changed_before(deadline).await {
                return Ok(None);
            }
        }
    }

    async fn read_pastes(&self, session: &Session, after: u32) -> Result<Pastes, Error> {
        let (mut pastes, mut next) = (Vec::new(), after);
        for (number, sealed) in self.store.pastes(&session.id, after).await? {
            next = number;
            match sealed.open(&binding(session, number), &self.ring) {
                Ok(text) => pastes.push(Paste { number, text }),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(session = %session.id, number, error, "a pasted text does not open");
                }
            }
        }
        Ok(Pastes { pastes, next })
    }
}

fn binding(session: &Session, number: u32) -> TextBinding {
    TextBinding { owner: session.owner.clone(), session: session.id.clone(), number }
}

/// Without what a person marks too much of, and without what a terminal would take for keys.
fn checked(text: &Secret<String>) -> Result<Secret<String>, Error> {
    let text = text.expose().trim();
    let problem = if text.is_empty() {
        "is empty; paste the code, or the address of the page that could not be reached"
    } else if text.len() > limits::MAX_PASTE_BYTES {
        "is longer than 8192 bytes"
    } else if text.chars().any(char::is_control) {
        "has line breaks or control characters; paste the code or the address alone"
    } else {
        return Ok(Secret::new(text.to_owned()));
    };
    Err(Error::Invalid { field: "text".to_owned(), problem: problem.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_loses_the_white_space_around_it_and_nothing_else() {
        let taken = checked(&Secret::new(" \n code#state \r\n".to_owned())).unwrap();
        assert_eq!(taken.expose(), "code#state");
    }

    #[test]
    fn what_a_terminal_takes_for_keys_is_no_text() {
        for bad in ["", "   ", "a\nb", "a\u{3}", "\u{1b}[A", &"x".repeat(limits::MAX_PASTE_BYTES + 1)] {
            assert!(checked(&Secret::new(bad.to_owned())).is_err(), "{bad:?}");
        }
    }
}
