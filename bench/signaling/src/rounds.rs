//! `signaling_sessions_per_s`: whole rounds in a closed loop. A round is everything that two sides say to the
//! controller for one connection: the click with the offer, the machine's first word, the offer, the answer to a page that
//! waits for it, two more candidates from each side, both logs, and the person's cancel.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, interval},
};

use crate::{
    Outcome, Size,
    figures::Figures,
    http::Client,
    players::{begin, cancel, click, read_candidates, trickle, wait_for_answer},
    site::Site,
};

/// Sessions that are negotiated at once.
const WORKERS: usize = 16;

/// Counts the rounds of each second; the first one, in which everything is cold, is left out.
pub(crate) async fn measure(site: &Arc<Site>, size: Size, figures: &mut Figures) -> Outcome {
    let (done, over) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        workers.spawn(work(site.clone(), done.clone(), over.clone()));
    }
    let mut seconds = interval(Duration::from_secs(1));
    let (mut rates, mut before) = (Vec::new(), None);
    while rates.len() <= size.rounds_s {
        tokio::select! {
            _ = seconds.tick() => {
                let (at, count) = (Instant::now(), done.load(Ordering::Relaxed));
                if let Some((since, counted)) = before.replace((at, count)) {
                    rates.push(f64::from(count - counted) / (at - since).as_secs_f64());
                }
            }
            Some(ended) = workers.join_next() => ended??,
        }
    }
    over.store(true, Ordering::Relaxed);
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    rates.remove(0);
    figures.add("signaling_sessions_per_s", rates);
    Ok(())
}

async fn work(site: Arc<Site>, done: Arc<AtomicU32>, over: Arc<AtomicBool>) -> Outcome {
    let (mut page, mut agent) = (site.page().await?, site.agent().await?);
    while !over.load(Ordering::Relaxed) {
        round(&site, &mut page, &mut agent).await?;
        done.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Clicks, and plays both sides of whichever session's machine is made next: it may be another worker's click.
async fn round(site: &Site, page: &mut Client, agent: &mut Client) -> Outcome {
    click(page).await?;
    let guest = begin(site, agent).await?;
    let session = &guest.session;
    let (answered, seen) = tokio::join!(guest.answer(agent), wait_for_answer(page, session));
    answered?;
    seen?;
    for number in 1..=2 {
        trickle(page, session, number).await?;
        trickle(agent, session, number).await?;
    }
    read_candidates(agent, session, "browser").await?;
    read_candidates(page, session, "vm").await?;
    cancel(page, session).await
}
