//! Facts about sessions and their events.

use anteroom_protocol::{
    Epoch,
    session::{ReasonCode, SessionEvent, SessionEventKind, Step},
    signaling::Side,
};
use anteroom_session::{Change, Input, Write, machine::Seen};
use tokio::task::JoinSet;

use super::fixtures::{
    NOW, Tested, all_of, candidate_input, decide, handle, keyed, machine_id, offer_input, placed, pool, read, session,
    session_id, start, try_start, user,
};
use crate::{CommitError, Extras};

pub async fn a_session_reads_back_as_it_was_stored(store: Tested) {
    let waiting = session(1, &user(1));
    store.create_session(&waiting, None, Extras::default()).await.unwrap();
    let stored = read(&store, 1).await;
    assert_eq!((stored.session, stored.version), (waiting.clone(), 1));

    let change = decide(&waiting, offer_input("offer 1", 1));
    store.commit(1, &change, placed(pool(1))).await.unwrap();
    let stored = read(&store, 1).await;
    assert_eq!((stored.session, stored.version), (change.session, 2));

    assert_eq!(store.session(&session_id(2)).await.unwrap(), None);
}

pub async fn a_commit_under_a_stale_version_stores_nothing(store: Tested) {
    let stored = start(&store, 1, &user(1), pool(1)).await;
    handle(&store, 1, Input::MachineCreated).await;
    let before = all_of(&store, 1).await;

    for input in [offer_input("offer 2", 9), Input::Cancel] {
        let change = decide(&stored.session, input);
        let refused = store.commit(stored.version, &change, Extras::default()).await;
        assert!(matches!(refused, Err(CommitError::Conflict(id)) if id == session_id(1)));
    }
    assert_eq!(all_of(&store, 1).await, before);
}

pub async fn of_two_commits_under_one_version_one_is_stored(store: Tested) {
    let stored = start(&store, 1, &user(1), pool(1)).await;
    let mut commits = JoinSet::new();
    for sdp in ["offer 2", "another offer 2"] {
        let (store, change) = (store.clone(), decide(&stored.session, offer_input(sdp, 9)));
        commits.spawn(async move { store.commit(stored.version, &change, Extras::default()).await });
    }
    let outcomes = commits.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::Conflict(_)))), "{outcomes:?}");
    assert_eq!(read(&store, 1).await.version, stored.version + 1);
}

pub async fn whoever_meets_a_conflict_can_read_what_they_met(store: Tested) {
    start(&store, 1, &user(1), pool(1)).await;
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for round in 0..6 {
                trickle(&store, &format!("{writer}-{round}")).await;
            }
        });
    }
    writers.join_all().await;
    assert_eq!(store.candidates(&session_id(1), Epoch(1), Side::Browser, 2).await.unwrap().len(), 8 * 6);
}

/// Adds a candidate, however often others are faster; each of them must be there to be read.
async fn trickle(store: &Tested, name: &str) {
    loop {
        let before = read(store, 1).await;
        let change = decide(&before.session, candidate_input(Epoch(1), Side::Browser, name));
        match store.commit(before.version, &change, Extras::default()).await {
            Ok(()) => return,
            Err(CommitError::Conflict(_)) => assert!(read(store, 1).await.version > before.version),
            Err(error) => panic!("{error}"),
        }
    }
}

pub async fn a_dropped_commit_is_stored_whole_or_not_at_all(store: Tested) {
    // A caller that goes away (a page that is closed) drops its call at any await; later and later ones here.
    let owner = user(1);
    for dropped in 0..12 {
        let go_away = async {
            for _ in 0..1 << dropped {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = try_start(&store, dropped, &owner, pool(200)) => {}
            () = go_away => {}
        }
        // The next commit is not kept waiting, and after it the dropped one is decided.
        start(&store, 100 + dropped, &owner, pool(200)).await;
        let session = store.session(&session_id(dropped)).await.unwrap().is_some();
        let offer = store.offer(&session_id(dropped), Epoch(1)).await.unwrap().is_some();
        let machine = store.machine(&machine_id(dropped)).await.unwrap().is_some();
        assert!(session == offer && offer == machine, "{dropped}: {session} {offer} {machine}");
    }
}

pub async fn a_session_is_created_once(store: Tested) {
    let first = start(&store, 1, &user(1), pool(1)).await;
    let again = store.create_session(&session(1, &user(2)), None, Extras::default()).await;
    assert!(matches!(again, Err(CommitError::Conflict(id)) if id == session_id(1)));
    assert_eq!(read(&store, 1).await, first);
}

pub async fn an_idempotency_key_makes_one_session(store: Tested) {
    store.create_session(&session(1, &user(1)), None, keyed("key")).await.unwrap();
    let again = store.create_session(&session(2, &user(1)), None, keyed("key")).await;
    assert!(matches!(again, Err(CommitError::Repeated(id)) if id == session_id(1)));
    assert_eq!(store.session(&session_id(2)).await.unwrap(), None);

    // A key is its owner's: another's is another.
    store.create_session(&session(3, &user(2)), None, keyed("key")).await.unwrap();
    assert_eq!(store.session_by_key(&user(1), "key").await.unwrap(), Some(session_id(1)));
    assert_eq!(store.session_by_key(&user(2), "key").await.unwrap(), Some(session_id(3)));
    assert_eq!(store.session_by_key(&user(1), "another").await.unwrap(), None);
}

pub async fn of_two_requests_with_one_key_one_makes_a_session(store: Tested) {
    let mut requests = JoinSet::new();
    for number in [1, 2] {
        let store = store.clone();
        requests.spawn(async move { store.create_session(&session(number, &user(1)), None, keyed("key")).await });
    }
    let outcomes = requests.join_all().await;
    let made = store.session_by_key(&user(1), "key").await.unwrap().expect("one was made");
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    let repeated = |outcome: &Result<(), CommitError>| matches!(outcome, Err(CommitError::Repeated(id)) if *id == made);
    assert!(outcomes.iter().any(repeated), "{outcomes:?}");
    assert_eq!(store.sessions_of(&user(1), 9).await.unwrap().len(), 1);
}

pub async fn live_sessions_have_not_ended_or_have_a_machine(store: Tested) {
    let live = async || -> Vec<_> {
        store.live_sessions(None, 9).await.unwrap().into_iter().map(|stored| stored.session.id).collect()
    };
    store.create_session(&session(1, &user(1)), None, Extras::default()).await.unwrap();
    start(&store, 2, &user(2), pool(1)).await;
    assert_eq!(live().await, [session_id(1), session_id(2)]);

    handle(&store, 1, Input::Cancel).await;
    handle(&store, 2, Input::Cancel).await;
    assert_eq!(live().await, [session_id(2)], "it has ended, its machine is not gone");

    store.saw_machine(&machine_id(2), Seen::Gone, NOW).await.unwrap();
    assert_eq!(live().await, [session_id(2)], "the machine is gone, the session has not heard of it");

    handle(&store, 2, Input::MachineDestroyed).await;
    assert_eq!(live().await, []);
}

pub async fn live_sessions_are_read_in_pieces(store: Tested) {
    for number in 1..=5 {
        store.create_session(&session(number, &user(1)), None, Extras::default()).await.unwrap();
    }
    let piece = async |after: Option<u32>, limit| -> Vec<_> {
        let after = after.map(session_id);
        let piece = store.live_sessions(after.as_ref(), limit).await.unwrap();
        piece.into_iter().map(|stored| stored.session.id).collect()
    };
    assert_eq!(piece(None, 2).await, [session_id(1), session_id(2)]);
    // The last one of a piece may have ended before the next piece is read.
    handle(&store, 2, Input::Cancel).await;
    handle(&store, 4, Input::Cancel).await;
    assert_eq!(piece(Some(2), 2).await, [session_id(3), session_id(5)]);
    assert_eq!(piece(Some(5), 2).await, []);
}

pub async fn sessions_of_an_owner_come_newest_first(store: Tested) {
    for (number, owner) in [(3, 1), (2, 2), (1, 1), (4, 1)] {
        store.create_session(&session(number, &user(owner)), None, Extras::default()).await.unwrap();
    }
    let ids = async |owner, limit| -> Vec<_> {
        store.sessions_of(&user(owner), limit).await.unwrap().into_iter().map(|stored| stored.session.id).collect()
    };
    assert_eq!(ids(1, 9).await, [session_id(4), session_id(1), session_id(3)]);
    assert_eq!(ids(1, 2).await, [session_id(4), session_id(1)]);
    assert_eq!(ids(3, 9).await, []);
}

pub async fn events_come_in_order(store: Tested) {
    let session = session(1, &user(1));
    let first = decide(&session, offer_input("offer 1", 1));
    store.create_session(&session, Some(&first), placed(pool(1))).await.unwrap();
    let second = decide(&first.session, Input::AgentSpoke);
    store.commit(1, &second, Extras::default()).await.unwrap();

    let written: Vec<_> = events_in(&first).chain(events_in(&second)).collect();
    assert_eq!(store.events(&session.id, 0, u32::MAX).await.unwrap(), written);
    assert_eq!(store.events(&session.id, 2, 3).await.unwrap(), written[2..5]);
    assert_eq!(store.events(&session.id, 1000, 3).await.unwrap(), []);
    assert_eq!(store.events(&session_id(2), 0, 3).await.unwrap(), []);
}

fn events_in(change: &Change) -> impl Iterator<Item = SessionEvent> {
    change.writes.iter().filter_map(|write| match write {
        Write::Event(event) => Some(event.clone()),
        Write::Offer { .. }
        | Write::Answer { .. }
        | Write::Candidates { .. }
        | Write::Paste(_)
        | Write::JoinQueue
        | Write::PlanMachine(_)
        | Write::SawMachine(_)
        | Write::RetireMachine(_) => None,
    })
}

pub async fn a_gap_in_the_events_is_refused(store: Tested) {
    let stored = start(&store, 1, &user(1), pool(1)).await;
    let before = all_of(&store, 1).await;
    let mut change = decide(&stored.session, Input::MachineCreated);
    let event =
        |id| Write::Event(SessionEvent { id, at: NOW, kind: SessionEventKind::Step { step: Step::CliStarted } });
    let last = u32::try_from(store.events(&session_id(1), 0, u32::MAX).await.unwrap().len()).unwrap();
    for id in [last, last + 2] {
        change.writes = vec![event(id)];
        let refused = store.commit(stored.version, &change, Extras::default()).await;
        assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    }
    assert_eq!(all_of(&store, 1).await, before);
}

pub async fn an_ended_session_ends_no_other_way(store: Tested) {
    let stored = start(&store, 1, &user(1), pool(1)).await;
    let ended = handle(&store, 1, Input::Cancel).await;
    // No decision does this; a mistake in one must not reach what is stored (invariant one-end).
    let code = ReasonCode::MachineFailed;
    let mut change = decide(&stored.session, Input::MachineNotCreated { code, detail: String::new() });
    change.writes.clear();
    let refused = store.commit(ended.version, &change, Extras::default()).await;
    assert!(matches!(refused, Err(CommitError::Store(_))), "{refused:?}");
    assert_eq!(read(&store, 1).await, ended);
}
