//! The pseudoterminal itself, and the CLI as leader of a session of its own on it.

use std::{
    collections::BTreeMap,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    process::{ExitStatus, Stdio},
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal},
    pty::OpenptFlags,
    termios::Winsize,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    process::{Child, Command},
};

/// Answers and typed texts that the CLI has not read yet. The kernel holds 4 kB itself; one answer has below 40 bytes, a
/// pasted text at most 8 kB.
const MAX_UNREAD_ANSWERS: usize = 16 * 1024;
/// Keys that the CLI has not read yet, and room for those of a connection that was lost: whoever types waits for the CLI.
const MAX_UNREAD_KEYS: usize = 4 * 1024 * 1024;
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;

/// Why the CLI could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// No pseudoterminal.
    #[error("no pseudoterminal could be opened: {0}; the machine needs /dev/ptmx and a mounted devpts")]
    Terminal(#[source] io::Error),
    /// The provider's command is empty.
    #[error("the method's command is empty; the provider's file must name a program")]
    NoCommand,
    /// The program did not start.
    #[error("{program} could not be started: {source}; is it installed in the image, on the PATH, and executable?")]
    Program {
        /// The command's first word.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// Our end of the pseudoterminal.
pub struct Pty {
    master: AsyncFd<OwnedFd>,
    unwritten: Vec<u8>,
}

/// The running CLI. It is killed when this is dropped.
pub struct PtyChild(Child);

impl PtyChild {
    /// Waits for its end.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait().await
    }
}

/// Starts a command on a fresh pseudoterminal, with exactly this environment.
///
/// # Errors
/// Says whether the terminal or the program was missing.
pub fn spawn(
    command: &[String],
    environment: &BTreeMap<String, String>,
    directory: &Path,
    (columns, rows): (u16, u16),
) -> Result<(Pty, PtyChild), SpawnError> {
    let (program, arguments) = command.split_first().ok_or(SpawnError::NoCommand)?;
    let (master, terminal) = open((columns, rows)).map_err(SpawnError::Terminal)?;
    let copy = || terminal.try_clone().map(Stdio::from).map_err(SpawnError::Terminal);
    let mut child = Command::new(program);
    child.args(arguments).env_clear().envs(environment).current_dir(directory).kill_on_drop(true);
    child.stdin(copy()?).stdout(copy()?).stderr(copy()?);
    crate::priority::ordinary(&mut child);
    // SAFETY: between fork and exec only setsid and an ioctl run, which are async-signal-safe.
    unsafe {
        child.pre_exec(|| {
            rustix::process::setsid()?;
            // Descriptor 0 is the terminal by now; it becomes the controlling one.
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    let child = child.spawn().map_err(|source| SpawnError::Program { program: program.clone(), source })?;
    let master = crate::descriptor::register(master).map_err(SpawnError::Terminal)?;
    Ok((Pty { master, unwritten: Vec::new() }, PtyChild(child)))
}

fn open((columns, rows): (u16, u16)) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let terminal = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::termios::tcsetwinsize(&terminal, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 })?;
    let status = rustix::fs::fcntl_getfl(&master)?;
    rustix::fs::fcntl_setfl(&master, status | OFlags::NONBLOCK)?;
    Ok((master, terminal))
}

impl Pty {
    /// The next bytes that the CLI wrote; empty when nobody has the terminal open any more. Meanwhile answers
    /// that the CLI was not ready for are written. Loses nothing when it is dropped in between.
    ///
    /// # Errors
    /// When the terminal is broken.
    pub async fn read(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(bytes) = self.step().await? {
                return Ok(bytes);
            }
        }
    }

    /// The same, which ends too when the CLI has taken keys that waited for it: there are no bytes then.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn step(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let interest =
                if self.unwritten.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
            let mut guard = self.master.ready(interest).await?;
            if guard.ready().is_writable() && !self.unwritten.is_empty() {
                match rustix::io::write(guard.get_inner(), &self.unwritten) {
                    Ok(written) => {
                        self.unwritten.drain(..written);
                        return Ok(None);
                    }
                    Err(rustix::io::Errno::AGAIN) => {
                        guard.clear_ready_matching(tokio::io::Ready::WRITABLE);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            if guard.ready().is_readable() || guard.ready().is_read_closed() {
                match read_some(guard.get_inner()) {
                    Ok(Some(bytes)) => return Ok(Some(bytes)),
                    Ok(None) => guard.clear_ready_matching(tokio::io::Ready::READABLE),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Writes an answer to the CLI, as far as it takes it now; the rest follows during [`Pty::read`]. Above
    /// the bound answers are dropped: a CLI that asks without reading has stopped caring.
    pub fn answer(&mut self, bytes: &[u8]) {
        if self.unwritten.len() + bytes.len() <= MAX_UNREAD_ANSWERS {
            self.unwritten.extend_from_slice(bytes);
        }
        self.write_some();
    }
}

impl PtyChild {
    /// Tells the CLI, and what it has started on its terminal, that nobody is there any more.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Ends the CLI, and what it has started on its terminal.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// It leads a process group of its own.
    fn signal(&self, signal: Signal) {
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id
            && let Err(error) = rustix::process::kill_process_group(id, signal)
        {
            tracing::debug!(%error, "the CLI's processes are gone");
        }
    }
}

impl Pty {
    /// Types keys, as far as the CLI takes them now; the rest follows during [`Pty::read`]. False, and nothing is typed, when it is
    /// more than may wait.
    pub fn type_bytes(&mut self, bytes: &[u8]) -> bool {
        let fits = self.unwritten.len() + bytes.len() <= MAX_UNREAD_KEYS;
        if fits {
            self.unwritten.extend_from_slice(bytes);
            self.write_some();
        }
        fits
    }

    /// Bytes that the CLI has not read yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.unwritten.len()
    }

    /// Sets the size; the CLI is told by a signal.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn resize(&self, (columns, rows): (u16, u16)) -> io::Result<()> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        Ok(rustix::termios::tcsetwinsize(self.master.get_ref(), size)?)
    }

    fn write_some(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Ok(written) = rustix::io::write(self.master.get_ref(), &self.unwritten) {
            self.unwritten.drain(..written);
        }
    }
}

impl Pty {
    /// Types a text, as far as the CLI takes it now; the rest follows during [`Pty::read`]. False, and nothing is typed, when
    /// it is more than the terminal may hold back.
    pub fn type_text(&mut self, text: &str) -> bool {
        let fits = self.unwritten.len() + text.len() <= MAX_UNREAD_ANSWERS;
        if fits {
            self.answer(text.as_bytes());
        }
        fits
    }
}

/// `Some(empty)` at the end, `None` when there is nothing yet.
fn read_some(fd: impl AsFd) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; READ_BYTES];
    match rustix::io::read(fd, &mut buffer) {
        Ok(count) => {
            buffer.truncate(count);
            Ok(Some(buffer))
        }
        // Linux says EIO once the last process has closed the terminal's other end.
        Err(rustix::io::Errno::IO) => Ok(Some(Vec::new())),
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
