//! A desktop that changes all the time, an encoder that makes what it may, and a network with one narrow part.

use super::*;

const PACKET: u32 = 1_150;

struct World {
    network: Network,
    origin: Instant,
    now: Duration,
    kbps: f64,
    loss: f64,
    /// When the narrow part is free.
    free: Duration,
    random: u32,
    /// On their way, and those whose fate the viewer knows.
    flying: VecDeque<Packet>,
    sent: u64,
    longest_queue: Duration,
}

/// One way, by two clocks.
const DELAY: Duration = Duration::from_millis(25);
const CLOCKS_APART: Duration = Duration::from_secs(1_000);
const QUEUE: Duration = Duration::from_millis(700);

impl World {
    fn new(kbps: f64, loss: f64) -> Self {
        let origin = Instant::now();
        let network = Network::new(u64::from(rate::START_KBPS) * 1000, origin);
        let (free, flying) = (Duration::ZERO, VecDeque::new());
        Self { network, origin, now: Duration::ZERO, kbps, loss, free, random: 1, flying, sent: 0, longest_queue: free }
    }

    fn at(&self) -> Instant {
        self.origin + self.now
    }

    fn chance(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.random >> 8) / f64::from(1 << 24)
    }

    /// A picture of so many bytes, all at once.
    fn send(&mut self, bytes: u32) {
        let at = self.at();
        self.network.sent(bytes as usize, self.now, at);
        for _ in 0..bytes.div_ceil(PACKET) {
            let waits = self.free.saturating_sub(self.now);
            let is_lost = waits > QUEUE || self.chance() < self.loss;
            self.longest_queue = self.longest_queue.max(waits);
            if waits <= QUEUE {
                self.free =
                    self.free.max(self.now) + Duration::from_secs_f64(f64::from(PACKET) * 8.0 / (self.kbps * 1000.0));
            }
            let received = (!is_lost).then_some(self.free + DELAY + CLOCKS_APART);
            self.flying.push_back(Packet { bytes: PACKET, sent: self.now, received });
            self.sent += u64::from(PACKET);
        }
    }

    /// Runs, changing the picture or not; the viewer tells every 100 ms.
    fn run(&mut self, time: Duration, changes: bool) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(5);
            let step = self.now.as_millis();
            if changes && step.is_multiple_of(15) && self.network.waits(self.at()) < Duration::from_millis(30) {
                let kbps = rate::encoder_kbps(std::iter::once(self.network.estimate_bps()));
                self.send((kbps * 90 / 8).min(40_000));
            }
            if step.is_multiple_of(100) {
                let is_here = |packet: &Packet| {
                    packet.received.is_none_or(|at| at + DELAY <= self.now + CLOCKS_APART)
                        && packet.sent + 2 * DELAY <= self.now
                };
                let count = self.flying.iter().take_while(|packet| is_here(packet)).count();
                let told: Vec<Packet> = self.flying.drain(..count).collect();
                if !told.is_empty() {
                    let at = self.at();
                    self.network.heard(&told, self.now, at);
                }
            }
        }
    }

    fn kbps(&self) -> f64 {
        self.network.estimate_bps() as f64 / 1000.0
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_narrow_network_is_known_within_two_seconds_and_its_queue_stays_short() {
    for (kbps, loss) in [(500.0, 0.0), (2_000.0, 0.0), (2_000.0, 0.02), (2_000.0, 0.1)] {
        let mut world = World::new(kbps, loss);
        world.run(2 * SECOND, true);
        let estimate = world.kbps();
        assert!((kbps * 0.6..kbps * 1.05).contains(&estimate), "{kbps} with {loss}: {estimate}");
        world.longest_queue = Duration::ZERO;
        let before = world.sent;
        world.run(20 * SECOND, true);
        let used = (world.sent - before) as f64 * 8.0 / 20_000.0;
        assert!(world.longest_queue < Duration::from_millis(200), "{kbps} with {loss}: {:?}", world.longest_queue);
        assert!((kbps * 0.5..kbps * 1.02).contains(&used), "{kbps} with {loss}: {used}");
    }
}

#[test]
fn a_wide_network_is_used_within_seconds_and_again_when_a_limit_goes() {
    let mut world = World::new(100_000.0, 0.0);
    world.run(4 * SECOND, true);
    assert!(world.kbps() > 7_000.0, "{}", world.kbps());
    world.kbps = 500.0;
    world.run(5 * SECOND, true);
    assert!(world.kbps() < 520.0, "{}", world.kbps());
    world.kbps = 100_000.0;
    world.run(10 * SECOND, true);
    assert!(world.kbps() > 7_000.0, "{}", world.kbps());
}

#[test]
fn an_idle_desktop_changes_nothing() {
    let mut world = World::new(1_000.0, 0.0);
    world.run(3 * SECOND, true);
    let before = world.kbps();
    for _ in 0..20 {
        world.send(900);
        world.run(3 * SECOND, false);
    }
    assert!((before * 0.8..before * 1.2).contains(&world.kbps()), "{before}, then {}", world.kbps());
}

#[test]
fn losses_by_chance_cost_little_and_those_of_a_policer_count() {
    let mut by_chance = World::new(100_000.0, 0.1);
    by_chance.run(5 * SECOND, true);
    assert!(by_chance.kbps() > 5_000.0, "{}", by_chance.kbps());
    let mut policed = World::new(100_000.0, 0.5);
    policed.run(5 * SECOND, true);
    assert!(policed.kbps() < 2_500.0, "{}", policed.kbps());
}

#[test]
fn what_was_sent_waits_as_long_as_it_takes_and_a_silent_viewer_makes_all_wait_for_a_time() {
    let now = Instant::now();
    let mut network = Network::new(1_000_000, now);
    network.sent(12_500, Duration::ZERO, now);
    assert_eq!(network.waits(now), Duration::from_millis(100));
    assert_eq!(network.waits(now + SECOND), Duration::ZERO, "nobody knows whether this viewer ever says anything");
    let packet = Packet { bytes: 1_000, sent: Duration::ZERO, received: Some(SECOND) };
    network.heard(&[packet], SECOND, now + SECOND);
    network.sent(1_000, 2 * SECOND, now + 2 * SECOND);
    for (ms, waits) in [(2_300, 0), (2_600, 600), (3_400, 1_400), (3_600, 0)] {
        assert_eq!(network.waits(now + Duration::from_millis(ms)), Duration::from_millis(waits), "{ms}");
    }
}
