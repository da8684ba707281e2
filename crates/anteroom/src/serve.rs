//! `anteroom serve`: puts the parts together and runs them until it is told to stop.
//!
//! SIGINT and SIGTERM stop the listeners and the reconciler. Machines go on running: the next start takes them up, and
//! ends those whose sessions can't go on.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anteroom_controller::{
    Care, Controller, Error, Outside, Ports, Reach, Token, care_for_credentials,
    http::{self, Bounds, Edge, Hosts, guest_router, person_router},
    reconciler::{Reconciler, empty_pool},
    timer,
};
use anteroom_machines::Driver;
use anteroom_protocol::Secret;
use anteroom_resolver::{ResolveError, Resolver};
use anteroom_store_sqlite::SqliteStore;
use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    config::Config,
    driver::{self, DriverError, Opened},
    edge::{SystemClock, SystemEntropy},
    embedded, names,
    process::{Signals, allow_open_files},
    relay,
    webhook::{Webhook, WebhookError},
    wiring::{self, WiringError},
};

/// How long open requests may take after the signal to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// A page keeps an event stream and two polls; a browser opens six connections at most, a person some tabs. Behind a proxy
/// all of them are one peer's.
const PERSON_BOUNDS: Bounds = Bounds { total: 12_000, for_each_peer: 12_000 };
/// An agent keeps two polls and sends reports.
const GUEST_BOUNDS: Bounds = Bounds { total: 1024, for_each_peer: 16 };

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// A part can't be made.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// Nobody makes machines.
    #[error(transparent)]
    Machines(#[from] DriverError),
    /// A listener can't be had.
    #[error("listening on {address} ({who}): {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// For whom.
        who: &'static str,
        /// What was said.
        #[source]
        source: std::io::Error,
    },
    /// The relay does not start.
    #[error("the relay: {0}")]
    Relay(#[from] anteroom_relay::RelayError),
    /// Names can't be answered for machines.
    #[error(transparent)]
    Names(#[from] ResolveError),
    /// Who makes machines is configured otherwise.
    #[error(
        "network.restrict is {wanted} here, and otherwise where machines are made: restart `anteroom machined` and this with one \
         configuration"
    )]
    RestrictedOtherwise {
        /// Whether it is wanted here.
        wanted: bool,
    },
    /// Nobody can be told.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Signals can't be waited for.
    #[error("waiting for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// The controller can't go on from what is stored.
    #[error("taking up what is stored: {0}")]
    Controller(#[from] Error),
    /// A part that runs for ever has ended.
    #[error("{0} has ended by a fault; the log has more")]
    Ended(&'static str),
}

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(config: Config, key: Option<Secret<String>>) -> Result<(), ServeError> {
    allow_open_files();
    let _lock = wiring::lock(&config)?;
    let store = wiring::store(&config).await?;
    let ring = wiring::key_ring(&wiring::key_source(&config, key), &*store).await?;
    let catalogue = wiring::catalogue(&config)?;
    let care = care(&config)?;
    let Opened { driver, made_from } = driver::open(&config).await?;
    if !embedded::has_page() {
        tracing::warn!("this program was compiled without the page; build web/ and compile again");
    }
    // The gateway's address exists since the driver has made the bridge.
    let guests = listen(SocketAddr::from((config.network.gateway, config.network.guest_port)), "guests").await?;
    let people = listen(config.listen, "people").await?;
    let settings = wiring::settings(&config, driver.name(), &made_from, format!("http://{}", guests.1))?;
    wiring::note_bound_address(&config, people.1)?;
    let ports = Ports { store: store.clone(), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let reach = Reach::default();
    let relay = relay::Running::start(config.relay.clone(), people.1, reach.clone()).await?;
    let controller = Controller::with_relays(ports.clone(), catalogue, ring, settings, relay.relays(), reach);
    controller.resume().await?;
    let resolver = names::resolver(&config, &controller, &driver).await?;
    // The only place that prints a token, but for the commands that are asked for one.
    println!("Anteroom is at {}", link(people.1, &ports.new_link().await?));
    let ended = serve(&config, &controller, driver.clone(), (people, guests), (resolver, care)).await;
    drop(relay);
    // Machines of sessions go on; those that wait for one would wait for nobody.
    if tokio::time::timeout(STOP_TIMEOUT, empty_pool(&controller, &*driver)).await.is_err() {
        tracing::warn!("pooled machines are left; the next start takes them up");
    }
    store_closed(&store).await;
    ended
}

/// The link that signs a browser in. A listener on all addresses is reached on this host's own.
pub(crate) fn link(mut address: SocketAddr, token: &Token) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}/?token={}", token.expose())
}

async fn store_closed(store: &SqliteStore) {
    if tokio::time::timeout(STOP_TIMEOUT, store.close()).await.is_err() {
        tracing::warn!("the database was not closed in time; what is committed is durable");
    }
}

async fn listen(address: SocketAddr, who: &'static str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, who, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(%bound, "listening for {who}");
    Ok((listener, bound))
}

/// Reconciler, timer, the care for credentials, the resolver if there is one, and both listeners. The first that ends ends all.
async fn serve(
    config: &Config,
    controller: &Arc<Controller>,
    driver: Arc<dyn Driver>,
    (people, guests): ((TcpListener, SocketAddr), (TcpListener, SocketAddr)),
    (resolver, care): (Option<Resolver>, Care),
) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(ServeError::Signals)?;
    let edge = |hosts| Edge {
        controller: controller.clone(),
        driver: driver.clone(),
        page: Arc::new(embedded::EmbeddedPage),
        hosts,
    };
    let person = person_router(edge(person_hosts(config, people.1)));
    let guest = guest_router(edge(Hosts::new([guests.1.to_string()])));
    let stopping = watch::Sender::new(false);
    let mut parts = JoinSet::new();
    parts.spawn(named("the reconciler", Reconciler::new(controller.clone(), driver.clone()).run()));
    parts.spawn(named("the timer", timer::run(controller.clone())));
    parts.spawn(named("the care for credentials", care_for_credentials(controller.clone(), care)));
    if let Some(resolver) = resolver {
        parts.spawn(named("the resolver", resolver.run()));
    }
    let mut listeners = JoinSet::new();
    listeners.spawn(listener(people.0, PERSON_BOUNDS, person, stopping.subscribe()));
    listeners.spawn(listener(guests.0, GUEST_BOUNDS, guest, stopping.subscribe()));
    let ended = tokio::select! {
        () = signals.stop() => Ok(()),
        part = parts.join_next() => Err(ServeError::Ended(part.and_then(Result::ok).unwrap_or("a part"))),
        _ = listeners.join_next() => Err(ServeError::Ended("a listener")),
    };
    tracing::info!("stopping; machines go on, and the next start takes them up");
    stopping.send_replace(true);
    controller.close();
    if tokio::time::timeout(STOP_TIMEOUT, async { while listeners.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!("some requests were not answered before the end");
    }
    ended
}

/// Who is told of credentials, and how often they are checked.
fn care(config: &Config) -> Result<Care, WebhookError> {
    let webhook =
        config.webhook.as_ref().map(|webhook| Webhook::new(&webhook.url, &webhook.secret_file)).transpose()?;
    let hours = u64::from(config.credentials.check_hours);
    Ok(Care {
        outside: webhook.map(|webhook| Arc::new(webhook) as Arc<dyn Outside>),
        check_every: (hours > 0).then(|| Duration::from_secs(hours * 60 * 60)),
    })
}

async fn named(name: &'static str, part: impl Future<Output = ()>) -> &'static str {
    part.await;
    name
}

async fn listener(listener: TcpListener, bounds: Bounds, router: Router, mut stopping: watch::Receiver<bool>) {
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    http::serve(listener, bounds, router, stopped).await;
}

/// The names of this host's own loopback, the configured address, and those that the operator adds.
fn person_hosts(config: &Config, bound: SocketAddr) -> Hosts {
    let port = bound.port();
    let own = [bound.to_string(), format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
    Hosts::new(own.into_iter().chain(config.allowed_hosts.iter().cloned()))
}
