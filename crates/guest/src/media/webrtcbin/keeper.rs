//! Does what takes long, on a thread of its own: makes the certificate, and takes pipelines apart. A state change waits
//! for GStreamer's threads, so that neither they nor the `media` thread may ask for it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use gstreamer::{self as gst, prelude::*};

use super::line::find;
use crate::media::MediaError;

/// Pipelines that wait to be taken apart, when no new one is made any more. Each takes some milliseconds.
const MAX_WAITING: usize = 32;
/// How long a goodbye may take to get out. It takes a millisecond, and tenths of a second on a busy host.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);
/// The first byte of a DTLS alert (RFC 6347, section 4.1).
const ALERT: u8 = 21;
/// How long the end of the engine waits for all goodbyes.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The thread, and how much it has to do.
pub(super) struct Keeper {
    graves: Option<Sender<Grave>>,
    waiting: Arc<AtomicUsize>,
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Grave {
    pipeline: gst::Pipeline,
    goodbye: bool,
}

/// One pipeline's way to the keeper, to whom it goes when this is dropped.
pub(super) struct Remains {
    pipeline: Option<gst::Pipeline>,
    graves: Sender<Grave>,
    waiting: Arc<AtomicUsize>,
    goodbye: bool,
}

impl Keeper {
    pub(super) fn start() -> Result<Self, MediaError> {
        // Bounded by those who send: nothing new is made while MAX_WAITING wait, and what lives already is bounded.
        let (graves, waiting_graves) = channel::<Grave>();
        let (end, ended) = sync_channel(1);
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let work = move || {
            // The first of these elements makes the process's certificate, for 0.1 to 0.4 s; who needs it earlier waits.
            if gst::ElementFactory::make("dtlsdec").build().is_err() {
                tracing::error!("GStreamer makes no DTLS certificate");
            }
            for grave in waiting_graves {
                grave.close();
                count.fetch_sub(1, Ordering::AcqRel);
            }
            let _ = end.send(());
        };
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(work);
        let thread = Some(thread.map_err(|source| MediaError::Thread { name: "keeper", source })?);
        Ok(Self { graves: Some(graves), waiting, ended: Mutex::new(ended), thread })
    }

    /// A place for one more pipeline.
    pub(super) fn place(&self) -> Result<Remains, MediaError> {
        let full = self.waiting.load(Ordering::Acquire) >= MAX_WAITING;
        let graves = self.graves.as_ref().filter(|_| !full).cloned();
        let graves = graves.ok_or(MediaError::Webrtcbin { what: "take earlier viewers' pipelines apart" })?;
        Ok(Remains { pipeline: None, graves, waiting: Arc::clone(&self.waiting), goodbye: false })
    }
}

impl Remains {
    /// The viewer is told before the pipeline ends.
    pub(super) fn say_goodbye(&mut self) {
        self.goodbye = true;
    }

    /// From now on the pipeline is taken apart whatever happens.
    pub(super) fn hold(&mut self, pipeline: &gst::Pipeline) {
        self.pipeline = Some(pipeline.clone());
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        let Some(pipeline) = self.pipeline.take() else { return };
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if self.graves.send(Grave { pipeline, goodbye: self.goodbye }).is_err() {
            tracing::error!("a viewer's pipeline is left behind: the keeper has ended");
        }
    }
}

impl Drop for Keeper {
    /// Nothing lives any more that could send.
    fn drop(&mut self) {
        drop(self.graves.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(END_TIMEOUT).is_err() {
            return tracing::warn!("a viewer's pipeline does not end; it is left behind");
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the keeper had panicked");
        }
    }
}

impl Grave {
    fn close(self) {
        if self.goodbye {
            say_goodbye(&self.pipeline);
        }
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("a viewer's pipeline did not stop");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Ends DTLS, which tells the viewer (RFC 8446, close_notify), and waits until that is on its way.
fn say_goodbye(pipeline: &gst::Pipeline) {
    let Some(encoder) = find(pipeline, "dtlsenc") else { return };
    let (Some(sink), Some(source)) =
        (encoder.static_pad("sink").or_else(|| encoder.sink_pads().into_iter().next()), encoder.static_pad("src"))
    else {
        return;
    };
    let (sender, sent) = sync_channel(1);
    let probe = source.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let first = info.buffer().and_then(|buffer| Some(*buffer.map_readable().ok()?.first()?));
        if first == Some(ALERT) {
            let _ = sender.try_send(());
        }
        gst::PadProbeReturn::Ok
    });
    sink.send_event(gst::event::Eos::new());
    // It was seen before it goes on to the socket: that has been when nothing flows there any more.
    let gone = sent.recv_timeout(GOODBYE_TIMEOUT).is_ok() && is_idle(&source);
    if !gone {
        tracing::debug!("a viewer's transport was closed without a goodbye");
    }
    if let Some(probe) = probe {
        source.remove_probe(probe);
    }
}

/// Whether what is on its way through a pad arrives in time.
fn is_idle(pad: &gst::Pad) -> bool {
    let (sender, idle) = sync_channel(1);
    let probe = pad.add_probe(gst::PadProbeType::IDLE, move |_, _| {
        let _ = sender.try_send(());
        gst::PadProbeReturn::Remove
    });
    let is_idle = idle.recv_timeout(GOODBYE_TIMEOUT).is_ok();
    if let Some(probe) = probe.filter(|_| !is_idle) {
        pad.remove_probe(probe);
    }
    is_idle
}
