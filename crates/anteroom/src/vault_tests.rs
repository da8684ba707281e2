use std::{path::Path, sync::Arc};

use anteroom_protocol::Secret;
use anteroom_store::{
    fake::FakeStore,
    suite::fixtures::{self, Tested},
};
use anteroom_vault::{Binding, keyring::Key};

use super::*;
use crate::wiring;

/// The key that the fixtures seal under.
fn first_key() -> Key {
    Key::from_random(Secret::new([1; 32]))
}

/// A store with two credentials in two versions, and the file of the key that they are sealed under.
async fn stage(directory: &Path) -> (Tested, KeySource) {
    let store: Tested = Arc::new(FakeStore::new());
    for (number, owner, version) in [(1, 1, 1), (2, 1, 2), (3, 2, 1)] {
        let stored = fixtures::start_saving(&store, number, &fixtures::user(owner)).await;
        fixtures::save(&store, &stored, &fixtures::credential(owner, version)).await.unwrap();
    }
    let source = KeySource::File(directory.join("vault.key"));
    source.replace(&KeyRing::new(first_key())).unwrap();
    (store, source)
}

async fn all_open(store: &Tested, ring: &KeyRing) -> bool {
    let rows = store.all_credentials().await.unwrap();
    rows.iter().all(|row| {
        let binding = Binding {
            owner: row.owner.clone(),
            provider: row.provider.clone(),
            credential: row.id.clone(),
            version: row.version,
        };
        row.sealed.open(&binding, ring).is_ok()
    })
}

#[tokio::test]
async fn after_a_rotation_every_version_opens_under_the_new_key_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (store, source) = stage(directory.path()).await;
    let ring = source.read().unwrap().unwrap();
    let rotated = rotate(&source, ring, &*store).await.unwrap();
    assert_eq!(rotated.rewrapped, 3);
    let ring = source.read().unwrap().unwrap();
    assert_eq!(ring.ids().collect::<Vec<_>>(), [&rotated.current]);
    assert_ne!(&rotated.current, first_key().id());
    assert!(all_open(&store, &ring).await);
    assert_eq!(status(&ring, &*store).await.unwrap(), [(rotated.current, 3)]);
}

#[tokio::test]
async fn a_rotation_that_stops_keeps_the_older_key_and_is_gone_on_with_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let (store, source) = stage(directory.path()).await;
    // Stopped after the first credential: the file has both keys by then.
    let second = Key::from_random(Secret::new([2; 32]));
    let both = KeyRing::new(first_key()).with_current(second).unwrap();
    source.replace(&both).unwrap();
    let row = store.all_credentials().await.unwrap().remove(0);
    let sealed = row.sealed.rewrap(&both, &[9; NONCE_BYTES]).unwrap().unwrap();
    store.rewrap(&row.id, row.version, &sealed).await.unwrap();
    assert!(all_open(&store, &source.read().unwrap().unwrap()).await);
    let rotated = rotate(&source, source.read().unwrap().unwrap(), &*store).await.unwrap();
    let ring = source.read().unwrap().unwrap();
    assert_eq!((rotated.rewrapped, ring.ids().count()), (3, 1));
    assert!(all_open(&store, &ring).await);
}

#[tokio::test]
async fn a_credential_that_does_not_open_keeps_the_older_keys() {
    let directory = tempfile::tempdir().unwrap();
    let (store, source) = stage(directory.path()).await;
    let other = KeyRing::new(Key::from_random(Secret::new([3; 32])));
    assert!(matches!(rotate(&source, other.clone(), &*store).await, Err(VaultError::Open { .. })));
    let ring = source.read().unwrap().unwrap();
    assert!(ring.ids().any(|id| id == other.current().id()), "{ring:?}");
}

#[tokio::test]
async fn a_missing_key_of_a_stored_credential_stops_the_start_and_makes_no_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = stage(directory.path()).await;
    let missing = directory.path().join("another.key");
    let source = KeySource::File(missing.clone());
    let error = wiring::key_ring(&source, &*store).await.unwrap_err().to_string();
    assert!(error.contains(first_key().id().as_str()) && error.contains("3 stored credentials"), "{error}");
    assert!(!missing.exists());
    let made = wiring::key_ring(&source, &FakeStore::new()).await.unwrap();
    assert_eq!(source.read().unwrap(), Some(made), "an empty database gets a new key");
}
