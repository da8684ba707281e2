//! Sign-ins beyond the limit wait, with their offers stored, and get their machines in the order in which they came.

use std::time::Duration;

use anteroom_controller::PoolSettings;
use anteroom_machines::fake::{Call, Fault};
use anteroom_store::Store as _;
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    events::Stream,
    harness::{Lab, Running, Who, offer_json, sdp},
    sign_in::{machine_of, offer_path},
};

fn lab(places: u32) -> Lab {
    let mut lab = Lab::new();
    lab.max_machines = places;
    lab
}

async fn cancel(running: &Running, who: &Who, session: &str) {
    running.person(who, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
}

async fn queued(running: &Running, who: &Who, session: &str) -> Value {
    let view = running.view(who, session).await;
    assert_eq!(view["state"], "queued", "{view}");
    assert_eq!(view.get("machine"), None, "{view}");
    view["ahead"].clone()
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_all_places_are_taken_waits_and_is_served_in_order() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    let third = running.click(&owner, "codex", "o3").await;
    assert_eq!(queued(&running, &owner, &second).await, 0);
    assert_eq!(queued(&running, &owner, &third).await, 1);
    // Its offer is stored, and no machine is planned for it.
    let session = second.parse().unwrap();
    let stored = lab.store.offer(&session, anteroom_protocol::Epoch(1)).await.unwrap().unwrap();
    assert_eq!((stored.sdp.expose().as_str(), lab.world.counts().0), (sdp("o2").as_str(), 1));

    cancel(&running, &owner, &first).await;
    let machine = machine_of(&lab, &running, &second).await;
    let offer = running.guest(&machine, Method::GET, &offer_path(&second, 0, 0), None).await.is(200);
    assert_eq!((&offer["epoch"], &offer["offer"]["sdp"]), (&json!(1), &json!(sdp("o2"))), "the very first offer");
    assert_eq!(queued(&running, &owner, &third).await, 0);
    cancel(&running, &owner, &second).await;
    machine_of(&lab, &running, &third).await;
    cancel(&running, &owner, &third).await;
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_when_all_addresses_are_taken_waits_and_the_others_run_on() {
    let mut lab = lab(4);
    lab.addresses = 2;
    let running = lab.start().await;
    let owner = running.owner().await;
    let mut others = Vec::new();
    for (provider, offer) in [("codex", "o1"), ("wrangler", "o2")] {
        others.push(running.click(&owner, provider, offer).await);
    }
    for session in &others {
        machine_of(&lab, &running, session).await;
    }
    let late = running.click(&owner, "codex", "o3").await;
    assert_eq!(queued(&running, &owner, &late).await, 0);
    for session in &others {
        assert_eq!(running.view(&owner, session).await["state"], "signing-in", "it runs on");
    }
    cancel(&running, &owner, &others[0]).await;
    machine_of(&lab, &running, &late).await;
    for session in [&others[1], &late] {
        cancel(&running, &owner, session).await;
    }
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_their_place_whenever_it_changes() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let mut sessions = Vec::new();
    for (provider, offer) in [("codex", "o1"), ("wrangler", "o2"), ("codex", "o3"), ("wrangler", "o4")] {
        sessions.push(running.click(&owner, provider, offer).await);
    }
    let mut last = Stream::open(&running, &owner, &sessions[3], None).await;
    assert_eq!(last.place().await, 2);
    cancel(&running, &owner, &sessions[2]).await;
    assert_eq!(last.place().await, 1);
    cancel(&running, &owner, &sessions[0]).await;
    assert_eq!(last.place().await, 0);
    cancel(&running, &owner, &sessions[1]).await;
    let events = last.until("state", json!("starting")).await;
    let ids: Vec<_> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert!(ids.iter().copied().eq(1..=ids.len() as u64), "a place takes no number of the log: {ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_offer_keeps_its_place_and_a_restart_keeps_the_queue() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    let third = running.click(&owner, "codex", "o3").await;
    let path = format!("/api/webrtc/session/{second}/offer");
    assert_eq!(running.person(&owner, Method::POST, &path, Some(offer_json("o2b"))).await.is(201)["epoch"], 2);
    drop(running);
    let running = lab.start().await;
    assert_eq!(queued(&running, &owner, &second).await, 0);
    assert_eq!(queued(&running, &owner, &third).await, 1);
    cancel(&running, &owner, &first).await;
    let machine = machine_of(&lab, &running, &second).await;
    let offer = running.guest(&machine, Method::GET, &offer_path(&second, 0, 0), None).await.is(200);
    assert_eq!(offer["offer"]["sdp"], sdp("o2b"));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_was_away_when_a_place_became_free_serves_at_its_return() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    drop(running);
    for spec in lab.world.running() {
        lab.world.end(&spec.id, "killed");
    }
    let running = lab.start().await;
    machine_of(&lab, &running, &second).await;
    assert_eq!(running.view(&owner, &first).await["reason"]["code"], "machine-lost");
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_and_so_does_the_queue_itself() {
    let mut lab = lab(1);
    lab.max_queued = 2;
    (lab.deadlines.sign_in_ms, lab.deadlines.answer_ms) = (Some(10_000_000), Some(10_000_000));
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    let third = running.click(&owner, "codex", "o3").await;
    let body = json!({"provider": "wrangler", "webrtcOffer": offer_json("o4")});
    let reply = running.person(&owner, Method::POST, "/api/vm/auth", Some(body)).await;
    let refused = reply.is_problem(503, "no-capacity");
    assert!(refused["detail"].as_str().unwrap().contains("as many sign-ins wait"), "{refused}");
    cancel(&running, &owner, &third).await;
    let view = running.until_state(&owner, &second, "failed").await;
    assert_eq!(view["reason"]["code"], "no-capacity");
    let waited = view["endedAt"].as_i64().unwrap() - view["createdAt"].as_i64().unwrap();
    assert!((600_000..610_000).contains(&waited), "{waited} ms");
    assert_eq!((lab.world.counts().0, view.get("ahead")), (1, None));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_one_person_makes_them_wait_while_places_are_free() {
    let mut lab = lab(8);
    lab.per_owner = Some(2);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    running.click(&owner, "wrangler", "o2").await;
    let third = running.click(&owner, "codex", "o3").await;
    lab.machines(2).await;
    assert_eq!(queued(&running, &owner, &third).await, 0);
    // Somebody else is not held up by it.
    let stranger = lab.stranger().await;
    let theirs = running.click(&stranger, "codex", "o4").await;
    machine_of(&lab, &running, &theirs).await;
    assert_eq!(queued(&running, &owner, &third).await, 0);
    cancel(&running, &owner, &first).await;
    machine_of(&lab, &running, &third).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_and_the_pool_waits_behind_those_who_wait() {
    let mut lab = lab(2);
    lab.pool = PoolSettings { size: 1, keep_free: 0 };
    let running = lab.start().await;
    let owner = running.owner().await;
    lab.machines(1).await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    // The second place is the pool's, and then the second sign-in's.
    lab.machines(2).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    machine_of(&lab, &running, &second).await;
    let third = running.click(&owner, "codex", "o3").await;
    let fourth = running.click(&owner, "wrangler", "o4").await;
    cancel(&running, &owner, &first).await;
    machine_of(&lab, &running, &third).await;
    assert_eq!(queued(&running, &owner, &fourth).await, 0);
    cancel(&running, &owner, &second).await;
    machine_of(&lab, &running, &fourth).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(lab.world.running().len(), 2, "the pool has no place left");
    let rows = lab.store.machines(None, 9).await.unwrap();
    assert!(rows.iter().all(|row| row.session.is_some()), "{rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_free_is_theirs_who_wait_also_while_nobody_serves_them() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let second = running.click(&owner, "wrangler", "o2").await;
    // The next sweep waits for the driver's list, and serves nobody meanwhile.
    lab.world.plan(Call::List, Fault::Hangs);
    tokio::time::sleep(Duration::from_secs(21)).await;
    cancel(&running, &owner, &first).await;
    lab.nothing_is_left().await;
    let third = running.click(&owner, "codex", "o3").await;
    assert_eq!((queued(&running, &owner, &second).await, queued(&running, &owner, &third).await), (json!(0), json!(1)));
    tokio::time::sleep(Duration::from_secs(20)).await;
    machine_of(&lab, &running, &second).await;
    assert_eq!(queued(&running, &owner, &third).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_program_whose_first_offer_comes_late_waits_as_well() {
    let lab = lab(1);
    let running = lab.start().await;
    let owner = running.owner().await;
    let body = json!({"provider": "codex"});
    let late = running.person(&owner, Method::POST, "/api/vm/auth", Some(body)).await.is(201);
    let late = late["sessionId"].as_str().unwrap().to_owned();
    let first = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &first).await;
    let path = format!("/api/webrtc/session/{late}/offer");
    assert_eq!(running.person(&owner, Method::POST, &path, Some(offer_json("o2"))).await.is(201)["epoch"], 1);
    assert_eq!(queued(&running, &owner, &late).await, 0);
    cancel(&running, &owner, &first).await;
    machine_of(&lab, &running, &late).await;
}
