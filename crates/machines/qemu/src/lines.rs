//! Lines over a socket whose other end is not trusted: each has a bound, and each wait a deadline.

use std::{
    io::{self, IoSlice, Read as _, Write as _},
    mem::MaybeUninit,
    os::{fd::BorrowedFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// A socket on which both sides speak in lines.
pub(crate) struct Lines {
    stream: UnixStream,
    received: Vec<u8>,
    most: usize,
}

impl Lines {
    /// Speaks over a socket; no line is longer than `most`.
    pub(crate) fn new(stream: UnixStream, most: usize) -> Self {
        Self { stream, received: Vec::new(), most }
    }

    /// Sends a line, with its end.
    pub(crate) fn send(&mut self, line: &[u8], deadline: Instant) -> io::Result<()> {
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        self.stream.write_all(line).and_then(|()| self.stream.write_all(b"\n")).map_err(in_words)
    }

    /// Sends a line, and an open file with it.
    pub(crate) fn send_with(&mut self, line: &[u8], file: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let (mut files, passed) = (SendAncillaryBuffer::new(&mut space), [file]);
        if !files.push(SendAncillaryMessage::ScmRights(&passed)) {
            return Err(io::Error::other("an open file has no room in a message"));
        }
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        // The file travels with the first byte.
        let (first, rest) = line.split_at(line.len().min(1));
        sendmsg(&self.stream, &[IoSlice::new(first)], &mut files, SendFlags::empty())?;
        self.send(rest, deadline)
    }

    /// The next line without its end; none at the end of the file. Without a deadline it waits as long as it takes.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.received.drain(..=end).collect();
                line.pop();
                return Ok(Some(line));
            }
            if self.received.len() > self.most {
                return Err(io::Error::other(format!("a line of more than {} bytes came", self.most)));
            }
            self.stream.set_read_timeout(deadline.map(left).transpose()?)?;
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // QEMU that is killed with something unread resets the socket.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(in_words(error)),
            }
        }
    }
}

/// A time-out of zero would be none.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late()) } else { Ok(left) }
}

fn in_words(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { late() } else { error }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer came in time")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    #[test]
    fn lines_come_whole_however_they_were_cut_and_the_end_is_none() {
        let (mut far, near) = UnixStream::pair().unwrap();
        let mut lines = Lines::new(near, 100);
        far.write_all(b"one\ntw").unwrap();
        assert_eq!(lines.next(Some(soon())).unwrap(), Some(b"one".to_vec()));
        assert_eq!(lines.next(Some(soon())).unwrap_err().kind(), io::ErrorKind::TimedOut);
        far.write_all(b"o\n").unwrap();
        assert_eq!(lines.next(None).unwrap(), Some(b"two".to_vec()));
        drop(far);
        assert_eq!(lines.next(None).unwrap(), None);
    }

    #[test]
    fn a_line_without_an_end_is_refused_at_its_bound() {
        let (mut far, near) = UnixStream::pair().unwrap();
        far.write_all(&[b'x'; 5000]).unwrap();
        assert!(Lines::new(near, 100).next(Some(soon())).unwrap_err().to_string().contains("100 bytes"));
    }

    #[test]
    fn nobody_who_reads_is_an_error_in_time() {
        let (_far, near) = UnixStream::pair().unwrap();
        let sent = Lines::new(near, 100).send(&vec![b'x'; 4 << 20], soon());
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
