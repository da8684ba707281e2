//! Captures the credential that the CLI leaves behind.
//!
//! That a file exists proves nothing: it may be half-written, blank, or replaced again some milliseconds later.
//! So the files are read only after the CLI has ended well and nothing has changed for the provider's settling
//! time, and they are taken only when the provider's rules call them whole. This module reads; it never writes,
//! moves or deletes what the CLI left, and never logs a byte of it.

mod watch;

use std::{io, path::Path, time::Duration};

use anteroom_protocol::{
    Secret,
    guest::{CapturedCredential, CapturedFile},
    limits,
    provider::CredentialRules,
};
use anteroom_vault::rules;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustix::{
    fs::{Mode, OFlags, ResolveFlags, open, openat2},
    io::Errno,
};
use tokio::time::{Instant, sleep_until, timeout_at};

pub use watch::{Watch, WatchError};

/// How long after the CLI's end a whole credential may still come, beyond the settling time: some CLIs leave
/// the last write to a process of their own. The slowest seen wrote 70 ms after its first write.
const PATIENCE: Duration = Duration::from_secs(3);

/// A credential's files as (path relative to the home directory, bytes).
pub type Files = Vec<(String, Vec<u8>)>;

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The rules are not met.
    #[error("{0}")]
    Incomplete(#[from] rules::Incomplete),
    /// What was there before the CLI started is still the same.
    #[error("the credential's files are the same as before the CLI started; it saved nothing")]
    Unchanged,
    /// Something rewrote them until the deadline.
    #[error("the credential's files did not stay unchanged for {settle_ms} ms after the CLI's end")]
    Unsettled {
        /// The provider's settling time.
        settle_ms: u32,
    },
    /// A file could not be read.
    #[error("{path} could not be read: {source}")]
    Read {
        /// Which.
        path: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Watches one credential's files from before the CLI's start.
pub struct Capture {
    rules: CredentialRules,
    watch: Watch,
    before: Files,
}

impl Capture {
    /// Begins to watch. Called after the seed files are written and before the CLI starts.
    ///
    /// # Errors
    /// When the kernel gives no watch or a file that is there can't be read.
    pub fn begin(home: &Path, rules: CredentialRules) -> Result<Self, BeginError> {
        let paths = rules.files.iter().map(|file| file.path.clone()).collect();
        let watch = Watch::new(home, paths)?;
        let before = read_files(home, &rules)?;
        Ok(Self { rules, watch, before })
    }

    /// Called when the CLI has ended well: waits until nothing changes any more and returns the files.
    ///
    /// # Errors
    /// Says which rule was not met by the deadline.
    pub async fn finish(mut self) -> Result<Files, CaptureError> {
        let settle = Duration::from_millis(self.rules.settle_ms.into());
        let deadline = Instant::now() + settle + PATIENCE;
        loop {
            if !self.settles(settle, deadline).await {
                return Err(CaptureError::Unsettled { settle_ms: self.rules.settle_ms });
            }
            match self.take() {
                Ok(files) => return Ok(files),
                Err(error) => {
                    tracing::info!(%error, "not a whole credential yet");
                    if timeout_at(deadline, self.watch.changed()).await.is_err() {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Whether nothing changed for the settling time, before the deadline.
    async fn settles(&mut self, settle: Duration, deadline: Instant) -> bool {
        loop {
            let quiet_at = Instant::now() + settle;
            if quiet_at > deadline {
                return false;
            }
            tokio::select! {
                () = self.watch.changed() => {}
                () = sleep_until(quiet_at) => return true,
            }
        }
    }

    fn take(&self) -> Result<Files, CaptureError> {
        let files = read_files(self.watch.home(), &self.rules)?;
        rules::examine(&self.rules, &files)?;
        if files == self.before { Err(CaptureError::Unchanged) } else { Ok(files) }
    }
}

/// Why the watch could not begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// No watch.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// A file that is there can't be read.
    #[error(transparent)]
    Read(#[from] CaptureError),
}

/// All of the rules' files that are there. Never more bytes of one than the limit and one, so that a huge file
/// is refused by the rules and not held in memory.
pub(crate) fn read_files(home: &Path, rules: &CredentialRules) -> Result<Files, CaptureError> {
    let mut files = Files::new();
    for file in &rules.files {
        match read_bounded(home, &file.path) {
            Ok(bytes) => files.push((file.path.clone(), bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(CaptureError::Read { path: file.path.clone(), source }),
        }
    }
    Ok(files)
}

/// As they are handed in.
pub(crate) fn as_captured(files: Files) -> CapturedCredential {
    let file = |(path, bytes): (String, Vec<u8>)| {
        let bytes = Secret::new(bytes);
        CapturedFile { path, base64: Secret::new(BASE64_STANDARD.encode(bytes.expose())) }
    };
    CapturedCredential { files: files.into_iter().map(file).collect() }
}

/// Reads a regular file below the home directory. Programs in the machine may put anything in its place: a link leads out of what the
/// rules name, and a pipe is waited for without end.
fn read_bounded(home: &Path, path: &str) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let home = open(home, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let how = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat2(home, path, how, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS);
    let file = std::fs::File::from(file.map_err(|error| match error {
        Errno::LOOP => io::Error::new(io::ErrorKind::InvalidData, "it is a link, or behind one"),
        error => error.into(),
    })?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limits::MAX_CREDENTIAL_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
