//! What outlives the controllers of a schedule, and what all its parts share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_controller::ports::Clock;
use anteroom_machines::fake::World;
use anteroom_protocol::UnixMillis;
use tokio::time::Instant;

use crate::{
    air::Air, database::Database, dice::Dice, network::Network, referee::Referee, server::Server, weather::Weather,
};

/// Lines of a trace that are kept; a schedule has about two thousand.
const MAX_TRACE_LINES: usize = 50_000;

pub(crate) struct Scene {
    pub(crate) dice: Dice,
    /// The controllers' randomness, apart from the schedule's.
    pub(crate) entropy: Arc<Dice>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) database: Database,
    pub(crate) world: World,
    pub(crate) air: Air,
    pub(crate) server: Server,
    pub(crate) network: Network,
    pub(crate) referee: Referee,
    /// Machines at a time.
    pub(crate) places: u32,
    /// Machines that wait.
    pub(crate) pooled: u32,
    /// Failed machines that are kept for a look.
    pub(crate) kept: u32,
    /// The owner's token.
    pub(crate) owner: String,
    /// The token of a person who owns nothing here.
    pub(crate) stranger: String,
    weather: Mutex<Weather>,
    trace: Mutex<Vec<String>>,
}

/// What a schedule begins with.
pub(crate) struct Props {
    pub(crate) dice: Dice,
    pub(crate) entropy: Arc<Dice>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) database: Database,
    pub(crate) places: u32,
    pub(crate) pooled: u32,
    pub(crate) kept: u32,
    pub(crate) owner: String,
    pub(crate) stranger: String,
}

impl Scene {
    pub(crate) fn new(props: Props) -> Arc<Self> {
        let weather = Weather::draw(&props.dice);
        let scene = Self {
            dice: props.dice,
            entropy: props.entropy,
            clock: props.clock,
            database: props.database,
            world: World::default(),
            air: Air::default(),
            server: Server::default(),
            network: Network::default(),
            referee: Referee::default(),
            places: props.places,
            pooled: props.pooled,
            kept: props.kept,
            owner: props.owner,
            stranger: props.stranger,
            weather: Mutex::new(weather),
            trace: Mutex::default(),
        };
        scene.say("weather", format!("{weather:?}"));
        Arc::new(scene)
    }

    pub(crate) fn weather(&self) -> Weather {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// A line of the trace: when, who, what.
    pub(crate) fn say(&self, who: &str, what: impl AsRef<str>) {
        let mut trace = self.trace();
        if trace.len() < MAX_TRACE_LINES {
            let at = self.clock.elapsed().as_secs_f64();
            trace.push(format!("{at:>9.3}  {who:<16} {}", what.as_ref()));
        }
    }

    /// An invariant does not hold.
    pub(crate) fn broken(&self, rule: &str, how: impl AsRef<str>) {
        self.say("REFEREE", format!("{rule}: {}", how.as_ref()));
        self.referee.broken(format!("{rule}: {}", how.as_ref()));
    }

    /// Waits as long as the dice say.
    pub(crate) async fn sleep(&self, range: std::ops::RangeInclusive<u64>) {
        tokio::time::sleep(self.dice.ms(range)).await;
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        std::mem::take(&mut *self.trace())
    }

    fn trace(&self) -> MutexGuard<'_, Vec<String>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tokio's clock, counted from a day.
pub(crate) struct VirtualClock(Instant);

impl VirtualClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> UnixMillis {
        let ms = i64::try_from(self.elapsed().as_millis()).expect("no schedule lasts for ages");
        UnixMillis(1_800_000_000_000).plus_ms(ms)
    }
}
