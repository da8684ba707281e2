//! Files that must be there before the CLI starts. Their paths were checked when the provider's file was
//! read: relative, and without a way out of the home directory.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use anteroom_protocol::provider::SeedFile;

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
pub fn write_seed_files(home: &Path, files: &[SeedFile]) -> Result<(), SeedError> {
    files.iter().try_for_each(|file| {
        write_one(&home.join(&file.path), &file.content).map_err(|source| SeedError { path: file.path.clone(), source })
    })
}

fn write_one(path: &Path, content: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())
}
