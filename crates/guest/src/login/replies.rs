//! What is typed when the CLI asks something on its terminal before it goes on. Pure; what a person pastes is not here.

use anteroom_protocol::provider::Reply;
use regex_lite::Regex;

/// The replies that have not been given.
pub(super) struct Replies(Vec<(Regex, String)>);

impl Replies {
    /// A prompt that is no regular expression is never seen; files with such a one are refused long before.
    pub(super) fn new(replies: Vec<Reply>) -> Self {
        let read = |reply: Reply| Some((Regex::new(&reply.prompt).ok()?, reply.text));
        Self(replies.into_iter().filter_map(read).collect())
    }

    /// Whether there is nothing to reply to any more.
    pub(super) fn are_given(&self) -> bool {
        self.0.is_empty()
    }

    /// What is typed now, Enter included, when the last row asks. Each is given once.
    pub(super) fn to(&mut self, last_row: &str) -> Option<String> {
        let asked = self.0.iter().position(|(prompt, _)| prompt.is_match(last_row))?;
        let (_, text) = self.0.remove(asked);
        Some(format!("{text}\r"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(prompt: &str, text: &str) -> Reply {
        Reply { prompt: prompt.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn each_reply_is_given_once_when_its_prompt_is_there() {
        let mut replies = Replies::new(vec![reply("collect usage", "n"), reply(r"\(Y/n\)", "Y")]);
        assert_eq!(replies.to("starting"), None);
        assert_eq!(replies.to("Continue? (Y/n)"), Some("Y\r".to_owned()));
        assert_eq!(replies.to("Continue? (Y/n)"), None);
        assert_eq!(replies.to("May we collect usage data?"), Some("n\r".to_owned()));
    }
}
