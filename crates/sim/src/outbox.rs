//! An agent's own candidates for one epoch, on their way to the controller: some before the answer, some with it, the
//! others later, and the end marker after the last, or never.

use std::sync::Arc;

use anteroom_protocol::{
    Epoch,
    guest::Assignment,
    signaling::{Candidate, CandidatesInEpoch, Side},
};

use crate::{
    agent::{Agent, Ended},
    candidates::{self, Found, candidate, end_of_candidates},
    scene::Scene,
};

/// An agent's own candidates for one epoch, in order.
pub(crate) struct Outbox {
    scene: Arc<Scene>,
    finder: String,
    path: String,
    found: Found,
    total: usize,
    /// Handed out so far, the end marker included.
    sent: usize,
    ends: bool,
    /// The end marker is handed out.
    end_sent: bool,
}

impl Outbox {
    pub(crate) fn new(agent: &Agent, assignment: &Assignment, epoch: Epoch, finder: &str) -> Self {
        let session = assignment.session_id.clone();
        let path = format!("/api/webrtc/session/{session}/candidate");
        let total = usize::try_from(agent.scene.dice.number(0..=5)).expect("small");
        let found = Found { session, epoch, side: Side::Vm, taken: 0, ended: false };
        let scene = agent.scene.clone();
        Self {
            ends: scene.dice.chance(7000),
            scene,
            finder: finder.to_owned(),
            path,
            found,
            total,
            sent: 0,
            end_sent: false,
        }
    }

    /// The next candidates, and the end marker after the last.
    pub(crate) fn next(&mut self, most: usize) -> Vec<Candidate> {
        let to = (self.sent + most).min(self.total);
        let mut next: Vec<_> = (self.sent + 1..=to).map(|number| candidate(&self.finder, number)).collect();
        self.sent = to;
        if self.ends && next.len() < most && !self.found.ended {
            next.push(end_of_candidates());
            self.end_sent = true;
        }
        next
    }

    /// What was handed out is acknowledged.
    pub(crate) fn taken(&mut self) {
        self.found.taken = self.sent;
        self.found.ended = self.end_sent;
        self.scene.found(&self.finder, &self.found);
    }

    pub(crate) async fn send(&mut self, agent: &Agent) -> Result<(), Ended> {
        let candidates = self.next(2);
        if candidates.is_empty() {
            return Ok(());
        }
        let body = CandidatesInEpoch { epoch: self.found.epoch, candidates };
        let reply = agent.repeat(&agent.call(self.path.clone()).post(&body)).await?;
        if reply.status == 200 {
            self.taken();
        }
        Ok(())
    }

    pub(crate) async fn send_rest(&mut self, agent: &Agent) -> Result<(), Ended> {
        while self.sent < self.total || (self.ends && !self.found.ended) {
            self.scene.sleep(candidates::gap(&self.scene.dice)).await;
            let before = (self.found.taken, self.found.ended);
            self.send(agent).await?;
            if (self.found.taken, self.found.ended) == before {
                // Superseded.
                break;
            }
        }
        std::future::pending().await
    }
}
