//! A listener of datagrams that knows at which of the host's addresses each arrived: the answer must come from there,
//! or the client's NAT won't let it in.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket},
    sync::Arc,
    time::Duration,
};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use tokio::{io::Interest, net::UdpSocket, time::sleep};

use super::shared::Shared;
use crate::engine::{Path, Via};

/// The kernel may hand over several datagrams of one client at once, up to this.
const BUFFER_BYTES: usize = 64 * 1024;
/// Room for the pictures that arrive while the task waits for its core. The kernel takes less when its limit is lower.
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;
/// After a failed read, which means that the kernel is short of memory.
const PAUSE: Duration = Duration::from_millis(100);

/// One listener.
pub(super) struct UdpListener {
    socket: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
}

impl UdpListener {
    pub(super) fn new(socket: StdUdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER_BYTES)?;
        let socket = UdpSocket::from_std(socket)?;
        let local = socket.local_addr()?;
        Ok(Self { socket, state, local })
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<RecvMeta> {
        self.socket
            .async_io(Interest::READABLE, || {
                let mut metas = [RecvMeta::default()];
                self.state.recv(UdpSockRef::from(&self.socket), &mut [IoSliceMut::new(buffer)], &mut metas)?;
                Ok(metas[0])
            })
            .await
    }

    /// Sends without waiting; a socket that has no room loses the datagram.
    pub(super) fn send(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let specified = (!path.local.is_unspecified()).then_some(path.local);
        let datagram =
            Transmit { destination: path.client, ecn: None, contents: bytes, segment_size: None, src_ip: specified };
        self.socket.try_io(Interest::WRITABLE, || self.state.try_send(UdpSockRef::from(&self.socket), &datagram))
    }
}

/// Takes datagrams until the relay ends.
pub(super) async fn serve(shared: Arc<Shared>, number: u16) {
    let listener = shared.udp(number);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let Ok(meta) = listener.receive(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        let local: IpAddr = meta.dst_ip.unwrap_or(listener.local.ip());
        let path = Path { via: Via::Udp(number), local, client: meta.addr };
        for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
            shared.from_client(path, datagram);
        }
    }
}
