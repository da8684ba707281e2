//! Time and randomness from the host, for the guest's own are its template's: every clone would have the same.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    os::fd::AsRawFd as _,
};

use anteroom_machines_host::launcher::{Failure, Step as _};
use anteroom_protocol::Secret;
use rustix::time::{ClockId, Timespec, clock_settime};

use crate::wire::{ENTROPY_BYTES, Start, from_hexadecimal};

/// random(4): credits the pool with what comes.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
/// random(4): the generator takes from the pool at once.
const RNDRESEEDCRNG: libc::Ioctl = 0x5207;
const NANOS: i64 = 1_000_000_000;

/// `struct rand_pool_info` with its bytes.
#[repr(C)]
struct Credited {
    bits: libc::c_int,
    length: libc::c_int,
    bytes: [u8; ENTROPY_BYTES],
}

/// Sets the clock, and gives the kernel's generator a state that no other machine has.
pub(super) fn reseed(start: &Start) -> Result<(), Failure> {
    let now = Timespec { tv_sec: start.unix_nanos.div_euclid(NANOS), tv_nsec: start.unix_nanos.rem_euclid(NANOS) };
    clock_settime(ClockId::Realtime, now).step(|| "set the clock".to_owned())?;
    let bytes = Secret::new(from_hexadecimal(start.entropy.expose()).unwrap_or_default());
    feed(bytes.expose()).step(|| "seed the random number generator".to_owned())
}

fn feed(bytes: &[u8]) -> io::Result<()> {
    let bytes: [u8; ENTROPY_BYTES] =
        bytes.try_into().map_err(|_| io::Error::other("the host sent no entropy, or not as much as it should"))?;
    let mut pool = OpenOptions::new().write(true).open("/dev/urandom")?;
    pool.write_all(&bytes)?;
    let length = i32::try_from(bytes.len()).map_err(io::Error::other)?;
    let credited = Credited { bits: length * 8, length, bytes };
    // SAFETY: the structure is as the kernel reads it, and as long as it says.
    let added = unsafe { libc::ioctl(pool.as_raw_fd(), RNDADDENTROPY, &raw const credited) };
    if added < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: this call has no argument.
    let reseeded = unsafe { libc::ioctl(pool.as_raw_fd(), RNDRESEEDCRNG) };
    if reseeded < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
