//! Datagrams between a client and its machine.

use super::*;

#[test]
fn datagrams_pass_between_client_and_machine_only_after_permission() {
    let mut lab = one(&session(1));
    let (mut dialogue, id) = lab.allocated(viewer(), &session(1));
    let sent = indication(machine(5000), b"hello");
    assert_eq!(lab.send(viewer(), &sent), []);
    assert_eq!(lab.arrives(id, "10.87.0.2:5000", b"hello"), []);
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 0);
    let bytes = b"hello".to_vec();
    assert_eq!(lab.send(viewer(), &sent), [Output::ToPeer { allocation: id, peer: machine(5000), bytes }]);
    let outputs = lab.arrives(id, "10.87.0.2:5000", b"answer");
    let [Output::ToClient { path, bytes, kind: Kind::Data }] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(*path, viewer());
    let expected = Arrived::Indication { peer: machine(5000), data: b"answer".to_vec() };
    assert_eq!(arrived(bytes), Some(expected));
}

#[test]
fn datagrams_of_and_to_others_are_dropped() {
    let mut lab = one(&session(1));
    let (mut dialogue, id) = lab.permitted(viewer(), &session(1));
    assert_eq!(lab.bind(viewer(), &mut dialogue, 0x4000, machine(5000)), 0);
    for other in ["10.87.0.3:5000", "127.0.0.1:5000", "10.87.0.1:5000", "[::ffff:10.87.0.2]:5000", "10.87.0.2:0"] {
        assert_eq!(lab.send(viewer(), &indication(address(other), b"x")), [], "{other}");
    }
    for other in ["10.87.0.3:5000", "127.0.0.1:5000", "[::ffff:10.87.0.2]:5000"] {
        assert_eq!(lab.arrives(id, other, b"x"), [], "{other}");
    }
    // Another client, though it knows the channel.
    for path in [udp("198.51.100.7:40001"), stream(0, "198.51.100.7:40000")] {
        assert_eq!(lab.send(path, &channel_data(0x4000, b"x", false)), []);
    }
    assert_eq!(lab.send(viewer(), &channel_data(0x4001, b"x", false)), []);
}

#[test]
fn a_channel_carries_datagrams_both_ways_and_is_padded_on_a_stream() {
    for (path, padding) in [(viewer(), 0), (stream(3, "198.51.100.7:1"), 3)] {
        let mut lab = one(&session(1));
        let (mut dialogue, id) = lab.allocated(path, &session(1));
        assert_eq!(lab.bind(path, &mut dialogue, 0x4abc, machine(5000)), 0);
        let bytes = b"hello".to_vec();
        let outputs = lab.send(path, &channel_data(0x4abc, b"hello", false));
        assert_eq!(outputs, [Output::ToPeer { allocation: id, peer: machine(5000), bytes }]);
        let mut bytes = channel_data(0x4abc, b"hello", false);
        bytes.resize(bytes.len() + padding, 0);
        let expected = Output::ToClient { path, bytes, kind: Kind::Data };
        assert_eq!(lab.arrives(id, "10.87.0.2:5000", b"hello"), [expected]);
        let outputs = lab.arrives(id, "10.87.0.2:5001", b"hello");
        let [Output::ToClient { bytes, .. }] = &outputs[..] else { panic!("{outputs:?}") };
        assert!(matches!(arrived(bytes), Some(Arrived::Indication { .. })), "another port has no channel");
    }
}

#[test]
fn a_channel_is_one_number_for_one_address() {
    let mut lab = one(&session(1));
    let (mut dialogue, _) = lab.allocated(viewer(), &session(1));
    for (number, peer, code) in [
        (0x3fff, machine(1), 400),
        (0x8000, machine(1), 400),
        (0x4000, machine(0), 400),
        (0x4000, machine(1), 0),
        (0x4000, machine(1), 0),
        (0x4000, machine(2), 400),
        (0x4001, machine(1), 400),
        (0x7fff, machine(2), 0),
    ] {
        assert_eq!(lab.bind(viewer(), &mut dialogue, number, peer), code, "{number:x} {peer}");
    }
}

#[test]
fn channels_are_bounded() {
    let mut lab = one(&session(1));
    let (mut dialogue, _) = lab.allocated(viewer(), &session(1));
    for n in 0..64 {
        assert_eq!(lab.bind(viewer(), &mut dialogue, 0x4000 + n, machine(1000 + n)), 0);
    }
    assert_eq!(lab.bind(viewer(), &mut dialogue, 0x5000, machine(1)), 508);
    assert_eq!(lab.bind(viewer(), &mut dialogue, 0x4000, machine(1000)), 0);
}

#[test]
fn permissions_end_after_five_minutes_and_allocations_after_ten() {
    let mut lab = one(&session(1));
    let (mut dialogue, id) = lab.permitted(viewer(), &session(1));
    let sent = indication(machine(5000), b"x");
    lab.pass(299);
    assert_eq!(lab.send(viewer(), &sent).len(), 1);
    lab.pass(1);
    assert_eq!(lab.send(viewer(), &sent), []);
    assert_eq!(lab.arrives(id, "10.87.0.2:5000", b"x"), []);
    assert_eq!(lab.permit(viewer(), &mut dialogue, &[MACHINE]), 0);
    assert_eq!(lab.send(viewer(), &sent).len(), 1);
    lab.pass(299);
    assert_eq!(lab.allocations(), 1);
    assert_eq!(lab.pass(1), [Output::Close(id)]);
}

#[test]
fn what_is_above_the_rate_is_dropped_each_way_and_what_is_below_is_not() {
    let slow = Limits { bits_per_second: 800_000, ..limits() };
    for (every_ms, expected) in [(20, 1000..=1000), (5, 550..=570)] {
        let mut lab = Lab::with(slow, &[(session(1), MACHINE)]);
        let (_, id) = lab.permitted(viewer(), &session(1));
        let (mut up, mut down) = (0, 0);
        for _ in 0..1000 {
            lab.elapsed += Duration::from_millis(every_ms);
            up += lab.send(viewer(), &indication(machine(5), &[1; 1000])).len();
            down += lab.arrives(id, "10.87.0.2:5", &[1; 1000]).len();
        }
        // Each second 100 kB pass, and 64 kB at the beginning: 5 s of 200 kB/s carry 564 of 1000.
        assert!(expected.contains(&up) && expected.contains(&down), "every {every_ms} ms: {up} up, {down} down");
        let stats = lab.engine.stats();
        assert_eq!(stats.dropped_rate as usize, 2000 - up - down);
        assert_eq!((stats.bytes_to_peers as usize, stats.bytes_to_clients as usize), (up * 1000, down * 1000));
    }
}
