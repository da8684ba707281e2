//! Failures of signaling that an earlier system had (facts/failures.md, 1 to 18), at the API.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    harness::{Lab, Running, Who, answer_json, candidate, offer_json, sdp},
    sign_in::{answer_path, machine_of, offer_path},
};

struct Stage {
    lab: Lab,
    running: Running,
    owner: Who,
    machine: Who,
    session: String,
}

/// A session with offer `o1` in epoch 1, and its machine's agent at work.
async fn stage() -> Stage {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    Stage { lab, running, owner, machine, session }
}

impl Stage {
    async fn offer(&self, name: &str) -> u64 {
        let path = format!("/api/webrtc/session/{}/offer", self.session);
        let stored = self.running.person(&self.owner, Method::POST, &path, Some(offer_json(name))).await.is(201);
        stored["epoch"].as_u64().unwrap()
    }

    async fn answer(&self, answer: Value) -> crate::harness::Reply {
        self.running.guest(&self.machine, Method::POST, &answer_path(&self.session), Some(answer)).await
    }

    async fn read_answer(&self, epoch: u32, wait: u32) -> crate::harness::Reply {
        let path = format!("{}?epoch={epoch}&wait={wait}", answer_path(&self.session));
        self.running.person(&self.owner, Method::GET, &path, None).await
    }

    async fn read_offer(&self, after: u32, wait: u32) -> crate::harness::Reply {
        self.running.guest(&self.machine, Method::GET, &offer_path(&self.session, after, wait), None).await
    }

    fn candidates_path(&self, side: &str, epoch: u32, after: u32, wait: u32) -> String {
        format!("/api/webrtc/session/{}/candidates/{side}?epoch={epoch}&after={after}&wait={wait}", self.session)
    }

    async fn browser_reads(&self, epoch: u32, after: u32, wait: u32) -> crate::harness::Reply {
        self.running.person(&self.owner, Method::GET, &self.candidates_path("vm", epoch, after, wait), None).await
    }

    async fn vm_posts(&self, epoch: u32, candidates: Value) -> crate::harness::Reply {
        let path = format!("/api/webrtc/session/{}/candidate", self.session);
        let body = json!({"epoch": epoch, "candidates": candidates});
        self.running.guest(&self.machine, Method::POST, &path, Some(body)).await
    }
}

fn seqs(log: &Value) -> Vec<u64> {
    log["candidates"].as_array().unwrap().iter().map(|logged| logged["seq"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn f01_not_yet_is_204_after_waiting_and_never_404() {
    let stage = stage().await;
    let before = Instant::now();
    stage.read_answer(1, 7).await.is(204);
    assert_eq!(before.elapsed().as_secs(), 7);
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    stage.read_offer(1, 1000).await.is(204);
    assert_eq!(before.elapsed().as_secs(), 7 + 25, "a wait is clamped to 25 s");
    let before = Instant::now();
    let path = stage.candidates_path("vm", 1, 0, 0);
    stage.running.person(&stage.owner, Method::GET, &path, None).await.is(204);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn f01_whoever_waits_is_woken_by_what_comes() {
    let stage = stage().await;
    let before = Instant::now();
    let (read, _) = tokio::join!(stage.read_answer(1, 25), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.answer(answer_json("a1", "o1", 1)).await.is(201)
    });
    assert_eq!(read.is(200)["answer"]["sdp"], sdp("a1"));
    assert_eq!(before.elapsed().as_secs(), 3);
    let (read, _) = tokio::join!(stage.read_offer(1, 25), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        stage.offer("o2").await
    });
    assert_eq!(read.is(200)["epoch"], 2);
}

#[tokio::test(start_paused = true)]
async fn f04_an_answer_to_a_superseded_epoch_is_refused_and_the_offer_is_not_overwritten() {
    let stage = stage().await;
    assert_eq!(stage.offer("o2").await, 2);
    let refused = stage.answer(answer_json("a1", "o1", 1)).await.is_problem(409, "stale-epoch");
    assert_eq!(refused["epoch"], 2);
    assert_eq!(stage.read_offer(0, 0).await.is(200)["offer"]["sdp"], sdp("o2"));
    stage.answer(answer_json("a2", "o2", 2)).await.is(201);
}

#[tokio::test(start_paused = true)]
async fn f05_the_same_offer_again_is_the_same_epoch() {
    let stage = stage().await;
    assert_eq!(stage.offer("o1").await, 1);
    assert_eq!(stage.offer("o2").await, 2);
    assert_eq!(stage.offer("o2").await, 2);
    let path = format!("/api/webrtc/session/{}/offer", stage.session);
    let late = stage.running.person(&stage.owner, Method::POST, &path, Some(offer_json("o1"))).await;
    assert_eq!(late.is_problem(409, "stale-epoch")["epoch"], 2, "an offer that was superseded never comes back");
}

#[tokio::test(start_paused = true)]
async fn f06_an_answer_to_somebody_elses_offer_is_refused() {
    let stage = stage().await;
    stage.answer(answer_json("a1", "foreign", 1)).await.is_problem(409, "another-offer");
    stage.answer(answer_json("a1", "o1", 2)).await.is_problem(409, "no-such-epoch");
    stage.answer(answer_json("a1", "o1", 0)).await.is_problem(409, "no-such-epoch");
    stage.read_answer(1, 0).await.is(204);
}

#[tokio::test(start_paused = true)]
async fn f06_a_second_answer_is_refused_and_the_same_again_is_fine() {
    let stage = stage().await;
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    stage.answer(answer_json("a1", "o1", 1)).await.is(200);
    assert_eq!(stage.answer(answer_json("b1", "o1", 1)).await.is_problem(409, "already-answered")["epoch"], 1);
    assert_eq!(stage.read_answer(1, 0).await.is(200)["answer"]["sdp"], sdp("a1"));
}

#[tokio::test(start_paused = true)]
async fn f07_an_offer_may_wait_for_its_answer() {
    let stage = stage().await;
    let before = Instant::now();
    let (read, _) = tokio::join!(stage.read_answer(1, 25), async {
        tokio::time::sleep(Duration::from_secs(24)).await;
        stage.answer(answer_json("a1", "o1", 1)).await.is(201)
    });
    read.is(200);
    assert_eq!(before.elapsed().as_secs(), 24);
}

#[tokio::test(start_paused = true)]
async fn f08_a_reload_makes_an_epoch_of_its_own_and_the_old_answer_is_never_given_for_it() {
    let stage = stage().await;
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    assert_eq!(stage.offer("o2").await, 2);
    stage.read_answer(2, 3).await.is(204);
    assert_eq!(stage.read_answer(1, 25).await.is_problem(409, "stale-epoch")["epoch"], 2);
    assert_eq!(stage.read_offer(1, 25).await.is(200)["epoch"], 2);
    stage.answer(answer_json("a2", "o2", 2)).await.is(201);
    assert_eq!(stage.read_answer(2, 0).await.is(200)["answer"]["sdp"], sdp("a2"));
}

#[tokio::test(start_paused = true)]
async fn f08_who_waits_for_the_answer_of_an_epoch_learns_at_once_that_it_is_superseded() {
    let stage = stage().await;
    let before = Instant::now();
    let (read, _) = tokio::join!(stage.read_answer(1, 25), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.offer("o2").await
    });
    read.is_problem(409, "stale-epoch");
    assert_eq!(before.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn f10_candidates_that_come_before_the_answer_stay_and_are_read_by_number() {
    let stage = stage().await;
    let posted = stage.vm_posts(1, json!([candidate(1), candidate(2)])).await.is(200);
    assert_eq!((seqs(&posted), &posted["next"]), (vec![1, 2], &json!(2)));
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    let again = stage.vm_posts(1, json!([candidate(2), candidate(3)])).await.is(200);
    assert_eq!((seqs(&again), &again["complete"]), (vec![3], &json!(false)));
    let all = stage.browser_reads(1, 0, 0).await.is(200);
    assert_eq!((seqs(&all), &all["next"]), (vec![1, 2, 3], &json!(3)));
    stage.browser_reads(1, 3, 0).await.is(204);
    assert_eq!(seqs(&stage.read_answer(1, 0).await.is(200)), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn f10_end_of_candidates_is_explicit_and_final() {
    let stage = stage().await;
    stage.vm_posts(1, json!([candidate(1), {"candidate": ""}])).await.is(200);
    let log = stage.browser_reads(1, 2, 25).await.is(200);
    assert_eq!((&log["complete"], &log["next"], seqs(&log)), (&json!(true), &json!(2), vec![]));
    stage.vm_posts(1, json!([candidate(2)])).await.is_problem(409, "candidates-complete");
}

#[tokio::test(start_paused = true)]
async fn f10_a_restart_keeps_offer_answer_and_candidates() {
    let mut stage = stage().await;
    stage.vm_posts(1, json!([candidate(1)])).await.is(200);
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    stage.running = stage.lab.start().await;
    assert_eq!(seqs(&stage.read_answer(1, 0).await.is(200)), [1]);
    assert_eq!(stage.read_offer(0, 0).await.is(200)["offer"]["sdp"], sdp("o1"));
    let posted = stage.vm_posts(1, json!([candidate(2)])).await.is(200);
    assert_eq!(seqs(&posted), [2], "numbers go on where they were");
}

#[tokio::test(start_paused = true)]
async fn f10_candidates_of_a_superseded_epoch_are_refused_and_not_given() {
    let stage = stage().await;
    stage.vm_posts(1, json!([candidate(1)])).await.is(200);
    stage.offer("o2").await;
    stage.vm_posts(1, json!([candidate(2)])).await.is_problem(409, "stale-epoch");
    stage.browser_reads(1, 0, 25).await.is_problem(409, "stale-epoch");
    stage.browser_reads(2, 0, 0).await.is(204);
}

#[tokio::test(start_paused = true)]
async fn f11_a_candidate_without_an_offer_makes_nothing() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let body = Some(json!({"provider": "codex"}));
    let started = running.person(&owner, Method::POST, "/api/vm/auth", body).await.is(201);
    let session = started["sessionId"].as_str().unwrap();
    let path = format!("/api/webrtc/session/{session}/candidate");
    let body = json!({"epoch": 1, "candidates": [candidate(1)]});
    running.person(&owner, Method::POST, &path, Some(body)).await.is_problem(409, "no-such-epoch");
    assert_eq!(running.view(&owner, session).await["epoch"], 0);
}

#[tokio::test(start_paused = true)]
async fn f11_an_answer_for_an_unknown_session_makes_nothing() {
    let stage = stage().await;
    let unknown = "ses_00000000000000000000000000";
    let answer = Some(answer_json("a1", "o1", 1));
    let reply = stage.running.guest(&stage.machine, Method::POST, &answer_path(unknown), answer).await;
    reply.is_problem(404, "not-found");
    let path = format!("/api/session/{unknown}");
    stage.running.person(&stage.owner, Method::GET, &path, None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn f14_relays_are_told_to_the_sessions_owner_only() {
    let stage = stage().await;
    let path = format!("/api/webrtc/ice-servers?session={}", stage.session);
    let told = stage.running.person(&stage.owner, Method::GET, &path, None).await.is(200);
    assert_eq!(told, json!({"iceServers": []}));
    let stranger = stage.lab.stranger().await;
    stage.running.person(&stranger, Method::GET, &path, None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn f15_signaling_polls_are_never_refused_for_their_number() {
    let stage = stage().await;
    for _ in 0..500 {
        stage.read_answer(1, 0).await.is(204);
        stage.read_offer(1, 0).await.is(204);
    }
}

#[tokio::test(start_paused = true)]
async fn f06_connected_is_a_decoded_frame_of_an_answered_epoch() {
    let stage = stage().await;
    let path = format!("/api/webrtc/session/{}/connection", stage.session);
    let say = async |epoch: u32, state: &str| {
        let body = json!({"epoch": epoch, "state": state});
        stage.running.person(&stage.owner, Method::POST, &path, Some(body)).await
    };
    say(1, "ice-connected").await.is_problem(409, "not-answered");
    stage.answer(answer_json("a1", "o1", 1)).await.is(201);
    say(1, "ice-connected").await.is(204);
    assert_eq!(stage.running.view(&stage.owner, &stage.session).await["connection"], "ice-connected");
    say(1, "frame-decoded").await.is(204);
    stage.offer("o2").await;
    assert_eq!(stage.running.view(&stage.owner, &stage.session).await["connection"], "new");
    say(1, "frame-decoded").await.is_problem(409, "stale-epoch");
}

#[tokio::test(start_paused = true)]
async fn two_sessions_do_not_see_each_others_signaling() {
    let stage = stage().await;
    let other = stage.running.click(&stage.owner, "wrangler", "p1").await;
    let other_machine = machine_of(&stage.lab, &stage.running, &other).await;
    for (method, path, body) in [
        (Method::GET, offer_path(&stage.session, 0, 25), None),
        (Method::POST, answer_path(&stage.session), Some(answer_json("a1", "o1", 1))),
        (Method::GET, stage.candidates_path("browser", 1, 0, 25), None),
        (
            Method::POST,
            format!("/api/webrtc/session/{}/candidate", stage.session),
            Some(json!({"epoch": 1, "candidates": [candidate(1)]})),
        ),
    ] {
        stage.running.guest(&other_machine, method, &path, body).await.is_problem(404, "not-found");
    }
    let stranger = stage.lab.stranger().await;
    let path = format!("{}?epoch=1&wait=25", answer_path(&stage.session));
    stage.running.person(&stranger, Method::GET, &path, None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_taken_over_is_told_so_and_takes_back_only_on_purpose() {
    let stage = stage().await;
    let path = format!("/api/webrtc/session/{}/offer", stage.session);
    let offer = async |name: &str, after: u32| {
        let mut body = offer_json(name);
        body["after"] = json!(after);
        stage.running.person(&stage.owner, Method::POST, &path, Some(body)).await
    };
    assert_eq!(stage.offer("second page").await, 2);
    let refused = offer("first page again", 1).await.is_problem(409, "taken-over");
    assert_eq!(refused["epoch"], 2);
    assert_eq!(stage.offer("first page takes back").await, 3);
    assert_eq!(offer("first page reconnects", 3).await.is(201)["epoch"], 4);
}
