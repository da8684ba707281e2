//! Facts about runs and their leases.

use anteroom_protocol::terminal::TerminalSize;
use anteroom_session::{Deadlines, Input, Run, Session, machine::Seen};
use tokio::task::JoinSet;

use super::fixtures::{
    NOW, Tested, credential, credential_id, decide, handle, machine, machine_id, placed, pool, provider, read, save,
    session_id, start_saving, user,
};
use crate::{CommitError, CredentialRow, Extras, LeaseRow, Restored, WantedLease};

/// A run with this number, of user 1, that has begun; its machine has its number.
///
/// # Errors
/// What the store refuses.
pub async fn try_run(store: &Tested, number: u32, version: u32) -> Result<(), CommitError> {
    let run = Run::new(Vec::new(), TerminalSize { columns: 80, rows: 24 }, true, NOW);
    let of = (provider("codex"), credential_id(1));
    let session = Session::new_run(session_id(number), user(1), of, run, Deadlines::for_run(1000), NOW);
    let change = decide(&session, Input::Begin { machine: Some(machine_id(number)) });
    let lease = Some(WantedLease { credential: credential_id(1), version });
    store.create_session(&session, Some(&change), Extras { lease, ..placed(pool(9)) }).await
}

/// The first version of the credential of user 1.
async fn connected(store: &Tested) {
    let saving = start_saving(store, 90, &user(1)).await;
    save(store, &saving, &credential(1, 1)).await.unwrap();
}

async fn lease(store: &Tested) -> Option<LeaseRow> {
    store.lease(&credential_id(1)).await.unwrap()
}

async fn write_back(store: &Tested, number: u32, row: &CredentialRow) -> Result<(), CommitError> {
    save(store, &read(store, number).await, row).await
}

pub async fn a_run_has_its_machine_without_an_offer_and_reads_back(store: Tested) {
    connected(&store).await;
    try_run(&store, 1, 1).await.unwrap();
    assert_eq!(machine(&store, 1).await.session, Some(session_id(1)));
    assert!(read(&store, 1).await.session.run.is_some());
    let held = LeaseRow { credential: credential_id(1), session: session_id(1), version: 1, since: NOW };
    assert_eq!(lease(&store).await, Some(held));
}

pub async fn a_credential_has_one_holder_until_its_machine_is_gone(store: Tested) {
    connected(&store).await;
    try_run(&store, 1, 1).await.unwrap();
    let refuse = async || {
        let refused = try_run(&store, 2, 1).await;
        assert!(matches!(&refused, Err(CommitError::LeaseHeld(held)) if held.session == session_id(1)), "{refused:?}");
        assert_eq!(store.session(&session_id(2)).await.unwrap(), None, "nothing of it is stored");
    };
    refuse().await;
    handle(&store, 1, Input::Cancel).await;
    refuse().await;
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    handle(&store, 1, Input::MachineDestroyed).await;
    assert_eq!(lease(&store).await, None);
    try_run(&store, 2, 1).await.unwrap();
}

pub async fn of_two_runs_one_gets_the_lease(store: Tested) {
    connected(&store).await;
    let mut runs = JoinSet::new();
    for number in [1, 2] {
        let store = store.clone();
        runs.spawn(async move { try_run(&store, number, 1).await });
    }
    let outcomes = runs.join_all().await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::LeaseHeld(_)))), "{outcomes:?}");
}

pub async fn the_holder_writes_the_next_version_back_and_nobody_else_does(store: Tested) {
    connected(&store).await;
    try_run(&store, 1, 1).await.unwrap();
    handle(&store, 1, Input::AgentSpoke).await;
    let refuse = async |row: &CredentialRow| {
        let refused = write_back(&store, 1, row).await;
        assert!(matches!(refused, Err(CommitError::CredentialConflict(_))), "{refused:?}");
    };
    refuse(&credential(1, 3)).await;
    write_back(&store, 1, &credential(1, 2)).await.unwrap();
    assert_eq!(lease(&store).await.map(|lease| lease.version), Some(2));
    refuse(&credential(1, 2)).await;
    // A sign-in has replaced it: what the run has is of another family.
    let saving = start_saving(&store, 91, &user(1)).await;
    save(&store, &saving, &credential(1, 3)).await.unwrap();
    refuse(&credential(1, 3)).await;
    refuse(&credential(1, 4)).await;
    assert_eq!(store.credential_for(&user(1), &provider("codex")).await.unwrap(), Some(credential(1, 3)));
}

pub async fn a_credential_that_was_forgotten_does_not_come_back_by_its_run(store: Tested) {
    connected(&store).await;
    try_run(&store, 1, 1).await.unwrap();
    handle(&store, 1, Input::AgentSpoke).await;
    assert!(store.remove_credential(&user(1), &credential_id(1)).await.unwrap());
    let refused = write_back(&store, 1, &credential(1, 2)).await;
    assert!(matches!(refused, Err(CommitError::CredentialConflict(_))), "{refused:?}");
    assert_eq!(store.all_credentials().await.unwrap(), []);
}

pub async fn nobody_goes_back_to_an_earlier_version_while_a_run_holds_the_credential(store: Tested) {
    connected(&store).await;
    try_run(&store, 1, 1).await.unwrap();
    let held = lease(&store).await.unwrap();
    assert_eq!(store.restore_credential(&credential(1, 2)).await.unwrap(), Restored::Held(held));
    assert_eq!(store.all_credentials().await.unwrap(), [credential(1, 1)]);
}

pub async fn a_run_that_never_had_a_machine_gives_its_lease_back_with_its_end(store: Tested) {
    connected(&store).await;
    let run = Run::new(Vec::new(), TerminalSize { columns: 80, rows: 24 }, true, NOW);
    let of = (provider("codex"), credential_id(1));
    let session = Session::new_run(session_id(1), user(1), of, run, Deadlines::for_run(1000), NOW);
    let change = decide(&session, Input::Begin { machine: None });
    let lease_of = Some(WantedLease { credential: credential_id(1), version: 1 });
    let extras = Extras { lease: lease_of, max_queued: Some(9), ..Extras::default() };
    store.create_session(&session, Some(&change), extras).await.unwrap();
    assert!(lease(&store).await.is_some());
    handle(&store, 1, Input::Cancel).await;
    assert_eq!(lease(&store).await, None);
}
