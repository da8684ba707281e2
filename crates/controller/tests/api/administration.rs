//! What an administrator sees of machines and does to them, and what is kept of those that failed.

use std::{sync::Arc, time::Duration};

use anteroom_controller::PoolSettings;
use anteroom_machines::fake::{Call, Fault};
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Lab, Running, Who},
    pool::waits,
    sign_in::{machine_of, report, sign_in, sign_in_until_saving},
};

async fn list(running: &Running, who: &Who) -> Value {
    running.person(who, Method::GET, "/api/machines", None).await.is(200)
}

fn logs(machine: &Value) -> String {
    format!("/api/machines/{}/logs", machine.as_str().expect("an id"))
}

fn stop(machine: &Value) -> String {
    format!("/api/machines/{}/stop", machine.as_str().expect("an id"))
}

fn path(machine: &Value) -> String {
    format!("/api/machines/{}", machine.as_str().expect("an id"))
}

/// A session whose machine works on it, and that machine's id.
async fn serving(lab: &Lab, running: &Running, owner: &Who) -> (String, Who, Value) {
    let session = running.click(owner, "codex", "o1").await;
    let machine = machine_of(lab, running, &session).await;
    let id = running.view(owner, &session).await["machine"].clone();
    (session, machine, id)
}

#[tokio::test(start_paused = true)]
async fn every_machine_is_listed_with_what_it_is_for_and_what_it_uses() {
    let mut lab = Lab::new();
    lab.pool = PoolSettings { size: 1, keep_free: 0 };
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let first = lab.machines(1).await.remove(0);
    let agent = waits(&running, &first);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let session = running.click(&owner, "codex", "o1").await;
    agent.await.unwrap().is(200);
    let second = lab.machines(2).await.into_iter().find(|spec| spec.id != first.id).unwrap();
    waits(&running, &second);
    let told = list(&running, &owner).await;
    assert_eq!((&told["more"], &told["max"], &told["failed"]), (&json!(false), &json!(8), &json!([])));
    let [serving, waiting] = &told["machines"].as_array().unwrap()[..] else { panic!("two machines: {told}") };
    assert_eq!(
        (&serving["id"], &serving["state"], &serving["session"], &serving["provider"]),
        (&json!(first.id), &json!("serving"), &json!(session), &json!("codex"))
    );
    assert_eq!((&waiting["id"], &waiting["state"]), (&json!(second.id), &json!("waiting")));
    assert_eq!((waiting.get("session"), waiting.get("provider")), (None, None));
    for machine in [serving, waiting] {
        // The fake's: 200 MiB, and 50 ms of computing between two looks half a second apart.
        assert_eq!((&machine["memoryBytes"], &machine["cpuPercent"]), (&json!(200 << 20), &json!(10)), "{machine}");
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_a_machine_ends_its_session_with_that_reason_and_keeps_its_log() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, _, machine) = serving(&lab, &running, &owner).await;
    for _ in 0..2 {
        running.person(&owner, Method::POST, &stop(&machine), None).await.is(204);
    }
    let view = running.view(&owner, &session).await;
    assert_eq!((&view["state"], &view["reason"]["code"]), (&json!("cancelled"), &json!("stopped-by-administrator")));
    lab.nothing_is_left().await;
    running.person(&owner, Method::POST, &stop(&machine), None).await.is_problem(404, "not-found");
    let kept = running.person(&owner, Method::GET, &logs(&machine), None).await.is(200);
    assert_eq!((&kept["log"], &kept["failed"]["session"]), (&json!("agent started\n"), &json!(session)));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_waits_is_stopped_and_another_one_takes_its_place() {
    let mut lab = Lab::new();
    lab.pool = PoolSettings { size: 1, keep_free: 0 };
    let running = Arc::new(lab.start().await);
    let owner = running.owner().await;
    let pooled = lab.machines(1).await.remove(0);
    waits(&running, &pooled);
    running.person(&owner, Method::DELETE, &path(&json!(pooled.id)), None).await.is(204);
    lab.wait_until_gone(&pooled.id).await;
    assert_ne!(lab.machines(1).await[0].id, pooled.id);
    assert_eq!(list(&running, &owner).await["failed"], json!([]), "it did what it should");
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_credential_is_being_saved_is_not_stopped() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    sign_in_until_saving(&lab, &running, &session).await;
    let machine = running.view(&owner, &session).await["machine"].clone();
    running.person(&owner, Method::POST, &stop(&machine), None).await.is_problem(409, "saving");
    running.person(&owner, Method::DELETE, &path(&machine), None).await.is_problem(409, "saving");
    assert_eq!(running.view(&owner, &session).await["state"], "saving");
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_machine_wrote_is_kept_without_secrets_and_outlives_machine_and_controller() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (session, who, machine) = serving(&lab, &running, &owner).await;
    let id = lab.world.running()[0].id.clone();
    lab.world.write(&id, "GET https://auth.example/cb?code=abc&state=def\nerror: no screen\n");
    let until_now = running.person(&owner, Method::GET, &logs(&machine), None).await.is(200);
    let written = "agent started\nGET https://auth.example/cb?[masked]\nerror: no screen\n";
    assert_eq!((&until_now["log"], until_now.get("failed")), (&json!(written), None));
    report(&running, &who, json!([{"kind": "desktop-failed", "detail": "the X server ended"}])).await.is(204);
    lab.nothing_is_left().await;
    drop(running);
    let running = lab.start().await;
    let kept = running.person(&owner, Method::GET, &logs(&machine), None).await.is(200);
    assert_eq!(kept["log"], written);
    let failed = &list(&running, &owner).await["failed"][0];
    assert_eq!(*failed, kept["failed"]);
    assert_eq!(
        (&failed["id"], &failed["session"], &failed["provider"], &failed["reason"]),
        (
            &machine,
            &json!(session),
            &json!("codex"),
            &json!({"code": "desktop-failed", "detail": "the X server ended"})
        )
    );
    running.person(&owner, Method::DELETE, &path(&machine), None).await.is(204);
    running.person(&owner, Method::GET, &logs(&machine), None).await.is_problem(404, "not-found");
    running.person(&owner, Method::DELETE, &path(&machine), None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn what_ended_as_it_should_is_not_kept() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    let (session, _, machine) = serving(&lab, &running, &owner).await;
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    lab.nothing_is_left().await;
    assert_eq!(list(&running, &owner).await["failed"], json!([]));
    running.person(&owner, Method::GET, &logs(&machine), None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_can_not_be_read_holds_no_destruction_up() {
    for fault in [Fault::Fails, Fault::Hangs] {
        let lab = Lab::new();
        let running = lab.start().await;
        let owner = running.owner().await;
        let (_, who, machine) = serving(&lab, &running, &owner).await;
        lab.world.plan(Call::Logs, fault);
        let before = tokio::time::Instant::now();
        report(&running, &who, json!([{"kind": "desktop-failed", "detail": "why"}])).await.is(204);
        lab.nothing_is_left().await;
        assert!(before.elapsed() < Duration::from_secs(10), "{fault:?}: {:?}", before.elapsed());
        let kept = running.person(&owner, Method::GET, &logs(&machine), None).await;
        if fault == Fault::Hangs {
            kept.is_problem(404, "not-found");
        } else {
            assert!(kept.is(200)["log"].as_str().unwrap().contains("could not be read"), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pooled_machine_that_fails_is_explained_too() {
    type Failing = fn(&Lab);
    let cases: [(Failing, &str); 3] = [
        (|lab| lab.world.plan(Call::Create, Fault::FailsHalfway), "machine-failed"),
        (|_| (), "agent-timeout"),
        (|lab| lab.world.end(&lab.world.running()[0].id, "killed"), "machine-lost"),
    ];
    for (fails, code) in cases {
        let mut lab = Lab::new();
        lab.pool = PoolSettings { size: 1, keep_free: 0 };
        if code == "machine-failed" {
            fails(&lab);
        }
        let running = lab.start().await;
        let owner = running.owner().await;
        lab.machines(1).await;
        if code == "machine-lost" {
            fails(&lab);
        }
        let explained = async {
            loop {
                let failed = list(&running, &owner).await["failed"].clone();
                if failed != json!([]) {
                    return failed;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let failed = tokio::time::timeout(crate::harness::DEADLINE, explained).await.expect("it is explained in time");
        assert_eq!(failed[0]["reason"]["code"], code, "{failed}");
        assert_eq!(failed[0].get("session"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn machines_are_for_the_administrator_only() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (_, _, machine) = serving(&lab, &running, &owner).await;
    let stranger = lab.stranger().await;
    for (method, path) in [
        (Method::GET, "/api/machines".to_owned()),
        (Method::GET, logs(&machine)),
        (Method::POST, stop(&machine)),
        (Method::DELETE, path(&machine)),
        (Method::DELETE, "/api/machines/x".to_owned()),
    ] {
        running.person(&stranger, method, &path, None).await.is_problem(403, "administrator-only");
    }
    for unknown in ["x", "mac_00000000000000000000000000"] {
        let unknown = json!(unknown);
        running.person(&owner, Method::GET, &logs(&unknown), None).await.is_problem(404, "not-found");
        running.person(&owner, Method::POST, &stop(&unknown), None).await.is_problem(404, "not-found");
        running.person(&owner, Method::DELETE, &path(&unknown), None).await.is_problem(404, "not-found");
    }
    assert_eq!(lab.world.running().len(), 1);
}
