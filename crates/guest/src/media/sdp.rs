//! What both engines read in offers and write into answers. Pure, and only text: each engine has a parser of its own.
//!
//! The machine is silent: an offered audio section is answered as inactive. Refusing it instead would take the
//! candidates with it where it stands first, which is where many WHEP players put it.

use anteroom_protocol::{
    Secret,
    signaling::{Answer, Candidate},
};
use str0m::net::Protocol;

/// The offer without a wish for sound.
pub(super) fn silenced(sdp: &str) -> String {
    let mut audio = false;
    let direction = |line: &str| ["a=recvonly", "a=sendrecv", "a=sendonly"].contains(&line.trim_end());
    let lines = sdp.split_inclusive('\n').map(|line| {
        audio = if line.starts_with("m=") { line.starts_with("m=audio ") } else { audio };
        if audio && direction(line) { "a=inactive\r\n" } else { line }
    });
    lines.collect()
}

/// An answer whose candidates are all in it, and that says so (RFC 8840, section 4.1): for viewers that get nothing after it.
pub(super) fn complete(answer: &Answer) -> Answer {
    let sdp = answer.sdp.expose();
    let last = sdp.rfind("\na=candidate:").map(|at| at + 1);
    let end = last.and_then(|start| sdp[start..].find('\n').map(|length| start + length + 1));
    let (candidates, rest) = sdp.split_at(end.unwrap_or(sdp.len()));
    Answer { kind: answer.kind, sdp: Secret::new(format!("{candidates}a=end-of-candidates\r\n{rest}")) }
}

/// `a=mid` of each video section, in the offer's order.
pub(super) fn video_mids(sdp: &str) -> impl Iterator<Item = &str> {
    let sections = sdp.split("\nm=").skip(1).filter(|section| section.starts_with("video"));
    sections.filter_map(|section| section.lines().find_map(|line| line.strip_prefix("a=mid:"))).map(str::trim)
}

/// One of ours, as signaling carries it.
pub(super) fn candidate(line: String, sdp: &str) -> Candidate {
    let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).map(|mid| mid.trim().to_owned());
    Candidate { candidate: Secret::new(line), sdp_mid: mid, sdp_m_line_index: Some(0), username_fragment: None }
}

/// The viewer's candidates that can be used. Browsers hide their own addresses behind mDNS names, which nothing here
/// resolves: their checks arrive anyway and make them known. Nobody connects to their TCP candidates, which are active.
pub(super) fn usable(candidates: &[Candidate]) -> Vec<str0m::Candidate> {
    let lines = candidates.iter().filter(|candidate| !candidate.is_end()).map(|candidate| candidate.candidate.expose());
    let parsed = lines.filter_map(|line| str0m::Candidate::from_sdp_string(line).ok());
    parsed.filter(|candidate| candidate.proto() == Protocol::Udp).collect()
}

#[cfg(test)]
#[path = "sdp_tests.rs"]
mod tests;
