//! A short run with a fresh seed, and what makes its failures worth anything: that a seed replays.

use std::time::{Duration, Instant};

use anteroom_sim::Stage;

/// `make sim` runs thousands.
const SHORT_RUN: Duration = Duration::from_secs(8);
/// A schedule has some 160 lines, a short one 20.
const REPLAYED_LINES: usize = 2000;
const MOST_SCHEDULES: u64 = 100;

fn fresh_seed() -> u64 {
    u64::from(getrandom::u32().expect("the system has randomness"))
}

#[test]
fn schedules_of_a_fresh_seed_hold_all_invariants() {
    let (stage, first, began) = (Stage::new(), fresh_seed(), Instant::now());
    println!("from seed {first}");
    for seed in (first..).take_while(|_| began.elapsed() < SHORT_RUN) {
        let outcome = stage.run(seed);
        let trace = outcome.trace.join("\n");
        assert!(outcome.broken.is_empty(), "{trace}\nmake sim SEED={seed}: {:#?}", outcome.broken);
    }
}

#[test]
fn a_seed_replays_its_schedule() {
    let (stage, first) = (Stage::new(), fresh_seed());
    let mut lines = 0;
    // A schedule has as many lines as its seed gives it; enough of them are replayed, however many schedules that takes.
    for seed in first.. {
        let (once, again) = (stage.run(seed), stage.run(seed));
        let differs = once.trace.iter().zip(&again.trace).position(|(once, again)| once != again);
        let at = differs.unwrap_or(usize::min(once.trace.len(), again.trace.len()));
        let around = |trace: &[String]| trace[at.saturating_sub(5)..usize::min(at + 5, trace.len())].join("\n");
        assert_eq!(
            once.trace,
            again.trace,
            "seed {seed} from line {at}:\n{}\n\n{}",
            around(&once.trace),
            around(&again.trace)
        );
        assert_eq!(once.broken, again.broken);
        lines += once.trace.len();
        if lines >= REPLAYED_LINES {
            break;
        }
        assert!(seed < first + MOST_SCHEDULES, "only {lines} lines from seed {first}: the schedules are empty");
    }
}

#[test]
fn another_seed_is_another_schedule() {
    let stage = Stage::new();
    assert_ne!(stage.run(1).trace, stage.run(2).trace);
}
