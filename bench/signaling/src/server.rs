//! The controller, as `anteroom serve` puts it together, over the fake driver. It prints where it is, the owner's token,
//! and each machine's token as the machine is made: on its standard output, which its parent reads.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};

use anteroom_controller::{
    COOKIE_LIFETIME_MS, Catalogue, Controller, DeadlineOverrides, KeepSettings, PoolSettings, Ports, RunSettings,
    Settings,
    http::{self, Bounds, Edge, Hosts, guest_router, person_router},
    ports::{Clock, Entropy, Page, PageFile},
    reconciler::Reconciler,
    timer,
};
use anteroom_machines::{
    Additions, Capabilities, CreateError, Driver, Limits, MachineSpec, Observed, OperationError, Reach,
    fake::{FakeDriver, World},
};
use anteroom_protocol::{
    MachineId, Secret, UnixMillis,
    guest::{DesktopSize, MediaEngine},
};
use anteroom_store::{AddressPool, Placement};
use anteroom_store_sqlite::SqliteStore;
use anteroom_vault::{Key, KeyRing};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

use crate::Outcome;

/// More than there are pages: the bounds of a listener are not what is measured.
const BOUNDS: Bounds = Bounds { total: 20_000, for_each_peer: 20_000 };
const MAX_MACHINES: u32 = 20_000;
/// Nobody times out before it has been measured.
const DEADLINE_MS: i64 = 3_600_000;
const PROVIDER: &str = include_str!("provider.toml");

/// A line on the server's standard output.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Line {
    /// It listens.
    Ready { person: SocketAddr, guest: SocketAddr, token: Secret<String> },
    /// A machine was made, and this is its token.
    Machine { token: Secret<String> },
}

/// Runs until its standard input ends.
pub(crate) async fn run(directory: &Path) -> Outcome {
    let log = File::create(directory.join("controller.log"))?;
    // With its log, as the product writes it.
    tracing_subscriber::fmt().with_env_filter("warn,anteroom=info").with_ansi(false).with_writer(Arc::new(log)).init();
    let store = Arc::new(SqliteStore::open(&directory.join("anteroom.db")).await?);
    let driver = Arc::new(Hands { fake: World::default().driver() });
    let (people, guests) = (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let (person, guest) = (people.local_addr()?, guests.local_addr()?);
    let ports = Ports { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let catalogue = Catalogue::new([toml::from_str(PROVIDER)?])?;
    let ring = KeyRing::new(Key::from_random([7; 32].into()));
    let controller = Controller::new(ports.clone(), catalogue, ring, settings(guest));
    controller.resume().await?;
    let edge = |address: SocketAddr| Edge {
        controller: controller.clone(),
        driver: driver.clone(),
        page: Arc::new(NoPage),
        hosts: Hosts::new([address.to_string()]),
    };
    let (person_calls, guest_calls) = (person_router(edge(person)), guest_router(edge(guest)));
    let mut parts = JoinSet::new();
    parts.spawn(Reconciler::new(controller.clone(), driver.clone()).run());
    parts.spawn(timer::run(controller.clone()));
    parts.spawn(http::serve(people, BOUNDS, person_calls, std::future::pending()));
    parts.spawn(http::serve(guests, BOUNDS, guest_calls, std::future::pending()));
    let token = ports.new_command_token(COOKIE_LIFETIME_MS).await?.secret();
    say(&Line::Ready { person, guest, token })?;
    tokio::select! {
        _ = parts.join_next() => Err("a part of the controller has ended".into()),
        _ = end_of_input()? => Ok(()),
    }
}

/// Resolves when the parent closes this process's standard input, or is gone.
fn end_of_input() -> std::io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        let _ = ended.send(());
    })?;
    Ok(end)
}

/// A short line to a parent that reads: it waits for nothing.
fn say(line: &Line) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

fn settings(guest: SocketAddr) -> Settings {
    let pool = AddressPool {
        first: [10, 64, 0, 2].into(),
        last: [10, 127, 255, 254].into(),
        max_machines: MAX_MACHINES,
        max_machines_per_owner: MAX_MACHINES,
    };
    let ms = Some(DEADLINE_MS);
    Settings {
        restriction: None,
        owner_name: "Owner".to_owned(),
        placement: Placement { driver: "fake".to_owned(), pool, made_from: String::new() },
        guest_url: format!("http://{guest}"),
        desktop: DesktopSize { width: 1280, height: 720 },
        limits: Limits::default(),
        additions: Additions::default(),
        engine: MediaEngine::Str0m,
        deadlines: DeadlineOverrides {
            offer_ms: ms,
            queue_ms: ms,
            machine_ms: ms,
            agent_ms: ms,
            answer_ms: ms,
            sign_in_ms: ms,
            saving_ms: ms,
        },
        pool: PoolSettings::default(),
        keep: KeepSettings::default(),
        max_queued: 0,
        runs: RunSettings::default(),
    }
}

/// The fake driver, which tells each machine's token.
struct Hands {
    fake: FakeDriver,
}

#[async_trait]
impl Driver for Hands {
    fn name(&self) -> &'static str {
        self.fake.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.fake.capabilities()
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        self.fake.create(spec).await?;
        let line = Line::Machine { token: spec.boot.token.clone() };
        say(&line).map_err(|error| {
            let (step, machine) = ("telling the machine's token".to_owned(), Some(spec.id.clone()));
            OperationError { step, machine, detail: error.to_string() }.into()
        })
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        self.fake.inspect(id).await
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        self.fake.destroy(id).await
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.fake.list().await
    }

    /// None ends by itself. The fake's own wait looks at each change of its whole world, which would be measured.
    async fn exited(&self, _id: &MachineId) -> String {
        std::future::pending().await
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        self.fake.logs(id).await
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        self.fake.reach(id, reach).await
    }
}

struct NoPage;

impl Page for NoPage {
    fn file(&self, _path: &str) -> Option<PageFile> {
        None
    }
}

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    fn now(&self) -> UnixMillis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the kernel gives random bytes since it has booted");
    }
}
