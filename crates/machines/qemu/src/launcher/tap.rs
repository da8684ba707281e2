//! The machine's cable: a tap device on the host, at which the firewall stands, and whose other end QEMU holds open. With
//! QEMU's end the device is gone.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd as _,
};

use anteroom_machines_host::{
    launcher::{Failure, Step as _},
    netlink::Netlink,
    wire::Cable,
};

use crate::wire::{GUEST_MAC, HOST_MAC};

const TUNSETIFF: libc::Ioctl = 0x4004_54ca;

/// Makes the device in this process's network namespace.
pub(super) fn open(name: &str) -> io::Result<File> {
    let tap = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: all of this structure's bytes may be zero.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is too long for a device")));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    // Offloading must be the same for a template and its clones: the guest has agreed on it with the template.
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).map_err(io::Error::other)?;
    // SAFETY: the kernel reads and writes one such structure.
    let done = unsafe { libc::ioctl(tap.as_raw_fd(), TUNSETIFF, &raw mut request) };
    if done == 0 { Ok(tap) } else { Err(io::Error::last_os_error()) }
}

/// Makes the device on the host and connects it.
pub(super) fn connect(cable: &Cable) -> Result<File, Failure> {
    let step = || format!("lay the cable {} to {}", cable.link, cable.address);
    let tap = open(&cable.link).step(step)?;
    let mut netlink = Netlink::open().step(step)?;
    let index = netlink.index(&cable.link).step(step)?;
    netlink.set_alias(index, &cable.alias).step(step)?;
    netlink.set_hardware(index, HOST_MAC, cable.mtu).step(step)?;
    netlink.connect_host(cable, GUEST_MAC).step(step)?;
    Ok(tap)
}
