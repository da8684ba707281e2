//! One schedule, from its seed to its verdict.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anteroom_controller::{COOKIE_LIFETIME_MS, DeadlineOverrides, Ports, Token, ports::Clock as _};
use anteroom_protocol::{MachineId, UserId, session::SessionView};
use anteroom_session::machine::Wanted;
use anteroom_store::{AccessRow, Store as _};
use tokio::{sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    agent,
    audit::audit,
    call::{Call, Door},
    database::{Database, Databases},
    dice::Dice,
    feed,
    network::send,
    scene::{Props, Scene, VirtualClock},
    script::Script,
    server,
    weather::Weather,
};

/// When nothing goes wrong any more, everything has ended after all deadlines and retries, one after the other.
const MAX_AFTERMATH: Duration = Duration::from_secs(1800);
/// When nothing goes wrong any more, each page has its picture, or its session has ended, after the deadlines of
/// machine, agent and answer.
const MAX_WITHOUT_PICTURE: Duration = Duration::from_secs(180);
/// How long it must have been over: a click that was late may begin something anew.
const QUIET: Duration = Duration::from_secs(40);
/// How often the end is looked for.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long the last readers may take.
const LAST_READ: Duration = Duration::from_secs(60);

/// What schedules need that does not belong to one of them.
pub struct Stage(Databases);

/// What became of a schedule.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// The rules that did not hold, with how; empty when all did.
    pub broken: Vec<String>,
    /// Everything that happened, in order, with its virtual time.
    pub trace: Vec<String>,
    /// How often what happened.
    pub tally: BTreeMap<String, u64>,
}

impl Stage {
    /// Makes a place for databases.
    ///
    /// # Panics
    /// When there is no directory for them, or no thread.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes directories and threads")]
    pub fn new() -> Self {
        Self(Databases::new())
    }

    /// Runs the schedule of a seed on the calling thread. The same seed gives the same outcome, trace and all.
    ///
    /// # Panics
    /// When the simulation itself breaks.
    #[must_use]
    pub fn run(&self, seed: u64) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime starts");
        let scene = runtime.block_on(play(seed, self.0.fresh(seed)));
        let book = scene.referee.book();
        let (broken, tally) = (book.broken.clone(), book.tally.clone());
        drop(book);
        Outcome { seed, broken, trace: scene.take_trace(), tally }
    }
}

async fn play(seed: u64, database: Database) -> Arc<Scene> {
    let (scene, owner) = set(seed, database);
    let deadlines = deadlines(&scene.dice);
    scene.say(
        "schedule",
        format!("seed {seed}, {} places, {} pooled, {} kept, {deadlines:?}", scene.places, scene.pooled, scene.kept),
    );
    let mut background = JoinSet::new();
    background.spawn(server::supervise(scene.clone(), deadlines));
    background.spawn(agent::inhabit(scene.clone()));
    let mut script = Script::new(&scene, owner.clone());
    script.perform().await;
    scene.say("schedule", "nothing goes wrong any more");
    scene.set_weather(Weather::calm());
    aftermath(&scene, &script).await;
    if script.end().await {
        scene.broken("simulation", "a page or an errand broke");
    }
    read_everything(&scene, &owner).await;
    audit(&scene, &owner);
    if background.try_join_next().is_some() {
        scene.broken("simulation", "a part of the simulation ended");
    }
    background.shutdown().await;
    scene.server.end(&scene);
    scene.network.end().await;
    scene
}

/// The scene before anything happens, with an owner who has a token.
fn set(seed: u64, database: Database) -> (Arc<Scene>, UserId) {
    let dice = Dice::new(seed);
    let entropy = Arc::new(Dice::new(seed ^ 0x5EED_0F1D_5A11_0075));
    let clock = Arc::new(VirtualClock::start());
    let store = database.store();
    let ports = Ports { store: store.clone(), clock: clock.clone(), entropy: entropy.clone() };
    let owner = database.wait(ports.new_command_token(COOKIE_LIFETIME_MS)).expect("a new database takes a token");
    let user = database.wait(store.owner(&UserId::from_random([1; 16]), clock.now())).expect("there is an owner");
    let stranger = Token::new(&*entropy);
    let foreign = AccessRow {
        digest: stranger.digest(),
        user: UserId::from_random([9; 16]),
        expires_at: clock.now().plus_ms(1_000_000_000),
        once: false,
    };
    database.wait(store.put_access(&foreign, clock.now())).expect("a new database takes a token");
    let places = if dice.chance(8500) { 8 } else { 1 };
    let pooled = if dice.chance(5000) { 1 + u32::from(dice.chance(5000)) } else { 0 };
    let kept = u32::from(dice.chance(3000));
    let owner = owner.expose().to_owned();
    let stranger = stranger.expose().to_owned();
    (Scene::new(Props { dice, entropy, clock, database, places, pooled, kept, owner, stranger }), user)
}

/// Long enough for what has to happen, short enough to be met by what goes wrong.
fn deadlines(dice: &Dice) -> DeadlineOverrides {
    let seconds = |range| Some(i64::try_from(dice.number(range)).expect("small") * 1000);
    DeadlineOverrides {
        offer_ms: seconds(15..=60),
        queue_ms: seconds(40..=400),
        machine_ms: seconds(15..=60),
        agent_ms: seconds(10..=30),
        answer_ms: seconds(10..=30),
        sign_in_ms: seconds(40..=240),
        saving_ms: seconds(15..=60),
    }
}

/// Waits until all sessions have ended and nothing is left of their machines.
async fn aftermath(scene: &Arc<Scene>, script: &Script) {
    let (since, calm) = (Instant::now(), scene.clock.now());
    let (mut looked, mut over_since) = (false, None);
    loop {
        over_since = if is_over(scene) { over_since.or(Some(Instant::now())) } else { None };
        if over_since.is_some_and(|over| over.elapsed() > QUIET) {
            return;
        }
        if since.elapsed() > MAX_AFTERMATH {
            return scene.broken("every-session-ends", "not everything has ended in time");
        }
        if since.elapsed() > MAX_WITHOUT_PICTURE && !looked {
            looked = true;
            for page in script.without_picture(calm) {
                scene.broken("live-peer", format!("{page} has no picture, though nothing goes wrong"));
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn is_over(scene: &Scene) -> bool {
    let store = scene.database.store();
    let live = scene.database.wait(store.live_sessions(None, 1)).expect("the store itself never fails");
    let rows = scene.database.wait(store.machines(None, 99)).expect("the store itself never fails");
    let is_pooled = |machine: &MachineId| rows.iter().any(|row| row.id == *machine && row.session.is_none());
    let kept = rows.iter().filter(|row| row.wanted == Wanted::Kept).count();
    if kept > scene.kept as usize {
        scene.broken("kept", format!("{kept} failed machines are kept"));
    } else if kept > 0 {
        scene.referee.count("looks at a kept machine");
    }
    let all_pooled = rows.iter().all(|row| row.session.is_none());
    scene.server.is_up()
        && live.is_empty()
        && all_pooled
        && scene.world.everything().iter().all(|spec| is_pooled(&spec.id))
}

/// Somebody who comes late still reads everything of every session.
async fn read_everything(scene: &Arc<Scene>, owner: &UserId) {
    let sessions = scene.database.wait(scene.database.store().sessions_of(owner, 64));
    for stored in sessions.expect("the store itself never fails") {
        let id = stored.session.id;
        let (tell, _news) = mpsc::unbounded_channel();
        let all = feed::follow(scene.clone(), "latecomer".to_owned(), id.clone(), tell);
        if tokio::time::timeout(LAST_READ, all).await.is_err() {
            scene.broken("events", format!("the events of {id} have no end"));
        }
        let call = Call::get(Door::Person, &scene.owner, format!("/api/session/{id}"), LAST_READ);
        let view = send(scene, "latecomer", &call).await.and_then(|reply| reply.parse::<SessionView>());
        if !view.is_some_and(|view| view.state.is_terminal() && view.machine.is_none()) {
            scene.broken("every-session-ends", format!("{id} is shown as going on"));
        }
    }
}
