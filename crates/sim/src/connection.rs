//! One connection of a page, in one epoch: candidates out and in, the answer, and how far it comes.

use std::{sync::Arc, time::Duration};

use anteroom_protocol::{
    Epoch, SessionId,
    session::{ConnectionReport, ConnectionState},
    signaling::{AnswerInEpoch, CandidateLog, CandidatesInEpoch, Side},
};
use tokio::sync::mpsc;

use crate::{
    air::{answers, name_in},
    call::{Call, Door},
    candidates::{self, Found, Read, candidate, end_of_candidates},
    network::send_until_answered,
    page::{Shown, Standing},
    scene::Scene,
};

const CALL_DEADLINE: Duration = Duration::from_secs(10);
const POLL_SLACK: Duration = Duration::from_secs(10);
const POLL_WAIT_S: u64 = 20;
/// The pause before an unreachable controller is asked again, milliseconds.
const PAUSES: (u64, u64) = (1000, 1000);
const ICE_DEADLINE: Duration = Duration::from_secs(10);
const DTLS_DEADLINE: Duration = Duration::from_secs(5);
const FRAME_DEADLINE: Duration = Duration::from_secs(5);
/// How often a page looks whether its picture still comes.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Why it is no more.
pub(crate) enum Lost {
    Broken,
    Superseded,
    SessionEnded,
    Refused,
}

pub(crate) struct Connection {
    scene: Arc<Scene>,
    /// The offer's name.
    name: String,
    session: SessionId,
    epoch: Epoch,
    shown: Shown,
}

/// At which stage a connection stays.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoPath,
    NoDtls,
    NoFrame,
}

impl Connection {
    pub(crate) fn new(scene: &Arc<Scene>, name: &str, session: &SessionId, epoch: Epoch, shown: Shown) -> Self {
        Self { scene: scene.clone(), name: name.to_owned(), session: session.clone(), epoch, shown }
    }

    /// Until it is lost.
    pub(crate) async fn run(&self) -> Lost {
        let (reports, outbox) = mpsc::unbounded_channel();
        tokio::select! {
            biased;
            lost = self.come_up(reports) => lost,
            never = for_ever(self.send_candidates()) => match never {},
            never = for_ever(self.send_reports(outbox)) => match never {},
        }
    }

    fn call(&self, path: String) -> Call {
        Call::get(Door::Person, &self.scene.owner, path, CALL_DEADLINE)
    }

    async fn come_up(&self, reports: mpsc::UnboundedSender<ConnectionState>) -> Lost {
        let answer = match self.answer().await {
            Ok(answer) => answer,
            Err(lost) => return lost,
        };
        let theirs = name_in(answer.answer.sdp.expose()).to_owned();
        if answers(&theirs) != self.name || answer.epoch != self.epoch {
            let how = format!("{} in epoch {} got {theirs} of epoch {}", self.name, self.epoch, answer.epoch);
            self.scene.broken("no-guess", how);
        }
        let mut read = Read::new(&self.name, &self.session, self.epoch, Side::Vm);
        read.begin(answer.candidates);
        self.scene.read(&read);
        tokio::select! {
            biased;
            lost = self.connect(&theirs, reports) => lost,
            never = for_ever(self.follow(read)) => match never {},
        }
    }

    /// The answer's long poll.
    async fn answer(&self) -> Result<AnswerInEpoch, Lost> {
        let path = format!("/api/webrtc/session/{}/answer?epoch={}", self.session, self.epoch);
        let call = self.call(path).waiting(POLL_WAIT_S, POLL_SLACK);
        loop {
            let reply = send_until_answered(&self.scene, &self.name, PAUSES, &call).await;
            match reply.status {
                204 => {}
                200 => return reply.parse().ok_or(Lost::Refused),
                410 => return Err(Lost::SessionEnded),
                409 => return Err(Lost::Superseded),
                _ => return Err(Lost::Refused),
            }
        }
    }

    /// ICE, DTLS, a frame, each with its deadline; then the picture, until the machine's end is gone.
    async fn connect(&self, theirs: &str, reports: mpsc::UnboundedSender<ConnectionState>) -> Lost {
        let flaw = self.flaw();
        // The reporting side lives as long as this does.
        let report = |state| {
            self.scene.reached(&self.name, state);
            let _ = reports.send(state);
        };
        self.scene.sleep(10..=400).await;
        if flaw == Flaw::NoPath || !self.scene.air.carries(theirs) {
            tokio::time::sleep(ICE_DEADLINE).await;
            return Lost::Broken;
        }
        report(ConnectionState::IceConnected);
        self.scene.sleep(5..=200).await;
        if flaw == Flaw::NoDtls || !self.scene.air.carries(theirs) {
            tokio::time::sleep(DTLS_DEADLINE).await;
            return Lost::Broken;
        }
        report(ConnectionState::DtlsConnected);
        self.scene.sleep(5..=200).await;
        if flaw == Flaw::NoFrame || !self.scene.air.carries(theirs) {
            tokio::time::sleep(FRAME_DEADLINE).await;
            return Lost::Broken;
        }
        report(ConnectionState::FrameDecoded);
        self.shown.stands(Standing::Live);
        self.scene.say(&self.name, "sees the desktop");
        self.scene.referee.count("pictures");
        while self.scene.air.carries(theirs) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Lost::Broken
    }

    fn flaw(&self) -> Flaw {
        if self.scene.dice.chance(self.scene.weather().media_fails) {
            self.scene.dice.pick(&[Flaw::NoPath, Flaw::NoDtls, Flaw::NoFrame])
        } else {
            Flaw::None
        }
    }

    /// One after the other, so that a later one never overtakes an earlier one.
    async fn send_reports(&self, mut outbox: mpsc::UnboundedReceiver<ConnectionState>) {
        while let Some(state) = outbox.recv().await {
            let path = format!("/api/webrtc/session/{}/connection", self.session);
            let call = self.call(path).post(&ConnectionReport { epoch: self.epoch, state });
            send_until_answered(&self.scene, &self.name, PAUSES, &call).await;
        }
    }

    /// One request at a time, so that the log has the order in which they were found.
    async fn send_candidates(&self) {
        let total = usize::try_from(self.scene.dice.number(0..=6)).expect("small");
        let ends = self.scene.dice.chance(7000);
        let (session, epoch) = (self.session.clone(), self.epoch);
        let mut found = Found { session, epoch, side: Side::Browser, taken: 0, ended: false };
        while found.taken < total || (ends && !found.ended) {
            self.scene.sleep(candidates::gap(&self.scene.dice)).await;
            let to = total.min(found.taken + usize::try_from(self.scene.dice.number(1..=3)).expect("small"));
            let mut candidates: Vec<_> = (found.taken + 1..=to).map(|number| candidate(&self.name, number)).collect();
            let last = ends && to == total;
            if last {
                candidates.push(end_of_candidates());
            }
            let body = CandidatesInEpoch { epoch, candidates };
            let call = self.call(format!("/api/webrtc/session/{}/candidate", self.session)).post(&body);
            if send_until_answered(&self.scene, &self.name, PAUSES, &call).await.status != 200 {
                return;
            }
            (found.taken, found.ended) = (to, last);
            self.scene.found(&self.name, &found);
        }
    }

    /// Reads the machine's later candidates until its log is complete.
    async fn follow(&self, mut read: Read) {
        while !read.has_end() {
            let path =
                format!("/api/webrtc/session/{}/candidates/vm?epoch={}&after={}", self.session, self.epoch, read.next);
            let call = self.call(path).waiting(POLL_WAIT_S, POLL_SLACK);
            let reply = send_until_answered(&self.scene, &self.name, PAUSES, &call).await;
            match (reply.status, reply.parse::<CandidateLog>()) {
                (204, _) => {}
                (200, Some(log)) => {
                    read.go_on(log);
                    self.scene.read(&read);
                    if read.complete {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

/// What is done ends nothing.
async fn for_ever(work: impl Future<Output = ()>) -> std::convert::Infallible {
    work.await;
    std::future::pending().await
}
