//! The handle that the agent holds.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread::JoinHandle,
    time::Instant,
};

use anteroom_protocol::{
    Epoch, ViewId,
    guest::{DesktopSize, MediaEngine},
    limits,
    signaling::{Answer, Candidate, Offer},
};
use tokio::sync::mpsc::{Receiver, channel};

use super::{
    Config, Event, MAX_WAITING_EVENTS, MediaError, Who,
    link::{Command, Link, MAX_COMMANDS, Mailbox, ToMedia, ToScreen},
    peer::Answered,
    rate,
    sdp::{complete, usable},
    sockets::Sockets,
    str0m::Identity,
    transport::Transport,
    video::{Video, WARMING, encoder},
    webrtcbin::Workshop,
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
    answerer: Answerer,
    link: Arc<Link>,
    origin: Instant,
    newest: AtomicU32,
    attached: Mutex<Attached>,
    media: Option<JoinHandle<()>>,
}

/// Who answers offers: the engine that was chosen.
enum Answerer {
    Str0m(Identity),
    Webrtcbin(Workshop),
}

impl Answerer {
    /// With the sockets that its viewers share, if they do.
    fn start(config: &Config, link: &Arc<Link>) -> Result<(Self, Option<Sockets>), MediaError> {
        Ok(match config.engine {
            MediaEngine::Str0m => {
                let (identity, sockets) = Identity::make(config.address)?;
                (Self::Str0m(identity), Some(sockets))
            }
            MediaEngine::Webrtcbin => (Self::Webrtcbin(Workshop::open(config.address, Arc::clone(link))?), None),
        })
    }

    fn answer(&self, who: Who, offer: &Offer) -> Result<Answered, MediaError> {
        match self {
            Self::Str0m(identity) => identity.answer(who, offer, Instant::now()),
            Self::Webrtcbin(workshop) => workshop.answer(who, offer, Instant::now()),
        }
    }
}

/// The display's part of the engine.
enum Attached {
    /// Not yet; the encoder is being made in a thread, or is warm.
    No(JoinHandle<Result<Encoder, MediaError>>),
    Yes(JoinHandle<()>),
    /// While it is being attached, or when that failed.
    Never,
}

impl Engine {
    /// Makes the certificate, binds the sockets, and begins to warm the encoder up. Needs no display. Takes some 20 ms, so
    /// it is called from a blocking context.
    ///
    /// # Errors
    /// Names what is missing: the address, the size; for `webrtcbin` a GStreamer element and its package.
    pub fn start(config: Config) -> Result<(Self, Receiver<Event>), MediaError> {
        let Config { address, size, .. } = config;
        if !is_encodable(size) {
            return Err(MediaError::Size { width: size.width, height: size.height });
        }
        let system = |source| MediaError::Socket { address, source };
        let link = Arc::new(Link {
            screen: Mailbox::new(ToScreen::default()).map_err(system)?,
            media: Mailbox::new(ToMedia::default()).map_err(system)?,
        });
        // An answer needs no encoder, and goes out first.
        let theirs = Arc::clone(&link);
        let warming = spawn("warm", move || warm_encoder(size, &theirs))?;
        let (answerer, sockets) = Answerer::start(&config, &link)?;
        let (events, receiver) = channel(MAX_WAITING_EVENTS);
        let origin = Instant::now();
        let transport = Transport::new(sockets, Arc::clone(&link), events, size, origin);
        let media = spawn("media", move || transport.run())?;
        let (newest, attached) = (AtomicU32::new(0), Mutex::new(Attached::No(warming)));
        Ok((Self { config, answerer, link, origin, newest, attached, media: Some(media) }, receiver))
    }

    /// Connects to the display (e.g. `:0`) once it answers; frames and input flow from then on. Blocks for some
    /// milliseconds, and until the encoder is warm.
    ///
    /// # Errors
    /// Says what the X server lacks, or which GStreamer element is missing and its package. The engine shows one display
    /// in its life.
    pub fn attach(&self, display: &str) -> Result<(), MediaError> {
        let screen = Screen::open(display, self.config.size)?;
        let injector = Injector::start(display, self.config.size)?;
        let mut attached = self.attached.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *attached, Attached::Never) {
            Attached::No(warming) => {
                let warm = warming.join().unwrap_or(Err(MediaError::Ended))?;
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
        let Answered { peer, answer, candidates: ours } = self.answerer.answer(Who::Epoch(epoch), offer)?;
        if self.newest.fetch_max(epoch.0, Ordering::AcqRel) >= epoch.0 {
            return Err(MediaError::StaleEpoch { epoch });
        }
        self.command(Command::Connect(peer))?;
        self.command(Command::Candidates(Who::Epoch(epoch), usable(candidates)))?;
        Ok((answer, ours))
    }

    /// Answers a view's offer: it sees what the person sees, and can do nothing. All candidates are in the answer.
    ///
    /// # Errors
    /// There is no picture, the offer can't be used, too many watch, or the view was answered before.
    pub fn answer_view(&self, view: &ViewId, offer: &Offer) -> Result<Answer, MediaError> {
        if !self.has_picture() {
            return Err(MediaError::NoPicture { view: view.clone() });
        }
        self.link.media.read(|media| admit(&mut media.views, view))?;
        let answered = self.answerer.answer(Who::View(view.clone()), offer);
        let connected = answered.and_then(|Answered { peer, answer, .. }| {
            self.command(Command::Connect(peer))?;
            Ok(complete(&answer))
        });
        if connected.is_err() {
            self.link.media.read(|media| media.views.retain(|other| other != view));
        }
        connected
    }

    /// Adds a view's later candidates; those of a view that is closed are ignored.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn add_view_candidates(&self, view: &ViewId, candidates: &[Candidate]) -> Result<(), MediaError> {
        self.command(Command::Candidates(Who::View(view.clone()), usable(candidates)))
    }

    /// Closes a view whose viewer went away. One that is closed already stays so.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn close_view(&self, view: &ViewId) -> Result<(), MediaError> {
        self.command(Command::Close(Who::View(view.clone())))
    }

    /// Adds the viewer's later candidates; those of an epoch that is closed are ignored.
    ///
    /// # Errors
    /// The engine has ended.
    pub fn add_candidates(&self, epoch: Epoch, candidates: &[Candidate]) -> Result<(), MediaError> {
        self.command(Command::Candidates(Who::Epoch(epoch), usable(candidates)))
    }

    /// Whether a display is captured.
    fn has_picture(&self) -> bool {
        match &*self.attached.lock().unwrap_or_else(PoisonError::into_inner) {
            Attached::Yes(screen) => !screen.is_finished(),
            Attached::No(_) | Attached::Never => false,
        }
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

/// Counts a view in.
fn admit(views: &mut Vec<ViewId>, view: &ViewId) -> Result<(), MediaError> {
    if views.contains(view) {
        return Err(MediaError::StaleView { view: view.clone() });
    }
    if views.len() >= limits::MAX_VIEWS {
        return Err(MediaError::TooManyViews { view: view.clone() });
    }
    views.push(view.clone());
    Ok(())
}

fn warm_encoder(size: DesktopSize, link: &Arc<Link>) -> Result<Encoder, MediaError> {
    encode::prepare()?;
    let warm = encoder(Codec::H264, size, rate::START_KBPS, link)?;
    // x264 sets itself up with its first picture.
    warm.push(&Picture::black(size), WARMING, true)?;
    Ok(warm)
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, MediaError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    thread.map_err(|source| MediaError::Thread { name, source })
}
