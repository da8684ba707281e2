//! Runs: a CLI with a leased credential, what it makes of it, and who may have it.

use anteroom_store::Store as _;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Lab, PERSON_HOST, Reply, Running, Who, request};
use crate::sign_in::{SECRET, credential, machine_of, report};

/// How new the first credential is, and the next ones.
const FIRST: &str = "2026-11-22T10:00:00Z";
const SECOND: &str = "2026-11-22T11:00:00Z";

/// Signs in at Codex without a desktop.
async fn connect(lab: &Lab, running: &Running, owner: &Who, fresh: &str) {
    let click = json!({"provider": "codex", "method": "device"});
    let started = running.person(owner, Method::POST, "/api/vm/auth", Some(click)).await.is(201);
    let machine = machine_of(lab, running, started["sessionId"].as_str().unwrap()).await;
    report(running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await.is(204);
    write_back(running, &machine, fresh).await.is(204);
}

async fn open(running: &Running, owner: &Who, more: Value) -> Reply {
    let mut body = json!({"provider": "codex", "columns": 80, "rows": 24});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    running.person(owner, Method::POST, "/api/runs", Some(body)).await
}

/// A run whose CLI runs; its id, and its machine.
async fn runs(lab: &Lab, running: &Running, owner: &Who) -> (String, Who) {
    let run = open(running, owner, json!({})).await.is(201);
    let id = run["runId"].as_str().unwrap().to_owned();
    let machine = machine_of(lab, running, &id).await;
    report(running, &machine, json!([{"kind": "cli-started"}])).await.is(204);
    (id, machine)
}

async fn view(running: &Running, owner: &Who, id: &str) -> Value {
    running.person(owner, Method::GET, &format!("/api/runs/{id}"), None).await.is(200)
}

async fn write_back(running: &Running, machine: &Who, fresh: &str) -> Reply {
    running.guest(machine, Method::POST, "/api/guest/credential", Some(credential(fresh))).await
}

async fn given(running: &Running, machine: &Who) -> Reply {
    running.guest(machine, Method::GET, "/api/guest/credential", None).await
}

async fn exits(running: &Running, machine: &Who, code: i32) {
    report(running, machine, json!([{"kind": "cli-exited", "code": code, "detail": ""}])).await.is(204);
}

async fn connected(running: &Running, owner: &Who) -> Value {
    running.person(owner, Method::GET, "/api/credentials", None).await.is(200)["credentials"][0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_run_has_the_credential_and_ends_with_its_cli() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let run = open(&running, &owner, json!({"arguments": ["exec", "hello"]})).await.is(201);
    assert_eq!((&run["state"], &run["arguments"]), (&json!("starting"), &json!(["exec", "hello"])));
    let id = run["runId"].as_str().unwrap();
    let machine = machine_of(&lab, &running, id).await;
    let assigned = running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
    let plan = &assigned["work"]["run"];
    assert_eq!((&plan["command"], &plan["writesBack"]), (&json!(["codex", "exec", "hello"]), &json!(true)));
    assert_eq!(given(&running, &machine).await.is(200), credential(FIRST));
    report(&running, &machine, json!([{"kind": "cli-started"}])).await.is(204);
    assert_eq!(view(&running, &owner, id).await["state"], "running");
    exits(&running, &machine, 3).await;
    lab.nothing_is_left().await;
    let ended = view(&running, &owner, id).await;
    assert_eq!(
        (&ended["state"], &ended["exitCode"], &ended["reason"]["code"]),
        (&json!("ended"), &json!(3), &json!("exited"))
    );
    let listed = running.person(&owner, Method::GET, "/api/runs", None).await.is(200);
    assert_eq!(listed["runs"], json!([ended]), "sign-ins are none");
    let card = &running.person(&owner, Method::GET, "/api/providers", None).await.is(200)["providers"][0];
    assert_eq!((&card["runnable"], &card["session"]), (&json!(true), &Value::Null), "a run is no sign-in");
    assert!(!format!("{ended}{listed}{card}").contains(SECRET), "nobody reads it");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_run_that_is_not_connected_and_nothing_that_cannot_be() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    open(&running, &owner, json!({})).await.is_problem(409, "not-connected");
    open(&running, &owner, json!({"provider": "other"})).await.is_problem(422, "unknown-provider");
    for more in [
        json!({"columns": 0}),
        json!({"rows": 1001}),
        json!({"arguments": ["a\u{0}b"]}),
        json!({"arguments": vec!["a"; 257]}),
    ] {
        open(&running, &owner, more).await.is_problem(422, "invalid-value");
    }
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_rotates_has_one_holder_and_is_taken_over_only_when_its_machine_is_gone() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (first, machine) = runs(&lab, &running, &owner).await;
    let refused = open(&running, &owner, json!({})).await.is_problem(409, "credential-in-use");
    assert_eq!(refused["holder"]["runId"], json!(first));
    assert_eq!(connected(&running, &owner).await["holder"], refused["holder"]);

    let (second, ()) = tokio::join!(open(&running, &owner, json!({"takeOver": true})), async {
        running.guest(&machine, Method::GET, "/api/guest/stop?wait=25", None).await.is(200);
        assert_eq!(view(&running, &owner, &first).await["state"], "saving");
        // What it changes at the last moment is what the next one gets.
        write_back(&running, &machine, SECOND).await.is(204);
        exits(&running, &machine, 129).await;
    });
    let second = second.is(201)["runId"].as_str().unwrap().to_owned();
    let ended = view(&running, &owner, &first).await;
    assert_eq!((&ended["state"], &ended["reason"]["code"]), (&json!("ended"), &json!("taken-over")));
    let machine = machine_of(&lab, &running, &second).await;
    assert_eq!(given(&running, &machine).await.is(200), credential(SECOND));
    assert_eq!(connected(&running, &owner).await["holder"]["runId"], json!(second));
    assert_eq!(lab.machines(1).await.len(), 1, "never two with one credential");
}

#[tokio::test(start_paused = true)]
async fn what_a_run_makes_of_its_credential_is_the_next_version() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (id, machine) = runs(&lab, &running, &owner).await;
    write_back(&running, &machine, FIRST).await.is(204);
    assert_eq!(connected(&running, &owner).await["version"], 1, "it is the same");
    write_back(&running, &machine, SECOND).await.is(204);
    write_back(&running, &machine, SECOND).await.is(204);
    assert_eq!(connected(&running, &owner).await["version"], 2, "the reply may be lost, and it is sent again");
    assert_eq!(view(&running, &owner, &id).await["state"], "running");
    // Older, blank, broken: the run goes on with what is stored.
    write_back(&running, &machine, FIRST).await.is_problem(409, "not-written-back");
    let mut blank = credential(SECOND);
    blank["files"][0]["base64"] = json!("e30=");
    running
        .guest(&machine, Method::POST, "/api/guest/credential", Some(blank))
        .await
        .is_problem(409, "not-written-back");
    assert_eq!(connected(&running, &owner).await["version"], 2);
    assert_eq!(view(&running, &owner, &id).await["state"], "running");
}

#[tokio::test(start_paused = true)]
async fn a_new_sign_in_is_not_undone_by_a_run_of_the_old_one() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (_, machine) = runs(&lab, &running, &owner).await;
    let click = json!({"provider": "codex", "method": "device"});
    let again = running.person(&owner, Method::POST, "/api/vm/auth", Some(click)).await.is(201);
    let signing_in = machine_of(&lab, &running, again["sessionId"].as_str().unwrap()).await;
    report(&running, &signing_in, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await.is(204);
    write_back(&running, &signing_in, SECOND).await.is(204);
    write_back(&running, &machine, "2026-11-22T12:00:00Z").await.is_problem(409, "not-written-back");
    assert_eq!(connected(&running, &owner).await["version"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_was_forgotten_is_given_to_no_run_and_comes_back_by_none() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (_, machine) = runs(&lab, &running, &owner).await;
    let id = connected(&running, &owner).await["id"].as_str().unwrap().to_owned();
    running.person(&owner, Method::DELETE, &format!("/api/credentials/{id}"), None).await.is(204);
    given(&running, &machine).await.is_problem(409, "not-written-back");
    write_back(&running, &machine, SECOND).await.is_problem(409, "not-written-back");
    assert_eq!(lab.store.all_credentials().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_lost_ends_its_run_and_gives_the_credential_back() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (id, machine) = runs(&lab, &running, &owner).await;
    write_back(&running, &machine, SECOND).await.is(204);
    let spec = lab.machines(1).await.remove(0);
    lab.world.end(&spec.id, "killed");
    lab.nothing_is_left().await;
    assert_eq!(view(&running, &owner, &id).await["reason"]["code"], "machine-lost");
    let (_, next) = runs(&lab, &running, &owner).await;
    assert_eq!(given(&running, &next).await.is(200), credential(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_uses_is_asked_to_end() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (id, machine) = runs(&lab, &running, &owner).await;
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    running.guest(&machine, Method::GET, "/api/guest/stop?wait=25", None).await.is(200);
    exits(&running, &machine, 129).await;
    assert_eq!(view(&running, &owner, &id).await["reason"]["code"], "idle");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_its_owners_and_no_sign_in() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let (id, _) = runs(&lab, &running, &owner).await;
    let stranger = lab.stranger().await;
    for (method, path) in [
        (Method::GET, format!("/api/runs/{id}")),
        (Method::DELETE, format!("/api/runs/{id}")),
        (Method::GET, format!("/api/runs/{id}/events")),
        (Method::GET, "/api/runs/ses_x".to_owned()),
    ] {
        running.person(&stranger, method, &path, None).await.is_problem(404, "not-found");
    }
    assert_eq!(running.person(&stranger, Method::GET, "/api/runs", None).await.is(200)["runs"], json!([]));
    running.person(&owner, Method::GET, &format!("/api/session/{id}"), None).await.is_problem(404, "not-found");
    let stopped = running.person(&owner, Method::DELETE, &format!("/api/runs/{id}"), None).await.is(200);
    assert_eq!((&stopped["state"], &stopped["reason"]["code"]), (&json!("saving"), &json!("stopped-by-person")));
}

#[tokio::test(start_paused = true)]
async fn a_sign_ins_machine_is_given_no_credential() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let click = json!({"provider": "codex", "method": "device"});
    let started = running.person(&owner, Method::POST, "/api/vm/auth", Some(click)).await.is(201);
    let machine = machine_of(&lab, &running, started["sessionId"].as_str().unwrap()).await;
    given(&running, &machine).await.is_problem(404, "not-found");
    let nobody = running.guest(&Who::Nobody, Method::GET, "/api/guest/credential", None).await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_put_into_the_providers_arguments_and_has_no_terminal() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let prompt = "-say \"{prompt}\"\nand more";
    let body = json!({"provider": "codex", "prompt": prompt, "background": "light"});
    let run = running.person(&owner, Method::POST, "/api/runs", Some(body)).await.is(201);
    assert_eq!(run["terminal"], false);
    let machine = machine_of(&lab, &running, run["runId"].as_str().unwrap()).await;
    let assigned = running.guest(&machine, Method::GET, "/api/guest/assignment", None).await.is(200);
    let plan = &assigned["work"]["run"];
    assert_eq!(plan["command"], json!(["codex", "exec", "--skip-git-repo-check", "--", prompt]));
    assert_eq!((&plan["terminal"], &plan["background"]), (&json!(false), &json!("light")));
    exits(&running, &machine, 0).await;
    lab.nothing_is_left().await;
    for (more, problem) in [
        (json!({"prompt": "x", "arguments": ["y"]}), "invalid-value"),
        (json!({"prompt": " "}), "invalid-value"),
        (json!({"prompt": "a\u{0}b"}), "invalid-value"),
        (json!({"prompt": "x", "provider": "wrangler"}), "no-prompts"),
    ] {
        open(&running, &owner, more).await.is_problem(422, problem);
    }
    let with_terminal = open(&running, &owner, json!({"prompt": "x", "terminal": true})).await.is(201);
    assert_eq!(with_terminal["terminal"], true);
}

/// A stream to its end.
async fn written(running: &Running, owner: &Who, path: &str) -> String {
    let reply = running.person(owner, Method::GET, path, None).await;
    assert_eq!(reply.status, StatusCode::OK);
    String::from_utf8(reply.body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_output_of_a_run_ends_with_its_exit_code() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let run = open(&running, &owner, json!({"prompt": "x"})).await.is(201);
    let id = run["runId"].as_str().unwrap();
    let machine = machine_of(&lab, &running, id).await;
    let path = format!("/api/runs/{id}/output");
    let (read, ()) = tokio::join!(written(&running, &owner, &path), async {
        report(&running, &machine, json!([{"kind": "cli-started"}])).await.is(204);
        exits(&running, &machine, 3).await;
    });
    let reason = r#"{"code":"exited","detail":"The CLI ended with exit code 3."}"#;
    assert_eq!(read, format!("data: {{\"kind\":\"done\",\"exitCode\":3,\"reason\":{reason}}}\n\n"));
    // Whoever comes after the end hears of it too.
    assert_eq!(written(&running, &owner, &path).await, read);
    let stranger = lab.stranger().await;
    running.person(&stranger, Method::GET, &path, None).await.is_problem(404, "not-found");
    lab.nothing_is_left().await;
    let (id, _) = runs(&lab, &running, &owner).await;
    running.person(&owner, Method::GET, &format!("/api/runs/{id}/output"), None).await.is_problem(409, "has-terminal");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_finds_the_run_that_the_first_one_made() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    connect(&lab, &running, &owner, FIRST).await;
    let keyed = async |key: &str, body: Value| {
        let mut request = request(PERSON_HOST, &owner, Method::POST, "/api/runs", Some(body));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        running.person_raw(request).await
    };
    let body = json!({"provider": "codex", "arguments": ["exec"]});
    let (one, other) = tokio::join!(keyed("k1", body.clone()), keyed("k1", body.clone()));
    let first = one.is(201);
    assert_eq!(other.is(201), first, "neither is told that another run holds the credential");
    assert_eq!(keyed("k1", body.clone()).await.is(201)["runId"], first["runId"]);
    for other in [json!({"provider": "codex"}), json!({"provider": "codex", "arguments": ["exec"], "terminal": false})]
    {
        keyed("k1", other).await.is_problem(422, "key-reused");
    }
    keyed("", body.clone()).await.is_problem(422, "invalid-value");
    keyed("k2", body).await.is_problem(409, "credential-in-use");
    // Also when the run has ended.
    let machine = machine_of(&lab, &running, first["runId"].as_str().unwrap()).await;
    report(&running, &machine, json!([{"kind": "cli-started"}])).await.is(204);
    exits(&running, &machine, 0).await;
    lab.nothing_is_left().await;
    let again = keyed("k1", json!({"provider": "codex", "arguments": ["exec"]})).await.is(201);
    assert_eq!((&again["runId"], &again["state"]), (&first["runId"], &json!("ended")));
}
