//! The adapter on real files: the port's suite, and what only a file can show.

mod conformance;
mod file;
mod kill;
mod like_the_fake;
mod schema;
mod upgrade;

use std::sync::Arc;

use anteroom_store::suite::fixtures::Tested;
use anteroom_store_sqlite::SqliteStore;
use tempfile::TempDir;

/// A new store in a directory of its own.
async fn open() -> (Tested, TempDir) {
    let directory = TempDir::new().unwrap();
    (open_in(&directory).await, directory)
}

/// The store in this directory, as a controller that starts again opens it.
async fn open_in(directory: &TempDir) -> Tested {
    Arc::new(SqliteStore::open(&directory.path().join("anteroom.db")).await.unwrap())
}
