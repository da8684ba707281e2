//! A process is killed in the middle of writing; what it was told is stored is there, and nothing by halves.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
};

use anteroom_protocol::Epoch;
use anteroom_session::machine::Seen;
use anteroom_store::suite::fixtures::{NOW, Tested, machine_id, pool, session_id, start, user};
use anteroom_store_sqlite::SqliteStore;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::open_in;

/// Set for the child, which is this very test again: where it writes. It is no secret.
const DIRECTORY: &str = "ANTEROOM_TEST_KILL_DIRECTORY";
/// The child is killed after it has said this many; it writes more than that for as long as it lives.
const COMMITS: usize = 25;
/// The child's own bound, in case nobody kills it.
const MAX_COMMITS: u32 = 20_000;
/// How many write at once: their transactions share commits.
const WRITERS: u32 = 6;

#[tokio::test]
async fn what_a_killed_process_was_told_is_stored() {
    if let Some(directory) = env::var_os(DIRECTORY) {
        write_until_killed(Path::new(&directory)).await;
        return;
    }
    let directory = TempDir::new().unwrap();
    let (mut child, said) = spawn_writer(directory.path());
    let mut lines = said.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("stored ")?.parse().ok());
    let mut stored: Vec<u32> = lines.by_ref().take(COMMITS).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it was killed, and we had not read yet.
    stored.extend(lines);
    assert!(stored.len() >= COMMITS, "the writer ended after {} commits", stored.len());

    let store = open_in(&directory).await;
    for number in &stored {
        assert!(store.session(&session_id(*number)).await.unwrap().is_some(), "session {number} is lost");
    }
    for number in 1..=stored.iter().max().unwrap() + WRITERS {
        let session = store.session(&session_id(number)).await.unwrap().is_some();
        let offer = store.offer(&session_id(number), Epoch(1)).await.unwrap().is_some();
        let machine = store.machine(&machine_id(number)).await.unwrap().is_some();
        assert!(session == offer && offer == machine, "session {number} is stored by halves");
    }
}

fn spawn_writer(directory: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::what_a_killed_process_was_told_is_stored", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    (child, said)
}

async fn write_until_killed(directory: &Path) {
    let store: Tested = Arc::new(SqliteStore::open(&directory.join("anteroom.db")).await.unwrap());
    let mut writers = JoinSet::new();
    for first in 1..=WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            for number in (first..=MAX_COMMITS).step_by(WRITERS as usize) {
                start(&store, number, &user(1), pool(200)).await;
                store.saw_machine(&machine_id(number), Seen::Gone, NOW).await.unwrap();
                // The harness has begun a line of its own.
                println!("\nstored {number}");
            }
        });
    }
    writers.join_all().await;
}
