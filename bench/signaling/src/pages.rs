//! `concurrent_long_polls`: pages that wait, each on a connection of its own, and how fast an answer wakes the one that
//! it is for. While answers come, all the others go on waiting and renew their polls every 25 s; a page that has its
//! answer says that it is connected and waits for candidates, as the real one does.
//!
//! `wake_up_ms` is from the controller's 201 to the agent until the page has the answer; `answer_to_page_ms` is from the
//! moment that the agent began to send it, and so has the commit in it. Agents and pages are this process: one clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anteroom_protocol::SessionId;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{
    Outcome, Size,
    figures::Figures,
    http::Client,
    players::{Agent, begin, click, connected, wait_for_answer, wait_for_candidates},
    site::Site,
};

/// Connections that make sessions, and that bring answers.
const WORKERS: usize = 32;
/// How fast answers come: all pages have theirs within half a minute.
const ANSWERS_PER_S: u32 = 400;
/// How long the pages wait before the first answer, with samples of the controller's memory: they have all renewed their
/// polls by then.
const SETTLED: Duration = Duration::from_secs(27);
/// After the last answer was sent.
const LAST_TIMEOUT: Duration = Duration::from_secs(10);

/// An answer's way.
struct Delivered {
    sent: Instant,
    stored: Instant,
    seen: Instant,
}

/// A page that waits.
struct Waiting {
    agent: Agent,
    /// When the page had its answer.
    seen: oneshot::Receiver<Instant>,
}

/// The pages and what they share.
struct Pages {
    site: Arc<Site>,
    /// How many have a poll open.
    polls: AtomicU32,
    tasks: Mutex<JoinSet<Outcome>>,
}

pub(crate) async fn measure(site: &Arc<Site>, size: Size, figures: &mut Figures) -> Outcome {
    let pages = Arc::new(Pages { site: site.clone(), polls: AtomicU32::new(0), tasks: Mutex::default() });
    let (idle, began) = (site.memory_mb()?, Instant::now());
    let agents = open(site, size.pages).await?;
    let (with_sessions, opened) = (site.memory_mb()?, began.elapsed().as_secs());
    let waiting = pages.clone().wait_all(agents).await?;
    let count = waiting.len();
    let with_pages = site.memory_mb()?;
    eprintln!(
        "the controller has {idle:.1} MB, {with_sessions:.1} with {count} sessions, {with_pages:.1} with their pages; \
         the sessions were made in {opened} s"
    );
    let (memory, polls) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let sampling = tokio::spawn(sample(pages.clone(), memory.clone(), polls.clone()));
    tokio::time::sleep(SETTLED).await;
    let delivered = pages.clone().answer(waiting).await?;
    sampling.abort();
    pages.look_for_failures().await?;
    let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1000.0;
    figures.add("concurrent_long_polls", polls.lock().await.split_off(0));
    figures.add("concurrent_long_polls.controller_rss_mb", memory.lock().await.split_off(0));
    figures.add("concurrent_long_polls.wake_up_ms", delivered.iter().map(|d| ms(d.stored, d.seen)).collect());
    figures.add("concurrent_long_polls.answer_to_page_ms", delivered.iter().map(|d| ms(d.sent, d.seen)).collect());
    Ok(())
}

/// Every second, for as long as pages wait.
async fn sample(pages: Arc<Pages>, memory: Arc<Mutex<Vec<f64>>>, polls: Arc<Mutex<Vec<f64>>>) {
    let mut seconds = interval(Duration::from_secs(1));
    loop {
        seconds.tick().await;
        if let Ok(mb) = pages.site.memory_mb() {
            memory.lock().await.push(mb);
            polls.lock().await.push(pages.polls.load(Ordering::Relaxed).into());
        }
    }
}

/// Makes the sessions with their offers, and has each machine's agent read them.
async fn open(site: &Arc<Site>, count: usize) -> Outcome<Vec<Agent>> {
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        let share = count / WORKERS + usize::from(worker < count % WORKERS);
        workers.spawn(open_some(site.clone(), share));
    }
    let mut agents = Vec::with_capacity(count);
    while let Some(opened) = workers.join_next().await {
        agents.extend(opened??);
    }
    Ok(agents)
}

async fn open_some(site: Arc<Site>, count: usize) -> Outcome<Vec<Agent>> {
    let (mut clicks, mut client) = (site.page().await?, site.agent().await?);
    let mut agents = Vec::with_capacity(count);
    for _ in 0..count {
        click(&mut clicks).await?;
        agents.push(begin(&site, &mut client).await?);
    }
    Ok(agents)
}

impl Pages {
    /// Has a page wait for each session, and returns when all do.
    async fn wait_all(self: Arc<Self>, agents: Vec<Agent>) -> Outcome<Vec<Waiting>> {
        let mut waiting = Vec::with_capacity(agents.len());
        for agent in agents {
            let page = self.site.page().await?;
            let (sender, seen) = oneshot::channel();
            self.tasks.lock().await.spawn(self.clone().wait(page, agent.session.clone(), sender));
            waiting.push(Waiting { agent, seen });
        }
        Ok(waiting)
    }

    /// One page's life, until it is aborted.
    async fn wait(self: Arc<Self>, mut page: Client, session: SessionId, seen: oneshot::Sender<Instant>) -> Outcome {
        self.polls.fetch_add(1, Ordering::Relaxed);
        let at = wait_for_answer(&mut page, &session).await?;
        self.polls.fetch_sub(1, Ordering::Relaxed);
        let _ = seen.send(at);
        connected(&mut page, &session).await?;
        self.polls.fetch_add(1, Ordering::Relaxed);
        loop {
            wait_for_candidates(&mut page, &session).await?;
        }
    }

    /// Brings the answers, in an order that has nothing to do with that of the clicks, at an even rate.
    async fn answer(self: Arc<Self>, mut waiting: Vec<Waiting>) -> Outcome<Vec<Delivered>> {
        fastrand::shuffle(&mut waiting);
        let (sender, receiver) = mpsc::channel(WORKERS);
        let receiver = Arc::new(Mutex::new(receiver));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            workers.spawn(bring(self.site.clone(), receiver.clone()));
        }
        drop(receiver);
        let mut even = interval(Duration::from_secs(1) / ANSWERS_PER_S);
        even.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        for one in waiting {
            even.tick().await;
            sender.send(one).await.map_err(|_| "nobody brings answers any more")?;
        }
        drop(sender);
        let mut delivered = Vec::new();
        while let Some(some) = workers.join_next().await {
            delivered.extend(some??);
        }
        Ok(delivered)
    }

    /// A page that has ended saw something wrong.
    async fn look_for_failures(&self) -> Outcome {
        match self.tasks.lock().await.try_join_next() {
            Some(ended) => ended?,
            None => Ok(()),
        }
    }
}

async fn bring(site: Arc<Site>, answers: Arc<Mutex<mpsc::Receiver<Waiting>>>) -> Outcome<Vec<Delivered>> {
    let mut client = site.agent().await?;
    let mut brought = Vec::new();
    loop {
        let next = answers.lock().await.recv().await;
        let Some(Waiting { agent, seen }) = next else { break };
        let (sent, stored) = agent.answer(&mut client).await?;
        brought.push((sent, stored, seen));
    }
    let mut delivered = Vec::new();
    for (sent, stored, seen) in brought {
        let seen = timeout(LAST_TIMEOUT, seen).await.map_err(|_| "a page did not get its answer")??;
        delivered.push(Delivered { sent, stored, seen });
    }
    Ok(delivered)
}
