//! The desktop as WebRTC: one [`Engine`] for the machine's life, one fresh transport for each epoch and each view.
//!
//! The agent starts the engine as early as it can (certificate, socket and encoder are then warm, so that an answer
//! takes a few milliseconds), attaches the display when the X server answers, and hands in each epoch's offer. The
//! engine never speaks to the controller, never waits for a frame before it answers, and never logs SDP, addresses
//! or what a person types.
//!
//! Threads: `screen` waits for damage, converts what changed and feeds the encoder; `media` owns the sockets and
//! all transports; `inject` plays input into the X server. They meet in [`link`] and in bounded queues only.
//!
//! All viewers share one encoder of each codec. The person's transport decides its rate ([`audience`]); a view that
//! can't keep up loses pictures, never the person.

mod audience;
mod engine;
mod framing;
mod link;
mod pace;
mod peer;
mod rate;
mod sdp;
mod sockets;
mod str0m;
mod streams;
mod transport;
mod video;
mod viewer;
mod webrtcbin;

use std::{fmt, net::IpAddr, time::Duration};

use anteroom_protocol::{
    Epoch, ViewId,
    guest::{DesktopSize, MediaEngine},
    limits,
};

pub use engine::Engine;

use crate::{encode::EncodeError, inject::InjectError, screen::ScreenError};

/// Directives for the program's log filter: the WebRTC libraries log SDP, addresses and channel data on their lower
/// levels, and their errors come back as [`MediaError`] or [`Closed`] anyway.
pub const LOG_DIRECTIVES: &str = "str0m=off,is=off,str0m_proto=off,str0m_openssl=off,sctp_proto=off,dimpl=off";

/// Events that wait for their reader; more are dropped with a warning.
pub const MAX_WAITING_EVENTS: usize = 256;

/// What the engine needs to know before there is a display.
#[derive(Clone, Debug)]
pub struct Config {
    /// The machine's own address: a host candidate on a UDP port and a passive one on a TCP port (RFC 6544), both
    /// chosen by the system.
    pub address: IpAddr,
    /// The desktop's size; both sides even.
    pub size: DesktopSize,
    /// What carries the picture.
    pub engine: MediaEngine,
}

/// Whom a transport serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person, through one epoch: sees, and types.
    Epoch(Epoch),
    /// One more viewer beside the person: sees only.
    View(ViewId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch(epoch) => write!(f, "epoch {epoch}"),
            Self::View(view) => write!(f, "view {view}"),
        }
    }
}

/// What happened to a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which one.
    pub who: Who,
    /// What.
    pub kind: EventKind,
}

/// Kinds of [`Event`], in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A path to the viewer was found. Not yet "connected": DTLS may still never come up.
    IceConnected,
    /// DTLS is up; the last frame was sent as a keyframe.
    DtlsConnected,
    /// The viewer's input channel is open. Never for a view.
    InputOpen,
    /// The transport ended; its last event.
    Closed(Closed),
}

/// Why a transport ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// A newer epoch has connected, or too many were waiting.
    Superseded,
    /// The viewer closed it, or the controller says that it went away.
    ByViewer,
    /// No path to the viewer within [`ICE_TIMEOUT`].
    NoPath,
    /// A path, but no DTLS within [`DTLS_TIMEOUT`]: the answer went to another connection.
    NoDtls,
    /// The path was lost and did not come back within [`LOST_TIMEOUT`].
    PathLost,
    /// The transport refused to go on.
    Failed,
    /// The engine was shut down.
    Shutdown,
}

/// How long an answered epoch may take to find a path. The page may read its answer late: after a restart of the
/// controller, or through a slow relay.
pub const ICE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long DTLS may take once there is a path. The page calls it a failure after 5 s (invariant seen-is-connected).
pub const DTLS_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a lost path may take to come back, before the transport is closed.
pub const LOST_TIMEOUT: Duration = Duration::from_secs(30);

/// Why something could not be done. No text holds SDP or addresses of viewers.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The sockets could not be bound.
    #[error("no UDP and TCP socket for media on the machine's address {address}: {source}")]
    Socket {
        /// The address that was tried.
        address: IpAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("the {name} thread could not be started: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The desktop's size can't be encoded.
    #[error("a desktop of {width}x{height} can't be encoded: both sides must be even and from 16 to 4096 pixels")]
    Size {
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
    },
    /// DTLS certificate.
    #[error("no DTLS certificate could be made")]
    Certificate,
    /// GStreamer's engine did not do what it was told. What it said is left out: it may quote SDP.
    #[error("webrtcbin could not {what} within its time; offer again, or choose the engine str0m")]
    Webrtcbin {
        /// What was tried.
        what: &'static str,
    },
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The display's picture.
    #[error(transparent)]
    Screen(#[from] ScreenError),
    /// The display's input.
    #[error(transparent)]
    Inject(#[from] InjectError),
    /// The offer's SDP was not understood. What the library said is left out: it quotes the SDP.
    #[error("the offer of {who} is not usable SDP: {what}")]
    Offer {
        /// Whose offer.
        who: Who,
        /// What was tried.
        what: &'static str,
    },
    /// The offer asks for no video that the machine can send.
    #[error("the offer of {who} asks for neither H264 nor VP8 video; the viewer must offer to receive one")]
    NoVideo {
        /// Whose offer.
        who: Who,
    },
    /// The epoch was answered before, or a newer one was.
    #[error("epoch {epoch} was answered already, or a newer one was; ask for the newest offer")]
    StaleEpoch {
        /// Which one.
        epoch: Epoch,
    },
    /// There is nothing to show yet.
    #[error("{view} can't be answered: no display is attached yet, or it is gone; offer again when there is a desktop")]
    NoPicture {
        /// Which view.
        view: ViewId,
    },
    /// The view was answered before.
    #[error("{view} was answered already; a viewer that begins again gets a new view")]
    StaleView {
        /// Which one.
        view: ViewId,
    },
    /// Too many watch.
    #[error("{view} can't be answered: {} views watch already; close one first", limits::MAX_VIEWS)]
    TooManyViews {
        /// Which one.
        view: ViewId,
    },
    /// A display is attached already.
    #[error("a display is attached already; one engine shows one display")]
    AlreadyAttached,
    /// The engine's thread is gone.
    #[error("the media engine has ended; start the guest agent again")]
    Ended,
}
