//! Where the vault's key ring is kept: a file of mode 0600 that is made at the first start, or the environment variable
//! `ANTEROOM_VAULT_KEY` with the same text (`id:base64`, one key a line).
//!
//! A file that others may read is refused: what it protects may be open already, and only the operator can judge that.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anteroom_protocol::Secret;
use anteroom_vault::{
    KeyRing,
    keyring::{InvalidKeyRing, KEY_BYTES, Key},
};

/// The environment's name of the key ring.
const VARIABLE: &str = "ANTEROOM_VAULT_KEY";
/// The largest key file: a full ring has 5 kB.
const MAX_BYTES: u64 = 64 * 1024;

/// Where the key ring comes from.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// The environment; the variable is gone from it by now.
    Environment(Secret<String>),
    /// A file.
    File(PathBuf),
}

/// Why there is no key ring.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The file could not be read or written.
    #[error("{action} the key file {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the key file {} has mode {mode:04o}: others may have read it. If nobody has, `chmod 600` it; if somebody may \
         have, do so and run `anteroom vault rotate`",
        path.display()
    )]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("the key file {} belongs to user {owner}; it must belong to the user that runs Anteroom", path.display())]
    OtherOwner {
        /// Which.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It is too large to be one.
    #[error("the key file {} is no key ring: it has more than {MAX_BYTES} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// Its text is no key ring.
    #[error("{place}: {source}")]
    Invalid {
        /// Where it stands.
        place: String,
        /// What is wrong.
        #[source]
        source: InvalidKeyRing,
    },
    /// The ring can't be changed where it is.
    #[error("the key ring comes from {VARIABLE}; rotate it where that is set, with both keys in it for a while")]
    NotAFile,
}

/// Takes the key ring out of the environment, so that no program that is started from here inherits it.
///
/// # Safety
/// No other thread may run.
pub(crate) unsafe fn take_from_environment() -> Option<Secret<String>> {
    #[expect(clippy::disallowed_methods, reason = "this is where the environment's key is read")]
    let value = std::env::var(VARIABLE).ok()?;
    // SAFETY: the caller vouches that no other thread runs.
    unsafe { std::env::remove_var(VARIABLE) };
    Some(Secret::new(value))
}

impl KeySource {
    /// The ring that is there; `None` when there is no file yet.
    ///
    /// # Errors
    /// Says what is wrong with the file or its text.
    pub(crate) fn read(&self) -> Result<Option<KeyRing>, KeyError> {
        match self {
            Self::Environment(text) => parse(text.expose(), || format!("the environment's {VARIABLE}")).map(Some),
            Self::File(path) => read_file(path),
        }
    }

    /// Replaces the file by another ring, all or nothing.
    ///
    /// # Errors
    /// It could not be written, or the ring does not come from a file.
    pub(crate) fn replace(&self, ring: &KeyRing) -> Result<(), KeyError> {
        match self {
            Self::Environment(_) => Err(KeyError::NotAFile),
            Self::File(path) => write_file(path, ring),
        }
    }
}

/// A new ring of one random key.
pub(crate) fn new_key(random: [u8; KEY_BYTES]) -> Key {
    Key::from_random(Secret::new(random))
}

fn parse(text: &str, place: impl FnOnce() -> String) -> Result<KeyRing, KeyError> {
    KeyRing::parse(text).map_err(|source| KeyError::Invalid { place: place(), source })
}

fn read_file(path: &Path) -> Result<Option<KeyRing>, KeyError> {
    let failed = |action| move |source| KeyError::Io { action, path: path.to_owned(), source };
    let mut file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("opening"))?,
    };
    // Of the opened file, not of the path: they might not be the same.
    let metadata = file.metadata().map_err(failed("looking at"))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    let user = fs::metadata("/proc/self").map_err(failed("comparing the owner of"))?.uid();
    if metadata.uid() != user {
        return Err(KeyError::OtherOwner { path: path.to_owned(), owner: metadata.uid() });
    }
    if metadata.len() > MAX_BYTES {
        return Err(KeyError::TooLarge { path: path.to_owned() });
    }
    let mut text = zeroize::Zeroizing::new(String::with_capacity(MAX_BYTES as usize));
    io::Read::read_to_string(&mut file, &mut text).map_err(failed("reading"))?;
    parse(&text, || path.display().to_string()).map(Some)
}

/// Written beside it, made durable, and put in its place: whoever reads sees the old ring or the new one.
fn write_file(path: &Path, ring: &KeyRing) -> Result<(), KeyError> {
    let failed = |action| move |source| KeyError::Io { action, path: path.to_owned(), source };
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("removing what is beside")(error)),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&beside).map_err(failed("making"))?;
    file.write_all(ring.to_text().expose().as_bytes()).map_err(failed("writing"))?;
    file.sync_all().map_err(failed("syncing"))?;
    fs::rename(&beside, path).map_err(failed("putting in place"))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed("syncing the directory of"))
}

#[cfg(test)]
#[path = "key_file_tests.rs"]
mod tests;
