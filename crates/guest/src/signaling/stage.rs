//! The media engine of the display that there is now.

use std::sync::{Arc, Mutex, PoisonError};

use anteroom_protocol::{
    ViewId,
    signaling::{Answer, Candidate, Offer, OfferInEpoch},
};
use tokio::sync::mpsc;

use crate::media::{Config, Engine, Event, EventKind, MediaError};

/// The media engine, replaced when its X server is: an engine shows one display in its life. The person's page sees
/// its connection end, and makes a new epoch by itself; views are simply gone.
#[derive(Clone)]
pub struct Stage {
    config: Config,
    current: Arc<Mutex<Running>>,
}

struct Running {
    engine: Arc<Engine>,
    shows_a_display: bool,
}

impl Stage {
    /// Starts an engine, before there is a display, so that an offer that waits is answered at once.
    ///
    /// # Errors
    /// When the engine can't be started.
    pub async fn start(config: Config) -> Result<Self, MediaError> {
        let engine = start_engine(config.clone()).await?;
        let running = Running { engine, shows_a_display: false };
        Ok(Self { config, current: Arc::new(Mutex::new(running)) })
    }

    /// Shows a display that has come up.
    ///
    /// # Errors
    /// When the display can't be captured, or a new engine can't be started.
    pub async fn show(&self, display: String) -> Result<(), MediaError> {
        if self.lock().shows_a_display {
            let engine = start_engine(self.config.clone()).await?;
            *self.lock() = Running { engine, shows_a_display: false };
        }
        let engine = self.engine();
        blocking(move || engine.attach(&display)).await?;
        self.lock().shows_a_display = true;
        Ok(())
    }

    pub(super) fn engine(&self) -> Arc<Engine> {
        self.lock().engine.clone()
    }

    /// Never held across an await.
    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn answer(&self, offer: OfferInEpoch) -> Result<(Answer, Vec<Candidate>), MediaError> {
        let engine = self.engine();
        blocking(move || {
            let candidates: Vec<Candidate> = offer.candidates.into_iter().map(|logged| logged.candidate).collect();
            engine.answer(offer.epoch, &offer.offer, &candidates)
        })
        .await
    }

    pub(super) async fn answer_view(&self, view: ViewId, offer: Offer) -> Result<Answer, MediaError> {
        let engine = self.engine();
        blocking(move || engine.answer_view(&view, &offer)).await
    }
}

async fn start_engine(config: Config) -> Result<Arc<Engine>, MediaError> {
    let (engine, events) = blocking(move || Engine::start(config)).await?;
    tokio::spawn(log_events(events));
    Ok(Arc::new(engine))
}

/// The engine's calls take some milliseconds on another thread's work.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    tokio::task::spawn_blocking(call).await.unwrap_or(Err(MediaError::Ended))
}

async fn log_events(mut events: mpsc::Receiver<Event>) {
    while let Some(Event { who, kind }) = events.recv().await {
        match kind {
            EventKind::IceConnected => tracing::info!(%who, "a path to the viewer is found"),
            EventKind::DtlsConnected => tracing::info!(%who, "the viewer is connected"),
            EventKind::InputOpen => tracing::info!(%who, "the viewer can type"),
            EventKind::Closed(why) => tracing::info!(%who, ?why, "the viewer's connection is closed"),
        }
    }
}
