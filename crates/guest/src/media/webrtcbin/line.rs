//! One viewer's pipeline: built, listened to, fed. Knows nothing of who the viewer is, and is taken apart elsewhere.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use gstreamer::{self as gst, glib, prelude::*};
use gstreamer_app::AppSrc;
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::{
    channel::DataChannel,
    ears::{Ears, Told},
    feedback,
    keeper::Remains,
    offer::{TRANSPORT_CC, Wanted},
};
use crate::encode::{Codec, EncodedFrame};

/// The largest RTP packet; what DTLS, UDP and a relay add fits an MTU of 1280 then.
const PACKET_BYTES: u32 = 1_150;
/// Frames that wait for the payloader, which takes each within a millisecond.
const MAX_FRAMES: u64 = 4;

/// A pipeline that runs. Dropped, it is the keeper's.
pub(super) struct Line {
    pub(super) bin: gst::Element,
    pipeline: gst::Pipeline,
    source: AppSrc,
    /// Dropped after the others, so that what is left is the keeper's alone.
    remains: Remains,
}

impl Line {
    /// `appsrc` and `webrtcbin`; what comes between them depends on the offer. Only `address` is offered.
    pub(super) fn build(address: IpAddr, ears: &Arc<Ears>, mut remains: Remains) -> Result<Self, glib::BoolError> {
        let bin = gst::ElementFactory::make("webrtcbin").property_from_str("bundle-policy", "max-bundle").build()?;
        let ice = bin.property::<glib::Object>("ice-agent");
        ice.set_property("ice-tcp", false);
        ice.emit_by_name::<bool>("add-local-ip-address", &[&address.to_string()]);
        let agent = ice.property::<glib::Object>("agent");
        // It waits for routers that would map a port.
        agent.set_property("upnp", false);
        // A path that carries nothing any more is noticed.
        agent.set_property("keepalive-conncheck", true);
        let source = AppSrc::builder().name("frames").is_live(true).format(gst::Format::Time).build();
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([source.upcast_ref(), &bin])?;
        watch_states(&bin, ears);
        watch_bus(&pipeline, ears);
        remains.hold(&pipeline);
        let line = Self { bin, pipeline, source, remains };
        line.pipeline.set_state(gst::State::Playing).map_err(|_| glib::bool_error!("the pipeline did not start"))?;
        Ok(line)
    }

    /// Listens to the viewer's channels.
    pub(super) fn listen(&self, ears: &Arc<Ears>) {
        let ears = Arc::clone(ears);
        self.bin.connect("on-data-channel", false, move |values| {
            let channel = values.get(1).and_then(|channel| channel.get::<glib::Object>().ok());
            let channel = channel.map(DataChannel::new);
            if let Some((channel, known)) = channel.and_then(|channel| channel.known().map(|known| (channel, known))) {
                channel.listen(known, &ears);
                ears.tell(Told::Opened(known, channel));
            }
            None
        });
    }

    /// Puts the payloader in, for what the offer wants.
    pub(super) fn connect(&self, wanted: &Wanted, ears: &Arc<Ears>) -> Result<(), glib::BoolError> {
        self.source.set_caps(Some(&encoded_caps(wanted.codec)));
        let sent = rtp_caps(wanted);
        let payloader = payloader(wanted)?;
        let filter = gst::ElementFactory::make("capsfilter").property("caps", &sent).build()?;
        self.pipeline.add_many([&payloader, &filter])?;
        gst::Element::link_many([self.source.upcast_ref(), &payloader, &filter])?;
        let named = format!("sink_{}", wanted.section);
        let sink = self.bin.request_pad_simple(&named).ok_or(glib::bool_error!("webrtcbin gave no pad"))?;
        let transceiver = sink.property::<glib::Object>("transceiver");
        transceiver.set_property("codec-preferences", sent);
        transceiver.set_property_from_str("direction", "sendonly");
        transceiver.set_property("do-nack", true);
        let end = filter.static_pad("src").ok_or(glib::bool_error!("a filter without an end"))?;
        watch_events(&end, ears);
        end.link(&sink).map_err(|_| glib::bool_error!("the pads did not fit"))?;
        payloader.sync_state_with_parent()?;
        filter.sync_state_with_parent()
    }

    /// Once negotiated: listens to the end of DTLS, which `webrtcbin` keeps to itself, and tells
    /// RTP's session that the pipeline adds no latency, which it wants to know before it notes when packets were sent.
    /// The pipeline would ask all its elements, some of which wait for DTLS.
    pub(super) fn negotiated(&self, ears: &Arc<Ears>) {
        if let Some(decoder) = find(&self.pipeline, "dtlsdec") {
            let ears = Arc::clone(ears);
            decoder.connect_notify(Some("connection-state"), move |decoder, _| {
                match nick(decoder, "connection-state").as_str() {
                    "closed" => ears.tell(Told::Left),
                    "failed" => ears.tell(Told::Broken("DTLS")),
                    _ => {}
                }
            });
        }
        if let Some(sent) = find(&self.pipeline, "rtpsession").and_then(|session| session.static_pad("send_rtp_src")) {
            sent.send_event(gst::event::Latency::new(gst::ClockTime::ZERO));
        }
    }

    /// Sends a frame. Returns whether it was taken.
    pub(super) fn push(&self, frame: &EncodedFrame, origin: Instant) -> bool {
        let waiting = self.source.property::<u64>("current-level-buffers");
        let Some(now) = self.pipeline.current_running_time().filter(|_| waiting < MAX_FRAMES) else { return false };
        let age = Instant::now().saturating_duration_since(origin + frame.time);
        let captured = now.nseconds().saturating_sub(u64::try_from(age.as_nanos()).unwrap_or(u64::MAX));
        let mut buffer = gst::Buffer::from_slice(Arc::clone(&frame.data));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(captured));
            if !frame.keyframe {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        self.source.push_buffer(buffer).is_ok()
    }

    /// The time by the clock that packets are noted with.
    pub(super) fn clock(&self) -> Duration {
        let time = self.pipeline.clock().map(|clock| clock.time());
        time.map_or(Duration::ZERO, |time| Duration::from_nanos(time.nseconds()))
    }

    /// DTLS is up, so that there is somebody to say goodbye to.
    pub(super) fn secured(&mut self) {
        self.remains.say_goodbye();
    }
}

/// The first element of a kind in a pipeline.
pub(super) fn find(pipeline: &gst::Pipeline, kind: &str) -> Option<gst::Element> {
    let is_kind = |element: &gst::Element| element.factory().is_some_and(|factory| factory.name() == kind);
    pipeline.iterate_recurse().into_iter().flatten().find(is_kind)
}

fn encoded_caps(codec: Codec) -> gst::Caps {
    match codec {
        Codec::H264 => {
            gst::Caps::builder("video/x-h264").field("stream-format", "byte-stream").field("alignment", "au")
        }
        Codec::Vp8 => gst::Caps::builder("video/x-vp8"),
    }
    .build()
}

fn payloader(wanted: &Wanted) -> Result<gst::Element, glib::BoolError> {
    let payloader = match wanted.codec {
        // The encoder writes the parameter sets before each keyframe itself.
        Codec::H264 => gst::ElementFactory::make("rtph264pay").property_from_str("aggregate-mode", "zero-latency"),
        Codec::Vp8 => gst::ElementFactory::make("rtpvp8pay").property_from_str("picture-id-mode", "15-bit"),
    };
    payloader.property("pt", u32::from(wanted.payload_type)).property("mtu", PACKET_BYTES).build()
}

/// What is sent, in the offer's numbers. Without the codec's parameters, which the payloader would hold against what it
/// gets; the answer has those of the offer.
fn rtp_caps(wanted: &Wanted) -> gst::Caps {
    let name = match wanted.codec {
        Codec::H264 => "H264",
        Codec::Vp8 => "VP8",
    };
    let mut caps = gst::Structure::builder("application/x-rtp")
        .field("media", "video")
        .field("encoding-name", name)
        .field("clock-rate", 90_000)
        .field("payload", i32::from(wanted.payload_type))
        .field("ssrc", glib::random_int())
        .build();
    for feedback in &wanted.feedback {
        caps.set(format!("rtcp-fb-{feedback}"), true);
    }
    if let Some(number) = wanted.transport_cc {
        caps.set(format!("extmap-{number}"), TRANSPORT_CC);
    }
    gst::Caps::from_iter([caps])
}

fn watch_states(bin: &gst::Element, ears: &Arc<Ears>) {
    let told = Arc::clone(ears);
    bin.connect_notify(Some("ice-connection-state"), move |bin, _| match nick(bin, "ice-connection-state").as_str() {
        "connected" | "completed" => told.tell(Told::PathFound),
        "disconnected" | "failed" => told.tell(Told::PathLost),
        _ => {}
    });
    let told = Arc::clone(ears);
    bin.connect_notify(Some("connection-state"), move |bin, _| {
        if nick(bin, "connection-state") == "connected" {
            told.tell(Told::Secured);
        }
    });
}

/// The name of an enumerated property's value.
fn nick(object: &gst::Element, property: &str) -> String {
    let value = object.property_value(property);
    glib::EnumValue::from_value(&value).map(|(_, value)| value.nick().to_owned()).unwrap_or_default()
}

/// Nobody reads the bus, which has no bound.
fn watch_bus(pipeline: &gst::Pipeline, ears: &Arc<Ears>) {
    let ears = Arc::clone(ears);
    if let Some(bus) = pipeline.bus() {
        bus.set_sync_handler(move |_, message| {
            if message.type_() == gst::MessageType::Error {
                ears.tell(Told::Broken("an element of its pipeline"));
            }
            gst::BusSyncReply::Drop
        });
    }
}

/// What the viewer's RTCP asks for and tells comes as events from `webrtcbin`.
fn watch_events(pad: &gst::Pad, ears: &Arc<Ears>) {
    let ears = Arc::clone(ears);
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(event) = info.event() {
            if UpstreamForceKeyUnitEvent::parse(event).is_ok() {
                ears.tell(Told::KeyframeWanted);
            } else if let Some(packets) = event.structure().and_then(feedback::packets) {
                ears.tell(Told::Feedback(packets));
            }
        }
        gst::PadProbeReturn::Ok
    });
}
