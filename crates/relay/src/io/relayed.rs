//! The sockets from which machines are reached, one for each allocation.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::{net::UdpSocket, task::AbortHandle};

use super::shared::Shared;
use crate::{PortRange, engine::AllocationId, frames::MAX_FRAME_BYTES};

/// Ports that are tried before the allocation is refused: all of a range of usual size, a few milliseconds.
const PORT_TRIES: u32 = 1024;

/// An allocation's socket, and the task that reads it.
pub(super) struct RelayedSocket {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) task: AbortHandle,
}

/// Where sockets are opened.
#[derive(Clone, Copy)]
pub(super) struct RelayAddress {
    pub(super) address: IpAddr,
    pub(super) ports: Option<PortRange>,
}

impl RelayAddress {
    /// Opens a socket; in a range at a random place, so that a stranger can't guess the next.
    pub(super) fn open(self, even: bool) -> io::Result<UdpSocket> {
        let start = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
        let mut last = io::ErrorKind::AddrInUse.into();
        for step in 0..PORT_TRIES {
            let socket = bind((self.address, self.port(start.wrapping_add(step))).into());
            match socket.and_then(|socket| Ok((socket.local_addr()?, socket))) {
                Ok((at, socket)) if !even || at.port().is_multiple_of(2) => return Ok(socket),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Without a range the system chooses.
    fn port(self, number: u32) -> u16 {
        let Some(PortRange { from, to }) = self.ports else { return 0 };
        from + u16::try_from(number % (u32::from(to - from) + 1)).expect("below the range's size")
    }
}

fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// Takes the machine's datagrams until the allocation ends.
pub(super) async fn serve(shared: Arc<Shared>, id: AllocationId, socket: Arc<UdpSocket>) {
    // One byte more than is taken, so that a longer datagram is seen to be longer.
    let mut buffer = vec![0; MAX_FRAME_BYTES + 1];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => shared.from_peer(id, peer, &buffer[..length]),
            // An answer of the network to a datagram that we sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(_) => {
                shared.failed(id);
                return;
            }
        }
    }
}
