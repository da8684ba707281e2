//! Sign-ins without a desktop: by device code, and with what a person pastes.

use std::sync::Arc;

use anteroom_controller::PoolSettings;
use anteroom_store::Store as _;
use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Lab, Reply, Running, Who, offer_json};
use crate::pool::waits;
use crate::sign_in::{SECRET, credential, machine_of, report};

const CODE: &str = "code-of-one-use#state";
const SIGN_IN: &str =
    "https://auth.openai.com/oauth/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback";

async fn click(running: &Running, owner: &Who, body: Value) -> Reply {
    running.person(owner, Method::POST, "/api/vm/auth", Some(body)).await
}

/// A sign-in at Codex by this method; gives its id.
async fn begin(running: &Running, owner: &Who, method: &str) -> String {
    let started = click(running, owner, json!({"provider": "codex", "method": method})).await.is(201);
    assert_eq!((&started["state"], &started["epoch"]), (&json!("starting"), &json!(0)));
    started["sessionId"].as_str().unwrap().to_owned()
}

async fn paste(running: &Running, owner: &Who, session: &str, text: &str) -> Reply {
    running.person(owner, Method::POST, &format!("/api/session/{session}/paste"), Some(json!({"text": text}))).await
}

async fn pastes(running: &Running, machine: &Who, after: u32) -> Reply {
    running.guest(machine, Method::GET, &format!("/api/guest/pastes?after={after}&wait=25"), None).await
}

/// A sign-in by `paste` whose CLI has told where to go.
async fn waiting_for_a_paste(lab: &Lab, running: &Running, owner: &Who) -> (String, Who) {
    let session = begin(running, owner, "paste").await;
    let machine = machine_of(lab, running, &session).await;
    let reports = json!([{"kind": "cli-started"}, {"kind": "url-found", "url": SIGN_IN, "source": "printed"}]);
    report(running, &machine, reports).await.is(204);
    (session, machine)
}

async fn chosen(running: &Running, owner: &Who) -> Value {
    running.person(owner, Method::GET, "/api/providers", None).await.is(200)["providers"][0]["method"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_by_device_code_needs_no_offer_and_shows_code_and_page() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = begin(&running, &owner, "device").await;
    let machine = machine_of(&lab, &running, &session).await;
    let assigned = running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
    let method = &assigned["work"]["login"]["method"];
    assert_eq!((&method["kind"], &method["command"]), (&json!("device"), &json!(["codex", "login", "--device-auth"])));
    assert_eq!(method["environment"]["CODEX_HOME"], "{home}/.codex");

    let code = json!({"code": "ABCD-12345", "url": "https://auth.openai.com/codex/device"});
    report(&running, &machine, json!([{"kind": "cli-started"}, {"kind": "code-found", "code": code}])).await.is(204);
    let view = running.view(&owner, &session).await;
    assert_eq!((&view["method"], &view["deviceCode"]), (&json!("device"), &code));
    report(&running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await.is(204);
    let captured = credential("2026-11-22T10:00:00Z");
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(captured)).await.is(204);
    lab.nothing_is_left().await;
    assert_eq!(running.view(&owner, &session).await["reason"]["code"], "saved");
}

#[tokio::test(start_paused = true)]
async fn a_code_or_page_that_a_machine_made_up_is_not_shown() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = begin(&running, &owner, "device").await;
    let machine = machine_of(&lab, &running, &session).await;
    for code in [
        json!({"code": "ABCD-12345", "url": "https://evil.example/codex/device"}),
        json!({"code": "<b>type this</b>", "url": "https://auth.openai.com/codex/device"}),
    ] {
        report(&running, &machine, json!([{"kind": "code-found", "code": code}]))
            .await
            .is_problem(422, "invalid-value");
    }
    assert_eq!(running.view(&owner, &session).await["deviceCode"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn what_is_pasted_reaches_the_sessions_machine_and_is_sealed_on_its_way() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, machine) = waiting_for_a_paste(&lab, &running, &owner).await;
    let (waited, ()) = tokio::join!(pastes(&running, &machine, 0), async {
        paste(&running, &owner, &session, &format!(" {CODE}\n")).await.is(204);
    });
    assert_eq!(waited.is(200), json!({"pastes": [{"number": 1, "text": CODE}], "next": 1}));
    let stored = format!("{:?}", lab.store.pastes(&session.parse().unwrap(), 0).await.unwrap());
    assert!(!stored.contains(CODE), "{stored}");
    let view = running.view(&owner, &session).await;
    assert_eq!(view["pasted"], 1);
    assert!(!view.to_string().contains(CODE), "nobody reads it back");
    // Those that the machine has are not told again; the next ones are.
    pastes(&running, &machine, 1).await.is(204);
    paste(&running, &owner, &session, "another").await.is(204);
    assert_eq!(pastes(&running, &machine, 1).await.is(200)["pastes"], json!([{"number": 2, "text": "another"}]));
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    assert_eq!(lab.store.pastes(&session.parse().unwrap(), 0).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_not_taken_before_the_cli_waits_for_one_and_not_when_it_is_none() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let early = begin(&running, &owner, "paste").await;
    paste(&running, &owner, &early, CODE).await.is_problem(409, "not-now");
    let device = begin(&running, &owner, "device").await;
    paste(&running, &owner, &device, CODE).await.is_problem(409, "not-now");
    let (session, machine) = waiting_for_a_paste(&lab, &running, &owner).await;
    for bad in ["", "  ", "two\nlines", "\u{3}", &"x".repeat(8193)] {
        let refused = paste(&running, &owner, &session, bad).await;
        assert_eq!(refused.is_problem(422, "invalid-value")["field"], "text");
    }
    pastes(&running, &machine, 0).await.is(204);
}

#[tokio::test(start_paused = true)]
async fn only_its_owner_pastes_into_a_session_and_only_its_machine_reads() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, _) = waiting_for_a_paste(&lab, &running, &owner).await;
    let (_, other_machine) = waiting_for_a_paste(&lab, &running, &owner).await;
    paste(&running, &owner, &session, CODE).await.is(204);
    pastes(&running, &other_machine, 0).await.is(204);
    paste(&running, &Who::Nobody, &session, CODE).await.is_problem(401, "no-access");
    paste(&running, &owner, "ses_00000000000000000000000000", CODE).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_a_desktop_hears_of_the_end_while_it_waits_for_pastes() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = begin(&running, &owner, "device").await;
    let machine = machine_of(&lab, &running, &session).await;
    let (waited, ()) = tokio::join!(pastes(&running, &machine, 0), async {
        running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    });
    waited.is_problem(410, "ended");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_connected_to_a_sign_in_without_a_desktop() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let with_offer = json!({"provider": "codex", "method": "device", "webrtcOffer": offer_json("o1")});
    assert_eq!(click(&running, &owner, with_offer).await.is_problem(422, "invalid-value")["field"], "webrtcOffer");
    let session = begin(&running, &owner, "device").await;
    let path = format!("/api/webrtc/session/{session}/offer");
    running.person(&owner, Method::POST, &path, Some(offer_json("o1"))).await.is_problem(409, "no-desktop");
}

#[tokio::test(start_paused = true)]
async fn a_method_that_the_provider_has_not_is_refused() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let device = json!({"provider": "wrangler", "method": "device"});
    assert_eq!(click(&running, &owner, device).await.is_problem(422, "invalid-value")["field"], "method");
    assert_eq!(lab.world.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_method_that_a_person_chose_is_remembered_and_what_a_program_left_out_is_not() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let list = running.person(&owner, Method::GET, "/api/providers", None).await.is(200);
    assert_eq!(list["providers"][0]["methods"], json!(["desktop", "device", "paste"]));
    assert_eq!(chosen(&running, &owner).await, "desktop");
    begin(&running, &owner, "paste").await;
    assert_eq!(chosen(&running, &owner).await, "paste");
    click(&running, &owner, json!({"provider": "codex"})).await.is(201);
    assert_eq!(chosen(&running, &owner).await, "paste");
}

#[tokio::test(start_paused = true)]
async fn a_click_that_is_repeated_by_another_method_is_another_one() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let click = async |method: &'static str| {
        let body = json!({"provider": "codex", "method": method});
        let mut request =
            crate::harness::request(crate::harness::PERSON_HOST, &owner, Method::POST, "/api/vm/auth", Some(body));
        request.headers_mut().insert("idempotency-key", "k1".parse().unwrap());
        running.person_raw(request).await
    };
    let first = click("device").await.is(201);
    assert_eq!(click("device").await.is(201)["sessionId"], first["sessionId"]);
    click("paste").await.is_problem(422, "key-reused");
    lab.machines(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_light_machine_is_new_and_a_pooled_one_is_taken_when_there_is_no_other_place() {
    let mut lab = Lab::new();
    lab.pool = PoolSettings { size: 1, keep_free: 0 };
    lab.max_machines = 2;
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = lab.machines(1).await.remove(0);
    let agent = waits(&running, &pooled);
    let first = begin(&running, &owner, "device").await;
    machine_of(&lab, &running, &first).await;
    assert!(!agent.is_finished(), "the pooled one still waits for a desktop");
    let second = begin(&running, &owner, "device").await;
    assert_eq!(agent.await.unwrap().is(200)["sessionId"], second.as_str());
    let third = click(&running, &owner, json!({"provider": "codex", "method": "device"})).await.is(201);
    assert_eq!(third["state"], "queued");
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_credential_is_in_what_is_told_of_a_sign_in_without_a_desktop() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, machine) = waiting_for_a_paste(&lab, &running, &owner).await;
    paste(&running, &owner, &session, CODE).await.is(204);
    report(&running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await.is(204);
    let captured = credential("2026-11-22T10:00:00Z");
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(captured)).await.is(204);
    let told = running.view(&owner, &session).await.to_string();
    assert!(!told.contains(SECRET) && !told.contains(CODE), "{told}");
}
