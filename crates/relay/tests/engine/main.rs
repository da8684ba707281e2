//! What the engine decides, without sockets and with time as the test wants it.

mod admission;
mod anything;
mod datagrams;
mod peers;
#[path = "../support/mod.rs"]
mod support;

use std::{net::IpAddr, sync::Arc, time::Duration};

use anteroom_protocol::UnixMillis;
use anteroom_relay::{
    Handle, Limits, credentials,
    engine::{AllocationId, Engine, Kind, Now, Output, Path, Settings, Via},
};
use support::{
    Arrived, Dialogue, Reply, address, arrived, channel_data, indication, ip, secret, session, ticket, world::World,
};
use turn_types::{
    AddressFamily,
    attribute::{DontFragment, EvenPort, RequestedAddressFamily, RequestedTransport},
    message::{ALLOCATE, CONNECT},
    stun::prelude::AttributeWrite,
};

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const MACHINE: &str = "10.87.0.2";
const RELAYED: &str = "10.87.0.1:50000";

/// An engine, its time, and who may reach what.
struct Lab {
    engine: Engine,
    world: Arc<World>,
    elapsed: Duration,
    opened: Vec<AllocationId>,
}

fn limits() -> Limits {
    Limits { allocations: 4, allocations_per_handle: 2, allocations_per_client: 3, ..Limits::default() }
}

fn udp(client: &str) -> Path {
    Path { via: Via::Udp(0), local: ip("192.0.2.1"), client: address(client) }
}

fn stream(number: u64, client: &str) -> Path {
    Path { via: Via::Stream(number), ..udp(client) }
}

fn viewer() -> Path {
    udp("198.51.100.7:40000")
}

fn machine(port: u16) -> std::net::SocketAddr {
    (ip(MACHINE), port).into()
}

impl Lab {
    fn new(machines: &[(Handle, &str)]) -> Self {
        Self::with(limits(), machines)
    }

    fn with(limits: Limits, machines: &[(Handle, &str)]) -> Self {
        let machines: Vec<_> = machines.iter().map(|(handle, at)| (handle.clone(), ip(at))).collect();
        let world = World::new(&machines);
        let settings =
            Settings { realm: "test".to_owned(), secret: secret(), nonce_key: [7; 32], limits, relays_v6: false };
        let engine = Engine::new(settings, world.clone());
        Self { engine, world, elapsed: Duration::from_secs(5), opened: Vec::new() }
    }

    fn now(&self) -> Now {
        let unix = START.plus_ms(i64::try_from(self.elapsed.as_millis()).expect("not so long"));
        Now { elapsed: self.elapsed, unix }
    }

    fn pass(&mut self, seconds: u64) -> Vec<Output> {
        self.elapsed += Duration::from_secs(seconds);
        self.engine.tick(self.now())
    }

    fn send(&mut self, path: Path, bytes: &[u8]) -> Vec<Output> {
        self.engine.from_client(path, bytes, self.now())
    }

    fn arrives(&mut self, id: AllocationId, peer: &str, data: &[u8]) -> Vec<Output> {
        self.engine.from_peer(id, address(peer), data, self.now())
    }

    /// Sends a request, opens the socket that it wants, and reads the one answer.
    fn ask(&mut self, path: Path, dialogue: &mut Dialogue, request: &[u8]) -> Reply {
        let mut outputs = self.send(path, request);
        if let [Output::Open { allocation: id, .. }] = outputs[..] {
            self.opened.push(id);
            outputs = self.engine.opened(id, Some(address(RELAYED)));
        }
        let answers: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::ToClient { .. })).collect();
        let [Output::ToClient { path: to, bytes, kind: Kind::Answer }] = answers[..] else {
            panic!("one answer, not {outputs:?}")
        };
        assert_eq!(*to, path);
        dialogue.read(bytes)
    }

    /// A client that has been asked for its credential.
    fn client(&mut self, path: Path, handle: &Handle) -> Dialogue {
        let mut dialogue = Dialogue::new(handle, self.now().unix);
        let first = dialogue.allocate();
        assert_eq!(self.ask(path, &mut dialogue, &first).code, 401);
        dialogue
    }

    fn allocate(&mut self, path: Path, dialogue: &mut Dialogue) -> Reply {
        let request = dialogue.allocate();
        self.ask(path, dialogue, &request)
    }

    /// A client with an allocation.
    fn allocated(&mut self, path: Path, handle: &Handle) -> (Dialogue, AllocationId) {
        let mut dialogue = self.client(path, handle);
        assert_eq!(self.allocate(path, &mut dialogue).code, 0);
        (dialogue, *self.opened.last().expect("one was opened"))
    }

    /// A client that may talk to its machine.
    fn permitted(&mut self, path: Path, handle: &Handle) -> (Dialogue, AllocationId) {
        let (mut dialogue, id) = self.allocated(path, handle);
        assert_eq!(self.permit(path, &mut dialogue, &[MACHINE]), 0);
        (dialogue, id)
    }

    fn permit(&mut self, path: Path, dialogue: &mut Dialogue, peers: &[&str]) -> u16 {
        let peers: Vec<_> = peers.iter().map(|peer| (ip(peer), 9).into()).collect();
        let request = dialogue.permit(&peers);
        self.ask(path, dialogue, &request).code
    }

    fn bind(&mut self, path: Path, dialogue: &mut Dialogue, number: u16, peer: std::net::SocketAddr) -> u16 {
        let request = dialogue.bind(number, peer);
        self.ask(path, dialogue, &request).code
    }

    fn allocations(&self) -> u64 {
        self.engine.stats().allocations
    }
}

fn one(handle: &Handle) -> Lab {
    Lab::new(&[(handle.clone(), MACHINE)])
}
