//! Facts about offers, answers and candidates.

use anteroom_protocol::{
    Epoch,
    signaling::{LoggedCandidate, Side},
};
use anteroom_session::{
    Change, Input, Write,
    machine::{Seen, Wanted},
};

use super::fixtures::{
    NOW, Tested, all_of, answer, answer_input, candidate, candidate_input, decide, handle, machine, offer, offer_input,
    placed, pool, read, session, session_id, start, try_start, user,
};
use crate::{CommitError, Extras};

pub async fn offer_and_intent_to_create_are_one_transaction(store: Tested) {
    let waiting = session(1, &user(1));
    store.create_session(&waiting, None, Extras::default()).await.unwrap();
    assert_eq!(store.machines(None, 1).await.unwrap(), []);

    let change = decide(&waiting, offer_input("offer 1", 1));
    store.commit(1, &change, placed(pool(1))).await.unwrap();
    assert_eq!(store.offer(&waiting.id, Epoch(1)).await.unwrap(), Some(offer("offer 1")));
    assert_eq!(store.offer(&waiting.id, Epoch(2)).await.unwrap(), None);
    let row = machine(&store, 1).await;
    assert_eq!((row.session.as_ref(), row.driver.as_str(), row.created_at), (Some(&waiting.id), "fake", NOW));
    assert_eq!((row.wanted, row.seen, row.attempts), (Wanted::Running, Seen::Planned, 0));
}

pub async fn without_capacity_nothing_is_stored(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    let refused = try_start(&store, 2, &user(1), pool(1)).await;
    assert!(matches!(refused, Err(CommitError::NoCapacity(_))), "{refused:?}");
    assert_eq!(store.session(&session_id(2)).await.unwrap(), None);
    assert_eq!(store.offer(&session_id(2), Epoch(1)).await.unwrap(), None);

    // The same for the first offer of a session that is stored already.
    let waiting = session(3, &user(1));
    store.create_session(&waiting, None, Extras::default()).await.unwrap();
    let before = all_of(&store, 3).await;
    let refused = store.commit(1, &decide(&waiting, offer_input("offer 1", 3)), placed(pool(1))).await;
    assert!(matches!(refused, Err(CommitError::NoCapacity(_))), "{refused:?}");
    assert_eq!(all_of(&store, 3).await, before);
}

/// Commits these writes with a change that is otherwise as a decision made it, and sees that nothing is stored.
async fn assert_refused(store: &Tested, writes: Vec<Write>) {
    let stored = read(store, 1).await;
    let before = all_of(store, 1).await;
    let change = Change { writes, ..decide(&stored.session, Input::Resumed) };
    let refused = store.commit(stored.version, &change, Extras::default()).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    assert_eq!(all_of(store, 1).await, before);
}

pub async fn an_offer_is_never_overwritten(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    handle(&store, 1, offer_input("offer 2", 9)).await;
    for epoch in [Epoch(1), Epoch(2), Epoch(4), Epoch(0)] {
        assert_refused(&store, vec![Write::Offer { epoch, offer: offer("another") }]).await;
    }
    assert_eq!(store.offer(&session_id(1), Epoch(1)).await.unwrap(), Some(offer("offer 1")));
    assert_eq!(store.offer(&session_id(1), Epoch(2)).await.unwrap(), Some(offer("offer 2")));
}

pub async fn an_answer_is_never_overwritten(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    assert_eq!(store.answer(&session_id(1), Epoch(1)).await.unwrap(), None);
    handle(&store, 1, answer_input(Epoch(1), "offer 1", "answer 1")).await;
    assert_refused(&store, vec![Write::Answer { epoch: Epoch(1), answer: answer("another") }]).await;
    assert_eq!(store.answer(&session_id(1), Epoch(1)).await.unwrap(), Some(answer("answer 1")));
    assert_eq!(store.answer(&session_id(2), Epoch(1)).await.unwrap(), None);
}

pub async fn an_answer_without_an_offer_is_refused(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    assert_refused(&store, vec![Write::Answer { epoch: Epoch(2), answer: answer("early") }]).await;
}

pub async fn candidates_come_in_order_for_each_epoch_and_side(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    // The guest's candidate before its answer, and the page's one after it: both are kept.
    handle(&store, 1, candidate_input(Epoch(1), Side::Vm, "early")).await;
    handle(&store, 1, answer_input(Epoch(1), "offer 1", "answer 1")).await;
    handle(&store, 1, candidate_input(Epoch(1), Side::Browser, "c")).await;
    handle(&store, 1, candidate_input(Epoch(1), Side::Browser, "")).await;
    handle(&store, 1, offer_input("offer 2", 9)).await;

    let log = async |epoch, side, after| -> Vec<LoggedCandidate> {
        store.candidates(&session_id(1), Epoch(epoch), side, after).await.unwrap()
    };
    assert_eq!(log(1, Side::Browser, 0).await, logged(&["a", "b", "c", ""]));
    assert_eq!(log(1, Side::Browser, 2).await, logged(&["a", "b", "c", ""])[2..]);
    assert_eq!(log(1, Side::Browser, 4).await, []);
    assert_eq!(log(1, Side::Vm, 0).await, logged(&["early", "v"]));
    assert_eq!(log(2, Side::Browser, 0).await, logged(&["a", "b"]));
    assert_eq!(log(2, Side::Vm, 0).await, []);
}

fn logged(names: &[&str]) -> Vec<LoggedCandidate> {
    (1..).zip(names).map(|(seq, name)| LoggedCandidate { seq, candidate: candidate(name) }).collect()
}

pub async fn a_gap_in_the_candidates_is_refused(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    let one = |epoch, side, seq| Write::Candidates {
        epoch: Epoch(epoch),
        side,
        candidates: vec![LoggedCandidate { seq, candidate: candidate("x") }],
    };
    // The page's log has two; the guest's has none; epoch 2 has no offer.
    for wrong in [
        one(1, Side::Browser, 2),
        one(1, Side::Browser, 4),
        one(1, Side::Vm, 0),
        one(1, Side::Vm, 2),
        one(2, Side::Vm, 1),
    ] {
        assert_refused(&store, vec![wrong]).await;
    }
}
