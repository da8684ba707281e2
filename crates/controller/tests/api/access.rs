//! Who may call what. The table of calls is the API's own description, so that a call that is added without a rule
//! here makes a test fail.

use std::collections::BTreeSet;

use axum::http::{Method, header};
use serde_json::{Value, json};

use crate::{
    harness::{Lab, Running, Who, request},
    sign_in::machine_of,
};

/// One that nobody has opened.
const VIEW: &str = "vie_00000000000000000000000000";
/// Calls about machines of all people.
const MACHINES: &str = "/api/machines";
const ORIGIN: &str = "http://127.0.0.1:4000";

/// Every call of the description: method, path with a session or a machine put in, and which listener has it.
fn calls(session: &str, machine: &str) -> Vec<(Method, String, String)> {
    let all: Value = serde_json::from_str(&anteroom_controller::http::openapi::text()).unwrap();
    let mut calls = Vec::new();
    for (path, methods) in all["paths"].as_object().unwrap() {
        for (method, call) in methods.as_object().unwrap() {
            for tag in call["tags"].as_array().unwrap() {
                let id = if path.starts_with(MACHINES) { machine } else { session };
                let path = path.replace("{side}", "vm").replace("{id}", id).replace("{view}", VIEW);
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                calls.push((method, path, tag.as_str().unwrap().to_owned()));
            }
        }
    }
    // What ends the session comes last, because a machine's token dies with it.
    calls.sort_by_key(|(method, path, _)| {
        (*method == Method::DELETE && path.contains("/session/")) || (!method.is_safe() && path.starts_with(MACHINES))
    });
    calls
}

async fn call(running: &Running, listener: &str, who: &Who, method: &Method, path: &str) -> u16 {
    let body = (*method == Method::POST).then(|| json!({}));
    let reply = match listener {
        "person" => running.person(who, method.clone(), path, body).await,
        _ => running.guest(who, method.clone(), path, body).await,
    };
    reply.status.as_u16()
}

async fn stage() -> (Lab, Running, Who, Who, String) {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    (lab, running, owner, machine, session)
}

#[tokio::test(start_paused = true)]
async fn every_call_opens_to_its_own_caller_only() {
    let (lab, running, owner, machine, session) = stage().await;
    let stranger = lab.stranger().await;
    let wrong = Who::Bearer("A".repeat(43));
    let id = running.view(&owner, &session).await["machine"].as_str().unwrap().to_owned();
    let seen: BTreeSet<_> = calls(&session, &id).into_iter().map(|(_, _, listener)| listener).collect();
    assert_eq!(seen, BTreeSet::from(["guest".to_owned(), "person".to_owned()]));
    for (method, path, listener) in calls(&session, &id) {
        // The event stream of a live session does not end by itself, so that it is opened elsewhere.
        let streams = path.ends_with("/events");
        for (who, name) in [(&Who::Nobody, "nobody"), (&wrong, "a wrong token")] {
            assert_eq!(call(&running, &listener, who, &method, &path).await, 401, "{name}: {method} {path}");
        }
        let (own, other) = if listener == "person" { (&owner, &machine) } else { (&machine, &owner) };
        assert_eq!(call(&running, &listener, other, &method, &path).await, 401, "other listener's: {method} {path}");
        if !streams {
            let status = call(&running, &listener, own, &method, &path).await;
            assert_ne!(status, 401, "its own caller: {method} {path}");
        }
        if listener == "person" && path.contains(&session) {
            let status = call(&running, &listener, &stranger, &method, &path).await;
            assert!(status == 404 || status == 400, "somebody else's: {method} {path}: {status}");
        }
        if path.starts_with(MACHINES) {
            let status = call(&running, &listener, &stranger, &method, &path).await;
            assert_eq!(status, 403, "not the administrator: {method} {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_healthz_answers_without_access() {
    let (_lab, running, owner, ..) = stage().await;
    assert_eq!(running.person(&Who::Nobody, Method::GET, "/healthz", None).await.body, b"ok\n");
    assert_eq!(running.guest(&Who::Nobody, Method::GET, "/healthz", None).await.body, b"ok\n");
    for path in ["/", "/index.html", "/assets/index-1234.js", "/nothing"] {
        let reply = running.person(&Who::Nobody, Method::GET, path, None).await;
        assert_eq!(reply.status, 401, "{path}");
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(text.contains("anteroom link") && !text.contains("<page>"), "{path}: {text}");
    }
    for path in ["/readyz", "/api/openapi.json", "/api/nothing", "/api"] {
        running.person(&Who::Nobody, Method::GET, path, None).await.is_problem(401, "no-access");
    }
    for (method, path) in [(Method::PUT, "/api/me"), (Method::OPTIONS, "/api/me"), (Method::DELETE, "/readyz")] {
        running.person(&Who::Nobody, method.clone(), path, None).await.is_problem(401, "no-access");
        running.guest(&Who::Nobody, method, "/api/guest/assignment", None).await.is_problem(401, "no-access");
    }
    assert_eq!(running.person(&owner, Method::GET, "/", None).await.body, b"<page>");
    assert_eq!(running.person(&owner, Method::GET, "/readyz", None).await.status, 204);
    assert_eq!(running.person(&owner, Method::GET, "/api/openapi.json", None).await.is(200)["openapi"], "3.1.0");
}

#[tokio::test(start_paused = true)]
async fn a_guests_listener_has_no_page_and_no_persons_call() {
    let (_lab, running, owner, machine, session) = stage().await;
    for path in ["/", "/api/providers", "/api/me", "/api/openapi.json", "/readyz", &format!("/api/session/{session}")] {
        assert_eq!(running.guest(&machine, Method::GET, path, None).await.status, 404, "{path}");
        assert_eq!(running.guest(&owner, Method::GET, path, None).await.status, 401, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_works_once_and_becomes_a_cookie() {
    let (_lab, running, ..) = stage().await;
    let link = format!("/?token={}", running.ports.new_link().await.unwrap().expose());
    let opened = running.person(&Who::Nobody, Method::GET, &link, None).await;
    assert_eq!((opened.status.as_u16(), opened.headers[header::LOCATION].to_str().unwrap()), (303, "/"));
    let line = opened.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age="] {
        assert!(line.contains(part), "{line}");
    }
    let value = line.strip_prefix("anteroom=").unwrap().split(';').next().unwrap().to_owned();
    let browser = Who::Cookie(value, None);
    assert_eq!(running.person(&browser, Method::GET, "/api/me", None).await.is(200)["user"]["name"], "Owner");
    let again = running.person(&Who::Nobody, Method::GET, &link, None).await;
    assert_eq!((again.status.as_u16(), again.headers.get(header::SET_COOKIE)), (401, None));
    assert_eq!(running.person(&browser, Method::GET, &link, None).await.status, 303, "its own browser may go back");
}

#[tokio::test(start_paused = true)]
async fn a_link_is_no_token_and_expires() {
    let (lab, running, ..) = stage().await;
    let token = running.ports.new_link().await.unwrap().expose().to_owned();
    for who in [Who::Bearer(token.clone()), Who::Cookie(token.clone(), None)] {
        running.person(&who, Method::GET, "/api/me", None).await.is_problem(401, "no-access");
    }
    tokio::time::advance(std::time::Duration::from_millis(
        u64::try_from(anteroom_controller::LINK_LIFETIME_MS).unwrap(),
    ))
    .await;
    let late = running.person(&Who::Nobody, Method::GET, &format!("/?token={token}"), None).await;
    assert_eq!(late.status, 401);
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_cookie_opens_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let Who::Bearer(token) = running.owner().await else { unreachable!("the owner of the lab has a token") };
    let browser = Who::Cookie(token, None);
    running.person(&browser, Method::GET, "/api/me", None).await.is(200);
    let lifetime = u64::try_from(anteroom_controller::COOKIE_LIFETIME_MS).unwrap();
    tokio::time::advance(std::time::Duration::from_millis(lifetime)).await;
    running.person(&browser, Method::GET, "/api/me", None).await.is_problem(401, "no-access");
}

#[tokio::test(start_paused = true)]
async fn a_change_by_cookie_must_come_from_the_page_itself() {
    let (_lab, running, owner, _machine, session) = stage().await;
    let Who::Bearer(token) = owner else { unreachable!("the owner of the lab has a token") };
    let path = format!("/api/session/{session}");
    for origin in [None, Some("http://evil.example"), Some("http://127.0.0.1:4001"), Some("null")] {
        let browser = Who::Cookie(token.clone(), origin);
        running.person(&browser, Method::DELETE, &path, None).await.is_problem(403, "foreign-origin");
        running.person(&browser, Method::GET, &path, None).await.is(200);
    }
    running.person(&Who::Cookie(token, Some(ORIGIN)), Method::DELETE, &path, None).await.is(200);
}

#[tokio::test(start_paused = true)]
async fn another_hosts_name_is_not_answered() {
    let (_lab, running, owner, machine, _session) = stage().await;
    for host in ["evil.example", "evil.example:4000", "127.0.0.1", ""] {
        let to_person = request(host, &owner, Method::GET, "/api/me", None);
        running.person_raw(to_person).await.is_problem(421, "foreign-host");
        let to_guest = request(host, &machine, Method::GET, "/api/guest/assignment", None);
        running.guest_raw(to_guest).await.is_problem(421, "foreign-host");
    }
}

#[tokio::test(start_paused = true)]
async fn a_machines_token_dies_when_its_session_ends() {
    let (lab, running, owner, machine, session) = stage().await;
    running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is_problem(401, "no-access");
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn every_answer_forbids_what_browsers_must_not_do_with_it() {
    let (_lab, running, owner, machine, _session) = stage().await;
    let replies = [
        running.person(&owner, Method::GET, "/api/me", None).await,
        running.person(&Who::Nobody, Method::GET, "/", None).await,
        running.person(&owner, Method::GET, "/", None).await,
        running.person(&owner, Method::GET, "/api/nothing", None).await,
        running.guest(&machine, Method::GET, "/api/guest/assignment", None).await,
    ];
    for reply in replies {
        let header =
            |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert!(["no-store", "no-cache"].contains(&header("cache-control").as_str()), "{reply:?}");
    }
    let asset = running.person(&owner, Method::GET, "/assets/index-1234.js", None).await;
    assert!(asset.headers["cache-control"].to_str().unwrap().contains("immutable"));
}
