//! TURN over a stream (RFC 8656, sections 3.1 and 12.5): where one message ends and the next begins. Pure.

/// The largest message taken from a viewer or a machine. WebRTC keeps below 1,500 bytes; room for a DTLS flight in one
/// datagram, and no more: each connection may hold one unfinished message.
pub(crate) const MAX_FRAME_BYTES: usize = 8 * 1024;
/// STUN's header; the length in it counts what follows.
const STUN_HEADER_BYTES: usize = 20;
/// ChannelData's header: channel and length.
const CHANNEL_HEADER_BYTES: usize = 4;

/// The stream holds something that is neither STUN nor ChannelData, or too much of it. There is no way to find the
/// next message in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a TURN stream")]
pub struct NotTurn;

/// Bytes of a stream that don't make a message yet.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Up to here they were given out.
    start: usize,
}

impl Frames {
    /// Adds what was read.
    pub fn push(&mut self, read: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(read);
    }

    /// The next whole message, without padding. To be called until there is none, after each [`Frames::push`].
    ///
    /// # Errors
    /// The stream is of no use any more.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, NotTurn> {
        let rest = &self.bytes[self.start..];
        let Some((frame, with_padding)) = measure(rest)? else { return Ok(None) };
        if rest.len() < with_padding {
            return Ok(None);
        }
        let start = self.start;
        self.start += with_padding;
        Ok(Some(&self.bytes[start..start + frame]))
    }
}

/// The length of the message at the beginning, and the same with its padding. None when too little is there to say.
fn measure(bytes: &[u8]) -> Result<Option<(usize, usize)>, NotTurn> {
    let &[first, _, high, low, ..] = bytes else {
        return match bytes.first() {
            Some(first) if first >> 6 > 1 => Err(NotTurn),
            Some(_) | None => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (frame, with_padding) = match first >> 6 {
        0 if length % 4 == 0 => (STUN_HEADER_BYTES + length, STUN_HEADER_BYTES + length),
        // Padding is not counted in the length.
        1 => (CHANNEL_HEADER_BYTES + length, CHANNEL_HEADER_BYTES + length.next_multiple_of(4)),
        _ => return Err(NotTurn),
    };
    if frame > MAX_FRAME_BYTES { Err(NotTurn) } else { Ok(Some((frame, with_padding))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel_data(length: usize, padded: bool) -> Vec<u8> {
        let mut bytes = vec![0x40, 0x01];
        bytes.extend_from_slice(&u16::try_from(length).expect("short").to_be_bytes());
        bytes.extend((0..length).map(|n| u8::try_from(n % 251).expect("below 251")));
        if padded {
            bytes.resize(4 + length.next_multiple_of(4), 0);
        }
        bytes
    }

    fn binding() -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        bytes.resize(20, 9);
        bytes
    }

    fn read_in_steps(stream: &[u8], step: usize) -> Vec<Vec<u8>> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for read in stream.chunks(step) {
            frames.push(read);
            while let Some(frame) = frames.next_frame().expect("a TURN stream") {
                found.push(frame.to_vec());
            }
        }
        found
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let messages = [binding(), channel_data(5, false), channel_data(8, false), binding(), channel_data(0, false)];
        let stream: Vec<u8> =
            [binding(), channel_data(5, true), channel_data(8, true), binding(), channel_data(0, true)].concat();
        for step in 1..=stream.len() {
            assert_eq!(read_in_steps(&stream, step), messages, "in steps of {step}");
        }
    }

    #[test]
    fn what_is_no_turn_is_refused_at_its_first_bytes() {
        for bytes in [&b"GET / HTTP/1.1\r\n"[..], &[0x80], &[0xff, 0, 0, 0], &[0, 1, 0, 3], &[0x40, 0, 0xff, 0xff]] {
            let mut frames = Frames::default();
            frames.push(bytes);
            // "GE" reads as a channel with a length of "T ", which is above the bound.
            assert_eq!(frames.next_frame(), Err(NotTurn), "{bytes:?}");
        }
    }
}
