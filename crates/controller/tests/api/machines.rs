//! The reconciler: rows and world come together whatever fails in between (invariant nothing-leaks).

use std::time::Duration;

use anteroom_machines::fake::{Call, Fault};
use anteroom_protocol::MachineId;
use anteroom_store::Store as _;
use axum::http::Method;
use serde_json::json;

use crate::{
    harness::{Lab, offer_json},
    sign_in::{machine_of, sign_in},
};

#[tokio::test(start_paused = true)]
async fn a_machine_that_can_not_be_made_ends_its_session_with_the_drivers_reason() {
    for fault in [Fault::Fails, Fault::FailsHalfway, Fault::FailsAfterwards, Fault::Hangs] {
        let lab = Lab::new();
        lab.world.plan(Call::Create, fault);
        let running = lab.start().await;
        let owner = running.owner().await;
        let session = running.click(&owner, "codex", "o1").await;
        // A creation that hangs meets the session's own deadline for machines at the same time.
        let state = if fault == Fault::Hangs { "timed-out" } else { "failed" };
        let view = running.until_state(&owner, &session, state).await;
        let code = if fault == Fault::Hangs { "machine-timeout" } else { "machine-failed" };
        assert_eq!(view["reason"]["code"], code, "{fault:?}");
        lab.nothing_is_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn destroying_is_tried_until_nothing_is_left() {
    for fault in [Fault::Fails, Fault::FailsHalfway, Fault::FailsAfterwards, Fault::Hangs] {
        let lab = Lab::new();
        let running = lab.start().await;
        let owner = running.owner().await;
        for _ in 0..3 {
            lab.world.plan(Call::Destroy, fault);
        }
        let session = sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
        lab.nothing_is_left().await;
        assert_eq!(running.view(&owner, &session).await["state"], "succeeded", "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_ends_no_session() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    for fault in [Fault::Fails, Fault::Hangs, Fault::Fails] {
        lab.world.plan(Call::Inspect, fault);
    }
    machine_of(&lab, &running, &session).await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(running.view(&owner, &session).await["state"], "signing-in");
}

#[tokio::test(start_paused = true)]
async fn what_no_row_knows_is_reclaimed_also_when_listing_fails_at_first() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    running.click(&owner, "codex", "o1").await;
    let mut stray = lab.machines(1).await.remove(0);
    stray.id = MachineId::from_random([3; 16]);
    for fault in [Fault::Fails, Fault::Hangs] {
        lab.world.plan(Call::List, fault);
    }
    lab.world.plan(Call::Destroy, Fault::FailsHalfway);
    lab.world.litter(&stray);
    // Some sweeps, which take the planned faults; the agent that never speaks costs the session meanwhile.
    tokio::time::sleep(Duration::from_secs(120)).await;
    lab.nothing_is_left().await;
    assert_eq!(lab.world.counts(), (1, 2), "one machine was made, and two were destroyed");
}

#[tokio::test(start_paused = true)]
async fn a_restart_takes_up_what_runs_and_makes_nothing_twice() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    drop(running);
    let running = lab.start().await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(lab.world.counts(), (1, 0));
    running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
    assert_eq!(running.view(&owner, &session).await["state"], "signing-in");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_ended_while_the_controller_was_away_ends_its_session() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &session).await;
    drop(running);
    for spec in lab.world.running() {
        lab.world.end(&spec.id, "killed");
    }
    let running = lab.start().await;
    let view = running.until_state(&owner, &session, "failed").await;
    assert_eq!(view["reason"]["code"], "machine-lost");
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn the_controllers_absence_counts_against_no_machine_and_no_agent() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    lab.machines(1).await;
    drop(running);
    tokio::time::sleep(Duration::from_secs(600)).await;
    let running = lab.start().await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(running.view(&owner, &session).await["state"], "starting");
    machine_of(&lab, &running, &session).await;
    assert_eq!(running.view(&owner, &session).await["state"], "signing-in");
}

#[tokio::test(start_paused = true)]
async fn without_a_place_nothing_is_stored_and_a_place_that_is_free_again_is_used() {
    let mut lab = Lab::new();
    (lab.max_machines, lab.max_queued) = (1, 0);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    let body = json!({"provider": "wrangler", "webrtcOffer": offer_json("o2")});
    let reply = running.person(&owner, Method::POST, "/api/vm/auth", Some(body)).await;
    reply.is_problem(503, "no-capacity");
    assert_eq!(reply.headers["retry-after"], "5");
    let list = running.person(&owner, Method::GET, "/api/providers", None).await.is(200);
    assert_eq!(list["providers"][1].get("session"), None);
    running.person(&owner, Method::DELETE, &format!("/api/session/{first}"), None).await.is(200);
    lab.nothing_is_left().await;
    running.click(&owner, "wrangler", "o2").await;
    lab.machines(1).await;
    assert_eq!(lab.store.machines(None, 9).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_while_the_machine_is_made_leaves_nothing() {
    let mut lab = Lab::new();
    lab.max_machines = 20;
    let running = lab.start().await;
    let owner = running.owner().await;
    for _ in 0..20 {
        let session = running.click(&owner, "codex", "o1").await;
        running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    }
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn each_machine_has_an_address_and_a_token_of_its_own() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    running.click(&owner, "codex", "o1").await;
    running.click(&owner, "wrangler", "o2").await;
    let specs = lab.machines(2).await;
    assert_ne!(specs[0].address, specs[1].address);
    assert_ne!(specs[0].boot.token, specs[1].boot.token);
    assert_eq!(specs[0].boot.controller_url, "http://10.87.0.1:4001");
    assert!(!format!("{specs:?}").contains(specs[0].boot.token.expose()));
}
