//! What pages, WHEP players and guest agents send to the controller.

use std::fmt::Debug;

use anteroom_protocol::{
    guest::{Boot, Reports},
    limits,
    sdpfrag::{Fragment, ice_ufrags},
    session::ConnectionReport,
    signaling::{
        AnswerWithCandidates, Candidate, CandidatesInEpoch, OfferWithCandidates, SdpDigest, check_candidates, check_sdp,
    },
    terminal::{FromAgent, FromViewer, MAX_TYPED_BYTES, ToAgent, ViewerWords},
    view::ViewReply,
};
use serde::{Serialize, de::DeserializeOwned};

/// Offers, answers and candidates, as JSON and as SDP alone.
pub fn signaling(data: &[u8]) {
    if let Some(posted) = json::<OfferWithCandidates>(data) {
        description(posted.offer.sdp.expose());
        candidates(&posted.candidates);
    }
    if let Some(posted) = json::<AnswerWithCandidates>(data) {
        description(posted.answer.sdp.expose());
        candidates(&posted.candidates);
    }
    if let Some(posted) = json::<CandidatesInEpoch>(data) {
        candidates(&posted.candidates);
    }
    json::<ConnectionReport>(data);
    if let Ok(text) = str::from_utf8(data) {
        description(text);
    }
}

fn description(sdp: &str) {
    if check_sdp(sdp).is_ok() {
        assert!(sdp.len() <= limits::MAX_SDP_BYTES);
        assert_eq!(SdpDigest::of(sdp).0.len(), 64);
        if let Ok(ufrags) = ice_ufrags(sdp) {
            assert!(!ufrags.is_empty() && ufrags.iter().all(|ufrag| sdp.contains(ufrag.as_str())));
        }
    }
}

fn candidates(candidates: &[Candidate]) {
    if check_candidates(candidates).is_ok() {
        assert!(candidates.len() <= limits::MAX_CANDIDATES_PER_REQUEST);
        assert!(candidates.iter().all(|candidate| candidate.candidate.expose().len() <= limits::MAX_CANDIDATE_BYTES));
    }
}

/// Pieces of SDP that WHEP players send.
pub fn sdpfrag(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(fragment) = Fragment::parse(text) else { return };
    check_candidates(&fragment.candidates).expect("what a fragment has, can be stored");
    let ends = fragment.candidates.iter().filter(|candidate| candidate.is_end()).count();
    assert!(ends <= 1 && (ends == 0 || fragment.candidates.last().is_some_and(Candidate::is_end)));
    for candidate in &fragment.candidates {
        assert_eq!(candidate.username_fragment, fragment.ufrag);
    }
}

/// What agents report and how they answer views, and what an agent is booted with.
pub fn guest_messages(data: &[u8]) {
    json::<Reports>(data);
    if let Some(ViewReply::Answered { answer, .. }) = json::<ViewReply>(data) {
        description(answer.sdp.expose());
    }
    // Has no equality: it holds a token.
    let _ = serde_json::from_slice::<Boot>(data);
}

/// What was read is written and read again as the same.
fn json<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(data).ok()?;
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, value);
    Some(value)
}

/// Messages of a run's terminal, as each of their four readers takes them. What is read says itself again, and a size is one that a
/// terminal can have.
pub fn terminal_frames(data: &[u8]) {
    if let Ok(said) = FromViewer::read(data) {
        assert_eq!(FromViewer::read(&said.message()).as_ref(), Ok(&said));
        match &said {
            FromViewer::Typed(bytes) => assert!(bytes.len() <= MAX_TYPED_BYTES),
            FromViewer::Resize(size) => assert!(size.is_possible()),
            FromViewer::Drawn(_) => {}
        }
    }
    if let Ok(said) = ToAgent::read(data) {
        assert_eq!(ToAgent::read(&said.message()).as_ref(), Ok(&said));
    }
    if let Ok(said) = ViewerWords::read(data) {
        assert_eq!(ViewerWords::read(&said.message()), Ok(said));
    }
    match FromAgent::read(data) {
        Ok(FromAgent::Screen(size, drawing)) => {
            assert!(size.is_possible());
            assert_eq!(FromAgent::screen(size, &drawing), data);
        }
        Ok(FromAgent::Taken(count)) => assert_eq!(FromAgent::taken(count), data),
        Ok(FromAgent::Output) | Err(_) => {}
    }
}
