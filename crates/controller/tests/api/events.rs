//! The event stream: every event once, in order, with its number; a reader goes on where it was.

use std::{collections::VecDeque, time::Duration};

use axum::{
    body::BodyDataStream,
    http::{Method, header},
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::{
    harness::{DEADLINE, Lab, PERSON_HOST, Running, Who, request},
    sign_in::{machine_of, report, sign_in, sign_in_until_saving},
};

/// Reads one stream.
pub(crate) struct Stream {
    body: BodyDataStream,
    text: String,
    /// What was read while the other kind was waited for.
    events: VecDeque<Value>,
    places: VecDeque<u64>,
    hosts: VecDeque<Value>,
}

impl Stream {
    pub(crate) async fn open(running: &Running, who: &Who, session: &str, last: Option<u32>) -> Self {
        let mut request = request(PERSON_HOST, who, Method::GET, &format!("/api/session/{session}/events"), None);
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.into());
        }
        let response = running.person_response(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
            events: VecDeque::new(),
            places: VecDeque::new(),
            hosts: VecDeque::new(),
        }
    }

    /// The next event; `None` when the stream has ended. Comments are skipped.
    async fn next(&mut self) -> Option<Value> {
        while self.events.is_empty() && self.read().await {}
        self.events.pop_front()
    }

    /// The next place in the queue that is told.
    pub(crate) async fn place(&mut self) -> u64 {
        while self.places.is_empty() && self.read().await {}
        self.places.pop_front().expect("a place is told before the stream's end")
    }

    /// The next word on what the machine reaches.
    pub(crate) async fn hosts(&mut self) -> Value {
        while self.hosts.is_empty() && self.read().await {}
        self.hosts.pop_front().expect("it is told before the stream's end")
    }

    /// Reads a piece; false at the stream's end.
    async fn read(&mut self) -> bool {
        let chunk = tokio::time::timeout(DEADLINE, self.body.next()).await.expect("the stream goes on");
        let Some(chunk) = chunk else { return false };
        self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some((block, rest)) = self.text.split_once("\n\n") {
            if let Some(data) = block.strip_prefix("event: hosts\ndata: ") {
                self.hosts.push_back(serde_json::from_str(data).unwrap());
                self.text = rest.to_owned();
                continue;
            }
            match placed(block) {
                Some(place) => self.places.push_back(place),
                None => self.events.extend(parsed(block)),
            }
            self.text = rest.to_owned();
        }
        true
    }

    pub(crate) async fn until(&mut self, kind: &str, value: Value) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let event = self.next().await.expect("the event comes before the stream's end");
            all.push(event.clone());
            if event["kind"] == kind && (event["state"] == value || event["step"] == value) {
                return all;
            }
        }
    }
}

fn placed(block: &str) -> Option<u64> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    (field("event:") == Some("place")).then(|| {
        assert_eq!(field("id:"), None, "a place belongs to no log");
        let told: Value = serde_json::from_str(field("data:").unwrap()).unwrap();
        told["ahead"].as_u64().unwrap()
    })
}

fn parsed(block: &str) -> Option<Value> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let event: Value = serde_json::from_str(field("data:")?).unwrap();
    assert_eq!(event["id"].to_string(), field("id:").unwrap(), "the SSE id is the event's number");
    Some(event)
}

fn ids(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["id"].as_u64().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_every_event_of_a_sign_in_once_and_the_stream_ends_with_the_machine() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let mut stream = Stream::open(&running, &owner, &session, None).await;
    let machine = sign_in_until_saving(&lab, &running, &session).await;
    let captured = crate::sign_in::credential("2026-11-22T10:00:00Z");
    running.guest(&machine, Method::POST, "/api/guest/credential", Some(captured)).await.is(204);
    let events = stream.until("step", json!("machine-destroyed")).await;
    assert_eq!(ids(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    assert!(events.iter().any(|event| event["kind"] == "url" && event["loginUrl"]["source"] == "shim"));
    let end = events.iter().find(|event| event["state"] == "succeeded").unwrap();
    assert_eq!(end["reason"]["code"], "saved");
    assert_eq!(stream.next().await, None, "the stream ends");
}

#[tokio::test(start_paused = true)]
async fn a_reader_goes_on_after_the_last_event_that_it_has_also_after_a_restart() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    machine_of(&lab, &running, &session).await;
    let mut stream = Stream::open(&running, &owner, &session, None).await;
    let first = stream.until("state", json!("signing-in")).await;
    drop((stream, running));
    let running = lab.start().await;
    let mut stream = Stream::open(&running, &owner, &session, Some(2)).await;
    assert_eq!(stream.next().await.unwrap()["id"], 3);
    let last = u32::try_from(*ids(&first).last().unwrap()).unwrap();
    let mut stream = Stream::open(&running, &owner, &session, Some(last)).await;
    let machine = machine_of(&lab, &running, &session).await;
    report(&running, &machine, json!([{"kind": "desktop-ready"}])).await.is(204);
    let next = stream.next().await.unwrap();
    assert_eq!((&next["id"], &next["step"]), (&json!(last + 1), &json!("desktop-ready")));
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_lives() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let body = Some(json!({"provider": "codex"}));
    let started = running.person(&owner, Method::POST, "/api/vm/auth", body).await.is(201);
    let mut stream = Stream::open(&running, &owner, started["sessionId"].as_str().unwrap(), None).await;
    let before = tokio::time::Instant::now();
    let chunk = stream.body.next().await.unwrap().unwrap();
    assert!(chunk.starts_with(b":"), "{chunk:?}");
    assert_eq!(before.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn when_there_will_be_no_more_events_a_reader_is_told_not_to_come_again() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = sign_in(&lab, &running, &owner, "2026-11-22T10:00:00Z").await;
    lab.nothing_is_left().await;
    let mut stream = Stream::open(&running, &owner, &session, Some(3)).await;
    let rest = stream.until("step", json!("machine-destroyed")).await;
    let last = ids(&rest).last().unwrap().to_string();
    let mut request = request(PERSON_HOST, &owner, Method::GET, &format!("/api/session/{session}/events"), None);
    request.headers_mut().insert("last-event-id", last.parse().unwrap());
    assert_eq!(running.person_raw(request).await.status, 204);
    let path = format!("/api/session/{session}/events?after={last}");
    assert_eq!(running.person(&owner, Method::GET, &path, None).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_events_are_nobodys() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let stranger = lab.stranger().await;
    let path = format!("/api/session/{session}/events");
    running.person(&stranger, Method::GET, &path, None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_streams_and_polls() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    lab.machines(1).await;
    let mut stream = Stream::open(&running, &owner, &session, None).await;
    stream.until("step", json!("machine-created")).await;
    let before = tokio::time::Instant::now();
    let path = format!("/api/webrtc/session/{session}/answer?epoch=1&wait=25");
    let (reply, ended, ()) = tokio::join!(running.person(&owner, Method::GET, &path, None), stream.next(), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        running.controller.close();
    });
    assert_eq!((reply.status.as_u16(), ended), (204, None));
    assert_eq!(before.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_shows_that_streams_work_speaks_at_once_and_ends_later() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let request = request(PERSON_HOST, &owner, Method::GET, "/api/connection/events", None);
    let mut body = running.person_response(request).await.into_body().into_data_stream();
    let before = tokio::time::Instant::now();
    assert_eq!(body.next().await.unwrap().unwrap(), "data: {}\n\n");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(body.next().await.is_none());
    assert_eq!(before.elapsed(), Duration::from_secs(10));
}
