//! The controller: started, killed at any await, stopped in good order, and started again over the same database and
//! the same machines.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anteroom_controller::{
    Catalogue, Controller, DeadlineOverrides, Error, KeepSettings, PoolSettings, Ports, RunSettings, Settings,
    http::{Edge, Hosts, guest_router, person_router},
    ports::{Page, PageFile},
    reconciler::Reconciler,
    timer,
};
use anteroom_machines::{Additions, Limits};
use anteroom_protocol::guest::{DesktopSize, MediaEngine};
use anteroom_store::{AddressPool, Placement};
use anteroom_vault::{Key, KeyRing};
use axum::Router;
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
};

use crate::{call::Door, driver::Hands, scene::Scene, store::Gate};

pub(crate) const PERSON_HOST: &str = "127.0.0.1:4000";
pub(crate) const GUEST_HOST: &str = "10.87.0.1:4001";
pub(crate) const PROVIDERS: [&str; 2] = [include_str!("one.toml"), include_str!("two.toml")];
/// After a start that failed.
const START_AGAIN: Duration = Duration::from_secs(1);
/// How long a controller that stops waits for its requests.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the controller is, if anywhere.
#[derive(Default)]
pub(crate) struct Server {
    running: Mutex<Option<Running>>,
    life: Mutex<Life>,
}

/// A controller at work; dropping it is `kill -9`.
struct Running {
    controller: Arc<Controller>,
    person: Router,
    guest: Router,
    tasks: JoinSet<()>,
    /// Whether its listeners take requests.
    listens: bool,
}

/// From a controller's start to its end. What belongs to one that has ended does nothing any more.
#[derive(Clone, Default)]
pub(crate) struct Life(Arc<Span>);

#[derive(Default)]
struct Span {
    over: AtomicBool,
    ended: Notify,
}

struct NoPage;

impl Page for NoPage {
    fn file(&self, _path: &str) -> Option<PageFile> {
        None
    }
}

impl Life {
    fn end(&self) {
        self.0.over.store(true, Ordering::Relaxed);
        self.0.ended.notify_one();
    }

    fn is_over(&self) -> bool {
        self.0.over.load(Ordering::Relaxed)
    }

    /// A moment at an await of the controller: time may go by in it, and it may be the last.
    pub(crate) async fn dwell(&self, scene: &Arc<Scene>, place: &str) {
        let weather = scene.weather();
        if !self.is_over() && scene.dice.chance(weather.killed) {
            scene.server.kill(scene, place);
        }
        if scene.dice.chance(weather.slow) {
            let longest = scene.dice.weighted(&[(30, 4), (5, 60), (1, 2500)]);
            scene.sleep(0..=longest).await;
        }
        if self.is_over() {
            std::future::pending::<()>().await;
        }
    }
}

impl Server {
    /// Ends it where it is.
    pub(crate) fn kill(&self, scene: &Scene, place: &str) {
        scene.say("controller", format!("killed at {place}"));
        scene.referee.count("kills");
        self.end(scene);
    }

    /// Ends it where it is, without a word.
    pub(crate) fn end(&self, scene: &Scene) {
        lock(&self.life).clone().end();
        let running = lock(&self.running).take();
        if let Some(mut running) = running {
            look_for_panics(scene, &mut running.tasks);
        }
    }

    /// Ends it in good order: polls and streams end, requests are waited for.
    pub(crate) async fn stop(&self, scene: &Scene) {
        scene.say("controller", "stops");
        scene.referee.count("stops");
        let life = lock(&self.life).clone();
        scene.referee.closing();
        if let Some(running) = &mut *lock(&self.running) {
            running.listens = false;
            running.controller.close();
        }
        let deadline = tokio::time::Instant::now() + STOP_TIMEOUT;
        while !life.is_over() && self.requests(scene) > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if !life.is_over() {
            self.end(scene);
        }
    }

    /// How many requests are being answered.
    fn requests(&self, scene: &Scene) -> usize {
        let Some(running) = &mut *lock(&self.running) else { return 0 };
        look_for_panics(scene, &mut running.tasks);
        // Two of them are the reconciler and the timer.
        running.tasks.len().saturating_sub(2)
    }

    /// The listener's router and a task of the controller that works on a request; `None` when nobody listens.
    pub(crate) fn take<F: Future<Output = ()> + Send + 'static>(
        &self,
        door: Door,
        work: impl FnOnce(Router) -> F,
    ) -> Option<AbortHandle> {
        let mut running = lock(&self.running);
        let running = running.as_mut().filter(|running| running.listens)?;
        let router = match door {
            Door::Person => running.person.clone(),
            Door::Guest => running.guest.clone(),
        };
        Some(running.tasks.spawn(work(router)))
    }

    pub(crate) fn is_up(&self) -> bool {
        lock(&self.running).is_some()
    }
}

/// Starts the controller, and starts it again whenever it has ended.
pub(crate) async fn supervise(scene: Arc<Scene>, deadlines: DeadlineOverrides) {
    loop {
        let life = Life::default();
        *lock(&scene.server.life) = life.clone();
        let started = tokio::select! {
            biased;
            () = life.0.ended.notified() => None,
            started = start(&scene, &life, deadlines) => Some(started),
        };
        match started {
            Some(Ok(running)) => {
                scene.say("controller", "runs");
                *lock(&scene.server.running) = Some(running);
                life.0.ended.notified().await;
                let away = scene.dice.weighted(&[(7, 3000), (2, 20_000), (1, 90_000)]);
                scene.sleep(100..=away).await;
            }
            Some(Err(error)) => {
                scene.say("controller", format!("does not start: {error}"));
                tokio::time::sleep(START_AGAIN).await;
            }
            None => tokio::time::sleep(START_AGAIN).await,
        }
        if scene.dice.chance(3000) {
            scene.database.reopen();
        }
    }
}

async fn start(scene: &Arc<Scene>, life: &Life, deadlines: DeadlineOverrides) -> Result<Running, Error> {
    let store = Arc::new(Gate { scene: scene.clone(), life: life.clone() });
    let driver = Arc::new(Hands { inner: scene.world.driver(), scene: scene.clone(), life: life.clone() });
    let ports = Ports { store, clock: scene.clock.clone(), entropy: scene.entropy.clone() };
    let controller = Controller::new(ports, catalogue(), key_ring(), settings(scene, deadlines));
    controller.resume().await?;
    let mut tasks = JoinSet::new();
    tasks.spawn(Reconciler::new(controller.clone(), driver.clone()).run());
    tasks.spawn(timer::run(controller.clone()));
    let edge = |host: &str| Edge {
        controller: controller.clone(),
        driver: driver.clone(),
        page: Arc::new(NoPage),
        hosts: Hosts::new([host.to_owned()]),
    };
    let (person, guest) = (person_router(edge(PERSON_HOST)), guest_router(edge(GUEST_HOST)));
    scene.referee.opened();
    Ok(Running { controller, person, guest, tasks, listens: true })
}

fn catalogue() -> Catalogue {
    Catalogue::new(PROVIDERS.map(|text| toml::from_str(text).expect("our providers are TOML"))).expect("and whole")
}

pub(crate) fn key_ring() -> KeyRing {
    KeyRing::new(Key::from_random([7; 32].into()))
}

/// Less than a schedule's aftermath, so that nothing is left at its end.
const KEPT_FOR_MS: i64 = 300_000;

fn settings(scene: &Scene, deadlines: DeadlineOverrides) -> Settings {
    let places = scene.places;
    let pool = AddressPool {
        first: [10, 87, 0, 2].into(),
        // One more than there may be machines: an address is soon handed out again.
        last: std::net::Ipv4Addr::from_bits(std::net::Ipv4Addr::new(10, 87, 0, 2).to_bits() + places),
        max_machines: places,
        max_machines_per_owner: places,
    };
    Settings {
        restriction: None,
        owner_name: "Owner".to_owned(),
        placement: Placement { driver: "fake".to_owned(), pool, made_from: "image 1".to_owned() },
        guest_url: format!("http://{GUEST_HOST}"),
        desktop: DesktopSize { width: 1280, height: 720 },
        limits: Limits::default(),
        additions: Additions::default(),
        engine: MediaEngine::Str0m,
        deadlines,
        pool: PoolSettings { size: scene.pooled, keep_free: 0 },
        // A schedule has three sign-ins at most, so that the last may find no place among those who wait.
        keep: KeepSettings { machines: scene.kept, for_ms: KEPT_FOR_MS },
        max_queued: 1,
        runs: RunSettings::default(),
    }
}

/// A task that has ended by a panic is a defect, wherever it was. What was ended on purpose is none.
fn look_for_panics(scene: &Scene, tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.try_join_next() {
        if ended.is_err_and(|error| error.is_panic()) {
            scene.broken("no-panic", "a task of the controller broke");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
