//! Bad input gets a problem document that names the field, changes nothing and costs bounded memory.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use crate::{
    harness::{Lab, PERSON_HOST, Reply, Running, Who, candidate, request, sdp},
    sign_in::{machine_of, report},
};

struct Bad {
    name: &'static str,
    body: Value,
    status: u16,
    kind: &'static str,
    field: &'static str,
}

async fn click(running: &Running, owner: &Who, body: Value) -> Reply {
    running.person(owner, Method::POST, "/api/vm/auth", Some(body)).await
}

fn with_offer(offer: Value) -> Value {
    json!({"provider": "codex", "webrtcOffer": offer})
}

fn with_sdp(sdp: &str) -> Value {
    with_offer(json!({"offer": {"type": "offer", "sdp": sdp}, "candidates": []}))
}

fn table() -> Vec<Bad> {
    let bad = |name, body, status, kind, field| Bad { name, body, status, kind, field };
    let many: Vec<_> = (0..150).map(candidate).collect();
    vec![
        bad("unknown provider", json!({"provider": "nobody"}), 422, "unknown-provider", "provider"),
        bad("provider that can't be one", json!({"provider": "../etc"}), 400, "malformed", "provider"),
        bad("no provider", json!({}), 400, "malformed", "provider"),
        bad("unknown field", json!({"provider": "codex", "sdp": "x"}), 400, "malformed", "sdp"),
        bad("flat offer", with_offer(json!({"type": "offer", "sdp": "x"})), 400, "malformed", "webrtcOffer.sdp"),
        bad(
            "null type",
            with_offer(json!({"offer": {"type": null, "sdp": "x"}})),
            400,
            "malformed",
            "webrtcOffer.offer.type",
        ),
        bad(
            "an answer",
            with_offer(json!({"offer": {"type": "answer", "sdp": "x"}})),
            400,
            "malformed",
            "webrtcOffer.offer.type",
        ),
        bad(
            "a number",
            with_offer(json!({"offer": {"type": "offer", "sdp": 1}})),
            400,
            "malformed",
            "webrtcOffer.offer.sdp",
        ),
        bad("no sdp", with_offer(json!({"offer": {"type": "offer"}})), 400, "malformed", "webrtcOffer.offer.sdp"),
        bad("SDP that is not SDP", with_sdp("hello"), 422, "invalid-sdp", "webrtcOffer.offer.sdp"),
        bad(
            "SDP without DTLS",
            with_sdp(&sdp("x").replace("a=fingerprint", "a=x")),
            422,
            "invalid-sdp",
            "webrtcOffer.offer.sdp",
        ),
        bad(
            "SDP of 100 kB",
            with_sdp(&format!("{}{}", sdp("x"), "a=x\r\n".repeat(20_000))),
            422,
            "invalid-sdp",
            "webrtcOffer.offer.sdp",
        ),
        bad(
            "too many candidates",
            with_offer(json!({"offer": {"type": "offer", "sdp": sdp("x")}, "candidates": many})),
            422,
            "invalid-candidates",
            "webrtcOffer.candidates",
        ),
        bad(
            "a candidate that is none",
            with_offer(json!({"offer": {"type": "offer", "sdp": sdp("x")}, "candidates": [{"candidate": "x"}]})),
            422,
            "invalid-candidates",
            "webrtcOffer.candidates",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_bad_click_names_its_field_and_makes_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    for bad in table() {
        let reply = click(&running, &owner, bad.body).await;
        let problem = reply.is_problem(bad.status, bad.kind);
        assert_eq!(problem["field"], bad.field, "{}: {problem}", bad.name);
    }
    let list = running.person(&owner, Method::GET, "/api/providers", None).await.is(200);
    assert_eq!(list["providers"][0].get("session"), None);
    assert_eq!(lab.world.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_megabyte_of_sdp_and_ten_thousand_candidates_are_not_even_parsed() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let long = with_sdp(&format!("{}{}", sdp("x"), "a=x\r\n".repeat(210_000)));
    click(&running, &owner, long).await.is_problem(413, "too-large");
    let many: Vec<_> = (0..10_000).map(candidate).collect();
    let many = with_offer(json!({"offer": {"type": "offer", "sdp": sdp("x")}, "candidates": many}));
    click(&running, &owner, many).await.is_problem(413, "too-large");
}

#[tokio::test(start_paused = true)]
async fn a_candidate_log_has_an_end() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let path = format!("/api/webrtc/session/{session}/candidate");
    let post = async |from: u32| {
        let candidates: Vec<_> = (from..from + 100).map(candidate).collect();
        running.person(&owner, Method::POST, &path, Some(json!({"epoch": 1, "candidates": candidates}))).await
    };
    post(0).await.is(200);
    assert_eq!(post(100).await.is(200)["next"], 200);
    post(200).await.is_problem(409, "too-many-candidates");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_json_is_refused() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let send = async |media_type: &str, body: &'static str| {
        let mut request = request(PERSON_HOST, &owner, Method::POST, "/api/vm/auth", Some(Value::Null));
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        *request.body_mut() = Body::from(body);
        running.person_raw(request).await
    };
    let good = r#"{"provider":"codex"}"#;
    send("text/plain", good).await.is_problem(415, "unsupported-media-type");
    send("application/x-www-form-urlencoded", good).await.is_problem(415, "unsupported-media-type");
    send("application/json", "{").await.is_problem(400, "malformed");
    send("application/json", "").await.is_problem(400, "malformed");
    send("application/json", r#"["codex"]"#).await.is_problem(400, "malformed");
    send("application/json", "\u{0}\u{1}").await.is_problem(400, "malformed");
    send("application/json", r#"{"provider":"codex"} x"#).await.is_problem(400, "malformed");
    send("application/json; charset=utf-8", good).await.is(201);
}

#[tokio::test(start_paused = true)]
async fn a_bad_query_names_its_parameter() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let path = format!("/api/webrtc/session/{session}/answer");
    for (query, field) in [
        ("", "epoch"),
        ("?epoch=x", "epoch"),
        ("?epoch=-1", "epoch"),
        ("?epoch=1&wait=x", "wait"),
        ("?epoch=1&x=1", "x"),
    ] {
        let reply = running.person(&owner, Method::GET, &format!("{path}{query}"), None).await;
        assert_eq!(reply.is_problem(400, "malformed")["field"], field, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_can_not_be_one_is_a_session_that_does_not_exist() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    for path in ["/api/session/x", "/api/session/..%2f..%2fetc", "/api/session/ses_", "/api/credentials/cre_x"] {
        let method = if path.contains("credentials") { Method::DELETE } else { Method::GET };
        running.person(&owner, method, path, None).await.is_problem(404, "not-found");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_addresses_and_methods_are_problems() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    running.person(&owner, Method::GET, "/api/nothing", None).await.is_problem(404, "not-found");
    running.person(&owner, Method::GET, "/nothing.js", None).await.is_problem(404, "not-found");
    let reply = running.person(&owner, Method::DELETE, "/api/vm/auth", None).await;
    reply.is_problem(405, "method-not-allowed");
    assert_eq!(reply.headers[header::ALLOW], "POST");
    running.person(&owner, Method::POST, "/", None).await.is_problem(405, "method-not-allowed");
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    running.guest(&machine, Method::GET, "/api/guest/nothing", None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_bad_report_names_its_place_and_none_of_its_request_is_taken() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    let url = |url: &str| json!({"kind": "url-found", "url": url, "source": "printed"});
    for (second, status, kind, field) in [
        (url("https://evil.example/"), 422, "invalid-value", "reports[1].url"),
        (url("javascript:alert(1)"), 422, "invalid-value", "reports[1].url"),
        (
            json!({"kind": "cli-exited", "code": 1, "detail": "x".repeat(3000)}),
            422,
            "invalid-value",
            "reports[1].detail",
        ),
        (json!({"kind": "nothing"}), 400, "malformed", "reports[1].kind"),
    ] {
        let reply = report(&running, &machine, json!([{"kind": "desktop-ready"}, second])).await;
        let problem = reply.is_problem(status, kind);
        assert!(problem["field"].as_str().is_some_and(|found| field.starts_with(found) || found == field), "{problem}");
    }
    let many = json!(vec![json!({"kind": "desktop-ready"}); 65]);
    assert_eq!(report(&running, &machine, many).await.is_problem(422, "invalid-value")["field"], "reports");
    let view = running.view(&owner, &session).await;
    assert!(!view["steps"].to_string().contains("desktop-ready"), "{view}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_may_send_a_credential_larger_than_other_bodies_and_no_other_large_body() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    let large = json!({"files": [{"path": ".codex/auth.json", "base64": "A".repeat(400_000)}]});
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(large)).await.is_problem(409, "not-now");
    let larger = json!({"files": [{"path": ".codex/auth.json", "base64": "A".repeat(900_000)}]});
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(larger)).await.is_problem(413, "too-large");
    let report = json!({"reports": [{"kind": "cli-not-started", "detail": "x".repeat(400_000)}]});
    running.guest(&machine, Method::POST, "/api/guest/reports", Some(report)).await.is_problem(413, "too-large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_ends_in_a_problem() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let never = futures_util::stream::pending::<Result<&'static [u8], std::io::Error>>();
    let mut request: Request<Body> = request(PERSON_HOST, &owner, Method::POST, "/api/vm/auth", Some(Value::Null));
    *request.body_mut() = Body::from_stream(never);
    running.person_raw(request).await.is_problem(408, "too-slow");
}
