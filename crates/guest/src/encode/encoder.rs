//! One GStreamer pipeline, `appsrc ! encoder ! appsink`, tuned for a desktop: no look-ahead, no B-frames, no
//! keyframes but those asked for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anteroom_protocol::guest::DesktopSize;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::{Codec, EncodeError, EncodedFrame};
use crate::screen::picture::Picture;

/// Buffers of the picture pool: one in the encoder, one on its way.
const POOL_BUFFERS: u32 = 2;
/// How good H264 is where the network allows: text on a desktop looks like the original.
const H264_QUALITY: u32 = 23;
/// What one picture may take of the network at most: more would delay all that follow. What it lacks then comes with
/// the next ones.
const PICTURE_MS: u32 = 90;
/// Threads of an encoder: slices of one picture, so that they shorten its latency.
const ENCODER_THREADS: u32 = 2;
/// The frame rate that rate control reckons with; frames come when the desktop changes.
const NOMINAL_FPS: i32 = 60;

/// An encoder that runs. Dropping it ends it.
pub struct Encoder {
    codec: Codec,
    pipeline: gst::Pipeline,
    source: AppSrc,
    element: gst::Element,
    pool: gst::BufferPool,
    time: CaptureTime,
}

/// When the picture that is being encoded was captured. GStreamer's own timestamps come out shifted by 1000 hours
/// from x264enc; only one picture is in the encoder at a time.
#[derive(Clone, Default)]
struct CaptureTime(Arc<AtomicU64>);

impl CaptureTime {
    fn set(&self, time: Duration) {
        self.0.store(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
    }

    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Acquire))
    }
}

impl Encoder {
    /// Starts an encoder; `on_frame` is called on its thread with each frame, soon after it was pushed.
    ///
    /// # Errors
    /// Says which step GStreamer refused.
    pub fn start(
        codec: Codec,
        size: DesktopSize,
        kbps: u32,
        on_frame: impl Fn(EncodedFrame) + Send + 'static,
    ) -> Result<Self, EncodeError> {
        let caps = raw_caps(size);
        let source = AppSrc::builder().caps(&caps).is_live(true).format(gst::Format::Time).build();
        let element = match codec {
            Codec::H264 => x264(kbps),
            Codec::Vp8 => vp8(kbps),
        }
        .map_err(refused(codec, "make its element"))?;
        let time = CaptureTime::default();
        let sink = sink(codec, time.clone(), on_frame);
        let pipeline = gst::Pipeline::new();
        let parts = [source.upcast_ref(), &element, sink.upcast_ref::<gst::Element>()];
        pipeline.add_many(parts).map_err(refused(codec, "build its pipeline"))?;
        gst::Element::link_many(parts).map_err(refused(codec, "link its pipeline"))?;
        let length = Picture::black(size).planes().iter().map(|plane| plane.len()).sum();
        let pool = pool(&caps, length).map_err(refused(codec, "make its buffers"))?;
        pipeline.set_state(gst::State::Playing).map_err(refused(codec, "start"))?;
        Ok(Self { codec, pipeline, source, element, pool, time })
    }

    /// Encodes a picture, captured `time` after the start. Called again only after its frame came out.
    ///
    /// # Errors
    /// The encoder has ended.
    pub fn push(&self, picture: &Picture, time: Duration, keyframe: bool) -> Result<(), EncodeError> {
        if keyframe {
            let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            if !self.element.send_event(event) {
                tracing::warn!(codec = ?self.codec, "the encoder took no request for a keyframe");
            }
        }
        let mut buffer = self.pool.acquire_buffer(None).map_err(refused(self.codec, "lend a buffer"))?;
        let filled = buffer.get_mut().ok_or("the buffer is shared").and_then(|buffer| {
            buffer.set_pts(gst::ClockTime::from_nseconds(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)));
            let mut map = buffer.map_writable().map_err(|_| "the buffer can't be mapped")?;
            let mut rest = map.as_mut_slice();
            for plane in picture.planes() {
                let (here, after) = rest.split_at_mut_checked(plane.len()).ok_or("the buffer is short")?;
                here.copy_from_slice(plane);
                rest = after;
            }
            Ok(())
        });
        filled.map_err(refused(self.codec, "fill a buffer"))?;
        self.time.set(time);
        self.source.push_buffer(buffer).map_err(refused(self.codec, "take a picture"))?;
        Ok(())
    }

    /// Sets the rate that the network carries: a limit for H264, which else has a constant quality.
    pub fn set_bitrate(&self, kbps: u32) {
        match self.codec {
            Codec::H264 => self.element.set_property("bitrate", kbps),
            Codec::Vp8 => self.element.set_property("target-bitrate", i32::try_from(kbps * 1000).unwrap_or(i32::MAX)),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(codec = ?self.codec, %error, "the encoder did not stop");
        }
        if let Err(error) = self.pool.set_active(false) {
            tracing::warn!(codec = ?self.codec, %error, "the encoder's buffers were not given back");
        }
    }
}

fn refused<E: std::fmt::Display>(codec: Codec, what: &'static str) -> impl FnOnce(E) -> EncodeError {
    move |error| EncodeError::Pipeline { codec, what, reason: error.to_string() }
}

fn raw_caps(size: DesktopSize) -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", i32::from(size.width))
        .field("height", i32::from(size.height))
        .field("framerate", gst::Fraction::new(NOMINAL_FPS, 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("colorimetry", "bt601")
        .build()
}

fn pool(caps: &gst::Caps, length: usize) -> Result<gst::BufferPool, gst::glib::BoolError> {
    let pool = gst::BufferPool::new();
    let mut config = pool.config();
    config.set_params(Some(caps), u32::try_from(length).unwrap_or(u32::MAX), POOL_BUFFERS, 0);
    pool.set_config(config)?;
    pool.set_active(true)?;
    Ok(pool)
}

fn x264(kbps: u32) -> Result<gst::Element, gst::glib::BoolError> {
    let element = gst::ElementFactory::make("x264enc")
        .property_from_str("speed-preset", "ultrafast")
        .property_from_str("tune", "zerolatency")
        .property_from_str("pass", "qual")
        .property("quantizer", H264_QUALITY)
        .property("bitrate", kbps)
        .property("vbv-buf-capacity", PICTURE_MS)
        .property("key-int-max", i32::MAX as u32 / 2)
        .property("threads", ENCODER_THREADS)
        .property("byte-stream", true)
        .property("aud", false)
        .build()?;
    Ok(element)
}

fn vp8(kbps: u32) -> Result<gst::Element, gst::glib::BoolError> {
    gst::ElementFactory::make("vp8enc")
        .property("deadline", 1i64)
        .property("cpu-used", 16i32)
        .property("lag-in-frames", 0i32)
        .property_from_str("end-usage", "cbr")
        .property("target-bitrate", i32::try_from(kbps * 1000).unwrap_or(i32::MAX))
        .property("keyframe-max-dist", i32::MAX)
        .property("static-threshold", 100i32)
        .property("threads", i32::try_from(ENCODER_THREADS).unwrap_or(1))
        .property_from_str("error-resilient", "default")
        .build()
}

fn encoded_caps(codec: Codec) -> gst::Caps {
    match codec {
        Codec::H264 => gst::Caps::builder("video/x-h264")
            .field("stream-format", "byte-stream")
            .field("alignment", "au")
            .field("profile", "constrained-baseline")
            .build(),
        Codec::Vp8 => gst::Caps::builder("video/x-vp8").build(),
    }
}

fn sink(codec: Codec, time: CaptureTime, on_frame: impl Fn(EncodedFrame) + Send + 'static) -> AppSink {
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
        let data = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        on_frame(EncodedFrame {
            codec,
            data: Arc::from(data.as_slice()),
            keyframe: !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT),
            time: time.get(),
        });
        Ok(gst::FlowSuccess::Ok)
    });
    AppSink::builder().caps(&encoded_caps(codec)).sync(false).callbacks(callbacks.build()).build()
}
