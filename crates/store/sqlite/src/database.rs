//! The file, its connections, and how a failure is told.

use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anteroom_store::StoreError;
use sqlx::{
    Sqlite, SqlitePool,
    migrate::{MigrateError, Migrator},
    pool::PoolConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::writer::{Turn, Writer};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// Reads take below a millisecond; nobody holds a connection while waiting for something else.
const MAX_READERS: u32 = 4;
/// How long a call waits for its connection, and a connection for a lock of another process (`anteroom vault rotate`
/// beside the server). A commit takes some milliseconds, so this is a queue of hundreds.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(5);
/// What the write-ahead log is cut back to after a checkpoint; it grows beyond only while a long read goes on.
const WAL_BYTES: &str = "8388608";

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory could not be made.
    #[error("make the directory {} for the database; check that its parent can be written", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file could not be made or its mode not be set.
    #[error("make the database file {} with mode 0600; check that it is yours", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite could not open it.
    #[error("open the database {}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The file is from another release.
    #[error(
        "the database {} was written by another release of Anteroom; start that one or a newer one, or restore a backup",
        path.display()
    )]
    OtherRelease {
        /// Which.
        path: PathBuf,
        /// The migration that does not fit.
        #[source]
        source: MigrateError,
    },
    /// The schema could not be brought up to date.
    #[error("bring the schema of the database {} up to date; it is as it was before", path.display())]
    Migration {
        /// Which.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: MigrateError,
    },
}

/// One connection that writes and some that read.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    writing: SqlitePool,
    writer: Writer,
    readers: SqlitePool,
}

impl Database {
    pub(crate) async fn open(path: &Path) -> Result<Self, OpenError> {
        prepare_file(path)?;
        let failed = |source| OpenError::Database { path: path.to_owned(), source };
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(MAX_WAIT);
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", WAL_BYTES)
            // What was removed is overwritten: SDP of old sessions and removed credentials don't stay in free pages.
            .pragma("secure_delete", "ON");
        let writing = pool(1).connect_with(writing).await.map_err(failed)?;
        MIGRATIONS.run(&writing).await.map_err(|source| not_migrated(path, source))?;
        let reading = options.pragma("query_only", "ON");
        let readers = pool(MAX_READERS).connect_with(reading).await.map_err(failed)?;
        Ok(Self { writer: Writer::start(writing.clone()), writing, readers })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writing.close().await;
    }

    /// A connection that reads.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.during("get a connection to read from the database")
    }

    /// A turn with the connection that writes, in a transaction of its own. `action` says what it is for.
    pub(crate) async fn turn(&self, action: impl FnOnce() -> String) -> Result<Turn, StoreError> {
        self.writer.turn(action).await
    }
}

#[cfg(test)]
impl Database {
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.writing.is_closed()
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(MAX_WAIT)
        // A connection to a file doesn't age, and the last one to close would checkpoint in the middle of work.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

/// SQLite gives the write-ahead log and the shared memory file the mode of the database, so that this must be there
/// with its mode before SQLite makes it under the process's umask.
fn prepare_file(path: &Path) -> Result<(), OpenError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|source| OpenError::Directory { path: directory.to_owned(), source })?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
    file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(|source| OpenError::File { path: path.to_owned(), source })
}

fn not_migrated(path: &Path, source: MigrateError) -> OpenError {
    let path = path.to_owned();
    if matches!(source, MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_)) {
        OpenError::OtherRelease { path, source }
    } else {
        OpenError::Migration { path, source }
    }
}

/// Says what was tried on what when SQLite fails.
pub(crate) trait During<T> {
    fn during(self, action: impl Into<String>) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, action: impl Into<String>) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::new(action, error))
    }
}
