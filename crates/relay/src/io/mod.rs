//! The relay's sockets and tasks. Here is done what the engine decided, and nothing is decided but which of too many
//! connections is closed.

mod error;
mod listen;
mod outbox;
mod relayed;
mod shared;
mod stream;
mod tls;
mod udp;

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anteroom_protocol::Secret;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

pub use self::error::RelayError;
use self::{listen::Listeners, shared::Shared, tls::Tls};
use crate::{
    Config, Issuer, Permits,
    engine::{Engine, Settings, Stats},
};

/// Names the relay to clients; part of what their passwords are hashed with (RFC 8489, section 9.2.2).
const REALM: &str = "anteroom";
/// The smallest secret taken from a file: below, it could be guessed from one answer.
const MIN_SECRET_BYTES: usize = 16;

/// The addresses on which the relay listens, with the ports that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// TLS.
    pub tls: Vec<SocketAddr>,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What the engine counts.
    pub stats: Stats,
    /// TCP and TLS connections that there are.
    pub connections: u64,
    /// Connections above a limit, closed at once.
    pub refused_connections: u64,
    /// Datagrams that a client's connection or a socket had no room for.
    pub dropped_queue: u64,
}

/// A running relay. It ends when it is dropped, and all its sockets with it.
pub struct Relay {
    shared: Arc<Shared>,
    addresses: Addresses,
    issuer: Issuer,
}

impl Relay {
    /// Opens all sockets, or none.
    ///
    /// # Errors
    /// Says what was tried on what, and what to do.
    pub async fn start(config: Config, permits: Arc<dyn Permits>) -> Result<Self, RelayError> {
        config.check().map_err(RelayError::Config)?;
        let secret = match &config.secret_file {
            Some(path) => read_secret(path)?,
            None => Secret::new(URL_SAFE_NO_PAD.encode(random()?)),
        };
        let listeners = Listeners::open(&config).await?;
        let tls = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => Some(Arc::new(Tls::load(certificate, key)?)),
            (None, _) | (_, None) => None,
        };
        let addresses = Addresses { listen: listeners.addresses(), tls: listeners.tls_addresses() };
        let issuer = issuer(&config)?.with_embedded(ports(&addresses.listen), ports(&addresses.tls), secret.clone());
        let settings = Settings {
            realm: REALM.to_owned(),
            secret,
            nonce_key: random()?,
            limits: config.limits,
            relays_v6: matches!(config.relay_address, IpAddr::V6(_)),
        };
        let shared = Shared::start(&config, Engine::new(settings, permits), listeners, tls);
        Ok(Self { shared, addresses, issuer })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What hands out credentials for it, and for the outside relay if there is one.
    #[must_use]
    pub fn issuer(&self) -> Issuer {
        self.issuer.clone()
    }

    /// What happened since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.counters()
    }

    /// Closes everything, and returns when it is closed.
    pub async fn shutdown(self) {
        self.shared.end().await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.abort();
    }
}

/// What hands out credentials where no relay runs here: for the outside one, or for none.
///
/// # Errors
/// The outside relay's secret can't be read.
pub fn issuer(config: &Config) -> Result<Issuer, RelayError> {
    config.check().map_err(RelayError::Config)?;
    let issuer = Issuer::new(config);
    let Some(external) = &config.external else { return Ok(issuer) };
    let secret = match (&external.secret, &external.secret_file) {
        (Some(secret), _) => secret.clone(),
        (None, Some(path)) => read_secret(path)?,
        (None, None) => return Ok(issuer),
    };
    Ok(issuer.with_external(external.urls.clone(), secret))
}

fn read_secret(path: &Path) -> Result<Secret<String>, RelayError> {
    let text = fs::read_to_string(path).map_err(|error| RelayError::Secret { path: path.to_owned(), error })?;
    let text = Secret::new(text);
    let secret = text.expose().trim();
    if secret.len() < MIN_SECRET_BYTES || secret.contains(char::is_whitespace) {
        return Err(RelayError::WeakSecret { path: path.to_owned(), bytes: MIN_SECRET_BYTES });
    }
    Ok(Secret::new(secret.to_owned()))
}

fn random() -> Result<[u8; 32], RelayError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(RelayError::Random)?;
    Ok(bytes)
}

fn ports(addresses: &[SocketAddr]) -> impl Iterator<Item = u16> + '_ {
    addresses.iter().map(SocketAddr::port)
}
