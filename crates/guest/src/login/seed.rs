//! Files that must be there before the CLI starts: the provider's, and the credential of a run. Their paths were checked when the provider's file was
//! read: relative, and without a way out of the home directory.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

/// A seed file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} could not be written before the CLI's start: {source}; is there room in the home directory?")]
pub struct SeedError {
    path: String,
    #[source]
    source: io::Error,
}

/// Writes them, readable by their owner alone, since some CLIs refuse others.
///
/// # Errors
/// Names the first that could not be written.
pub fn write_files<'a>(home: &Path, files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<(), SeedError> {
    for (path, content) in files {
        write_one(&home.join(path), content).map_err(|source| SeedError { path: path.to_owned(), source })?;
    }
    Ok(())
}

fn write_one(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)
}
