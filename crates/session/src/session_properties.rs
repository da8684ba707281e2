//! Any order of events: random inputs, with the invariants checked after each. A failure prints its seed and is
//! replayed from `proptest-regressions`.

use proptest::{prelude::*, sample::select};

use super::*;

fn any_input() -> impl Strategy<Value = Input> {
    let names = || select(vec!["one", "two", "three"]);
    let side = select(vec![Side::Browser, Side::Vm]);
    let line = select(vec!["candidate:a", "candidate:b", "candidate:c", ""]);
    let state =
        select(vec![ConnectionState::IceConnected, ConnectionState::DtlsConnected, ConnectionState::FrameDecoded]);
    prop_oneof![
        4 => names().prop_map(offer),
        2 => names().prop_map(offer_without_a_place),
        2 => Just(placed()),
        2 => Just(begin()),
        1 => Just(Input::Begin { machine: None }),
        1 => Just(code("ABCD-1234")),
        1 => Just(url("https://auth.example/", UrlSource::Printed)),
        1 => Just(Input::Pasted),
        4 => (0..4u32, names(), names()).prop_map(|(epoch, to, name)| answer(epoch, to, name)),
        3 => (side, 0..4u32, line).prop_map(|(side, epoch, line)| candidates(side, epoch, &[line])),
        2 => (0..4u32, state).prop_map(|(epoch, state)| seen(epoch, state)),
        2 => Just(Input::MachineCreated),
        3 => Just(Input::AgentSpoke),
        1 => Just(Input::MachineDestroyed),
        1 => Just(Input::MachineLost { detail: String::from("lost") }),
        2 => Just(exit(0)),
        1 => Just(exit(1)),
        2 => Just(sealed()),
        1 => Just(Input::Cancel),
        1 => Just(Input::Stop),
        1 => Just(Input::Resumed),
        1 => Just(Input::Tick),
    ]
}

fn any_method() -> impl Strategy<Value = MethodKind> {
    select(vec![MethodKind::Desktop, MethodKind::Desktop, MethodKind::Device, MethodKind::Paste])
}

/// What must hold of everything that was ever stored for one session.
fn check(story: &Story) {
    let mut offers = Vec::new();
    let mut answers = Vec::new();
    let mut ends = 0;
    let mut saved = false;
    let mut pastes = 0;
    let has_desktop = story.session.method.has_desktop();
    for write in &story.stored {
        match write {
            Write::Offer { epoch, .. } => offers.push(epoch.0),
            Write::Answer { epoch, .. } => {
                assert_eq!(offers.last(), Some(&epoch.0), "one-answer: only the newest epoch takes one");
                answers.push(epoch.0);
            }
            Write::PlanMachine(_) | Write::JoinQueue => assert_eq!(!offers.is_empty(), has_desktop, "offer-first"),
            Write::Paste(number) => {
                pastes += 1;
                assert_eq!(*number, pastes, "the numbers of pastes have no gaps");
            }
            Write::SawMachine(_) | Write::RetireMachine(_) => assert_eq!(story.machines_planned(), 1),
            Write::Event(event) => match &event.kind {
                SessionEventKind::Credential { .. } => saved = true,
                SessionEventKind::State { state, .. } if state.is_terminal() => {
                    ends += 1;
                    assert_eq!(*state == SessionState::Succeeded, saved, "saved-before-destroyed");
                }
                SessionEventKind::State { .. }
                | SessionEventKind::Step { .. }
                | SessionEventKind::Epoch { .. }
                | SessionEventKind::Answer { .. }
                | SessionEventKind::Trouble { .. }
                | SessionEventKind::Url { .. }
                | SessionEventKind::DeviceCode { .. }
                | SessionEventKind::Pasted { .. }
                | SessionEventKind::PasteRefused { .. } => {}
            },
            Write::Candidates { .. } => {}
        }
    }
    assert!(story.machines_planned() <= 1, "one machine");
    assert!(has_desktop || offers.is_empty(), "an offer needs a desktop");
    assert!(offers.iter().copied().eq(1..=offers.len() as u32), "no-overwrite: {offers:?}");
    assert!(answers.windows(2).all(|pair| pair[0] < pair[1]), "one-answer: {answers:?}");
    assert_eq!(ends, u32::from(story.session.end().is_some()), "one-end");
    assert_eq!(story.machines_retired() > 0, story.session.end().is_some() && story.machines_planned() > 0);
    for epoch in &offers {
        for side in [Side::Browser, Side::Vm] {
            let logged = story.logged(*epoch, side);
            assert!(logged.iter().map(|entry| entry.seq).eq(1..=logged.len() as u32), "no-lost-candidate");
        }
    }
    assert_eq!(story.session.deadline().is_none(), story.session.end().is_some(), "every wait has a deadline");
}

proptest! {
    #[test]
    fn no_order_of_events_breaks_an_invariant(
        method in any_method(), inputs in prop::collection::vec(any_input(), 1..60),
    ) {
        let mut story = Story::by(method);
        for input in inputs {
            let before = story.session.clone();
            if story.tries(input).is_err() {
                prop_assert_eq!(&story.session, &before);
            }
            check(&story);
        }
    }

    #[test]
    fn the_same_input_twice_changes_nothing_the_second_time(
        method in any_method(), inputs in prop::collection::vec(any_input(), 0..30), last in any_input(),
    ) {
        let mut story = Story::by(method);
        for input in inputs {
            let _ = story.tries(input);
        }
        // The clock's own inputs are no requests that somebody repeats, and who pastes again means it.
        prop_assume!(!matches!(last, Input::Resumed | Input::Tick | Input::Pasted));
        if story.tries(last.clone()).is_ok() {
            let again = story.tries(last);
            prop_assert!(matches!(again, Ok(Decision::Same) | Err(Refusal::Ended(_) | Refusal::NotNow)), "{:?}", again);
        }
    }
}
