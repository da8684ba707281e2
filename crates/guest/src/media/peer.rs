//! One viewer's transport: a str0m instance and what is known about it. Sans-IO: datagrams and time come in,
//! datagrams and [`Note`]s go out. A view's data channels are open, and nobody listens to them.

use std::time::{Duration, Instant};

use anteroom_protocol::{
    guest::DesktopSize,
    input::{FromGuest, Input},
};
use str0m::{
    Event, IceConnectionState, Input as RtcInput, Output, PacerReason, Reason, Rtc, RtcError,
    bwe::{Bitrate, BweKind},
    channel::{ChannelData, ChannelId},
    media::{MediaTime, Mid, Pt},
    net::{DatagramRecv, Receive, Transmit},
};

use super::{
    Closed, DTLS_TIMEOUT, ICE_TIMEOUT, LOST_TIMEOUT, Who,
    answer::Negotiated,
    audience, rate,
    sockets::{Arrival, Path},
};
use crate::{
    encode::{Codec, EncodedFrame},
    inject::message::{self, Channel, Refused},
};

/// Turns of one transport's loop before others get theirs. A keyframe has some 100 packets, and each takes a turn.
const MAX_TURNS: usize = 2_000;
/// First bytes of RTP and RTCP (RFC 7983).
const RTP: std::ops::RangeInclusive<u8> = 128..=191;

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
    pub(super) who: Who,
    pub(super) codec: Codec,
    rtc: Rtc,
    mid: Mid,
    pt: Pt,
    stage: Stage,
    /// The viewer has what the next picture refers to. Not before the first keyframe.
    can_decode: bool,
    /// Pictures passed it by: it needs a keyframe when its network has room again.
    fell_behind: bool,
    /// Where its media goes.
    path: Option<Path>,
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
        let Negotiated { who, rtc, mid, pt, codec } = negotiated;
        let stage = Stage::Checking { deadline: now + ICE_TIMEOUT };
        let estimate_bps = u64::from(rate::START_KBPS) * 1000;
        let (input, motion, last_motion) = (None, None, None);
        Self {
            who,
            codec,
            rtc,
            mid,
            pt,
            stage,
            can_decode: false,
            fell_behind: false,
            path: None,
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
    pub(super) fn receive(&mut self, arrival: Arrival, bytes: &[u8], now: Instant) -> Result<bool, RtcError> {
        let Ok(contents) = DatagramRecv::try_from(bytes) else { return Ok(false) };
        let Arrival { path: Path { protocol: proto, far: source }, to: destination, .. } = arrival;
        let received = RtcInput::Receive(now, Receive { proto, source, destination, contents });
        if !self.rtc.accepts(&received) {
            return Ok(false);
        }
        self.rtc.handle_input(received)?;
        self.wake = now;
        Ok(true)
    }

    /// Sends a frame, if the viewer can decode it and keeps up. `waits` is how long its oldest packet has waited.
    pub(super) fn send(&mut self, frame: &EncodedFrame, origin: Instant, waits: Duration) -> Result<(), RtcError> {
        if frame.codec != self.codec || !self.watches() || !(self.can_decode || frame.keyframe) {
            return Ok(());
        }
        if audience::is_behind(&self.who, waits) {
            tracing::debug!(who = %self.who, ?waits, estimate_bps = self.estimate_bps, "a view is behind; pictures pass it by");
            (self.can_decode, self.fell_behind) = (false, true);
            return Ok(());
        }
        let Some(writer) = self.rtc.writer(self.mid) else { return Ok(()) };
        let ticks = u64::try_from(frame.time.as_micros() * 9 / 100).unwrap_or(u64::MAX);
        // Shown as soon as it is decoded: a desktop has no sound to wait for, and latency matters more than
        // smoothness.
        let writer = writer.playout_delay(MediaTime::ZERO, MediaTime::ZERO);
        writer.write(self.pt, origin + frame.time, MediaTime::from_90khz(ticks), frame.data.clone())?;
        self.can_decode = true;
        self.wake = Instant::now();
        Ok(())
    }

    /// Whether it fell behind and has room again: true once.
    pub(super) fn has_caught_up(&mut self, waits: Duration) -> bool {
        let caught_up = self.fell_behind && waits == Duration::ZERO;
        self.fell_behind &= !caught_up;
        caught_up
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
                Output::Transmit(transmit) => {
                    if transmit.contents.first().is_some_and(|first| RTP.contains(first)) {
                        self.path = Some(Path { protocol: transmit.proto, far: transmit.destination });
                    }
                    out(transmit);
                }
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
        match Channel::by_label(label).filter(|_| matches!(self.who, Who::Epoch(_))) {
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
            tracing::debug!(who = %self.who, "the viewer does not read its input channel; an answer is dropped");
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

    /// Where its media goes, once there is some.
    pub(super) fn path(&self) -> Option<Path> {
        self.path
    }

    /// Since when its oldest packet waits to be sent.
    pub(super) fn oldest_unsent(&mut self) -> Option<Instant> {
        let mid = self.mid;
        self.rtc.direct_api().stream_tx_by_mid(mid, None)?.queue_info()?.first_unsent()
    }

    /// Says goodbye. The last datagrams go out; nothing is awaited.
    pub(super) fn close(mut self, size: DesktopSize, out: &mut dyn FnMut(Transmit)) {
        if self.refused > 0 {
            tracing::warn!(who = %self.who, messages = self.refused, "the viewer sent input that was refused");
        }
        let closed = self.rtc.close().and_then(|()| self.turn(Instant::now(), size, out).map(drop));
        if let Err(error) = closed {
            tracing::debug!(who = %self.who, reason = %kind(&error), "the transport was closed without a goodbye");
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
