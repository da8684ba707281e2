//! One viewer's transport: a str0m instance and what is known about it. Sans-IO: datagrams and time come in,
//! datagrams and [`Note`]s go out.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anteroom_protocol::{
    Epoch,
    guest::DesktopSize,
    input::{FromGuest, Input},
};
use str0m::{
    Event, IceConnectionState, Input as RtcInput, Output, PacerReason, Reason, Rtc, RtcError,
    bwe::{Bitrate, BweKind},
    channel::{ChannelData, ChannelId},
    media::{MediaTime, Mid, Pt},
    net::{DatagramRecv, Protocol, Receive, Transmit},
};

use super::{Closed, DTLS_TIMEOUT, ICE_TIMEOUT, LOST_TIMEOUT, answer::Negotiated, rate};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::message::{self, Channel, Refused},
};

/// Turns of one transport's loop before others get theirs. A keyframe has some 100 packets, and each takes a turn.
const MAX_TURNS: usize = 2_000;
/// A packet that waits longer means that the network takes less than the encoder makes.
const CONGESTED_AFTER: Duration = Duration::from_millis(30);

/// str0m's pacer wants to be called every 40 ms, and more often for padding, even when there is nothing to send. An
/// idle desktop gives it this much less: what it sends then keeps the path's estimate alive and little more.
const IDLE_TURN: Duration = Duration::from_millis(200);

/// What the transport's owner should know.
#[derive(Debug)]
pub(super) enum Note {
    IceConnected,
    DtlsConnected,
    InputOpen,
    Input(Input),
    Motion { x: u16, y: u16 },
    KeyframeWanted,
    Gone(Closed),
}

/// How far the transport has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `deadline` for a path.
    Checking {
        deadline: Instant,
    },
    /// A path; `deadline` for DTLS.
    Handshaking {
        deadline: Instant,
    },
    Connected,
    /// Was connected; `deadline` for the path to come back.
    Lost {
        deadline: Instant,
    },
}

/// A viewer.
pub(super) struct Peer {
    pub(super) epoch: Epoch,
    pub(super) codec: Codec,
    rtc: Rtc,
    mid: Mid,
    pt: Pt,
    stage: Stage,
    /// Nothing can be decoded before the first keyframe.
    has_keyframe: bool,
    /// Bits a second that the network carries.
    pub(super) estimate_bps: u64,
    input: Option<ChannelId>,
    motion: Option<ChannelId>,
    last_motion: Option<u32>,
    /// Messages that were refused.
    refused: u64,
    /// When str0m wants to be called.
    pub(super) wake: Instant,
}

impl Peer {
    pub(super) fn new(negotiated: Negotiated, now: Instant) -> Self {
        let Negotiated { epoch, rtc, mid, pt, codec } = negotiated;
        let stage = Stage::Checking { deadline: now + ICE_TIMEOUT };
        let estimate_bps = u64::from(rate::START_KBPS) * 1000;
        let (input, motion, last_motion) = (None, None, None);
        Self {
            epoch,
            codec,
            rtc,
            mid,
            pt,
            stage,
            has_keyframe: false,
            estimate_bps,
            input,
            motion,
            last_motion,
            refused: 0,
            wake: now,
        }
    }

    /// Whether frames for it make sense now.
    pub(super) fn watches(&self) -> bool {
        matches!(self.stage, Stage::Connected)
    }

    pub(super) fn add_candidate(&mut self, candidate: str0m::Candidate) {
        self.rtc.add_remote_candidate(candidate);
    }

    /// Takes in a datagram. Returns whether it was for this transport.
    pub(super) fn receive(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) -> Result<bool, RtcError> {
        let Ok(contents) = DatagramRecv::try_from(bytes) else { return Ok(false) };
        let received =
            RtcInput::Receive(now, Receive { proto: Protocol::Udp, source: from, destination: to, contents });
        if !self.rtc.accepts(&received) {
            return Ok(false);
        }
        self.rtc.handle_input(received)?;
        self.wake = now;
        Ok(true)
    }

    /// Sends a frame, if the viewer can decode it.
    pub(super) fn send(&mut self, frame: &EncodedFrame, origin: Instant) -> Result<(), RtcError> {
        if frame.codec != self.codec || !self.watches() || !(self.has_keyframe || frame.keyframe) {
            return Ok(());
        }
        let Some(writer) = self.rtc.writer(self.mid) else { return Ok(()) };
        let ticks = u64::try_from(frame.time.as_micros() * 9 / 100).unwrap_or(u64::MAX);
        // Shown as soon as it is decoded: a desktop has no sound to wait for, and latency matters more than
        // smoothness.
        let writer = writer.playout_delay(MediaTime::ZERO, MediaTime::ZERO);
        writer.write(self.pt, origin + frame.time, MediaTime::from_90khz(ticks), frame.data.clone())?;
        self.has_keyframe = true;
        self.wake = Instant::now();
        Ok(())
    }

    /// Lets str0m do what is due. Called again when [`Self::wake`] has come.
    pub(super) fn turn(
        &mut self,
        now: Instant,
        size: DesktopSize,
        out: &mut dyn FnMut(Transmit),
    ) -> Result<Vec<Note>, RtcError> {
        let mut notes = Vec::new();
        let mut time = now;
        for _ in 0..MAX_TURNS {
            self.rtc.handle_input(RtcInput::Timeout(time))?;
            self.wake = self.drain(size, out, &mut notes, time)?;
            time = Instant::now();
            if self.wake > time {
                break;
            }
        }
        if self.is_idle() {
            self.wake = self.wake.max(now + IDLE_TURN);
        }
        notes.extend(self.overdue(time).map(Note::Gone));
        if !self.rtc.is_alive() && !notes.iter().any(|note| matches!(note, Note::Gone(_))) {
            notes.push(Note::Gone(Closed::Failed));
        }
        Ok(notes)
    }

    fn drain(
        &mut self,
        size: DesktopSize,
        out: &mut dyn FnMut(Transmit),
        notes: &mut Vec<Note>,
        now: Instant,
    ) -> Result<Instant, RtcError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(time) => return Ok(time),
                Output::Transmit(transmit) => out(transmit),
                Output::Event(event) => self.hear(event, size, notes, now)?,
            }
        }
    }

    fn hear(&mut self, event: Event, size: DesktopSize, notes: &mut Vec<Note>, now: Instant) -> Result<(), RtcError> {
        // str0m's enum is open, and most of it is for receivers of media.
        #[expect(clippy::wildcard_enum_match_arm)]
        match event {
            Event::IceConnectionStateChange(state) => self.hear_ice(state, notes, now),
            Event::Connected => {
                self.stage = Stage::Connected;
                notes.push(Note::DtlsConnected);
            }
            Event::ChannelOpen(id, label) => self.open(id, &label, size, notes)?,
            Event::ChannelData(data) => self.hear_data(data, notes)?,
            Event::ChannelClose(id) => self.forget(id, notes),
            Event::KeyframeRequest(_) => notes.push(Note::KeyframeWanted),
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => self.hear_estimate(estimate),
            Event::Closed => notes.push(Note::Gone(Closed::ByViewer)),
            _ => {}
        }
        Ok(())
    }

    fn hear_ice(&mut self, state: IceConnectionState, notes: &mut Vec<Note>, now: Instant) {
        let up = state.is_connected();
        self.stage = match self.stage {
            Stage::Checking { .. } if up => {
                notes.push(Note::IceConnected);
                Stage::Handshaking { deadline: now + DTLS_TIMEOUT }
            }
            Stage::Connected if state.is_disconnected() => Stage::Lost { deadline: now + LOST_TIMEOUT },
            Stage::Lost { .. } if up => {
                // What was sent meanwhile is lost.
                notes.push(Note::KeyframeWanted);
                Stage::Connected
            }
            stage @ (Stage::Checking { .. } | Stage::Handshaking { .. } | Stage::Connected | Stage::Lost { .. }) => {
                stage
            }
        };
    }

    /// str0m probes for twice the desired rate every five seconds while the desktop is quiet, also when the estimate
    /// is high enough for everything. So the desire ends where the need does.
    fn hear_estimate(&mut self, estimate: Bitrate) {
        let enough = estimate >= Bitrate::kbps(rate::ENOUGH_KBPS.into());
        if enough != (self.estimate_bps >= u64::from(rate::ENOUGH_KBPS) * 1000) {
            let desired = if enough { Bitrate::ZERO } else { Bitrate::kbps(rate::ENOUGH_KBPS.into()) };
            self.rtc.bwe().set_desired_bitrate(desired);
        }
        self.estimate_bps = estimate.as_u64();
    }

    fn open(&mut self, id: ChannelId, label: &str, size: DesktopSize, notes: &mut Vec<Note>) -> Result<(), RtcError> {
        match Channel::by_label(label) {
            Some(Channel::Input) => {
                self.input = Some(id);
                self.say(&FromGuest::Desktop { width: size.width, height: size.height })?;
                notes.push(Note::InputOpen);
            }
            Some(Channel::Motion) => self.motion = Some(id),
            None => {}
        }
        Ok(())
    }

    fn forget(&mut self, id: ChannelId, notes: &mut Vec<Note>) {
        if self.input == Some(id) {
            self.input = None;
            notes.push(Note::Input(Input::Release));
        }
        if self.motion == Some(id) {
            self.motion = None;
        }
    }

    fn hear_data(&mut self, data: ChannelData, notes: &mut Vec<Note>) -> Result<(), RtcError> {
        let heard = if self.input == Some(data.id) {
            message::input(data.binary, &data.data).map(Note::Input)
        } else if self.motion == Some(data.id) {
            message::motion(data.binary, &data.data).and_then(|motion| {
                let newer = message::is_newer(motion.seq, self.last_motion);
                self.last_motion = if newer { Some(motion.seq) } else { self.last_motion };
                newer.then_some(Note::Motion { x: motion.x, y: motion.y }).ok_or(Refused::Late)
            })
        } else {
            Err(Refused::Unknown)
        };
        match heard {
            Ok(Note::Input(Input::Ping { id })) => self.say(&FromGuest::Pong { id })?,
            Ok(note) => notes.push(note),
            Err(Refused::Late) => {}
            Err(Refused::TooLong | Refused::Binary | Refused::Unknown | Refused::Button) => self.refused += 1,
        }
        Ok(())
    }

    fn say(&mut self, message: &FromGuest) -> Result<(), RtcError> {
        let Some(mut channel) = self.input.and_then(|id| self.rtc.channel(id)) else { return Ok(()) };
        let json = serde_json::to_vec(message).unwrap_or_default();
        if !channel.write(false, &json)? {
            tracing::debug!(epoch = %self.epoch, "the viewer does not read its input channel; an answer is dropped");
        }
        Ok(())
    }

    fn overdue(&self, now: Instant) -> Option<Closed> {
        match self.stage {
            Stage::Checking { deadline } if now >= deadline => Some(Closed::NoPath),
            Stage::Handshaking { deadline } if now >= deadline => Some(Closed::NoDtls),
            Stage::Lost { deadline } if now >= deadline => Some(Closed::PathLost),
            Stage::Checking { .. } | Stage::Handshaking { .. } | Stage::Lost { .. } | Stage::Connected => None,
        }
    }

    /// Whether str0m waits for nothing but its pacer's clock.
    fn is_idle(&mut self) -> bool {
        let pacer = matches!(self.rtc.last_timeout_reason(), Reason::Pacer(PacerReason::Handle | PacerReason::Padding));
        pacer && self.watches() && self.oldest_unsent().is_none()
    }

    /// Whether packets have waited too long for the network.
    pub(super) fn is_congested(&mut self, now: Instant) -> bool {
        self.oldest_unsent().is_some_and(|since| now.saturating_duration_since(since) > CONGESTED_AFTER)
    }

    fn oldest_unsent(&mut self) -> Option<Instant> {
        let mid = self.mid;
        self.rtc.direct_api().stream_tx_by_mid(mid, None)?.queue_info()?.first_unsent()
    }

    /// Says goodbye. The last datagrams go out; nothing is awaited.
    pub(super) fn close(mut self, size: DesktopSize, out: &mut dyn FnMut(Transmit)) {
        if self.refused > 0 {
            tracing::warn!(epoch = %self.epoch, messages = self.refused, "the viewer sent input that was refused");
        }
        let closed = self.rtc.close().and_then(|()| self.turn(Instant::now(), size, out).map(drop));
        if let Err(error) = closed {
            tracing::debug!(epoch = %self.epoch, reason = %kind(&error), "the transport was closed without a goodbye");
        }
    }
}

/// str0m's errors may quote SDP; their kind does not.
pub(super) fn kind(error: &RtcError) -> &'static str {
    // Open enum of another crate.
    #[expect(clippy::wildcard_enum_match_arm)]
    match error {
        RtcError::RemoteSdp(_) | RtcError::Sdp(_) => "SDP",
        RtcError::Dtls(_) => "DTLS",
        RtcError::Ice(_) => "ICE",
        RtcError::Sctp(_) => "SCTP",
        RtcError::Net(_) => "a datagram",
        _ => "RTP",
    }
}
