//! The helper's socket: in a directory of root's, for one user.

use std::{
    fs, io,
    os::unix::{fs::DirBuilderExt as _, fs::PermissionsExt as _, fs::chown},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// A bound socket. Its file goes when it is dropped.
#[derive(Debug)]
pub struct Socket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    _lock: fs::File,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another helper has it.
    #[error("another `anteroom machined` is at {}; end that first", path.display())]
    Taken {
        /// Where.
        path: PathBuf,
    },
    /// A step failed.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
}

impl Socket {
    /// Binds it for `client` alone. What an ended helper left there is replaced.
    ///
    /// # Errors
    /// Another helper runs, or a step failed.
    pub fn bind(path: &Path, client: u32) -> Result<Self, SocketError> {
        let directory = path.parent().unwrap_or(Path::new("/"));
        // Others have to find the socket in it.
        let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(directory);
        made.map_err(failed("making", directory))?;
        let lock = lock(&path.with_extension("lock"))?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing", path)(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed("binding", path))?;
        // Until then it is root's alone or open to be connected to; who connects is looked at in any case.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed("closing", path))?;
        chown(path, Some(client), None).map_err(failed("giving away", path))?;
        Ok(Self { listener, path: path.to_owned(), _lock: lock })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(socket = %self.path.display(), %error, "the socket's file is left; the next start replaces it");
        }
    }
}

/// Held as long as the helper lives, so that nobody takes the socket of one that runs for a left one.
fn lock(path: &Path) -> Result<fs::File, SocketError> {
    let file = fs::File::create(path).map_err(failed("making", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(SocketError::Taken { path: path.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed("locking", path)(source)),
    }
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> SocketError + 'a {
    move |source| SocketError::Io { action, path: path.to_owned(), source }
}
