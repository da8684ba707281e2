//! One sign-in, from the click to its one end.
//!
//! ```text
//!                      offer                agent spoke             CLI exit 0            sealed and stored
//!  waiting-for-offer ─────────► starting ──────────────► signing-in ──────────► saving ─────────────────► succeeded
//!        │      │                  ▲ │                       │                     │
//!        │      └─offer─► queued ──┘ │                       │                     │
//!        │    (no place)    │ a place                        │                     │
//!        └── cancel, deadline ───────┴── machine lost, failed ┴── CLI exit ≠ 0 ────┴── refused, deadline ──► failed,
//!                                                                                        cancelled, timed-out
//! ```
//!
//! A sign-in without a desktop (method `device` or `paste`) begins without an offer: it goes to `starting`, or to `queued`, in the
//! transaction that creates it, and refuses offers.
//!
//! A session that is queued has its offer stored, and the connection that made it waits; its machine is planned when there
//! is a place. Missing on purpose: a machine before an offer (offer-first), a way out of an end (one-end), a cancel while
//! saving, and an end of `saving` in success without a stored credential (saved-before-destroyed).

use anteroom_protocol::{
    CredentialId, Epoch, MachineId, ProviderId, SessionId, UnixMillis, UserId,
    guest::Report,
    limits,
    provider::MethodKind,
    session::{
        ConnectionReport, ConnectionState, DeviceCode, LoginUrl, Reason, ReasonCode, SessionEvent, SessionEventKind,
        SessionState, SessionView, Step, StepReached,
    },
    signaling::{Answer, Candidate, Offer, SdpDigest, Side},
};
use serde::{Deserialize, Serialize};

use crate::{Change, Deadlines, Decision, EpochState, Input, Refusal, Run, Write, deadline};

/// Where it stands, with what is true only there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// No offer, no machine.
    WaitingForOffer,
    /// Its offer is stored, and there is no place for a machine.
    Queued {
        /// When it came; those that came before go first.
        since: UnixMillis,
    },
    /// A machine is planned.
    Starting {
        /// When it was planned, or created.
        since: UnixMillis,
        /// Whether the driver has made it.
        created: bool,
    },
    /// The agent has spoken.
    SigningIn {
        /// When it spoke first.
        since: UnixMillis,
    },
    /// The CLI has ended well.
    Saving {
        /// When it ended.
        since: UnixMillis,
    },
    /// Over, for good.
    Ended(End),
}

/// The one end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When.
    pub at: UnixMillis,
    /// Why.
    pub reason: Reason,
}

/// Everything that is decided about one sign-in. What it decides on is in it; descriptions, candidates and the
/// credential are in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub owner: UserId,
    /// What is being connected.
    pub provider: ProviderId,
    /// How the person signs in. It says nothing of a run.
    #[serde(default)]
    pub method: MethodKind,
    /// What its machine is for, where that is no sign-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// When it was created.
    pub created_at: UnixMillis,
    /// How long each party may take.
    pub deadlines: Deadlines,
    /// Where it stands.
    pub phase: Phase,
    /// The newest negotiation.
    pub epoch: Option<EpochState>,
    /// Its machine, from the plan to the proof that it is gone.
    pub machine: Option<MachineId>,
    /// When the controller last came back.
    pub resumed_at: Option<UnixMillis>,
    /// The credential that it brought.
    pub credential: Option<CredentialId>,
    /// The best sign-in URL so far.
    pub login_url: Option<LoginUrl>,
    /// The newest device code.
    #[serde(default)]
    pub device_code: Option<DeviceCode>,
    /// How many texts the person has pasted.
    #[serde(default)]
    pub pasted: u32,
    /// Why the newest of them does not help.
    #[serde(default)]
    pub paste_refused: Option<String>,
    steps: Vec<StepReached>,
    last_event: u32,
    /// Short digests of offers that newer ones have superseded: their connections are dead.
    superseded: Vec<String>,
}

/// Steps of one connection: a new epoch goes through them again.
const EPOCH_STEPS: [Step; 4] = [Step::AnswerStored, Step::IceConnected, Step::DtlsConnected, Step::FrameDecoded];

impl Session {
    /// A session that waits for its first offer, or for [`Input::Begin`] where there is no desktop.
    #[must_use]
    pub fn new(
        id: SessionId,
        owner: UserId,
        (provider, method): (ProviderId, MethodKind),
        deadlines: Deadlines,
        now: UnixMillis,
    ) -> Self {
        Self {
            id,
            owner,
            provider,
            method,
            run: None,
            created_at: now,
            deadlines,
            phase: Phase::WaitingForOffer,
            epoch: None,
            machine: None,
            resumed_at: None,
            credential: None,
            login_url: None,
            device_code: None,
            pasted: 0,
            paste_refused: None,
            steps: Vec::new(),
            last_event: 0,
            superseded: Vec::new(),
        }
    }

    /// A run with this credential, which waits for [`Input::Begin`].
    #[must_use]
    pub fn new_run(
        id: SessionId,
        owner: UserId,
        (provider, credential): (ProviderId, CredentialId),
        run: Run,
        deadlines: Deadlines,
        now: UnixMillis,
    ) -> Self {
        let session = Self::new(id, owner, (provider, MethodKind::default()), deadlines, now);
        Self { run: Some(run), credential: Some(credential), ..session }
    }

    /// Whether the person sees its machine's desktop: without one it needs no offer, and refuses them.
    #[must_use]
    pub fn has_desktop(&self) -> bool {
        self.run.is_none() && self.method.has_desktop()
    }

    /// Decides on what happened at `now`.
    ///
    /// # Errors
    /// A [`Refusal`] changes nothing and says why.
    pub fn handle(&self, input: Input, now: UnixMillis) -> Result<Decision, Refusal> {
        let mut draft = Draft { session: self.clone(), writes: Vec::new(), now };
        draft.handle(input)?;
        if draft.session == *self && draft.writes.is_empty() {
            return Ok(Decision::Same);
        }
        Ok(Decision::Changed(Box::new(Change { session: draft.session, writes: draft.writes })))
    }

    /// When [`Input::Tick`] would end the session, unless something happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<UnixMillis> {
        deadline::first(self).map(|wait| wait.until)
    }

    /// When [`Input::Tick`] would change anything: the session's end, or a stage of the connection that gets its name.
    #[must_use]
    pub fn next_tick(&self) -> Option<UnixMillis> {
        let stage = deadline::stage(self).map(|stage| stage.until);
        self.deadline().into_iter().chain(stage).min()
    }

    /// How it ended, when it has.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.phase {
            Phase::Ended(end) => Some(end),
            Phase::WaitingForOffer
            | Phase::Queued { .. }
            | Phase::Starting { .. }
            | Phase::SigningIn { .. }
            | Phase::Saving { .. } => None,
        }
    }

    /// Since when it waits for a place, while it does.
    #[must_use]
    pub fn queued_since(&self) -> Option<UnixMillis> {
        match &self.phase {
            Phase::Queued { since } => Some(*since),
            Phase::WaitingForOffer
            | Phase::Starting { .. }
            | Phase::SigningIn { .. }
            | Phase::Saving { .. }
            | Phase::Ended(_) => None,
        }
    }

    /// The newest epoch's number; 0 before the first offer.
    #[must_use]
    pub fn current_epoch(&self) -> Epoch {
        self.epoch.as_ref().map_or(Epoch::NONE, |epoch| epoch.number)
    }

    /// The state in the words of the wire.
    #[must_use]
    pub fn state(&self) -> SessionState {
        match &self.phase {
            Phase::WaitingForOffer => SessionState::WaitingForOffer,
            Phase::Queued { .. } => SessionState::Queued,
            Phase::Starting { .. } => SessionState::Starting,
            Phase::SigningIn { .. } => SessionState::SigningIn,
            Phase::Saving { .. } => SessionState::Saving,
            Phase::Ended(end) => terminal_state(end.reason.code),
        }
    }

    /// Whether the person sees what their click was for: a picture, or without a desktop the code or the link.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        let awaited = |step| match self.method {
            _ if self.run.is_some() => step == Step::CliStarted,
            MethodKind::Desktop => step == Step::FrameDecoded,
            MethodKind::Device | MethodKind::Paste => matches!(step, Step::CodeFound | Step::UrlFound),
        };
        self.steps.iter().any(|reached| awaited(reached.step))
    }

    /// The session for its owner.
    #[must_use]
    pub fn view(&self) -> SessionView {
        SessionView {
            session_id: self.id.clone(),
            provider: self.provider.clone(),
            method: self.method,
            state: self.state(),
            epoch: self.current_epoch(),
            connection: self.epoch.as_ref().map_or(ConnectionState::New, |epoch| epoch.connection),
            trouble: self.epoch.as_ref().and_then(|epoch| epoch.trouble),
            reason: self.end().map(|end| end.reason.clone()),
            created_at: self.created_at,
            ended_at: self.end().map(|end| end.at),
            deadline_at: self.deadline(),
            steps: self.steps.clone(),
            login_url: self.login_url.clone(),
            device_code: self.device_code.clone(),
            pasted: self.pasted,
            paste_refused: self.paste_refused.clone(),
            ahead: None,
            machine: self.machine.clone(),
            credential: self.credential.clone(),
        }
    }
}

/// Whether an end calls for an explanation by what its machine wrote: everything but what was wanted.
#[must_use]
pub fn wants_explaining(code: ReasonCode) -> bool {
    match code {
        ReasonCode::Saved
        | ReasonCode::CancelledByPerson
        | ReasonCode::Exited
        | ReasonCode::StoppedByPerson
        | ReasonCode::TakenOver
        | ReasonCode::Idle => false,
        ReasonCode::StoppedByAdministrator
        | ReasonCode::OfferTimeout
        | ReasonCode::MachineTimeout
        | ReasonCode::MachineFailed
        | ReasonCode::MachineLost
        | ReasonCode::AgentTimeout
        | ReasonCode::DesktopFailed
        | ReasonCode::AnswerTimeout
        | ReasonCode::CliNotStarted
        | ReasonCode::CliFailed
        | ReasonCode::CredentialMissing
        | ReasonCode::CredentialInvalid
        | ReasonCode::SignInTimeout
        | ReasonCode::NoCapacity => true,
    }
}

/// Whether the machine of a session that ended so can tell more than its log: it runs, and what went wrong is in it.
#[must_use]
pub fn is_worth_a_look(code: ReasonCode) -> bool {
    match code {
        ReasonCode::AgentTimeout
        | ReasonCode::DesktopFailed
        | ReasonCode::AnswerTimeout
        | ReasonCode::CliNotStarted
        | ReasonCode::CliFailed
        | ReasonCode::CredentialMissing
        | ReasonCode::CredentialInvalid => true,
        ReasonCode::Saved
        | ReasonCode::CancelledByPerson
        | ReasonCode::StoppedByAdministrator
        | ReasonCode::OfferTimeout
        | ReasonCode::MachineTimeout
        | ReasonCode::MachineFailed
        | ReasonCode::MachineLost
        | ReasonCode::SignInTimeout
        | ReasonCode::NoCapacity
        | ReasonCode::Exited
        | ReasonCode::StoppedByPerson
        | ReasonCode::TakenOver
        | ReasonCode::Idle => false,
    }
}

/// The state that each reason ends in.
fn terminal_state(code: ReasonCode) -> SessionState {
    match code {
        ReasonCode::Saved | ReasonCode::Exited => SessionState::Succeeded,
        ReasonCode::CancelledByPerson
        | ReasonCode::StoppedByAdministrator
        | ReasonCode::StoppedByPerson
        | ReasonCode::TakenOver => SessionState::Cancelled,
        ReasonCode::OfferTimeout
        | ReasonCode::MachineTimeout
        | ReasonCode::AgentTimeout
        | ReasonCode::AnswerTimeout
        | ReasonCode::SignInTimeout
        | ReasonCode::Idle => SessionState::TimedOut,
        ReasonCode::MachineFailed
        | ReasonCode::MachineLost
        | ReasonCode::DesktopFailed
        | ReasonCode::CliNotStarted
        | ReasonCode::CliFailed
        | ReasonCode::CredentialMissing
        | ReasonCode::CredentialInvalid
        | ReasonCode::NoCapacity => SessionState::Failed,
    }
}

/// 64 bits tell the offers of one session apart.
fn short(digest: &SdpDigest) -> String {
    digest.0.chars().take(16).collect()
}

/// A session while one input is worked into it.
pub(crate) struct Draft {
    pub(crate) session: Session,
    writes: Vec<Write>,
    pub(crate) now: UnixMillis,
}

impl Draft {
    fn handle(&mut self, input: Input) -> Result<(), Refusal> {
        // What happens to the machine after the end never changes the end (one-end).
        if let Input::MachineDestroyed = input {
            self.machine_destroyed();
            return Ok(());
        }
        if let Some(end) = self.session.end() {
            return Err(Refusal::Ended(end.reason.clone()));
        }
        match input {
            Input::Offer { offer, candidates, after, machine } => self.offer(offer, candidates, after, machine),
            Input::Answer { epoch, offer_digest, answer, candidates } => {
                self.answer(epoch, &offer_digest, answer, candidates)
            }
            Input::Candidates { side, epoch, candidates } => {
                self.known_epoch(epoch)?;
                self.append(side, candidates)
            }
            Input::Connection(report) => self.connection(&report),
            Input::Begin { machine } => self.begin(machine),
            Input::Pasted => self.pasted(),
            Input::Placed { machine } => self.placed(machine),
            Input::MachineCreated => self.machine_created(),
            Input::MachineNotCreated { code, detail } => self.end(code, detail),
            Input::MachineLost { detail } => self.end(ReasonCode::MachineLost, detail),
            Input::MachineDestroyed => unreachable!("handled above"),
            Input::AgentSpoke => self.agent_spoke(),
            Input::Report(report) => self.report(report),
            Input::CredentialSealed(credential) => self.credential_sealed(credential),
            Input::CredentialRefused { detail } => {
                self.only_while_saving()?;
                self.end(ReasonCode::CredentialInvalid, detail)
            }
            Input::Cancel => self.cancel(),
            Input::Stop => self.stop(),
            Input::TakeOver => self.taken_over(),
            Input::Used => self.used(),
            Input::Resumed => {
                self.session.resumed_at = Some(self.now);
                Ok(())
            }
            Input::Tick => self.tick(),
        }
    }

    // --- signaling -------------------------------------------------------------------------------

    fn offer(
        &mut self,
        offer: Offer,
        candidates: Vec<Candidate>,
        after: Option<Epoch>,
        machine: Option<MachineId>,
    ) -> Result<(), Refusal> {
        if !self.session.has_desktop() {
            return Err(Refusal::NoDesktop);
        }
        let digest = SdpDigest::of(offer.sdp.expose());
        if self.session.epoch.as_ref().is_some_and(|epoch| epoch.offer_digest == digest) {
            // The same request again: its candidates may still be new.
            return self.append(Side::Browser, candidates);
        }
        // A request that arrives late or twice must not bring back a dead connection's offer.
        if self.session.superseded.contains(&short(&digest)) {
            return Err(Refusal::StaleEpoch { current: self.session.current_epoch() });
        }
        let current = self.session.current_epoch();
        if after.is_some_and(|known| known < current) {
            return Err(Refusal::TakenOver { current });
        }
        let number = current.next();
        if number.0 > limits::MAX_EPOCHS {
            return Err(Refusal::TooManyEpochs);
        }
        self.session.steps.retain(|reached| !EPOCH_STEPS.contains(&reached.step));
        let old = self.session.epoch.replace(EpochState::new(number, digest, self.now));
        self.session.superseded.extend(old.map(|epoch| short(&epoch.offer_digest)));
        self.writes.push(Write::Offer { epoch: number, offer });
        self.event(SessionEventKind::Epoch { epoch: number });
        self.append(Side::Browser, candidates)?;
        self.step(Step::OfferStored);
        if self.session.phase == Phase::WaitingForOffer {
            self.plan_or_queue(machine);
        }
        Ok(())
    }

    /// What an offer is for a sign-in with a desktop.
    fn begin(&mut self, machine: Option<MachineId>) -> Result<(), Refusal> {
        if self.session.has_desktop() || self.session.phase != Phase::WaitingForOffer {
            return Err(Refusal::NotNow);
        }
        self.plan_or_queue(machine);
        Ok(())
    }

    fn plan_or_queue(&mut self, machine: Option<MachineId>) {
        match machine {
            Some(machine) => self.plan(machine),
            None => {
                self.writes.push(Write::JoinQueue);
                self.enter(Phase::Queued { since: self.now });
            }
        }
    }

    fn plan(&mut self, machine: MachineId) {
        self.session.machine = Some(machine.clone());
        self.writes.push(Write::PlanMachine(machine));
        self.enter(Phase::Starting { since: self.now, created: false });
    }

    fn answer(
        &mut self,
        number: Epoch,
        offer_digest: &SdpDigest,
        answer: Answer,
        candidates: Vec<Candidate>,
    ) -> Result<(), Refusal> {
        let now_digest = SdpDigest::of(answer.sdp.expose());
        let now = self.now;
        let epoch = self.known_epoch(number)?;
        if epoch.offer_digest != *offer_digest {
            return Err(Refusal::AnotherOffer { current: number });
        }
        match &epoch.answer_digest {
            Some(stored) if *stored != now_digest => return Err(Refusal::AlreadyAnswered { current: number }),
            Some(_) => {}
            None => {
                epoch.answer_digest = Some(now_digest);
                epoch.stage_since = now;
                self.writes.push(Write::Answer { epoch: number, answer });
                self.event(SessionEventKind::Answer { epoch: number });
                self.step(Step::AnswerStored);
            }
        }
        self.append(Side::Vm, candidates)
    }

    /// The epoch with this number, if it is the newest.
    fn known_epoch(&mut self, number: Epoch) -> Result<&mut EpochState, Refusal> {
        let current = self.session.current_epoch();
        if number > current || number == Epoch::NONE {
            return Err(Refusal::NoSuchEpoch { current });
        }
        match &mut self.session.epoch {
            Some(epoch) if epoch.number == number => Ok(epoch),
            Some(_) | None => Err(Refusal::StaleEpoch { current }),
        }
    }

    fn append(&mut self, side: Side, candidates: Vec<Candidate>) -> Result<(), Refusal> {
        let epoch = self.session.epoch.as_mut().ok_or(Refusal::NoSuchEpoch { current: Epoch::NONE })?;
        let number = epoch.number;
        let candidates = epoch.log_mut(side).append(candidates)?;
        if !candidates.is_empty() {
            self.writes.push(Write::Candidates { epoch: number, side, candidates });
        }
        Ok(())
    }

    fn connection(&mut self, report: &ConnectionReport) -> Result<(), Refusal> {
        let now = self.now;
        let epoch = self.known_epoch(report.epoch)?;
        if epoch.answer_digest.is_none() {
            return Err(Refusal::NotAnswered { current: report.epoch });
        }
        if report.state <= epoch.connection {
            return Ok(());
        }
        epoch.connection = report.state;
        epoch.stage_since = now;
        epoch.trouble = None;
        // A report may skip what it implies: a decoded frame came over DTLS, and DTLS over ICE.
        for (state, step) in [
            (ConnectionState::IceConnected, Step::IceConnected),
            (ConnectionState::DtlsConnected, Step::DtlsConnected),
            (ConnectionState::FrameDecoded, Step::FrameDecoded),
        ] {
            if state <= report.state {
                self.step(step);
            }
        }
        Ok(())
    }

    // --- machine and agent -----------------------------------------------------------------------

    fn placed(&mut self, machine: MachineId) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::WaitingForOffer => Err(Refusal::NotNow),
            Phase::Queued { .. } => {
                self.plan(machine);
                Ok(())
            }
            // Somebody else was first to see the place.
            Phase::Starting { .. } | Phase::SigningIn { .. } | Phase::Saving { .. } => Ok(()),
            Phase::Ended(_) => unreachable!("an ended session handles nothing"),
        }
    }

    fn machine_created(&mut self) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::WaitingForOffer | Phase::Queued { .. } => Err(Refusal::NotNow),
            Phase::Starting { created: false, .. } => {
                self.session.phase = Phase::Starting { since: self.now, created: true };
                self.step(Step::MachineCreated);
                Ok(())
            }
            // Heard again, or after the agent itself: nothing new.
            Phase::Starting { created: true, .. } | Phase::SigningIn { .. } | Phase::Saving { .. } => Ok(()),
            Phase::Ended(_) => unreachable!("an ended session handles nothing"),
        }
    }

    fn agent_spoke(&mut self) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::WaitingForOffer | Phase::Queued { .. } => Err(Refusal::NotNow),
            Phase::Starting { .. } => {
                // The agent may be heard before the driver's own word of the machine.
                self.writes.extend(self.session.machine.clone().map(Write::SawMachine));
                self.step(Step::MachineCreated);
                self.step(Step::AgentReady);
                self.enter(Phase::SigningIn { since: self.now });
                Ok(())
            }
            Phase::SigningIn { .. } | Phase::Saving { .. } => Ok(()),
            Phase::Ended(_) => unreachable!("an ended session handles nothing"),
        }
    }

    fn report(&mut self, report: Report) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::WaitingForOffer | Phase::Queued { .. } | Phase::Starting { .. } => return Err(Refusal::NotNow),
            Phase::SigningIn { .. } | Phase::Saving { .. } => {}
            Phase::Ended(_) => unreachable!("an ended session handles nothing"),
        }
        if self.session.run.is_some() {
            return self.run_report(report);
        }
        match report {
            Report::DesktopReady => self.step(Step::DesktopReady),
            Report::BrowserReady => self.step(Step::BrowserReady),
            Report::CliStarted => self.step(Step::CliStarted),
            Report::UrlOpened => self.step(Step::UrlOpened),
            Report::UrlFound { url, source } => self.url_found(LoginUrl { url, source }),
            Report::CodeFound { code } => self.code_found(code),
            Report::PasteRefused { detail } => self.paste_refused(detail),
            Report::DesktopFailed { detail } => return self.end(ReasonCode::DesktopFailed, detail),
            Report::CliNotStarted { detail } => return self.end(ReasonCode::CliNotStarted, detail),
            Report::CredentialMissing { detail } => return self.end(ReasonCode::CredentialMissing, detail),
            Report::CliExited { code: 0, .. } => self.cli_succeeded(),
            Report::CliExited { code, detail } => return self.cli_failed(code, &detail),
        }
        Ok(())
    }

    /// With a desktop a better source replaces a worse one; the same or a worse one changes nothing. Without one a CLI that was
    /// given a wrong code may print another URL.
    fn url_found(&mut self, found: LoginUrl) {
        let stays = |known: &LoginUrl| match self.session.method {
            MethodKind::Desktop => known.source >= found.source,
            MethodKind::Device | MethodKind::Paste => *known == found,
        };
        if self.session.login_url.as_ref().is_some_and(stays) {
            return;
        }
        self.session.login_url = Some(found.clone());
        self.event(SessionEventKind::Url { login_url: found });
        self.step(Step::UrlFound);
    }

    /// A CLI whose code has expired shows a new one.
    fn code_found(&mut self, code: DeviceCode) {
        if self.session.device_code.as_ref() != Some(&code) {
            self.session.device_code = Some(code.clone());
            self.event(SessionEventKind::DeviceCode { device_code: code });
            self.step(Step::CodeFound);
        }
    }

    /// The CLI must be there to take it.
    fn pasted(&mut self) -> Result<(), Refusal> {
        match (self.session.method, &self.session.phase) {
            (MethodKind::Paste, Phase::SigningIn { .. }) if self.session.login_url.is_some() => {}
            (MethodKind::Desktop | MethodKind::Device | MethodKind::Paste, _) => return Err(Refusal::NotNow),
        }
        if self.session.pasted >= limits::MAX_PASTES {
            return Err(Refusal::TooManyPastes);
        }
        self.session.pasted += 1;
        self.session.paste_refused = None;
        self.writes.push(Write::Paste(self.session.pasted));
        self.event(SessionEventKind::Pasted { count: self.session.pasted });
        Ok(())
    }

    fn paste_refused(&mut self, detail: String) {
        if self.session.paste_refused.as_ref() != Some(&detail) {
            self.session.paste_refused = Some(detail.clone());
            self.event(SessionEventKind::PasteRefused { detail });
        }
    }

    fn cli_succeeded(&mut self) {
        if let Phase::SigningIn { .. } = self.session.phase {
            self.step(Step::CliSucceeded);
            self.enter(Phase::Saving { since: self.now });
        }
    }

    fn cli_failed(&mut self, code: i32, detail: &str) -> Result<(), Refusal> {
        let said = if detail.is_empty() { String::from("It said nothing.") } else { format!("It said: {detail}") };
        self.end(ReasonCode::CliFailed, format!("The CLI ended with exit code {code}. {said}"))
    }

    // --- credential and ends ---------------------------------------------------------------------

    fn only_while_saving(&self) -> Result<(), Refusal> {
        match self.session.phase {
            Phase::Saving { .. } if self.session.run.is_none() => Ok(()),
            Phase::Saving { .. }
            | Phase::WaitingForOffer
            | Phase::Queued { .. }
            | Phase::Starting { .. }
            | Phase::SigningIn { .. }
            | Phase::Ended(_) => Err(Refusal::NotNow),
        }
    }

    fn credential_sealed(&mut self, credential: CredentialId) -> Result<(), Refusal> {
        if self.session.run.is_some() {
            return self.written_back(credential);
        }
        self.only_while_saving()?;
        self.step(Step::CredentialCaptured);
        self.session.credential = Some(credential.clone());
        self.event(SessionEventKind::Credential { credential });
        self.step(Step::CredentialSaved);
        self.end(ReasonCode::Saved, String::from("The credential is in the vault."))
    }

    fn cancel(&mut self) -> Result<(), Refusal> {
        if self.session.run.is_some() {
            return self.stop_run(ReasonCode::StoppedByPerson, "You stopped this run.");
        }
        if self.only_while_saving().is_ok() {
            return Err(Refusal::Saving);
        }
        self.end(ReasonCode::CancelledByPerson, String::from("You cancelled this sign-in."))
    }

    /// As late as a cancel: a credential that is being saved is not thrown away.
    fn stop(&mut self) -> Result<(), Refusal> {
        if self.session.run.is_some() {
            let detail = "Whoever runs this server stopped the machine. Ask them, or open it again.";
            return self.stop_run(ReasonCode::StoppedByAdministrator, detail);
        }
        if self.only_while_saving().is_ok() {
            return Err(Refusal::Saving);
        }
        let detail = "Whoever runs this server stopped the machine. Nothing was saved; ask them, or start again.";
        self.end(ReasonCode::StoppedByAdministrator, detail.to_owned())
    }

    fn tick(&mut self) -> Result<(), Refusal> {
        match deadline::first(&self.session) {
            Some(wait) if wait.until <= self.now => self.too_late(wait),
            Some(_) | None => {
                self.name_trouble();
                Ok(())
            }
        }
    }

    fn too_late(&mut self, wait: deadline::Wait) -> Result<(), Refusal> {
        match &self.session.run {
            Some(_) if wait.code == ReasonCode::Idle => self.stop_run(wait.code, wait.detail),
            // The machine did not answer the wish to stop: it is over all the same.
            Some(Run { stopping: Some(reason), .. }) => self.end(reason.code, reason.detail.clone()),
            Some(_) | None => self.end(wait.code, wait.detail.to_owned()),
        }
    }

    /// A stage of the connection that takes too long gets its name, once.
    fn name_trouble(&mut self) {
        let Some(stage) = deadline::stage(&self.session).filter(|stage| stage.until <= self.now) else { return };
        if let Some(epoch) = &mut self.session.epoch {
            epoch.trouble = Some(stage.trouble);
            let epoch = epoch.number;
            self.event(SessionEventKind::Trouble { epoch, trouble: stage.trouble });
        }
    }

    pub(crate) fn end(&mut self, code: ReasonCode, detail: String) -> Result<(), Refusal> {
        let reason = Reason { code, detail };
        if let Some(machine) = self.session.machine.clone() {
            self.writes.push(Write::RetireMachine(machine));
        }
        self.session.phase = Phase::Ended(End { at: self.now, reason: reason.clone() });
        self.event(SessionEventKind::State { state: terminal_state(code), reason: Some(reason) });
        Ok(())
    }

    fn machine_destroyed(&mut self) {
        if self.session.end().is_some() && self.session.machine.take().is_some() {
            self.step(Step::MachineDestroyed);
        }
    }

    // --- log -------------------------------------------------------------------------------------

    pub(crate) fn enter(&mut self, phase: Phase) {
        self.session.phase = phase;
        let state = self.session.state();
        self.event(SessionEventKind::State { state, reason: None });
    }

    pub(crate) fn step(&mut self, step: Step) {
        if self.session.steps.iter().any(|reached| reached.step == step) {
            return;
        }
        self.session.steps.push(StepReached { step, at: self.now });
        self.event(SessionEventKind::Step { step });
    }

    pub(crate) fn event(&mut self, kind: SessionEventKind) {
        self.session.last_event += 1;
        self.writes.push(Write::Event(SessionEvent { id: self.session.last_event, at: self.now, kind }));
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
