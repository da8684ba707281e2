//! Failed machines that stay for a look.

use std::time::Duration;

use anteroom_controller::KeepSettings;
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Lab, Running, Who},
    sign_in::{machine_of, offer_path, report, sign_in},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn lab(machines: u32) -> Lab {
    let mut lab = Lab::new();
    lab.keep = KeepSettings { machines, for_ms: DAY_MS };
    lab
}

/// A session whose CLI could not be started, its machine's agent and its machine.
async fn failed(lab: &Lab, running: &Running, owner: &Who) -> (String, Who, Value) {
    let session = running.click(owner, "codex", "o1").await;
    let agent = machine_of(lab, running, &session).await;
    let machine = running.view(owner, &session).await["machine"].clone();
    report(running, &agent, json!([{"kind": "cli-not-started", "detail": "no such program"}])).await;
    (session, agent, machine)
}

async fn states(running: &Running, owner: &Who) -> Vec<(Value, Value)> {
    let list = running.person(owner, Method::GET, "/api/machines", None).await.is(200);
    let machines = list["machines"].as_array().unwrap().iter();
    machines.map(|machine| (machine["id"].clone(), machine["state"].clone())).collect()
}

async fn until_states(running: &Running, owner: &Who, wanted: &[(&Value, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(id, state)| ((*id).clone(), json!(state))).collect();
    let reached = async {
        while states(running, owner).await != wanted {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(100), reached).await;
    assert!(reached.is_ok(), "{:?} instead of {wanted:?}", states(running, owner).await);
}

#[tokio::test(start_paused = true)]
async fn a_failed_machine_is_kept_serves_nobody_and_is_destroyed_on_purpose() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, agent, machine) = failed(&lab, &running, &owner).await;
    assert_eq!(running.view(&owner, &session).await["reason"]["code"], "cli-not-started");
    until_states(&running, &owner, &[(&machine, "kept")]).await;
    // Its agent is told to stay as it is, and nothing else.
    for path in ["/api/guest/assignment".to_owned(), offer_path(&session, 0, 0)] {
        let told = running.guest(&agent, Method::GET, &path, None).await.is_problem(410, "kept");
        assert_eq!(told["reason"]["code"], "cli-not-started");
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!((lab.world.running().len(), lab.world.counts().1), (1, 0));
    let logs = format!("/api/machines/{}/logs", machine.as_str().unwrap());
    let log = running.person(&owner, Method::GET, &logs, None).await.is(200);
    assert_eq!(log["failed"]["reason"]["code"], "cli-not-started");
    let path = format!("/api/machines/{}", machine.as_str().unwrap());
    running.person(&owner, Method::DELETE, &path, None).await.is(204);
    lab.nothing_is_left().await;
    running.guest(&agent, Method::GET, "/api/guest/assignment", None).await.is_problem(401, "no-access");
}

#[tokio::test(start_paused = true)]
async fn whoever_polls_when_the_session_fails_is_told_that_the_machine_is_kept() {
    let lab = lab(1);
    let running = std::sync::Arc::new(lab.start().await);
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let agent = machine_of(&lab, &running, &session).await;
    let polls = {
        let (running, agent, path) = (running.clone(), agent.clone(), offer_path(&session, 1, 25));
        tokio::spawn(async move { running.guest(&agent, Method::GET, &path, None).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    report(&running, &agent, json!([{"kind": "desktop-failed", "detail": "no screen"}])).await;
    polls.await.unwrap().is_problem(410, "kept");
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_takes_the_place_and_age_ends_the_last() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let (_, _, first) = failed(&lab, &running, &owner).await;
    until_states(&running, &owner, &[(&first, "kept")]).await;
    let (_, _, second) = failed(&lab, &running, &owner).await;
    until_states(&running, &owner, &[(&second, "kept")]).await;
    drop(running);
    let running = lab.start().await;
    let owner = running.owner().await;
    until_states(&running, &owner, &[(&second, "kept")]).await;
    tokio::time::advance(Duration::from_millis(DAY_MS.unsigned_abs())).await;
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_ended_otherwise_is_not_kept_and_a_kept_one_holds_its_place() {
    let mut lab = lab(2);
    lab.max_machines = 1;
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    lab.nothing_is_left().await;
    let session = running.click(&owner, "codex", "o1").await;
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    lab.nothing_is_left().await;
    let session = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &session).await;
    lab.world.end(&lab.world.running()[0].id, "killed");
    lab.nothing_is_left().await;
    let (_, _, machine) = failed(&lab, &running, &owner).await;
    until_states(&running, &owner, &[(&machine, "kept")]).await;
    let waits = running.click(&owner, "wrangler", "o2").await;
    assert_eq!(running.view(&owner, &waits).await["state"], "queued");
    // A kept machine that ends by itself can tell nothing more, and makes room.
    lab.world.end(&lab.world.running()[0].id, "killed");
    machine_of(&lab, &running, &waits).await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_who_keeps_none_any_more_has_them_destroyed() {
    let mut lab = lab(2);
    let running = lab.start().await;
    let owner = running.owner().await;
    let (_, _, machine) = failed(&lab, &running, &owner).await;
    until_states(&running, &owner, &[(&machine, "kept")]).await;
    drop(running);
    lab.keep = KeepSettings::default();
    let _running = lab.start().await;
    lab.nothing_is_left().await;
}
