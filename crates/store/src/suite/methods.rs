//! Facts about sign-ins without a desktop.

use anteroom_protocol::{
    Secret, UserId,
    guest::Report,
    provider::MethodKind,
    session::{SessionState, UrlSource},
};
use anteroom_session::{Change, Deadlines, Input, Session, Write};
use anteroom_vault::{Key, KeyRing, SealedText, TextBinding};

use super::fixtures::{
    NOW, Tested, decide, handle, machine, machine_id, placed, pool, provider, read, session_id, user,
};
use crate::{CommitError, Extras, Stored};

fn light(number: u32, owner: &UserId, name: &str, method: MethodKind) -> Session {
    Session::new(session_id(number), owner.clone(), (provider(name), method), Deadlines::for_sign_in(600), NOW)
}

fn begin(machine: u32) -> Input {
    Input::Begin { machine: Some(machine_id(machine)) }
}

fn sealed(number: u32, text: &str) -> SealedText {
    let binding = TextBinding { owner: user(1), session: session_id(1), number };
    let ring = KeyRing::new(Key::from_random(Secret::new([1; 32])));
    SealedText::seal(&Secret::new(text.to_owned()), &binding, &ring, &[2; 24])
}

/// A session by `paste`, whose CLI waits for a text.
async fn waiting(store: &Tested, number: u32) {
    let session = light(number, &user(1), "codex", MethodKind::Paste);
    store.create_session(&session, Some(&decide(&session, begin(number))), placed(pool(9))).await.unwrap();
    handle(store, number, Input::AgentSpoke).await;
    let url = "https://auth.example/".to_owned();
    handle(store, number, Input::Report(Report::UrlFound { url, source: UrlSource::Printed })).await;
}

/// A session by `paste` with this text in it.
///
/// # Panics
/// When the store refuses.
pub async fn paste(store: &Tested, number: u32, text: &str) {
    if store.session(&session_id(number)).await.unwrap().is_none() {
        waiting(store, number).await;
    }
    let Stored { session, version } = read(store, number).await;
    let change = decide(&session, Input::Pasted);
    let paste = Some(sealed(change.session.pasted, text));
    store.commit(version, &change, Extras { paste, ..Extras::default() }).await.unwrap();
}

pub async fn a_sign_in_without_a_desktop_has_its_machine_without_an_offer(store: Tested) {
    for (number, method) in [(1, MethodKind::Device), (2, MethodKind::Paste)] {
        let session = light(number, &user(1), "codex", method);
        store.create_session(&session, Some(&decide(&session, begin(number))), placed(pool(9))).await.unwrap();
        let stored = read(&store, number).await.session;
        assert_eq!((stored.method, stored.state()), (method, SessionState::Starting));
        assert_eq!(machine(&store, number).await.session, Some(session_id(number)));
    }
    // A pooled machine is bound as well.
    store.plan_pooled(&machine_id(3), &placed(pool(9)).placement.unwrap(), NOW).await.unwrap();
    let session = light(3, &user(1), "codex", MethodKind::Device);
    store.create_session(&session, Some(&decide(&session, begin(3))), placed(pool(9))).await.unwrap();
    assert_eq!(machine(&store, 3).await.session, Some(session_id(3)));
}

pub async fn pastes_come_in_order_and_end_with_their_session(store: Tested) {
    paste(&store, 1, "one").await;
    paste(&store, 1, "two").await;
    paste(&store, 2, "another's").await;
    assert_eq!(store.pastes(&session_id(1), 0).await.unwrap(), [(1, sealed(1, "one")), (2, sealed(2, "two"))]);
    assert_eq!(store.pastes(&session_id(1), 1).await.unwrap(), [(2, sealed(2, "two"))]);
    handle(&store, 1, Input::Cancel).await;
    assert_eq!(store.pastes(&session_id(1), 0).await.unwrap(), []);
    assert_eq!(store.pastes(&session_id(2), 0).await.unwrap().len(), 1);
}

pub async fn a_paste_comes_with_its_sealed_text_and_without_a_gap(store: Tested) {
    waiting(&store, 1).await;
    let Stored { session, version } = read(&store, 1).await;
    let change = decide(&session, Input::Pasted);
    let without = store.commit(version, &change, Extras::default()).await;
    assert!(matches!(without, Err(CommitError::Store(_))), "{without:?}");
    // No decision does this.
    let skipping = Change { writes: vec![Write::Paste(2)], ..change };
    let paste = Some(sealed(2, "two"));
    let gap = store.commit(version, &skipping, Extras { paste, ..Extras::default() }).await;
    assert!(matches!(gap, Err(CommitError::Store(_))), "{gap:?}");
    assert_eq!(store.pastes(&session_id(1), 0).await.unwrap(), []);
    assert_eq!(read(&store, 1).await.version, version);
}

pub async fn the_method_that_was_chosen_last_is_remembered_for_each_person_and_provider(store: Tested) {
    use MethodKind::{Desktop, Device, Paste};
    let sessions = [
        (user(1), "codex", Device, true),
        (user(1), "wrangler", Paste, true),
        (user(1), "codex", Paste, true),
        (user(1), "codex", Desktop, false),
        (user(2), "codex", Device, true),
    ];
    for (number, (owner, name, method, chooses_method)) in (1..).zip(sessions) {
        let extras = Extras { chooses_method, ..Extras::default() };
        store.create_session(&light(number, &owner, name, method), None, extras).await.unwrap();
    }
    assert_eq!(
        store.chosen_methods(&user(1)).await.unwrap(),
        [(provider("codex"), Paste), (provider("wrangler"), Paste)]
    );
    assert_eq!(store.chosen_methods(&user(2)).await.unwrap(), [(provider("codex"), Device)]);
    assert_eq!(store.chosen_methods(&user(3)).await.unwrap(), []);
}
