//! Personal tokens: what each opens, and until when.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Lab, Reply, Running, Who};
use crate::sign_in::{machine_of, report};

async fn make(running: &Running, by: &Who, body: Value) -> Reply {
    running.person(by, Method::POST, "/api/tokens", Some(body)).await
}

async fn token(running: &Running, by: &Who, scopes: Value) -> Who {
    let made = make(running, by, json!({"name": "a script", "scopes": scopes, "days": 1})).await.is(201);
    Who::Bearer(made["token"].as_str().unwrap().to_owned())
}

async fn listed(running: &Running, by: &Who) -> Value {
    running.person(by, Method::GET, "/api/tokens", None).await.is(200)["tokens"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_token_is_told_once_and_opens_until_it_is_revoked() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let made = make(&running, &owner, json!({"name": " ci ", "scopes": ["run"], "days": 2})).await.is(201);
    let value = made["token"].as_str().unwrap().to_owned();
    let program = Who::Bearer(value.clone());
    let view = &made["view"];
    assert_eq!((&view["name"], &view["scopes"], view.get("lastUsedAt")), (&json!("ci"), &json!(["run"]), None));
    assert_eq!(listed(&running, &owner).await, json!([view]));
    running.person(&program, Method::GET, "/api/runs", None).await.is(200);
    let seen = listed(&running, &owner).await;
    assert!(seen[0]["lastUsedAt"].is_i64() && !seen.to_string().contains(&value), "{seen}");
    let path = format!("/api/tokens/{}", view["id"].as_str().unwrap());
    let stranger = lab.stranger().await;
    assert_eq!(listed(&running, &stranger).await, json!([]));
    running.person(&stranger, Method::DELETE, &path, None).await.is_problem(404, "not-found");
    running.person(&owner, Method::DELETE, &path, None).await.is(204);
    running.person(&owner, Method::DELETE, &path, None).await.is_problem(404, "not-found");
    running.person(&program, Method::GET, "/api/runs", None).await.is_problem(401, "no-access");
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_nothing_after_its_last_day() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let program = token(&running, &owner, json!(["read"])).await;
    tokio::time::sleep(Duration::from_secs(24 * 60 * 60 - 1)).await;
    running.person(&program, Method::GET, "/api/me", None).await.is(200);
    tokio::time::sleep(Duration::from_secs(1)).await;
    running.person(&program, Method::GET, "/api/me", None).await.is_problem(401, "no-access");
    assert_eq!(listed(&running, &owner).await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_token_opens_its_scopes_and_nothing_else() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let calls = [
        (Method::GET, "/api/credentials", None, "read"),
        (Method::POST, "/api/vm/auth", Some(json!({"provider": "codex", "method": "device"})), "connect"),
        (Method::POST, "/api/runs", Some(json!({"provider": "codex", "columns": 80, "rows": 24})), "run"),
        (Method::DELETE, "/api/credentials/cre_0000000000000000000000000a", None, "manage"),
        (Method::GET, "/api/tokens", None, "manage"),
        (Method::GET, "/api/machines", None, "manage"),
    ];
    for scope in ["read", "connect", "run", "manage"] {
        let program = token(&running, &owner, json!([scope])).await;
        for (method, path, body, needed) in &calls {
            let reply = running.person(&program, method.clone(), path, body.clone()).await;
            let opened = reply.status != 403;
            assert_eq!(opened, scope == *needed || *needed == "read", "{scope}: {method} {path} says {}", reply.status);
            if !opened {
                assert!(reply.is_problem(403, "scope-missing")["detail"].as_str().unwrap().contains(needed));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_makes_none_that_opens_more() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let manager = token(&running, &owner, json!(["manage"])).await;
    let wanted = json!({"name": "more", "scopes": ["manage", "run"], "days": 1});
    make(&running, &manager, wanted).await.is_problem(422, "invalid-value");
    token(&running, &manager, json!(["read", "manage"])).await;
}

#[tokio::test(start_paused = true)]
async fn what_can_be_no_token_is_refused_by_its_field() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("  ")),
        ("name", json!("x".repeat(65))),
        ("name", json!("two\nlines")),
        ("scopes", json!([])),
        ("days", json!(0)),
        ("days", json!(366)),
    ] {
        let mut body = json!({"name": "ci", "scopes": ["run"], "days": 1});
        body[field] = value;
        assert_eq!(make(&running, &owner, body).await.is_problem(422, "invalid-value")["field"], field);
    }
    let body = json!({"name": "ci", "scopes": ["root"], "days": 1});
    make(&running, &owner, body).await.is_problem(400, "malformed");
    for number in 0..50 {
        make(&running, &owner, json!({"name": format!("{number}"), "scopes": ["read"], "days": 1})).await.is(201);
    }
    let body = json!({"name": "too many", "scopes": ["read"], "days": 1});
    make(&running, &owner, body).await.is_problem(409, "too-many-tokens");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_no_cookie() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let Who::Bearer(value) = token(&running, &owner, json!(["read"])).await else { unreachable!() };
    running.person(&Who::Cookie(value, None), Method::GET, "/api/me", None).await.is_problem(401, "no-access");
}

#[tokio::test(start_paused = true)]
async fn who_may_only_read_sees_that_a_sign_in_goes_on_and_not_its_link_or_code() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let click = json!({"provider": "codex", "method": "device"});
    let started = running.person(&owner, Method::POST, "/api/vm/auth", Some(click)).await.is(201);
    let id = started["sessionId"].as_str().unwrap();
    let machine = machine_of(&lab, &running, id).await;
    let code = json!({"code": "ABCD-12345", "url": "https://auth.openai.com/codex/device"});
    report(&running, &machine, json!([{"kind": "code-found", "code": code}])).await.is(204);
    for (scope, sees) in [("read", false), ("run", false), ("connect", true)] {
        let program = token(&running, &owner, json!([scope])).await;
        let cards = running.person(&program, Method::GET, "/api/providers", None).await.is(200);
        let session = &cards["providers"][0]["session"];
        assert_eq!(session["sessionId"], id, "{scope}");
        assert_eq!(session["deviceCode"].is_object(), sees, "{scope}");
        assert_eq!(cards.to_string().contains("ABCD-12345"), sees, "{scope}");
    }
}
