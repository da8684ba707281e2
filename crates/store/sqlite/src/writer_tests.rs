use std::{collections::BTreeSet, time::Duration};

use anteroom_session::Write;
use anteroom_store::{
    Extras, StoreError,
    suite::fixtures::{decide, offer_input, session, user},
};
use sqlx::SqliteConnection;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::{MAX_QUEUE, Turn};
use crate::{database::Database, sessions};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

struct Lab {
    database: Database,
    _directory: TempDir,
}

/// A turn that goes on when it is told to.
struct Held {
    go_on: oneshot::Sender<()>,
    told: JoinHandle<Result<(), StoreError>>,
}

/// A row of a table that nothing else refers to.
async fn insert(connection: &mut SqliteConnection, name: &str) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO access (digest, user, expires_at, once) VALUES (?, 'somebody', 0, 0)");
    insert.bind(name).execute(connection).await.map(drop)
}

/// A session whose machine has no row: only the commit finds that out.
async fn insert_what_no_commit_takes(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let insert = sqlx::query(
        "INSERT INTO sessions (session, owner, provider, state, ended, created_at, machine, body, version)
         VALUES ('one', 'somebody', 'codex', 'starting', 0, 0, 'none', '{}', 1)",
    );
    insert.execute(connection).await.map(drop)
}

fn failed(what: &str) -> StoreError {
    StoreError::new(what, "the test wants it so")
}

fn action() -> String {
    "write in a test".to_owned()
}

impl Lab {
    async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let database = Database::open(&directory.path().join("anteroom.db")).await.unwrap();
        Self { database, _directory: directory }
    }

    async fn turn(&self) -> Turn {
        self.database.turn(action).await.unwrap()
    }

    /// Has somebody wait in the queue who inserts this row, and then ends well or not.
    async fn queue(&self, name: &'static str, well: bool) -> JoinHandle<Result<(), StoreError>> {
        let (go_on, now) = oneshot::channel();
        go_on.send(()).unwrap();
        self.queue_one(name, well, oneshot::channel().0, now).await
    }

    /// The same, who says when it is their turn and ends it when they are told to.
    async fn queue_held(&self, name: &'static str) -> (Held, oneshot::Receiver<()>) {
        let ((go_on, now), (has_turn, turn)) = (oneshot::channel(), oneshot::channel());
        let told = self.queue_one(name, true, has_turn, now).await;
        (Held { go_on, told }, turn)
    }

    async fn queue_one(
        &self,
        name: &'static str,
        well: bool,
        has_turn: oneshot::Sender<()>,
        go_on: oneshot::Receiver<()>,
    ) -> JoinHandle<Result<(), StoreError>> {
        let database = self.database.clone();
        self.queue_up(async move {
            let mut turn = database.turn(action).await?;
            insert(&mut turn, name).await.unwrap();
            let _ = has_turn.send(());
            go_on.await.unwrap();
            turn.end(if well { Ok(()) } else { Err(failed(name)) }, action).await
        })
        .await
    }

    /// Returns when what this writes waits in the queue.
    async fn queue_up<T: Send + 'static>(&self, writes: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let queued = || MAX_QUEUE - self.database.writer().queue.capacity();
        let before = queued();
        let told = tokio::spawn(writes);
        while queued() == before {
            tokio::task::yield_now().await;
        }
        told
    }

    /// What a reader sees.
    async fn stored(&self) -> BTreeSet<String> {
        let mut reader = self.database.reader().await.unwrap();
        let rows: Vec<String> = sqlx::query_scalar("SELECT digest FROM access").fetch_all(&mut *reader).await.unwrap();
        rows.into_iter().collect()
    }
}

fn rows<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn nobody_is_told_before_their_batch_is_stored() {
    let lab = Lab::new().await;
    let mut first = lab.turn().await;
    let refused = lab.queue("refused", false).await;
    let (last, has_turn) = lab.queue_held("last").await;
    insert(&mut first, "first").await.unwrap();
    let first = tokio::spawn(first.end(Ok::<_, StoreError>(()), action));

    has_turn.await.unwrap();
    // The two before have ended their turns; what they did waits for the last one.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!first.is_finished(), "it is not stored yet");
    assert!(!refused.is_finished(), "what refused it is not stored yet");
    assert_eq!(lab.stored().await, rows([]));

    last.go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert_eq!(refused.await.unwrap().unwrap_err().action, "refused");
    last.told.await.unwrap().unwrap();
    assert_eq!(lab.stored().await, rows(["first", "last"]));
}

#[tokio::test]
async fn a_turn_that_fails_is_undone_alone() {
    let lab = Lab::new().await;
    // In each place of a batch.
    for (round, fails) in [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]].into_iter().zip(0..) {
        let before = lab.stored().await;
        let first = lab.turn().await;
        let mut told = Vec::new();
        for (name, place) in round.into_iter().zip(0..) {
            told.push(lab.queue(name, place != fails).await);
        }
        first.end(Ok::<_, StoreError>(()), action).await.unwrap();
        for (told, place) in told.into_iter().zip(0..) {
            assert_eq!(told.await.unwrap().is_ok(), place != fails);
        }
        let kept = round.into_iter().zip(0..).filter(|(_, place)| *place != fails).map(|(name, _)| name.to_owned());
        assert_eq!(lab.stored().await, before.into_iter().chain(kept).collect());
    }
}

#[tokio::test]
async fn a_first_turn_that_fails_leaves_nothing_to_those_after_it() {
    let lab = Lab::new().await;
    let mut first = lab.turn().await;
    let second = lab.queue("second", true).await;
    insert(&mut first, "first").await.unwrap();
    assert!(first.end(Err::<(), _>(failed("first")), action).await.is_err());
    second.await.unwrap().unwrap();
    assert_eq!(lab.stored().await, rows(["second"]));
}

#[tokio::test]
async fn who_goes_away_in_the_queue_or_in_their_turn_leaves_nothing_and_holds_nobody_up() {
    let lab = Lab::new().await;
    let first = lab.turn().await;
    let (gone, has_turn) = lab.queue_held("gone").await;
    let queued = lab.queue("queued", true).await;
    let last = lab.queue("last", true).await;
    queued.abort();
    assert!(queued.await.unwrap_err().is_cancelled());
    drop(first);
    has_turn.await.unwrap();
    gone.told.abort();
    last.await.unwrap().unwrap();
    assert_eq!(lab.stored().await, rows(["last"]));
}

#[tokio::test]
async fn a_batch_that_is_not_stored_is_told_to_all_and_the_next_one_is() {
    let lab = Lab::new().await;
    let mut first = lab.turn().await;
    let second = lab.queue("second", true).await;
    let refused = lab.queue("refused", false).await;
    insert_what_no_commit_takes(&mut first).await.unwrap();
    let failure = first.end(Ok::<_, StoreError>(()), action).await.unwrap_err();
    assert_eq!(failure.action, action());
    assert!(second.await.unwrap().is_err() && refused.await.unwrap().is_err());
    assert_eq!(lab.stored().await, rows([]));

    let mut next = lab.turn().await;
    insert(&mut next, "next").await.unwrap();
    next.end(Ok::<_, StoreError>(()), action).await.unwrap();
    assert_eq!(lab.stored().await, rows(["next"]));
}

#[tokio::test]
async fn a_session_whose_machine_has_no_row_takes_nobody_along() {
    let lab = Lab::new().await;
    let first = lab.turn().await;
    let database = lab.database.clone();
    let wrong = lab.queue_up(async move {
        let waiting = session(1, &user(1));
        let mut change = decide(&waiting, offer_input("offer 1", 1));
        change.writes.retain(|write| !matches!(write, Write::PlanMachine(_)));
        sessions::create(&database, &waiting, Some(&change), &Extras::default()).await
    });
    let wrong = wrong.await;
    let last = lab.queue("last", true).await;
    first.end(Ok::<_, StoreError>(()), action).await.unwrap();
    assert!(wrong.await.unwrap().is_err());
    last.await.unwrap().unwrap();
    assert_eq!(lab.stored().await, rows(["last"]));
}

#[tokio::test]
async fn whoever_waits_when_the_database_closes_is_told() {
    let lab = Lab::new().await;
    let first = lab.turn().await;
    let second = lab.queue("second", true).await;
    let closing = tokio::spawn({
        let database = lab.database.clone();
        async move { database.close().await }
    });
    while !lab.database.is_closing() {
        tokio::task::yield_now().await;
    }
    first.end(Ok::<_, StoreError>(()), action).await.unwrap();
    // It was in the queue already, and so in the same batch.
    second.await.unwrap().unwrap();
    timeout(CLOSE_TIMEOUT, closing).await.expect("the connection is given back").unwrap();
    assert!(lab.database.turn(action).await.is_err());
}
