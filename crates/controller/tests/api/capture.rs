//! The credential: saved before the machine is destroyed, never replaced by a worse one, never in an answer.

use anteroom_store::Store as _;
use anteroom_vault::Binding;
use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    harness::{Lab, Running, Who},
    sign_in::{SECRET, credential, machine_of, report, sign_in, sign_in_until_saving},
};

const NOON: &str = "2026-11-22T12:00:00Z";

async fn hand_in(running: &Running, machine: &Who, captured: Value) -> crate::harness::Reply {
    running.guest(machine, Method::POST, "/api/guest/credential", Some(captured)).await
}

async fn saving() -> (Lab, Running, Who, Who, String) {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = sign_in_until_saving(&lab, &running, &session).await;
    (lab, running, owner, machine, session)
}

async fn stored(lab: &Lab) -> Vec<anteroom_store::CredentialRow> {
    lab.store.all_credentials().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_the_cli_wrote_is_what_the_sealed_credential_opens_to() {
    let (lab, running, _owner, machine, _session) = saving().await;
    let captured = credential(NOON);
    hand_in(&running, &machine, captured.clone()).await.is(204);
    let rows = stored(&lab).await;
    let [row] = &rows[..] else { panic!("one credential, not {}", rows.len()) };
    let binding =
        Binding { owner: row.owner.clone(), provider: row.provider.clone(), credential: row.id.clone(), version: 1 };
    let opened = row.sealed.open(&binding, &lab.ring).unwrap();
    let written = STANDARD.decode(captured["files"][0]["base64"].as_str().unwrap()).unwrap();
    assert_eq!(opened.files()[0].path, ".codex/auth.json");
    assert_eq!(*opened.files()[0].contents.expose(), written);
    assert!(!serde_json::to_string(&row.sealed).unwrap().contains(SECRET));
}

#[tokio::test(start_paused = true)]
async fn the_machine_is_there_until_the_vault_has_the_credential() {
    let (lab, running, owner, machine, session) = saving().await;
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    assert_eq!((lab.world.running().len(), stored(&lab).await.len()), (1, 0));
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is_problem(409, "saving");
    hand_in(&running, &machine, credential(NOON)).await.is(204);
    assert_eq!(stored(&lab).await.len(), 1);
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_sign_in_is_the_next_version_of_the_same_credential() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    let first = running.person(&owner, Method::GET, "/api/credentials", None).await.is(200);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    sign_in(&lab, &running, &owner, "2026-11-22T11:00:00Z").await;
    let second = running.person(&owner, Method::GET, "/api/credentials", None).await.is(200);
    let (first, second) = (&first["credentials"][0], &second["credentials"][0]);
    assert_eq!(first["id"], second["id"]);
    assert_eq!((&first["version"], &second["version"]), (&json!(1), &json!(2)));
    assert_eq!(first["connectedAt"], second["connectedAt"]);
    assert_ne!(first["savedAt"], second["savedAt"]);
}

#[tokio::test(start_paused = true)]
async fn a_blank_broken_or_older_credential_ends_the_session_and_keeps_the_stored_one() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, NOON).await;
    let file = |text: &str| json!({"files": [{"path": ".codex/auth.json", "base64": STANDARD.encode(text)}]});
    let blank = json!({"tokens": {"id_token": "", "access_token": "", "refresh_token": ""}}).to_string();
    let cases = [
        credential("2026-11-22T11:59:59Z"),
        file(&blank),
        file("{\"tokens\": {"),
        file(""),
        json!({"files": []}),
        json!({"files": [{"path": "../../etc/passwd", "base64": STANDARD.encode("x")}]}),
    ];
    for captured in cases {
        let session = running.click(&owner, "codex", "o1").await;
        let machine = sign_in_until_saving(&lab, &running, &session).await;
        let refused = hand_in(&running, &machine, captured.clone()).await.is_problem(422, "credential-refused");
        assert!(!refused.to_string().contains(SECRET), "{refused}");
        let view = running.view(&owner, &session).await;
        assert_eq!(view["reason"]["code"], "credential-invalid", "{captured}");
        assert_eq!(view["state"], "failed");
    }
    let rows = stored(&lab).await;
    assert_eq!(rows.iter().map(|row| row.version).collect::<Vec<_>>(), [1]);
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_base64_changes_nothing() {
    let (lab, running, owner, machine, session) = saving().await;
    let captured = json!({"files": [{"path": ".codex/auth.json", "base64": "***"}]});
    assert_eq!(
        hand_in(&running, &machine, captured).await.is_problem(422, "invalid-value")["field"],
        "files[0].base64"
    );
    assert_eq!(running.view(&owner, &session).await["state"], "saving");
    hand_in(&running, &machine, credential(NOON)).await.is(204);
    lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_credential_before_the_clis_good_end_is_refused() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    hand_in(&running, &machine, credential(NOON)).await.is_problem(409, "not-now");
    report(&running, &machine, json!([{"kind": "cli-exited", "code": 3, "detail": "no"}])).await.is(204);
    let view = running.view(&owner, &session).await;
    assert_eq!((&view["state"], &view["reason"]["code"]), (&json!("failed"), &json!("cli-failed")));
    assert!(stored(&lab).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_answer_has_a_secret_of_the_credential() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = sign_in(&lab, &running, &owner, NOON).await;
    for path in ["/api/providers", "/api/credentials", &format!("/api/session/{session}")] {
        let reply = running.person(&owner, Method::GET, path, None).await;
        assert!(!String::from_utf8_lossy(&reply.body).contains(SECRET), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_credential_is_gone_and_a_strangers_is_not_touched() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, NOON).await;
    let list = running.person(&owner, Method::GET, "/api/credentials", None).await.is(200);
    let path = format!("/api/credentials/{}", list["credentials"][0]["id"].as_str().unwrap());
    let stranger = lab.stranger().await;
    running.person(&stranger, Method::DELETE, &path, None).await.is_problem(404, "not-found");
    let of_stranger = running.person(&stranger, Method::GET, "/api/credentials", None).await.is(200);
    assert_eq!(of_stranger, json!({"credentials": []}));
    running.person(&owner, Method::DELETE, &path, None).await.is(204);
    running.person(&owner, Method::DELETE, &path, None).await.is_problem(404, "not-found");
    assert!(stored(&lab).await.is_empty());
}
