//! What an allocation reaches, and when it ends.

use super::*;

#[test]
fn an_allocation_belongs_to_the_username_that_made_it() {
    let mut lab = Lab::new(&[(session(1), MACHINE), (session(2), "10.87.0.3")]);
    let (mut dialogue, _) = lab.allocated(viewer(), &session(1));
    dialogue.become_another(&Dialogue::new(&session(2), lab.now().unix));
    for request in [dialogue.refresh(600), dialogue.refresh(0), dialogue.permit(&[machine(1)]), dialogue.allocate()] {
        assert_eq!(lab.ask(viewer(), &mut dialogue, &request).code, 441);
    }
    assert_eq!(lab.allocations(), 1);
}

#[test]
fn a_living_allocation_outlives_its_credential_s_expiry() {
    let mut lab = one(&session(1));
    let (mut dialogue, _) = lab.permitted(viewer(), &session(1));
    for _ in 0..4 {
        lab.pass(250);
        let request = dialogue.refresh(600);
        assert_eq!(lab.ask(viewer(), &mut dialogue, &request).lifetime_s, Some(600));
    }
}

#[test]
fn every_address_but_the_machine_s_is_forbidden() {
    let mut lab = one(&session(1));
    let (mut dialogue, _) = lab.allocated(viewer(), &session(1));
    let others = [
        "127.0.0.1",
        "10.87.0.1",
        "10.87.0.3",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "198.51.100.7",
        "8.8.8.8",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:10.87.0.2",
        "::ffff:127.0.0.1",
        "64:ff9b::a57:2",
    ];
    for other in others {
        assert_eq!(lab.permit(viewer(), &mut dialogue, &[other]), 403, "{other}");
        assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE, other]), 403, "{other} beside the machine");
        assert_eq!(lab.bind(viewer(), &mut dialogue, 0x4000, (ip(other), 80).into()), 403, "{other}");
    }
    assert_eq!(lab.engine.stats().refused_peers, others.len() as u64 * 3);
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 0);
}

#[test]
fn a_ticket_reaches_nothing_until_it_is_bound() {
    let mut lab = Lab::new(&[]);
    let (mut dialogue, _) = lab.allocated(viewer(), &ticket(1));
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 403);
    lab.pass(10);
    lab.world.set(&ticket(1), ip(MACHINE));
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 0);
}

#[test]
fn an_allocation_without_a_peer_ends_with_its_credential() {
    let mut lab = Lab::new(&[]);
    let (mut dialogue, id) = lab.allocated(viewer(), &ticket(1));
    assert_eq!(lab.pass(500), []);
    let request = dialogue.refresh(600);
    assert_eq!(lab.ask(viewer(), &mut dialogue, &request).code, 0);
    assert_eq!(lab.pass(101), [Output::Close(id)]);
}

#[test]
fn the_session_s_end_closes_its_allocations_within_seconds() {
    let mut lab = Lab::new(&[(session(1), MACHINE), (session(2), "10.87.0.3")]);
    let tcp = stream(9, "198.51.100.7:40001");
    let (_, over_udp) = lab.permitted(viewer(), &session(1));
    let (_, over_tcp) = lab.permitted(tcp, &session(1));
    let (mut other, _) = lab.allocated(udp("198.51.100.8:1"), &session(2));
    assert_eq!(lab.permit(udp("198.51.100.8:1"), &mut other, &["10.87.0.3"]), 0);
    assert_eq!(lab.pass(2), []);
    lab.world.end(&session(1));
    let mut outputs = lab.pass(1);
    outputs.extend(lab.pass(1));
    for output in [Output::Close(over_udp), Output::Close(over_tcp), Output::HangUp(tcp)] {
        assert!(outputs.contains(&output), "{output:?} in {outputs:?}");
    }
    assert_eq!((outputs.len(), lab.allocations(), lab.engine.stats().ended_sessions), (3, 1, 2));
}

#[test]
fn an_allocation_never_gets_a_second_machine() {
    let mut lab = one(&session(1));
    let (mut dialogue, id) = lab.permitted(viewer(), &session(1));
    lab.world.set(&session(1), ip("10.87.0.3"));
    assert_eq!(lab.permit(viewer(), &mut dialogue, &["10.87.0.3"]), 403);
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 403);
    assert_eq!(lab.pass(2), [Output::Close(id)]);
}

#[test]
fn without_an_allocation_there_is_nothing_to_refresh_or_permit() {
    let mut lab = one(&session(1));
    let mut dialogue = lab.client(viewer(), &session(1));
    for request in [dialogue.refresh(600), dialogue.permit(&[machine(1)]), dialogue.bind(0x4000, machine(1))] {
        assert_eq!(lab.ask(viewer(), &mut dialogue, &request).code, 437);
    }
}

#[test]
fn a_refresh_with_zero_ends_the_allocation() {
    let mut lab = one(&session(1));
    let (mut dialogue, id) = lab.permitted(viewer(), &session(1));
    let request = dialogue.refresh(0);
    let outputs = lab.send(viewer(), &request);
    let [Output::ToClient { bytes, .. }, Output::Close(closed)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((dialogue.read(bytes).lifetime_s, *closed), (Some(0), id));
    assert_eq!(lab.allocations(), 0);
    assert_eq!(lab.allocate(viewer(), &mut dialogue).code, 0);
}

#[test]
fn a_lost_connection_ends_its_allocation() {
    let mut lab = one(&session(1));
    let path = stream(3, "198.51.100.7:1");
    let (_, id) = lab.allocated(path, &session(1));
    assert_eq!(lab.engine.lost(&stream(4, "198.51.100.7:1")), []);
    assert_eq!(lab.engine.lost(&path), [Output::Close(id)]);
    assert_eq!(lab.allocations(), 0);
}
