//! Facts about sessions that wait for a place.

use anteroom_protocol::UnixMillis;
use anteroom_session::{Decision, Input};

use super::fixtures::{
    NOW, Tested, handle, machine_id, offer_in_queue, offer_input, placed, pool, read, session, session_id, user,
};
use crate::{CommitError, Extras, Full};

/// Stores a session that waits since `at`; at most `max` may wait.
async fn try_wait(store: &Tested, number: u32, at: UnixMillis, max: u32) -> Result<(), CommitError> {
    let session = session(number, &user(1));
    let Ok(Decision::Changed(change)) = session.handle(offer_in_queue("offer 1"), at) else {
        panic!("a first offer changes the session")
    };
    let extras = Extras { max_queued: Some(max), ..Extras::default() };
    store.create_session(&session, Some(&change), extras).await
}

async fn wait(store: &Tested, number: u32, at: UnixMillis) {
    try_wait(store, number, at, 9).await.unwrap();
}

pub async fn those_who_wait_are_listed_in_the_order_in_which_they_came(store: Tested) {
    assert_eq!(store.queue(9).await.unwrap(), []);
    wait(&store, 1, NOW.plus_ms(5)).await;
    wait(&store, 2, NOW).await;
    wait(&store, 3, NOW.plus_ms(5)).await;
    assert_eq!(store.queue(9).await.unwrap(), [2, 1, 3].map(session_id));
    assert_eq!(store.queue(2).await.unwrap(), [2, 1].map(session_id));
    // A page that connects anew keeps its place.
    handle(&store, 2, offer_input("offer 2", 7)).await;
    assert_eq!(store.queue(1).await.unwrap(), [session_id(2)]);
    assert_eq!(store.machines(None, 9).await.unwrap(), []);
}

pub async fn the_queue_is_as_long_as_it_may_be(store: Tested) {
    for number in 1..=2 {
        try_wait(&store, number, NOW, 2).await.unwrap();
    }
    let refused = try_wait(&store, 3, NOW, 2).await;
    assert!(matches!(refused, Err(CommitError::NoCapacity(Full::Queue))), "{refused:?}");
    assert_eq!(store.session(&session_id(3)).await.unwrap(), None);
    let session = session(4, &user(1));
    let Ok(Decision::Changed(change)) = session.handle(offer_in_queue("offer 1"), NOW) else { panic!("it changes") };
    let unbounded = store.create_session(&session, Some(&change), Extras::default()).await;
    assert!(matches!(unbounded, Err(CommitError::Store(_))), "{unbounded:?}");
}

pub async fn who_is_placed_or_has_ended_waits_no_more(store: Tested) {
    for number in 1..=3 {
        wait(&store, number, NOW).await;
    }
    handle(&store, 1, Input::Cancel).await;
    let stored = read(&store, 2).await;
    let Ok(Decision::Changed(change)) = stored.session.handle(Input::Placed { machine: machine_id(2) }, NOW) else {
        panic!("it is placed")
    };
    let full = store.commit(stored.version, &change, placed(pool(0))).await;
    assert!(matches!(full, Err(CommitError::NoCapacity(_))), "{full:?}");
    assert_eq!((read(&store, 2).await, store.machines(None, 9).await.unwrap()), (stored.clone(), vec![]));
    store.commit(stored.version, &change, placed(pool(1))).await.unwrap();
    assert_eq!(store.queue(9).await.unwrap(), [session_id(3)]);
    assert_eq!(store.machine(&machine_id(2)).await.unwrap().unwrap().session, Some(session_id(2)));
}
