//! What the model itself has to be true to, and a short run of it for `make test`.

use anteroom_protocol::UnixMillis;
use anteroom_session::{Decision, Input, Session};

use crate::{
    ask::{Ask, Stage},
    broken,
    clock::{NOW, lapses, without_times},
    decider::first_session,
    names::{Attempt, Found, Transport, Whose},
    report, worlds,
};

/// Inputs in an order that a small generator chooses; the same ones for the same seed.
struct Chooser(u64);

impl Chooser {
    fn below(&mut self, bound: u64) -> u64 {
        // Knuth's MMIX constants; its high bits are good enough to choose with.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn small(&mut self, bound: u8) -> u8 {
        u8::try_from(self.below(bound.into())).expect("below a byte")
    }

    fn ask(&mut self) -> Ask {
        let attempt = Attempt::new(usize::from(self.small(2)), true, 1 + self.small(3));
        let epoch = 1 + self.small(3);
        let found = |by: u8, choice: u8| Found { by, index: 1 + choice, is_end: choice == 2 };
        match self.below(19) {
            0..=2 => Ask::Offer { attempt, after: (self.below(2) == 0).then_some(epoch - 1) },
            17 => Ask::OfferInQueue { attempt, after: None },
            18 => Ask::Placed,
            3..=5 => Ask::Answer { transport: Transport { token: 1, epoch, attempt }, first: None },
            6 => Ask::Candidate { whose: Whose::Browser, epoch, found: found(attempt.code(), self.small(3)) },
            7 => Ask::Candidate { whose: Whose::Vm, epoch, found: found(epoch, self.small(3)) },
            8 => Ask::Seen { epoch, stage: Stage::Ice },
            9 => Ask::Seen { epoch, stage: Stage::Frame },
            10 => Ask::Created,
            11 | 12 => Ask::Spoke,
            13 => Ask::ExitOk,
            14 => Ask::Resumed,
            15 => [Ask::Sealed, Ask::Refused, Ask::Cancel, Ask::Lost][usize::from(self.small(4))],
            _ => [Ask::Destroyed, Ask::NotCreated, Ask::ExitBad, Ask::Missing][usize::from(self.small(4))],
        }
    }
}

/// What a decision comes to when times are left out: the session's key and what is written, without times and event
/// numbers; or the refusal.
fn seen(decision: Result<Decision, anteroom_session::Refusal>, before: &Session) -> String {
    match decision {
        Ok(Decision::Changed(change)) => {
            let writes: Vec<String> = change.writes.iter().map(without_numbers).collect();
            let (_, key) = without_times(&change.session);
            // What changes times only is the same.
            if writes.is_empty() && key == without_times(before).1 {
                String::from("same")
            } else {
                key + &writes.join(" ")
            }
        }
        Ok(Decision::Same) => String::from("same"),
        Err(refusal) => format!("{refusal:?}"),
    }
}

fn without_numbers(write: &anteroom_session::Write) -> String {
    match write {
        anteroom_session::Write::Event(event) => format!("{:?}", event.kind),
        anteroom_session::Write::Offer { .. }
        | anteroom_session::Write::Answer { .. }
        | anteroom_session::Write::Candidates { .. }
        | anteroom_session::Write::Paste(_)
        | anteroom_session::Write::JoinQueue
        | anteroom_session::Write::PlanMachine(_)
        | anteroom_session::Write::SawMachine(_)
        | anteroom_session::Write::RetireMachine(_) => format!("{write:?}"),
    }
}

#[test]
fn sessions_that_differ_in_times_only_decide_alike() {
    let mut compared = 0;
    for seed in 0..600 {
        let mut chooser = Chooser(seed);
        let mut real = first_session();
        let mut now = NOW;
        for _ in 0..40 {
            now = UnixMillis(now.0 + i64::try_from(chooser.below(9_000)).expect("small"));
            let (timeless, _) = without_times(&real);
            let decision = if chooser.below(6) == 0 {
                let decision = real.handle(Input::Tick, now);
                let possible: Vec<String> =
                    lapses(&timeless).into_iter().map(|lapse| seen(Ok(lapse), &timeless)).collect();
                let what = seen(decision.clone(), &real);
                let is_refused = decision.is_err();
                assert!(what == "same" || is_refused || possible.contains(&what), "seed {seed}: {what}\n{possible:#?}");
                decision
            } else {
                let input = chooser.ask().input().expect("no lapse is chosen");
                let decision = real.handle(input.clone(), now);
                assert_eq!(seen(decision.clone(), &real), seen(timeless.handle(input, NOW), &timeless), "seed {seed}");
                decision
            };
            compared += 1;
            if let Ok(Decision::Changed(change)) = decision {
                real = change.session;
            }
        }
    }
    assert!(compared > 10_000);
}

#[test]
fn every_invariant_holds_with_one_fault_or_one_act_in_every_world() {
    for world in worlds::all() {
        for (faults, acts) in [(1, 0), (0, 1)] {
            let name = world.name;
            let findings = report::go_through(crate::config::Config { faults, acts, ..world.clone() }, report::LIMIT);
            assert_eq!(findings.violated(), Vec::<&str>::new(), "{name}, {faults} faults, {acts} acts");
            assert!(findings.is_finite, "{name}: it goes round in a circle");
            assert!(findings.is_whole, "{name}: not gone through in time");
        }
    }
}

#[test]
fn every_invariant_that_is_broken_on_purpose_is_found_broken() {
    for breakage in broken::ALL {
        let found = report::find(breakage).map(|(name, _)| name);
        assert!(found.is_some_and(|name| breakage.is_caught_by(name)), "{}: {found:?}", breakage.words);
    }
}
