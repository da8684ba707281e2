//! Parses what comes on the data channels, strictly: whatever it is, it is a known message within its limits, or
//! it is refused. Pure.

use anteroom_protocol::input::{INPUT_CHANNEL, Input, MAX_MESSAGE_BYTES, MAX_TEXT_BYTES, MOTION_CHANNEL, Motion};

/// The longest `KeyboardEvent.code` and `.key`: the longest defined names have 20 letters, a grapheme of a key with
/// combining marks some more.
const MAX_KEY_BYTES: usize = 64;

/// Which data channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Reliable and ordered.
    Input,
    /// Newest wins.
    Motion,
}

impl Channel {
    /// By the label that the viewer gave it; others are not ours.
    #[must_use]
    pub fn by_label(label: &str) -> Option<Self> {
        match label {
            INPUT_CHANNEL => Some(Self::Input),
            MOTION_CHANNEL => Some(Self::Motion),
            _ => None,
        }
    }
}

/// Why a message was refused. It does not repeat the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Longer than the protocol allows.
    TooLong,
    /// Not text.
    Binary,
    /// Not JSON, or not one of the messages.
    Unknown,
    /// A button that mice don't have.
    Button,
    /// A motion that a newer one has overtaken; that is no fault.
    Late,
}

/// A message of the `input` channel.
///
/// # Errors
/// Says which rule it breaks.
pub fn input(binary: bool, bytes: &[u8]) -> Result<Input, Refused> {
    let input: Input = parse(binary, bytes)?;
    let allowed = match &input {
        Input::Button { button, .. } => return if *button <= 4 { Ok(input) } else { Err(Refused::Button) },
        Input::Key { code, key, .. } => code.len() <= MAX_KEY_BYTES && key.len() <= MAX_KEY_BYTES,
        Input::Text { text } => text.len() <= MAX_TEXT_BYTES,
        Input::Wheel { .. } | Input::Release | Input::Ping { .. } => true,
    };
    if allowed { Ok(input) } else { Err(Refused::TooLong) }
}

/// A message of the `motion` channel.
///
/// # Errors
/// Says which rule it breaks.
pub fn motion(binary: bool, bytes: &[u8]) -> Result<Motion, Refused> {
    parse(binary, bytes)
}

fn parse<T: serde::de::DeserializeOwned>(binary: bool, bytes: &[u8]) -> Result<T, Refused> {
    if binary {
        return Err(Refused::Binary);
    }
    if bytes.len() > MAX_MESSAGE_BYTES {
        return Err(Refused::TooLong);
    }
    serde_json::from_slice(bytes).map_err(|_| Refused::Unknown)
}

/// Whether a motion is newer than the last one that was played: sequence numbers wrap around.
#[must_use]
pub fn is_newer(seq: u32, last: Option<u32>) -> bool {
    last.is_none_or(|last| seq != last && seq.wrapping_sub(last) < 1 << 31)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
