//! The machine's cable: a veth pair whose one end comes up in the machine's own network namespace.

use std::{fs::File, net::Ipv4Addr, os::fd::AsFd as _};

use anteroom_machines_host::{
    launcher::{Failure, Step as _},
    netlink::{End, Netlink},
    wire::Cable,
};
use rustix::thread::UnshareFlags;

/// The device in the machine.
const GUEST_LINK: &str = "eth0";

/// Moves this process into a network namespace of its own and connects it to the host's, from which it came.
pub(super) fn connect(cable: &Cable) -> Result<(), Failure> {
    let step = || format!("lay the cable {} to {}", cable.link, cable.address);
    let mut host = Netlink::open().step(step)?;
    // SAFETY: this shares no file descriptors with another thread; there is none.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.step(|| "make a network namespace".to_owned())?;
    let namespace = File::open("/proc/self/ns/net").step(step)?;
    let (host_end, guest_end) = ends(cable);
    host.create_cable(&host_end, &cable.alias, &guest_end, namespace.as_fd(), cable.mtu).step(step)?;
    Netlink::open()
        .and_then(|mut guest| guest.connect_guest(GUEST_LINK, &cable.ends, host_end.mac))
        .step(|| format!("set up {GUEST_LINK} with {}", cable.address))?;
    host.connect_host(cable, guest_end.mac).step(|| format!("route {} over {}", cable.address, cable.link))
}

/// Both ends know each other's hardware address beforehand: it follows from the machine's address. The second bit of
/// the first byte marks it as given locally (IEEE 802).
fn ends(cable: &Cable) -> (End<'_>, End<'_>) {
    let mac = |side: u8, address: Ipv4Addr| {
        let [a, b, c, d] = address.octets();
        [2, side, a, b, c, d]
    };
    (End { name: &cable.link, mac: mac(1, cable.address) }, End { name: GUEST_LINK, mac: mac(2, cable.address) })
}
