//! The protocol's input, which tells when it has ended: the client is gone, though a call of its may still be worked on.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, ReadBuf, Stdin},
    sync::watch,
};

/// Standard input.
pub(super) struct Input {
    stdin: Stdin,
    ended: watch::Sender<bool>,
}

impl Input {
    /// The input, and what becomes true at its end.
    pub(super) fn new(stdin: Stdin) -> (Self, watch::Receiver<bool>) {
        let (ended, seen) = watch::channel(false);
        (Self { stdin, ended }, seen)
    }
}

impl AsyncRead for Input {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stdin).poll_read(context, buffer));
        if read.is_err() || (buffer.filled().len() == before && buffer.remaining() > 0) {
            self.ended.send_replace(true);
        }
        Poll::Ready(read)
    }
}
