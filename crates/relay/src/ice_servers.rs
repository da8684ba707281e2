//! What a page is told of relays: addresses and credentials for one session. Pure: what it needs was read before.

use std::net::Ipv6Addr;

use anteroom_protocol::{Secret, UnixMillis, ice::IceServer};

use crate::{Config, Handle, credentials};

/// The longest host name that DNS has.
const MAX_HOST_BYTES: usize = 253;

/// Hands out relays with credentials.
#[derive(Clone, Debug)]
pub struct Issuer {
    embedded: Option<Embedded>,
    external: Option<Outside>,
    public_host: Option<String>,
    lifetime_s: u32,
}

/// The relay here.
#[derive(Clone, Debug)]
struct Embedded {
    /// UDP and TCP, each port once.
    ports: Vec<u16>,
    /// TLS.
    tls_ports: Vec<u16>,
    secret: Secret<String>,
}

/// A relay elsewhere.
#[derive(Clone, Debug)]
struct Outside {
    urls: Vec<String>,
    secret: Secret<String>,
}

/// Relays for one page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// In the order in which they are to be tried. Empty when there is no relay.
    pub servers: Vec<IceServer>,
    /// Until when the credentials open new connections; None without a relay.
    pub expires_at: Option<UnixMillis>,
}

impl Issuer {
    /// One that knows no relay yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            embedded: None,
            external: None,
            public_host: config.public_host.clone(),
            lifetime_s: config.credential_lifetime_s,
        }
    }

    /// Adds the relay here: the ports on which it listens.
    #[must_use]
    pub fn with_embedded(
        mut self,
        ports: impl IntoIterator<Item = u16>,
        tls_ports: impl IntoIterator<Item = u16>,
        secret: Secret<String>,
    ) -> Self {
        let (ports, tls_ports) = (distinct(ports), distinct(tls_ports));
        self.embedded = Some(Embedded { ports, tls_ports, secret });
        self
    }

    /// Adds the relay elsewhere.
    #[must_use]
    pub fn with_external(mut self, urls: Vec<String>, secret: Secret<String>) -> Self {
        self.external = Some(Outside { urls, secret });
        self
    }

    /// Relays for `handle`. `page_host` is the name by which the page was reached: its Host header without the port.
    /// One that can stand in no address gets the outside relay only.
    #[must_use]
    pub fn ice_servers(&self, page_host: &str, handle: &Handle, now: UnixMillis) -> Issued {
        let mut issued = Issued::default();
        let host = url_host(self.public_host.as_deref().unwrap_or(page_host));
        if let (Some(embedded), Some(host)) = (&self.embedded, host) {
            self.add(&mut issued, embedded.urls(&host), &embedded.secret, handle, now);
        }
        if let Some(outside) = &self.external {
            self.add(&mut issued, outside.urls.clone(), &outside.secret, handle, now);
        }
        issued
    }

    fn add(&self, to: &mut Issued, urls: Vec<String>, secret: &Secret<String>, handle: &Handle, now: UnixMillis) {
        let minted = credentials::mint(secret, handle, now, self.lifetime_s);
        to.expires_at = Some(minted.expires_at);
        to.servers.push(IceServer { urls, username: Some(minted.username), credential: Some(minted.password) });
    }
}

impl Embedded {
    /// UDP first: it is the quickest. TLS last: it passes where nothing else does.
    fn urls(&self, host: &str) -> Vec<String> {
        let url = |scheme, ports: &[u16], transport| {
            ports.iter().map(|port| format!("{scheme}:{host}:{port}?transport={transport}")).collect::<Vec<_>>()
        };
        [url("turn", &self.ports, "udp"), url("turn", &self.ports, "tcp"), url("turns", &self.tls_ports, "tcp")]
            .concat()
    }
}

fn distinct(ports: impl IntoIterator<Item = u16>) -> Vec<u16> {
    let mut distinct = Vec::new();
    for port in ports {
        if !distinct.contains(&port) {
            distinct.push(port);
        }
    }
    distinct
}

/// A host as it stands in an address: IPv6 in brackets. None when it is neither a name nor an address.
fn url_host(host: &str) -> Option<String> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{bare}]"));
    }
    let in_names = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let is_name = !host.is_empty() && host.len() <= MAX_HOST_BYTES && host.bytes().all(in_names);
    is_name.then(|| host.to_owned())
}

#[cfg(test)]
#[path = "ice_servers_tests.rs"]
mod tests;
