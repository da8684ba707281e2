//! A viewer: what a browser does, with str0m.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use anteroom_guest::{
    encode::Codec,
    media::{Config, Engine, Event as MediaEvent, EventKind, Who},
};
use anteroom_protocol::{
    Epoch, Secret, ViewId,
    guest::MediaEngine,
    input::{FromGuest, INPUT_CHANNEL, Input, MOTION_CHANNEL, Motion},
    signaling::{Answer, Candidate, Offer, OfferType},
};
use socket2::{Domain, Socket, Type};
use str0m::{
    Event, Input as RtcInput, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    channel::{ChannelConfig, ChannelId, Reliability},
    media::{Direction, KeyframeRequestKind, MediaKind, Mid},
    net::{Protocol, Receive, TcpType, Transmit},
};
use tokio::sync::mpsc::Receiver;

use crate::display::{DEADLINE, SIZE};

/// How a viewer's datagrams go.
enum Wire {
    Udp(UdpSocket),
    /// With what was read and is no whole datagram yet.
    Tcp(TcpStream, Vec<u8>),
}

pub(crate) struct Viewer {
    rtc: Rtc,
    wire: Wire,
    video: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    open: Vec<(ChannelId, String)>,
    /// Video frames, as they came.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) heard: Vec<FromGuest>,
    pub(crate) closed: bool,
    sequence: u32,
}

pub(crate) fn start(engine: MediaEngine) -> (Engine, Receiver<MediaEvent>) {
    Engine::start(Config { address: [127, 0, 0, 1].into(), size: SIZE, engine })
        .expect("GStreamer's plugins are installed")
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

    /// As many players of streams do: sound first, then the picture.
    pub(crate) fn offering_sound_too() -> (Self, Offer) {
        Self::with_kinds(RtcConfig::new(), &[MediaKind::Audio, MediaKind::Video])
    }

    pub(crate) fn with(config: RtcConfig, kind: MediaKind) -> (Self, Offer) {
        Self::with_kinds(config, &[kind])
    }

    fn with_kinds(config: RtcConfig, kinds: &[MediaKind]) -> (Self, Offer) {
        let mut rtc = config.build(Instant::now());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = str0m::Candidate::host(socket.local_addr().unwrap(), "udp").unwrap();
        rtc.add_local_candidate(local);
        let mut changes = rtc.sdp_api();
        let mut video = None;
        for kind in kinds {
            let mid = changes.add_media(*kind, Direction::RecvOnly, None, None, None);
            video = (*kind == MediaKind::Video).then_some(mid).or(video);
        }
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
        let wire = Wire::Udp(socket);
        (Self { rtc, wire, video, pending, open, frames, heard, closed: false, sequence: 0 }, offer)
    }

    /// Offers to the engine, takes its answer, and waits until the input channels are open.
    pub(crate) fn connect(engine: &Engine, epoch: u32, codec: Codec) -> Self {
        let (mut viewer, offer) = Self::offering(codec);
        let (answer, candidates) = engine.answer(Epoch(epoch), &offer, &[]).unwrap();
        viewer.accept(&answer, &candidates);
        viewer.run_until("both channels are open", |viewer| viewer.open.len() == 2);
        viewer
    }

    /// Watches only.
    pub(crate) fn watch(engine: &Engine, view: &ViewId, codec: Codec) -> Self {
        let (mut viewer, offer) = Self::offering(codec);
        let answer = engine.answer_view(view, &offer).unwrap();
        viewer.accept(&answer, &[]);
        viewer.run_until("both channels are open", |viewer| viewer.open.len() == 2);
        viewer
    }

    /// As [`Self::accept`], in a network that lets no UDP through: connects to the engine's TCP candidate.
    /// `receive_bytes` is how much the viewer's kernel keeps for it.
    pub(crate) fn accept_over_tcp(&mut self, answer: &Answer, receive_bytes: usize) {
        let far = tcp_address(answer);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(receive_bytes).unwrap();
        socket.connect(&far.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        let near = stream.local_addr().unwrap();
        self.wire = Wire::Tcp(stream, Vec::new());
        let local = str0m::Candidate::builder().tcp().host(near).tcptype(TcpType::Active).build().unwrap();
        self.rtc.add_local_candidate(local);
        self.accept(answer, &[]);
    }

    /// Asks for a keyframe, as a browser does that can't decode what comes.
    pub(crate) fn ask_for_a_keyframe(&mut self) {
        let mid = self.video.expect("there is video");
        let mut writer = self.rtc.writer(mid).expect("the section exists");
        writer.request_keyframe(None, KeyframeRequestKind::Pli).unwrap();
        self.turn();
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
        if let Wire::Tcp(stream, _) = &mut self.wire {
            // A socket that is closed with something unread resets its connection, and the goodbye is lost with it.
            // The engine may have heard it and hung up already, with a reset of its own.
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            if stream.shutdown(Shutdown::Write).is_ok() {
                let _ = std::io::copy(stream, &mut std::io::sink());
            }
        }
    }

    /// Runs until something is so.
    pub(crate) fn run_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        self.turn();
        while !is_so(self) {
            assert!(Instant::now() < deadline, "not in time: {what}");
            self.step();
        }
    }

    /// Takes in one datagram, if one comes soon.
    pub(crate) fn step(&mut self) {
        self.receive();
        self.turn();
    }

    fn turn(&mut self) {
        self.rtc.handle_input(RtcInput::Timeout(Instant::now())).unwrap();
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(_) => return,
                Output::Transmit(transmit) => self.wire.send(&transmit),
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
        let mut buffer = [0; 2048];
        let Some((proto, source, destination, length)) = self.wire.receive(&mut buffer) else { return };
        let Ok(contents) = buffer[..length].try_into() else { return };
        let received = Receive { proto, source, destination, contents };
        self.rtc.handle_input(RtcInput::Receive(Instant::now(), received)).unwrap();
    }
}

/// What does not come by then is waited for in the next turn.
const READ_TIMEOUT: Duration = Duration::from_millis(10);

impl Wire {
    fn send(&mut self, transmit: &Transmit) {
        match self {
            Self::Udp(socket) => {
                if transmit.proto == Protocol::Udp {
                    let _ = socket.send_to(&transmit.contents, transmit.destination);
                }
            }
            Self::Tcp(stream, _) => {
                if transmit.proto == Protocol::Tcp {
                    let length = u16::try_from(transmit.contents.len()).unwrap().to_be_bytes();
                    let _ = stream.write_all(&[&length, &transmit.contents[..]].concat());
                }
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<(Protocol, SocketAddr, SocketAddr, usize)> {
        match self {
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
                let (length, source) = socket.recv_from(buffer).ok()?;
                Some((Protocol::Udp, source, socket.local_addr().unwrap(), length))
            }
            Self::Tcp(stream, waiting) => {
                let length = loop {
                    if let Some(length) = take_datagram(waiting, buffer) {
                        break length;
                    }
                    stream.set_read_timeout(Some(READ_TIMEOUT)).unwrap();
                    let mut bytes = [0; 4096];
                    match stream.read(&mut bytes) {
                        Ok(0) | Err(_) => return None,
                        Ok(length) => waiting.extend_from_slice(&bytes[..length]),
                    }
                };
                Some((Protocol::Tcp, stream.peer_addr().ok()?, stream.local_addr().ok()?, length))
            }
        }
    }
}

fn take_datagram(waiting: &mut Vec<u8>, buffer: &mut [u8]) -> Option<usize> {
    let length = usize::from(u16::from_be_bytes(*waiting.first_chunk()?));
    buffer[..length].copy_from_slice(waiting.get(2..2 + length)?);
    waiting.drain(..2 + length);
    Some(length)
}

/// The engine's TCP candidate.
pub(crate) fn tcp_address(answer: &Answer) -> SocketAddr {
    let lines = answer.sdp.expose().lines();
    let line = lines.filter(|line| line.starts_with("a=candidate:")).find(|line| line.contains(" tcp "));
    let line = line.expect("the answer offers TCP");
    assert!(line.contains("tcptype passive"), "{line}");
    let words: Vec<&str> = line.split_whitespace().collect();
    SocketAddr::new(words[4].parse().unwrap(), words[5].parse().unwrap())
}

/// Waits until the other side has closed a connection.
pub(crate) fn await_end(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(length) => assert_eq!(length, 0, "the engine says nothing to strangers"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the connection is closed in time"),
    }
}

/// Waits, while the viewer runs, for an event of an epoch.
pub(crate) fn await_event(viewer: &mut Viewer, events: &mut Receiver<MediaEvent>, epoch: u32, kind: &EventKind) {
    let mut seen = Vec::new();
    viewer.run_until(&format!("{kind:?} of epoch {epoch}"), |_| {
        while let Ok(event) = events.try_recv() {
            seen.push(event);
        }
        seen.iter().any(|event| event.who == Who::Epoch(Epoch(epoch)) && event.kind == *kind)
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
