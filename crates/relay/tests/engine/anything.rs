//! Whatever clients and peers send, also broken messages of a client with a good credential: nothing panics, and
//! nothing is sent to another address than the session's machine.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Send(usize, usize, Vec<u8>),
    Raw(usize, Vec<u8>),
    Peer(IpAddr, u16, Vec<u8>),
    Pass(u64),
    Machine(Option<IpAddr>),
}

fn peer() -> impl Strategy<Value = IpAddr> {
    prop_oneof![Just(ip(MACHINE)), Just(ip("10.87.0.3")), Just(ip("127.0.0.1")), Just(ip("::1"))]
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        8 => (0..3_usize, 0..8_usize, proptest::collection::vec(any::<u8>(), 0..4)).prop_map(|(a, b, c)| Step::Send(a, b, c)),
        2 => (0..3_usize, bytes()).prop_map(|(path, bytes)| Step::Raw(path, bytes)),
        2 => (peer(), any::<u16>(), bytes()).prop_map(|(peer, port, bytes)| Step::Peer(peer, port, bytes)),
        1 => (0..400_u64).prop_map(Step::Pass),
        1 => proptest::option::of(peer()).prop_map(Step::Machine),
    ]
}

fn request(dialogue: &mut Dialogue, kind: usize, at: std::net::SocketAddr) -> Vec<u8> {
    match kind {
        0 => dialogue.allocate(),
        1 => dialogue.refresh(600),
        2 => dialogue.permit(&[at]),
        3 => dialogue.bind(0x4000, at),
        4 => indication(at, b"data"),
        5 => channel_data(0x4000, b"data", false),
        6 => dialogue.binding(),
        _ => dialogue.refresh(0),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_panics_and_only_machines_are_reached(steps in proptest::collection::vec(step(), 1..60)) {
        let mut lab = one(&session(1));
        let paths = [viewer(), udp("198.51.100.9:1"), stream(1, "198.51.100.7:2")];
        let mut dialogues: Vec<_> = paths.iter().map(|path| lab.client(*path, &session(1))).collect();
        // What the world ever said.
        let mut machines = vec![ip(MACHINE)];
        for step in steps {
            let outputs = match step {
                Step::Send(client, kind, flips) => {
                    let peer = (machines[kind % machines.len()], 5000).into();
                    let mut bytes = request(&mut dialogues[client], kind, peer);
                    for flip in flips {
                        let place = usize::from(flip) % bytes.len();
                        bytes[place] ^= 1 << (flip % 8);
                    }
                    lab.send(paths[client], &bytes)
                }
                Step::Raw(client, bytes) => lab.send(paths[client], &bytes),
                Step::Peer(peer, port, bytes) => {
                    let opened = lab.opened.clone();
                    opened.iter().flat_map(|id| lab.engine.from_peer(*id, (peer, port).into(), &bytes, lab.now())).collect()
                }
                Step::Pass(seconds) => lab.pass(seconds),
                Step::Machine(machine) => {
                    match machine {
                        Some(machine) => {
                            machines.push(machine);
                            lab.world.set(&session(1), machine);
                        }
                        None => lab.world.end(&session(1)),
                    }
                    Vec::new()
                }
            };
            for output in outputs {
                match output {
                    Output::Open { allocation: id, .. } => {
                        lab.opened.push(id);
                        lab.engine.opened(id, Some(address(RELAYED)));
                    }
                    Output::ToPeer { peer, .. } => prop_assert!(machines.contains(&peer.ip())),
                    Output::ToClient { .. } | Output::Close(_) | Output::HangUp(_) => {}
                }
            }
        }
    }
}
