use anteroom_protocol::{MachineId, SessionId, UserId};

use super::*;
use crate::{Change, Deadlines, Decision, Input, Write};

const IDLE_MS: i64 = 3_600_000;
const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

fn at(ms: i64) -> UnixMillis {
    UnixMillis(ms)
}

fn credential() -> CredentialId {
    CredentialId::from_random([3; 16])
}

fn queued_or_not(machine: Option<MachineId>) -> Session {
    let (id, owner) = (SessionId::from_random([1; 16]), UserId::from_random([2; 16]));
    let provider = "codex".parse().unwrap();
    let run = Run::new(vec!["exec".to_owned()], SIZE, true, at(0));
    let session = Session::new_run(id, owner, (provider, credential()), run, Deadlines::for_run(IDLE_MS), at(0));
    changed(&session, Input::Begin { machine }, 0).session
}

fn machine() -> MachineId {
    MachineId::from_random([4; 16])
}

fn changed(session: &Session, input: Input, ms: i64) -> Change {
    match session.handle(input, at(ms)) {
        Ok(Decision::Changed(change)) => *change,
        other => panic!("it was to change: {other:?}"),
    }
}

/// One whose CLI has run since second 1.
fn running() -> Session {
    let session = changed(&queued_or_not(Some(machine())), Input::AgentSpoke, 500).session;
    changed(&session, Input::Report(Report::CliStarted), 1000).session
}

fn exited(code: i32) -> Input {
    Input::Report(Report::CliExited { code, detail: String::new() })
}

fn state(session: &Session) -> RunState {
    session.run_view().unwrap().state
}

fn reason(session: &Session) -> ReasonCode {
    session.run_view().unwrap().reason.unwrap().code
}

#[test]
fn a_run_goes_from_its_machine_to_its_clis_end_whatever_the_exit_code() {
    let session = queued_or_not(Some(machine()));
    assert_eq!(state(&session), RunState::Starting);
    let spoke = changed(&session, Input::AgentSpoke, 500).session;
    assert_eq!(state(&spoke), RunState::Starting, "the CLI does not run yet");
    let session = running();
    assert_eq!(state(&session), RunState::Running);
    for code in [0, 1, 130] {
        let change = changed(&session, exited(code), 9000);
        let view = change.session.run_view().unwrap();
        assert_eq!(
            (view.state, view.exit_code, reason(&change.session)),
            (RunState::Ended, Some(code), ReasonCode::Exited)
        );
        assert_eq!((view.started_at, view.ended_at), (Some(at(1000)), Some(at(9000))));
        assert!(change.writes.contains(&Write::RetireMachine(machine())));
    }
}

#[test]
fn a_run_without_a_place_waits_and_ends_without_a_machine() {
    let session = queued_or_not(None);
    assert_eq!(state(&session), RunState::Queued);
    let ended = changed(&session, Input::Cancel, 10).session;
    assert_eq!((state(&ended), reason(&ended)), (RunState::Ended, ReasonCode::StoppedByPerson));
}

#[test]
fn a_stop_asks_the_machine_first_and_keeps_its_reason() {
    for (input, code) in [
        (Input::Cancel, ReasonCode::StoppedByPerson),
        (Input::Stop, ReasonCode::StoppedByAdministrator),
        (Input::TakeOver, ReasonCode::TakenOver),
    ] {
        let stopping = changed(&running(), input, 2000);
        assert!(!stopping.writes.contains(&Write::RetireMachine(machine())), "the CLI may have changed its credential");
        assert_eq!((state(&stopping.session), reason(&stopping.session)), (RunState::Saving, code));
        assert!(stopping.session.is_stopping());
        assert!(
            matches!(stopping.session.handle(Input::Cancel, at(2001)), Ok(Decision::Same)),
            "the first reason stays"
        );
        let written = changed(&stopping.session, Input::CredentialSealed(credential()), 2050).session;
        let ended = changed(&written, exited(129), 2100).session;
        assert_eq!((state(&ended), reason(&ended)), (RunState::Ended, code));
        assert_eq!(ended.run_view().unwrap().exit_code, Some(129));
    }
}

#[test]
fn a_machine_that_does_not_answer_a_stop_ends_the_run_all_the_same() {
    let stopping = changed(&running(), Input::Cancel, 2000).session;
    let until = stopping.deadline().unwrap();
    assert!(matches!(stopping.handle(Input::Tick, until.plus_ms(-1)), Ok(Decision::Same)));
    let ended = changed(&stopping, Input::Tick, until.0).session;
    assert_eq!((state(&ended), reason(&ended)), (RunState::Ended, ReasonCode::StoppedByPerson));
}

#[test]
fn a_run_that_nobody_uses_is_stopped_and_one_that_is_used_goes_on() {
    let session = running();
    assert_eq!(session.deadline(), Some(at(1000 + IDLE_MS)));
    let used = changed(&session, Input::Used, 60_000).session;
    assert_eq!(used.deadline(), Some(at(60_000 + IDLE_MS)));
    assert!(matches!(used.handle(Input::Tick, at(1000 + IDLE_MS)), Ok(Decision::Same)));
    let idle = changed(&used, Input::Tick, 60_000 + IDLE_MS).session;
    assert_eq!((state(&idle), reason(&idle)), (RunState::Saving, ReasonCode::Idle));
}

#[test]
fn a_credential_is_written_back_while_the_cli_may_run_and_ends_nothing() {
    let written = changed(&running(), Input::CredentialSealed(credential()), 2000).session;
    assert_eq!(state(&written), RunState::Running);
    let other = CredentialId::from_random([9; 16]);
    assert_eq!(written.handle(Input::CredentialSealed(other), at(2000)).unwrap_err(), Refusal::NotNow);
    let early = queued_or_not(Some(machine()));
    assert_eq!(early.handle(Input::CredentialSealed(credential()), at(1)).unwrap_err(), Refusal::NotNow);
    let mut many = running();
    many.run.as_mut().unwrap().write_backs = limits::MAX_WRITE_BACKS;
    assert_eq!(many.handle(Input::CredentialSealed(credential()), at(1)).unwrap_err(), Refusal::TooManyWriteBacks);
}

#[test]
fn a_run_has_no_desktop_and_a_sign_in_is_not_taken_over() {
    let refused = running().handle(Input::CredentialRefused { detail: String::new() }, at(1)).unwrap_err();
    assert_eq!(refused, Refusal::NotNow);
    assert!(!running().has_desktop());
    let sign_in = Session::new(
        SessionId::from_random([1; 16]),
        UserId::from_random([2; 16]),
        ("codex".parse().unwrap(), anteroom_protocol::provider::MethodKind::Device),
        Deadlines::for_sign_in(60),
        at(0),
    );
    for input in [Input::TakeOver, Input::Used] {
        assert_eq!(sign_in.handle(input, at(1)).unwrap_err(), Refusal::NotNow);
    }
    assert_eq!(sign_in.run_view(), None);
}

#[test]
fn a_stored_run_reads_back_and_an_older_session_is_none() {
    let session = running();
    let text = serde_json::to_string(&session).unwrap();
    assert_eq!(serde_json::from_str::<Session>(&text).unwrap(), session);
    let older = text.replace("\"run\":", "\"unknown\":");
    assert_eq!(serde_json::from_str::<Session>(&older).unwrap().run, None);
}
