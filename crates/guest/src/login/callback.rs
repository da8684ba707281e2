//! The CLI's callback, asked for in the machine with the address that a person has brought from their own browser.
//!
//! The person's browser was sent to a page on localhost, which is this machine's and not theirs. Only the address that the
//! sign-in's own `redirect_uri` names is asked for, so that nothing else that listens in the machine can be reached by pasting.

use std::time::Duration;

use reqwest::{Client, Url, redirect::Policy};

/// The CLI has its tokens from the provider before it replies.
const DEADLINE: Duration = Duration::from_secs(30);
/// Pages of the CLI after its callback; one is usual.
const MAX_PAGES: usize = 4;

const ELSEWHERE: &str =
    "This address is not the one that this sign-in ends at. Open the link again, and paste where that ends.";
const ANOTHER: &str = "This address is of another sign-in. Open the link again, and paste where that ends.";

/// What a pasted text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pasted {
    /// The address of this sign-in's callback, with its query, which holds the code.
    Callback(Url),
    /// An address on the person's own computer that is no callback of this sign-in.
    Stray(&'static str),
    /// Anything else: the CLI knows.
    Text,
}

/// Reads a pasted text by the sign-in URL that the person has.
pub(super) fn read(text: &str, sign_in: Option<&str>) -> Pasted {
    let Some(brought) = Url::parse(text).ok().filter(|url| url.scheme() == "http" && is_loopback(url)) else {
        return Pasted::Text;
    };
    let Some(sign_in) = sign_in.and_then(|url| Url::parse(url).ok()) else { return Pasted::Stray(ELSEWHERE) };
    let expected = value(&sign_in, "redirect_uri").and_then(|url| Url::parse(&url).ok());
    let same_place = |expected: &Url| {
        expected.scheme() == "http"
            && is_loopback(expected)
            && expected.port_or_known_default() == brought.port_or_known_default()
            && expected.path() == brought.path()
    };
    let Some(mut url) = expected.filter(same_place) else { return Pasted::Stray(ELSEWHERE) };
    // A CLI that is given another sign-in's state may end, or never reply.
    if value(&sign_in, "state").is_some_and(|state| value(&brought, "state") != Some(state)) {
        return Pasted::Stray(ANOTHER);
    }
    // The CLI listens on the very name that it gave.
    url.set_query(brought.query());
    Pasted::Callback(url)
}

fn value(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

/// RFC 8252, sections 7.3 and 8.3.
fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// Asks for it, and for the CLI's own pages that it leads to: some CLIs end only when the last of them was shown. A page
/// elsewhere is nobody's business here.
///
/// # Errors
/// A sentence for the person: nobody listens there, or nobody replied.
pub(super) async fn ask(url: Url) -> Result<(), String> {
    let origin = url.origin();
    let within = Policy::custom(move |attempt| {
        let is_ours = attempt.url().origin() == origin && attempt.previous().len() <= MAX_PAGES;
        if is_ours { attempt.follow() } else { attempt.stop() }
    });
    let place = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let client = Client::builder().no_proxy().redirect(within).timeout(DEADLINE).build();
    let asked = match client {
        Ok(client) => client.get(url).send().await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(response) => {
            tracing::info!(place, status = %response.status(), "the CLI's callback was asked for");
            Ok(())
        }
        Err(error) => {
            // The address holds the code.
            let error = error.without_url();
            tracing::warn!(place, %error, "the CLI's callback did not reply");
            Err(format!("The tool did not reply at {place} in its machine. Start again if the sign-in does not go on."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: &str =
        "https://auth.example/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&state=s";

    fn callback(text: &str) -> Option<String> {
        match read(text, Some(SIGN_IN)) {
            Pasted::Callback(url) => Some(url.to_string()),
            Pasted::Stray(_) | Pasted::Text => None,
        }
    }

    #[test]
    fn the_callback_of_the_sign_in_url_is_asked_for_with_its_query() {
        let whole = "http://localhost:1455/auth/callback?code=c&state=s";
        assert_eq!(callback(whole), Some(whole.to_owned()));
        // Some browsers rewrite the name; the CLI may listen on one of both only.
        assert_eq!(callback("http://127.0.0.1:1455/auth/callback?code=c&state=s"), Some(whole.to_owned()));
    }

    #[test]
    fn nothing_else_that_is_pasted_is_asked_for() {
        for typed in [
            "code#state",
            "http://10.87.0.1:1455/auth/callback?code=c&state=s",
            "http://169.254.169.254/auth/callback?state=s",
            "https://localhost:1455/auth/callback?code=c&state=s",
            "http://localhost.evil.example:1455/auth/callback?code=c&state=s",
            "file:///auth/callback",
        ] {
            assert_eq!(read(typed, Some(SIGN_IN)), Pasted::Text, "{typed}");
        }
        for stray in [
            "http://localhost:4001/auth/callback?code=c&state=s",
            "http://localhost:1455/other?code=c&state=s",
            "http://[::1]:80/auth/callback?code=c&state=s",
        ] {
            assert_eq!(read(stray, Some(SIGN_IN)), Pasted::Stray(ELSEWHERE), "{stray}");
        }
    }

    #[test]
    fn an_address_of_another_sign_in_is_not_asked_for() {
        for other in
            ["http://localhost:1455/auth/callback?code=c&state=t", "http://localhost:1455/auth/callback?code=c"]
        {
            assert_eq!(read(other, Some(SIGN_IN)), Pasted::Stray(ANOTHER), "{other}");
        }
    }

    #[test]
    fn without_a_loopback_in_the_sign_in_url_nothing_is_asked_for() {
        for sign_in in [
            None,
            Some("https://auth.example/authorize"),
            Some("https://auth.example/authorize?redirect_uri=https%3A%2F%2Fauth.example%2Fcode"),
            Some("https://auth.example/authorize?redirect_uri=http%3A%2F%2F10.87.0.1%3A1455%2Fauth%2Fcallback"),
        ] {
            let pasted = read("http://localhost:1455/auth/callback?code=c", sign_in);
            assert_eq!(pasted, Pasted::Stray(ELSEWHERE), "{sign_in:?}");
        }
    }
}
