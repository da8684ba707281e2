//! A database of an earlier release, brought up to date: what is in it stays, and what held it still holds.

use std::{fs, path::Path};

use anteroom_session::{Input, machine::Seen};
use anteroom_store::suite::fixtures::{NOW, handle, machine, machine_id, pool, read, start, try_start, user};
use sqlx::{Connection as _, SqliteConnection, migrate::Migrator};
use tempfile::TempDir;

use super::open_in;

const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
/// The last one before sessions that wait for a place.
const BEFORE: &str = "0005";

/// The tables of the earlier release, empty.
async fn earlier(directory: &Path) -> SqliteConnection {
    let migrations = directory.join("migrations");
    fs::create_dir(&migrations).unwrap();
    for entry in fs::read_dir(MIGRATIONS).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.as_str() < "0006" {
            fs::copy(&path, migrations.join(&name)).unwrap();
        }
    }
    assert!(
        fs::read_dir(&migrations).unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_str()
            .unwrap()
            .starts_with(BEFORE))
    );
    let database = format!("sqlite://{}?mode=rwc", directory.join("anteroom.db").display());
    let mut connection = SqliteConnection::connect(&database).await.unwrap();
    Migrator::new(migrations.as_path()).await.unwrap().run(&mut connection).await.unwrap();
    connection
}

#[tokio::test]
async fn sessions_machines_and_what_counts_them_outlive_the_queues_migration() {
    let (now, old) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // What the present release writes fits the earlier tables, but for the column that they lack.
    let store = open_in(&now).await;
    start(&store, 1, &user(1), pool(9)).await;
    start(&store, 2, &user(1), pool(9)).await;
    handle(&store, 2, Input::AgentSpoke).await;
    let (one, two) = (read(&store, 1).await, read(&store, 2).await);
    let mut connection = earlier(old.path()).await;
    let attach = format!("ATTACH '{}' AS now", now.path().join("anteroom.db").display());
    for statement in [
        "PRAGMA foreign_keys = OFF",
        &attach,
        "INSERT INTO sessions SELECT number, session, owner, provider, state, ended, deadline_at, created_at, machine, body,
             version, idempotency_key FROM now.sessions",
        "INSERT INTO offers SELECT * FROM now.offers",
        "INSERT INTO candidates SELECT * FROM now.candidates",
        "INSERT INTO events SELECT * FROM now.events",
        "INSERT INTO machines SELECT * FROM now.machines",
        "DETACH now",
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = open_in(&old).await;
    assert_eq!((read(&store, 1).await, read(&store, 2).await), (one, two));
    let bounds = anteroom_store::AddressPool { max_machines_per_owner: 3, ..pool(9) };
    try_start(&store, 3, &user(1), bounds).await.unwrap();
    assert!(try_start(&store, 4, &user(1), bounds).await.is_err(), "three are counted");
    handle(&store, 1, Input::Cancel).await;
    store.saw_machine(&machine_id(1), Seen::Gone, NOW).await.unwrap();
    try_start(&store, 4, &user(1), bounds).await.unwrap();
    assert_eq!(machine(&store, 1).await.seen, Seen::Gone);
    let mut connection = SqliteConnection::connect(old.path().join("anteroom.db").to_str().unwrap()).await.unwrap();
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut connection).await.unwrap();
    assert!(dangling.is_empty(), "{} rows refer to nothing", dangling.len());
    let ended = "UPDATE sessions SET state = 'failed', version = version + 1 WHERE ended = 1";
    let error = sqlx::query(ended).execute(&mut connection).await.unwrap_err().to_string();
    assert!(error.contains("ends once"), "{error}");
}
