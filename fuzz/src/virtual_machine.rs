//! What the guest in a virtual machine, and its QEMU, say to the launcher on the host. The files are taken in by their path:
//! they are their crate's own.

use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use crate::{lines::Lines, qmp::Qmp};

/// What fits into a socket at once, so that nobody waits.
const MOST: usize = 64 * 1024;
const MOST_OF_A_LINE: usize = 100;
/// What is read at once, beyond which no line is looked for its end.
const READ: usize = 4096;
const DEADLINE: Duration = Duration::from_secs(20);

/// Both ends of a socket on which this was said, and nothing more will be. What is answered has room.
fn said(data: &[u8]) -> (UnixStream, UnixStream) {
    let (mut far, near) = UnixStream::pair().expect("a pair of sockets");
    far.write_all(data).expect("there is room");
    far.shutdown(Shutdown::Write).expect("it is open");
    (far, near)
}

/// Lines come as they were said, whole, in order, and within their bound; what is too long is refused.
pub fn lines(data: &[u8]) {
    let data = &data[..data.len().min(MOST)];
    let (_far, near) = said(data);
    let (mut lines, mut heard) = (Lines::new(near, MOST_OF_A_LINE), Vec::new());
    let ended = loop {
        match lines.next(Some(Instant::now() + DEADLINE)) {
            Ok(Some(line)) => {
                assert!(line.len() <= MOST_OF_A_LINE + READ);
                heard.extend(line);
                heard.push(b'\n');
            }
            Ok(None) => break true,
            Err(error) => {
                assert!(error.to_string().contains("more than"), "{error}");
                break false;
            }
        }
    };
    assert!(data.starts_with(&heard));
    assert!(!ended || !data[heard.len()..].contains(&b'\n'));
}

/// Whatever QEMU says, restoring a guest comes to an end.
pub fn qmp(data: &[u8]) {
    let (_far, near) = said(&data[..data.len().min(MOST)]);
    let deadline = Instant::now() + DEADLINE;
    let state = File::open("/dev/null").expect("every host has it");
    let restored = Qmp::connect(near, deadline).and_then(|mut qmp| qmp.restore(&state, deadline));
    assert!(!restored.is_err_and(|error| error.kind() == ErrorKind::TimedOut));
}
