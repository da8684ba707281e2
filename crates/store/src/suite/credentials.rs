//! Facts about credentials.

use anteroom_protocol::{credential::Origin, session::SessionState};
use anteroom_vault::Binding;
use tokio::task::JoinSet;

use super::fixtures::{
    Tested, all_of, credential, credential_for, credential_id, provider, read, save, sealed, start_saving, user,
};
use crate::{CommitError, CredentialRow, Restored};

/// Has a new session save this credential.
async fn saved(store: &Tested, number: u32, row: &CredentialRow) {
    let saving = start_saving(store, number, &row.owner).await;
    save(store, &saving, row).await.unwrap();
}

pub async fn a_credential_is_stored_with_the_end_of_its_session(store: Tested) {
    let row = credential(1, 1);
    saved(&store, 1, &row).await;
    assert_eq!(read(&store, 1).await.session.state(), SessionState::Succeeded);
    assert_eq!(store.credential_for(&user(1), &provider("codex")).await.unwrap(), Some(row.clone()));
    assert_eq!(store.credentials_of(&user(1)).await.unwrap(), [row]);
    assert_eq!(store.credential_for(&user(1), &provider("wrangler")).await.unwrap(), None);
    assert_eq!(store.credential_for(&user(2), &provider("codex")).await.unwrap(), None);
    assert_eq!(store.credentials_of(&user(2)).await.unwrap(), []);
}

pub async fn a_credential_that_is_not_the_next_version_stores_nothing(store: Tested) {
    let refuse = async |number, row: &CredentialRow| {
        let saving = start_saving(&store, number, &row.owner).await;
        let (before, credentials) = (all_of(&store, number).await, store.all_credentials().await.unwrap());
        let refused = save(&store, &saving, row).await;
        assert!(
            matches!(&refused, Err(CommitError::CredentialConflict(id)) if *id == saving.session.id),
            "{refused:?}"
        );
        assert_eq!(all_of(&store, number).await, before);
        assert_eq!(store.all_credentials().await.unwrap(), credentials);
    };
    refuse(1, &credential(1, 2)).await;
    saved(&store, 2, &credential(1, 1)).await;
    refuse(3, &credential(1, 1)).await;
    refuse(4, &credential(1, 3)).await;
    refuse(5, &credential_for(1, "codex", credential_id(9), 2)).await;
}

pub async fn of_two_next_versions_one_is_stored(store: Tested) {
    let mut saves = JoinSet::new();
    for number in [1, 2] {
        let (store, saving) = (store.clone(), start_saving(&store, number, &user(1)).await);
        saves.spawn(async move { save(&store, &saving, &credential(1, 1)).await });
    }
    let outcomes = saves.join_all().await;
    assert!(outcomes.iter().any(Result::is_ok), "{outcomes:?}");
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(CommitError::CredentialConflict(_)))), "{outcomes:?}");
    assert_eq!(store.all_credentials().await.unwrap().len(), 1);
}

pub async fn the_newest_version_is_read_and_those_before_it_are_kept(store: Tested) {
    let rows: Vec<_> = (1..=7).map(|version| credential(1, version)).collect();
    for (number, row) in (1..).zip(&rows) {
        saved(&store, number, row).await;
        assert_eq!(store.credential_for(&user(1), &provider("codex")).await.unwrap().as_ref(), Some(row));
    }
    let other = credential_for(1, "wrangler", credential_id(2), 1);
    saved(&store, 8, &other).await;
    assert_eq!(store.credentials_of(&user(1)).await.unwrap(), [rows[6].clone(), other.clone()]);
    let kept: Vec<_> = rows[2..].iter().cloned().chain([other]).collect();
    assert_eq!(store.all_credentials().await.unwrap(), kept);
    let newest_first: Vec<_> = rows[2..].iter().rev().cloned().collect();
    assert_eq!(store.credential_versions(&user(1), &credential_id(1)).await.unwrap(), newest_first);
    assert_eq!(store.credential_versions(&user(2), &credential_id(1)).await.unwrap(), []);
}

pub async fn a_rewrapped_version_replaces_itself_only(store: Tested) {
    let rows = [credential(1, 1), credential(1, 2)];
    saved(&store, 1, &rows[0]).await;
    saved(&store, 2, &rows[1]).await;
    let CredentialRow { id, owner, provider, version, .. } = rows[1].clone();
    let again = sealed(&Binding { owner, provider, credential: id.clone(), version }, 2);
    assert_ne!(again, rows[1].sealed);
    store.rewrap(&id, version, &again).await.unwrap();
    store.rewrap(&id, 7, &again).await.unwrap();
    store.rewrap(&credential_id(9), 1, &again).await.unwrap();
    let rewrapped = CredentialRow { sealed: again, ..rows[1].clone() };
    assert_eq!(store.all_credentials().await.unwrap(), [rows[0].clone(), rewrapped]);
}

pub async fn an_earlier_version_comes_back_as_the_next_one_and_not_after_it_was_forgotten(store: Tested) {
    saved(&store, 1, &credential(1, 1)).await;
    saved(&store, 2, &credential(1, 2)).await;
    assert_eq!(store.restore_credential(&credential(1, 2)).await.unwrap(), Restored::Changed);
    assert_eq!(store.restore_credential(&credential(1, 4)).await.unwrap(), Restored::Changed);
    let third = CredentialRow { origin: Origin::Restore, ..credential(1, 3) };
    assert_eq!(store.restore_credential(&third).await.unwrap(), Restored::Stored);
    assert_eq!(store.credential_for(&user(1), &provider("codex")).await.unwrap(), Some(third));
    assert!(store.remove_credential(&user(1), &credential_id(1)).await.unwrap());
    for version in [1, 4] {
        assert_eq!(store.restore_credential(&credential(1, version)).await.unwrap(), Restored::Changed);
    }
    assert_eq!(store.all_credentials().await.unwrap(), []);
}

pub async fn trouble_is_of_the_newest_version_and_goes_with_it(store: Tested) {
    let trouble = async || store.credential_for(&user(1), &provider("codex")).await.unwrap().unwrap().trouble;
    saved(&store, 1, &credential(1, 1)).await;
    store.note_trouble(&credential_id(1), 2, Some("of none")).await.unwrap();
    assert_eq!(trouble().await, None);
    store.note_trouble(&credential_id(1), 1, Some("it was blanked")).await.unwrap();
    assert_eq!(trouble().await.as_deref(), Some("it was blanked"));
    store.note_trouble(&credential_id(1), 1, None).await.unwrap();
    assert_eq!(trouble().await, None);
    store.note_trouble(&credential_id(1), 1, Some("it was blanked")).await.unwrap();
    saved(&store, 2, &credential(1, 2)).await;
    store.note_trouble(&credential_id(1), 1, Some("too late")).await.unwrap();
    assert_eq!(trouble().await, None);
}

pub async fn a_removed_credential_is_gone_in_all_versions_for_its_owner_only(store: Tested) {
    saved(&store, 1, &credential(1, 1)).await;
    saved(&store, 2, &credential(1, 2)).await;
    let kept = credential(2, 1);
    saved(&store, 3, &kept).await;
    assert!(!store.remove_credential(&user(1), &kept.id).await.unwrap(), "it is somebody else's");
    assert!(store.remove_credential(&user(1), &credential_id(1)).await.unwrap());
    assert!(!store.remove_credential(&user(1), &credential_id(1)).await.unwrap());
    assert_eq!(store.all_credentials().await.unwrap(), [kept]);
    // Connecting again begins anew.
    saved(&store, 4, &credential_for(1, "codex", credential_id(3), 1)).await;
}
