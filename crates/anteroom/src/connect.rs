//! `anteroom connect`: a sign-in from a shell, in the person's own browser: with a code that is typed there, or with what is
//! brought back from there and typed here. What the person is to read goes to standard error; standard output has the account.

use std::time::Duration;

use anteroom_protocol::{
    ProviderId, Secret, SessionId,
    provider::MethodKind,
    session::{ReasonCode, SessionState, SessionView},
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::{signal, sync::mpsc};

use crate::client::{CallError, Server};

/// The server says every few seconds that a stream is alive.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a stream that broke is followed anew without anything that it brought.
const MAX_RETRIES: u32 = 5;

/// Why nothing is connected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// There is no such provider.
    #[error("the server knows no provider {0}; `anteroom providers list` shows those that come along")]
    Unknown(ProviderId),
    /// It needs the page.
    #[error("{name} signs in on a machine's desktop only; open {origin} in a browser and connect it there")]
    NeedsPage {
        /// Its name.
        name: String,
        /// Where the page is.
        origin: String,
    },
    /// It has not this method.
    #[error("{name} does not sign in by {method:?}; leave --method out, or open {origin} in a browser")]
    NoSuchMethod {
        /// Its name.
        name: String,
        /// What was asked for.
        method: MethodKind,
        /// Where the page is.
        origin: String,
    },
    /// It ended otherwise.
    #[error("{0}")]
    Ended(String),
    /// The person pressed Ctrl-C.
    #[error("cancelled")]
    Cancelled,
    /// The server was asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// As much of a card as is needed.
#[derive(Deserialize)]
struct Card {
    id: ProviderId,
    name: String,
    methods: Vec<MethodKind>,
    method: MethodKind,
    credential: Option<Connected>,
}

#[derive(Deserialize)]
struct Connected {
    account: Option<String>,
}

#[derive(Deserialize)]
struct Cards {
    providers: Vec<Card>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    session_id: SessionId,
}

/// Signs in, and says as whom.
///
/// # Errors
/// Why nothing is connected, for the person.
pub(crate) async fn connect(
    server: &Server,
    provider: &ProviderId,
    wanted: Option<MethodKind>,
) -> Result<String, ConnectError> {
    let card = card(server, provider).await?;
    let method = method_for(&card, wanted, server)?;
    let body = json!({"provider": provider, "method": method});
    let started: Started = server.tell("/api/vm/auth", &body).await?;
    let sign_in = SignIn { server, id: started.session_id, name: card.name.clone() };
    tokio::select! {
        ended = sign_in.follow() => ended?,
        _ = signal::ctrl_c() => return Err(sign_in.cancel().await),
    }
    let account = self::card(server, provider).await?.credential.and_then(|connected| connected.account);
    Ok(account
        .map_or_else(|| format!("{} is connected", card.name), |who| format!("{} is connected as {who}", card.name)))
}

async fn card(server: &Server, provider: &ProviderId) -> Result<Card, ConnectError> {
    let cards: Cards = server.read(Method::GET, "/api/providers").await?;
    cards.providers.into_iter().find(|card| card.id == *provider).ok_or_else(|| ConnectError::Unknown(provider.clone()))
}

/// The one that is asked for; else the one that was taken last, or the first that needs no desktop.
fn method_for(card: &Card, wanted: Option<MethodKind>, server: &Server) -> Result<MethodKind, ConnectError> {
    let (name, origin) = (card.name.clone(), server.origin().to_string());
    if let Some(method) = wanted {
        let has = card.methods.contains(&method) && !method.has_desktop();
        return if has { Ok(method) } else { Err(ConnectError::NoSuchMethod { name, method, origin }) };
    }
    let mut light = std::iter::once(&card.method).chain(&card.methods).filter(|method| !method.has_desktop());
    light.next().copied().ok_or(ConnectError::NeedsPage { name, origin })
}

/// One sign-in that goes on.
struct SignIn<'a> {
    server: &'a Server,
    id: SessionId,
    name: String,
}

/// What was said to the person.
#[derive(Default)]
struct Said {
    ahead: Option<u32>,
    code: Option<String>,
    url: Option<String>,
    refused: Option<String>,
    saving: bool,
}

impl SignIn<'_> {
    /// To its good end.
    async fn follow(&self) -> Result<(), ConnectError> {
        let (mut said, mut lines) = (Said::default(), typed());
        let mut retries = 0;
        loop {
            match self.follow_once(&mut said, &mut lines).await {
                Ok(()) => return Ok(()),
                Err(ConnectError::Call(CallError::Away { .. } | CallError::Silent(_))) if retries < MAX_RETRIES => {
                    retries += 1;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The stream only says that something has changed; the session itself says what.
    async fn follow_once(&self, said: &mut Said, lines: &mut mpsc::Receiver<String>) -> Result<(), ConnectError> {
        let mut stream = self.server.stream(&self.path("/events")).await?;
        let mut reads = true;
        loop {
            let view: SessionView = self.server.read(Method::GET, &self.path("")).await?;
            if let Some(reason) = &view.reason {
                return if reason.code == ReasonCode::Saved {
                    Ok(())
                } else {
                    Err(ConnectError::Ended(reason.detail.clone()))
                };
            }
            self.say(&view, said);
            tokio::select! {
                moved = stream.moves(SILENCE) => if !moved? { return Err(CallError::Silent(self.server.origin().to_string()).into()) },
                line = lines.recv(), if reads && said.url.is_some() => match line {
                    Some(line) => self.paste(line).await?,
                    // Nobody types any more; the person may still finish elsewhere.
                    None => reads = false,
                },
            }
        }
    }

    fn say(&self, view: &SessionView, said: &mut Said) {
        if view.ahead.is_some() && view.ahead != said.ahead {
            said.ahead = view.ahead;
            eprintln!("All places for machines are taken; {} before you.", view.ahead.unwrap_or_default());
        }
        if let Some(code) = view.device_code.as_ref().filter(|code| said.code.as_ref() != Some(&code.code)) {
            said.code = Some(code.code.clone());
            eprintln!("Open    {}\nand enter the code    {}\n", code.url, code.code);
            eprintln!("Only enter codes that you have asked for yourself. Ctrl-C cancels.");
        }
        if view.method == MethodKind::Paste
            && let Some(url) = view.login_url.as_ref().filter(|url| said.url.as_ref() != Some(&url.url))
        {
            said.url = Some(url.url.clone());
            eprintln!("Open    {}\n", url.url);
            eprintln!(
                "Paste the code here, or the address of the page that can't be reached, and press Enter. Ctrl-C cancels."
            );
        }
        if view.paste_refused.is_some() && view.paste_refused != said.refused {
            said.refused.clone_from(&view.paste_refused);
            eprintln!("{}", view.paste_refused.as_deref().unwrap_or_default());
        }
        if view.state == SessionState::Saving && !said.saving {
            said.saving = true;
            eprintln!("{} has signed in; its credential is being saved.", self.name);
        }
    }

    /// A text that is refused may be mended.
    async fn paste(&self, line: String) -> Result<(), ConnectError> {
        let text = Secret::new(line);
        if text.expose().trim().is_empty() {
            return Ok(());
        }
        match self.server.give(&self.path("/paste"), &json!({"text": text})).await {
            Ok(()) => Ok(()),
            Err(CallError::Refused { status, detail, .. })
                if status == StatusCode::UNPROCESSABLE_ENTITY || status == StatusCode::CONFLICT =>
            {
                eprintln!("{detail}");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn cancel(&self) -> ConnectError {
        match self.server.have(Method::DELETE, &self.path("")).await {
            Ok(()) => ConnectError::Cancelled,
            Err(error) => error.into(),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/session/{}{rest}", self.id)
    }
}

/// Lines of the standard input. They are read by a thread that ends with the process: nothing else ends its wait.
fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let read = std::io::stdin().lines().map_while(Result::ok);
        for line in read {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use MethodKind::{Desktop, Device, Paste};
    use anteroom_controller::Token;

    use super::*;

    fn chosen(methods: &[MethodKind], method: MethodKind, wanted: Option<MethodKind>) -> Result<MethodKind, String> {
        let card = Card {
            id: "codex".parse().unwrap(),
            name: "Codex".to_owned(),
            methods: methods.to_vec(),
            method,
            credential: None,
        };
        let server = Server::at("http://127.0.0.1:4000", Token::received("t").unwrap()).unwrap();
        method_for(&card, wanted, &server).map_err(|error| error.to_string())
    }

    #[test]
    fn the_way_that_was_taken_last_is_taken_unless_it_needs_a_desktop() {
        assert_eq!(chosen(&[Desktop, Device, Paste], Paste, None), Ok(Paste));
        assert_eq!(chosen(&[Desktop, Device, Paste], Desktop, None), Ok(Device));
        assert_eq!(chosen(&[Desktop, Device, Paste], Desktop, Some(Paste)), Ok(Paste));
    }

    #[test]
    fn a_tool_that_needs_a_desktop_leads_to_the_page() {
        let said = chosen(&[Desktop], Desktop, None).unwrap_err();
        assert!(said.contains("open http://127.0.0.1:4000/ in a browser"), "{said}");
        assert!(chosen(&[Desktop, Paste], Paste, Some(Desktop)).is_err());
        assert!(chosen(&[Desktop, Paste], Paste, Some(Device)).is_err());
    }
}
