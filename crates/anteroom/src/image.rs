//! The guest image: its recipe's digest, its place in the cache, and its making, with a progress bar.
//!
//! The recipe (`image/`) and the pins of the providers' CLIs say what is in an image; their digest names it, so that a
//! changed recipe makes a new image and an old one is never changed. The work is `image/build`'s; this runs it. It
//! never removes an image: machines may run on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, BufReader, IsTerminal as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anteroom_protocol::provider::Provider;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest as _, Sha256};

/// The script in the recipe.
pub(crate) const SCRIPT: &str = "build";
/// Characters of the digest that name an image: 128 bits.
const NAME_CHARS: usize = 32;
/// A recipe has some dozen small files; more is the wrong directory.
const MAX_RECIPE_FILES: usize = 1000;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The recipe can't be read.
    #[error("reading the image's recipe {}: {source}", path.display())]
    Recipe {
        /// What.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// The script can't be run, or its input can't be written.
    #[error("running {}: {source}", path.display())]
    Run {
        /// What.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// The script failed; it has said why on standard error.
    #[error("{} ended with {status}; what its tools said is in {}", script.display(), log.display())]
    Failed {
        /// Which.
        script: PathBuf,
        /// How.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
    },
}

/// Everything that decides what is in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    directory: PathBuf,
    files: BTreeMap<String, RecipeFile>,
    pins: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct RecipeFile {
    kind: FileKind,
    contents: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Plain,
    Executable,
    Link,
}

impl Recipe {
    /// Reads the recipe's directory.
    pub(crate) fn read(directory: &Path, providers: &[Provider]) -> Result<Self, ImageError> {
        let mut files = BTreeMap::new();
        read_into(&mut files, directory, "").map_err(|(path, source)| ImageError::Recipe { path, source })?;
        Ok(Self { directory: directory.to_owned(), files, pins: pins(providers) })
    }

    /// The digest of the files' names, kinds and contents and of the pins, in hexadecimal. Each part is preceded by
    /// its length, so that none can pass for another.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        for (name, file) in &self.files {
            add(name.as_bytes());
            add(match file.kind {
                FileKind::Plain => b"plain",
                FileKind::Executable => b"executable",
                FileKind::Link => b"link",
            });
            add(&file.contents);
        }
        add(self.pins.as_bytes());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Where the image is, or will be, below the cache directory.
    pub(crate) fn tree(&self, cache: &Path) -> PathBuf {
        cache.join("images").join(&self.digest()[..NAME_CHARS])
    }

    /// Makes the image unless it is there, and returns its tree.
    pub(crate) fn build(&self, cache: &Path) -> Result<PathBuf, ImageError> {
        let (tree, script) = (self.tree(cache), self.directory.join(SCRIPT));
        if tree.is_dir() {
            return Ok(tree);
        }
        let status = self.run(&script, &tree).map_err(|source| ImageError::Run { path: script.clone(), source })?;
        if status.success() {
            Ok(tree)
        } else {
            Err(ImageError::Failed { script, status, log: with_ending(&tree, "log") })
        }
    }

    fn run(&self, script: &Path, tree: &Path) -> io::Result<ExitStatus> {
        if let Some(parent) = tree.parent() {
            fs::create_dir_all(parent)?;
        }
        let pins = with_ending(tree, "pins");
        fs::write(&pins, &self.pins)?;
        let mut child =
            Command::new(script).arg(tree).arg(&pins).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        if let Some(output) = child.stdout.take() {
            show(BufReader::new(output))?;
        }
        child.wait()
    }
}

/// One line for each package, in order of the ids: id, who publishes the package (`npm` or `debian`), package, version, commands.
/// What two providers share is the first one's. `image/build` reads it.
pub(crate) fn pins(providers: &[Provider]) -> String {
    let by_id: BTreeMap<&str, &Provider> = providers.iter().map(|provider| (provider.id.as_str(), provider)).collect();
    let mut packages = BTreeSet::new();
    let mut lines = String::new();
    for (id, Provider { install, .. }) in by_id {
        let publisher = if install.npm.is_some() { "npm" } else { "debian" };
        let (package, version, commands) = (install.package(), &install.version, install.commands.join(","));
        let pin = format!("{publisher} {package} {version} {commands}\n");
        if packages.insert(pin.clone()) {
            lines += &format!("{id} {pin}");
        }
    }
    lines
}

/// A line `progress PERCENT WHAT`.
fn progress(line: &str) -> Option<(u64, &str)> {
    let (percent, what) = line.strip_prefix("progress ")?.split_once(' ')?;
    Some((percent.parse::<u64>().ok()?.min(100), what))
}

/// Shows the script's progress: a bar to a person, lines to a log.
fn show(output: impl io::BufRead) -> io::Result<()> {
    let bar = io::stderr().is_terminal().then(progress_bar);
    for line in output.lines() {
        let line = line?;
        let Some((percent, what)) = progress(&line) else { continue };
        if let Some(bar) = &bar {
            bar.set_position(percent);
            bar.set_message(what.to_owned());
        } else {
            let _ = writeln!(io::stderr(), "guest image: {percent:>3} % {what}");
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(())
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(100);
    // The template is constant; were it wrong, indicatif's own style would stay.
    if let Ok(style) = ProgressStyle::with_template("guest image {bar:30} {pos:>3} %  {elapsed}  {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_secs(1));
    bar
}

pub(crate) fn with_ending(tree: &Path, ending: &str) -> PathBuf {
    let mut path = tree.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

fn read_into(
    files: &mut BTreeMap<String, RecipeFile>,
    directory: &Path,
    prefix: &str,
) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    for entry in fs::read_dir(directory).map_err(at(directory))? {
        let path = entry.map_err(at(directory))?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        let kind = fs::symlink_metadata(&path).map_err(at(&path))?;
        if kind.is_dir() {
            read_into(files, &path, &format!("{name}/"))?;
        } else {
            let file = read_file(&path, &kind).map_err(at(&path))?;
            files.insert(name, file);
        }
        if files.len() > MAX_RECIPE_FILES {
            return Err((directory.to_owned(), io::Error::other("has too many files; is it the recipe?")));
        }
    }
    Ok(())
}

fn read_file(path: &Path, metadata: &fs::Metadata) -> io::Result<RecipeFile> {
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        return Ok(RecipeFile { kind: FileKind::Link, contents: target.into_os_string().into_encoded_bytes() });
    }
    let executable = metadata.permissions().mode() & 0o100 != 0;
    let kind = if executable { FileKind::Executable } else { FileKind::Plain };
    Ok(RecipeFile { kind, contents: fs::read(path)? })
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
