//! Pictures in, H264 or VP8 frames out, by GStreamer's encoders. One frame goes in at a time and comes out before
//! the next: nothing queues here. Knows neither X nor WebRTC.

mod encoder;
mod plugins;

use std::{sync::Arc, time::Duration};

pub use encoder::Encoder;
pub use plugins::{prepare, prepare_webrtcbin};

/// What a viewer can decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Constrained baseline, Annex B.
    H264,
    /// For offers without H264.
    Vp8,
}

/// One encoded picture.
#[derive(Clone, Debug)]
pub struct EncodedFrame {
    /// How.
    pub codec: Codec,
    /// The bitstream: an access unit with its parameter sets before a keyframe, or a VP8 frame.
    pub data: Arc<[u8]>,
    /// Whether it can be decoded without an earlier one.
    pub keyframe: bool,
    /// When it was captured, since the encoder's start.
    pub time: Duration,
}

/// Why pictures can't be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// GStreamer itself.
    #[error("GStreamer could not be initialised: {0}")]
    Init(String),
    /// A plugin is missing.
    #[error("GStreamer has no element {element}; install {package} in the image")]
    MissingElement {
        /// What was looked for.
        element: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// An element refused what it was told.
    #[error("the {codec:?} encoder could not {what}: {reason}")]
    Pipeline {
        /// Which encoder.
        codec: Codec,
        /// What was tried.
        what: &'static str,
        /// What came back.
        reason: String,
    },
}
