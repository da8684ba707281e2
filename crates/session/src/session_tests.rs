//! One topic each; [`Story`] runs a session through inputs as a controller would.

use anteroom_protocol::{
    Secret,
    session::{ConnectionTrouble, UrlSource},
    signaling::{AnswerType, LoggedCandidate, OfferType},
};

use super::*;

/// A session, everything that was stored for it, and a clock that goes on by one millisecond an input.
struct Story {
    session: Session,
    stored: Vec<Write>,
    now: UnixMillis,
}

impl Story {
    fn new() -> Self {
        Self::by(MethodKind::Desktop)
    }

    fn by(method: MethodKind) -> Self {
        let now = UnixMillis(1_000_000);
        let session = Session::new(
            SessionId::from_random([1; 16]),
            UserId::from_random([2; 16]),
            ("codex".parse().unwrap(), method),
            Deadlines::for_sign_in(900),
            now,
        );
        Self { session, stored: Vec::new(), now }
    }

    /// A session without a desktop whose agent has spoken.
    fn light(method: MethodKind) -> Self {
        let mut story = Self::by(method);
        story.does(begin());
        story.does(Input::AgentSpoke);
        story
    }

    /// A session whose agent has answered the first offer.
    fn answered() -> Self {
        let mut story = Self::new();
        story.does(offer("one"));
        story.does(Input::MachineCreated);
        story.does(Input::AgentSpoke);
        story.does(answer(1, "one", "answer"));
        story
    }

    /// The same, with the CLI ended well.
    fn saving() -> Self {
        let mut story = Self::answered();
        story.does(exit(0));
        story
    }

    fn tries(&mut self, input: Input) -> Result<Decision, Refusal> {
        self.now = self.now.plus_ms(1);
        let decision = self.session.handle(input, self.now)?;
        if let Decision::Changed(change) = &decision {
            self.session = change.session.clone();
            self.stored.extend(change.writes.iter().cloned());
        }
        Ok(decision)
    }

    fn does(&mut self, input: Input) {
        self.tries(input).expect("not refused");
    }

    fn refuses(&mut self, input: Input) -> Refusal {
        let before = self.session.clone();
        let refusal = self.tries(input).expect_err("refused");
        assert_eq!(self.session, before, "a refusal changes nothing");
        refusal
    }

    fn is_same(&mut self, input: Input) -> bool {
        matches!(self.tries(input), Ok(Decision::Same))
    }

    fn reason(&self) -> ReasonCode {
        self.session.end().expect("ended").reason.code
    }

    fn machines_planned(&self) -> usize {
        self.stored.iter().filter(|write| matches!(write, Write::PlanMachine(_))).count()
    }

    fn machines_retired(&self) -> usize {
        self.stored.iter().filter(|write| matches!(write, Write::RetireMachine(_))).count()
    }

    fn logged(&self, of_epoch: u32, of_side: Side) -> Vec<LoggedCandidate> {
        let mut all = Vec::new();
        for write in &self.stored {
            if let Write::Candidates { epoch, side, candidates } = write
                && (epoch.0, *side) == (of_epoch, of_side)
            {
                all.extend(candidates.iter().cloned());
            }
        }
        all
    }
}

fn sdp(name: &str) -> Secret<String> {
    Secret::new(format!("v=0 {name}"))
}

fn offer_with(name: &str, candidates: Vec<Candidate>) -> Input {
    Input::Offer {
        offer: Offer { kind: OfferType::Offer, sdp: sdp(name) },
        candidates,
        after: None,
        machine: Some(MachineId::from_random([3; 16])),
    }
}

/// An offer when there is no place for a machine.
fn offer_without_a_place(name: &str) -> Input {
    let Input::Offer { offer, candidates, after, .. } = offer(name) else { unreachable!() };
    Input::Offer { offer, candidates, after, machine: None }
}

fn begin() -> Input {
    Input::Begin { machine: Some(MachineId::from_random([3; 16])) }
}

fn code(code: &str) -> Input {
    let code = DeviceCode { code: code.to_owned(), url: "https://auth.example/device".to_owned() };
    Input::Report(Report::CodeFound { code })
}

fn placed() -> Input {
    Input::Placed { machine: MachineId::from_random([3; 16]) }
}

fn offer(name: &str) -> Input {
    offer_with(name, Vec::new())
}

fn answer(epoch: u32, to: &str, name: &str) -> Input {
    Input::Answer {
        epoch: Epoch(epoch),
        offer_digest: SdpDigest::of(sdp(to).expose()),
        answer: Answer { kind: AnswerType::Answer, sdp: sdp(name) },
        candidates: Vec::new(),
    }
}

fn candidate(line: &str) -> Candidate {
    Candidate {
        candidate: Secret::new(line.to_owned()),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: None,
        username_fragment: None,
    }
}

fn candidates(side: Side, epoch: u32, lines: &[&str]) -> Input {
    Input::Candidates { side, epoch: Epoch(epoch), candidates: lines.iter().map(|line| candidate(line)).collect() }
}

fn seen(epoch: u32, state: ConnectionState) -> Input {
    Input::Connection(ConnectionReport { epoch: Epoch(epoch), state })
}

fn exit(code: i32) -> Input {
    Input::Report(Report::CliExited { code, detail: String::from("bye") })
}

fn url(url: &str, source: UrlSource) -> Input {
    Input::Report(Report::UrlFound { url: url.into(), source })
}

fn sealed() -> Input {
    Input::CredentialSealed(CredentialId::from_random([4; 16]))
}

// --- offer-first -------------------------------------------------------------------------------------

#[test]
fn offer_first_no_machine_is_planned_before_an_offer_is_stored() {
    let mut story = Story::new();
    for input in [Input::MachineCreated, Input::AgentSpoke, exit(0), sealed(), answer(1, "one", "answer")] {
        story.refuses(input);
    }
    assert_eq!(story.machines_planned(), 0);
    story.does(offer("one"));
    let offer_at = story.stored.iter().position(|write| matches!(write, Write::Offer { .. })).unwrap();
    let plan_at = story.stored.iter().position(|write| matches!(write, Write::PlanMachine(_))).unwrap();
    assert!(offer_at < plan_at, "both in one change, the offer first");
}

#[test]
fn a_second_offer_plans_no_second_machine() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(offer("two"));
    assert_eq!(story.machines_planned(), 1);
}

// --- no-overwrite, one-answer ------------------------------------------------------------------------

#[test]
fn no_overwrite_a_second_offer_is_a_new_epoch() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(offer("two"));
    let epochs: Vec<u32> = story
        .stored
        .iter()
        .filter_map(|write| if let Write::Offer { epoch, .. } = write { Some(epoch.0) } else { None })
        .collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn the_same_offer_again_makes_no_new_epoch() {
    let mut story = Story::new();
    story.does(offer("one"));
    assert!(story.is_same(offer("one")));
    assert_eq!(story.session.current_epoch(), Epoch(1));
}

#[test]
fn one_answer_the_same_again_is_fine_and_another_is_refused() {
    let mut story = Story::answered();
    assert!(story.is_same(answer(1, "one", "answer")));
    assert_eq!(story.refuses(answer(1, "one", "another")), Refusal::AlreadyAnswered { current: Epoch(1) });
}

#[test]
fn answer_to_a_superseded_epoch_is_refused() {
    let mut story = Story::answered();
    story.does(offer("two"));
    assert_eq!(story.refuses(answer(1, "one", "late")), Refusal::StaleEpoch { current: Epoch(2) });
    assert_eq!(story.refuses(answer(1, "one", "answer")), Refusal::StaleEpoch { current: Epoch(2) });
}

#[test]
fn answer_that_names_another_offer_is_refused() {
    let mut story = Story::new();
    story.does(offer("one"));
    assert_eq!(story.refuses(answer(1, "other", "answer")), Refusal::AnotherOffer { current: Epoch(1) });
}

#[test]
fn answer_to_an_epoch_that_does_not_exist_is_refused() {
    let mut story = Story::answered();
    assert_eq!(story.refuses(answer(2, "one", "answer")), Refusal::NoSuchEpoch { current: Epoch(1) });
    assert_eq!(story.refuses(answer(0, "one", "answer")), Refusal::NoSuchEpoch { current: Epoch(1) });
}

#[test]
fn a_late_copy_of_a_superseded_offer_makes_no_epoch() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(offer("two"));
    assert_eq!(story.refuses(offer("one")), Refusal::StaleEpoch { current: Epoch(2) });
}

// --- no-lost-candidate -------------------------------------------------------------------------------

#[test]
fn candidates_before_the_answer_are_kept_in_order() {
    let mut story = Story::new();
    story.does(offer_with("one", vec![candidate("candidate:a")]));
    story.does(candidates(Side::Browser, 1, &["candidate:b", "candidate:c"]));
    story.does(candidates(Side::Vm, 1, &["candidate:x"]));
    story.does(Input::AgentSpoke);
    story.does(answer(1, "one", "answer"));
    let seqs: Vec<u32> = story.logged(1, Side::Browser).iter().map(|logged| logged.seq).collect();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(story.logged(1, Side::Vm).len(), 1);
}

#[test]
fn a_repeated_candidate_is_logged_once() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(candidates(Side::Browser, 1, &["candidate:a"]));
    assert!(story.is_same(candidates(Side::Browser, 1, &["candidate:a"])));
    story.does(candidates(Side::Browser, 1, &["candidate:a", "candidate:b"]));
    assert_eq!(story.logged(1, Side::Browser).len(), 2);
}

#[test]
fn candidates_without_an_offer_are_refused() {
    let mut story = Story::new();
    assert_eq!(
        story.refuses(candidates(Side::Browser, 1, &["candidate:a"])),
        Refusal::NoSuchEpoch { current: Epoch::NONE }
    );
}

#[test]
fn candidates_of_a_superseded_epoch_are_refused() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(offer("two"));
    assert_eq!(story.refuses(candidates(Side::Vm, 1, &["candidate:a"])), Refusal::StaleEpoch { current: Epoch(2) });
}

#[test]
fn end_of_candidates_is_explicit_and_final() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(candidates(Side::Browser, 1, &["candidate:a", ""]));
    assert!(story.session.epoch.as_ref().unwrap().browser.complete);
    assert_eq!(story.refuses(candidates(Side::Browser, 1, &["candidate:b"])), Refusal::CandidatesComplete);
    assert!(story.is_same(candidates(Side::Browser, 1, &["candidate:a", ""])), "a repeated request is fine");
}

#[test]
fn a_candidate_log_is_bounded() {
    let mut story = Story::new();
    story.does(offer("one"));
    let line = |n: usize| format!("candidate:{n}");
    for n in 0..limits::MAX_CANDIDATES_PER_LOG {
        story.does(candidates(Side::Browser, 1, &[&line(n)]));
    }
    assert_eq!(story.refuses(candidates(Side::Browser, 1, &["candidate:more"])), Refusal::TooManyCandidates);
}

// --- seen-is-connected -------------------------------------------------------------------------------

#[test]
fn seen_is_connected_only_a_decoded_frame_counts() {
    let mut story = Story::answered();
    story.does(seen(1, ConnectionState::IceConnected));
    assert_eq!(story.session.view().connection, ConnectionState::IceConnected);
    assert!(!story.session.view().steps.iter().any(|reached| reached.step == Step::FrameDecoded));
    story.does(seen(1, ConnectionState::FrameDecoded));
    let steps: Vec<Step> = story.session.view().steps.iter().map(|reached| reached.step).collect();
    assert!(steps.ends_with(&[Step::IceConnected, Step::DtlsConnected, Step::FrameDecoded]));
}

#[test]
fn a_connection_report_never_goes_back_and_needs_an_answer() {
    let mut story = Story::new();
    story.does(offer("one"));
    assert_eq!(story.refuses(seen(1, ConnectionState::IceConnected)), Refusal::NotAnswered { current: Epoch(1) });
    let mut story = Story::answered();
    story.does(seen(1, ConnectionState::FrameDecoded));
    assert!(story.is_same(seen(1, ConnectionState::IceConnected)));
}

#[test]
fn a_new_epoch_goes_through_the_connection_steps_again() {
    let mut story = Story::answered();
    story.does(seen(1, ConnectionState::FrameDecoded));
    story.does(offer("two"));
    assert_eq!(story.session.view().connection, ConnectionState::New);
    assert!(!story.session.view().steps.iter().any(|reached| reached.step == Step::FrameDecoded));
    assert_eq!(story.refuses(seen(1, ConnectionState::FrameDecoded)), Refusal::StaleEpoch { current: Epoch(2) });
}

// --- saved-before-destroyed, one-end -----------------------------------------------------------------

#[test]
fn saved_before_destroyed_the_machine_is_retired_with_the_stored_credential() {
    let mut story = Story::saving();
    assert_eq!(story.machines_retired(), 0);
    story.does(sealed());
    assert_eq!((story.machines_retired(), story.reason()), (1, ReasonCode::Saved));
    assert_eq!(story.session.state(), SessionState::Succeeded);
}

#[test]
fn a_credential_is_taken_only_after_the_cli_ended_well() {
    let mut story = Story::answered();
    assert_eq!(story.refuses(sealed()), Refusal::NotNow);
    story.does(exit(1));
    assert_eq!(story.reason(), ReasonCode::CliFailed);
    assert!(matches!(story.refuses(sealed()), Refusal::Ended(_)));
}

#[test]
fn cancel_while_the_credential_is_saved_is_refused() {
    let mut story = Story::saving();
    assert_eq!(story.refuses(Input::Cancel), Refusal::Saving);
    assert_eq!(story.refuses(Input::Stop), Refusal::Saving);
}

#[test]
fn one_end_nothing_changes_an_end() {
    let mut story = Story::saving();
    story.does(sealed());
    let end = story.session.end().cloned();
    for input in [
        Input::Cancel,
        Input::Stop,
        Input::MachineLost { detail: "gone".into() },
        Input::Tick,
        exit(1),
        offer("late"),
        Input::Resumed,
    ] {
        assert!(matches!(story.refuses(input), Refusal::Ended(_)));
    }
    story.does(Input::MachineDestroyed);
    assert_eq!(story.session.end().cloned(), end);
    assert!(story.is_same(Input::MachineDestroyed));
    assert_eq!(story.session.machine, None);
}

#[test]
fn a_machine_is_destroyed_only_after_the_end() {
    let mut story = Story::answered();
    assert!(story.is_same(Input::MachineDestroyed));
    assert!(story.session.machine.is_some());
}

#[test]
fn every_failure_ends_once_with_its_own_reason() {
    let detail = || String::from("why");
    type Case = (fn() -> Story, Input, ReasonCode, SessionState);
    let table: [Case; 10] = [
        (Story::answered, exit(1), ReasonCode::CliFailed, SessionState::Failed),
        (Story::answered, Input::Cancel, ReasonCode::CancelledByPerson, SessionState::Cancelled),
        (Story::answered, Input::Stop, ReasonCode::StoppedByAdministrator, SessionState::Cancelled),
        (Story::answered, Input::MachineLost { detail: detail() }, ReasonCode::MachineLost, SessionState::Failed),
        (
            Story::answered,
            Input::Report(Report::DesktopFailed { detail: detail() }),
            ReasonCode::DesktopFailed,
            SessionState::Failed,
        ),
        (
            Story::answered,
            Input::Report(Report::CliNotStarted { detail: detail() }),
            ReasonCode::CliNotStarted,
            SessionState::Failed,
        ),
        (
            Story::answered,
            Input::MachineNotCreated { code: ReasonCode::MachineFailed, detail: detail() },
            ReasonCode::MachineFailed,
            SessionState::Failed,
        ),
        (
            Story::saving,
            Input::Report(Report::CredentialMissing { detail: detail() }),
            ReasonCode::CredentialMissing,
            SessionState::Failed,
        ),
        (
            Story::saving,
            Input::CredentialRefused { detail: detail() },
            ReasonCode::CredentialInvalid,
            SessionState::Failed,
        ),
        (Story::saving, Input::MachineLost { detail: detail() }, ReasonCode::MachineLost, SessionState::Failed),
    ];
    for (start, input, code, state) in table {
        let mut story = start();
        story.does(input);
        assert_eq!((story.reason(), story.session.state(), story.machines_retired()), (code, state, 1));
    }
}

// --- deadlines ---------------------------------------------------------------------------------------

#[test]
fn every_wait_has_its_own_deadline_and_reason() {
    let table: [(&[Input], i64, ReasonCode); 8] = [
        (&[], 60_000, ReasonCode::OfferTimeout),
        (&[offer_without_a_place("one")], 600_000, ReasonCode::NoCapacity),
        (&[offer_without_a_place("one"), placed()], 60_000, ReasonCode::MachineTimeout),
        (&[offer("one")], 60_000, ReasonCode::MachineTimeout),
        (&[offer("one"), Input::MachineCreated], 30_000, ReasonCode::AgentTimeout),
        (&[offer("one"), Input::AgentSpoke], 30_000, ReasonCode::AnswerTimeout),
        (&[offer("one"), Input::AgentSpoke, answer(1, "one", "a")], 900_000, ReasonCode::SignInTimeout),
        (&[offer("one"), Input::AgentSpoke, answer(1, "one", "a"), exit(0)], 60_000, ReasonCode::CredentialMissing),
    ];
    for (inputs, after_ms, code) in table {
        let mut story = Story::new();
        inputs.iter().for_each(|input| story.does(input.clone()));
        let deadline = story.session.deadline().expect("a wait has a deadline");
        assert!(deadline.since(story.now) <= after_ms, "{code:?}");
        story.now = deadline.plus_ms(-2);
        story.does(Input::Tick);
        assert!(story.session.end().is_none(), "{code:?} a millisecond early");
        story.does(Input::Tick);
        assert_eq!(story.reason(), code);
        assert_eq!(story.session.deadline(), None);
    }
}

#[test]
fn without_a_place_the_offer_is_stored_and_waits_and_a_place_plans_the_machine_once() {
    let mut story = Story::new();
    assert_eq!(story.refuses(placed()), Refusal::NotNow);
    story.does(offer_without_a_place("one"));
    assert_eq!((story.session.state(), story.session.queued_since()), (SessionState::Queued, Some(story.now)));
    assert_eq!((story.machines_planned(), story.session.machine.clone()), (0, None));
    let since = story.now;
    for input in [Input::MachineCreated, Input::AgentSpoke, exit(0), sealed()] {
        assert_eq!(story.refuses(input), Refusal::NotNow);
    }
    // A page that connects anew keeps its place.
    story.does(offer_without_a_place("two"));
    assert_eq!((story.session.current_epoch(), story.session.queued_since()), (Epoch(2), Some(since)));
    story.does(placed());
    assert_eq!((story.session.state(), story.machines_planned()), (SessionState::Starting, 1));
    assert!(story.is_same(placed()));
    story.does(Input::AgentSpoke);
    story.does(answer(2, "two", "answer"));
    assert_eq!((story.session.queued_since(), story.machines_planned()), (None, 1));
}

#[test]
fn a_session_that_waits_for_a_place_ends_without_a_machine() {
    for end in [Input::Cancel, Input::Stop] {
        let mut story = Story::new();
        story.does(offer_without_a_place("one"));
        story.does(end);
        assert!(matches!(story.refuses(placed()), Refusal::Ended(_)));
        assert_eq!((story.machines_planned(), story.machines_retired()), (0, 0));
    }
}

#[test]
fn the_controllers_absence_does_not_count_against_who_waits_for_a_place() {
    let mut story = Story::new();
    story.does(offer_without_a_place("one"));
    story.now = story.now.plus_ms(500_000);
    story.does(Input::Resumed);
    assert_eq!(story.session.deadline(), Some(story.now.plus_ms(600_000)));
}

#[test]
fn a_new_offer_has_its_own_time_for_an_answer() {
    let mut story = Story::answered();
    story.now = story.now.plus_ms(100_000);
    story.does(offer("two"));
    assert_eq!(story.session.deadline(), Some(story.now.plus_ms(30_000)));
}

#[test]
fn a_controller_that_was_away_gives_the_machine_its_time_again_but_not_the_person() {
    let mut story = Story::new();
    story.does(offer("one"));
    story.does(Input::AgentSpoke);
    let person_until = story.now.plus_ms(900_000);
    story.now = story.now.plus_ms(500_000);
    story.does(Input::Resumed);
    story.does(Input::Tick);
    assert!(story.session.end().is_none(), "nobody could answer while the controller was away");
    story.does(answer(1, "one", "answer"));
    assert_eq!(story.session.deadline(), Some(person_until));
}

// --- reports and events ------------------------------------------------------------------------------

#[test]
fn the_shims_url_replaces_the_printed_one_and_not_the_other_way_round() {
    let mut story = Story::answered();
    story.does(url("https://a/printed", UrlSource::Printed));
    story.does(url("https://a/shim", UrlSource::Shim));
    assert!(story.is_same(url("https://a/printed", UrlSource::Printed)));
    assert_eq!(story.session.view().login_url.unwrap().url, "https://a/shim");
}

#[test]
fn events_are_numbered_without_gaps() {
    let mut story = Story::saving();
    story.does(sealed());
    story.does(Input::MachineDestroyed);
    let ids: Vec<u32> = story
        .stored
        .iter()
        .filter_map(|write| if let Write::Event(event) = write { Some(event.id) } else { None })
        .collect();
    assert_eq!(ids, (1..=ids.len() as u32).collect::<Vec<_>>());
}

#[test]
fn a_session_reads_back_from_json_as_itself() {
    let story = Story::saving();
    let json = serde_json::to_string(&story.session).unwrap();
    assert_eq!(serde_json::from_str::<Session>(&json).unwrap(), story.session);
    assert!(!json.contains("v=0"), "no SDP in the aggregate");
}

#[path = "session_properties.rs"]
mod properties;

// --- two pages, and stages that hang -------------------------------------------------------------

fn offer_after(name: &str, known: u32) -> Input {
    let Input::Offer { offer, candidates, machine, .. } = offer(name) else { unreachable!() };
    Input::Offer { offer, candidates, machine, after: Some(Epoch(known)) }
}

#[test]
fn a_page_that_was_taken_over_does_not_take_back_without_being_told_to() {
    let mut story = Story::answered();
    story.does(offer("second page"));
    assert_eq!(story.refuses(offer_after("first page again", 1)), Refusal::TakenOver { current: Epoch(2) });
    story.does(offer("first page takes back"));
    assert_eq!(story.session.current_epoch(), Epoch(3));
    story.does(offer_after("first page reconnects", 3));
    assert_eq!(story.session.current_epoch(), Epoch(4));
}

#[test]
fn an_offer_whose_reply_was_lost_is_not_taken_for_another_pages() {
    let mut story = Story::answered();
    story.does(offer_after("again", 1));
    assert!(story.is_same(offer_after("again", 1)));
    assert_eq!(story.session.current_epoch(), Epoch(2));
}

#[test]
fn ice_without_dtls_for_five_seconds_is_named_and_ends_nothing() {
    let mut story = Story::answered();
    story.does(seen(1, ConnectionState::IceConnected));
    let due = story.now.plus_ms(deadline::DTLS_MS);
    assert_eq!(story.session.next_tick(), Some(due));
    story.now = due.plus_ms(-2);
    assert!(story.is_same(Input::Tick));
    story.does(Input::Tick);
    assert_eq!(story.session.view().trouble, Some(ConnectionTrouble::DtlsTimeout));
    assert!(story.session.end().is_none());
    assert!(story.is_same(Input::Tick), "it is named once");
    story.does(seen(1, ConnectionState::DtlsConnected));
    assert_eq!(story.session.view().trouble, None);
}

#[test]
fn every_stage_of_a_connection_has_its_own_name_when_it_hangs() {
    for (reached, ms, trouble) in [
        (None, deadline::ICE_MS, ConnectionTrouble::IceTimeout),
        (Some(ConnectionState::IceConnected), deadline::DTLS_MS, ConnectionTrouble::DtlsTimeout),
        (Some(ConnectionState::DtlsConnected), deadline::FRAME_MS, ConnectionTrouble::FrameTimeout),
    ] {
        let mut story = Story::answered();
        if let Some(state) = reached {
            story.does(seen(1, state));
        }
        story.now = story.now.plus_ms(ms);
        story.does(Input::Tick);
        assert_eq!(story.session.view().trouble, Some(trouble));
    }
    let mut story = Story::answered();
    story.does(seen(1, ConnectionState::FrameDecoded));
    story.now = story.now.plus_ms(60_000);
    assert!(story.is_same(Input::Tick), "a picture has no deadline");
}

#[test]
fn a_new_epoch_has_the_troubles_of_the_old_one_no_more() {
    let mut story = Story::answered();
    story.now = story.now.plus_ms(deadline::ICE_MS);
    story.does(Input::Tick);
    story.does(offer("another"));
    assert_eq!(story.session.view().trouble, None);
}

// --- without a desktop -----------------------------------------------------------------------------

#[test]
fn a_sign_in_without_a_desktop_gets_its_machine_without_an_offer() {
    for method in [MethodKind::Device, MethodKind::Paste] {
        let mut story = Story::by(method);
        story.does(begin());
        assert_eq!(story.session.state(), SessionState::Starting);
        assert_eq!(story.machines_planned(), 1);
        story.does(Input::AgentSpoke);
        story.does(exit(0));
        story.does(Input::CredentialSealed(CredentialId::from_random([4; 16])));
        assert_eq!((story.reason(), story.machines_retired()), (ReasonCode::Saved, 1));
        assert_eq!(story.session.current_epoch(), Epoch::NONE);
    }
}

#[test]
fn a_sign_in_without_a_desktop_waits_for_a_place_like_any_other() {
    let mut story = Story::by(MethodKind::Device);
    story.does(Input::Begin { machine: None });
    assert!(story.stored.contains(&Write::JoinQueue));
    assert!(story.session.queued_since().is_some());
    story.does(placed());
    assert_eq!((story.session.state(), story.machines_planned()), (SessionState::Starting, 1));
}

#[test]
fn only_a_sign_in_without_a_desktop_begins_without_an_offer_and_only_once() {
    assert_eq!(Story::new().refuses(begin()), Refusal::NotNow);
    assert_eq!(Story::light(MethodKind::Device).refuses(begin()), Refusal::NotNow);
}

#[test]
fn nobody_is_connected_to_a_sign_in_without_a_desktop() {
    let mut story = Story::light(MethodKind::Paste);
    assert_eq!(story.refuses(offer("one")), Refusal::NoDesktop);
    assert_eq!(story.refuses(answer(1, "one", "answer")), Refusal::NoSuchEpoch { current: Epoch::NONE });
}

#[test]
fn nobody_waits_for_an_answer_where_there_is_no_desktop() {
    let story = Story::light(MethodKind::Device);
    let until = story.session.deadline().unwrap();
    let mut late = story;
    late.now = until;
    late.does(Input::Tick);
    assert_eq!(late.reason(), ReasonCode::SignInTimeout);
}

#[test]
fn a_new_device_code_replaces_the_one_that_has_expired() {
    let mut story = Story::light(MethodKind::Device);
    assert!(!story.session.has_begun());
    story.does(code("ABCD-1234"));
    assert!(story.session.has_begun());
    assert!(story.is_same(code("ABCD-1234")));
    story.does(code("EFGH-5678"));
    assert_eq!(story.session.view().device_code.map(|code| code.code), Some("EFGH-5678".to_owned()));
}

#[test]
fn a_text_is_taken_when_the_cli_has_said_where_it_comes_from_and_not_too_often() {
    let mut story = Story::light(MethodKind::Paste);
    assert_eq!(story.refuses(Input::Pasted), Refusal::NotNow);
    story.does(url("https://auth.example/", UrlSource::Printed));
    for count in 1..=limits::MAX_PASTES {
        story.does(Input::Pasted);
        assert_eq!(story.session.view().pasted, count);
    }
    assert_eq!(story.refuses(Input::Pasted), Refusal::TooManyPastes);
    story.does(exit(0));
    assert_eq!(story.refuses(Input::Pasted), Refusal::NotNow);
}

#[test]
fn nothing_is_pasted_into_a_sign_in_by_another_method() {
    let mut device = Story::light(MethodKind::Device);
    device.does(url("https://auth.example/", UrlSource::Printed));
    assert_eq!(device.refuses(Input::Pasted), Refusal::NotNow);
    let mut desktop = Story::answered();
    desktop.does(url("https://auth.example/", UrlSource::Printed));
    assert_eq!(desktop.refuses(Input::Pasted), Refusal::NotNow);
}

#[test]
fn a_text_that_does_not_help_is_told_until_the_next_one() {
    let mut story = Story::light(MethodKind::Paste);
    story.does(url("https://auth.example/", UrlSource::Printed));
    story.does(Input::Pasted);
    let refused = || Input::Report(Report::PasteRefused { detail: "of another sign-in".into() });
    story.does(refused());
    assert_eq!(story.session.view().paste_refused.as_deref(), Some("of another sign-in"));
    assert!(story.is_same(refused()));
    story.does(Input::Pasted);
    assert_eq!(story.session.view().paste_refused, None);
}

#[test]
fn without_a_desktop_a_new_link_replaces_the_old_one() {
    let mut story = Story::light(MethodKind::Paste);
    story.does(url("https://auth.example/1", UrlSource::Printed));
    assert!(story.is_same(url("https://auth.example/1", UrlSource::Printed)));
    story.does(url("https://auth.example/2", UrlSource::Printed));
    assert_eq!(story.session.view().login_url.map(|found| found.url), Some("https://auth.example/2".to_owned()));
}
