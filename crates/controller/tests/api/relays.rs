//! Relays: credentials for a session or for a click, and what they reach.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anteroom_controller::{ConnectionFacts, Finding, Holder, Issued, RelayKind, Relays};
use anteroom_protocol::{Secret, UnixMillis, ice::IceServer};
use axum::http::Method;
use serde_json::json;

use crate::{
    harness::{DEADLINE, Lab, Running, Who, offer_json},
    sign_in::machine_of,
};

/// Says in the username whose credentials they are.
pub(crate) struct OneRelay;

impl Relays for OneRelay {
    fn issue(&self, page_host: &str, holder: &Holder, now: UnixMillis) -> Issued {
        let username = match holder {
            Holder::Session(session) => session.to_string(),
            Holder::Ticket(ticket) => ticket.to_string(),
        };
        let server = IceServer {
            urls: vec![format!("turn:{page_host}:3478")],
            username: Some(username),
            credential: Some(Secret::new("password".to_owned())),
        };
        Issued { servers: vec![server], expires_at: Some(now.plus_ms(900_000)) }
    }

    fn describe(&self, page_host: &str, _now: UnixMillis) -> ConnectionFacts {
        let findings = vec![Finding::warning("It is slow.", "Make it quick.")];
        ConnectionFacts { relay: RelayKind::Embedded, urls: vec![format!("turn:{page_host}:3478")], findings }
    }
}

async fn with_a_relay() -> (Lab, Running, Who) {
    let mut lab = Lab::new();
    lab.relays = Arc::new(OneRelay);
    let running = lab.start().await;
    let owner = running.owner().await;
    (lab, running, owner)
}

async fn ticket(running: &Running, who: &Who) -> String {
    let servers = running.person(who, Method::GET, "/api/webrtc/ice-servers", None).await.is(200);
    assert_eq!(servers["iceServers"][0]["urls"], json!(["turn:127.0.0.1:3478"]));
    assert_eq!(servers["iceServers"][0]["username"], servers["ticket"]);
    assert!(servers["expiresAt"].is_i64());
    servers["ticket"].as_str().unwrap().to_owned()
}

fn peer(running: &Running, ticket: &str) -> Option<IpAddr> {
    running.controller.reach().peer(&Holder::Ticket(ticket.parse().unwrap()))
}

#[tokio::test(start_paused = true)]
async fn without_a_relay_there_are_no_servers_and_no_ticket() {
    let lab = Lab::new();
    let running = lab.start().await;
    let owner = running.owner().await;
    let servers = running.person(&owner, Method::GET, "/api/webrtc/ice-servers", None).await.is(200);
    assert_eq!(servers, json!({"iceServers": []}));
}

#[tokio::test(start_paused = true)]
async fn a_ticket_reaches_its_sessions_machine_from_the_click_to_the_end_and_nothing_else() {
    let (lab, running, owner) = with_a_relay().await;
    let (ticket, unused) = (ticket(&running, &owner).await, ticket(&running, &owner).await);
    assert_eq!(peer(&running, &ticket), None, "before the click");
    let body = json!({"provider": "codex", "webrtcOffer": offer_json("one"), "relayTicket": ticket});
    let started = running.person(&owner, Method::POST, "/api/vm/auth", Some(body)).await.is(201);
    let session = started["sessionId"].as_str().unwrap();
    machine_of(&lab, &running, session).await;
    let address = lab.world.running()[0].boot.address;
    assert_eq!(peer(&running, &ticket), Some(address));
    assert_eq!(peer(&running, &unused), None);
    running.person(&owner, Method::DELETE, &format!("/api/session/{session}"), None).await.is(200);
    assert_eq!(peer(&running, &ticket), None, "after the end");
}

#[tokio::test(start_paused = true)]
async fn a_sessions_credentials_reach_its_machine_again_after_a_restart() {
    let (lab, running, owner) = with_a_relay().await;
    let session = running.click(&owner, "codex", "one").await;
    machine_of(&lab, &running, &session).await;
    drop(running);
    let running = lab.start().await;
    let path = format!("/api/webrtc/ice-servers?session={session}");
    let servers = running.person(&owner, Method::GET, &path, None).await.is(200);
    assert_eq!(servers["iceServers"][0]["username"], session.as_str());
    assert!(servers.get("ticket").is_none(), "{servers}");
    let holder = Holder::Session(session.parse().unwrap());
    // The reconciler tells it from the machine's row.
    let told = async {
        while running.controller.reach().peer(&holder).is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, told).await.expect("the reconciler tells it in time");
    assert_eq!(running.controller.reach().peer(&holder), Some(lab.world.running()[0].boot.address));
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_session_has_no_relay_for_a_stranger() {
    let (lab, running, owner) = with_a_relay().await;
    let session = running.click(&owner, "codex", "one").await;
    let stranger = lab.stranger().await;
    let path = format!("/api/webrtc/ice-servers?session={session}");
    running.person(&stranger, Method::GET, &path, None).await.is_problem(404, "not-found");
}

#[tokio::test(start_paused = true)]
async fn a_strangers_click_does_not_get_the_owners_ticket() {
    let (lab, running, owner) = with_a_relay().await;
    let ticket = ticket(&running, &owner).await;
    let stranger = lab.stranger().await;
    let body = json!({"provider": "codex", "webrtcOffer": offer_json("one"), "relayTicket": ticket});
    let started = running.person(&stranger, Method::POST, "/api/vm/auth", Some(body)).await.is(201);
    machine_of(&lab, &running, started["sessionId"].as_str().unwrap()).await;
    assert_eq!(peer(&running, &ticket), None);
}

#[tokio::test(start_paused = true)]
async fn the_page_is_told_what_is_wrong_with_the_relay_and_no_credential() {
    let (_lab, running, owner) = with_a_relay().await;
    let facts = running.person(&owner, Method::GET, "/api/connection", None).await.is(200);
    let finding = json!({"level": "warning", "what": "It is slow.", "remedy": "Make it quick."});
    assert_eq!(facts, json!({"relay": "embedded", "urls": ["turn:127.0.0.1:3478"], "findings": [finding]}));
}
