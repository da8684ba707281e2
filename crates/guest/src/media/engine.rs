//! The handle that the agent holds.

use std::{
    net::UdpSocket,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anteroom_protocol::{
    Epoch,
    signaling::{Answer, Candidate, Offer},
};
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    Config, Event, MAX_WAITING_EVENTS, MediaError,
    answer::{Identity, answer, usable},
    link::{Command, Link, MAX_COMMANDS, Mailbox, ToMedia, ToScreen},
    rate,
    transport::Transport,
    video::{Video, encoder},
};
use crate::{
    encode::{self, Codec, Encoder},
    inject::Injector,
    screen::{
        Screen,
        picture::{Picture, is_encodable},
    },
};

/// The media engine. Dropping it closes all transports and ends its threads.
pub struct Engine {
    config: Config,
    identity: Identity,
    link: Arc<Link>,
    origin: Instant,
    newest: AtomicU32,
    attached: Mutex<Attached>,
    media: Option<JoinHandle<()>>,
}

/// The display's part of the engine.
enum Attached {
    /// Not yet; the encoder is warm.
    No(Encoder),
    Yes(JoinHandle<()>),
    /// While it is being attached, or when that failed.
    Never,
}

impl Engine {
    /// Makes the certificate, binds the socket, warms the encoder up. Needs no display. Takes some 50 ms, so it is
    /// called from a blocking context.
    ///
    /// # Errors
    /// Names what is missing: a GStreamer element and its package, the address, the size.
    pub fn start(config: Config) -> Result<(Self, Receiver<Event>), MediaError> {
        let Config { address, size } = config;
        if !is_encodable(size) {
            return Err(MediaError::Size { width: size.width, height: size.height });
        }
        encode::prepare()?;
        let system = |source| MediaError::Socket { address, source };
        let link = Arc::new(Link {
            screen: Mailbox::new(ToScreen::default()).map_err(system)?,
            media: Mailbox::new(ToMedia::default()).map_err(system)?,
        });
        let warm = encoder(Codec::H264, size, rate::START_KBPS, &link)?;
        // x264 sets itself up with its first picture; nobody sees this one.
        warm.push(&Picture::black(size), Duration::ZERO, true)?;
        let socket = UdpSocket::bind((address, 0)).map_err(system)?;
        socket.set_nonblocking(true).map_err(system)?;
        let local = socket.local_addr().map_err(system)?;
        let provider = str0m::crypto::from_feature_flags();
        let certificate = provider.dtls_provider.generate_certificate().ok_or(MediaError::Certificate)?;
        let (events, receiver) = channel(MAX_WAITING_EVENTS);
        let origin = Instant::now();
        let transport = Transport::new(socket, local, Arc::clone(&link), events, size, origin);
        let media = spawn("media", move || transport.run())?;
        let identity = Identity { certificate, address: local };
        let (newest, attached) = (AtomicU32::new(0), Mutex::new(Attached::No(warm)));
        Ok((Self { config, identity, link, origin, newest, attached, media: Some(media) }, receiver))
    }

    /// Connects to the display (e.g. `:0`) once it answers; frames and input flow from then on. Blocks for some
    /// milliseconds.
    ///
    /// # Errors
    /// Says what the X server lacks. The engine shows one display in its life.
    pub fn attach(&self, display: &str) -> Result<(), MediaError> {
        let screen = Screen::open(display, self.config.size)?;
        let injector = Injector::start(display, self.config.size)?;
        let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *attached, Attached::Never) {
            Attached::No(warm) => {
                let video = Video::new(Arc::clone(&self.link), screen, self.config.size, self.origin, warm);
                *attached = Attached::Yes(spawn("screen", move || video.run())?);
                self.link.media.tell(|media| media.injector = Some(injector));
                Ok(())
            }
            other @ (Attached::Yes(_) | Attached::Never) => {
                *attached = other;
                Err(MediaError::AlreadyAttached)
            }
        }
    }

    /// Answers an epoch's offer within a few milliseconds, whether or not there is a display. The returned
    /// candidates are complete: the last one is the end marker.
    ///
    /// # Errors
    /// The offer can't be used, or its epoch is not newer than all before it.
    pub fn answer(
        &self,
        epoch: Epoch,
        offer: &Offer,
        candidates: &[Candidate],
    ) -> Result<(Answer, Vec<Candidate>), MediaError> {
        if epoch.0 <= self.newest.load(Ordering::Acquire) {
            return Err(MediaError::StaleEpoch { epoch });
        }
        let (negotiated, answer, ours) = answer(&self.identity, epoch, offer, Instant::now())?;
        if self.newest.fetch_max(epoch.0, Ordering::AcqRel) >= epoch.0 {
            return Err(MediaError::StaleEpoch { epoch });
        }
        self.command(Command::Connect(Box::new(negotiated)))?;
        self.command(Command::Candidates(epoch, usable(candidates)))?;
        Ok((answer, ours))
    }

    /// Adds the viewer's later candidates; those of an epoch that is closed are ignored.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn add_candidates(&self, epoch: Epoch, candidates: &[Candidate]) -> Result<(), MediaError> {
        self.command(Command::Candidates(epoch, usable(candidates)))
    }

    /// Closes all transports, releases all keys, ends the threads.
    pub fn shutdown(self) {
        drop(self);
    }

    fn command(&self, command: Command) -> Result<(), MediaError> {
        let alive = self.media.as_ref().is_some_and(|thread| !thread.is_finished());
        let taken = alive
            && self.link.media.tell(|media| {
                let room = media.commands.len() < MAX_COMMANDS;
                if room {
                    media.commands.push(command);
                }
                room
            });
        if taken { Ok(()) } else { Err(MediaError::Ended) }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.link.screen.tell(|screen| screen.stop = true);
        self.link.media.tell(|media| media.stop = true);
        let attached =
            std::mem::replace(&mut *self.attached.lock().unwrap_or_else(PoisonError::into_inner), Attached::Never);
        // The media thread waits for nothing outside; a screen thread whose X server hangs is left behind.
        if self.media.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the media thread had panicked");
        }
        if let Attached::Yes(thread) = attached
            && thread.is_finished()
            && thread.join().is_err()
        {
            tracing::error!("the screen thread had panicked");
        }
    }
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, MediaError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| MediaError::Thread { name, source })
}
