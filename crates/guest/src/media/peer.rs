//! What the `media` thread needs of a viewer's transport, whichever engine it is of.

use std::time::{Duration, Instant};

use anteroom_protocol::{
    input::{FromGuest, Input},
    signaling::{Answer, Candidate},
};
use str0m::net::Transmit;

use super::{
    Closed,
    sockets::{Arrival, Sockets},
    viewer::Viewer,
};
use crate::encode::EncodedFrame;

/// What the transport's owner should know.
#[derive(Debug)]
pub(super) enum Note {
    IceConnected,
    DtlsConnected,
    InputOpen,
    Input(Input),
    /// The viewer wants to hear this number again.
    Ping {
        id: u32,
    },
    Motion {
        x: u16,
        y: u16,
    },
    KeyframeWanted,
    Gone(Closed),
}

/// A transport can't go on. In words of our own: what libraries say may quote SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure(pub(super) &'static str);

/// An answered offer.
pub(super) struct Answered {
    /// The transport, for the `media` thread.
    pub(super) peer: Box<dyn Peer>,
    pub(super) answer: Answer,
    /// All of ours; the last one is the end marker.
    pub(super) candidates: Vec<Candidate>,
}

/// One viewer's transport. No call waits for anything outside.
pub(super) trait Peer: Send {
    fn viewer(&self) -> &Viewer;

    fn viewer_mut(&mut self) -> &mut Viewer;

    fn add_candidate(&mut self, candidate: str0m::Candidate);

    /// Takes in a datagram of the `media` thread's own sockets. Returns whether it was for this transport.
    fn receive(&mut self, arrival: Arrival, bytes: &[u8], now: Instant) -> Result<bool, Failure>;

    /// Sends a frame, if the viewer takes it. `waits` is what [`Self::waits`] said.
    fn send(&mut self, frame: &EncodedFrame, origin: Instant, waits: Duration) -> Result<(), Failure>;

    /// Says something on the input channel, if it is open.
    fn say(&mut self, message: &FromGuest) -> Result<(), Failure>;

    /// Does what is due. Called again when [`Self::wake`] has come.
    fn turn(&mut self, now: Instant, out: &mut dyn FnMut(Transmit)) -> Result<Vec<Note>, Failure>;

    fn wake(&self) -> Option<Instant>;

    /// How long a packet that is sent now would wait for the network.
    fn waits(&mut self, sockets: Option<&Sockets>, now: Instant) -> Duration;

    /// Says goodbye. The last datagrams go out; nothing is awaited.
    fn close(self: Box<Self>, out: &mut dyn FnMut(Transmit));
}
