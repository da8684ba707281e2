//! Facts about machine rows: intents, addresses, tokens.

use std::{collections::BTreeSet, net::Ipv4Addr};

use anteroom_session::{
    Change, Input, Write,
    machine::{MachineRow, Seen, Wanted},
};
use tokio::task::JoinSet;

use super::fixtures::{
    NOW, Tested, decide, digest, handle, machine, machine_id, offer_input, placed, pool, read, session, session_id,
    start, try_start, user,
};
use crate::{AddressPool, CommitError, Extras, Full};

pub async fn a_machine_for_a_session_without_an_offer_is_refused(store: Tested) {
    let waiting = session(1, &user(1));
    store.create_session(&waiting, None, Extras::default()).await.unwrap();
    // No decision does this; a mistake in one must not make a machine (invariant offer-first).
    let change = Change { writes: vec![Write::PlanMachine(machine_id(1))], ..decide(&waiting, Input::Resumed) };
    let refused = store.commit(1, &change, placed(pool(1))).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    assert_eq!(store.machines(None, 99).await.unwrap(), []);
}

pub async fn a_planned_machine_needs_a_placement(store: Tested) {
    let waiting = session(1, &user(1));
    let change = decide(&waiting, offer_input("offer 1", 1));
    let refused = store.create_session(&waiting, Some(&change), Extras::default()).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    assert_eq!(store.session(&session_id(1)).await.unwrap(), None);
}

pub async fn an_address_is_never_handed_out_twice(store: Tested) {
    let mut starts = JoinSet::new();
    for number in 1..=12 {
        let store = store.clone();
        starts.spawn(async move { try_start(&store, number, &user(1), pool(8)).await });
    }
    let outcomes = starts.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 8, "{outcomes:?}");
    let full = outcomes.iter().filter(|outcome| matches!(outcome, Err(CommitError::NoCapacity(_))));
    assert_eq!(full.count(), 4, "{outcomes:?}");
    let addresses: BTreeSet<_> = store.machines(None, 99).await.unwrap().into_iter().map(|row| row.address).collect();
    assert_eq!(addresses, (2..10).map(|host| Ipv4Addr::new(10, 87, 0, host)).collect());
}

pub async fn an_address_is_free_again_when_its_machine_is_gone_and_not_before(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    let full =
        async |number| matches!(try_start(&store, number, &user(1), pool(1)).await, Err(CommitError::NoCapacity(_)));
    for seen in [Seen::Creating, Seen::Running] {
        store.saw_machine(&machine_id(1), seen, NOW).await.unwrap();
        assert!(full(2).await, "{seen:?}");
    }
    handle(&store, 1, Input::Cancel).await;
    assert!(full(2).await, "wanted gone, and not gone yet");
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    start(&store, 2, &user(1), pool(1)).await;
    assert_eq!(machine(&store, 2).await.address, machine(&store, 1).await.address);
}

pub async fn addresses_go_round(store: Tested) {
    // The second machine stays: its address is passed over in the second round.
    let mut addresses = Vec::new();
    for number in 1..=6 {
        start(&store, number, &user(1), pool(4)).await;
        addresses.push(machine(&store, number).await.address.octets()[3]);
        if number != 2 {
            store.saw_machine(&machine_id(number), Seen::Gone, NOW).await.unwrap();
        }
    }
    assert_eq!(addresses, [2, 3, 4, 5, 2, 4]);
}

pub async fn machines_are_bounded_for_all_and_for_each_owner(store: Tested) {
    let bounds = AddressPool { max_machines: 3, max_machines_per_owner: 2, ..pool(9) };
    let try_start = async |number, owner| try_start(&store, number, &user(owner), bounds).await;
    assert!(try_start(1, 1).await.is_ok());
    assert!(try_start(2, 1).await.is_ok());
    assert!(matches!(try_start(3, 1).await, Err(CommitError::NoCapacity(Full::Owner))), "the owner has two");
    assert!(try_start(4, 2).await.is_ok());
    assert!(matches!(try_start(5, 3).await, Err(CommitError::NoCapacity(Full::Machines))), "there are three");
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    assert!(try_start(6, 1).await.is_ok());
}

pub async fn machines_that_are_gone_are_not_listed(store: Tested) {
    for number in 1..=3 {
        start(&store, number, &user(1), pool(3)).await;
    }
    handle(&store, 1, Input::Cancel).await;
    store.saw_machine(&machine_id(2), Seen::Gone, NOW).await.unwrap();
    let listed: Vec<_> = store.machines(None, 99).await.unwrap().into_iter().map(|row| (row.id, row.wanted)).collect();
    assert_eq!(listed, [(machine_id(1), Wanted::Gone), (machine_id(3), Wanted::Running)]);
    assert_eq!(machine(&store, 2).await.seen, Seen::Gone, "it can be read by its id");
    assert_eq!(store.machine(&machine_id(9)).await.unwrap(), None);
}

pub async fn machines_are_listed_in_pieces(store: Tested) {
    for number in 1..=4 {
        start(&store, number, &user(1), pool(4)).await;
    }
    let piece = async |after: Option<u32>, limit| -> Vec<_> {
        let after = after.map(machine_id);
        store.machines(after.as_ref(), limit).await.unwrap().into_iter().map(|row| row.id).collect()
    };
    assert_eq!(piece(None, 2).await, [machine_id(1), machine_id(2)]);
    // The last one of a piece may be gone before the next piece is read.
    store.saw_machine(&machine_id(2), Seen::Gone, NOW).await.unwrap();
    assert_eq!(piece(Some(2), 1).await, [machine_id(3)]);
    assert_eq!(piece(Some(4), 2).await, []);
}

pub async fn a_token_dies_when_its_machine_is_wanted_gone(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    store.begin_creating(&machine_id(1), &digest("token")).await.unwrap();
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap(), Some(machine(&store, 1).await));
    assert_eq!(store.machine_by_token(&digest("another")).await.unwrap(), None);
    handle(&store, 1, Input::Cancel).await;
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap(), None);
}

pub async fn a_token_dies_with_its_machine(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    store.begin_creating(&machine_id(1), &digest("token")).await.unwrap();
    store.saw_machine(&machine_id(1), Seen::Running, NOW).await.unwrap();
    assert!(store.machine_by_token(&digest("token")).await.unwrap().is_some());
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap(), None);
}

pub async fn a_new_attempt_replaces_the_token(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    for (attempts, token) in [(1, "first"), (2, "second")] {
        store.begin_creating(&machine_id(1), &digest(token)).await.unwrap();
        let row = machine(&store, 1).await;
        assert_eq!((row.seen, row.attempts), (Seen::Creating, attempts));
    }
    assert_eq!(store.machine_by_token(&digest("first")).await.unwrap(), None);
    assert!(store.machine_by_token(&digest("second")).await.unwrap().is_some());
}

pub async fn a_machine_that_is_heard_runs_from_then_on(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    store.begin_creating(&machine_id(1), &digest("token")).await.unwrap();
    handle(&store, 1, Input::AgentSpoke).await;
    assert_eq!(machine(&store, 1).await.seen, Seen::Running);
    assert!(store.machine_by_token(&digest("token")).await.unwrap().is_some());
    // A row that is further on stays there.
    let heard = Change {
        writes: vec![Write::SawMachine(machine_id(1))],
        ..decide(&read(&store, 1).await.session, Input::Resumed)
    };
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    store.commit(read(&store, 1).await.version, &heard, Extras::default()).await.unwrap();
    assert_eq!(machine(&store, 1).await.seen, Seen::Gone);
}

pub async fn a_machine_that_is_gone_stays_gone(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    for _ in 0..2 {
        store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    }
    assert!(store.saw_machine(&machine_id(1), Seen::Running, NOW).await.is_err());
    assert!(store.begin_creating(&machine_id(1), &digest("token")).await.is_err());
    assert_eq!(machine(&store, 1).await.seen, Seen::Gone);
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap(), None);
    // Its session ends only now: the row learns that it is not wanted either.
    handle(&store, 1, Input::MachineLost { detail: String::from("it ended") }).await;
    assert_eq!(machine(&store, 1).await.wanted, Wanted::Gone);
}

pub async fn an_unknown_machine_is_an_error(store: Tested) {
    let error = store.begin_creating(&machine_id(1), &digest("token")).await.unwrap_err();
    assert!(error.to_string().contains(machine_id(1).as_str()), "{error}");
    let error = store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap_err();
    assert!(error.to_string().contains(machine_id(1).as_str()), "{error}");
}

async fn plan_pooled(store: &Tested, number: u32, pool: AddressPool) -> Result<(), CommitError> {
    let placement = placed(pool).placement.unwrap();
    store.plan_pooled(&machine_id(number), &placement, NOW).await
}

pub async fn a_pooled_machine_is_bound_by_an_offer_and_keeps_its_token_and_address(store: Tested) {
    plan_pooled(&store, 1, pool(2)).await.unwrap();
    store.begin_creating(&machine_id(1), &digest("token")).await.unwrap();
    store.saw_machine(&machine_id(1), Seen::Running, NOW).await.unwrap();
    let pooled = machine(&store, 1).await;
    assert_eq!((&pooled.session, pooled.made_from.as_str()), (&None, "image 1"));
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap().as_ref(), Some(&pooled));
    assert_eq!(store.machines(None, 9).await.unwrap(), std::slice::from_ref(&pooled));
    start(&store, 1, &user(1), pool(2)).await;
    let bound = machine(&store, 1).await;
    assert_eq!(bound, MachineRow { session: Some(session_id(1)), ..pooled });
    assert_eq!(store.machine_by_token(&digest("token")).await.unwrap(), Some(bound));
}

pub async fn a_pooled_machine_is_bound_once(store: Tested) {
    plan_pooled(&store, 1, pool(4)).await.unwrap();
    start(&store, 1, &user(1), pool(4)).await;
    // Another session's offer names the same machine.
    let other = session(2, &user(1));
    let change = decide(&other, offer_input("offer 2", 1));
    let refused = store.create_session(&other, Some(&change), placed(pool(4))).await;
    assert!(matches!(refused, Err(CommitError::MachineTaken(_))), "{refused:?}");
    assert_eq!(store.session(&session_id(2)).await.unwrap(), None);
    assert_eq!(machine(&store, 1).await.session, Some(session_id(1)));
}

pub async fn a_pooled_machine_that_is_retired_is_bound_no_more(store: Tested) {
    plan_pooled(&store, 1, pool(4)).await.unwrap();
    assert!(store.retire_pooled(&machine_id(1)).await.unwrap());
    assert!(!store.retire_pooled(&machine_id(1)).await.unwrap());
    assert_eq!(machine(&store, 1).await.wanted, Wanted::Gone);
    let refused = try_start(&store, 1, &user(1), pool(4)).await;
    assert!(matches!(refused, Err(CommitError::MachineTaken(_))), "{refused:?}");
}

pub async fn a_bound_machine_is_not_retired_as_pooled(store: Tested) {
    plan_pooled(&store, 1, pool(4)).await.unwrap();
    start(&store, 1, &user(1), pool(4)).await;
    assert!(!store.retire_pooled(&machine_id(1)).await.unwrap());
    assert!(!store.retire_pooled(&machine_id(9)).await.unwrap());
    assert_eq!(machine(&store, 1).await.wanted, Wanted::Running);
}

pub async fn pooled_machines_count_for_all_and_for_no_owner(store: Tested) {
    let bounds = AddressPool { max_machines: 2, max_machines_per_owner: 1, ..pool(9) };
    plan_pooled(&store, 1, bounds).await.unwrap();
    plan_pooled(&store, 2, bounds).await.unwrap();
    assert!(matches!(plan_pooled(&store, 3, bounds).await, Err(CommitError::NoCapacity(_))));
    assert!(matches!(try_start(&store, 3, &user(1), bounds).await, Err(CommitError::NoCapacity(_))), "all are pooled");
    start(&store, 1, &user(1), bounds).await;
    let second = try_start(&store, 2, &user(1), bounds).await;
    assert!(matches!(second, Err(CommitError::NoCapacity(_))), "the owner has one: {second:?}");
    start(&store, 2, &user(2), bounds).await;
    // Each that goes is counted where it was.
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    start(&store, 3, &user(1), bounds).await;
    assert!(matches!(plan_pooled(&store, 4, bounds).await, Err(CommitError::NoCapacity(_))), "two are there");
    store.saw_machine(&machine_id(2), Seen::Gone, NOW).await.unwrap();
    plan_pooled(&store, 4, bounds).await.unwrap();
    store.saw_machine(&machine_id(4), Seen::Gone, NOW).await.unwrap();
    start(&store, 5, &user(3), bounds).await;
}

pub async fn the_stock_is_what_waits_and_what_is_being_made(store: Tested) {
    let stock = async || -> Vec<_> { store.stock().await.unwrap().into_iter().map(|row| row.id).collect() };
    plan_pooled(&store, 1, pool(9)).await.unwrap();
    start(&store, 2, &user(1), pool(9)).await;
    start(&store, 3, &user(1), pool(9)).await;
    plan_pooled(&store, 4, pool(9)).await.unwrap();
    assert_eq!(stock().await, [1, 2, 3, 4].map(machine_id));
    store.saw_machine(&machine_id(1), Seen::Running, NOW).await.unwrap();
    store.saw_machine(&machine_id(2), Seen::Running, NOW).await.unwrap();
    handle(&store, 3, Input::Cancel).await;
    store.saw_machine(&machine_id(4), Seen::Gone, NOW).await.unwrap();
    assert_eq!(stock().await, [machine_id(1)]);
}

pub async fn a_machine_is_kept_when_it_runs_and_as_many_as_may_be(store: Tested) {
    let fails = async |number: u32| {
        let stored = read(&store, number).await;
        let change = decide(&stored.session, Input::MachineLost { detail: String::from("why") });
        let extras = Extras { keep_failed: Some(2), ..Extras::default() };
        store.commit(stored.version, &change, extras).await.unwrap();
    };
    for number in 1..=4 {
        start(&store, number, &user(1), pool(9)).await;
        store.begin_creating(&machine_id(number), &digest(&format!("token {number}"))).await.unwrap();
    }
    for number in 1..=3 {
        store.saw_machine(&machine_id(number), Seen::Running, NOW).await.unwrap();
    }
    let wanted = async || {
        let mut wanted = Vec::new();
        for number in 1..=4 {
            wanted.push(machine(&store, number).await.wanted);
        }
        wanted
    };
    use Wanted::{Gone, Kept, Running};
    fails(4).await;
    assert_eq!(wanted().await, [Running, Running, Running, Gone], "it never ran");
    fails(3).await;
    fails(1).await;
    assert_eq!(wanted().await, [Kept, Running, Kept, Gone]);
    assert!(store.machine_by_token(&digest("token 1")).await.unwrap().is_some(), "it may ask");
    fails(2).await;
    assert_eq!(wanted().await.iter().filter(|wanted| **wanted == Kept).count(), 2, "{:?}", wanted().await);
    assert_eq!(wanted().await[1], Kept, "the newest is");
    assert!(store.retire_kept(&machine_id(2)).await.unwrap());
    assert!(!store.retire_kept(&machine_id(2)).await.unwrap());
    assert_eq!(store.machine_by_token(&digest("token 2")).await.unwrap(), None);
    assert_eq!(store.machines(None, 9).await.unwrap().len(), 4, "each has its place until it is gone");
}
