//! Datagrams in a byte stream: two bytes of length, then the datagram (RFC 4571). Pure.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::sockets::DATAGRAM_BYTES;

/// The length before each datagram.
const PREFIX_BYTES: usize = 2;
/// What has been read and not been taken yet: one whole datagram, and one more that has begun.
const INBOX_BYTES: usize = 2 * (PREFIX_BYTES + DATAGRAM_BYTES);
/// What waits for the network: a keyframe. What comes when that much waits is lost, as a router's queue would lose it.
const OUTBOX_BYTES: usize = 256 * 1024;

/// A length that no viewer sends: the stream is something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoDatagram;

/// Bytes that came, until their datagrams are whole.
pub(super) struct Inbox {
    bytes: Box<[u8; INBOX_BYTES]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { bytes: Box::new([0; INBOX_BYTES]), start: 0, end: 0 }
    }

    /// Where the next bytes are to be read to. Never empty once [`Self::take`] has found nothing more.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        &mut self.bytes[self.end..]
    }

    /// How many bytes were read into [`Self::space`].
    pub(super) fn filled(&mut self, length: usize) {
        self.end += length;
    }

    /// Copies the next whole datagram out. Returns its length.
    pub(super) fn take(&mut self, datagram: &mut [u8; DATAGRAM_BYTES]) -> Result<Option<usize>, NoDatagram> {
        let waiting = &self.bytes[self.start..self.end];
        let Some((prefix, rest)) = waiting.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*prefix));
        if length == 0 || length > DATAGRAM_BYTES {
            return Err(NoDatagram);
        }
        let Some(found) = rest.get(..length) else { return Ok(None) };
        datagram[..length].copy_from_slice(found);
        self.start += PREFIX_BYTES + length;
        Ok(Some(length))
    }

    /// Whether [`Self::take`] would find something.
    pub(super) fn has_more(&self) -> bool {
        let waiting = &self.bytes[self.start..self.end];
        waiting.split_first_chunk::<PREFIX_BYTES>().is_some_and(|(prefix, rest)| {
            let length = usize::from(u16::from_be_bytes(*prefix));
            length == 0 || length > DATAGRAM_BYTES || rest.len() >= length
        })
    }
}

/// Datagrams that the network has not taken yet, oldest first.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Vec<u8>, Instant)>,
    bytes: usize,
    /// How much of the oldest is gone already.
    gone: usize,
}

impl Outbox {
    /// Puts a datagram at the end. Returns whether there was room.
    pub(super) fn push(&mut self, datagram: &[u8], now: Instant) -> bool {
        let Ok(length) = u16::try_from(datagram.len()) else { return false };
        if self.bytes + PREFIX_BYTES + datagram.len() > OUTBOX_BYTES {
            return false;
        }
        let framed = [&length.to_be_bytes(), datagram].concat();
        self.bytes += framed.len();
        self.waiting.push_back((framed, now));
        true
    }

    /// What is to be written next; empty when all is gone.
    pub(super) fn next(&self) -> &[u8] {
        self.waiting.front().map_or(&[], |(bytes, _)| &bytes[self.gone..])
    }

    /// How many bytes of [`Self::next`] the network took.
    pub(super) fn took(&mut self, length: usize) {
        self.gone += length;
        self.bytes -= length;
        if self.waiting.front().is_some_and(|(bytes, _)| bytes.len() == self.gone) {
            self.waiting.pop_front();
            self.gone = 0;
        }
    }

    /// Since when the oldest waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.waiting.front().map(|(_, since)| *since)
    }

    /// Whether the oldest has waited that long.
    pub(super) fn is_stalled(&self, now: Instant, limit: Duration) -> bool {
        self.since().is_some_and(|since| now.saturating_duration_since(since) >= limit)
    }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
