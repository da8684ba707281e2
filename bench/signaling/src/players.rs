//! A page's and an agent's part, call by call. Descriptions are as long as Chromium's and the guest's are; who plays
//! keeps one connection for each side.

use std::fmt::Write as _;

use anteroom_controller::SignInStarted;
use anteroom_protocol::{
    Epoch, Secret, SessionId,
    guest::Assignment,
    session::{ConnectionReport, ConnectionState},
    signaling::{
        Answer, AnswerType, AnswerWithCandidates, Candidate, CandidatesInEpoch, Offer, OfferInEpoch, OfferType,
        OfferWithCandidates, SdpDigest,
    },
};
use serde_json::json;
use tokio::time::Instant;

use crate::{Outcome, http::Client, site::Site};

/// Chromium's offer for one video and two data channels.
const OFFER_BYTES: usize = 6 * 1024;
/// The guest's answer to it.
const ANSWER_BYTES: usize = 2 * 1024;
const FIRST: Epoch = Epoch(1);

/// An agent that knows what its machine is for.
pub(crate) struct Agent {
    pub(crate) session: SessionId,
    token: Secret<String>,
    digest: SdpDigest,
}

/// A description with what a connection needs, filled up with what browsers say about codecs.
fn sdp(ufrag: &str, bytes: usize) -> Secret<String> {
    let fingerprint = ["AB"; 32].join(":");
    let mut sdp = format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {fingerprint}\r\na=mid:0\r\n"
    );
    for payload in 96.. {
        if sdp.len() >= bytes {
            break;
        }
        let _ = write!(sdp, "a=rtpmap:{payload} H264/90000\r\na=rtcp-fb:{payload} transport-cc\r\n");
    }
    Secret::new(sdp)
}

fn candidate(number: u16) -> Candidate {
    let line = format!("candidate:{number} 1 udp 2122260223 192.0.2.7 {} typ host generation 0", 50_000 + number);
    Candidate {
        candidate: Secret::new(line),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    }
}

/// The click: a session with its offer.
pub(crate) async fn click(page: &mut Client) -> Outcome<SessionId> {
    let offer = Offer { kind: OfferType::Offer, sdp: sdp("page", OFFER_BYTES) };
    let offer = OfferWithCandidates { offer, candidates: vec![candidate(0)], after: None };
    let reply = page.post("/api/vm/auth", &json!({ "provider": "one", "webrtcOffer": offer })).await?;
    Ok(reply.expect(201)?.json::<SignInStarted>()?.session_id)
}

/// A new machine's agent asks what it is for, and for the offer.
pub(crate) async fn begin(site: &Site, client: &mut Client) -> Outcome<Agent> {
    let token = site.machine().await?;
    client.as_other(token.clone());
    let assignment: Assignment = client.get("/api/guest/assignment").await?.expect(200)?.json()?;
    let session = assignment.session_id;
    let path = format!("/api/webrtc/session/{session}/offer?after=0&wait=25");
    let offer: OfferInEpoch = client.get(&path).await?.expect(200)?.json()?;
    Ok(Agent { session, token, digest: SdpDigest::of(offer.offer.sdp.expose()) })
}

impl Agent {
    /// Answers. Returns when the answer was sent, and when the controller had said that it is stored.
    pub(crate) async fn answer(&self, client: &mut Client) -> Outcome<(Instant, Instant)> {
        client.as_other(self.token.clone());
        let answer = Answer { kind: AnswerType::Answer, sdp: sdp("vm00", ANSWER_BYTES) };
        let offer_digest = self.digest.clone();
        let answer = AnswerWithCandidates { answer, candidates: vec![candidate(0)], epoch: FIRST, offer_digest };
        let path = format!("/api/webrtc/session/{}/answer", self.session);
        let sent = Instant::now();
        client.post(&path, &answer).await?.expect(201)?;
        Ok((sent, Instant::now()))
    }
}

/// The page asks for the answer, again and again. Returns when it had it.
pub(crate) async fn wait_for_answer(page: &mut Client, session: &SessionId) -> Outcome<Instant> {
    let path = format!("/api/webrtc/session/{session}/answer?epoch=1&wait=25");
    loop {
        let reply = page.get(&path).await?;
        if reply.status != 204 {
            reply.expect(200)?;
            return Ok(Instant::now());
        }
    }
}

/// Either side has found one more candidate.
pub(crate) async fn trickle(client: &mut Client, session: &SessionId, number: u16) -> Outcome {
    let posted = CandidatesInEpoch { epoch: FIRST, candidates: vec![candidate(number)] };
    client.post(&format!("/api/webrtc/session/{session}/candidate"), &posted).await?.expect(200)?;
    Ok(())
}

/// Either side reads the other's candidates.
pub(crate) async fn read_candidates(client: &mut Client, session: &SessionId, side: &str) -> Outcome {
    let path = format!("/api/webrtc/session/{session}/candidates/{side}?epoch=1&after=0&wait=25");
    client.get(&path).await?.expect(200)?;
    Ok(())
}

/// The page waits for more than the candidate that came with the answer; there is none for as long as a poll waits.
pub(crate) async fn wait_for_candidates(page: &mut Client, session: &SessionId) -> Outcome {
    let path = format!("/api/webrtc/session/{session}/candidates/vm?epoch=1&after=1&wait=25");
    page.get(&path).await?.expect(204)?;
    Ok(())
}

/// The page sees the desktop.
pub(crate) async fn connected(page: &mut Client, session: &SessionId) -> Outcome {
    let report = ConnectionReport { epoch: FIRST, state: ConnectionState::FrameDecoded };
    page.post(&format!("/api/webrtc/session/{session}/connection"), &report).await?.expect(204)?;
    Ok(())
}

/// The person cancels.
pub(crate) async fn cancel(page: &mut Client, session: &SessionId) -> Outcome {
    page.delete(&format!("/api/session/{session}")).await?.expect(200)?;
    Ok(())
}
