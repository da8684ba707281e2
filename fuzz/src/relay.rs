//! What reaches the relay: streams, and messages of clients that have no credential, a good one, or another session's.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anteroom_protocol::{Secret, SessionId, UnixMillis};
use anteroom_relay::{
    Frames, Handle, Limits, NotTurn, Permits, credentials,
    engine::{AllocationId, Engine, Now, Output, Path, Settings, Via},
};
use arbitrary::Arbitrary;
use turn_types::{
    attribute::{ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress},
    channel::ChannelData,
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH, SEND},
    stun::{
        attribute::{Nonce, Realm, Username},
        message::{
            BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageType, MessageWriteVec,
            TransactionId,
        },
        prelude::{AttributeWrite, MessageWrite as _, MessageWriteExt as _},
    },
};

const START: UnixMillis = UnixMillis(1_800_000_000_000);
const MACHINE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 87, 0, 2));
const RELAYED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 87, 0, 1)), 50_000);
const MAX_STEPS: usize = 64;

/// A stream however it is cut has the same messages, and the engine takes each of them.
pub fn stream(data: &[u8]) {
    let Some((&step, stream)) = data.split_first() else { return };
    let (whole, end) = frames(stream, stream.len().max(1));
    let (cut, cut_end) = frames(stream, usize::from(step).max(1));
    assert_eq!(cut, whole);
    assert_eq!(cut_end, end);
    let mut lab = Lab::new();
    for frame in whole {
        lab.arrives(0, &frame);
    }
}

fn frames(stream: &[u8], step: usize) -> (Vec<Vec<u8>>, Result<(), NotTurn>) {
    let (mut frames, mut found) = (Frames::default(), Vec::new());
    for read in stream.chunks(step) {
        frames.push(read);
        loop {
            match frames.next_frame() {
                Ok(Some(frame)) => found.push(frame.to_vec()),
                Ok(None) => break,
                Err(no) => return (found, Err(no)),
            }
        }
    }
    (found, Ok(()))
}

/// What happens to an engine.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// A client sends anything.
    Raw { client: u8, bytes: Vec<u8> },
    /// A client sends a request that is signed, with bytes of it overwritten before and after.
    Signed { client: u8, what: What, peer: Peer, flip: Option<(u16, u8)> },
    /// A datagram arrives at an allocation's socket.
    FromPeer { allocation: u8, peer: Peer, bytes: Vec<u8> },
    /// Time goes by.
    Pass { seconds: u16 },
    /// The session's machine changes, or there is none any more.
    Machine { there: bool },
    /// A connection or a socket is lost.
    Lost { client: u8 },
    /// A username that claims to be one of ours.
    Username { text: String },
}

/// A request or an indication.
#[derive(Arbitrary, Debug)]
pub enum What {
    Allocate { transport: u8 },
    Refresh { seconds: u32 },
    Permit,
    Bind { number: u16 },
    Binding,
    Send { data: Vec<u8> },
    Channel { number: u16, data: Vec<u8> },
}

/// An address that a client names.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Peer {
    Machine { port: u16 },
    Other { address: IpAddr, port: u16 },
}

impl Peer {
    fn address(self) -> SocketAddr {
        match self {
            Self::Machine { port } => SocketAddr::new(MACHINE, port),
            Self::Other { address, port } => SocketAddr::new(address, port),
        }
    }
}

/// Nothing panics, and nothing is sent to another address than the session's machine.
pub fn engine(steps: Vec<Step>) {
    let mut lab = Lab::new();
    for step in steps.into_iter().take(MAX_STEPS) {
        lab.step(step);
    }
}

#[derive(Default)]
struct World(Mutex<Option<IpAddr>>);

impl Permits for World {
    fn peer(&self, handle: &Handle) -> Option<IpAddr> {
        let machine = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        machine.filter(|_| *handle == session())
    }
}

fn session() -> Handle {
    Handle::Session(SessionId::from_random([1; 16]))
}

struct Lab {
    engine: Engine,
    world: Arc<World>,
    elapsed: Duration,
    opened: Vec<AllocationId>,
    realm: String,
    nonce: String,
    transactions: u128,
}

impl Lab {
    fn new() -> Self {
        let world = Arc::new(World(Mutex::new(Some(MACHINE))));
        let limits =
            Limits { allocations: 4, allocations_per_handle: 2, allocations_per_client: 3, ..Limits::default() };
        let settings =
            Settings { realm: "fuzz".to_owned(), secret: secret(), nonce_key: [7; 32], limits, relays_v6: false };
        let mut lab = Self {
            engine: Engine::new(settings, world.clone()),
            world,
            elapsed: Duration::from_secs(5),
            opened: Vec::new(),
            realm: String::new(),
            nonce: String::new(),
            transactions: 0,
        };
        // The first answer challenges, and tells realm and nonce.
        let first = lab.write(0, &What::Allocate { transport: 17 }, Peer::Machine { port: 9 });
        lab.arrives(0, &first);
        lab
    }

    fn now(&self) -> Now {
        let ms = i64::try_from(self.elapsed.as_millis()).expect("64 steps of 18 hours");
        Now { elapsed: self.elapsed, unix: START.plus_ms(ms) }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Raw { client, bytes } => self.arrives(client, &bytes),
            Step::Signed { client, what, peer, flip } => {
                let mut bytes = self.write(client, &what, peer);
                if let Some((place, bits)) = flip {
                    let place = usize::from(place) % bytes.len();
                    bytes[place] ^= bits;
                }
                self.arrives(client, &bytes);
            }
            Step::FromPeer { allocation, peer, bytes } => {
                let Some(id) = self.opened.get(usize::from(allocation) % self.opened.len().max(1)).copied() else {
                    return;
                };
                let outputs = self.engine.from_peer(id, peer.address(), &bytes, self.now());
                self.carry_out(outputs);
            }
            Step::Pass { seconds } => {
                self.elapsed += Duration::from_secs(seconds.into());
                let outputs = self.engine.tick(self.now());
                self.carry_out(outputs);
            }
            Step::Machine { there } => {
                *self.world.0.lock().unwrap_or_else(PoisonError::into_inner) = there.then_some(MACHINE);
            }
            Step::Lost { client } => {
                let outputs = self.engine.lost(&path(client));
                self.carry_out(outputs);
            }
            Step::Username { text } => {
                let _ = credentials::read(&text);
            }
        }
    }

    fn arrives(&mut self, client: u8, bytes: &[u8]) {
        let outputs = self.engine.from_client(path(client), bytes, self.now());
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Open { allocation, .. } => {
                    self.opened.push(allocation);
                    let outputs = self.engine.opened(allocation, Some(RELAYED));
                    self.carry_out(outputs);
                }
                Output::ToPeer { peer, .. } => assert_eq!(peer.ip(), MACHINE, "a peer that no credential opens"),
                Output::ToClient { bytes, .. } => self.learn(&bytes),
                Output::Close(_) | Output::HangUp(_) => {}
            }
        }
        assert!(self.engine.stats().allocations <= 4, "more allocations than the quota");
    }

    /// A challenge tells what the next request needs.
    fn learn(&mut self, bytes: &[u8]) {
        let Ok(message) = Message::from_bytes(bytes) else { return };
        if let (Ok(realm), Ok(nonce)) = (message.attribute::<Realm>(), message.attribute::<Nonce>()) {
            (self.realm, self.nonce) = (realm.realm().to_owned(), nonce.nonce().to_owned());
        }
    }

    fn write(&mut self, client: u8, what: &What, peer: Peer) -> Vec<u8> {
        self.transactions += 1;
        let transaction = TransactionId::from(self.transactions);
        let (class, method) = match what {
            What::Channel { number, data } => return channel(*number, data),
            What::Send { .. } => (MessageClass::Indication, SEND),
            What::Allocate { .. } => (MessageClass::Request, ALLOCATE),
            What::Refresh { .. } => (MessageClass::Request, REFRESH),
            What::Permit => (MessageClass::Request, CREATE_PERMISSION),
            What::Bind { .. } => (MessageClass::Request, CHANNEL_BIND),
            What::Binding => (MessageClass::Request, BINDING),
        };
        let peer = XorPeerAddress::new(peer.address(), transaction);
        let mut message =
            Message::builder(MessageType::from_class_method(class, method), transaction, MessageWriteVec::new());
        let mut add = |attribute: &dyn AttributeWrite| message.add_attribute(attribute).expect("it fits");
        match what {
            What::Allocate { transport } => add(&RequestedTransport::new(*transport)),
            What::Refresh { seconds } => add(&Lifetime::new(*seconds)),
            What::Permit => add(&peer),
            What::Bind { number } => {
                add(&ChannelNumber::new(*number));
                add(&peer);
            }
            What::Send { data } => {
                add(&peer);
                add(&Data::new(&data[..data.len().min(4096)]));
            }
            What::Binding | What::Channel { .. } => {}
        }
        if class == MessageClass::Request && !self.realm.is_empty() {
            let minted = credentials::mint(&secret(), &handle(client), self.now().unix, 600);
            add(&Username::new(&minted.username).expect("short"));
            add(&Realm::new(&self.realm).expect("short"));
            add(&Nonce::new(&self.nonce).expect("short"));
            let key = LongTermKeyCredentials::new(
                minted.username.clone(),
                minted.password.expose().clone(),
                self.realm.clone(),
            );
            message.add_message_integrity(&key.into(), IntegrityAlgorithm::Sha1).expect("once");
        }
        message.finish()
    }
}

fn channel(number: u16, data: &[u8]) -> Vec<u8> {
    let data = &data[..data.len().min(4096)];
    let mut bytes = vec![0; 4 + data.len()];
    ChannelData::new(number, data).write_into_unchecked(&mut bytes);
    bytes
}

/// Every fourth client has another session's credential.
fn handle(client: u8) -> Handle {
    if client % 4 == 3 { Handle::Session(SessionId::from_random([9; 16])) } else { session() }
}

/// Half of the clients come by a stream.
fn path(client: u8) -> Path {
    let client = client % 8;
    let via = if client % 2 == 0 { Via::Udp(0) } else { Via::Stream(client.into()) };
    let local = IpAddr::from([192, 0, 2, 1]);
    Path { via, local, client: SocketAddr::from(([198, 51, 100, client], 40_000)) }
}

fn secret() -> Secret<String> {
    Secret::new("a-secret-for-fuzzing-only".to_owned())
}
