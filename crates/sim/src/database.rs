//! The one SQLite file that outlives the controllers of a schedule, and how its threads are waited for.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
    time::Duration,
};

use anteroom_store_sqlite::SqliteStore;
use tokio::runtime::{Handle, Runtime};

/// A call takes below a millisecond; this is for a machine that stands still.
const STUCK: Duration = Duration::from_secs(60);

/// A directory in memory, an empty database in it with its schema, and the runtime on which sqlx does what it does
/// behind its callers' backs.
pub(crate) struct Databases {
    directory: tempfile::TempDir,
    runtime: Runtime,
}

/// The file of one schedule.
pub(crate) struct Database {
    path: PathBuf,
    handle: Handle,
    store: Mutex<Arc<SqliteStore>>,
}

impl Databases {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let directory = tempfile::Builder::new().prefix("anteroom-sim-").tempdir_in(place);
        let directory = directory.expect("a directory for databases can be made");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let databases = Self { directory, runtime: runtime.expect("a runtime starts") };
        let template = databases.template();
        databases.runtime.block_on(async {
            SqliteStore::open(&template).await.expect("an empty database can be made").close().await;
        });
        databases
    }

    fn template(&self) -> PathBuf {
        self.directory.path().join("template.db")
    }

    /// A database of its own for a schedule.
    pub(crate) fn fresh(&self, seed: u64) -> Database {
        let path = self.directory.path().join(format!("{seed}-{:?}.db", std::thread::current().id()));
        std::fs::copy(self.template(), &path).expect("the empty database can be copied");
        let handle = self.runtime.handle().clone();
        let store = Mutex::new(Arc::new(wait(&handle, SqliteStore::open(&path)).expect("its copy opens")));
        Database { path, handle, store }
    }
}

impl Database {
    /// The store as it is open now: for a controller, and for looking into it past all faults.
    pub(crate) fn store(&self) -> Arc<SqliteStore> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the file anew, as a controller does that was started again.
    pub(crate) fn reopen(&self) {
        wait(&self.handle, self.store().close());
        let again = wait(&self.handle, SqliteStore::open(&self.path)).expect("the database opens again");
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(again);
    }

    /// Carries a call out while this thread stands still: no other task runs, and no virtual time goes by.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        wait(&self.handle, call)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        wait(&self.handle, self.store().close());
        for suffix in ["", "-wal", "-shm"] {
            let mut file = self.path.clone().into_os_string();
            file.push(suffix);
            // The log is gone after a clean close.
            let _ = std::fs::remove_file(file);
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait<T>(handle: &Handle, call: impl Future<Output = T>) -> T {
    // What sqlx spawns goes to the runtime that has a thread and a clock of its own.
    let _inside = handle.enter();
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    // The calling task's budget would never be filled up again in here.
    let mut call = pin!(tokio::task::unconstrained(call));
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park_timeout(STUCK),
        }
    }
}
