//! Facts about view-only connections.

use anteroom_protocol::{
    UnixMillis, ViewId,
    sdpfrag::Fragment,
    signaling::SdpDigest,
    view::{ViewEntry, ViewEntryKind, ViewReply},
};
use anteroom_session::view::{View, ViewChange, ViewRefusal, ViewState, Views};
use tokio::task::JoinSet;

use super::fixtures::{NOW, Tested, all_of, answer, offer, pool, read, session_id, start, user};
use crate::{CommitError, StoreError, StoredViews};

/// A view's id.
#[must_use]
pub fn view_id(number: u32) -> ViewId {
    ViewId::from_random(u128::from(number).to_be_bytes())
}

fn sdp(name: &str) -> String {
    format!("v=0\r\na=ice-ufrag:{name}\r\n")
}

/// What decides that this view begins.
///
/// # Panics
/// When it is refused.
#[must_use]
pub fn opening(views: &Views, session: u32, number: u32, at: UnixMillis) -> ViewChange {
    views.open(&session_id(session), view_id(number), offer(&sdp("view")), at).expect("the view begins")
}

/// The guest's answer to such a view.
#[must_use]
pub fn answered(name: &str) -> ViewReply {
    ViewReply::Answered { offer_digest: SdpDigest::of(&sdp("view")), answer: answer(name) }
}

/// One candidate of the viewer.
///
/// # Panics
/// Never: it is one.
#[must_use]
pub fn fragment(host: u32) -> Fragment {
    Fragment::parse(&format!("a=candidate:1 1 udp 1 192.0.2.{host} 9 typ host")).expect("it is one")
}

async fn views(store: &Tested, session: u32) -> StoredViews {
    store.views(&session_id(session)).await.expect("they can be read")
}

async fn view(store: &Tested, session: u32, number: u32) -> View {
    store.view(&session_id(session), &view_id(number)).await.expect("it can be read").expect("it is there")
}

async fn entries(store: &Tested, session: u32) -> Vec<ViewEntry> {
    store.view_entries(&session_id(session), 0, u32::MAX).await.expect("they can be read")
}

/// Decides on the session's views as they are, and commits.
async fn commit(store: &Tested, session: u32, decide: impl FnOnce(&Views) -> ViewChange) {
    let stored = views(store, session).await;
    let change = decide(&stored.views);
    store.commit_views(&session_id(session), stored.version, &change).await.expect("the change is committed");
}

async fn open(store: &Tested, session: u32, number: u32) {
    commit(store, session, |views| opening(views, session, number, NOW)).await;
}

async fn on_view(
    store: &Tested,
    session: u32,
    number: u32,
    decide: impl FnOnce(&Views, &View) -> Result<Option<ViewChange>, ViewRefusal>,
) {
    let view = view(store, session, number).await;
    commit(store, session, |views| decide(views, &view).expect("it is not refused").expect("it changes")).await;
}

fn seqs(entries: &[ViewEntry]) -> Vec<u32> {
    entries.iter().map(|entry| entry.seq).collect()
}

/// Everything that is stored of a session's views.
async fn everything(store: &Tested, session: u32) -> (StoredViews, Vec<ViewEntry>) {
    (views(store, session).await, entries(store, session).await)
}

pub async fn a_view_reads_back_as_it_was_stored(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    assert_eq!(views(&store, 1).await, StoredViews::default());
    let change = opening(&Views::default(), 1, 7, NOW);
    store.commit_views(&session_id(1), 0, &change).await.unwrap();
    let stored = views(&store, 1).await;
    assert_eq!((stored.views.last, stored.version, stored.views.open.as_slice()), (1, 1, &change.views[..]));
    assert_eq!(view(&store, 1, 7).await, change.views[0]);
    assert_eq!(entries(&store, 1).await, change.entries);

    on_view(&store, 1, 7, |views, view| views.reply(view, answered("answer"))).await;
    assert!(matches!(view(&store, 1, 7).await.state, ViewState::Answered { .. }));
    assert_eq!(store.view_answer(&view_id(7)).await.unwrap(), Some(answer("answer")));

    assert_eq!(store.view_answer(&view_id(8)).await.unwrap(), None);
    assert_eq!(store.view(&session_id(1), &view_id(8)).await.unwrap(), None);
    assert_eq!(store.view(&session_id(2), &view_id(7)).await.unwrap(), None, "it is another session's");
}

pub async fn views_leave_their_session_as_it_is(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    let before = (read(&store, 1).await, all_of(&store, 1).await);
    open(&store, 1, 7).await;
    on_view(&store, 1, 7, |views, view| views.trickle(view, fragment(1))).await;
    on_view(&store, 1, 7, |views, view| Ok(views.close(view))).await;
    assert_eq!((read(&store, 1).await, all_of(&store, 1).await), before);
}

pub async fn a_change_to_views_under_a_stale_version_stores_nothing(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    let first = views(&store, 1).await;
    open(&store, 1, 7).await;
    let before = everything(&store, 1).await;
    for version in [first.version, 2, u64::MAX] {
        let change = opening(&before.0.views, 1, 8, NOW);
        let refused = store.commit_views(&session_id(1), version, &change).await;
        assert!(matches!(refused, Err(CommitError::Conflict(id)) if id == session_id(1)));
    }
    assert_eq!(everything(&store, 1).await, before);
}

pub async fn of_two_changes_to_views_under_one_version_one_is_stored(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    let mut commits = JoinSet::new();
    for number in [7, 8] {
        let store = store.clone();
        let change = opening(&Views::default(), 1, number, NOW);
        commits.spawn(async move { store.commit_views(&session_id(1), 0, &change).await });
    }
    let outcomes = commits.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::Conflict(_)))), "{outcomes:?}");
    assert_eq!(views(&store, 1).await.views.open.len(), 1);
}

pub async fn open_views_come_oldest_first_and_those_that_are_over_do_not(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    start(&store, 2, &user(1), pool(9)).await;
    for number in [9, 3, 5, 1] {
        open(&store, 1, number).await;
    }
    open(&store, 2, 4).await;
    on_view(&store, 1, 3, |views, view| Ok(views.close(view))).await;
    on_view(&store, 1, 5, |views, view| views.reply(view, ViewReply::NotYet)).await;
    on_view(&store, 1, 1, |views, view| views.reply(view, answered("a"))).await;
    let open = views(&store, 1).await.views.open;
    assert_eq!(open.iter().map(|view| view.id.clone()).collect::<Vec<_>>(), [view_id(9), view_id(1)]);
}

pub async fn entries_come_in_order_for_each_session(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    start(&store, 2, &user(1), pool(9)).await;
    open(&store, 1, 7).await;
    open(&store, 2, 4).await;
    on_view(&store, 1, 7, |views, view| views.trickle(view, fragment(1))).await;
    on_view(&store, 1, 7, |views, view| Ok(views.close(view))).await;
    let all = entries(&store, 1).await;
    assert_eq!(seqs(&all), [1, 2, 3]);
    assert!(matches!(&all[0].kind, ViewEntryKind::Offered { offer: stored } if *stored == offer(&sdp("view"))));
    assert!(matches!(&all[1].kind, ViewEntryKind::Candidates { candidates } if *candidates == fragment(1).candidates));
    assert_eq!(all[2].kind, ViewEntryKind::Closed);
    let piece = store.view_entries(&session_id(1), 1, 1).await.unwrap();
    assert_eq!(piece, all[1..2]);
    assert_eq!(store.view_entries(&session_id(1), 3, 9).await.unwrap(), []);
    assert_eq!(seqs(&entries(&store, 2).await), [1]);
}

async fn refused(store: &Tested, change: ViewChange) {
    let before = everything(store, 1).await;
    let outcome: Result<(), CommitError> = store.commit_views(&session_id(1), before.0.version, &change).await;
    assert!(matches!(outcome, Err(CommitError::Store(StoreError { .. }))), "{outcome:?}");
    assert_eq!(everything(store, 1).await, before);
}

pub async fn a_gap_in_a_log_of_views_is_refused(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    open(&store, 1, 7).await;
    for seq in [0, 1, 3] {
        let entry = ViewEntry { seq, view: view_id(7), kind: ViewEntryKind::Closed };
        refused(&store, ViewChange { views: Vec::new(), answer: None, entries: vec![entry] }).await;
    }
    let of_nobody = ViewEntry { seq: 2, view: view_id(8), kind: ViewEntryKind::Closed };
    refused(&store, ViewChange { views: Vec::new(), answer: None, entries: vec![of_nobody] }).await;
}

pub async fn a_view_takes_one_answer(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    open(&store, 1, 7).await;
    on_view(&store, 1, 7, |views, view| views.reply(view, answered("first"))).await;
    for (number, name) in [(7, "another"), (7, "first"), (8, "of nobody")] {
        let answer = Some((view_id(number), answer(name)));
        refused(&store, ViewChange { views: Vec::new(), answer, entries: Vec::new() }).await;
    }
    assert_eq!(store.view_answer(&view_id(7)).await.unwrap(), Some(answer("first")));
}

pub async fn a_view_goes_one_way(store: Tested) {
    start(&store, 1, &user(1), pool(9)).await;
    open(&store, 1, 7).await;
    let offered = view(&store, 1, 7).await;
    on_view(&store, 1, 7, |views, view| views.reply(view, answered("first"))).await;
    let answered = view(&store, 1, 7).await;
    let back = |view: &View| ViewChange { views: vec![view.clone()], answer: None, entries: Vec::new() };
    refused(&store, back(&offered)).await;
    on_view(&store, 1, 7, |views, view| Ok(views.close(view))).await;
    for view in [&offered, &answered] {
        refused(&store, back(view)).await;
    }
    // One that was never offered.
    let mut unknown = answered.clone();
    unknown.id = view_id(8);
    refused(&store, back(&unknown)).await;
}

pub async fn a_view_of_no_session_is_refused(store: Tested) {
    let outcome = store.commit_views(&session_id(1), 0, &opening(&Views::default(), 1, 7, NOW)).await;
    assert!(matches!(outcome, Err(CommitError::Store(_))), "{outcome:?}");
    assert_eq!(views(&store, 1).await, StoredViews::default());
}
