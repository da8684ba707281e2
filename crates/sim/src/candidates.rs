//! Candidates with names, and what those who found and read them remember.

use std::ops::RangeInclusive;

use anteroom_protocol::{
    Epoch, Secret, SessionId,
    signaling::{Candidate, CandidateLog, LoggedCandidate, Side},
};

use crate::dice::Dice;

/// The candidate with this number of somebody's.
pub(crate) fn candidate(finder: &str, number: usize) -> Candidate {
    Candidate {
        candidate: Secret::new(format!("candidate:{number} 1 udp 1 192.0.2.1 {number} typ host x {finder}")),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    }
}

pub(crate) fn end_of_candidates() -> Candidate {
    Candidate { candidate: Secret::new(String::new()), sdp_mid: None, sdp_m_line_index: None, username_fragment: None }
}

/// How long it takes until more are found, milliseconds: host candidates come in a burst, others after a round trip.
pub(crate) fn gap(dice: &Dice) -> RangeInclusive<u64> {
    0..=dice.weighted(&[(2, 5), (1, 400)])
}

/// Who found a candidate, and its number; `None` for the end marker.
pub(crate) fn origin(candidate: &Candidate) -> Option<(String, usize)> {
    let line = candidate.candidate.expose();
    let number = line.strip_prefix("candidate:")?.split(' ').next()?.parse().ok()?;
    Some((line.rsplit(' ').next()?.to_owned(), number))
}

/// What somebody found, in order, and how much of it the controller has taken for sure.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) session: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) side: Side,
    /// Candidates that the controller has acknowledged.
    pub(crate) taken: usize,
    /// Whether it has acknowledged the end.
    pub(crate) ended: bool,
}

/// What somebody has read of a log, in the order in which it came.
#[derive(Clone, Debug)]
pub(crate) struct Read {
    pub(crate) reader: String,
    pub(crate) session: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) side: Side,
    pub(crate) log: Vec<LoggedCandidate>,
    /// What the controller said to send as `after` next time.
    pub(crate) next: u32,
    /// Whether the controller said that this is all.
    pub(crate) complete: bool,
}

impl Read {
    pub(crate) fn new(reader: &str, session: &SessionId, epoch: Epoch, side: Side) -> Self {
        let (reader, session) = (reader.to_owned(), session.clone());
        Self { reader, session, epoch, side, log: Vec::new(), next: 0, complete: false }
    }

    /// What came with a description: all of the log by then.
    pub(crate) fn begin(&mut self, with: Vec<LoggedCandidate>) {
        self.next = with.last().map_or(0, |logged| logged.seq);
        self.log = with;
    }

    /// A later piece.
    pub(crate) fn go_on(&mut self, piece: CandidateLog) {
        self.log.extend(piece.candidates);
        self.next = piece.next;
        self.complete = piece.complete;
    }

    pub(crate) fn has_end(&self) -> bool {
        self.log.last().is_some_and(|logged| logged.candidate.is_end())
    }
}
