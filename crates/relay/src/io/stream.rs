//! Connections of viewers by TCP and TLS.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{outbox::Outbox, shared::Shared, tls::Tls};
use crate::{
    Frames,
    engine::{Path, Via},
};

/// A connection without an allocation lives this long, the handshake of TLS included. Browsers allocate at once; it
/// leaves room for a slow network's lost packets.
const IDLE: Duration = Duration::from_secs(10);
/// A viewer whose connection takes nothing for this long is gone.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// What is read at once.
const READ_BYTES: usize = 16 * 1024;
/// What the kernel may hold for a slow viewer. By itself it would grow to megabytes, seconds of old pictures.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// After a failed accept, which means that the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until the relay ends.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener, tls: Option<Arc<Tls>>) {
    loop {
        match listener.accept().await {
            Ok((stream, client)) => shared.connected(stream, client, tls.clone()),
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one connection until it ends.
pub(super) async fn serve(shared: Arc<Shared>, id: u64, stream: TcpStream, client: SocketAddr, tls: Option<Arc<Tls>>) {
    let deadline = Instant::now() + IDLE;
    let Ok(local) = prepare(&stream) else { return };
    let path = Path { via: Via::Stream(id), local: local.ip(), client };
    match tls {
        None => converse(&shared, path, stream, deadline).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout_at(deadline, tls.accept(stream)).await {
                converse(&shared, path, stream, deadline).await;
            }
        }
    }
    shared.lost(&path);
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER_BYTES)?;
    stream.local_addr()
}

async fn converse<S: AsyncRead + AsyncWrite>(shared: &Arc<Shared>, path: Path, stream: S, deadline: Instant) {
    let (reader, writer) = split(stream);
    let outbox = shared.outbox(&path);
    let (reading, writing) = (pin!(read(shared, path, reader, deadline)), pin!(write(&outbox, writer)));
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

async fn read<S: AsyncRead>(shared: &Arc<Shared>, path: Path, mut reader: ReadHalf<S>, mut deadline: Instant) {
    let mut frames = Frames::default();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match timeout_at(deadline, reader.read(&mut buffer)).await {
            Ok(Ok(length)) if length > 0 => {
                frames.push(&buffer[..length]);
                loop {
                    match frames.next_frame() {
                        Ok(Some(frame)) => shared.from_client(path, frame),
                        Ok(None) => break,
                        Err(_) => return,
                    }
                }
            }
            Ok(Ok(_) | Err(_)) => return,
            Err(_) if shared.has_allocation(&path) => deadline = Instant::now() + IDLE,
            Err(_) => return,
        }
    }
}

async fn write<S: AsyncWrite>(outbox: &Outbox, mut writer: WriteHalf<S>) {
    while let Some(bytes) = outbox.take().await {
        let written = timeout(WRITE_DEADLINE, async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        });
        if !matches!(written.await, Ok(Ok(()))) {
            return;
        }
    }
}
