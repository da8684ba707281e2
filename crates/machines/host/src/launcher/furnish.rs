//! The files that a machine has beside its image, and the directories that every program expects. Called inside the
//! machine's root, so that links in the image lead nowhere else.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, lchown},
    path::Path,
};

use anteroom_machines::{GUEST_UID, HOME};

use super::{Failure, Step as _};
use crate::files::{How, Owner, PlannedFile};

/// Makes the directories and writes the files. `user` is the number of the machine's one user.
///
/// # Errors
/// Names the file that can't be written.
pub fn furnish(user: u32, files: &[PlannedFile]) -> Result<(), Failure> {
    directories(user)?;
    write_files(user, files)
}

/// Makes the directories, which are the same in every machine.
///
/// # Errors
/// Names the directory that can't be made.
pub fn directories(user: u32) -> Result<(), Failure> {
    for (path, mode, owner) in [
        ("/tmp".to_owned(), 0o1777, 0),
        ("/tmp/.X11-unix".to_owned(), 0o1777, 0),
        ("/run".to_owned(), 0o755, 0),
        ("/run/user".to_owned(), 0o755, 0),
        (format!("/run/user/{GUEST_UID}"), 0o700, user),
        (HOME.to_owned(), 0o700, user),
    ] {
        directory(Path::new(&path), mode, owner).step(|| format!("make the directory {path}"))?;
    }
    give(Path::new(HOME), user).step(|| format!("give {HOME} to the machine's user"))
}

/// Writes the files, which are of one machine.
///
/// # Errors
/// Names the file that can't be written.
pub fn write_files(user: u32, files: &[PlannedFile]) -> Result<(), Failure> {
    for file in files {
        write(file, user).step(|| format!("write {}", file.path))?;
    }
    Ok(())
}

fn directory(path: &Path, mode: u32, owner: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    chown(path, Some(owner), Some(owner))
}

/// Everything below the home directory is the user's, as the image has it.
fn give(path: &Path, owner: u32) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        lchown(entry.path(), Some(owner), Some(owner))?;
        if entry.file_type()?.is_dir() {
            give(&entry.path(), owner)?;
        }
    }
    Ok(())
}

fn write(file: &PlannedFile, user: u32) -> io::Result<()> {
    let owner = match file.owner {
        Owner::Root => 0,
        Owner::User => user,
    };
    let path = Path::new(&file.path);
    make_parents(path, owner)?;
    let mut options = OpenOptions::new();
    match file.how {
        // A link in its place is replaced, not followed.
        How::Replace => {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            options.write(true).create_new(true).mode(0o600)
        }
        How::Append => options.append(true).create(true).mode(0o600),
    };
    let mut opened = options.open(path)?;
    opened.write_all(file.contents.as_bytes())?;
    std::os::unix::fs::fchown(&opened, Some(owner), Some(owner))?;
    opened.set_permissions(fs::Permissions::from_mode(file.mode))
}

/// Directories that are missing belong to whom the file belongs.
fn make_parents(path: &Path, owner: u32) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    if parent.exists() {
        return Ok(());
    }
    make_parents(parent, owner)?;
    fs::create_dir(parent)?;
    chown(parent, Some(owner), Some(owner))
}
