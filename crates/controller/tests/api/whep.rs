//! The desktop for WHEP players, over the API: a scripted player, and a scripted guest that answers from its log.

use std::{sync::Arc, time::Duration};

use anteroom_protocol::{MachineId, limits};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    harness::{Lab, PERSON_HOST, Reply, Running, Who, digest_of, sdp},
    relays::OneRelay,
    sign_in::{machine_of, sign_in, sign_in_until_saving},
};

const ELSEWHERE: &str = "http://player.example";
const UFRAG: &str = "play";

struct Stage {
    lab: Lab,
    running: Running,
    owner: Who,
    machine: Who,
    session: String,
}

/// A session whose agent works.
async fn stage() -> Stage {
    stage_in(Lab::new()).await
}

async fn stage_in(lab: Lab) -> Stage {
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let machine = machine_of(&lab, &running, &session).await;
    Stage { lab, running, owner, machine, session }
}

/// What a player sends.
#[derive(Clone, Debug)]
struct Call<'a> {
    who: &'a Who,
    method: Method,
    path: String,
    media_type: &'a str,
    body: String,
    headers: Vec<(&'static str, String)>,
}

impl Call<'_> {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn request(self) -> Request<Body> {
        let Who::Bearer(token) = self.who else { unreachable!("players bring a token") };
        let mut request = Request::builder().method(self.method).uri(self.path).header(header::HOST, PERSON_HOST);
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        request = request.header(header::CONTENT_TYPE, self.media_type).header(header::ORIGIN, ELSEWHERE);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

impl Stage {
    fn endpoint(&self) -> String {
        format!("/api/session/{}/whep", self.session)
    }

    fn post(&self, offer: &str) -> Call<'_> {
        let (path, body) = (self.endpoint(), sdp(offer));
        Call { who: &self.owner, method: Method::POST, path, media_type: "application/sdp", body, headers: Vec::new() }
    }

    fn patch(&self, view: &Opened, body: &str) -> Call<'_> {
        let (path, body) = (view.location.clone(), body.to_owned());
        let media_type = "application/trickle-ice-sdpfrag";
        Call { who: &self.owner, method: Method::PATCH, path, media_type, body, headers: Vec::new() }
    }

    async fn send(&self, call: Call<'_>) -> Reply {
        let reply = self.running.person_raw(call.request()).await;
        assert_eq!(reply.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "a player sees every answer");
        reply
    }

    async fn delete(&self, location: &str) -> Reply {
        self.running.person(&self.owner, Method::DELETE, location, None).await
    }

    async fn log(&self, after: u32, wait: u32) -> Reply {
        let path = format!("/api/guest/views?after={after}&wait={wait}");
        self.running.guest(&self.machine, Method::GET, &path, None).await
    }

    /// All of the log from there on.
    async fn entries(&self, mut after: u32) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let piece = self.log(after, 0).await;
            if piece.status == 204 {
                return all;
            }
            let piece = piece.is(200);
            all.extend(piece["entries"].as_array().unwrap().iter().cloned());
            after = u32::try_from(piece["next"].as_u64().unwrap()).unwrap();
        }
    }

    async fn reply(&self, view: &str, reply: Value) -> Reply {
        let path = format!("/api/guest/views/{view}/answer");
        self.running.guest(&self.machine, Method::POST, &path, Some(reply)).await
    }

    /// Waits for the next offer above `after`, and says this to it.
    async fn guest_says(&self, after: u32, reply: Value) -> String {
        let entries = self.log(after, 25).await.is(200)["entries"].clone();
        let offered = entries.as_array().unwrap().iter().find(|entry| entry["kind"] == "offered");
        let view = offered.expect("an offer came")["view"].as_str().unwrap().to_owned();
        self.reply(&view, reply).await.is(204);
        view
    }

    async fn last(&self) -> u32 {
        let entries = self.entries(0).await;
        entries.last().map_or(0, |entry| u32::try_from(entry["seq"].as_u64().unwrap()).unwrap())
    }

    /// A player's POST, and the guest's answer to it.
    async fn open(&self, offer: &str, answer: &str) -> Opened {
        let after = self.last().await;
        let (reply, view) = tokio::join!(self.send(self.post(offer)), self.guest_says(after, answered(answer, offer)));
        reply.is(201);
        let header = |name: header::HeaderName| reply.headers[name].to_str().unwrap().to_owned();
        assert_eq!(String::from_utf8_lossy(&reply.body), sdp(answer));
        Opened { view, location: header(header::LOCATION), tag: header(header::ETAG), reply }
    }
}

struct Opened {
    view: String,
    location: String,
    tag: String,
    reply: Reply,
}

fn answered(answer: &str, offer: &str) -> Value {
    json!({"kind": "answered", "offerDigest": digest_of(offer), "answer": {"type": "answer", "sdp": sdp(answer)}})
}

fn fragment(ufrag: &str, hosts: &[u8]) -> String {
    let lines: String =
        hosts.iter().map(|host| format!("a=candidate:1 1 udp 1 192.0.2.{host} 9 typ host\r\n")).collect();
    format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:x\r\n{lines}")
}

fn retry_after(reply: &Reply) -> Option<&str> {
    reply.headers.get(header::RETRY_AFTER).map(|value| value.to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_player_gets_the_guests_answer_with_location_and_a_strong_tag() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    assert_eq!(opened.reply.headers[header::CONTENT_TYPE], "application/sdp");
    assert_eq!(opened.location, format!("/api/session/{}/whep/{}", stage.session, opened.view));
    assert!(opened.tag.starts_with('"') && opened.tag.ends_with('"') && opened.tag.len() > 16, "{}", opened.tag);
    assert!(opened.reply.headers.get(header::LINK).is_none(), "there is no relay here");
    let log = stage.entries(0).await;
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["seq"], &log[0]["offer"]), (&json!(1), &json!({"type": "offer", "sdp": sdp(UFRAG)})));
}

#[tokio::test(start_paused = true)]
async fn a_player_is_told_of_the_relay_with_credentials_for_its_session() {
    let mut lab = Lab::new();
    lab.relays = Arc::new(OneRelay);
    let stage = stage_in(lab).await;
    let link = stage.open(UFRAG, "a1").await.reply.headers[header::LINK].to_str().unwrap().to_owned();
    let session = &stage.session;
    assert_eq!(
        link,
        format!(
            "<turn:127.0.0.1:3478>; rel=\"ice-server\"; username=\"{session}\"; credential=\"password\"; credential-type=\"password\""
        )
    );
}

#[tokio::test(start_paused = true)]
async fn viewers_change_nothing_of_their_session() {
    let stage = stage().await;
    let before = stage.running.view(&stage.owner, &stage.session).await;
    let opened = stage.open(UFRAG, "a1").await;
    stage.send(stage.patch(&opened, &fragment(UFRAG, &[1])).header("if-match", &opened.tag)).await.is(204);
    stage.delete(&opened.location).await.is(200);
    assert_eq!(stage.running.view(&stage.owner, &stage.session).await, before);
}

#[tokio::test(start_paused = true)]
async fn candidates_reach_the_guest_in_order_and_once() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    let patch = |hosts: &[u8]| stage.patch(&opened, &fragment(UFRAG, hosts)).header("if-match", &opened.tag);
    let (log, reply) = tokio::join!(stage.log(1, 25), stage.send(patch(&[1, 2])));
    assert_eq!((reply.status.as_u16(), reply.headers.get(header::ETAG)), (204, None));
    let entry = log.is(200)["entries"][0].clone();
    assert_eq!((&entry["kind"], &entry["view"]), (&json!("candidates"), &json!(opened.view)));
    let first = &entry["candidates"][0];
    assert_eq!(first["candidate"], "candidate:1 1 udp 1 192.0.2.1 9 typ host");
    assert_eq!((&first["sdpMid"], &first["usernameFragment"]), (&json!("0"), &json!(UFRAG)));
    stage.send(patch(&[1, 2])).await.is(204);
    let any = stage.patch(&opened, &(fragment(UFRAG, &[2, 3]) + "a=end-of-candidates\r\n")).header("if-match", "*");
    stage.send(any).await.is(204);
    let log = stage.entries(2).await;
    assert_eq!((log.len(), log[0]["candidates"].as_array().unwrap().len()), (1, 1), "{log:?}");
    stage.send(patch(&[9])).await.is(204);
    assert_eq!(stage.entries(3).await.len(), 1, "requests may overlap: the end in one is not the end of all");
}

#[tokio::test(start_paused = true)]
async fn a_patch_must_name_its_ice_session() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    let patch = |body: &str| stage.patch(&opened, body);
    let good = fragment(UFRAG, &[1]);
    stage.send(patch(&good)).await.is_problem(428, "tag-required");
    for other in ["\"other\"".to_owned(), format!("W/{}", opened.tag), String::new()] {
        stage.send(patch(&good).header("if-match", other)).await.is_problem(412, "another-tag");
    }
    for tag in [&opened.tag, "*"] {
        let restart = patch(&fragment("other", &[1])).header("if-match", tag);
        stage.send(restart).await.is_problem(422, "no-ice-restart");
        stage.send(patch("hello").header("if-match", tag)).await.is_problem(400, "malformed");
    }
    let long = format!("a=candidate:{}", "x".repeat(limits::MAX_CANDIDATE_BYTES));
    stage.send(patch(&long).header("if-match", "*")).await.is_problem(422, "invalid-candidates");
    let typed = Call { media_type: "application/sdp", ..patch(&good) };
    let refused = stage.send(typed).await;
    refused.is_problem(415, "unsupported-media-type");
    assert_eq!(refused.headers["accept-patch"], "application/trickle-ice-sdpfrag");
    assert_eq!(stage.entries(1).await, Vec::<Value>::new(), "nothing of it reached the guest");
    stage.send(patch(&good).header("if-match", &opened.tag)).await.is(204);
}

#[tokio::test(start_paused = true)]
async fn a_view_is_deleted_once_and_a_second_time_is_as_good() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    let wrong_tag = stage.patch(&opened, "").header("if-match", "\"other\"");
    stage.send(Call { method: Method::DELETE, ..wrong_tag }).await.is(200);
    stage.delete(&opened.location).await.is(200);
    let log = stage.entries(1).await;
    assert_eq!((log.len(), &log[0]["kind"], &log[0]["view"]), (1, &json!("closed"), &json!(opened.view)));
    let late = stage.patch(&opened, &fragment(UFRAG, &[1])).header("if-match", &opened.tag);
    stage.send(late).await.is_problem(410, "view-closed");
    let unknown = format!("{}/vie_00000000000000000000000000", stage.endpoint());
    stage.delete(&unknown).await.is_problem(404, "not-found");
    stage.delete(&format!("{}/nonsense", stage.endpoint())).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn before_there_is_a_picture_a_player_is_told_when_to_come_again() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = running.click(&owner, "codex", "o1").await;
    let stage = Stage { machine: owner.clone(), lab, running, owner, session };
    let early = stage.send(stage.post(UFRAG)).await;
    early.is_problem(409, "no-picture");
    assert_eq!(retry_after(&early), Some("1"));
    let machine = machine_of(&stage.lab, &stage.running, &stage.session).await;
    let stage = Stage { machine, ..stage };
    let (reply, view) = tokio::join!(stage.send(stage.post(UFRAG)), stage.guest_says(0, json!({"kind": "not-yet"})));
    reply.is_problem(409, "no-picture");
    assert_eq!(retry_after(&reply), Some("1"));
    stage.reply(&view, json!({"kind": "not-yet"})).await.is(204);
    stage.reply(&view, answered("a1", UFRAG)).await.is_problem(409, "already-answered");
    stage.open(UFRAG, "a1").await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_answer_is_waited_for_ten_seconds() {
    let stage = stage().await;
    let before = Instant::now();
    let reply = stage.send(stage.post(UFRAG)).await;
    reply.is_problem(504, "no-answer");
    assert_eq!((before.elapsed().as_secs(), retry_after(&reply)), (10, Some("5")));
    let log = stage.entries(0).await;
    let kinds: Vec<_> = log.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["offered", "closed"], "the guest learns that nobody waits any more");
    let view = log[0]["view"].as_str().unwrap();
    stage.reply(view, answered("a1", UFRAG)).await.is_problem(410, "view-closed");
}

#[tokio::test(start_paused = true)]
async fn the_guests_answer_is_held_to_its_offer() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    stage.reply(&opened.view, answered("a1", UFRAG)).await.is(204);
    stage.reply(&opened.view, answered("a2", UFRAG)).await.is_problem(409, "already-answered");
    stage.reply(&opened.view, answered("a1", "other")).await.is_problem(409, "another-offer");
    stage.reply("vie_00000000000000000000000000", answered("a1", UFRAG)).await.is_problem(404, "not-found");
    let broken =
        json!({"kind": "answered", "offerDigest": digest_of(UFRAG), "answer": {"type": "answer", "sdp": "v=1"}});
    assert_eq!(stage.reply(&opened.view, broken).await.is_problem(422, "invalid-sdp")["field"], "answer.sdp");
    let long = json!({"kind": "unusable", "detail": "x".repeat(limits::MAX_DETAIL_BYTES + 1)});
    stage.reply(&opened.view, long).await.is_problem(422, "invalid-value");
    let (reply, _) = tokio::join!(
        stage.send(stage.post("next")),
        stage.guest_says(1, json!({"kind": "unusable", "detail": "it has no H.264"}))
    );
    let problem = reply.is_problem(422, "unusable-offer");
    assert!(problem["detail"].as_str().unwrap().contains("it has no H.264"), "{problem}");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_offer_never_reaches_the_guest() {
    let stage = stage().await;
    let typed = Call { media_type: "application/json", ..stage.post(UFRAG) };
    let refused = stage.send(typed).await;
    refused.is_problem(415, "unsupported-media-type");
    assert_eq!(refused.headers["accept-post"], "application/sdp");
    let long = sdp(UFRAG) + &"a=x\r\n".repeat(limits::MAX_SDP_BYTES / 5);
    let huge = "x".repeat(limits::MAX_BODY_BYTES + 1);
    let unnamed = sdp(UFRAG).replace("a=ice-ufrag:play", "a=ice-ufrag:\"");
    for (body, status, kind) in [
        ("hello", 422, "invalid-sdp"),
        ("", 422, "invalid-sdp"),
        (&unnamed, 422, "invalid-sdp"),
        (&long, 422, "invalid-sdp"),
        (&huge, 413, "too-large"),
    ] {
        let call = Call { body: body.to_owned(), ..stage.post(UFRAG) };
        stage.send(call).await.is_problem(status, kind);
    }
    let bytes = Request::builder().method(Method::POST).uri(stage.endpoint()).header(header::HOST, PERSON_HOST);
    let Who::Bearer(token) = &stage.owner else { unreachable!("the owner of the lab has a token") };
    let bytes =
        bytes.header(header::AUTHORIZATION, format!("Bearer {token}")).header(header::CONTENT_TYPE, "application/sdp");
    stage.running.person_raw(bytes.body(Body::from(vec![0xff, 0xfe])).unwrap()).await.is_problem(400, "malformed");
    assert_eq!(stage.entries(0).await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn the_seventeenth_view_closes_the_oldest() {
    let stage = stage().await;
    let mut opened = Vec::new();
    for number in 0..=limits::MAX_VIEWS {
        opened.push(stage.open(&format!("play{number}"), "a1").await);
    }
    let closed: Vec<_> = stage
        .entries(0)
        .await
        .into_iter()
        .filter(|entry| entry["kind"] == "closed")
        .map(|entry| entry["view"].clone())
        .collect();
    assert_eq!(closed, [json!(opened[0].view)]);
    let patch =
        |number: usize| stage.patch(&opened[number], &fragment(&format!("play{number}"), &[1])).header("if-match", "*");
    stage.send(patch(0)).await.is_problem(410, "view-closed");
    stage.send(patch(1)).await.is(204);
    stage.send(patch(limits::MAX_VIEWS)).await.is(204);
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_controller_keeps_a_view() {
    let Stage { lab, running, owner, machine, session } = stage().await;
    let stage = Stage { lab, running, owner, machine, session };
    let opened = stage.open(UFRAG, "a1").await;
    let Stage { lab, running, owner, machine, session } = stage;
    drop(running);
    let running = lab.start().await;
    let stage = Stage { lab, running, owner, machine, session };
    assert_eq!(stage.entries(0).await.len(), 1, "the guest finds the log as it was");
    stage.reply(&opened.view, answered("a1", UFRAG)).await.is(204);
    stage.send(stage.patch(&opened, &fragment(UFRAG, &[1])).header("if-match", &opened.tag)).await.is(204);
    assert_eq!(stage.entries(1).await[0]["kind"], "candidates");
    stage.delete(&opened.location).await.is(200);
}

#[tokio::test(start_paused = true)]
async fn views_end_with_their_session() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    let before = Instant::now();
    let (waiting, _) = tokio::join!(stage.send(stage.post("waits")), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        stage
            .running
            .person(&stage.owner, Method::DELETE, &format!("/api/session/{}", stage.session), None)
            .await
            .is(200)
    });
    assert_eq!(waiting.is_problem(410, "ended")["reason"]["code"], "cancelled-by-person");
    assert_eq!(before.elapsed().as_secs(), 2, "who waits is told at once");
    stage.send(stage.post("late")).await.is_problem(410, "ended");
    let late = stage.patch(&opened, &fragment(UFRAG, &[1])).header("if-match", &opened.tag);
    stage.send(late).await.is_problem(410, "ended");
    stage.delete(&opened.location).await.is(200);
    stage.log(0, 0).await.is_problem(401, "no-access");
    stage.lab.nothing_is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_desktop_is_viewed_while_the_credential_is_saved_and_not_after() {
    let stage = stage().await;
    sign_in_until_saving(&stage.lab, &stage.running, &stage.session).await;
    stage.open(UFRAG, "a1").await;
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let session = sign_in(&lab, &running, &owner, "2026-10-01T00:00:00Z").await;
    let done = Stage { machine: owner.clone(), lab, running, owner, session };
    done.send(done.post(UFRAG)).await.is_problem(410, "ended");
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_session_has_no_desktop_to_view() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    let stranger = stage.lab.stranger().await;
    for call in [
        stage.post("other"),
        Call { media_type: "text/plain", ..stage.post("other") },
        stage.patch(&opened, &fragment(UFRAG, &[1])).header("if-match", &opened.tag),
        Call { method: Method::DELETE, ..stage.patch(&opened, "") },
    ] {
        stage.send(Call { who: &stranger, ..call }).await.is_problem(404, "not-found");
    }
    let own = stage.running.click(&stage.owner, "wrangler", "o2").await;
    let elsewhere = format!("/api/session/{own}/whep/{}", opened.view);
    stage.delete(&elsewhere).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_machines_token_views_nothing_and_answers_its_own_sessions_views_only() {
    let stage = stage().await;
    let opened = stage.open(UFRAG, "a1").await;
    stage.send(Call { who: &stage.machine, ..stage.post("other") }).await.is_problem(401, "no-access");
    let other_session = stage.running.click(&stage.owner, "wrangler", "o2").await;
    let other = machine_of(&stage.lab, &stage.running, &other_session).await;
    let path = format!("/api/guest/views/{}/answer", opened.view);
    let reply = stage.running.guest(&other, Method::POST, &path, Some(answered("a1", UFRAG))).await;
    reply.is_problem(404, "not-found");
    stage.running.guest(&other, Method::GET, "/api/guest/views", None).await.is(204);
    let machines: Vec<MachineId> = stage.lab.world.running().into_iter().map(|spec| spec.id).collect();
    assert_eq!(machines.len(), 2, "neither session has suffered");
}

#[tokio::test(start_paused = true)]
async fn a_browser_may_ask_what_is_allowed_without_access() {
    let stage = stage().await;
    let options = async |path: &str| {
        let request = Request::builder()
            .method(Method::OPTIONS)
            .uri(path)
            .header(header::HOST, PERSON_HOST)
            .header(header::ORIGIN, ELSEWHERE)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        stage.running.person_raw(request.body(Body::empty()).unwrap()).await
    };
    for (path, methods, accept, media_type) in [
        (stage.endpoint(), "OPTIONS, POST", "accept-post", "application/sdp"),
        (
            format!("{}/vie_x", stage.endpoint()),
            "OPTIONS, PATCH, DELETE",
            "accept-patch",
            "application/trickle-ice-sdpfrag",
        ),
    ] {
        let reply = options(&path).await;
        reply.is(200);
        let header = |name: &str| reply.headers[name].to_str().unwrap().to_owned();
        assert_eq!((header("access-control-allow-methods"), header("allow")), (methods.into(), methods.into()));
        assert_eq!((header("access-control-allow-origin").as_str(), header(accept).as_str()), ("*", media_type));
        for name in ["Authorization", "Content-Type", "If-Match"] {
            assert!(header("access-control-allow-headers").contains(name), "{name}");
        }
        for name in ["Location", "ETag", "Link", "Retry-After"] {
            assert!(header("access-control-expose-headers").contains(name), "{name}");
        }
        assert!(reply.headers.get("access-control-allow-credentials").is_none());
    }
    let other = options("/api/me").await;
    other.is_problem(401, "no-access");
    assert!(other.headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_cookie_opens_no_view_from_another_origin() {
    let stage = stage().await;
    let Who::Bearer(token) = stage.owner.clone() else { unreachable!("the owner of the lab has a token") };
    let post = |origin| {
        let request = Request::builder().method(Method::POST).uri(stage.endpoint()).header(header::HOST, PERSON_HOST);
        let request = request.header(header::COOKIE, format!("anteroom={token}")).header(header::ORIGIN, origin);
        request.header(header::CONTENT_TYPE, "application/sdp").body(Body::from(sdp(UFRAG))).unwrap()
    };
    stage.running.person_raw(post(ELSEWHERE)).await.is_problem(403, "foreign-origin");
    assert_eq!(stage.entries(0).await, Vec::<Value>::new());
    let from_here = post("http://127.0.0.1:4000");
    let (reply, _) = tokio::join!(stage.running.person_raw(from_here), stage.guest_says(0, answered("a1", UFRAG)));
    reply.is(201);
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused_with_those_that_there_are() {
    let stage = stage().await;
    for (method, path) in [
        (Method::GET, stage.endpoint()),
        (Method::PUT, stage.endpoint()),
        (Method::GET, format!("{}/vie_00000000000000000000000000", stage.endpoint())),
        (Method::POST, format!("{}/vie_00000000000000000000000000", stage.endpoint())),
    ] {
        let reply = stage.running.person(&stage.owner, method, &path, None).await;
        reply.is_problem(405, "method-not-allowed");
        assert!(reply.headers.contains_key(header::ALLOW));
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_waits_is_woken_by_a_viewer_and_nothing_else_wakes_it() {
    let stage = stage().await;
    let before = Instant::now();
    stage.log(0, 7).await.is(204);
    assert_eq!(before.elapsed().as_secs(), 7);
    let (log, reply) = tokio::join!(stage.log(0, 25), async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stage.send(stage.post(UFRAG)).await
    });
    assert_eq!(log.is(200)["entries"][0]["kind"], "offered");
    assert_eq!(before.elapsed().as_secs(), 7 + 3 + 10, "the offer came after 3 s, and was never answered");
    reply.is_problem(504, "no-answer");
}
