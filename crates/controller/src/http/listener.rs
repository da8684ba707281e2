//! A TCP listener with a bound on its connections, in all and for each peer: a machine that opens thousands must not
//! keep the others' agents out.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// In all. Those beyond wait in the kernel's queue.
    pub total: usize,
    /// From one address. Those beyond are closed at once.
    pub for_each_peer: usize,
}

/// The listener.
pub(crate) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    peers: Peers,
    for_each_peer: usize,
}

#[derive(Clone, Default)]
struct Peers(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// An accepted connection; it holds its place until it is dropped.
pub(crate) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    _peer: Peer,
}

struct Peer {
    peers: Peers,
    address: IpAddr,
}

impl Bounded {
    /// Bounds the listener's connections.
    pub(crate) fn new(listener: TcpListener, bounds: Bounds) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(bounds.total)),
            peers: Peers::default(),
            for_each_peer: bounds.for_each_peer,
        }
    }

    /// The next connection that has a place. May be dropped and called again.
    pub(crate) async fn accept(&mut self) -> Connection {
        loop {
            let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Some(peer) = self.peers.admit(address.ip(), self.for_each_peer) {
                // Small answers go out at once; a failure costs 40 ms and nothing else.
                let _ = stream.set_nodelay(true);
                return Connection { stream, _place: place, _peer: peer };
            }
        }
    }
}

impl Peers {
    fn admit(&self, address: IpAddr, most: usize) -> Option<Peer> {
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Peer { peers: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut counts = self.peers.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_does_not_take_the_places_of_another() {
        let peers = Peers::default();
        let (a, b) = (IpAddr::from([10, 87, 0, 2]), IpAddr::from([10, 87, 0, 3]));
        let first = peers.admit(a, 1);
        assert!(first.is_some() && peers.admit(a, 1).is_none() && peers.admit(b, 1).is_some());
        drop(first);
        assert!(peers.admit(a, 1).is_some());
        assert!(peers.lock().is_empty(), "a peer without connections is forgotten");
    }
}
