//! Readiness of a file descriptor under the async runtime.

use std::{io, os::fd::OwnedFd};

use tokio::io::unix::AsyncFd;

/// Registers a descriptor that the runtime owns from now on.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open for as long as it lives, and nothing takes it out of the `AsyncFd`.
    unsafe { Ok(AsyncFd::register(fd)?) }
}
