//! Offers in, answers out: the glue between the controller's epochs and the media engine.
//!
//! It asks for the next offer all the time, also while an epoch is served: a page that was reloaded brings a new
//! epoch, and that one gets a fresh answer. It keeps nothing of an epoch that is superseded, and never logs SDP,
//! candidates or addresses. [`views`] does the same for those who only watch.

mod stage;
mod views;

use std::time::Instant;

use anteroom_protocol::{
    Epoch, SessionId,
    signaling::{AnswerWithCandidates, Candidate, OfferInEpoch, SdpDigest},
};

pub use stage::Stage;
pub use views::serve as serve_views;

use crate::controller::{AnswerFate, Controller, Ended};

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
    let (epoch, came) = (offer.epoch, Instant::now());
    let offer_digest = SdpDigest::of(offer.offer.sdp.expose());
    let heard = offer.candidates.last().map_or(0, |logged| logged.seq);
    match stage.answer(offer).await {
        Ok((answer, candidates)) => {
            let answer = AnswerWithCandidates { answer, candidates, epoch, offer_digest };
            match controller.answer(session, &answer).await? {
                AnswerFate::Taken => {
                    tracing::info!(%epoch, took_ms = came.elapsed().as_millis(), "the offer is answered");
                    take_candidates(controller, session, stage, epoch, heard).await?;
                }
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
