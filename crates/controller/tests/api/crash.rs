//! The controller is killed before and after each call that it makes to its store and its driver, and started again:
//! the sign-in goes on from the rows, and at the end nothing is left. Page and guest repeat what got no answer.

use std::{sync::Arc, time::Duration};

use anteroom_store::Store as _;
use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::{
    faulty::{FaultyDriver, FaultyStore, Fuse, Moment},
    harness::{DEADLINE, GUEST_HOST, Lab, PERSON_HOST, Reply, Running, Who, answer_json, offer_json, request},
    sign_in::{answer_path, credential, offer_path},
};

/// More calls than a whole sign-in makes; a run that needs more has a loop that does not end.
const MAX_CALLS: u32 = 400;

/// The controller under test.
enum Life {
    /// It will be killed by the fuse.
    Doomed(Running),
    /// It was started after that.
    Second(Running),
}

/// Callers who outlive a controller.
struct Script {
    lab: Lab,
    fuse: Arc<Fuse>,
    life: Life,
    owner: Who,
}

impl Script {
    async fn new(at: u32, moment: Moment) -> Self {
        let lab = Lab::new();
        // The owner's token is there before the controller that dies.
        let owner = lab.start().await.owner().await;
        let fuse = Fuse::new(at, moment);
        let store = Arc::new(FaultyStore { inner: lab.store.clone(), fuse: fuse.clone() });
        let driver = Arc::new(FaultyDriver { inner: lab.world.driver(), fuse: fuse.clone() });
        let started = tokio::select! {
            running = lab.start_on(store, driver) => Some(running),
            () = fuse.blown() => None,
        };
        let life = match started {
            Some(running) => Life::Doomed(running),
            None => Life::Second(lab.start().await),
        };
        Self { lab, fuse, life, owner }
    }

    /// The future's value; when the controller is killed before, another is started and there is none.
    async fn unless_killed<T>(&mut self, wanted: impl AsyncFnOnce(&Lab, &Running) -> T) -> Option<T> {
        let value = match &self.life {
            Life::Doomed(running) => tokio::select! {
                value = wanted(&self.lab, running) => Some(value),
                () = self.fuse.blown() => None,
            },
            Life::Second(running) => {
                let value = tokio::time::timeout(DEADLINE, wanted(&self.lab, running)).await;
                Some(value.expect("a controller that lives gets on"))
            }
        };
        if value.is_none() {
            self.life = Life::Second(self.lab.start().await);
        }
        value
    }

    /// The page sends until there is an answer.
    async fn person(&mut self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let owner = self.owner.clone();
        loop {
            let mut request: Request<Body> = request(PERSON_HOST, &owner, method.clone(), path, body.clone());
            request.headers_mut().insert("idempotency-key", "one-click".parse().unwrap());
            if let Some(reply) = self.unless_killed(async |_, running| running.person_raw(request).await).await {
                return reply;
            }
        }
    }

    /// The guest sends until there is an answer.
    async fn guest(&mut self, machine: &Who, method: Method, path: &str, body: Option<Value>) -> Reply {
        loop {
            let request = request(GUEST_HOST, machine, method.clone(), path, body.clone());
            if let Some(reply) = self.unless_killed(async |_, running| running.guest_raw(request).await).await {
                return reply;
            }
        }
    }

    async fn click(&mut self) -> String {
        let body = json!({"provider": "codex", "webrtcOffer": offer_json("o1")});
        let started = self.person(Method::POST, "/api/vm/auth", Some(body)).await.is(201);
        started["sessionId"].as_str().unwrap().to_owned()
    }

    /// The agent of whatever machine runs, once its token is taken.
    async fn machine(&mut self) -> Who {
        for _ in 0..600 {
            for spec in self.lab.world.running() {
                let machine = Who::Bearer(spec.boot.token.expose().clone());
                if self.guest(&machine, Method::GET, "/api/guest/assignment", None).await.status == 200 {
                    return machine;
                }
            }
            // A pause as an agent's own between two tries.
            let _ = self.unless_killed(async |_, _| tokio::time::sleep(Duration::from_millis(100)).await).await;
        }
        panic!("no machine's agent is heard");
    }

    /// Waits until nothing is left, and the session knows it; true when the fuse was never reached.
    async fn nothing_is_left(mut self, session: &str) -> bool {
        while self.unless_killed(async |lab, _| lab.nothing_is_left().await).await.is_none() {}
        let view = self.view(session).await;
        assert_eq!(view.get("machine"), None, "{view}");
        assert!(view["steps"].to_string().contains("machine-destroyed"), "{view}");
        !self.fuse.is_blown()
    }

    async fn view(&mut self, session: &str) -> Value {
        self.person(Method::GET, &format!("/api/session/{session}"), None).await.is(200)
    }
}

async fn whole_sign_in(at: u32, moment: Moment) -> bool {
    let mut script = Script::new(at, moment).await;
    let session = script.click().await;
    let machine = script.machine().await;
    let offer = script.guest(&machine, Method::GET, &offer_path(&session, 0, 0), None).await.is(200);
    assert_eq!(offer["epoch"], 1, "no crash makes a second epoch of one click");
    let answered = script.guest(&machine, Method::POST, &answer_path(&session), Some(answer_json("a1", "o1", 1))).await;
    assert!([200, 201].contains(&answered.status.as_u16()), "{answered:?}");
    let reports = json!({"reports": [{"kind": "desktop-ready"}, {"kind": "cli-exited", "code": 0, "detail": ""}]});
    script.guest(&machine, Method::POST, "/api/guest/reports", Some(reports)).await.is(204);
    let captured = Some(credential("2026-11-22T10:00:00Z"));
    let kept = script.guest(&machine, Method::POST, "/api/guest/credential", captured).await;
    // After a lost reply the token is dead by then, and the session says why.
    assert!([204, 401].contains(&kept.status.as_u16()), "{kept:?}");
    assert_eq!(script.view(&session).await["state"], "succeeded");
    let versions: Vec<_> = script.lab.store.all_credentials().await.unwrap().iter().map(|row| row.version).collect();
    assert_eq!(versions, [1], "saved once");
    assert_eq!(script.lab.world.counts().0, 1, "one machine is made for one sign-in");
    script.nothing_is_left(&session).await
}

async fn cancelled_sign_in(at: u32, moment: Moment) -> bool {
    let mut script = Script::new(at, moment).await;
    let session = script.click().await;
    script.machine().await;
    let cancelled = script.person(Method::DELETE, &format!("/api/session/{session}"), None).await;
    assert!([200, 410].contains(&cancelled.status.as_u16()), "{cancelled:?}");
    assert_eq!(script.view(&session).await["state"], "cancelled");
    script.nothing_is_left(&session).await
}

/// Runs it with the fuse at every call in turn, until a run does not reach it.
async fn at_each_call(run: impl AsyncFn(u32, Moment) -> bool) {
    for moment in [Moment::Before, Moment::After] {
        let mut at = 0;
        while !run(at, moment).await {
            at += 1;
            assert!(at < MAX_CALLS, "a sign-in makes more than {MAX_CALLS} calls");
        }
        assert!(at > 20, "only {at} calls were seen: the fuse is not in the way of them");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_survives_a_kill_at_every_call() {
    at_each_call(whole_sign_in).await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_survives_a_kill_at_every_call() {
    at_each_call(cancelled_sign_in).await;
}
