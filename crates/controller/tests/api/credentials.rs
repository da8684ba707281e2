//! What is known of a credential, its versions, and whether it works.

use axum::http::Method;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::harness::{Lab, Reply, Running, Who};
use crate::sign_in::{machine_of, report};

/// A token for an hour, and one for a minute: the issuer decides how long each lives.
pub(crate) const LONG: (&str, &str) = ("long", "2026-11-22T13:00:00Z");
pub(crate) const SHORT: (&str, &str) = ("short", "2026-11-22T12:01:00Z");
const THIRD: (&str, &str) = ("third", "2026-11-22T12:30:00Z");

/// Wrangler's file, which tells when its access token expires and nothing of its age.
fn wrangler((token, expires): (&str, &str)) -> Value {
    let file = format!("oauth_token = \"{token}\"\nrefresh_token = \"{token}\"\nexpiration_time = \"{expires}\"\n");
    json!({"files": [{"path": ".config/.wrangler/config/default.toml", "base64": BASE64_STANDARD.encode(file)}]})
}

pub(crate) async fn sign_in(lab: &Lab, running: &Running, owner: &Who, tokens: (&str, &str)) -> Reply {
    let click = json!({"provider": "wrangler", "method": "paste"});
    let started = running.person(owner, Method::POST, "/api/vm/auth", Some(click)).await.is(201);
    let machine = machine_of(lab, running, started["sessionId"].as_str().unwrap()).await;
    report(running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await.is(204);
    hand_in(running, &machine, tokens).await
}

async fn hand_in(running: &Running, machine: &Who, tokens: (&str, &str)) -> Reply {
    running.guest(machine, Method::POST, "/api/guest/credential", Some(wrangler(tokens))).await
}

/// The machine of a run whose CLI runs.
pub(crate) async fn open(lab: &Lab, running: &Running, owner: &Who) -> Who {
    let click = json!({"provider": "wrangler", "columns": 80, "rows": 24});
    let run = running.person(owner, Method::POST, "/api/runs", Some(click)).await.is(201);
    began(lab, running, &run).await
}

pub(crate) async fn began(lab: &Lab, running: &Running, run: &Value) -> Who {
    let machine = machine_of(lab, running, run["runId"].as_str().unwrap()).await;
    report(running, &machine, json!([{"kind": "cli-started"}])).await.is(204);
    machine
}

pub(crate) async fn exits(lab: &Lab, running: &Running, machine: &Who, reports: Value) {
    report(running, machine, reports).await.is(204);
    lab.nothing_is_left().await;
}

pub(crate) async fn connected(running: &Running, owner: &Who) -> Value {
    running.person(owner, Method::GET, "/api/credentials", None).await.is(200)["credentials"][0].clone()
}

async fn ask(running: &Running, owner: &Who, method: Method, call: &str, body: Option<Value>) -> Reply {
    let id = connected(running, owner).await["id"].as_str().unwrap().to_owned();
    running.person(owner, method, &format!("/api/credentials/{id}/{call}"), body).await
}

async fn versions(running: &Running, owner: &Who) -> Value {
    let listed = ask(running, owner, Method::GET, "versions", None).await.is(200);
    listed["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["version"], one["origin"], one["isCurrent"]]))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_shorter_than_the_one_before_is_not_older() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    sign_in(&lab, &running, &owner, SHORT).await.is(204);
    assert_eq!(connected(&running, &owner).await["version"], 2);
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let machine = open(&lab, &running, &owner).await;
    hand_in(&running, &machine, THIRD).await.is(204);
    assert_eq!(connected(&running, &owner).await["version"], 4);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_replaced_does_not_come_back_by_a_run() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let machine = open(&lab, &running, &owner).await;
    hand_in(&running, &machine, SHORT).await.is(204);
    hand_in(&running, &machine, LONG).await.is_problem(409, "not-written-back");
    hand_in(&running, &machine, THIRD).await.is(204);
    for replaced in [LONG, SHORT] {
        hand_in(&running, &machine, replaced).await.is_problem(409, "not-written-back");
    }
    assert_eq!(versions(&running, &owner).await, json!([[3, "run", true], [2, "run", false], [1, "sign-in", false]]));
}

#[tokio::test(start_paused = true)]
async fn its_owner_goes_back_to_an_earlier_version_which_the_next_run_gets() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let machine = open(&lab, &running, &owner).await;
    hand_in(&running, &machine, SHORT).await.is(204);
    let restore =
        async |version: u32| ask(&running, &owner, Method::POST, "restore", Some(json!({"version": version}))).await;
    let refused = restore(1).await.is_problem(409, "credential-in-use");
    assert!(refused["holder"]["runId"].is_string());
    exits(&lab, &running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await;
    for version in [0, 2, 3] {
        restore(version).await.is_problem(409, "no-such-version");
    }
    let restored = restore(1).await.is(200);
    assert_eq!((&restored["version"], &restored["origin"]), (&json!(3), &json!("restore")));
    assert_eq!(connected(&running, &owner).await, restored);
    let machine = open(&lab, &running, &owner).await;
    let given = running.guest(&machine, Method::GET, "/api/guest/credential", None).await.is(200);
    assert_eq!(given, wrangler(LONG));
    // It is the present one again, whatever it was before.
    hand_in(&running, &machine, LONG).await.is(204);
    assert_eq!(connected(&running, &owner).await["version"], 3);
    let stranger = lab.stranger().await;
    let path = format!("/api/credentials/{}", restored["id"].as_str().unwrap());
    running.person(&stranger, Method::GET, &format!("{path}/versions"), None).await.is_problem(404, "not-found");
    let body = Some(json!({"version": 1}));
    running.person(&stranger, Method::POST, &format!("{path}/restore"), body).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_its_cli_has_blanked_needs_a_sign_in_until_there_is_a_new_one() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    assert_eq!(connected(&running, &owner).await["health"], "connected");
    let machine = open(&lab, &running, &owner).await;
    let blanked = json!([
        {"kind": "credential-missing", "detail": "The CLI left no whole credential."},
        {"kind": "cli-exited", "code": 0, "detail": ""},
    ]);
    exits(&lab, &running, &machine, blanked).await;
    let card = connected(&running, &owner).await;
    assert_eq!(
        (&card["health"], &card["healthDetail"], &card["version"]),
        (&json!("needs-sign-in"), &json!("The CLI left no whole credential."), &json!(1))
    );
    // The tool's own check reads the file alone.
    let run = ask(&running, &owner, Method::POST, "check", None).await.is(201);
    let machine = began(&lab, &running, &run).await;
    exits(&lab, &running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await;
    assert_eq!(connected(&running, &owner).await["health"], "needs-sign-in");
    sign_in(&lab, &running, &owner, SHORT).await.is(204);
    assert_eq!(connected(&running, &owner).await["health"], "connected");
}

#[tokio::test(start_paused = true)]
async fn a_check_is_a_run_of_the_clis_own_check_and_the_card_tells_what_it_found() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    for (code, health) in [(1, "needs-sign-in"), (0, "connected")] {
        let run = ask(&running, &owner, Method::POST, "check", None).await.is(201);
        assert_eq!(run["check"], true);
        ask(&running, &owner, Method::POST, "check", None).await.is_problem(409, "credential-in-use");
        let machine = began(&lab, &running, &run).await;
        let assigned = running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
        let plan = &assigned["work"]["run"];
        assert_eq!((&plan["command"], &plan["environment"]["CI"]), (&json!(["wrangler", "whoami"]), &json!("true")));
        exits(&lab, &running, &machine, json!([{"kind": "cli-exited", "code": code, "detail": ""}])).await;
        assert_eq!(connected(&running, &owner).await["health"], health);
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_stopped_or_leaves_nothing_does_not_say_that_all_is_well() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let exited = json!({"kind": "cli-exited", "code": 129, "detail": ""});
    let run = ask(&running, &owner, Method::POST, "check", None).await.is(201);
    let machine = began(&lab, &running, &run).await;
    let path = format!("/api/runs/{}", run["runId"].as_str().unwrap());
    running.person(&owner, Method::DELETE, &path, None).await.is(200);
    exits(&lab, &running, &machine, json!([exited])).await;
    assert_eq!(connected(&running, &owner).await["health"], "connected");

    let run = ask(&running, &owner, Method::POST, "check", None).await.is(201);
    let machine = began(&lab, &running, &run).await;
    let left =
        json!([{"kind": "credential-missing", "detail": "gone"}, {"kind": "cli-exited", "code": 0, "detail": ""}]);
    exits(&lab, &running, &machine, left).await;
    assert_eq!(connected(&running, &owner).await["health"], "needs-sign-in");
}

#[tokio::test(start_paused = true)]
async fn what_a_run_of_an_older_version_shows_says_nothing_of_the_newer_one() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let machine = open(&lab, &running, &owner).await;
    sign_in(&lab, &running, &owner, SHORT).await.is(204);
    let left =
        json!([{"kind": "credential-missing", "detail": "gone"}, {"kind": "cli-exited", "code": 0, "detail": ""}]);
    exits(&lab, &running, &machine, left).await;
    assert_eq!(connected(&running, &owner).await["health"], "connected");
}
