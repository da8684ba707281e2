//! Offers in, answers out: the glue between the controller's epochs and the media engine.
//!
//! It asks for the next offer all the time, also while an epoch is served: a page that was reloaded brings a new
//! epoch, and that one gets a fresh answer. It keeps nothing of an epoch that is superseded, and never logs SDP,
//! candidates or addresses.

use std::sync::{Arc, Mutex, PoisonError};

use anteroom_protocol::{
    Epoch, SessionId,
    signaling::{Answer, AnswerWithCandidates, Candidate, OfferInEpoch, SdpDigest},
};
use tokio::sync::mpsc;

use crate::{
    controller::{AnswerFate, Controller, Ended},
    media::{Config, Engine, Event, EventKind, MediaError},
};

/// The media engine, replaced when its X server is: an engine shows one display in its life. The viewer sees
/// its connection end, and makes a new epoch by itself.
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

    fn engine(&self) -> Arc<Engine> {
        self.lock().engine.clone()
    }

    /// Never held across an await.
    fn lock(&self) -> std::sync::MutexGuard<'_, Running> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, offer: OfferInEpoch) -> Result<(Answer, Vec<Candidate>), MediaError> {
        let engine = self.engine();
        blocking(move || {
            let candidates: Vec<Candidate> = offer.candidates.into_iter().map(|logged| logged.candidate).collect();
            engine.answer(offer.epoch, &offer.offer, &candidates)
        })
        .await
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
    while let Some(Event { epoch, kind }) = events.recv().await {
        match kind {
            EventKind::IceConnected => tracing::info!(%epoch, "a path to the viewer is found"),
            EventKind::DtlsConnected => tracing::info!(%epoch, "the viewer is connected"),
            EventKind::InputOpen => tracing::info!(%epoch, "the viewer can type"),
            EventKind::Closed(why) => tracing::info!(%epoch, ?why, "the viewer's connection is closed"),
        }
    }
}

/// Serves epochs until the session ends.
pub async fn serve(controller: &Controller, session: &SessionId, stage: &Stage) -> Ended {
    match try_serve(controller, session, stage).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn try_serve(
    controller: &Controller,
    session: &SessionId,
    stage: &Stage,
) -> Result<std::convert::Infallible, Ended> {
    let mut offer = controller.next_offer(session, Epoch::NONE).await?;
    loop {
        let after = offer.epoch;
        tokio::select! {
            next = controller.next_offer(session, after) => offer = next?,
            ended = serve_epoch(controller, session, stage, offer.clone()) => return Err(ended?),
        }
    }
}

/// Answers one offer and takes the viewer's later candidates. Ends only with the session: an epoch that has
/// nothing more to say waits for the next one, which drops it.
async fn serve_epoch(
    controller: &Controller,
    session: &SessionId,
    stage: &Stage,
    offer: OfferInEpoch,
) -> Result<Ended, Ended> {
    let epoch = offer.epoch;
    let offer_digest = SdpDigest::of(offer.offer.sdp.expose());
    let heard = offer.candidates.last().map_or(0, |logged| logged.seq);
    match stage.answer(offer).await {
        Ok((answer, candidates)) => {
            let answer = AnswerWithCandidates { answer, candidates, epoch, offer_digest };
            match controller.answer(session, &answer).await? {
                AnswerFate::Taken => take_candidates(controller, session, stage, epoch, heard).await?,
                AnswerFate::Stale => tracing::info!(%epoch, "the answer came too late"),
            }
        }
        Err(error) => tracing::error!(%epoch, %error, "the offer could not be answered"),
    }
    std::future::pending().await
}

/// Hands the viewer's candidates to the engine until their log ends or the epoch is superseded.
async fn take_candidates(
    controller: &Controller,
    session: &SessionId,
    stage: &Stage,
    epoch: Epoch,
    mut after: u32,
) -> Result<(), Ended> {
    while let Some(log) = controller.viewer_candidates(session, epoch, after).await? {
        after = log.next;
        let candidates: Vec<Candidate> = log.candidates.into_iter().map(|logged| logged.candidate).collect();
        if let Err(error) = stage.engine().add_candidates(epoch, &candidates) {
            tracing::warn!(%epoch, %error, "candidates could not be used");
        }
        if log.complete {
            break;
        }
    }
    Ok(())
}
