//! `make sim`: runs many schedules on all cores, tells of each that fails, with its seed and its trace, and ends with
//! how many passed. With `--seed` it runs one and shows all of it.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anteroom_sim::{Outcome, Stage};
use clap::Parser;

/// How many failing schedules are shown with their traces; of the others only the seed is told.
const SHOWN: u64 = 3;
/// Lines at the end of a failing schedule's trace that are shown; `--seed` shows all.
const SHOWN_LINES: usize = 60;
/// No schedule takes a second; one that takes so long turns in a circle in which no time goes by.
const STUCK: Duration = Duration::from_secs(120);
/// A sign of life after so many schedules.
const TELL_EVERY: u64 = 1000;

/// Whole controllers in virtual time, under faults that are drawn from a seed.
#[derive(Parser)]
struct Arguments {
    /// How many schedules.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed; drawn when it is left out.
    #[arg(long)]
    first: Option<u64>,
    /// Runs this one only, and shows its whole trace.
    #[arg(long)]
    seed: Option<u64>,
}

/// What all threads share.
#[derive(Default)]
struct Tally {
    next: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    events: Mutex<BTreeMap<String, u64>>,
    /// Which schedule each thread is at, since when.
    busy: Mutex<BTreeMap<usize, (u64, Instant)>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return replay(seed);
    }
    let first = arguments.first.unwrap_or_else(drawn);
    println!("{} schedules from seed {first}", arguments.seeds);
    let (tally, stage, began) = (Tally::default(), Stage::new(), Instant::now());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (tally, stage) = (&tally, &stage);
            scope.spawn(move || work(thread, tally, stage, first, arguments.seeds));
        }
        watch(&tally, arguments.seeds);
    });
    let events = std::mem::take(&mut *tally.events.lock().unwrap_or_else(PoisonError::into_inner));
    for (what, count) in events {
        println!("{count:>10}  {what}");
    }
    println!("{:.0} s", began.elapsed().as_secs_f64());
    let (passed, failed) = (tally.passed.load(Ordering::Relaxed), tally.failed.load(Ordering::Relaxed));
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Short enough to be typed again.
fn drawn() -> u64 {
    u64::from(getrandom::u32().expect("the system has randomness"))
}

fn replay(seed: u64) -> ExitCode {
    let outcome = Stage::new().run(seed);
    for line in &outcome.trace {
        println!("{line}");
    }
    let failed = u8::from(!outcome.broken.is_empty());
    for broken in &outcome.broken {
        println!("seed {seed}: {broken}");
    }
    println!("{} passed, {failed} failed", 1 - failed);
    ExitCode::from(failed)
}

fn work(thread: usize, tally: &Tally, stage: &Stage, first: u64, seeds: u64) {
    loop {
        let number = tally.next.fetch_add(1, Ordering::Relaxed);
        if number >= seeds {
            tally.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&thread);
            return;
        }
        let seed = first.wrapping_add(number);
        tally.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(thread, (seed, Instant::now()));
        let outcome = stage.run(seed);
        count(tally, &outcome);
        if number % TELL_EVERY == TELL_EVERY - 1 {
            eprintln!("{} of {seeds}", number + 1);
        }
    }
}

fn count(tally: &Tally, outcome: &Outcome) {
    let mut events = tally.events.lock().unwrap_or_else(PoisonError::into_inner);
    for (what, count) in &outcome.tally {
        *events.entry(what.clone()).or_default() += count;
    }
    if outcome.broken.is_empty() {
        tally.passed.fetch_add(1, Ordering::Relaxed);
        return;
    }
    if tally.failed.fetch_add(1, Ordering::Relaxed) < SHOWN {
        let skipped = outcome.trace.len().saturating_sub(SHOWN_LINES);
        println!("... {skipped} lines before");
        for line in &outcome.trace[skipped..] {
            println!("{line}");
        }
    }
    for broken in &outcome.broken {
        println!("seed {}: {broken}", outcome.seed);
    }
    println!("seed {} failed; replay it with: make sim SEED={}", outcome.seed, outcome.seed);
}

/// Ends everything when a schedule is stuck: its thread can't be ended alone.
fn watch(tally: &Tally, seeds: u64) {
    while tally.passed.load(Ordering::Relaxed) + tally.failed.load(Ordering::Relaxed) < seeds {
        std::thread::park_timeout(Duration::from_millis(200));
        let busy = tally.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seed, _)) = busy.values().find(|(_, since)| since.elapsed() > STUCK) {
            println!("seed {seed} is stuck: no virtual time goes by");
            std::process::exit(2);
        }
    }
}
