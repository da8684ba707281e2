//! Memory that the X server writes pictures into: an anonymous file, handed over by its descriptor, so that nothing
//! stays behind when either side dies.

use std::os::fd::OwnedFd;

use rustix::{
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create},
    mm::{MapFlags, ProtFlags, mmap, munmap},
};

/// A mapped shared segment.
pub(super) struct Segment {
    start: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone and stays valid until it is dropped, on whichever thread.
unsafe impl Send for Segment {}

impl Segment {
    /// Makes and maps a segment; the returned descriptor is for the X server.
    pub(super) fn new(length: usize) -> rustix::io::Result<(Self, OwnedFd)> {
        let file = memfd_create("anteroom-screen", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, length as u64)?;
        // Nobody can make the file shorter, so reading the mapping never faults.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: a new mapping at an address that the kernel chooses touches no existing memory.
        let start = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &file, 0)?
        };
        Ok((Self { start: start.cast(), length }, file))
    }

    /// The bytes. The X server writes only while it carries out a request of ours, and the caller reads only after
    /// that request's reply.
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: `start` maps `length` readable and writable bytes until drop; `&mut self` makes this the only
        // reference in the process. A server that wrote out of turn could change bytes, which are pixels only.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this length and nothing refers to it any more.
        let unmapped = unsafe { munmap(self.start.cast(), self.length) };
        if let Err(error) = unmapped {
            tracing::warn!(%error, "the screen's segment could not be unmapped");
        }
    }
}
