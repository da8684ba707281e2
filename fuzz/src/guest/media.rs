//! ICE over TCP: datagrams in a stream (RFC 4571). Offers: what is wanted of them.

#[path = "../../../crates/guest/src/media/framing.rs"]
#[allow(dead_code, reason = "it has more than is used here")]
mod framing;

#[path = "../../../crates/guest/src/media/webrtcbin/offer.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod wanted;

/// As the agent has it; `framing.rs` looks for it here.
mod sockets {
    pub(super) const DATAGRAM_BYTES: usize = 2048;
}

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use framing::{Inbox, NoDatagram, Outbox};
use sockets::DATAGRAM_BYTES;

/// A stream in reads of any length: however it is cut, its datagrams are the same. What was found goes out again, and
/// the network takes it in pieces.
pub fn ice_tcp(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let (whole, end) = datagrams(stream, usize::MAX);
    assert_eq!(datagrams(stream, usize::from(step).max(1)), (whole.clone(), end));
    send(&whole, usize::from(step).max(1));
}

fn datagrams(mut stream: &[u8], step: usize) -> (Vec<Vec<u8>>, Result<(), NoDatagram>) {
    let (mut inbox, mut found) = (Inbox::new(), Vec::new());
    let mut datagram = [0; DATAGRAM_BYTES];
    while !stream.is_empty() {
        let space = inbox.space();
        let length = space.len().min(stream.len()).min(step);
        assert!(length > 0, "there is always room once all whole datagrams were taken");
        space[..length].copy_from_slice(&stream[..length]);
        inbox.filled(length);
        stream = &stream[length..];
        loop {
            let more = inbox.has_more();
            match inbox.take(&mut datagram) {
                Ok(Some(length)) => found.push(datagram[..length].to_vec()),
                Ok(None) => {
                    assert!(!more);
                    break;
                }
                Err(no) => return (found, Err(no)),
            }
        }
    }
    (found, Ok(()))
}

fn send(datagrams: &[Vec<u8>], step: usize) {
    let (mut outbox, mut sent) = (Outbox::default(), Vec::new());
    let now = Instant::now();
    let mut wanted: VecDeque<u8> = VecDeque::new();
    for datagram in datagrams {
        if outbox.push(datagram, now) {
            wanted.extend(u16::try_from(datagram.len()).expect("they fit a frame").to_be_bytes());
            wanted.extend(datagram);
        }
    }
    assert_eq!(outbox.is_stalled(now, Duration::ZERO), !wanted.is_empty());
    while !outbox.next().is_empty() {
        let took = outbox.next().len().min(step);
        sent.extend_from_slice(&outbox.next()[..took]);
        outbox.took(took);
    }
    assert_eq!(sent, Vec::from(wanted));
    assert_eq!(outbox.since(), None);
}

/// An offer: what is sent for it is one of its own payload types, in one of its own sections.
pub fn offer(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else { return };
    let Some(wanted) = wanted::choose(sdp) else { return };
    assert!(wanted::has_sections(sdp));
    let section = sdp.split("\nm=").skip(1).nth(wanted.section as usize).expect("it is one of the offer's");
    let first = section.lines().next().expect("a section has a first line").trim_end();
    assert!(first.starts_with("video "));
    assert!(first.split(' ').skip(3).any(|word| word.parse() == Ok(wanted.payload_type)));
    assert!((96..=127).contains(&wanted.payload_type));
}
