//! Where the engine's threads meet: a mailbox for each, with a bell that its poll hears. What is in a mailbox is
//! merged, not queued, wherever a newer message replaces an older one; what must not be lost has a bound.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anteroom_protocol::ViewId;
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
};

use super::{Who, peer::Peer};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::Injector,
};

/// Commands that wait for the `media` thread; it takes them within a millisecond.
pub(super) const MAX_COMMANDS: usize = 64;
/// Frames that wait for the `media` thread: one of each codec, and one more of each that just followed.
pub(super) const MAX_FRAMES: usize = 4;

/// Something for each codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Each<T> {
    pub(super) h264: T,
    pub(super) vp8: T,
}

impl<T> Each<T> {
    pub(super) fn of(&mut self, codec: Codec) -> &mut T {
        match codec {
            Codec::H264 => &mut self.h264,
            Codec::Vp8 => &mut self.vp8,
        }
    }
}

/// What the `screen` thread should know.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ToScreen {
    /// Whether somebody watches.
    pub(super) watched: Each<bool>,
    /// Somebody can't decode what comes: a keyframe, at once.
    pub(super) keyframe: Each<bool>,
    /// A frame came out of the encoder; its bytes.
    pub(super) encoded: Each<Option<usize>>,
    /// What the network carries.
    pub(super) kbps: u32,
    /// Packets wait for the network: no new picture until they are gone.
    pub(super) congested: bool,
    pub(super) stop: bool,
}

/// What the `media` thread should do.
#[derive(Default)]
pub(super) struct ToMedia {
    pub(super) commands: Vec<Command>,
    pub(super) frames: Vec<EncodedFrame>,
    /// The views that have a transport, or will have one when their command is obeyed; at most `limits::MAX_VIEWS`.
    pub(super) views: Vec<ViewId>,
    pub(super) injector: Option<Injector>,
    pub(super) stop: bool,
}

pub(super) enum Command {
    Connect(Box<dyn Peer>),
    Candidates(Who, Vec<str0m::Candidate>),
    /// The viewer went away.
    Close(Who),
}

/// A state that one thread reads and others change.
pub(super) struct Mailbox<T> {
    state: Mutex<T>,
    bell: OwnedFd,
}

impl<T> Mailbox<T> {
    pub(super) fn new(state: T) -> std::io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { state: Mutex::new(state), bell })
    }

    /// Changes the state and rings.
    pub(super) fn tell<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = self.read(change);
        self.ring();
        result
    }

    /// Wakes the one who waits: there is news, here or elsewhere.
    pub(super) fn ring(&self) {
        // Fails only when the counter is full, and then the bell rings already.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    /// Looks at the state without ringing.
    pub(super) fn read<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the bell, for `other` to be readable, or for a time. Stops the bell.
    pub(super) fn wait(&self, other: Option<BorrowedFd<'_>>, until: Option<Instant>) -> Result<(), Errno> {
        let left = until.map(|time| time.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let bell = PollFd::new(&self.bell, PollFlags::IN);
        let mut fds = [bell.clone(), other.map_or(bell, |other| PollFd::from_borrowed_fd(other, PollFlags::IN))];
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if fds[0].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(self.bell.as_fd(), &mut [0u8; 8]);
        }
        Ok(())
    }
}

/// Both mailboxes.
pub(super) struct Link {
    pub(super) screen: Mailbox<ToScreen>,
    pub(super) media: Mailbox<ToMedia>,
}
