//! Fragments of SDP with candidates, as WHEP players send them (`application/trickle-ice-sdpfrag`, RFC 8840 section 9),
//! and what of an offer names its ICE session.
//!
//! The parser looks at each line once, keeps what it needs, and takes only so much. What it does not know it skips, as
//! RFC 8866 wants it; what is no line of SDP it refuses.

use crate::{
    Secret, limits,
    signaling::{Candidate, InvalidSignal, check_candidates},
};

/// The longest `a=mid` taken. Browsers use one or two characters.
const MAX_MID_BYTES: usize = 64;
/// An ICE user fragment (RFC 8839, section 5.4).
const UFRAG_BYTES: std::ops::RangeInclusive<usize> = 4..=256;
/// Different user fragments of one offer that are remembered. Browsers use one for all that is bundled.
const MAX_UFRAGS: usize = 8;

/// What a fragment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The ICE session that it belongs to; none when it does not say.
    pub ufrag: Option<String>,
    /// In order; the end marker is the last.
    pub candidates: Vec<Candidate>,
}

/// Why a text is no fragment. Nothing of it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFragment {
    /// Above the limit.
    #[error("the fragment has {bytes} bytes; at most {} are taken", limits::MAX_SDP_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A line that is not `x=...`.
    #[error("line {line} is no line of SDP (RFC 8840, section 9)")]
    NotALine {
        /// Its number, from 1.
        line: usize,
    },
    /// A user fragment or a mid that can't be one.
    #[error("line {line} has a value that its attribute can't have")]
    Value {
        /// Its number, from 1.
        line: usize,
    },
    /// Two ICE sessions in one fragment.
    #[error("the fragment names two ICE user fragments; send one for each ICE session")]
    TwoSessions,
    /// Candidates that can't be some.
    #[error(transparent)]
    Candidates(#[from] InvalidSignal),
}

impl Fragment {
    /// Reads a fragment.
    ///
    /// # Errors
    /// Says which line is wrong, or that there is too much.
    pub fn parse(text: &str) -> Result<Self, InvalidFragment> {
        if text.len() > limits::MAX_SDP_BYTES {
            return Err(InvalidFragment::TooLong { bytes: text.len() });
        }
        let mut reading = Reading::default();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.is_empty()) {
            reading.line(line, text)?;
        }
        reading.finish()
    }
}

#[derive(Default)]
struct Reading {
    ufrag: Option<String>,
    mid: Option<String>,
    candidates: Vec<Candidate>,
    ended: bool,
}

impl Reading {
    fn line(&mut self, line: usize, text: &str) -> Result<(), InvalidFragment> {
        let wrong = InvalidFragment::NotALine { line };
        let (kind, value) = text.split_once('=').ok_or(wrong.clone())?;
        if kind.len() != 1 || !kind.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(wrong);
        }
        match kind {
            "m" => self.mid = None,
            "a" => self.attribute(line, value)?,
            _ => {}
        }
        Ok(())
    }

    fn attribute(&mut self, line: usize, text: &str) -> Result<(), InvalidFragment> {
        match text.split_once(':') {
            Some(("ice-ufrag", ufrag)) => self.ufrag(line, ufrag)?,
            Some(("mid", mid)) if is_token(mid) => self.mid = Some(mid.to_owned()),
            Some(("mid", _)) => return Err(InvalidFragment::Value { line }),
            Some(("candidate", _)) => self.candidates.push(self.candidate(text)),
            None if text == "end-of-candidates" => self.ended = true,
            Some(_) | None => {}
        }
        // Before they are all read: a fragment is long, a candidate may be short.
        if self.candidates.len() > limits::MAX_CANDIDATES_PER_REQUEST {
            return Err(InvalidSignal::TooManyCandidates { count: self.candidates.len() }.into());
        }
        Ok(())
    }

    fn ufrag(&mut self, line: usize, ufrag: &str) -> Result<(), InvalidFragment> {
        match &self.ufrag {
            _ if !is_ufrag(ufrag) => Err(InvalidFragment::Value { line }),
            Some(other) if other != ufrag => Err(InvalidFragment::TwoSessions),
            Some(_) => Ok(()),
            None => {
                self.ufrag = Some(ufrag.to_owned());
                Ok(())
            }
        }
    }

    /// The place of a media section in a fragment is not its place in the offer, so that only its mid counts.
    fn candidate(&self, line: &str) -> Candidate {
        Candidate {
            candidate: Secret::new(line.to_owned()),
            sdp_mid: self.mid.clone(),
            sdp_m_line_index: None,
            username_fragment: None,
        }
    }

    /// One end marker, and the user fragment for all: each media section may say both.
    fn finish(mut self) -> Result<Fragment, InvalidFragment> {
        if self.ended {
            self.mid = None;
            self.candidates.push(self.candidate(""));
        }
        for candidate in &mut self.candidates {
            candidate.username_fragment.clone_from(&self.ufrag);
        }
        check_candidates(&self.candidates)?;
        Ok(Fragment { ufrag: self.ufrag, candidates: self.candidates })
    }
}

/// The ICE user fragments of a description, each once, in order.
///
/// # Errors
/// There is none, or more than a description of one connection has.
pub fn ice_ufrags(sdp: &str) -> Result<Vec<String>, InvalidSignal> {
    let mut found: Vec<String> = Vec::new();
    for ufrag in sdp.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:")) {
        if !is_ufrag(ufrag) || found.len() >= MAX_UFRAGS {
            return Err(InvalidSignal::SdpLacks { missing: "ICE credentials that can be some (a=ice-ufrag)" });
        }
        if !found.iter().any(|known| known == ufrag) {
            found.push(ufrag.to_owned());
        }
    }
    if found.is_empty() {
        return Err(InvalidSignal::SdpLacks { missing: "ICE credentials (a=ice-ufrag)" });
    }
    Ok(found)
}

fn is_ufrag(text: &str) -> bool {
    let ice_char = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    UFRAG_BYTES.contains(&text.len()) && text.bytes().all(ice_char)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_MID_BYTES && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
#[path = "sdpfrag_tests.rs"]
mod tests;
