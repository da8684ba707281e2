//! What every virtual machine of a host reads: kernel, first root, guest image, agent. Made when a driver is opened, kept
//! in the cache under the digest of what it was made of, whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use sha2::{Digest as _, Sha256};

use crate::{cpio::Archive, wire::Parts};

/// The agent's name on its disk.
pub(crate) const AGENT_NAME: &str = "anteroom-guest";
/// What process 1 is linked with, besides the loader: the host's, as it was built for a host like this.
const LIBRARIES: [&str; 3] = ["libc.so.6", "libgcc_s.so.1", "libm.so.6"];
const LIBRARY_DIRECTORY: &str = "/lib/x86_64-linux-gnu";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
/// A guest image takes 6 s on an idle host.
const MAKE_SECONDS: &str = "600";

/// Where the parts come from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The guest image, a directory tree that `image/build` made.
    pub image: PathBuf,
    /// The same as an erofs file, which is made when it is not there. A changed tree needs another name.
    pub disk: PathBuf,
    /// What `kernel/fetch` made: `vmlinuz` and `modules/`.
    pub kernel: PathBuf,
    /// The program that becomes process 1: `anteroom-vm-init`.
    pub init: PathBuf,
    /// The guest agent's program.
    pub agent: PathBuf,
    /// Where what is made is kept.
    pub cache: PathBuf,
}

/// Makes what is missing.
pub(crate) fn prepare(sources: &Sources) -> io::Result<Parts> {
    make_once(&sources.disk, |part| erofs(&sources.image, part))?;
    let agent = sources.cache.join("agents").join(format!("{}.erofs", digest_of(&sources.agent)?));
    make_once(&agent, |part| {
        let directory = with_ending(part, "tree");
        fs::create_dir_all(&directory)?;
        fs::copy(&sources.agent, directory.join(AGENT_NAME))?;
        fs::set_permissions(directory.join(AGENT_NAME), Permissions::from_mode(0o755))?;
        erofs(&directory, part)?;
        fs::remove_dir_all(&directory)
    })?;
    let archive = first_root(sources)?;
    let initrd = sources.cache.join("roots").join(format!("{}.cpio", digest(&archive)));
    make_once(&initrd, |part| fs::write(part, &archive))?;
    let kernel = sources.kernel.join("vmlinuz");
    Ok(Parts { kernel, initrd, disk: sources.disk.clone(), agent, memory: None, state: None })
}

/// The digest of a file's bytes.
pub(crate) fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = named(path, File::open(path))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(crate::wire::hexadecimal(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    crate::wire::hexadecimal(&Sha256::digest(bytes))
}

/// Process 1, the libraries that it is linked with, the modules, and places to mount on.
fn first_root(sources: &Sources) -> io::Result<Vec<u8>> {
    let mut archive = Archive::default();
    for directory in [
        "dev",
        "proc",
        "groups",
        "image",
        "agent",
        "writable",
        "root",
        "modules",
        "lib",
        "lib/x86_64-linux-gnu",
        "lib64",
    ] {
        archive.directory(directory);
    }
    archive.device("dev/console", 5, 1);
    let mut add = |to: &str, from: &Path| -> io::Result<()> {
        archive.file(to.trim_start_matches('/'), 0o755, &named(from, fs::read(from))?);
        Ok(())
    };
    add("init", &sources.init)?;
    add(LOADER, Path::new(LOADER))?;
    for library in LIBRARIES {
        let path = format!("{LIBRARY_DIRECTORY}/{library}");
        add(&path, Path::new(&path))?;
    }
    let modules = sources.kernel.join("modules");
    let mut names = named(&modules, fs::read_dir(&modules))?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    for name in names {
        add(&format!("modules/{}", name.to_string_lossy()), &modules.join(&name))?;
    }
    Ok(archive.finish())
}

/// Makes a file that is not there, under a lock and another name. What makes it may take long; who else wants it waits.
pub(crate) fn make_once(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("/"));
    named(parent, fs::create_dir_all(parent))?;
    let lock = File::create(with_ending(path, "lock"))?;
    lock.lock()?;
    if path.exists() {
        return Ok(());
    }
    let part = with_ending(path, "partial");
    named(path, make(&part))?;
    fs::set_permissions(&part, Permissions::from_mode(0o444))?;
    fs::rename(part, path)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn erofs(tree: &Path, to: &Path) -> io::Result<()> {
    let output = Command::new("timeout").args([MAKE_SECONDS, "mkfs.erofs"]).arg(to).arg(tree).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("nothing").to_owned();
    Err(io::Error::other(format!("mkfs.erofs (of erofs-utils) ended with {}, and said: {said}", output.status)))
}

/// An error that says which file it is about.
fn named<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_made_once_and_never_half() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cache/part.x");
        let failed = make_once(&path, |part| fs::write(part, "half").and(Err(io::Error::other("no space"))));
        assert!(failed.unwrap_err().to_string().contains("no space"));
        assert!(!path.exists());
        make_once(&path, |part| fs::write(part, "whole")).unwrap();
        make_once(&path, |_| panic!("it is there")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
    }
}
