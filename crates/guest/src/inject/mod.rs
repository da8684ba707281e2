//! What a person does in the page, done again on the machine's desktop: parsed strictly, decided purely, played into
//! the X server by one thread. Called by the `media` thread of [`crate::media`].
//!
//! It never logs what is typed, never blocks its caller, and leaves no key or button down when the person's page
//! has lost the focus or the connection.

pub mod keyboard;
pub mod keymap;
pub mod keysym;
pub mod message;
mod player;
pub mod pointer;

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use anteroom_protocol::{guest::DesktopSize, input::Input};

/// Messages that wait for the X server. A person makes some hundred a second at most; when the queue is full, what
/// comes is dropped and everything held is released, so that a lost release can't leave a key down.
pub const MAX_WAITING: usize = 1024;
/// How long the end of the thread is awaited; an X server that hangs keeps it.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Why input can't be played.
#[derive(Debug, thiserror::Error)]
pub enum InjectError {
    /// No connection.
    #[error("no connection for input to the X server at {display}: {source}")]
    Connect {
        /// The display that was tried.
        display: String,
        /// What x11rb said.
        source: x11rb::errors::ConnectError,
    },
    /// The XTEST extension is missing.
    #[error("the X server has no XTEST extension; start Xvfb without disabling it")]
    NoXtest,
    /// A request failed, or the connection is gone.
    #[error("the X server did not carry out {request}: {reason}")]
    Request {
        /// What was asked.
        request: &'static str,
        /// What came back.
        reason: String,
    },
    /// No thread.
    #[error("the input thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// What the thread is told.
#[derive(Debug)]
enum Command {
    Input(Input),
    Motion { x: u16, y: u16 },
    Release,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Command>,
    overflowed: bool,
    stopping: bool,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two statements, so that a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plays input into one display. Dropping it releases everything and ends its thread.
pub struct Injector {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Injector {
    /// Connects to the display and starts the thread.
    ///
    /// # Errors
    /// Says what the X server lacks.
    pub fn start(display: &str, size: DesktopSize) -> Result<Self, InjectError> {
        let mut player = player::Player::connect(display, size)?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("inject".to_owned()).spawn(move || {
            run(&theirs, &mut player);
            theirs.lock().stopped = true;
            theirs.changed.notify_all();
        });
        Ok(Self { shared, thread: Some(thread.map_err(InjectError::Thread)?) })
    }

    /// Plays a message of the `input` channel after all before it.
    pub fn input(&self, input: Input) {
        self.push(Command::Input(input));
    }

    /// Moves the pointer; a motion that was not played yet is replaced.
    pub fn motion(&self, x: u16, y: u16) {
        self.push(Command::Motion { x, y });
    }

    /// Releases everything that is held down.
    pub fn release(&self) {
        self.push(Command::Release);
    }

    fn push(&self, command: Command) {
        let mut queue = self.shared.lock();
        let coalesced = match (&command, queue.waiting.back_mut()) {
            (Command::Motion { x, y }, Some(Command::Motion { x: last_x, y: last_y })) => {
                (*last_x, *last_y) = (*x, *y);
                true
            }
            _ => false,
        };
        if !coalesced && queue.waiting.len() >= MAX_WAITING {
            queue.overflowed = true;
        } else if !coalesced {
            queue.waiting.push_back(command);
        }
        drop(queue);
        self.shared.changed.notify_all();
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        queue.stopping = true;
        self.shared.changed.notify_all();
        let waited = self.shared.changed.wait_timeout_while(queue, STOP_TIMEOUT, |queue| !queue.stopped);
        let stopped = waited.unwrap_or_else(PoisonError::into_inner).0.stopped;
        match self.thread.take() {
            Some(thread) if stopped => drop(thread.join()),
            Some(_) | None => tracing::warn!("the input thread did not end in time; the X server hangs"),
        }
    }
}

fn run(shared: &Shared, player: &mut player::Player) {
    loop {
        let mut queue = shared.lock();
        while queue.waiting.is_empty() && !queue.stopping && !queue.overflowed {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let commands = std::mem::take(&mut queue.waiting);
        let (stopping, overflowed) = (queue.stopping, std::mem::take(&mut queue.overflowed));
        drop(queue);
        if overflowed {
            tracing::warn!("input came faster than the X server takes it; some was dropped, all keys are released");
        }
        let release = (overflowed || stopping).then_some(Command::Release);
        for command in commands.into_iter().chain(release) {
            if let Err(error) = player.play(command) {
                tracing::warn!(%error, "input was not played; the input thread ends");
                return;
            }
        }
        if stopping {
            if let Err(error) = player.finish() {
                tracing::warn!(%error, "the X server may have missed the last releases");
            }
            return;
        }
    }
}
