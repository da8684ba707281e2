//! The operator's choices: `[relay]`. Reading them is the program's part; here they are checked. Pure.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use anteroom_protocol::Secret;
use serde::{Deserialize, Serialize};

/// TURN's own port (RFC 8656, section 16).
pub const PORT: u16 = 3478;

/// `[relay]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where viewers reach the relay, by UDP and by TCP: `["0.0.0.0:3478", "[::]:3478"]`. Empty together with
    /// `tls_listen`: there is none here.
    pub listen: Vec<SocketAddr>,
    /// Where they reach it by TLS: `["0.0.0.0:5349"]`, or port 443 for networks that let nothing else out. Needs
    /// `certificate` and `key`.
    pub tls_listen: Vec<SocketAddr>,
    /// The certificate for the page's name, with its chain, PEM. Read again when the file has changed.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// This host's address that machines see relayed packets come from: the machines' gateway.
    pub relay_address: IpAddr,
    /// The ports on that address, `{ from = 49152, to = 65535 }`, one for each connection of a viewer; by default the
    /// system chooses.
    pub relay_ports: Option<PortRange>,
    /// The name under which viewers reach the relay; by default the one under which they reach the page.
    pub public_host: Option<String>,
    /// The secret that credentials are made with, one line; by default a new one at each start.
    pub secret_file: Option<PathBuf>,
    /// How long credentials open new connections, seconds. One that is there lives on with its session.
    pub credential_lifetime_s: u32,
    /// What viewers may use.
    pub limits: Limits,
    /// A coturn elsewhere, offered after the relay here.
    pub external: Option<External>,
}

/// Ports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

/// `[relay.limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Allocations in all; each has a socket.
    pub allocations: usize,
    /// The same for one session. A browser opens one for each of its own addresses and each way to the relay, and does
    /// so again for each new connection: two addresses and three ways make six.
    pub allocations_per_handle: usize,
    /// The same for one address of viewers; a network of IPv6 (/64) counts as one. A company's viewers may share one.
    pub allocations_per_client: usize,
    /// What one allocation carries each way, bits a second. What is above is dropped.
    pub bits_per_second: u64,
    /// TCP and TLS connections in all.
    pub connections: usize,
    /// The same for one address of viewers.
    pub connections_per_client: usize,
}

/// `[relay.external]`: a TURN server with `use-auth-secret`. It must let its clients reach the machines' addresses and
/// nothing else; Anteroom can't hold that there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct External {
    /// `["turn:turn.example.com:3478?transport=udp", "turns:turn.example.com:5349?transport=tcp"]`
    pub urls: Vec<String>,
    /// The file with its `static-auth-secret`, one line.
    pub secret_file: Option<PathBuf>,
    /// The secret itself; meant for the environment, `ANTEROOM_RELAY__EXTERNAL__SECRET`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret<String>>,
}

/// What is wrong with the configuration, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum InvalidConfig {
    #[error("relay.tls_listen needs relay.certificate and relay.key, both of them")]
    TlsWithoutCertificate,
    #[error("relay.certificate and relay.key are for relay.tls_listen, which is empty")]
    CertificateWithoutTls,
    #[error("relay.relay_address is {0}; write one address of this host, the machines' gateway (10.87.0.1 by default)")]
    RelayAddress(IpAddr),
    #[error("relay.relay_ports begins at {from} and ends at {to}; write from below to, and no port 0")]
    Ports { from: u16, to: u16 },
    #[error("relay.{0} is 0; write at least 1, or leave relay.listen and relay.tls_listen empty for no relay")]
    Zero(&'static str),
    #[error("relay.external.urls has {0:?}; write turn:HOST:PORT?transport=udp, the same with tcp, or turns:")]
    Url(String),
    #[error("relay.external.urls is empty; write at least one, or leave relay.external out")]
    NoUrls,
    #[error(
        "relay.external needs its secret: write relay.external.secret_file, or set ANTEROOM_RELAY__EXTERNAL__SECRET"
    )]
    NoSecret,
    #[error("relay.external has both secret and secret_file; write one of them")]
    TwoSecrets,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], PORT)), SocketAddr::from(([0_u16; 8], PORT))],
            tls_listen: Vec::new(),
            certificate: None,
            key: None,
            relay_address: Ipv4Addr::new(10, 87, 0, 1).into(),
            relay_ports: None,
            public_host: None,
            secret_file: None,
            // A page makes its connection as soon as it has them, and asks again for the next one.
            credential_lifetime_s: 900,
            limits: Limits::default(),
            external: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            allocations: 512,
            allocations_per_handle: 16,
            allocations_per_client: 64,
            bits_per_second: 8_000_000,
            connections: 1024,
            connections_per_client: 64,
        }
    }
}

impl Config {
    /// Whether a relay runs here.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        !(self.listen.is_empty() && self.tls_listen.is_empty())
    }

    /// Checks what can be checked without the host.
    ///
    /// # Errors
    /// Names the value and what to write.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        match (self.tls_listen.is_empty(), self.certificate.is_some(), self.key.is_some()) {
            (false, true, true) | (true, false, false) => {}
            (false, _, _) => return Err(InvalidConfig::TlsWithoutCertificate),
            (true, _, _) => return Err(InvalidConfig::CertificateWithoutTls),
        }
        if self.relay_address.is_unspecified() || self.relay_address.is_multicast() {
            return Err(InvalidConfig::RelayAddress(self.relay_address));
        }
        if let Some(PortRange { from, to }) = self.relay_ports
            && (from == 0 || from > to)
        {
            return Err(InvalidConfig::Ports { from, to });
        }
        if self.credential_lifetime_s == 0 {
            return Err(InvalidConfig::Zero("credential_lifetime_s"));
        }
        self.limits.check()?;
        self.external.as_ref().map_or(Ok(()), External::check)
    }
}

impl Limits {
    fn check(&self) -> Result<(), InvalidConfig> {
        let zero = [
            ("limits.allocations", self.allocations == 0),
            ("limits.allocations_per_handle", self.allocations_per_handle == 0),
            ("limits.allocations_per_client", self.allocations_per_client == 0),
            ("limits.bits_per_second", self.bits_per_second == 0),
            ("limits.connections", self.connections == 0),
            ("limits.connections_per_client", self.connections_per_client == 0),
        ];
        zero.iter().find(|(_, zero)| *zero).map_or(Ok(()), |(name, _)| Err(InvalidConfig::Zero(name)))
    }
}

impl External {
    fn check(&self) -> Result<(), InvalidConfig> {
        if self.urls.is_empty() {
            return Err(InvalidConfig::NoUrls);
        }
        let is_relay = |url: &&String| url.starts_with("turn:") || url.starts_with("turns:");
        if let Some(wrong) = self.urls.iter().find(|url| !is_relay(url)) {
            return Err(InvalidConfig::Url(wrong.clone()));
        }
        match (&self.secret, &self.secret_file) {
            (None, None) => Err(InvalidConfig::NoSecret),
            (Some(_), Some(_)) => Err(InvalidConfig::TwoSecrets),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
