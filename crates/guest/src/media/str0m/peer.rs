//! One viewer's transport: a str0m instance and what is known about its viewer. Sans-IO: datagrams and time come in,
//! datagrams and [`Note`]s go out. A view's data channels are open, and nobody listens to them.

use std::time::{Duration, Instant};

use anteroom_protocol::input::{FromGuest, Input};
use str0m::{
    Event, IceConnectionState, Input as RtcInput, Output, PacerReason, Reason, Rtc, RtcError,
    bwe::{Bitrate, BweKind},
    channel::{ChannelData, ChannelId},
    media::{MediaTime, Mid, Pt},
    net::{DatagramRecv, Receive, Transmit},
};

use crate::{
    encode::EncodedFrame,
    inject::message::Channel,
    media::{
        Closed,
        peer::{Failure, Note, Peer},
        rate,
        sockets::{Arrival, Path, Sockets},
        viewer::Viewer,
    },
};

/// Turns of one transport's loop before others get theirs. A keyframe has some 100 packets, and each takes a turn.
const MAX_TURNS: usize = 2_000;
/// First bytes of RTP and RTCP (RFC 7983).
const RTP: std::ops::RangeInclusive<u8> = 128..=191;

/// Packets that can be sent again, and for how long. There is no limit to their share: a still desktop sends a packet now
/// and then, and one that is lost is more than the 15 % of the last second that str0m sends again by itself. A viewer asks
/// for each ten times at most.
const RESENT_PACKETS: usize = 1024;
const RESENT_FOR: Duration = Duration::from_secs(3);
/// str0m's pacer wants to be called every 40 ms, and more often for padding, even when there is nothing to send. An
/// idle desktop gives it this much less: what it sends then keeps the path's estimate alive and little more.
const IDLE_TURN: Duration = Duration::from_millis(200);

/// A viewer's transport.
pub(super) struct RtcPeer {
    viewer: Viewer,
    rtc: Rtc,
    mid: Mid,
    pt: Pt,
    /// Where its media goes.
    path: Option<Path>,
    input: Option<ChannelId>,
    motion: Option<ChannelId>,
    /// When str0m wants to be called.
    wake: Instant,
}

impl RtcPeer {
    pub(super) fn new(viewer: Viewer, mut rtc: Rtc, mid: Mid, pt: Pt, now: Instant) -> Self {
        if let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.set_rtx_cache(RESENT_PACKETS, RESENT_FOR, None);
        }
        Self { viewer, rtc, mid, pt, path: None, input: None, motion: None, wake: now }
    }

    fn drain(
        &mut self,
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
                Output::Event(event) => self.hear(event, notes, now),
            }
        }
    }

    fn hear(&mut self, event: Event, notes: &mut Vec<Note>, now: Instant) {
        // str0m's enum is open, and most of it is for receivers of media.
        #[expect(clippy::wildcard_enum_match_arm)]
        match event {
            Event::IceConnectionStateChange(state) => self.hear_ice(state, notes, now),
            Event::Connected => notes.push(self.viewer.secured()),
            Event::ChannelOpen(id, label) => self.open(id, &label, notes),
            Event::ChannelData(data) => self.hear_data(&data, notes),
            Event::ChannelClose(id) => self.forget(id, notes),
            Event::KeyframeRequest(_) => notes.push(Note::KeyframeWanted),
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) => self.hear_estimate(estimate),
            Event::Closed => notes.push(Note::Gone(Closed::ByViewer)),
            _ => {}
        }
    }

    fn hear_ice(&mut self, state: IceConnectionState, notes: &mut Vec<Note>, now: Instant) {
        if state.is_connected() {
            notes.extend(self.viewer.path_found(now));
        } else if state.is_disconnected() {
            self.viewer.path_lost(now);
        }
    }

    /// str0m probes for twice the desired rate every five seconds while the desktop is quiet, also when the estimate
    /// is high enough for everything. So the desire ends where the need does.
    fn hear_estimate(&mut self, estimate: Bitrate) {
        let enough = estimate >= Bitrate::kbps(rate::ENOUGH_KBPS.into());
        if enough != (self.viewer.estimate_bps >= u64::from(rate::ENOUGH_KBPS) * 1000) {
            let desired = if enough { Bitrate::ZERO } else { Bitrate::kbps(rate::ENOUGH_KBPS.into()) };
            self.rtc.bwe().set_desired_bitrate(desired);
        }
        self.viewer.estimate_bps = estimate.as_u64();
    }

    fn open(&mut self, id: ChannelId, label: &str, notes: &mut Vec<Note>) {
        match self.viewer.channel(label) {
            Some(Channel::Input) => {
                self.input = Some(id);
                notes.push(Note::InputOpen);
            }
            Some(Channel::Motion) => self.motion = Some(id),
            None => {}
        }
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

    fn hear_data(&mut self, data: &ChannelData, notes: &mut Vec<Note>) {
        let channel = match Some(data.id) {
            id if id == self.input => Some(Channel::Input),
            id if id == self.motion => Some(Channel::Motion),
            _ => None,
        };
        notes.extend(self.viewer.hear(channel, data.binary, &data.data));
    }

    /// Whether str0m waits for nothing but its pacer's clock.
    fn is_idle(&mut self) -> bool {
        let pacer = matches!(self.rtc.last_timeout_reason(), Reason::Pacer(PacerReason::Handle | PacerReason::Padding));
        pacer && self.viewer.watches() && self.oldest_unsent().is_none()
    }

    /// Since when its oldest packet waits to be sent.
    fn oldest_unsent(&mut self) -> Option<Instant> {
        let mid = self.mid;
        self.rtc.direct_api().stream_tx_by_mid(mid, None)?.queue_info()?.first_unsent()
    }
}

impl Peer for RtcPeer {
    fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    fn viewer_mut(&mut self) -> &mut Viewer {
        &mut self.viewer
    }

    fn add_candidate(&mut self, candidate: str0m::Candidate) {
        self.rtc.add_remote_candidate(candidate);
        self.wake = Instant::now();
    }

    fn receive(&mut self, arrival: Arrival, bytes: &[u8], now: Instant) -> Result<bool, Failure> {
        let Ok(contents) = DatagramRecv::try_from(bytes) else { return Ok(false) };
        let Arrival { path: Path { protocol: proto, far: source }, to: destination, .. } = arrival;
        let received = RtcInput::Receive(now, Receive { proto, source, destination, contents });
        if !self.rtc.accepts(&received) {
            return Ok(false);
        }
        self.rtc.handle_input(received).map_err(failure)?;
        self.wake = now;
        Ok(true)
    }

    fn send(&mut self, frame: &EncodedFrame, origin: Instant, waits: Duration) -> Result<(), Failure> {
        if !self.viewer.takes(frame, waits) {
            return Ok(());
        }
        let Some(writer) = self.rtc.writer(self.mid) else { return Ok(()) };
        let ticks = u64::try_from(frame.time.as_micros() * 9 / 100).unwrap_or(u64::MAX);
        // Shown as soon as it is decoded: a desktop has no sound to wait for, and latency matters more than
        // smoothness.
        let writer = writer.playout_delay(MediaTime::ZERO, MediaTime::ZERO);
        let written = writer.write(self.pt, origin + frame.time, MediaTime::from_90khz(ticks), frame.data.clone());
        written.map_err(failure)?;
        self.viewer.got_it();
        self.wake = Instant::now();
        Ok(())
    }

    fn say(&mut self, message: &FromGuest) -> Result<(), Failure> {
        let Some(mut channel) = self.input.and_then(|id| self.rtc.channel(id)) else { return Ok(()) };
        let json = serde_json::to_vec(message).unwrap_or_default();
        if !channel.write(false, &json).map_err(failure)? {
            tracing::debug!(who = %self.viewer.who, "the viewer does not read its input channel; an answer is dropped");
        }
        self.wake = Instant::now();
        Ok(())
    }

    fn turn(&mut self, now: Instant, out: &mut dyn FnMut(Transmit)) -> Result<Vec<Note>, Failure> {
        let mut notes = Vec::new();
        let mut time = now;
        for _ in 0..MAX_TURNS {
            self.rtc.handle_input(RtcInput::Timeout(time)).map_err(failure)?;
            self.wake = self.drain(out, &mut notes, time).map_err(failure)?;
            time = Instant::now();
            if self.wake > time {
                break;
            }
        }
        if self.is_idle() {
            self.wake = self.wake.max(now + IDLE_TURN);
        }
        notes.extend(self.viewer.overdue(time).map(Note::Gone));
        if !self.rtc.is_alive() && !notes.iter().any(|note| matches!(note, Note::Gone(_))) {
            notes.push(Note::Gone(Closed::Failed));
        }
        Ok(notes)
    }

    fn wake(&self) -> Option<Instant> {
        Some(self.wake)
    }

    /// The oldest packet's wait so far, before str0m's pacer lets it go or in a TCP connection after that.
    fn waits(&mut self, sockets: Option<&Sockets>, now: Instant) -> Duration {
        let sent = self.path.zip(sockets).and_then(|(path, sockets)| sockets.waits_since(path));
        let since = self.oldest_unsent().into_iter().chain(sent).min();
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn close(mut self: Box<Self>, out: &mut dyn FnMut(Transmit)) {
        self.viewer.log_refusals();
        let closed = self.rtc.close().map_err(failure).and_then(|()| self.turn(Instant::now(), out).map(drop));
        if let Err(Failure(reason)) = closed {
            tracing::debug!(who = %self.viewer.who, reason, "the transport was closed without a goodbye");
        }
    }
}

/// str0m's errors may quote SDP; their kind does not.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failure(error: RtcError) -> Failure {
    // Open enum of another crate.
    #[expect(clippy::wildcard_enum_match_arm)]
    Failure(match error {
        RtcError::RemoteSdp(_) | RtcError::Sdp(_) => "SDP",
        RtcError::Dtls(_) => "DTLS",
        RtcError::Ice(_) => "ICE",
        RtcError::Sctp(_) => "SCTP",
        RtcError::Net(_) => "a datagram",
        _ => "RTP",
    })
}
