//! The relay's place in the program: what the controller asks of it, what it asks of the controller, and what can be
//! said of its configuration without asking the network.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use anteroom_controller::{ConnectionFacts, Finding, Holder, Issued, Reach, RelayKind, Relays};
use anteroom_protocol::UnixMillis;
use anteroom_relay::{Certificate, Config, Handle, Issuer, Permits, Relay, RelayError};

/// A certificate that ends within this time is spoken of.
const SOON_MS: i64 = 14 * 86_400_000;

/// The relay, or the knowledge that there is none here.
pub(crate) struct Running {
    /// Ends when this is dropped.
    _relay: Option<Relay>,
    relays: Arc<Wired>,
}

/// What the controller holds.
struct Wired {
    issuer: Issuer,
    config: Config,
    page: SocketAddr,
}

/// What the relay asks.
struct Reached(Reach);

impl Permits for Reached {
    fn peer(&self, handle: &Handle) -> Option<IpAddr> {
        self.0.peer(&match handle {
            Handle::Session(session) => Holder::Session(session.clone()),
            Handle::Ticket(ticket) => Holder::Ticket(ticket.clone()),
        })
    }
}

impl Running {
    /// Starts the relay, if one is wanted here.
    ///
    /// # Errors
    /// Says what was tried on what, and what to do.
    pub(crate) async fn start(config: Config, page: SocketAddr, reach: Reach) -> Result<Self, RelayError> {
        let (relay, issuer) = if config.is_embedded() {
            let relay = Relay::start(config.clone(), Arc::new(Reached(reach))).await?;
            for address in relay.addresses().listen.iter().chain(&relay.addresses().tls) {
                tracing::info!(bound = %address, "relaying for viewers");
            }
            let issuer = relay.issuer();
            (Some(relay), issuer)
        } else {
            (None, anteroom_relay::issuer(&config)?)
        };
        Ok(Self { _relay: relay, relays: Arc::new(Wired { issuer, config, page }) })
    }

    /// For the controller.
    pub(crate) fn relays(&self) -> Arc<dyn Relays> {
        self.relays.clone()
    }
}

impl Relays for Wired {
    fn issue(&self, page_host: &str, holder: &Holder, now: UnixMillis) -> Issued {
        let handle = match holder {
            Holder::Session(session) => Handle::Session(session.clone()),
            Holder::Ticket(ticket) => Handle::Ticket(ticket.clone()),
        };
        let issued = self.issuer.ice_servers(page_host, &handle, now);
        Issued { servers: issued.servers, expires_at: issued.expires_at }
    }

    fn describe(&self, page_host: &str, now: UnixMillis) -> ConnectionFacts {
        let nobody = Handle::Session(anteroom_protocol::SessionId::from_random([0; 16]));
        let urls = self.issuer.ice_servers(page_host, &nobody, now).servers.into_iter().flat_map(|server| server.urls);
        let certificate = self.config.certificate.as_deref().map(|path| Certificate::read(path).ok());
        let facts = Facts { config: &self.config, page: self.page, page_host, certificate, now };
        ConnectionFacts { relay: kind(&self.config), urls: urls.collect(), findings: findings(&facts) }
    }
}

/// Which relay the configuration asks for.
pub(crate) fn kind(config: &Config) -> RelayKind {
    match (config.is_embedded(), config.external.is_some()) {
        (false, false) => RelayKind::None,
        (true, false) => RelayKind::Embedded,
        (false, true) => RelayKind::External,
        (true, true) => RelayKind::Both,
    }
}

/// What can be known without asking the network.
pub(crate) struct Facts<'a> {
    pub(crate) config: &'a Config,
    /// Where the page is served.
    pub(crate) page: SocketAddr,
    /// The name by which it is, or will be, reached.
    pub(crate) page_host: &'a str,
    /// The relay's certificate: none is configured, or it can't be read, or what it says.
    pub(crate) certificate: Option<Option<Certificate>>,
    pub(crate) now: UnixMillis,
}

/// What is well, doubtful or wrong. Pure.
pub(crate) fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let mut all = vec![relay_finding(facts)];
    all.extend(way_findings(facts));
    all.extend(certificate_findings(facts));
    all
}

fn relay_finding(facts: &Facts<'_>) -> Finding {
    let only_here = facts.page.ip().is_loopback();
    match kind(facts.config) {
        RelayKind::None if only_here => {
            Finding::ok("No relay, and none is needed: the page is served to this computer only.")
        }
        RelayKind::None => Finding::error(
            "The page is served to other computers, but there is no relay: they would get no picture.",
            "Take listen = [] out of [relay], or name a TURN server in [relay.external].",
        ),
        RelayKind::Embedded => Finding::ok("A relay runs in this program."),
        RelayKind::External => Finding::ok("Viewers use the TURN server of [relay.external]."),
        RelayKind::Both => Finding::ok("A relay runs in this program, and the TURN server of [relay.external] helps."),
    }
}

fn way_findings(facts: &Facts<'_>) -> Vec<Finding> {
    let config = facts.config;
    let mut all = Vec::new();
    let listens: Vec<_> = config.listen.iter().chain(&config.tls_listen).collect();
    let only_here = listens.iter().all(|address| address.ip().is_loopback());
    if config.is_embedded() && only_here && !facts.page.ip().is_loopback() {
        all.push(Finding::error(
            "The page is served to other computers, but the relay listens on this computer's loopback only.",
            "Write [relay] listen = [\"0.0.0.0:3478\", \"[::]:3478\"], and open port 3478 for UDP and TCP in firewalls.",
        ));
    }
    if config.is_embedded() && config.tls_listen.is_empty() && !facts.page.ip().is_loopback() {
        all.push(Finding::warning(
            "The relay has no TLS: viewers in networks that let nothing but HTTPS out get no picture.",
            "Write [relay] tls_listen = [\"0.0.0.0:443\"] (another address than a web server's), certificate and key.",
        ));
    }
    all
}

fn certificate_findings(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(certificate) = &facts.certificate else { return Vec::new() };
    let path = facts.config.certificate.as_deref().unwrap_or(std::path::Path::new("")).display();
    let Some(certificate) = certificate else {
        let remedy = "Write the path of a PEM file that this program may read.";
        return vec![Finding::error(format!("The relay's certificate {path} can't be read."), remedy)];
    };
    let host = facts.config.public_host.as_deref().unwrap_or(facts.page_host);
    let mut all = Vec::new();
    if certificate.expires_at <= facts.now {
        all.push(Finding::error(
            format!("The relay's certificate {path} has expired: browsers refuse it."),
            "Renew it; the relay reads it again by itself.",
        ));
    } else if certificate.expires_at.since(facts.now) < SOON_MS {
        let days = certificate.expires_at.since(facts.now) / 86_400_000;
        all.push(Finding::warning(format!("The relay's certificate {path} ends in {days} days."), "Renew it."));
    }
    if !certificate.is_for(host) {
        all.push(Finding::error(
            format!("The relay's certificate {path} is not for {host}, the name that viewers use."),
            "Set [relay] public_host to a name of the certificate, or get one for this name.",
        ));
    }
    if certificate.self_signed {
        all.push(Finding::warning(
            format!("The relay's certificate {path} is signed by itself: browsers refuse it unless told otherwise."),
            "Use a certificate of a public authority, or of one that all viewers trust.",
        ));
    }
    if all.is_empty() {
        all.push(Finding::ok(format!("The relay's certificate is good for {host}.")));
    }
    all
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
