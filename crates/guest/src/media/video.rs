//! The `screen` thread: waits for the desktop to change, and feeds the encoders.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anteroom_protocol::guest::DesktopSize;

use super::{
    MediaError,
    link::{Each, Link, MAX_FRAMES, ToScreen},
    pace::{Pace, Situation, Step},
    rate,
};
use crate::{
    encode::{Codec, EncodedFrame, Encoder},
    screen::Screen,
};

/// A picture that did not come out of the encoder by then never will; a frame takes 10 ms, some 100 on a busy host.
const ENCODE_TIMEOUT: Duration = Duration::from_secs(3);

/// When the picture was captured that only warms an encoder up. Nobody is to see it, also who is connected before.
pub(super) const WARMING: Duration = Duration::ZERO;

/// One encoder, when it is wanted.
#[derive(Default)]
struct Slot {
    encoder: Option<Encoder>,
    busy_since: Option<Instant>,
    watched: bool,
    keyframe: bool,
}

/// The thread's state.
pub(super) struct Video {
    link: Arc<Link>,
    screen: Screen,
    size: DesktopSize,
    /// Zero of the frames' times.
    origin: Instant,
    slots: Each<Slot>,
    pace: Pace,
    kbps: u32,
    congested: bool,
}

/// An H264 encoder that hands its frames to the `media` thread.
pub(super) fn encoder(codec: Codec, size: DesktopSize, kbps: u32, link: &Arc<Link>) -> Result<Encoder, MediaError> {
    let link = Arc::clone(link);
    let deliver = move |frame: EncodedFrame| {
        let (codec, bytes) = (frame.codec, frame.data.len());
        let is_shown = frame.time != WARMING;
        let late = is_shown
            && link.media.tell(|media| {
                let late = media.frames.len() >= MAX_FRAMES;
                if late {
                    media.frames.clear();
                } else {
                    media.frames.push(frame);
                }
                late
            });
        if late {
            tracing::warn!("the media thread is late; frames are dropped");
        }
        link.screen.tell(|screen| {
            *screen.encoded.of(codec) = Some(bytes);
            // What follows a dropped frame can't be decoded, and no viewer would notice: nothing is missing in RTP.
            if late {
                screen.keyframe = Each { h264: true, vp8: true };
            }
        });
    };
    Ok(Encoder::start(codec, size, kbps, deliver)?)
}

impl Video {
    pub(super) fn new(link: Arc<Link>, screen: Screen, size: DesktopSize, origin: Instant, warm: Encoder) -> Self {
        let mut slots = Each::<Slot>::default();
        slots.h264.encoder = Some(warm);
        // With the picture that warmed it up.
        slots.h264.busy_since = Some(Instant::now());
        let (pace, kbps) = (Pace::new(Instant::now()), rate::START_KBPS);
        Self { link, screen, size, origin, slots, pace, kbps, congested: false }
    }

    /// Runs until it is told to stop, or the display is gone.
    pub(super) fn run(mut self) {
        if let Err(error) = self.turn_until_stopped() {
            tracing::warn!(%error, "the desktop is no longer captured");
        }
    }

    fn turn_until_stopped(&mut self) -> Result<(), MediaError> {
        loop {
            self.screen.pump()?;
            if self.listen()? {
                return Ok(());
            }
            let now = Instant::now();
            match self.pace.next(self.situation(), now) {
                Step::Show => self.show(now)?,
                Step::WaitUntil(time) => self.wait(Some(time)),
                Step::Wait => self.wait(self.busy_until()),
            }
        }
    }

    fn wait(&self, until: Option<Instant>) {
        if let Err(error) = self.link.screen.wait(Some(self.screen.fd()), until) {
            tracing::warn!(%error, "the screen thread can't wait");
        }
    }

    /// Takes in what the others told. Returns whether to stop.
    fn listen(&mut self) -> Result<bool, MediaError> {
        let told = self.link.screen.read(|told| {
            let all = *told;
            (told.keyframe, told.encoded) = (Each::default(), Each::default());
            all
        });
        self.congested = told.congested;
        let kbps = if told.kbps == 0 { self.kbps } else { told.kbps };
        for codec in [Codec::H264, Codec::Vp8] {
            self.listen_for(codec, told, kbps)?;
        }
        self.kbps = kbps;
        Ok(told.stop)
    }

    fn listen_for(&mut self, codec: Codec, mut told: ToScreen, kbps: u32) -> Result<(), MediaError> {
        let slot = self.slots.of(codec);
        if let Some(bytes) = told.encoded.of(codec) {
            let took = slot.busy_since.take().map(|since| since.elapsed());
            tracing::trace!(?codec, bytes, ?took, "a picture was encoded");
            self.pace.encoded(*bytes);
        }
        slot.watched = *told.watched.of(codec);
        slot.keyframe |= *told.keyframe.of(codec);
        if slot.busy_since.is_some_and(|since| since.elapsed() > ENCODE_TIMEOUT) {
            tracing::warn!(?codec, "the encoder did not give a frame back; it is started again");
            (slot.encoder, slot.busy_since, slot.keyframe) = (None, None, true);
        }
        match (&slot.encoder, slot.watched) {
            (None, true) => slot.encoder = Some(encoder(codec, self.size, kbps, &self.link)?),
            // H264 stays warm for the next viewer; VP8 is rare.
            (Some(_), false) if codec == Codec::Vp8 => *slot = Slot::default(),
            (Some(encoder), _) if kbps != self.kbps => encoder.set_bitrate(kbps),
            (Some(_), _) | (None, false) => {}
        }
        Ok(())
    }

    fn situation(&self) -> Situation {
        let slots = [&self.slots.h264, &self.slots.vp8];
        Situation {
            watched: slots.iter().any(|slot| slot.watched),
            changed: self.screen.has_changed(),
            keyframe: slots.iter().any(|slot| slot.watched && slot.keyframe),
            busy: slots.iter().any(|slot| slot.busy_since.is_some()),
            congested: self.congested,
        }
    }

    fn busy_until(&self) -> Option<Instant> {
        let since = [self.slots.h264.busy_since, self.slots.vp8.busy_since].into_iter().flatten().min();
        since.map(|since| since + ENCODE_TIMEOUT + Duration::from_millis(1))
    }

    fn show(&mut self, now: Instant) -> Result<(), MediaError> {
        // Also when the X server told nothing: a program that moves the pointer makes no event.
        let changed = self.screen.grab()?;
        tracing::trace!(changed, took = ?now.elapsed(), "the desktop was captured");
        let situation = self.situation();
        if changed || self.pace.next(situation, now) == Step::Show {
            self.pace.shown(changed || situation.keyframe, now);
            self.encode(now)?;
        }
        Ok(())
    }

    fn encode(&mut self, now: Instant) -> Result<(), MediaError> {
        let time = now.saturating_duration_since(self.origin);
        for slot in [&mut self.slots.h264, &mut self.slots.vp8] {
            if let Some(encoder) = slot.encoder.as_ref().filter(|_| slot.watched) {
                encoder.push(self.screen.picture(), time, std::mem::take(&mut slot.keyframe))?;
                slot.busy_since = Some(now);
            }
        }
        Ok(())
    }
}
