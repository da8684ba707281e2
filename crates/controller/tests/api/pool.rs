//! Machines that wait for sessions (invariants offer-first, one machine for one session, nothing-leaks).

use std::{sync::Arc, time::Duration};

use anteroom_controller::{PoolSettings, reconciler::empty_pool};
use anteroom_machines::{
    MachineSpec,
    fake::{Call, Fault},
};
use anteroom_session::machine::{MachineRow, Seen, Wanted};
use anteroom_store::Store as _;
use axum::http::Method;
use tokio::task::JoinHandle;

use crate::harness::{Lab, Reply, Running, Who, sdp};
use crate::sign_in::{machine_of, offer_path};

const ASSIGNMENT: &str = "/api/guest/assignment?wait=25";

fn lab(size: u32) -> Lab {
    let mut lab = Lab::new();
    lab.pool = PoolSettings { size, keep_free: 0 };
    lab
}

/// A pooled machine's agent, which waits to be told what it is for.
pub(crate) fn waits(running: &Arc<Running>, spec: &MachineSpec) -> JoinHandle<Reply> {
    let (running, who) = (running.clone(), bearer(spec));
    tokio::spawn(async move {
        loop {
            let reply = running.guest(&who, Method::GET, ASSIGNMENT, None).await;
            if reply.status != 204 {
                return reply;
            }
        }
    })
}

fn bearer(spec: &MachineSpec) -> Who {
    Who::Bearer(spec.boot.token.expose().clone())
}

async fn rows(lab: &Lab) -> Vec<MachineRow> {
    lab.store.machines(None, 99).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_click_has_the_machine_that_waited_and_another_one_is_made() {
    let lab = lab(1);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = lab.machines(1).await.remove(0);
    let agent = waits(&running, &pooled);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((rows(&lab).await[0].session.clone(), lab.world.counts()), (None, (1, 0)));

    let before = tokio::time::Instant::now();
    let session = running.click(&owner, "codex", "o1").await;
    let assigned = agent.await.unwrap().is(200);
    assert_eq!((assigned["sessionId"].as_str(), before.elapsed()), (Some(session.as_str()), Duration::ZERO));
    let offer = running.guest(&bearer(&pooled), Method::GET, &offer_path(&session, 0, 0), None).await.is(200);
    assert_eq!(offer["offer"]["sdp"], sdp("o1"));
    assert_eq!(running.view(&owner, &session).await["state"], "signing-in");

    lab.machines(2).await;
    let rows = rows(&lab).await;
    assert_eq!(rows.iter().filter(|row| row.session.is_none()).count(), 1, "{rows:?}");
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    lab.wait_until_gone(&pooled.id).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(lab.world.running().len(), 1, "the one that waits stays");
}

#[tokio::test(start_paused = true)]
async fn the_pool_is_filled_when_who_clicked_has_their_picture_or_ends_and_soon_in_any_case() {
    let lab = lab(1);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = lab.machines(1).await.remove(0);
    waits(&running, &pooled);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session = running.click(&owner, "codex", "o1").await;
    tokio::time::sleep(Duration::from_millis(2900)).await;
    assert_eq!(lab.world.counts(), (1, 0), "the picture is waited for");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(lab.world.counts(), (2, 0), "not for ever");

    let next = running.click(&owner, "wrangler", "o2").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lab.world.counts(), (2, 0));
    for ended in [session, next] {
        running.person(&owner, Method::DELETE, &format!("/api/session/{ended}"), None).await.is(200);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(lab.world.counts(), (3, 2), "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn a_pooled_machines_token_opens_nothing_but_its_assignment() {
    let lab = lab(1);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = bearer(&lab.machines(1).await[0]);
    // The pool's only machine is bound; its successor waits, and is nobody's.
    let session = running.click(&owner, "codex", "o1").await;
    let bound = machine_of(&lab, &running, &session).await;
    assert_eq!(format!("{bound:?}"), format!("{pooled:?}"));
    let successor = lab.machines(2).await.into_iter().map(|spec| bearer(&spec));
    for other in successor.filter(|other| format!("{other:?}") != format!("{bound:?}")) {
        running.guest(&other, Method::GET, "/api/guest/assignment", None).await.is(204);
        running.guest(&other, Method::GET, &offer_path(&session, 0, 0), None).await.is_problem(404, "not-found");
        let reports = serde_json::json!({"reports": [{"kind": "desktop-ready"}]});
        running.guest(&other, Method::POST, "/api/guest/reports", Some(reports)).await.is_problem(404, "not-found");
    }
}

#[tokio::test(start_paused = true)]
async fn two_clicks_never_share_a_machine() {
    let lab = lab(2);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    for spec in lab.machines(2).await {
        waits(&running, &spec);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let clicks = ["o1", "o2", "o3"].map(|offer| {
        let (running, owner) = (running.clone(), owner.clone());
        tokio::spawn(async move { running.click(&owner, "codex", offer).await })
    });
    let mut served = Vec::new();
    for click in clicks {
        let session = click.await.unwrap();
        served.extend(
            rows(&lab).await.into_iter().filter(|row| row.session.as_ref().is_some_and(|id| id.as_str() == session)),
        );
    }
    served.sort_by(|a, b| a.id.cmp(&b.id));
    served.dedup_by(|a, b| a.id == b.id);
    assert_eq!(served.len(), 3, "{served:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restart_takes_up_what_waits_and_another_image_replaces_it() {
    let mut lab = lab(1);
    let first = lab.start().await;
    let pooled = lab.machines(1).await.remove(0);
    drop(first);
    let same = Arc::new(lab.start().await);
    let agent = waits(&same, &pooled);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(lab.world.counts(), (1, 0));
    agent.abort();
    drop(same);
    lab.made_from = "image 2".to_owned();
    let _other = lab.start().await;
    lab.wait_until_gone(&pooled.id).await;
    lab.machines(1).await;
    assert_eq!(rows(&lab).await.iter().map(|row| row.made_from.as_str()).collect::<Vec<_>>(), ["image 2"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_can_not_be_made_is_tried_again_but_not_at_once() {
    let lab = lab(1);
    for _ in 0..3 {
        lab.world.plan(Call::Create, Fault::Fails);
    }
    let _running = lab.start().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(lab.world.running().is_empty());
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(lab.world.running().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_whose_agent_never_asks_is_replaced() {
    let lab = lab(1);
    let _running = lab.start().await;
    let silent = lab.machines(1).await.remove(0);
    lab.wait_until_gone(&silent.id).await;
    lab.machines(1).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_while_it_waits_costs_no_session() {
    let lab = lab(1);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = lab.machines(1).await.remove(0);
    let agent = waits(&running, &pooled);
    tokio::time::sleep(Duration::from_secs(1)).await;
    lab.world.end(&pooled.id, "killed");
    agent.abort();
    let _ = agent.await;
    lab.wait_until_gone(&pooled.id).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &session).await;
    assert_eq!(running.view(&owner, &session).await["state"], "signing-in");
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_stops_leaves_no_machine_that_waits_and_those_that_work() {
    let lab = lab(1);
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let agent = waits(&running, &lab.machines(1).await[0]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session = running.click(&owner, "codex", "o1").await;
    agent.await.unwrap().is(200);
    lab.machines(2).await;
    empty_pool(&running.controller, &lab.world.driver()).await;
    let left = rows(&lab).await;
    assert_eq!(left.iter().map(|row| (row.wanted, row.seen)).collect::<Vec<_>>(), [(Wanted::Running, Seen::Running)]);
    assert_eq!(left[0].session.as_ref().map(ToString::to_string), Some(session));
}
