//! The file: its mode, its life beyond a process, and its schema's release.

use std::{error::Error as _, fs, os::unix::fs::PermissionsExt as _, path::Path};

use anteroom_protocol::{Epoch, signaling::Side};
use anteroom_session::machine::Seen;
use anteroom_store::{
    AccessRow,
    suite::fixtures::{
        NOW, Tested, all_of, answer_input, candidate_input, credential, digest, handle, machine_id, pool, save, start,
        start_saving, user,
    },
};
use anteroom_store_sqlite::{OpenError, SqliteStore};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::{open, open_in};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn only_its_user_reads_the_file_its_log_and_its_new_directory() {
    let outer = TempDir::new().unwrap();
    let path = outer.path().join("state/anteroom/anteroom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(Path::new(&format!("{}{suffix}", path.display()))), 0o600, "{suffix}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_file_that_others_could_read_is_closed_to_them() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("anteroom.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    SqliteStore::open(&path).await.unwrap().close().await;
    assert_eq!(mode(&path), 0o600);
}

/// Fills a store with something of each kind.
async fn fill(store: &Tested) {
    start(store, 1, &user(1), pool(9)).await;
    store.begin_creating(&machine_id(1), &digest("token")).await.unwrap();
    handle(store, 1, answer_input(Epoch(1), "offer 1", "answer 1")).await;
    handle(store, 1, candidate_input(Epoch(1), Side::Browser, "late")).await;
    start(store, 2, &user(1), pool(9)).await;
    store.saw_machine(&machine_id(2), Seen::Gone, NOW).await.unwrap();
    let saving = start_saving(store, 3, &user(1)).await;
    save(store, &saving, &credential(1, 1)).await.unwrap();
    let expires_at = NOW.plus_ms(1000);
    store.put_access(&AccessRow { digest: digest("a"), user: user(1), expires_at, once: false }, NOW).await.unwrap();
    store.owner(&user(1), NOW).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let (before, directory) = open().await;
    fill(&before).await;
    // The first one is still open, as a file is that a killed process has left.
    let after = open_in(&directory).await;
    for number in 1..=3 {
        assert_eq!(format!("{:?}", all_of(&after, number).await), format!("{:?}", all_of(&before, number).await));
    }
    assert_eq!(after.live_sessions(None, 9).await.unwrap(), before.live_sessions(None, 9).await.unwrap());
    assert_eq!(after.all_credentials().await.unwrap(), [credential(1, 1)]);
    assert!(after.machine_by_token(&digest("token")).await.unwrap().is_some());
    assert_eq!(after.user_by_access(&digest("a"), NOW).await.unwrap(), Some(user(1)));
    assert_eq!(after.owner(&user(9), NOW).await.unwrap(), user(1));
    // The pool goes on where it was: not with the address that is free since a moment ago.
    let row = start(&after, 4, &user(1), pool(9)).await.session.machine.unwrap();
    assert_eq!(after.machine(&row).await.unwrap().unwrap().address.octets()[3], 5);
}

#[tokio::test]
async fn a_file_of_a_newer_release_is_not_opened() {
    let (_store, directory) = open().await;
    let path = directory.path().join("anteroom.db");
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'newer', current_timestamp, TRUE, x'00', 0)";
    sqlx::query(newer).execute(&mut connection).await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::OtherRelease { .. }), "{error:?}");
    assert!(error.to_string().contains("anteroom.db"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_opened() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("anteroom.db");
    fs::write(&path, "this is no database, but it is a file of more than a hundred bytes ".repeat(40)).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert!(matches!(error, OpenError::Database { .. }), "{error:?}");
    assert!(error.source().is_some());
}

#[tokio::test]
async fn what_was_stored_but_cannot_be_read_is_told_without_its_value() {
    let (store, directory) = open().await;
    start(&store, 1, &user(1), pool(1)).await;
    let mut connection =
        SqliteConnection::connect(directory.path().join("anteroom.db").to_str().unwrap()).await.unwrap();
    let broken = r#"UPDATE sessions SET body = '{"id": "hunter2"}', version = 2"#;
    sqlx::query(broken).execute(&mut connection).await.unwrap();
    let error = store.live_sessions(None, 9).await.unwrap_err();
    let told = format!("{error} {error:?} {}", error.source().unwrap());
    assert!(told.contains("read a session") && !told.contains("hunter2"), "{told}");
}
