//! What is typed when the CLI asks something on its terminal before it goes on. Pure: time is an argument; what a person pastes is
//! not here.

use std::time::{Duration, Instant};

use anteroom_protocol::provider::Reply;
use regex_lite::Regex;

/// An Enter that changes nothing for so long came before the CLI listened, and is typed again.
const AGAIN: Duration = Duration::from_millis(1500);
/// As often, while the same row stands there.
const MAX_TRIES: u32 = 4;
/// A CLI that asks the same more often goes round in a circle.
const MAX_GIVEN: u32 = 32;

/// The replies of one sign-in.
pub(super) struct Replies(Vec<Prompted>);

struct Prompted {
    prompt: Regex,
    text: String,
    /// The row that it stands in now, since its last reply.
    answered: Option<Answered>,
    given: u32,
}

struct Answered {
    row: String,
    at: Instant,
    tries: u32,
}

impl Replies {
    /// A prompt that is no regular expression is never seen; files with such a one are refused long before.
    pub(super) fn new(replies: Vec<Reply>) -> Self {
        let read = |reply: Reply| {
            let prompt = Regex::new(&reply.prompt).ok()?;
            Some(Prompted { prompt, text: reply.text, answered: None, given: 0 })
        };
        Self(replies.into_iter().filter_map(read).collect())
    }

    /// Whether there is nothing to reply to.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// When [`Replies::to`] may have something to say though the screen stays as it is.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.0.iter().filter_map(Prompted::due_at).min()
    }

    /// What is typed now, Enter included, when the last row asks: once each time that the prompt comes.
    pub(super) fn to(&mut self, last_row: &str, now: Instant) -> Option<String> {
        let mut typed = None;
        for prompted in &mut self.0 {
            if !prompted.prompt.is_match(last_row) {
                prompted.answered = None;
            } else if typed.is_none() {
                typed = prompted.reply(last_row, now);
            }
        }
        typed
    }
}

impl Prompted {
    /// What a CLI echoes changes its row, and a text that came twice might be taken for something else: only Enter is repeated.
    fn due_at(&self) -> Option<Instant> {
        let answered = self.answered.as_ref().filter(|answered| self.text.is_empty() && answered.tries < MAX_TRIES)?;
        Some(answered.at + AGAIN)
    }

    fn reply(&mut self, row: &str, now: Instant) -> Option<String> {
        let due_at = self.due_at();
        let tries = match &mut self.answered {
            None => 1,
            // The CLI has heard it, and says more.
            Some(answered) if answered.row != row => {
                answered.tries = MAX_TRIES;
                return None;
            }
            Some(answered) if due_at.is_some_and(|due| due <= now) => answered.tries + 1,
            Some(_) => return None,
        };
        self.given += 1;
        if self.given > MAX_GIVEN {
            self.answered = Some(Answered { row: row.to_owned(), at: now, tries: MAX_TRIES });
            return None;
        }
        self.answered = Some(Answered { row: row.to_owned(), at: now, tries });
        Some(format!("{}\r", self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(prompt: &str, text: &str) -> Reply {
        Reply { prompt: prompt.to_owned(), text: text.to_owned() }
    }

    fn typed(text: &str) -> Option<String> {
        Some(format!("{text}\r"))
    }

    #[test]
    fn each_reply_is_given_once_each_time_that_its_prompt_comes() {
        let mut replies = Replies::new(vec![reply("collect usage", "n"), reply(r"\(Y/n\)", "Y")]);
        let now = Instant::now();
        assert_eq!(replies.to("starting", now), None);
        assert_eq!(replies.to("Continue? (Y/n)", now), typed("Y"));
        assert_eq!(replies.to("Continue? (Y/n) Y", now), None);
        assert_eq!(replies.due_at(), None, "a text is not repeated");
        assert_eq!(replies.to("Continue? (Y/n) Y", now + 10 * AGAIN), None);
        assert_eq!(replies.to("May we collect usage data?", now), typed("n"));
        assert_eq!(replies.to("Really continue? (Y/n)", now), typed("Y"), "it asks again");
    }

    #[test]
    fn an_enter_that_changes_nothing_is_typed_again_some_times() {
        let mut replies = Replies::new(vec![reply("Press Enter", "")]);
        let begin = Instant::now();
        let mut given = 0;
        for at in (0..20).map(|half| begin + half * AGAIN / 2) {
            given += u32::from(replies.to("Press Enter to retry.", at).is_some());
        }
        assert_eq!((given, replies.due_at()), (MAX_TRIES, None));
        assert_eq!(replies.to("Paste code here", begin), None);
        assert_eq!(replies.to("Press Enter to retry.", begin), typed(""));
        assert_eq!(replies.due_at(), Some(begin + AGAIN));
        assert_eq!(replies.to("Press Enter to retry. (2)", begin + AGAIN), None, "something has changed");
        assert_eq!(replies.due_at(), None);
    }

    #[test]
    fn a_cli_that_asks_for_ever_is_not_answered_for_ever() {
        let mut replies = Replies::new(vec![reply("again", "")]);
        let now = Instant::now();
        let given = (0..100).filter(|_| replies.to("again?", now).is_some() | replies.to("-", now).is_some()).count();
        assert_eq!((given, replies.due_at()), (MAX_GIVEN as usize, None));
    }
}
