//! A whole sign-in, and the script that others use of it.

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::harness::{Lab, Running, Who, answer_json, sdp};

pub(crate) const SECRET: &str = "refresh-token-that-is-secret";

/// The machine that serves a session, as a caller of the guest's listener.
pub(crate) async fn machine_of(lab: &Lab, running: &Running, session: &str) -> Who {
    for _ in 0..100 {
        for spec in lab.world.running() {
            let who = Who::Bearer(spec.boot.token.expose().clone());
            let assigned = running.guest(&who, Method::GET, "/api/guest/assignment", None).await;
            if assigned.json()["sessionId"] == session {
                return who;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no machine serves {session}");
}

pub(crate) fn offer_path(session: &str, after: u32, wait: u32) -> String {
    format!("/api/webrtc/session/{session}/offer?after={after}&wait={wait}")
}

pub(crate) fn answer_path(session: &str) -> String {
    format!("/api/webrtc/session/{session}/answer")
}

/// What codex writes.
pub(crate) fn credential(last_refresh: &str) -> Value {
    let auth = json!({
        "auth_mode": "chatgpt",
        "tokens": {"id_token": "x.eyJlbWFpbCI6ImEuYkBleGFtcGxlLm9yZyJ9.y", "access_token": "a", "refresh_token": SECRET},
        "last_refresh": last_refresh,
    });
    json!({"files": [{"path": ".codex/auth.json", "base64": STANDARD.encode(auth.to_string())}]})
}

pub(crate) async fn report(running: &Running, machine: &Who, reports: Value) -> crate::harness::Reply {
    running.guest(machine, Method::POST, "/api/guest/reports", Some(json!({"reports": reports}))).await
}

/// From the machine's first word to the CLI's good end.
pub(crate) async fn sign_in_until_saving(lab: &Lab, running: &Running, session: &str) -> Who {
    let machine = machine_of(lab, running, session).await;
    let reports = json!([
        {"kind": "desktop-ready"}, {"kind": "browser-ready"}, {"kind": "cli-started"},
        {"kind": "url-found", "url": "https://auth.openai.com/oauth/authorize?x=1", "source": "shim"},
        {"kind": "url-opened"}, {"kind": "cli-exited", "code": 0, "detail": ""},
    ]);
    report(running, &machine, reports).await.is(204);
    machine
}

/// The whole of it; the session has succeeded afterwards.
pub(crate) async fn sign_in(lab: &Lab, running: &Running, owner: &Who, last_refresh: &str) -> String {
    let session = running.click(owner, "codex", "o1").await;
    let machine = sign_in_until_saving(lab, running, &session).await;
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(credential(last_refresh))).await.is(204);
    session
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_goes_from_the_click_to_the_vault_and_leaves_no_machine() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;

    let offer = running.guest(&machine, Method::GET, &offer_path(&session, 0, 25), None).await.is(200);
    assert_eq!(offer["offer"], json!({"type": "offer", "sdp": sdp("o1")}));
    assert_eq!(offer["epoch"], 1);
    running.guest(&machine, Method::POST, &answer_path(&session), Some(answer_json("a1", "o1", 1))).await.is(201);
    let path = format!("{}?epoch=1&wait=25", answer_path(&session));
    let answer = running.person(&owner, Method::GET, &path, None).await.is(200);
    assert_eq!(answer["answer"], json!({"type": "answer", "sdp": sdp("a1")}));
    let path = format!("/api/webrtc/session/{session}/connection");
    let decoded = json!({"epoch": 1, "state": "frame-decoded"});
    running.person(&owner, Method::POST, &path, Some(decoded)).await.is(204);

    sign_in_until_saving(&lab, &running, &session).await;
    let captured = credential("2026-11-22T10:00:00Z");
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(captured)).await.is(204);
    lab.nothing_is_left().await;
    let view = running.view(&owner, &session).await;
    assert_eq!((&view["state"], &view["reason"]["code"]), (&json!("succeeded"), &json!("saved")));
    let steps: Vec<_> = view["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    for step in
        ["offer-stored", "answer-stored", "frame-decoded", "url-opened", "credential-saved", "machine-destroyed"]
    {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_providers_show_what_is_connected_and_what_is_being() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    let second = running.click(&owner, "wrangler", "o2").await;
    let list = running.person(&owner, Method::GET, "/api/providers", None).await.is(200);
    let codex = &list["providers"][0];
    assert_eq!((&codex["id"], &codex["session"]), (&json!("codex"), &Value::Null));
    assert_eq!(codex["credential"]["account"], "a.b@example.org");
    assert_eq!((&codex["credential"]["version"], &codex["credential"]["connectedBy"]), (&json!(1), &json!("Owner")));
    let wrangler = &list["providers"][1];
    assert_eq!((&wrangler["session"]["sessionId"], &wrangler["credential"]), (&json!(second), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn the_click_is_answered_before_its_machine_is_made() {
    let lab = Lab::new();
    lab.world.plan(anteroom_machines::fake::Call::Create, anteroom_machines::fake::Fault::Hangs);
    let running = lab.start().await;
    let owner = running.owner().await;
    let before = tokio::time::Instant::now();
    let session = running.click(&owner, "codex", "o1").await;
    assert_eq!(running.view(&owner, &session).await["state"], "starting");
    assert_eq!(tokio::time::Instant::now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_an_offer_waits_for_it_and_has_no_machine() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let started =
        running.person(&owner, Method::POST, "/api/vm/auth", Some(json!({"provider": "codex"}))).await.is(201);
    assert_eq!((&started["state"], &started["epoch"]), (&json!("waiting-for-offer"), &json!(0)));
    tokio::time::sleep(std::time::Duration::from_secs(50)).await;
    assert_eq!(lab.world.counts(), (0, 0));
    let path = format!("/api/webrtc/session/{}/offer", started["sessionId"].as_str().unwrap());
    let stored = running.person(&owner, Method::POST, &path, Some(crate::harness::offer_json("o1"))).await.is(201);
    assert_eq!(stored["epoch"], 1);
    lab.machines(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_click_that_is_repeated_with_its_key_makes_one_session() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let click = async |key: &'static str, provider: &'static str, offer: &'static str| {
        let body = json!({"provider": provider, "webrtcOffer": crate::harness::offer_json(offer)});
        let mut request =
            crate::harness::request(crate::harness::PERSON_HOST, &owner, Method::POST, "/api/vm/auth", Some(body));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        running.person_raw(request).await
    };
    let first = click("k1", "codex", "o1").await.is(201);
    let (again, other) = tokio::join!(click("k1", "codex", "o1"), click("k2", "codex", "o1"));
    assert_eq!(again.is(201), first);
    assert_ne!(other.is(201)["sessionId"], first["sessionId"]);
    click("k1", "wrangler", "o1").await.is_problem(422, "key-reused");
    click("k1", "codex", "o2").await.is_problem(422, "key-reused");
    let malformed = click("has space", "codex", "o1").await.is_problem(422, "invalid-value");
    assert_eq!(malformed["field"], "Idempotency-Key");
    lab.machines(2).await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_click_hears_of_its_own_offers_epoch_though_another_page_has_offered_since() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let click = async || {
        let body = json!({"provider": "codex", "webrtcOffer": crate::harness::offer_json("o1")});
        let mut request =
            crate::harness::request(crate::harness::PERSON_HOST, &owner, Method::POST, "/api/vm/auth", Some(body));
        request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
        running.person_raw(request).await.is(201)
    };
    let first = click().await;
    let session = first["sessionId"].as_str().unwrap();
    let path = format!("/api/webrtc/session/{session}/offer");
    let second = running.person(&owner, Method::POST, &path, Some(crate::harness::offer_json("o2"))).await.is(201);
    assert_eq!((&first["epoch"], &second["epoch"]), (&json!(1), &json!(2)));
    assert_eq!(click().await["epoch"], 1, "epoch 2 is the other page's");
    let path = format!("/api/webrtc/session/{session}/answer?epoch=1&wait=5");
    running.person(&owner, Method::GET, &path, None).await.is_problem(409, "stale-epoch");
}
