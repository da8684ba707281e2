//! Those who only watch: the session's log of views, entry by entry.
//!
//! Each entry is about one view and changes nothing else. A view that can't be answered is told why and forgotten; its
//! viewer tries again with a new one.

use std::{collections::BTreeSet, time::Instant};

use anteroom_protocol::{
    ViewId,
    signaling::{Offer, SdpDigest},
    view::{ViewEntry, ViewEntryKind, ViewReply},
};

use super::stage::Stage;
use crate::{
    controller::{Controller, Ended, ViewFate},
    login::cut,
    media::MediaError,
};

/// Serves views until the session ends.
pub async fn serve(controller: &Controller, stage: &Stage) -> Ended {
    match try_serve(controller, stage).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    }
}

async fn try_serve(controller: &Controller, stage: &Stage) -> Result<std::convert::Infallible, Ended> {
    let mut after = 0;
    loop {
        let log = controller.views(after).await?;
        after = log.next;
        for entry in without_the_gone(log.entries) {
            heed(controller, stage, entry).await?;
        }
    }
}

/// Leaves out the views that are over already: after a late start the log begins with viewers who went away long ago.
fn without_the_gone(mut entries: Vec<ViewEntry>) -> Vec<ViewEntry> {
    let offered = |entry: &&ViewEntry| matches!(entry.kind, ViewEntryKind::Offered { .. });
    let begun: BTreeSet<ViewId> = entries.iter().filter(offered).map(|entry| entry.view.clone()).collect();
    let closed = |entry: &&ViewEntry| matches!(entry.kind, ViewEntryKind::Closed);
    let ended: BTreeSet<ViewId> = entries.iter().filter(closed).map(|entry| entry.view.clone()).collect();
    entries.retain(|entry| !(begun.contains(&entry.view) && ended.contains(&entry.view)));
    entries
}

async fn heed(controller: &Controller, stage: &Stage, ViewEntry { view, kind, .. }: ViewEntry) -> Result<(), Ended> {
    let done = match kind {
        ViewEntryKind::Offered { offer } => return answer(controller, stage, view, offer).await,
        ViewEntryKind::Candidates { candidates } => stage.engine().add_view_candidates(&view, &candidates),
        ViewEntryKind::Closed => stage.engine().close_view(&view),
    };
    if let Err(error) = done {
        tracing::warn!(%view, %error, "what became of a view could not be told to the media engine");
    }
    Ok(())
}

async fn answer(controller: &Controller, stage: &Stage, view: ViewId, offer: Offer) -> Result<(), Ended> {
    let came = Instant::now();
    let offer_digest = SdpDigest::of(offer.sdp.expose());
    let reply = match stage.answer_view(view.clone(), offer).await {
        Ok(answer) => ViewReply::Answered { offer_digest, answer },
        Err(error) => refusal(&error),
    };
    match controller.answer_view(&view, &reply).await? {
        ViewFate::Taken => {
            tracing::info!(%view, reply = word(&reply), took_ms = came.elapsed().as_millis(), "the view is answered");
        }
        ViewFate::Over => {
            tracing::info!(%view, "the answer to the view came too late");
            // An engine that ended meanwhile has closed it.
            let _ = stage.engine().close_view(&view);
        }
    }
    Ok(())
}

fn refusal(error: &MediaError) -> ViewReply {
    match error {
        MediaError::NoPicture { .. } | MediaError::Ended => ViewReply::NotYet,
        MediaError::Offer { .. }
        | MediaError::NoVideo { .. }
        | MediaError::StaleView { .. }
        | MediaError::TooManyViews { .. }
        | MediaError::StaleEpoch { .. }
        | MediaError::AlreadyAttached
        | MediaError::Socket { .. }
        | MediaError::Thread { .. }
        | MediaError::Size { .. }
        | MediaError::Certificate
        | MediaError::Encode(_)
        | MediaError::Screen(_)
        | MediaError::Inject(_)
        | MediaError::Webrtcbin { .. } => ViewReply::Unusable { detail: cut(error.to_string()) },
    }
}

fn word(reply: &ViewReply) -> &'static str {
    match reply {
        ViewReply::Answered { .. } => "answered",
        ViewReply::NotYet => "not yet",
        ViewReply::Unusable { .. } => "unusable",
    }
}

#[cfg(test)]
#[path = "views_tests.rs"]
mod tests;
