//! Tells that a credential's file changed: inotify on the directories, because a rename puts another file in
//! the watched one's place, and because the file and its directories need not be there yet.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use inotify::{Inotify, WatchDescriptor, WatchMask};
use tokio::io::unix::AsyncFd;

use crate::descriptor;

/// Room for several hundred events; what is above stays in the kernel's queue.
const BUFFER_BYTES: usize = 16 * 1024;

/// The watch could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} could not be watched for the credential: {source}; is the limit of inotify instances or watches reached?"
)]
pub struct WatchError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// A watch over some files below a home directory.
pub struct Watch {
    home: PathBuf,
    files: Vec<PathBuf>,
    inotify: Inotify,
    /// The same descriptor again, for the runtime.
    readable: AsyncFd<OwnedFd>,
    directories: HashMap<WatchDescriptor, PathBuf>,
}

impl Watch {
    /// Watches the directories of these files (relative to `home`), as far as they are there.
    ///
    /// # Errors
    /// When the kernel gives no watch for the home directory.
    pub fn new(home: &Path, files: Vec<String>) -> Result<Self, WatchError> {
        let failed = |source| WatchError { path: home.to_owned(), source };
        let inotify = Inotify::init().map_err(failed)?;
        let readable = inotify.as_fd().try_clone_to_owned().and_then(descriptor::register).map_err(failed)?;
        let files = files.iter().map(|file| home.join(file)).collect();
        let mut watch = Self { home: home.to_owned(), files, inotify, readable, directories: HashMap::new() };
        watch.watch_directories()?;
        Ok(watch)
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Waits until one of the files, or a directory on the way to one, changed. Never ends when the kernel
    /// fails to tell: the caller has a deadline. Dropping it loses at most a hint, since what was read from
    /// the kernel is handled before the next await.
    pub async fn changed(&mut self) {
        loop {
            let Ok(mut guard) = self.readable.readable().await else { return std::future::pending().await };
            let mut buffer = [0; BUFFER_BYTES];
            let concerned = match self.inotify.read_events(&mut buffer) {
                Ok(events) => {
                    events.filter(|event| concerns(&self.files, self.directories.get(&event.wd), event.name)).count()
                        > 0
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    guard.clear_ready();
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "the credential's directories can't be watched any more");
                    return std::future::pending().await;
                }
            };
            if concerned {
                if let Err(error) = self.watch_directories() {
                    tracing::warn!(%error, "a directory on the way to the credential is not watched");
                }
                return;
            }
        }
    }

    /// Adds a watch for every directory on the way that is there. Adding one again changes nothing. A file
    /// that came between a directory's creation and its watch is still seen: the directory's own appearance
    /// counts as a change, and the files are read only afterwards.
    fn watch_directories(&mut self) -> Result<(), WatchError> {
        let mask = WatchMask::CREATE
            | WatchMask::MOVED_TO
            | WatchMask::MOVED_FROM
            | WatchMask::CLOSE_WRITE
            | WatchMask::MODIFY
            | WatchMask::DELETE
            | WatchMask::ONLYDIR;
        for directory in directories_on_the_way(&self.home, &self.files) {
            match self.inotify.watches().add(&directory, mask) {
                Ok(descriptor) => drop(self.directories.insert(descriptor, directory)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(WatchError { path: directory, source }),
            }
        }
        Ok(())
    }
}

/// Every directory from the home directory down to the files, the outer ones first, each once.
fn directories_on_the_way(home: &Path, files: &[PathBuf]) -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = files
        .iter()
        .flat_map(|file| file.ancestors().skip(1).take_while(|directory| directory.starts_with(home)))
        .map(Path::to_owned)
        .collect();
    directories.sort();
    directories.dedup();
    directories
}

/// Whether an event is about a file or a directory on the way to one. An event without a directory that we
/// know is a lost or overflown one, and counts.
fn concerns(files: &[PathBuf], directory: Option<&PathBuf>, name: Option<&std::ffi::OsStr>) -> bool {
    match (directory, name) {
        (Some(directory), Some(name)) => {
            let path = directory.join(name);
            files.iter().any(|file| file.starts_with(&path))
        }
        (Some(_) | None, _) => true,
    }
}
