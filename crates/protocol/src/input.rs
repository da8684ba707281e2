//! Messages of the data channels between page and guest, as JSON text.
//!
//! The viewer opens both channels in its first offer: `input` (reliable, ordered: keys, buttons, wheel, text) and
//! `motion` (unordered, no retransmits: pointer positions only). Positions are desktop pixels, from the top left.

use serde::{Deserialize, Serialize};

/// Label of the reliable, ordered channel.
pub const INPUT_CHANNEL: &str = "input";
/// Label of the unordered channel without retransmits.
pub const MOTION_CHANNEL: &str = "motion";
/// The longest message of either channel, bytes.
pub const MAX_MESSAGE_BYTES: usize = 16 * 1024;
/// The longest typed or pasted text in one message, bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

/// What the page sends on `input`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase", deny_unknown_fields)]
pub enum Input {
    /// A mouse button changed at a place.
    Button {
        /// `MouseEvent.button`: 0 left, 1 middle, 2 right, 3 back, 4 forward.
        button: u8,
        /// Pressed or released.
        down: bool,
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// The wheel turned at a place.
    Wheel {
        /// Notches to the right (positive) or left.
        dx: i8,
        /// Notches down (positive) or up.
        dy: i8,
        /// Pixels from the left.
        x: u16,
        /// Pixels from the top.
        y: u16,
    },
    /// A key changed.
    Key {
        /// `KeyboardEvent.code`: the physical key, which pairs a release with its press.
        code: String,
        /// `KeyboardEvent.key`: what it means in the person's layout (`a`, `ß`, `Enter`, `Shift`).
        key: String,
        /// Pressed (also repeated) or released.
        down: bool,
    },
    /// Text from an input method, a paste or a phone's keyboard: typed as it is, in any script.
    Text {
        /// At most [`MAX_TEXT_BYTES`].
        text: String,
    },
    /// The page lost the focus: everything held down is released.
    Release,
    /// Asks for a `pong`, to show the latency.
    Ping {
        /// Comes back as it is.
        id: u32,
    },
}

/// What the page sends on `motion`: a newer one replaces an older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Motion {
    /// Grows by one with each; an older one that arrives late is dropped.
    pub seq: u32,
    /// Pixels from the left.
    pub x: u16,
    /// Pixels from the top.
    pub y: u16,
}

/// What the guest sends on `input`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "lowercase", deny_unknown_fields)]
pub enum FromGuest {
    /// The desktop's size in pixels; the first message of each connection.
    Desktop {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// The answer to `ping`.
    Pong {
        /// As sent.
        id: u32,
    },
}
