use std::time::Duration;

use anteroom_protocol::{
    Epoch, SessionId, ViewId,
    guest::{Boot, CapturedCredential, CapturedFile, DesktopSize, MediaEngine, Report},
    signaling::{Answer, AnswerType, AnswerWithCandidates, SdpDigest},
    view::{ViewEntryKind, ViewReply},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{
    scripted::{Scripted, TOKEN, client_of, ended},
    *,
};

const DEADLINE: Duration = Duration::from_secs(20);
const SDP: &str = "v=0\r\n";

fn session() -> SessionId {
    SessionId::from_random([7; 16])
}

fn problem(status: u16, kind: &str) -> (u16, Value) {
    (status, json!({"type": kind, "title": "t", "status": status, "detail": "what to do"}))
}

fn offer(epoch: u32) -> (u16, Value) {
    (200, json!({"offer": {"type": "offer", "sdp": SDP}, "candidates": [], "epoch": epoch}))
}

fn answer() -> AnswerWithCandidates {
    AnswerWithCandidates {
        answer: Answer { kind: AnswerType::Answer, sdp: Secret::new(SDP.to_owned()) },
        candidates: Vec::new(),
        epoch: Epoch(1),
        offer_digest: SdpDigest::of(SDP),
    }
}

fn credential() -> CapturedCredential {
    let file = CapturedFile { path: ".cli/auth.json".to_owned(), base64: Secret::new("e30=".to_owned()) };
    CapturedCredential { files: vec![file] }
}

#[tokio::test]
async fn an_offer_that_is_not_there_yet_is_waited_for() {
    let scripted = Scripted::start(vec![(204, Value::Null), (204, Value::Null), offer(3)]).await;
    let offer = scripted.client().next_offer(&session(), Epoch(2)).await.unwrap();
    assert_eq!(offer.epoch, Epoch(3));
    let call = format!("GET /api/webrtc/session/{}/offer?after=2&wait=25", session());
    assert_eq!(scripted.calls(), vec![call; 3]);
}

#[tokio::test]
async fn every_call_bears_the_machines_token() {
    let scripted = Scripted::start(vec![offer(1), (201, Value::Null)]).await;
    let client = scripted.client();
    client.next_offer(&session(), Epoch::NONE).await.unwrap();
    client.answer(&session(), &answer()).await.unwrap();
    assert!(scripted.seen().iter().all(|seen| seen.authorization == format!("Bearer {TOKEN}")));
    assert_eq!(scripted.seen()[1].body["epoch"], 1);
    assert_eq!(scripted.seen()[1].body["offerDigest"], SdpDigest::of(SDP).0);
}

#[tokio::test]
async fn a_busy_controller_is_asked_again_with_the_same_words() {
    let scripted =
        Scripted::start(vec![(503, Value::Null), (429, Value::Null), (500, Value::Null), (204, Value::Null)]).await;
    scripted.client().reports(vec![Report::CliStarted]).await.unwrap();
    let seen = scripted.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|call| *call == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn a_controller_that_was_killed_is_waited_for_and_the_credential_arrives() {
    let first = Scripted::start(vec![]).await;
    let address = first.address();
    drop(first);
    let client = client_of(address);
    let waiting = tokio::spawn(async move { client.credential(&credential()).await });
    // Longer than the first tries, so that it was away for some of them.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    let second = Scripted::start_at(address, vec![(204, Value::Null)]).await;
    let fate = timeout(DEADLINE, waiting).await.expect("an answer in time").unwrap();
    assert_eq!(fate, Ok(CredentialFate::Saved));
    assert_eq!(second.seen()[0].body["files"][0]["base64"], "e30=");
}

#[tokio::test]
async fn a_refused_credential_says_why() {
    let scripted = Scripted::start(vec![problem(422, "/problems/credential-refused")]).await;
    let fate = scripted.client().credential(&credential()).await;
    assert_eq!(fate, Ok(CredentialFate::Refused { detail: "what to do".to_owned() }));
}

#[tokio::test]
async fn an_answer_to_a_superseded_epoch_is_stale_and_the_agent_goes_on() {
    for refused in [
        problem(409, "/problems/stale-epoch"),
        problem(409, "/problems/already-answered"),
        problem(410, "/problems/superseded"),
    ] {
        let scripted = Scripted::start(vec![refused.clone()]).await;
        let fate = scripted.client().answer(&session(), &answer()).await;
        assert_eq!(fate, Ok(AnswerFate::Stale), "{refused:?}");
    }
    let scripted = Scripted::start(vec![problem(409, "/problems/stale-epoch")]).await;
    assert_eq!(scripted.client().viewer_candidates(&session(), Epoch(1), 0).await, Ok(None));
}

#[tokio::test]
async fn the_agent_of_a_kept_machine_stays_as_it_is_and_asks_no_more() {
    let scripted = Scripted::start(vec![problem(410, "/problems/kept")]).await;
    let (client, session) = (scripted.client(), session());
    let call = client.next_offer(&session, Epoch(0));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), call).await.is_err(), "it goes on");
    assert_eq!(scripted.calls().len(), 1);
}

#[tokio::test]
async fn the_sessions_end_ends_every_call() {
    for end in [ended(), (410, Value::Null), (401, Value::Null), (403, Value::Null)] {
        let answers = vec![end.clone(); 8];
        let client = Scripted::start(answers).await;
        let (scripted, client) = (&client, client.client());
        assert!(client.assignment().await.is_err(), "{end:?}");
        assert!(client.next_offer(&session(), Epoch(1)).await.is_err(), "{end:?}");
        assert!(client.answer(&session(), &answer()).await.is_err(), "{end:?}");
        assert!(client.viewer_candidates(&session(), Epoch(1), 0).await.is_err(), "{end:?}");
        assert!(client.reports(vec![Report::CliStarted]).await.is_err(), "{end:?}");
        assert!(client.credential(&credential()).await.is_err(), "{end:?}");
        assert!(client.views(0).await.is_err(), "{end:?}");
        assert!(client.answer_view(&view(), &ViewReply::NotYet).await.is_err(), "{end:?}");
        assert_eq!(scripted.seen().len(), 8);
    }
}

fn view() -> ViewId {
    ViewId::from_random([3; 16])
}

#[tokio::test]
async fn what_happens_to_views_is_waited_for() {
    let none = (200, json!({"entries": [], "next": 7}));
    let some = (200, json!({"entries": [{"seq": 8, "view": view(), "kind": "closed"}], "next": 8}));
    let scripted = Scripted::start(vec![(204, Value::Null), none, some]).await;
    let log = scripted.client().views(7).await.unwrap();
    assert_eq!((log.next, log.entries[0].view.clone(), &log.entries[0].kind), (8, view(), &ViewEntryKind::Closed));
    assert_eq!(scripted.calls(), vec!["GET /api/guest/views?after=7&wait=25"; 3]);
}

#[tokio::test]
async fn an_answer_to_a_view_that_is_over_harms_nothing() {
    for (answer, fate) in [
        ((204, Value::Null), ViewFate::Taken),
        (problem(409, "/problems/already-answered"), ViewFate::Over),
        (problem(410, "/problems/view-over"), ViewFate::Over),
        (problem(404, "/problems/not-found"), ViewFate::Over),
    ] {
        let scripted = Scripted::start(vec![answer.clone()]).await;
        assert_eq!(scripted.client().answer_view(&view(), &ViewReply::NotYet).await, Ok(fate), "{answer:?}");
        assert_eq!(scripted.seen()[0].body, json!({"kind": "not-yet"}));
    }
}

#[tokio::test]
async fn a_controller_without_views_is_not_asked_again() {
    let scripted = Scripted::start(vec![problem(404, "/problems/not-found")]).await;
    let client = scripted.client();
    let asked = timeout(Duration::from_millis(300), client.views(0)).await;
    assert!(asked.is_err(), "it waits for ever");
    assert_eq!(scripted.seen().len(), 1);
}

#[tokio::test]
async fn the_viewers_candidates_are_read_from_where_they_ended() {
    let none = (200, json!({"candidates": [], "next": 4, "complete": false}));
    let one = json!({"seq": 5, "candidate": "candidate:1 1 udp 1 a.local 9 typ host", "sdpMid": "0"});
    let some = (200, json!({"candidates": [one], "next": 5, "complete": false}));
    let scripted = Scripted::start(vec![(204, Value::Null), none, some]).await;
    let log = scripted.client().viewer_candidates(&session(), Epoch(2), 4).await.unwrap().unwrap();
    assert_eq!((log.candidates.len(), log.next), (1, 5));
    let call = format!("GET /api/webrtc/session/{}/candidates/browser?epoch=2&after=4&wait=25", session());
    assert_eq!(scripted.calls(), vec![call; 3]);
}

#[tokio::test]
async fn a_redirect_does_not_carry_the_token_elsewhere() {
    let scripted = Scripted::start(vec![(307, Value::Null)]).await;
    assert!(scripted.client().assignment().await.is_err());
    assert_eq!(scripted.seen().len(), 1);
}

#[test]
fn an_endpoint_that_is_no_http_url_is_refused_and_a_token_is_never_repeated() {
    for (url, token) in [("not a url", "t"), ("file:///etc", "t"), ("http://127.0.0.1:1", "to\nken")] {
        let boot = Boot {
            controller_url: url.to_owned(),
            token: Secret::new(token.to_owned()),
            address: [127, 0, 0, 1].into(),
            desktop: DesktopSize { width: 800, height: 600 },
            environment: Vec::new(),
            engine: MediaEngine::Str0m,
        };
        let error = Controller::new(&boot).err().expect("refused");
        assert!(!error.to_string().contains("ken\n"), "{error}");
    }
}
