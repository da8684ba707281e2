//! `make model`: sign-ins checked by exhaustion. It drives the very decisions of `anteroom-session` through every order
//! of steps of two pages, the guest, the controller, its store and the driver, with bounded numbers of faults; and it
//! breaks each invariant on purpose to see that it is found.
//!
//! It is a tool for us. Nothing depends on it, nothing ships it, and nothing of the product knows of it.

mod ask;
mod broken;
mod clock;
mod config;
mod controller;
mod decider;
mod fair;
mod guest;
mod machines;
mod model;
mod names;
mod page;
mod properties;
mod report;
mod state;
mod worlds;

use std::{process::ExitCode, time::Duration};

/// `anteroom-model [NAME...] [faults=N] [acts=N] [seconds=N]`: worlds by name, or `broken`; without a name, all. The numbers
/// are for looking further than the bounds that `make model` has time for.
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |key: &str| arguments.iter().find_map(|argument| argument.strip_prefix(key)?.parse::<u16>().ok());
    let small = |key| number(key).and_then(|number| u8::try_from(number).ok());
    let limit = number("seconds=").map_or(report::LIMIT, |seconds| Duration::from_secs(seconds.into()));
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.contains('=')).collect();
    let is_wanted = |name: &str| names.is_empty() || names.iter().any(|wanted| *wanted == name);
    let mut tally = report::Tally::default();
    for mut world in worlds::all().into_iter().filter(|world| is_wanted(world.name)) {
        world.faults = small("faults=").unwrap_or(world.faults);
        world.acts = small("acts=").unwrap_or(world.acts);
        report::explore(world, limit, &mut tally);
    }
    if is_wanted("broken") {
        broken::ALL.iter().for_each(|breakage| report::hunt(breakage, &mut tally));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod model_tests;
