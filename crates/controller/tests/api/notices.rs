//! What is told of credentials to somebody outside, and checks by the clock.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use anteroom_controller::{Care, Outside, care_for_credentials};
use anteroom_protocol::{NoticeId, UnixMillis};
use anteroom_store::Store as _;
use async_trait::async_trait;
use axum::http::Method;
use serde_json::{Value, json};

use crate::credentials::{LONG, SHORT, began, connected, exits, open, sign_in};
use crate::harness::{Lab, Running};

/// Takes notices, but for the first ones.
#[derive(Default)]
struct Inbox {
    refuses: Mutex<u32>,
    came: Mutex<Vec<(NoticeId, UnixMillis, Value)>>,
}

#[async_trait]
impl Outside for Inbox {
    async fn take(&self, id: &NoticeId, at: UnixMillis, body: &str) -> Result<(), String> {
        self.came.lock().unwrap().push((id.clone(), at, serde_json::from_str(body).unwrap()));
        let mut refuses = self.refuses.lock().unwrap();
        *refuses = refuses.saturating_sub(1);
        if *refuses > 0 { Err("it is away".to_owned()) } else { Ok(()) }
    }
}

impl Inbox {
    fn told(&self) -> Vec<Value> {
        self.came.lock().unwrap().iter().map(|(_, _, body)| body["health"].clone()).collect()
    }
}

fn care(running: &Running, inbox: &Arc<Inbox>, check_every: Option<Duration>) -> tokio::task::JoinHandle<()> {
    let care = Care { outside: Some(inbox.clone()), check_every };
    tokio::spawn(care_for_credentials(running.controller.clone(), care))
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_health_is_told_once_and_again_when_it_was_not_taken() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let inbox = Arc::new(Inbox { refuses: Mutex::new(4), ..Inbox::default() });
    let caring = care(&running, &inbox, None);
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    pass(60).await;
    assert_eq!(inbox.told(), [] as [Value; 0], "that it is connected is no news");
    let machine = open(&lab, &running, &owner).await;
    let blanked = json!([
        {"kind": "credential-missing", "detail": "It was blanked."},
        {"kind": "cli-exited", "code": 0, "detail": ""},
    ]);
    exits(&lab, &running, &machine, blanked).await;
    pass(600).await;
    let came = inbox.came.lock().unwrap().clone();
    assert_eq!(came.len(), 4, "three times in vain, and then no more: {came:?}");
    assert!(came.iter().all(|(id, ..)| *id == came[0].0), "it is the same notice");
    let pauses: Vec<_> = came.windows(2).map(|pair| pair[1].1.since(pair[0].1) / 1000).collect();
    // It looks every 15 s.
    assert_eq!(pauses, [15, 30, 120]);
    let body = &came[0].2;
    assert_eq!(
        (&body["type"], &body["provider"], &body["health"], &body["detail"]),
        (&json!("credential.health"), &json!("wrangler"), &json!("needs-sign-in"), &json!("It was blanked."))
    );
    assert_eq!(body["credential"], connected(&running, &owner).await["id"]);
    sign_in(&lab, &running, &owner, SHORT).await.is(204);
    pass(60).await;
    assert_eq!(inbox.told()[4..], ["connected"]);
    caring.abort();
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_nobody_takes_is_given_up_after_a_day_and_a_half() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let inbox = Arc::new(Inbox { refuses: Mutex::new(u32::MAX), ..Inbox::default() });
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let machine = open(&lab, &running, &owner).await;
    let left = json!([{"kind": "credential-missing", "detail": "-"}, {"kind": "cli-exited", "code": 0, "detail": ""}]);
    exits(&lab, &running, &machine, left).await;
    let caring = care(&running, &inbox, None);
    pass(3 * 24 * 3600).await;
    assert_eq!(inbox.told().len(), 10);
    assert_eq!(lab.store.due_notices(UnixMillis(i64::MAX), 9).await.unwrap(), []);
    caring.abort();
}

#[tokio::test(start_paused = true)]
async fn a_credential_is_checked_by_the_clock_and_not_while_it_is_used() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let inbox = Arc::new(Inbox::default());
    sign_in(&lab, &running, &owner, LONG).await.is(204);
    let caring = care(&running, &inbox, Some(Duration::from_secs(3600)));
    let checks = async || {
        let runs = running.person(&owner, Method::GET, "/api/runs", None).await.is(200);
        runs["runs"].as_array().unwrap().iter().filter(|run| run["check"] == true).cloned().collect::<Vec<_>>()
    };
    pass(3500).await;
    assert_eq!(checks().await, [] as [Value; 0]);
    pass(130).await;
    let check = checks().await.remove(0);
    let machine = began(&lab, &running, &check).await;
    exits(&lab, &running, &machine, json!([{"kind": "cli-exited", "code": 1, "detail": ""}])).await;
    pass(60).await;
    assert_eq!(
        (connected(&running, &owner).await["health"].clone(), inbox.told()),
        (json!("needs-sign-in"), vec![json!("needs-sign-in")])
    );
    pass(3300).await;
    assert_eq!(checks().await.len(), 1);
    // Somebody uses it when the next one would be due.
    let machine = open(&lab, &running, &owner).await;
    pass(600).await;
    assert_eq!(checks().await.len(), 1);
    exits(&lab, &running, &machine, json!([{"kind": "cli-exited", "code": 0, "detail": ""}])).await;
    caring.abort();
}
