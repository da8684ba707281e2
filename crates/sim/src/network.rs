//! The way between callers and controller: requests and replies are late, lost and doubled, and a caller that goes away
//! takes the work on its request with it, as a closed connection does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, body::to_bytes};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinSet},
};
use tower::ServiceExt as _;

use crate::{
    call::{Call, Door, Reply},
    dice::ALWAYS,
    scene::Scene,
};

/// The largest body of a reply: all candidates and both descriptions fit in many times.
const MAX_REPLY_BYTES: usize = 4 << 20;

/// Requests on their way whose senders don't wait for them any more.
#[derive(Default)]
pub(crate) struct Network {
    adrift: Mutex<JoinSet<()>>,
}

impl Network {
    /// Forgets what is on its way.
    pub(crate) async fn end(&self) {
        let mut adrift = std::mem::take(&mut *self.adrift.lock().unwrap_or_else(PoisonError::into_inner));
        adrift.shutdown().await;
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    ReplyLost,
    Twice,
    Late,
}

/// Sends a request once. `None` when there is no answer, for whatever reason.
pub(crate) async fn send(scene: &Arc<Scene>, who: &str, call: &Call) -> Option<Reply> {
    let reply = tokio::time::timeout(call.deadline, travel(scene, who, call)).await.ok().flatten();
    match &reply {
        Some(reply) => {
            scene.say(who, format!("{} -> {} {}", call.name(), reply.status, reply.kind()));
        }
        None => scene.say(who, format!("{} -> no answer", call.name())),
    }
    reply
}

/// Sends a request until it is answered; the pause between two tries doubles from the first to the second.
pub(crate) async fn send_until_answered(scene: &Arc<Scene>, who: &str, pauses: (u64, u64), call: &Call) -> Reply {
    let mut pause = pauses.0;
    loop {
        match send(scene, who, call).await {
            Some(reply) if !reply.is_passing() => return reply,
            Some(_) | None => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                pause = (pause * 2).min(pauses.1);
            }
        }
    }
}

async fn travel(scene: &Arc<Scene>, who: &str, call: &Call) -> Option<Reply> {
    let weather = scene.weather();
    let way = || scene.dice.ms(0..=weather.lag_ms);
    let fates = [
        (weather.lost, Fate::Lost),
        (weather.reply_lost, Fate::ReplyLost),
        (weather.twice, Fate::Twice),
        (weather.late, Fate::Late),
        (ALWAYS, Fate::Arrives),
    ];
    let fate = scene.dice.weighted(&fates);
    if fate != Fate::Arrives {
        scene.say(who, format!("{}: {fate:?}", call.name()));
        scene.referee.count("network faults");
    }
    tokio::time::sleep(way()).await;
    match fate {
        Fate::Lost => return silence(scene).await,
        Fate::Late => {
            drift(scene, who, call, scene.dice.ms(100..=30_000));
            return silence(scene).await;
        }
        Fate::Twice => drift(scene, who, call, scene.dice.ms(0..=3000)),
        Fate::Arrives | Fate::ReplyLost => {}
    }
    let (answer, answered) = oneshot::channel();
    let work = deliver(scene, call, answer)?;
    let mut connection = Connection { scene: scene.clone(), work: Some(work) };
    let reply = answered.await;
    connection.work = None;
    tokio::time::sleep(way()).await;
    if fate == Fate::ReplyLost { silence(scene).await } else { reply.ok() }
}

/// A connection that breaks is noticed at once, or not before the deadline.
async fn silence(scene: &Arc<Scene>) -> Option<Reply> {
    if scene.dice.chance(3000) {
        std::future::pending::<()>().await;
    }
    None
}

/// Lets a request arrive later, whatever its sender does.
fn drift(scene: &Arc<Scene>, who: &str, call: &Call, after: Duration) {
    let (there, call, who) = (scene.clone(), call.clone(), format!("{who}'"));
    let arrives = async move {
        tokio::time::sleep(after).await;
        let (answer, answered) = oneshot::channel();
        if deliver(&there, &call, answer).is_some()
            && let Ok(reply) = answered.await
        {
            there.say(&who, format!("{} -> {} {}", call.name(), reply.status, reply.kind()));
        }
    };
    scene.network.adrift.lock().unwrap_or_else(PoisonError::into_inner).spawn(arrives);
}

/// Hands a request to the controller; `None` when nobody listens.
fn deliver(scene: &Arc<Scene>, call: &Call, answer: oneshot::Sender<Reply>) -> Option<AbortHandle> {
    let (there, call) = (scene.clone(), call.clone());
    let door: Door = call.door;
    scene.server.take(door, move |router| async move {
        let began = there.referee.look(tokio::time::Instant::now());
        let reply = answer_of(router, &call).await;
        there.replied(&call, &reply, &began);
        // Whoever asked may have gone.
        let _ = answer.send(reply);
    })
}

async fn answer_of(router: Router, call: &Call) -> Reply {
    let response = router.oneshot(call.request()).await.unwrap_or_else(|never| match never {});
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), MAX_REPLY_BYTES).await.map(|bytes| bytes.to_vec());
    Reply { status, body: body.unwrap_or_default() }
}

/// The caller's end of a connection. When the caller goes away, the work on its request is dropped where it is, unless
/// the controller has not noticed.
struct Connection {
    scene: Arc<Scene>,
    work: Option<AbortHandle>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(work) = self.work.take()
            && self.scene.dice.chance(7000)
        {
            work.abort();
        }
    }
}
