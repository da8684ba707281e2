//! The agent's calls to its controller, with the machine's token as bearer.
//!
//! The controller may be away: killed, restarted, or in the middle of an update. The machine goes on meanwhile,
//! so every call is repeated, with a growing pause, until it is answered. Only an answer ends a call: done,
//! refused, or the session's end. Bodies, tokens and addresses of calls never show in a log.

mod calls;
mod retry;

use std::time::Duration;

use anteroom_protocol::{Secret, guest::Boot, limits};
use reqwest::{
    Client, Method, StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};

pub use calls::{AnswerFate, CredentialFate, ViewFate};
use retry::Backoff;

/// A connection in the host's own network is there in some milliseconds; this covers a lost first packet.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);
/// For calls that answer at once. The slowest is the credential's, which the vault seals and stores.
const CALL_DEADLINE: Duration = Duration::from_secs(15);
/// A long poll's own time and as much again as a busy controller may need to notice it.
const POLL_DEADLINE: Duration = Duration::from_secs(limits::MAX_WAIT_S + 10);
/// The largest answer taken: an offer with its candidates.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The session is over for this machine: nothing more is to be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Ended(pub String);

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The boot document's URL.
    #[error("controllerUrl of the boot document is no http URL; the driver must give the controller endpoint")]
    Url,
    /// The boot document's token.
    #[error("the token of the boot document can't stand in a header")]
    Token,
    /// The HTTP library.
    #[error("the HTTP client could not be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// A client for one machine's calls.
#[derive(Clone)]
pub struct Controller {
    client: Client,
    endpoint: Url,
}

/// An answer that the caller has to understand.
struct Answered {
    status: StatusCode,
    body: Secret<Vec<u8>>,
}

/// Why one try brought no answer. Another one may.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("{0}")]
    Transport(reqwest::Error),
    #[error("the controller answered {0}")]
    Busy(StatusCode),
    #[error("the answer is larger than {MAX_ANSWER_BYTES} bytes")]
    TooLarge,
}

impl Controller {
    /// A client for the endpoint and token of a boot document.
    ///
    /// # Errors
    /// When the document's values can't be used.
    pub fn new(boot: &Boot) -> Result<Self, ClientError> {
        let endpoint = Url::parse(&boot.controller_url).map_err(|_| ClientError::Url)?;
        if endpoint.cannot_be_a_base() || endpoint.scheme() != "http" {
            return Err(ClientError::Url);
        }
        let bearer = Secret::new(format!("Bearer {}", boot.token.expose()));
        let mut value = HeaderValue::from_str(bearer.expose()).map_err(|_| ClientError::Token)?;
        value.set_sensitive(true);
        let client = Client::builder()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]))
            .connect_timeout(CONNECT_DEADLINE)
            // The machine's upstream proxy is for its browser and CLI; a redirect would carry the token elsewhere.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ClientError::Client)?;
        Ok(Self { client, endpoint })
    }

    /// Calls until there is an answer.
    async fn call(&self, call: &Call<'_>) -> Answered {
        let mut backoff = Backoff::default();
        let mut is_away = false;
        loop {
            match self.try_once(call).await {
                Ok(answered) => {
                    if is_away {
                        tracing::info!(call = call.name, "the controller is back");
                    }
                    if answered.says_kept() {
                        // Somebody wants to see it as it is: desktop, browser and CLI stay, and no call goes on.
                        tracing::info!(call = call.name, "the session has failed; the machine is kept for a look");
                        std::future::pending::<()>().await;
                    }
                    return answered;
                }
                Err(error) => {
                    // Once for each time away: the log is bounded, and the machine waits as long as it takes.
                    if !is_away {
                        tracing::warn!(call = call.name, %error, "the controller is away; tried again until it is back");
                    }
                    is_away = true;
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    async fn try_once(&self, call: &Call<'_>) -> Result<Answered, Unanswered> {
        let mut url = self.endpoint.clone();
        url.set_path(&call.path);
        url.set_query(call.query.as_deref());
        let mut request = self.client.request(call.method.clone(), url).timeout(call.deadline);
        if let Some(body) = call.body {
            request = request.header("content-type", "application/json").body(body.expose().clone());
        }
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        if retry::is_busy(status) {
            return Err(Unanswered::Busy(status));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Unanswered::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answered { status, body: Secret::new(body) })
    }
}

/// Without the address: it holds the session's id and says nothing new.
fn transport(error: reqwest::Error) -> Unanswered {
    Unanswered::Transport(error.without_url())
}

/// One call, to be repeated as it is.
struct Call<'a> {
    /// For the log.
    name: &'static str,
    method: Method,
    path: String,
    query: Option<String>,
    body: Option<&'a Secret<Vec<u8>>>,
    deadline: Duration,
}

impl<'a> Call<'a> {
    fn get(name: &'static str, path: impl Into<String>) -> Self {
        Self { name, method: Method::GET, path: path.into(), query: None, body: None, deadline: CALL_DEADLINE }
    }

    fn long_poll(name: &'static str, path: String, query: String) -> Self {
        Self { query: Some(query), deadline: POLL_DEADLINE, ..Self::get(name, path) }
    }

    fn post(name: &'static str, path: impl Into<String>, body: &'a Secret<Vec<u8>>) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(name, path) }
    }
}

/// Our own types as JSON; they have no map with keys that are no text, which alone could fail.
fn json(value: &impl Serialize) -> Secret<Vec<u8>> {
    Secret::new(serde_json::to_vec(value).expect("wire types are JSON"))
}

impl Answered {
    /// The body as a wire type. A controller that speaks another version is a mistake of the installation: the
    /// agent is mounted from the same one.
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Ended> {
        serde_json::from_slice(self.body.expose()).map_err(|_| {
            Ended(format!("the controller's answer ({}) was not understood; is it of the same version?", self.status))
        })
    }
}

#[cfg(test)]
pub(crate) mod scripted;
#[cfg(test)]
#[path = "controller_tests.rs"]
mod tests;
