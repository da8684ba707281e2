//! Every sign-in ends once, with its reason, and leaves nothing (facts/failures.md, 19 to 26).

use std::time::Duration;

use anteroom_machines::{
    Driver as _,
    fake::{Call, Fault},
};
use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{Lab, Running, Who, answer_json, offer_json},
    sign_in::{answer_path, machine_of, report, sign_in, sign_in_until_saving},
};

async fn delete(running: &Running, who: &Who, session: &str) -> crate::harness::Reply {
    running.person(who, Method::DELETE, &format!("/api/session/{session}"), None).await
}

fn end(view: &Value) -> (&str, &str) {
    (view["state"].as_str().unwrap(), view["reason"]["code"].as_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn f19_an_end_never_changes() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    let ended = running.view(&owner, &session).await;
    let gone = delete(&running, &owner, &session).await.is_problem(410, "ended");
    assert_eq!(gone["reason"]["code"], "saved");
    lab.nothing_is_left().await;
    tokio::time::sleep(Duration::from_secs(10_000)).await;
    let later = running.view(&owner, &session).await;
    assert_eq!(end(&later), ("succeeded", "saved"));
    assert_eq!((&later["endedAt"], &later["credential"]), (&ended["endedAt"], &ended["credential"]));
}

#[tokio::test(start_paused = true)]
async fn f20_the_result_can_be_read_after_the_machine_is_gone_and_after_a_restart() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    lab.nothing_is_left().await;
    drop(running);
    let running = lab.start().await;
    for _ in 0..3 {
        assert_eq!(end(&running.view(&owner, &session).await), ("succeeded", "saved"));
    }
}

#[tokio::test(start_paused = true)]
async fn f22_the_machines_end_after_success_changes_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    lab.world.plan(Call::Destroy, Fault::Fails);
    let session = sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    for spec in lab.world.running() {
        lab.world.end(&spec.id, "its agent has ended");
    }
    lab.nothing_is_left().await;
    assert_eq!(end(&running.view(&owner, &session).await), ("succeeded", "saved"));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_sign_in_says_so_and_leaves_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    lab.machines(1).await;
    let view = delete(&running, &owner, &session).await.is(200);
    assert_eq!(end(&view), ("cancelled", "cancelled-by-person"));
    lab.nothing_is_left().await;
    let path = format!("/api/webrtc/session/{session}/offer");
    let reply = running.person(&owner, Method::POST, &path, Some(offer_json("o2"))).await;
    assert_eq!(reply.is_problem(410, "ended")["reason"]["code"], "cancelled-by-person");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_an_answer_learns_of_the_end_at_once() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    let before = tokio::time::Instant::now();
    let path = format!("{}?epoch=1&wait=25", answer_path(&session));
    let offer = crate::sign_in::offer_path(&session, 1, 25);
    let (person, guest, _) = tokio::join!(
        running.person(&owner, Method::GET, &path, None),
        running.guest(&machine, Method::GET, &offer, None),
        async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            delete(&running, &owner, &session).await.is(200)
        },
    );
    for reply in [person, guest] {
        assert_eq!(reply.is_problem(410, "ended")["reason"]["code"], "cancelled-by-person");
    }
    assert_eq!(before.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_killed_ends_its_session_and_only_that() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let (first, second) = (running.click(&owner, "codex", "o1").await, running.click(&owner, "wrangler", "o2").await);
    machine_of(&lab, &running, &first).await;
    machine_of(&lab, &running, &second).await;
    let machine = running.view(&owner, &first).await["machine"].as_str().unwrap().parse().unwrap();
    lab.world.end(&machine, "killed by signal 9");
    let view = running.until_state(&owner, &first, "failed").await;
    assert_eq!(end(&view), ("failed", "machine-lost"));
    assert!(view["reason"]["detail"].as_str().unwrap().contains("signal 9"), "{view}");
    lab.wait_until_gone(&machine).await;
    assert_eq!(running.view(&owner, &second).await["state"], "signing-in");
    assert_eq!(lab.world.driver().list().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn f23_every_wait_has_an_end_of_its_own_and_leaves_nothing() {
    // How far the sign-in gets, and the reason that it ends by then.
    let cases = [
        (0, "offer-timeout"),
        (1, "agent-timeout"),
        (2, "answer-timeout"),
        (3, "sign-in-timeout"),
        (4, "credential-missing"),
    ];
    for (reached, code) in cases {
        let lab = Lab::new();
        let running = lab.start().await;
        let owner = running.owner().await;
        let session = match reached {
            0 => {
                let body = Some(json!({"provider": "codex"}));
                let started = running.person(&owner, Method::POST, "/api/vm/auth", body).await.is(201);
                started["sessionId"].as_str().unwrap().to_owned()
            }
            _ => running.click(&owner, "codex", "o1").await,
        };
        if reached == 2 || reached == 3 {
            let machine = machine_of(&lab, &running, &session).await;
            if reached == 3 {
                let answer = Some(answer_json("a1", "o1", 1));
                running.guest(&machine, Method::POST, &answer_path(&session), answer).await.is(201);
            }
        } else if reached == 4 {
            sign_in_until_saving(&lab, &running, &session).await;
        }
        let ended = async {
            loop {
                let view = running.view(&owner, &session).await;
                if view.get("reason").is_some() {
                    return view;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let view = tokio::time::timeout(crate::harness::DEADLINE, ended).await.expect("it ends");
        assert_eq!(view["reason"]["code"], code);
        lab.nothing_is_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_desktop_or_a_cli_that_does_not_start_ends_the_session() {
    for (kind, code) in [
        ("desktop-failed", "desktop-failed"),
        ("cli-not-started", "cli-not-started"),
        ("credential-missing", "credential-missing"),
    ] {
        let lab = Lab::new();
        let running = lab.start().await;
        let owner = running.owner().await;
        let session = running.click(&owner, "codex", "o1").await;
        let machine = machine_of(&lab, &running, &session).await;
        // What comes behind the end in one request is too late, and no fault of the guest's.
        let reports = json!([{"kind": kind, "detail": "Xvfb ended with exit code 1"}, {"kind": "cli-started"}]);
        report(&running, &machine, reports).await.is(204);
        let view = running.view(&owner, &session).await;
        assert_eq!(view["reason"]["code"], code);
        lab.nothing_is_left().await;
    }
}

#[tokio::test(start_paused = true)]
async fn f25_a_failed_sign_in_keeps_what_is_connected() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    let before = running.person(&owner, Method::GET, "/api/credentials", None).await.is(200);
    let session = running.click(&owner, "codex", "o2").await;
    let machine = machine_of(&lab, &running, &session).await;
    report(&running, &machine, json!([{"kind": "cli-exited", "code": 1, "detail": "denied"}])).await.is(204);
    lab.nothing_is_left().await;
    assert_eq!(running.person(&owner, Method::GET, "/api/credentials", None).await.is(200), before);
}

#[tokio::test(start_paused = true)]
async fn reports_that_are_repeated_change_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = sign_in_until_saving(&lab, &running, &session).await;
    let before = running.view(&owner, &session).await;
    let again =
        json!([{"kind": "desktop-ready"}, {"kind": "url-opened"}, {"kind": "cli-exited", "code": 0, "detail": ""}]);
    report(&running, &machine, again).await.is(204);
    assert_eq!(running.view(&owner, &session).await, before);
}
