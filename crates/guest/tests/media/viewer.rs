//! A viewer: what a browser does, with str0m.

use std::{
    net::UdpSocket,
    time::{Duration, Instant},
};

use anteroom_guest::{
    encode::Codec,
    media::{Config, Engine, Event as MediaEvent, EventKind},
};
use anteroom_protocol::{
    Epoch, Secret,
    input::{FromGuest, INPUT_CHANNEL, Input, MOTION_CHANNEL, Motion},
    signaling::{Answer, Candidate, Offer, OfferType},
};
use str0m::{
    Event, Input as RtcInput, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    channel::{ChannelConfig, ChannelId, Reliability},
    media::{Direction, MediaKind},
    net::{Protocol, Receive},
};
use tokio::sync::mpsc::Receiver;

use crate::display::{DEADLINE, SIZE};

pub(crate) struct Viewer {
    rtc: Rtc,
    socket: UdpSocket,
    pending: Option<SdpPendingOffer>,
    open: Vec<(ChannelId, String)>,
    /// Video frames, as they came.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) heard: Vec<FromGuest>,
    pub(crate) closed: bool,
    sequence: u32,
}

pub(crate) fn engine() -> (Engine, Receiver<MediaEvent>) {
    Engine::start(Config { address: [127, 0, 0, 1].into(), size: SIZE }).expect("GStreamer's plugins are installed")
}

impl Viewer {
    /// A viewer that can decode `codec` only, and its offer.
    pub(crate) fn offering(codec: Codec) -> (Self, Offer) {
        let config = RtcConfig::new().clear_codecs();
        let config = match codec {
            Codec::H264 => config.enable_h264(true),
            Codec::Vp8 => config.enable_vp8(true),
        };
        Self::with(config, MediaKind::Video)
    }

    pub(crate) fn with(config: RtcConfig, kind: MediaKind) -> (Self, Offer) {
        let mut rtc = config.build(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = str0m::Candidate::host(socket.local_addr().unwrap(), "udp").unwrap();
        rtc.add_local_candidate(local);
        let mut changes = rtc.sdp_api();
        changes.add_media(kind, Direction::RecvOnly, None, None, None);
        changes.add_channel(INPUT_CHANNEL.to_owned());
        changes.add_channel_with_config(ChannelConfig {
            label: MOTION_CHANNEL.to_owned(),
            ordered: false,
            reliability: Reliability::MaxRetransmits { retransmits: 0 },
            ..ChannelConfig::default()
        });
        let (offer, pending) = changes.apply().unwrap();
        let offer = Offer { kind: OfferType::Offer, sdp: Secret::new(offer.to_sdp_string()) };
        let (pending, open, frames, heard) = (Some(pending), Vec::new(), Vec::new(), Vec::new());
        (Self { rtc, socket, pending, open, frames, heard, closed: false, sequence: 0 }, offer)
    }

    /// Offers to the engine, takes its answer, and waits until the input channels are open.
    pub(crate) fn connect(engine: &Engine, epoch: u32, codec: Codec) -> Self {
        let (mut viewer, offer) = Self::offering(codec);
        let (answer, candidates) = engine.answer(Epoch(epoch), &offer, &[]).unwrap();
        viewer.accept(&answer, &candidates);
        viewer.run_until("both channels are open", |viewer| viewer.open.len() == 2);
        viewer
    }

    pub(crate) fn accept(&mut self, answer: &Answer, candidates: &[Candidate]) {
        let answer = SdpAnswer::from_sdp_string(answer.sdp.expose()).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        for candidate in candidates.iter().filter(|candidate| !candidate.is_end()) {
            self.rtc.add_remote_candidate(str0m::Candidate::from_sdp_string(candidate.candidate.expose()).unwrap());
        }
    }

    pub(crate) fn send(&mut self, input: &Input) {
        let json = serde_json::to_vec(input).unwrap();
        self.send_raw(INPUT_CHANNEL, &json);
    }

    pub(crate) fn move_to(&mut self, x: u16, y: u16) {
        self.sequence += 1;
        let json = serde_json::to_vec(&Motion { seq: self.sequence, x, y }).unwrap();
        self.send_raw(MOTION_CHANNEL, &json);
    }

    pub(crate) fn send_raw(&mut self, label: &str, bytes: &[u8]) {
        let id = self.open.iter().find(|(_, open)| open == label).expect("the channel is open").0;
        assert!(self.rtc.channel(id).unwrap().write(false, bytes).unwrap(), "the channel takes it");
        self.turn();
    }

    pub(crate) fn close(mut self) {
        self.rtc.close().unwrap();
        self.turn();
    }

    /// Runs until something is so.
    pub(crate) fn run_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        self.turn();
        while !is_so(self) {
            assert!(Instant::now() < deadline, "not in time: {what}");
            self.receive();
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.rtc.handle_input(RtcInput::Timeout(Instant::now())).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => drop(self.socket.send_to(&transmit.contents, transmit.destination)),
                Output::Event(event) => self.hear(event),
            }
        }
    }

    fn hear(&mut self, event: Event) {
        // str0m's enum is open, and most of it is of no concern here.
        #[expect(clippy::wildcard_enum_match_arm)]
        match event {
            Event::ChannelOpen(id, label) => self.open.push((id, label)),
            Event::ChannelData(data) => self.heard.push(serde_json::from_slice(&data.data).unwrap()),
            Event::MediaData(data) => self.frames.push(data.data.to_vec()),
            Event::Closed => self.closed = true,
            _ => {}
        }
    }

    fn receive(&mut self) {
        self.socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let mut buffer = [0; 2048];
        let Ok((length, source)) = self.socket.recv_from(&mut buffer) else { return };
        let destination = self.socket.local_addr().unwrap();
        let Ok(contents) = buffer[..length].try_into() else { return };
        let received = Receive { proto: Protocol::Udp, source, destination, contents };
        self.rtc.handle_input(RtcInput::Receive(Instant::now(), received)).unwrap();
    }
}

/// Waits, while the viewer runs, for an event of an epoch.
pub(crate) fn await_event(viewer: &mut Viewer, events: &mut Receiver<MediaEvent>, epoch: u32, kind: &EventKind) {
    let mut seen = Vec::new();
    viewer.run_until(&format!("{kind:?} of epoch {epoch}"), |_| {
        while let Ok(event) = events.try_recv() {
            seen.push(event);
        }
        seen.iter().any(|event| event.epoch == Epoch(epoch) && event.kind == *kind)
    });
}

/// Types of the NAL units of an H264 frame in Annex B.
pub(crate) fn nal_types(frame: &[u8]) -> Vec<u8> {
    let starts = frame.windows(4).enumerate().filter(|(_, window)| window[..3] == [0, 0, 1]);
    starts.map(|(_, window)| window[3] & 31).collect()
}

pub(crate) fn is_h264_keyframe(frame: &[u8]) -> bool {
    let types = nal_types(frame);
    types.contains(&7) && types.contains(&8) && types.contains(&5)
}
