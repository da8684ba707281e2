//! Runs the worlds and says what was found, in lines for a person.

use std::{
    fmt,
    time::{Duration, Instant},
};

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};

use crate::{
    broken::Breakage,
    config::{Config, Grain},
    fair,
    model::{SignIn, Step},
    state::State,
    worlds,
};

/// As many as this project's machines have.
const THREADS: usize = 2;
/// A world that takes longer is too large for its purpose: what was not gone through is not proved.
pub(crate) const LIMIT: Duration = Duration::from_secs(240);

/// What went as it should, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
}

impl Tally {
    fn count(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

/// What was found in a world.
pub(crate) struct Findings {
    properties: Vec<Finding>,
    /// The steps without fault and act form no circle: it ends when nothing goes wrong any more.
    pub(crate) is_finite: bool,
    /// It was gone through to its end.
    pub(crate) is_whole: bool,
    numbers: String,
}

struct Finding {
    name: &'static str,
    must_be_reached: bool,
    path: Option<Path<State, Step>>,
}

impl Finding {
    fn is_well(&self) -> bool {
        self.must_be_reached == self.path.is_some()
    }
}

impl Findings {
    /// Names of properties that do not always hold.
    #[cfg(test)]
    pub(crate) fn violated(&self) -> Vec<&'static str> {
        self.properties.iter().filter(|one| !one.must_be_reached && !one.is_well()).map(|one| one.name).collect()
    }

    fn print(&self, tally: &mut Tally) {
        for one in &self.properties {
            tally.count(one.is_well());
            let words = if one.must_be_reached { "reachable" } else { "always" };
            println!("  {} {words:9} {}", mark(one.is_well()), one.name);
            if let (false, Some(path)) = (one.is_well(), &one.path) {
                print_path(path);
            }
        }
        tally.count(self.is_finite);
        println!("  {} always    it ends when nothing goes wrong any more, in every order", mark(self.is_finite));
        tally.count(self.is_whole);
        println!("  {} {}\n", mark(self.is_whole), self.numbers);
    }
}

/// Goes through all of a world.
pub(crate) fn go_through(world: Config, limit: Duration) -> Findings {
    let began = Instant::now();
    let checker = SignIn::new(world, None).checker().threads(THREADS).timeout(limit).spawn_bfs().join();
    let is_whole = began.elapsed() < limit;
    let mut found = checker.discoveries();
    let finding = |property: stateright::Property<SignIn>| Finding {
        name: property.name,
        must_be_reached: property.expectation == Expectation::Sometimes,
        path: found.remove(property.name),
    };
    let properties = checker.model().properties().into_iter().map(finding).collect();
    let is_finite = !fair::has_circle(checker.model().take_edges());
    let numbers = format!(
        "{} states, {} with repeats, {} deep, {} different sessions: {} gone through in {:.1} s",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        checker.model().decider.sessions(),
        if is_whole { "all" } else { "not all" },
        began.elapsed().as_secs_f64()
    );
    Findings { properties, is_finite, is_whole, numbers }
}

/// Goes through all of a world and says what was found.
pub(crate) fn explore(world: Config, limit: Duration, tally: &mut Tally) {
    println!("{world}");
    go_through(world, limit).print(tally);
}

/// Looks for what was broken on purpose: which property is violated first, and how.
pub(crate) fn find(breakage: &Breakage) -> Option<(&'static str, Path<State, Step>)> {
    let world = worlds::all().into_iter().find(|world| world.name == breakage.world).expect("its world is there");
    // One thread goes strictly from shorter ways to longer ones.
    let model = SignIn::new(world, Some(breakage.broken));
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    checker.discoveries().into_iter().next()
}

/// Looks for what was broken on purpose, and says what was found.
pub(crate) fn hunt(breakage: &Breakage, tally: &mut Tally) {
    let found = find(breakage);
    let passed = found.as_ref().is_some_and(|(name, _)| breakage.is_caught_by(name));
    tally.count(passed);
    match found {
        Some((name, path)) => {
            let steps = path.clone().into_actions().len();
            println!("{} broken: {}: {name:?} finds it in {steps} steps", mark(passed), breakage.words);
            if !passed {
                print_path(&path);
            }
        }
        None => println!("{} broken: {}: not found in all of {:?}", mark(false), breakage.words, breakage.world),
    }
}

fn mark(passed: bool) -> &'static str {
    if passed { "ok  " } else { "FAIL" }
}

fn print_path(path: &Path<State, Step>) {
    for (index, step) in path.clone().into_actions().iter().enumerate() {
        println!("       {:2} {step:?}", index + 1);
    }
    println!("       {:?}", path.last_state());
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, faults, fault_kinds, acts, act_kinds, candidates, .. } = self;
        write!(
            f,
            "{name}: up to {faults} of {fault_kinds:?}, {acts} of {act_kinds:?}, {candidates} candidates each side"
        )?;
        write!(f, "{}", if self.is_split { ", two requests at a time" } else { "" })?;
        write!(f, "{}", if self.is_full { ", no place at first" } else { "" })?;
        write!(
            f,
            "{}",
            match self.grain {
                Grain::Fine => ", each step of the reconciler by itself",
                Grain::Waits => "",
                Grain::AtOnce => ", a machine that comes up at once",
            }
        )
    }
}
