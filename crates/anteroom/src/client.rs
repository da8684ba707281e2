//! The server as this program's commands ask it: where it is, a token, and what its answers mean. The same calls as any other
//! program's.

use std::time::Duration;

use anteroom_controller::Token;
use anteroom_protocol::{Secret, problem::Problem};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect::Policy};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, client::IntoClientRequest as _, http::HeaderValue},
};

/// A WebSocket to a server.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long an answer may take: half a second of it is what measuring machines takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a take-over may take, in which another run saves what it has changed.
const SLOW_TIMEOUT: Duration = Duration::from_secs(45);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A list of as many machines as are told of, and the longest log, as JSON.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The address is none of a server.
    #[error("{0} is no address of a server; it looks like https://anteroom.example.org")]
    NoAddress(String),
    /// Nobody is there.
    #[error("asking the server at {place}: {source}; does `anteroom serve` run there?")]
    Away {
        /// Where it was last.
        place: String,
        /// What was said.
        #[source]
        source: reqwest::Error,
    },
    /// It did not go on.
    #[error("the server at {0} has fallen silent")]
    Silent(String),
    /// It said no.
    #[error("{detail}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The problem's type.
        kind: String,
        /// Its words.
        detail: String,
    },
    /// It said what this program does not understand.
    #[error("the server's answer ({0}) can't be read; is it of the same release?")]
    Unreadable(StatusCode),
}

/// A server and a token that opens it.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    origin: Url,
    token: Token,
}

impl Server {
    /// A server by its address: scheme, host and port.
    ///
    /// # Errors
    /// It is no such address.
    pub(crate) fn at(address: &str, token: Token) -> Result<Self, CallError> {
        let no_address = || CallError::NoAddress(address.to_owned());
        let origin = Url::parse(address).map_err(|_| no_address())?;
        if !matches!(origin.scheme(), "http" | "https") || origin.host().is_none() || origin.query().is_some() {
            return Err(no_address());
        }
        // A redirection would carry the token elsewhere.
        let mut client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT);
        if origin.scheme() == "http" {
            // A proxy of this shell's is for other hosts, and reading the system's certificates takes longer than a call.
            client = client.no_proxy().tls_certs_only([]);
        }
        let client = client.build().map_err(|source| CallError::Away { place: origin.to_string(), source })?;
        Ok(Self { client, origin, token })
    }

    /// Where a person finds it.
    pub(crate) fn origin(&self) -> &Url {
        &self.origin
    }

    /// What it answers.
    pub(crate) async fn read<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, CallError> {
        self.told(self.request(method, path)).await
    }

    /// What it answers to a body.
    pub(crate) async fn tell<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CallError> {
        self.told(self.request(Method::POST, path).json(body)).await
    }

    /// The same, where the answer may take as long as a take-over.
    pub(crate) async fn tell_slowly<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let request = self.request(Method::POST, path).json(body).timeout(SLOW_TIMEOUT);
        let (status, body) = self.answer(request).await?;
        serde_json::from_slice(&body).map_err(|_| CallError::Unreadable(status))
    }

    /// A WebSocket.
    pub(crate) async fn socket(&self, path: &str, query: &str) -> Result<Socket, CallError> {
        let mut url = self.origin.clone();
        url.set_path(path);
        url.set_query(Some(query));
        let url = url.as_str().replacen("http", "ws", 1);
        let silent = |_| CallError::Silent(self.origin.to_string());
        let mut request = url.into_client_request().map_err(silent)?;
        let bearer = Secret::new(format!("Bearer {}", self.token.expose()));
        let mut value =
            HeaderValue::from_str(bearer.expose()).map_err(|_| CallError::NoAddress(self.origin.to_string()))?;
        value.set_sensitive(true);
        request.headers_mut().insert("authorization", value);
        // Each key goes out at once.
        let connecting = connect_async_with_config(request, None, true);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tungstenite::Error::Http(response))) => {
                let status = StatusCode::from_u16(response.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
                Err(refused(status, response.body().as_deref().unwrap_or_default()))
            }
            Ok(Err(error)) => Err(silent(error)),
            Err(_) => Err(CallError::Silent(self.origin.to_string())),
        }
    }

    /// Has it do something, of which there is nothing to read.
    pub(crate) async fn have(&self, method: Method, path: &str) -> Result<(), CallError> {
        self.answer(self.request(method, path).timeout(CALL_TIMEOUT)).await.map(drop)
    }

    /// The same with a body.
    pub(crate) async fn give(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.answer(self.request(Method::POST, path).json(body).timeout(CALL_TIMEOUT)).await.map(drop)
    }

    /// A stream that goes on until somebody ends it.
    pub(crate) async fn stream(&self, path: &str) -> Result<Stream, CallError> {
        let response = self.request(Method::GET, path).send().await.map_err(|source| self.away(source))?;
        if response.status().is_success() {
            return Ok(Stream { response, place: self.origin.to_string() });
        }
        let (status, body) = self.whole(response).await?;
        Err(refused(status, &body))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let mut url = self.origin.clone();
        url.set_path(path);
        self.client.request(method, url).bearer_auth(self.token.expose())
    }

    async fn told<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, CallError> {
        let (status, body) = self.answer(request.timeout(CALL_TIMEOUT)).await?;
        serde_json::from_slice(&body).map_err(|_| CallError::Unreadable(status))
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<(StatusCode, Vec<u8>), CallError> {
        let response = request.send().await.map_err(|source| self.away(source))?;
        let (status, body) = self.whole(response).await?;
        if status.is_success() { Ok((status, body)) } else { Err(refused(status, &body)) }
    }

    async fn whole(&self, mut response: Response) -> Result<(StatusCode, Vec<u8>), CallError> {
        let (status, mut body) = (response.status(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|source| self.away(source))? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(CallError::Unreadable(status));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    fn away(&self, source: reqwest::Error) -> CallError {
        CallError::Away { place: self.origin.to_string(), source: source.without_url() }
    }
}

/// What a server sends by and by.
pub(crate) struct Stream {
    response: Response,
    place: String,
}

impl Stream {
    /// Waits until something comes; false when the server has ended it.
    ///
    /// # Errors
    /// Nothing came for so long, though the server says regularly that it is there.
    pub(crate) async fn moves(&mut self, within: Duration) -> Result<bool, CallError> {
        match tokio::time::timeout(within, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk.is_some()),
            Ok(Err(source)) => Err(CallError::Away { place: self.place.clone(), source: source.without_url() }),
            Err(_) => Err(CallError::Silent(self.place.clone())),
        }
    }
}

fn refused(status: StatusCode, body: &[u8]) -> CallError {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => CallError::Refused { status, kind: problem.kind, detail: problem.detail },
        Err(_) => CallError::Unreadable(status),
    }
}

#[cfg(test)]
mod tests {
    use anteroom_controller::ports::Entropy;

    use super::*;

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(0);
        }
    }

    #[test]
    fn only_addresses_of_servers_are_taken() {
        let at = |address: &str| Server::at(address, Token::new(&Zeros)).map(|server| server.origin().to_string());
        assert_eq!(at("https://anteroom.example.org").unwrap(), "https://anteroom.example.org/");
        assert_eq!(at("http://127.0.0.1:4000").unwrap(), "http://127.0.0.1:4000/");
        for bad in ["", "anteroom.example.org", "ftp://anteroom.example.org", "https://a.example/?token=x", "https:"] {
            assert!(at(bad).is_err(), "{bad}");
        }
    }
}
