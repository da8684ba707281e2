//! Scripted guest agents: one in each machine that runs, with the real agent's protocol. It asks what it is for, asks for
//! the next offer all the time, answers each epoch with a fresh transport, hands in reports in order and the credential
//! at the end, and repeats every call until it is answered.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anteroom_controller::ports::Clock as _;
use anteroom_machines::MachineSpec;
use anteroom_protocol::{
    Epoch, MachineId, Secret,
    guest::{Assignment, CapturedCredential, CapturedFile, Pastes, Report, Reports},
    session::UrlSource,
    signaling::{Answer, AnswerType, AnswerWithCandidates, Candidate, CandidateLog, OfferInEpoch, SdpDigest, Side},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::{
    air::{answer_name, name_in, sdp},
    call::{Call, Door, Reply},
    candidates::Read,
    network::{send, send_until_answered},
    outbox::Outbox,
    own_browser,
    scene::Scene,
};

const CALL_DEADLINE: Duration = Duration::from_secs(15);
const POLL_SLACK: Duration = Duration::from_secs(10);
const POLL_WAIT_S: u64 = 25;
/// The pauses between two tries, milliseconds.
const PAUSES: (u64, u64) = (50, 500);

/// How a sign-in goes in a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    SignsIn,
    Fails,
    NeverEnds,
    LeavesNothing,
    LeavesRubbish,
    LeavesAnOldOne,
    HasNoCli,
    HasNoDesktop,
    NeverAnswers,
    NeverSpeaks,
}

/// The session is over for this machine.
pub(crate) struct Ended;

pub(crate) struct Agent {
    pub(crate) scene: Arc<Scene>,
    spec: MachineSpec,
    name: String,
    part: Part,
}

/// Keeps one agent in each machine that runs, until the schedule is over. A machine that was made anew has another
/// token, and another agent.
pub(crate) async fn inhabit(scene: Arc<Scene>) {
    let mut all = JoinSet::new();
    let mut living: BTreeMap<(MachineId, String), AbortHandle> = BTreeMap::new();
    let mut born = 0;
    loop {
        let mut running = Vec::new();
        scene
            .world
            .until(|world| {
                running = world.running();
                let known = |spec: &MachineSpec| living.contains_key(&key(spec));
                running.len() != living.len() || !running.iter().all(known)
            })
            .await;
        living.retain(|known, agent| {
            let stays = running.iter().any(|spec| key(spec) == *known);
            if !stays {
                agent.abort();
            }
            stays
        });
        for spec in running {
            living.entry(key(&spec)).or_insert_with(|| {
                born += 1;
                let agent = Agent::new(&scene, spec, born);
                all.spawn(agent.live())
            });
        }
    }
}

fn key(spec: &MachineSpec) -> (MachineId, String) {
    (spec.id.clone(), spec.boot.token.expose().clone())
}

impl Agent {
    fn new(scene: &Arc<Scene>, spec: MachineSpec, number: u32) -> Self {
        let parts = [
            (50, Part::SignsIn),
            (10, Part::Fails),
            (8, Part::NeverEnds),
            (4, Part::LeavesNothing),
            (4, Part::LeavesRubbish),
            (4, Part::LeavesAnOldOne),
            (4, Part::HasNoCli),
            (4, Part::HasNoDesktop),
            (4, Part::NeverAnswers),
            (4, Part::NeverSpeaks),
        ];
        let part = scene.dice.weighted(&parts);
        let name = format!("agent{number}");
        scene.say(&name, format!("in {}: {part:?}", spec.id));
        Self { scene: scene.clone(), spec, name, part }
    }

    async fn live(self) {
        self.scene.sleep(20..=1500).await;
        if self.part == Part::NeverSpeaks {
            return;
        }
        let Err(Ended) = self.work().await else { return };
        // The agent's program ends with the session, and the machine with its program.
        self.scene.sleep(0..=50).await;
        self.scene.say(&self.name, "ends");
        self.scene.world.end(&self.spec.id, "its agent has ended");
    }

    async fn work(&self) -> Result<(), Ended> {
        let assignment = self.assignment().await?;
        let has_desktop = assignment.work.has_desktop();
        let (pasted, heard) = watch::channel(0);
        tokio::select! {
            biased;
            ended = self.signal(&assignment), if has_desktop => ended,
            ended = self.pastes(&assignment, &pasted), if !has_desktop => ended,
            ended = async { self.sign_in(&assignment, heard).await?; std::future::pending().await } => ended,
        }
    }

    /// Reads what the person has pasted until the session ends: each once, in order, and nobody else's.
    async fn pastes(&self, assignment: &Assignment, pasted: &watch::Sender<u32>) -> Result<(), Ended> {
        let expected = own_browser::text_for(&assignment.session_id);
        loop {
            let last = *pasted.borrow();
            let path = format!("/api/guest/pastes?after={last}");
            let reply = self.repeat(&self.call(path).waiting(POLL_WAIT_S, POLL_SLACK)).await?;
            let Some(read) = (reply.status == 200).then(|| reply.parse::<Pastes>()).flatten() else { continue };
            let numbers = read.pastes.iter().map(|paste| paste.number);
            let ours = read.pastes.iter().all(|paste| *paste.text.expose() == expected);
            if !numbers.eq(last + 1..=read.next) || read.next == last || !ours {
                self.scene.broken("pastes", format!("{}: after {last} came up to {}", self.name, read.next));
            }
            pasted.send_replace(read.next);
        }
    }

    /// A pooled machine waits until a session needs it.
    async fn assignment(&self) -> Result<Assignment, Ended> {
        let call = self.call("/api/guest/assignment?".to_owned()).waiting(POLL_WAIT_S, POLL_SLACK);
        loop {
            let reply = self.repeat(&call).await?;
            match reply.status {
                204 => {}
                status => {
                    return reply.parse().ok_or_else(|| {
                        self.scene.broken("no-null", format!("{}: the assignment is {status}", self.name));
                        Ended
                    });
                }
            }
        }
    }

    pub(crate) fn call(&self, path: String) -> Call {
        Call::get(Door::Guest, self.spec.boot.token.expose(), path, CALL_DEADLINE)
    }

    /// Sends until there is an answer; what says that the session is over ends the agent.
    pub(crate) async fn repeat(&self, call: &Call) -> Result<Reply, Ended> {
        let reply = send_until_answered(&self.scene, &self.name, PAUSES, call).await;
        match reply.status {
            // Somebody may look at the machine: its agent stays as it is.
            410 if reply.kind() == "kept" => std::future::pending().await,
            410 => Err(Ended),
            401 => {
                self.scene.locked_out(&self.spec);
                Err(Ended)
            }
            _ => Ok(reply),
        }
    }

    // --- signaling -------------------------------------------------------------------------------

    /// Serves epochs until the session ends.
    async fn signal(&self, assignment: &Assignment) -> Result<(), Ended> {
        let mut offer = self.next_offer(assignment, Epoch::NONE).await?;
        loop {
            let after = offer.epoch;
            tokio::select! {
                biased;
                next = self.next_offer(assignment, after) => offer = next?,
                ended = self.serve(assignment, &offer) => return ended,
            }
        }
    }

    async fn next_offer(&self, assignment: &Assignment, after: Epoch) -> Result<OfferInEpoch, Ended> {
        let path = format!("/api/webrtc/session/{}/offer?after={after}", assignment.session_id);
        let call = self.call(path).waiting(POLL_WAIT_S, POLL_SLACK);
        loop {
            let reply = self.repeat(&call).await?;
            match reply.status {
                204 => {}
                _ => match reply.parse::<OfferInEpoch>().filter(|offer| offer.epoch > after) {
                    Some(offer) => return Ok(offer),
                    None => {
                        self.scene.broken("no-guess", format!("{}: an offer after {after}: {reply:?}", self.name));
                        return Err(Ended);
                    }
                },
            }
        }
    }

    /// Answers one offer; what it leaves undone is dropped with the next one.
    async fn serve(&self, assignment: &Assignment, offer: &OfferInEpoch) -> Result<(), Ended> {
        let theirs = name_in(offer.offer.sdp.expose()).to_owned();
        self.scene.offered(assignment, offer.epoch, &theirs);
        let finder = format!("{}.{}", self.name, offer.epoch);
        let mut read = Read::new(&finder, &assignment.session_id, offer.epoch, Side::Browser);
        read.begin(offer.candidates.clone());
        self.scene.read(&read);
        if self.part == Part::NeverAnswers {
            return std::future::pending().await;
        }
        self.scene.sleep(5..=400).await;
        let mut outbox = Outbox::new(self, assignment, offer.epoch, &finder);
        if self.scene.dice.chance(2000) {
            outbox.send(self).await?;
        }
        let name = answer_name(&finder, &theirs);
        let _transport = self.scene.air.transport(&name);
        let answer = self.answer(offer, &name, outbox.next(2));
        let path = format!("/api/webrtc/session/{}/answer", assignment.session_id);
        let reply = self.repeat(&self.call(path.clone()).post(&answer)).await?;
        if !matches!(reply.status, 200 | 201) {
            // Superseded, or answered by this machine's last agent.
            return std::future::pending().await;
        }
        outbox.taken();
        if self.scene.dice.chance(2000) {
            self.misbehave(offer, &path).await?;
        }
        tokio::select! {
            biased;
            ended = outbox.send_rest(self) => ended?,
            ended = self.follow(&mut read) => ended?,
        }
        std::future::pending().await
    }

    fn answer(&self, offer: &OfferInEpoch, name: &str, candidates: Vec<Candidate>) -> AnswerWithCandidates {
        AnswerWithCandidates {
            answer: Answer { kind: AnswerType::Answer, sdp: Secret::new(sdp(name)) },
            candidates,
            epoch: offer.epoch,
            offer_digest: SdpDigest::of(offer.offer.sdp.expose()),
        }
    }

    /// What no real agent does: none of it may be taken.
    async fn misbehave(&self, offer: &OfferInEpoch, path: &str) -> Result<(), Ended> {
        let good = self.answer(offer, &format!("{}.wrong/to/nobody", self.name), Vec::new());
        let wrong = match self.scene.dice.number(0..=2) {
            0 => good,
            1 => AnswerWithCandidates { offer_digest: SdpDigest::of("another"), ..good },
            _ => AnswerWithCandidates { epoch: offer.epoch.next(), ..good },
        };
        let reply = self.repeat(&self.call(path.to_owned()).post(&wrong)).await?;
        if reply.status < 400 {
            self.scene.broken("one-answer", format!("{}: a wrong answer was taken: {}", self.name, reply.status));
        }
        Ok(())
    }

    /// Reads the page's candidates until their log ends or the epoch is superseded.
    async fn follow(&self, read: &mut Read) -> Result<(), Ended> {
        while !read.has_end() {
            let path = format!(
                "/api/webrtc/session/{}/candidates/browser?epoch={}&after={}",
                read.session, read.epoch, read.next
            );
            let reply = self.repeat(&self.call(path).waiting(POLL_WAIT_S, POLL_SLACK)).await?;
            match reply.status {
                204 => {}
                200 => {
                    let Some(log) = reply.parse::<CandidateLog>() else { break };
                    read.go_on(log);
                    self.scene.read(read);
                    if read.complete {
                        break;
                    }
                }
                _ => break,
            }
        }
        std::future::pending().await
    }

    // --- sign-in ---------------------------------------------------------------------------------

    async fn sign_in(&self, assignment: &Assignment, pasted: watch::Receiver<u32>) -> Result<(), Ended> {
        let detail = || "scripted".to_owned();
        if self.part == Part::HasNoDesktop {
            return self.report(vec![Report::DesktopFailed { detail: detail() }]).await;
        }
        self.scene.sleep(10..=800).await;
        let has_desktop = assignment.work.has_desktop();
        if has_desktop {
            self.report(vec![Report::DesktopReady]).await?;
        }
        if self.part == Part::HasNoCli {
            return self.report(vec![Report::CliNotStarted { detail: detail() }]).await;
        }
        let url = |source| Report::UrlFound { url: format!("https://auth.example/{source:?}"), source };
        if has_desktop {
            self.report(vec![Report::BrowserReady, Report::CliStarted]).await?;
            self.report(vec![url(UrlSource::Printed), url(UrlSource::Shim), Report::UrlOpened]).await?;
        } else {
            self.report(vec![Report::CliStarted, url(UrlSource::Printed)]).await?;
            self.is_pasted(pasted).await;
        }
        self.scene.sleep(500..=40_000).await;
        match self.part {
            Part::NeverEnds | Part::NeverAnswers => std::future::pending().await,
            Part::Fails => self.report(vec![Report::CliExited { code: 1, detail: detail() }]).await,
            Part::SignsIn | Part::LeavesNothing | Part::LeavesRubbish | Part::LeavesAnOldOne => {
                self.report(vec![Report::CliExited { code: 0, detail: detail() }]).await?;
                self.hand_in(assignment).await
            }
            Part::HasNoCli | Part::HasNoDesktop | Part::NeverSpeaks => unreachable!("ended above"),
        }
    }

    /// The tool goes on when it has been given a text, or two: the first one may be wrong.
    async fn is_pasted(&self, mut pasted: watch::Receiver<u32>) {
        let enough = 1 + u32::from(self.scene.dice.chance(2000));
        if pasted.wait_for(|read| *read >= enough).await.is_err() {
            std::future::pending().await
        }
    }

    /// In order: the next ones are sent when these are acknowledged.
    async fn report(&self, reports: Vec<Report>) -> Result<(), Ended> {
        let reply = self.repeat(&self.call("/api/guest/reports".to_owned()).post(&Reports { reports })).await?;
        if reply.status != 204 {
            self.scene.broken("reports", format!("{}: refused: {} {}", self.name, reply.status, reply.kind()));
        }
        Ok(())
    }

    async fn hand_in(&self, assignment: &Assignment) -> Result<(), Ended> {
        self.scene.sleep(300..=2000).await;
        if self.part == Part::LeavesNothing {
            return self.report(vec![Report::CredentialMissing { detail: "scripted".to_owned() }]).await;
        }
        let at = if self.part == Part::LeavesAnOldOne { 1000 } else { self.scene.clock.now().0 };
        let token = if self.part == Part::LeavesRubbish { " " } else { &self.name };
        let text = json!({"account": "a@example.org", "at": at, "token": token}).to_string();
        let path = assignment.credential.files[0].path.clone();
        let files = vec![CapturedFile { path, base64: Secret::new(STANDARD.encode(text)) }];
        let call = self.call("/api/guest/credential".to_owned()).post(&CapturedCredential { files });
        let reply = self.repeat(&call).await?;
        match (self.part, reply.status) {
            (Part::LeavesRubbish, 204) => self.scene.broken("one-holder", "a blank credential was taken"),
            (_, 204) => self.scene.told_saved(&self.name, &assignment.session_id),
            _ => {}
        }
        // The real agent says that it is not kept, whoever hears it by now.
        if reply.status == 422 {
            let last = Report::CredentialMissing { detail: reply.kind() };
            let call = self.call("/api/guest/reports".to_owned()).post(&Reports { reports: vec![last] });
            send(&self.scene, &self.name, &call).await;
        }
        std::future::pending().await
    }
}
