//! What is inside a sealed credential: the CLI's files, byte for byte.
//!
//! The encoding is deterministic (files in the order of their paths, big-endian lengths, nothing optional), so that
//! one credential has one encoding, and reading accepts no other bytes than writing made.

use anteroom_protocol::{Secret, limits, provider::CredentialRules};
use zeroize::Zeroizing;

use crate::rules::{self, Examined, File, Incomplete};

/// The first byte of the encoding.
const ENCODING: u8 = 1;

/// One file of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleFile {
    /// Relative to the home directory.
    pub path: String,
    /// Its bytes, as the CLI left them.
    pub contents: Secret<Vec<u8>>,
}

/// The files of a credential, in the order of their paths, none twice, within the limits of the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialBundle {
    files: Vec<BundleFile>,
}

/// Why files are no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBundle {
    /// No file at all.
    #[error("a credential without files")]
    Empty,
    /// Too many.
    #[error("a credential of {count} files; at most {} are taken", limits::MAX_CREDENTIAL_FILES)]
    TooManyFiles {
        /// How many.
        count: usize,
    },
    /// Too long, all files together.
    #[error("a credential of {bytes} bytes; at most {} are taken", limits::MAX_CREDENTIAL_BYTES)]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// One path twice.
    #[error("a credential with one path twice")]
    Twice,
    /// Bytes that no bundle was encoded to.
    #[error("the bytes are no encoded credential of format {ENCODING}")]
    NotEncoded,
}

impl CredentialBundle {
    /// Takes files in any order.
    ///
    /// # Errors
    /// None, too many or too large files, or one path twice.
    pub fn new(mut files: Vec<BundleFile>) -> Result<Self, InvalidBundle> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let bytes = files.iter().map(|file| file.contents.expose().len()).sum();
        if files.is_empty() {
            Err(InvalidBundle::Empty)
        } else if files.len() > limits::MAX_CREDENTIAL_FILES {
            Err(InvalidBundle::TooManyFiles { count: files.len() })
        } else if bytes > limits::MAX_CREDENTIAL_BYTES {
            Err(InvalidBundle::TooLarge { bytes })
        } else if files.windows(2).any(|pair| pair[0].path == pair[1].path) {
            Err(InvalidBundle::Twice)
        } else {
            Ok(Self { files })
        }
    }

    /// The files, in the order of their paths.
    #[must_use]
    pub fn files(&self) -> &[BundleFile] {
        &self.files
    }

    /// [`rules::examine`] on these files.
    ///
    /// # Errors
    /// Names the first file and rule that is not met.
    pub fn examine(&self, rules: &CredentialRules) -> Result<Examined, Incomplete> {
        let files: Vec<_> =
            self.files.iter().map(|file| File { path: &file.path, bytes: file.contents.expose() }).collect();
        rules::examine_files(rules, &files)
    }

    /// The encoding, with `spare` bytes of room behind it: growing would leave a copy of the plaintext behind.
    pub(crate) fn encode(&self, spare: usize) -> Zeroizing<Vec<u8>> {
        let length: usize = self.files.iter().map(|file| 8 + file.path.len() + file.contents.expose().len()).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(5 + length + spare));
        out.push(ENCODING);
        put_length(&mut out, self.files.len());
        for file in &self.files {
            put(&mut out, file.path.as_bytes());
            put(&mut out, file.contents.expose());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, InvalidBundle> {
        let files = decode_files(bytes).ok_or(InvalidBundle::NotEncoded)?;
        // Only the order that `encode` writes is taken, and a path that comes twice is out of it as well.
        if files.windows(2).any(|pair| pair[0].path >= pair[1].path) {
            return Err(InvalidBundle::NotEncoded);
        }
        Self::new(files)
    }
}

fn decode_files(bytes: &[u8]) -> Option<Vec<BundleFile>> {
    let (&encoding, mut rest) = bytes.split_first()?;
    let count = take_length(&mut rest)?;
    if encoding != ENCODING || count > limits::MAX_CREDENTIAL_FILES {
        return None;
    }
    let mut files = Vec::with_capacity(count);
    for _ in 0..count {
        let path = std::str::from_utf8(take(&mut rest)?).ok()?.to_owned();
        files.push(BundleFile { path, contents: Secret::new(take(&mut rest)?.to_vec()) });
    }
    rest.is_empty().then_some(files)
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // Nothing that reaches this place is above half a megabyte; see `new`.
    let length = u32::try_from(length).expect("a bundle's lengths are bounded by its constructor");
    out.extend_from_slice(&length.to_be_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    *rest = tail;
    usize::try_from(u32::from_be_bytes(*length)).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_length(rest)?;
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}

#[cfg(test)]
#[path = "bundle_tests.rs"]
mod tests;
