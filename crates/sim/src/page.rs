//! Scripted pages: one viewer each, with the real page's protocol. A click with its offer, a long poll for the answer,
//! candidates both ways, reports of how far the connection has come, a new epoch by itself when it is lost, and no fight
//! with another page that has taken the desktop over.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anteroom_controller::{SignInStarted, StartSignIn};
use anteroom_protocol::{
    Epoch, ProviderId, Secret, SessionId,
    signaling::{Offer, OfferType, OfferWithCandidates},
};
use serde::Deserialize;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    air::sdp,
    call::{Call, Door},
    connection::{Connection, Lost},
    feed::{self, News},
    network::send_until_answered,
    scene::Scene,
};

const POST_DEADLINE: Duration = Duration::from_secs(15);
/// The pauses between two tries of a post, milliseconds.
const PAUSES: (u64, u64) = (500, 8000);
/// The pauses before the next offer, by failures.
const RETRY_MS: [u64; 6] = [0, 500, 1000, 2000, 4000, 8000];
/// How long an ended session is followed for its machine's end.
const AFTERMATH: Duration = Duration::from_secs(120);
/// An automatic offer says which epoch the page knows; the page of the first release did not.
const SAYS_AFTER: u32 = 8000;

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Trying,
    Live,
    /// Another page shows the desktop.
    Elsewhere,
    Ended,
    Refused,
}

/// What happens to a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    NetworkChanged,
    TakeBack,
}

/// What a page shares with who watches it.
#[derive(Clone)]
pub(crate) struct Shown {
    standing: Arc<Mutex<Standing>>,
    session: Arc<Mutex<Option<SessionId>>>,
}

pub(crate) struct Page {
    pub(crate) scene: Arc<Scene>,
    pub(crate) name: String,
    pub(crate) provider: ProviderId,
    /// One for each click; pages that found the session by its address have none to send.
    pub(crate) key: String,
    pub(crate) shown: Shown,
    /// Whether it reads the session's stream; one that does not has its long polls alone.
    pub(crate) follows: bool,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

/// Why an attempt is over.
enum Over {
    Lost,
    Superseded,
    SessionEnded,
    Refused,
}

#[derive(Deserialize)]
struct OfferStored {
    epoch: Epoch,
}

impl Shown {
    pub(crate) fn new(session: Arc<Mutex<Option<SessionId>>>) -> Self {
        Self { standing: Arc::new(Mutex::new(Standing::Trying)), session }
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stands(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    pub(crate) fn session(&self) -> Option<SessionId> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn knows(&self, session: &SessionId) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
    }
}

impl Page {
    /// Until its session's machine is gone, or it is closed.
    pub(crate) async fn live(mut self) {
        let mut feeds = JoinSet::new();
        self.show(&mut feeds).await;
        let _ = tokio::time::timeout(AFTERMATH, feeds.join_next()).await;
    }

    /// Until its session has ended.
    async fn show(&mut self, feeds: &mut JoinSet<()>) {
        let (tell, mut news) = mpsc::unbounded_channel();
        let (mut failures, mut after) = (0, None);
        for number in 1.. {
            let over = self.attempt(number, after, (&tell, feeds), &mut news).await;
            self.scene.say(&self.name, format!("attempt {number} is over: {}", over.1.name()));
            match over.1 {
                Over::Lost => {
                    self.shown.stands(Standing::Trying);
                    let pause = RETRY_MS[usize::min(failures, RETRY_MS.len() - 1)];
                    failures += 1;
                    after = over.0.filter(|_| self.scene.dice.chance(SAYS_AFTER));
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                Over::Superseded => {
                    self.shown.stands(Standing::Elsewhere);
                    if !self.taken_back(&mut news).await {
                        return self.shown.stands(Standing::Ended);
                    }
                    self.shown.stands(Standing::Trying);
                    (failures, after) = (0, None);
                }
                Over::SessionEnded => return self.shown.stands(Standing::Ended),
                Over::Refused => return self.shown.stands(Standing::Refused),
            }
        }
    }

    /// One connection from its offer to its end, with the epoch that it got.
    async fn attempt(
        &mut self,
        number: u32,
        after: Option<Epoch>,
        (tell, feeds): (&mpsc::UnboundedSender<News>, &mut JoinSet<()>),
        news: &mut mpsc::UnboundedReceiver<News>,
    ) -> (Option<Epoch>, Over) {
        let name = format!("{}.{number}", self.name);
        let offer = OfferWithCandidates {
            offer: Offer { kind: OfferType::Offer, sdp: Secret::new(sdp(&name)) },
            candidates: Vec::new(),
            after,
        };
        let posted = tokio::select! {
            biased;
            () = ended(news) => return (after, Over::SessionEnded),
            posted = self.post(offer) => posted,
        };
        let (session, epoch) = match posted {
            Ok(posted) => posted,
            Err(over) => return (after, over),
        };
        if self.follows && feeds.is_empty() {
            feeds.spawn(feed::follow(self.scene.clone(), self.name.clone(), session.clone(), tell.clone()));
        }
        let connection = Connection::new(&self.scene, &name, &session, epoch, self.shown.clone());
        let over = tokio::select! {
            biased;
            over = self.heed(epoch, news) => over,
            lost = connection.run() => match lost {
                Lost::Broken => Over::Lost,
                Lost::Superseded => Over::Superseded,
                Lost::SessionEnded => Over::SessionEnded,
                Lost::Refused => Over::Refused,
            },
        };
        (Some(epoch), over)
    }

    /// The first offer makes the session, those after it make epochs of it.
    async fn post(&self, offer: OfferWithCandidates) -> Result<(SessionId, Epoch), Over> {
        let known = self.shown.session();
        let call = |path: String| Call::get(Door::Person, &self.scene.owner, path, POST_DEADLINE);
        let call = match &known {
            Some(session) => call(format!("/api/webrtc/session/{session}/offer")).post(&offer),
            None => {
                let click = StartSignIn {
                    provider: self.provider.clone(),
                    method: None,
                    webrtc_offer: Some(offer),
                    relay_ticket: None,
                };
                Call { key: Some(self.key.clone()), ..call("/api/vm/auth".to_owned()).post(&click) }
            }
        };
        let reply = send_until_answered(&self.scene, &self.name, PAUSES, &call).await;
        match (reply.status, known) {
            (201, Some(session)) => match reply.parse::<OfferStored>() {
                Some(stored) => Ok((session, stored.epoch)),
                None => Err(Over::Refused),
            },
            (201, None) => match reply.parse::<SignInStarted>() {
                Some(started) => {
                    self.scene.clicked(&self.key, &started.session_id);
                    self.shown.knows(&started.session_id);
                    Ok((started.session_id, started.epoch))
                }
                None => Err(Over::Refused),
            },
            (410, _) => Err(Over::SessionEnded),
            (409, _) => Err(Over::Superseded),
            _ => Err(Over::Refused),
        }
    }

    /// What the session's stream and the world around a page bring.
    async fn heed(&mut self, epoch: Epoch, news: &mut mpsc::UnboundedReceiver<News>) -> Over {
        let mut superseded = false;
        loop {
            tokio::select! {
                biased;
                Some(news) = news.recv() => match news {
                    News::Ended => return Over::SessionEnded,
                    News::Epoch(newer) if newer > epoch => {
                        // The guest serves the older connection on as long as it lives.
                        superseded = true;
                        if self.shown.standing() != Standing::Live {
                            return Over::Superseded;
                        }
                    }
                    News::Epoch(_) => {}
                },
                Some(order) = self.orders.recv() => match order {
                    Order::NetworkChanged if self.shown.standing() == Standing::Live => {
                        return if superseded { Over::Superseded } else { Over::Lost };
                    }
                    Order::NetworkChanged | Order::TakeBack => {}
                },
            }
        }
    }

    /// Waits until the person wants the desktop back; false when the session has ended before.
    async fn taken_back(&mut self, news: &mut mpsc::UnboundedReceiver<News>) -> bool {
        loop {
            tokio::select! {
                biased;
                () = ended(news) => return false,
                order = self.orders.recv() => match order {
                    Some(Order::TakeBack) => return true,
                    Some(Order::NetworkChanged) => {}
                    None => std::future::pending().await,
                },
            }
        }
    }
}

/// Waits until the stream says that the session has ended.
async fn ended(news: &mut mpsc::UnboundedReceiver<News>) {
    while let Some(news) = news.recv().await {
        if news == News::Ended {
            return;
        }
    }
    std::future::pending().await
}

impl Over {
    fn name(&self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Superseded => "superseded",
            Self::SessionEnded => "the session has ended",
            Self::Refused => "refused",
        }
    }
}
