//! A TURN client's messages, made and read, without a socket: for the engine's tests and for those over sockets.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod client;
pub mod lab;
pub mod world;

use std::net::{IpAddr, SocketAddr};

use anteroom_protocol::{Secret, SessionId, TicketId, UnixMillis};
use anteroom_relay::{Handle, credentials};
use turn_types::{
    attribute::{ChannelNumber, Data, Lifetime, RequestedTransport, XorPeerAddress, XorRelayedAddress},
    channel::ChannelData,
    message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, DATA, REFRESH, SEND},
    stun::{
        attribute::{ErrorCode, Nonce, Realm, UnknownAttributes, Username, XorMappedAddress},
        message::{
            BINDING, IntegrityAlgorithm, LongTermKeyCredentials, Message, MessageClass, MessageIntegrityCredentials,
            MessageType, MessageWriteVec, Method, TransactionId,
        },
        prelude::{AttributeWrite, MessageWrite as _, MessageWriteExt as _},
    },
};

pub fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address with a port")
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn session(n: u8) -> Handle {
    Handle::Session(SessionId::from_random([n; 16]))
}

pub fn ticket(n: u8) -> Handle {
    Handle::Ticket(TicketId::from_random([n; 16]))
}

pub fn secret() -> Secret<String> {
    Secret::new("a-secret-for-tests-only".to_owned())
}

/// One client's side of the conversation: its credential, and what the server has told it.
pub struct Dialogue {
    pub username: String,
    pub password: String,
    pub realm: Option<String>,
    pub nonce: Option<String>,
    next: u128,
}

/// What an answer says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// 0 for a success.
    pub code: u16,
    pub relayed: Option<SocketAddr>,
    pub mapped: Option<SocketAddr>,
    pub lifetime_s: Option<u32>,
    pub challenged: bool,
    /// Whether it is signed, and rightly.
    pub signed: bool,
    pub names_unknown: bool,
}

/// A datagram that came through the relay.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrived {
    Channel { number: u16, data: Vec<u8> },
    Indication { peer: SocketAddr, data: Vec<u8> },
}

impl Dialogue {
    pub fn new(handle: &Handle, now: UnixMillis) -> Self {
        let minted = credentials::mint(&secret(), handle, now, 600);
        Self::with(&minted.username, minted.password.expose())
    }

    pub fn with(username: &str, password: &str) -> Self {
        let (username, password) = (username.to_owned(), password.to_owned());
        // Transactions of two clients differ, as those of random numbers do.
        let next = username.bytes().fold(1, |sum: u128, byte| sum.wrapping_mul(31) + u128::from(byte)) << 16;
        Self { username, password, realm: None, nonce: None, next: next & ((1 << 96) - 1) }
    }

    pub fn become_another(&mut self, other: &Self) {
        self.username.clone_from(&other.username);
        self.password.clone_from(&other.password);
    }

    fn key(&self) -> MessageIntegrityCredentials {
        let realm = self.realm.clone().unwrap_or_default();
        LongTermKeyCredentials::new(self.username.clone(), self.password.clone(), realm).into()
    }

    pub fn request(&mut self, method: Method, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        self.next += 1;
        self.write(method, self.next.into(), attributes)
    }

    /// Without the credential as long as the server has not asked for one.
    fn write(&self, method: Method, transaction: TransactionId, attributes: &[&dyn AttributeWrite]) -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Request, method);
        let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
        for attribute in attributes {
            message.add_attribute(*attribute).expect("it fits");
        }
        if let (Some(realm), Some(nonce)) = (&self.realm, &self.nonce) {
            message.add_attribute(&Username::new(&self.username).expect("short")).expect("it fits");
            message.add_attribute(&Realm::new(realm).expect("short")).expect("it fits");
            message.add_attribute(&Nonce::new(nonce).expect("short")).expect("it fits");
            message.add_message_integrity(&self.key(), IntegrityAlgorithm::Sha1).expect("once");
        }
        message.add_fingerprint().expect("once");
        message.finish()
    }

    pub fn allocate(&mut self) -> Vec<u8> {
        self.request(ALLOCATE, &[&RequestedTransport::new(RequestedTransport::UDP)])
    }

    pub fn binding(&mut self) -> Vec<u8> {
        self.request(BINDING, &[])
    }

    pub fn refresh(&mut self, lifetime_s: u32) -> Vec<u8> {
        self.request(REFRESH, &[&Lifetime::new(lifetime_s)])
    }

    pub fn permit(&mut self, peers: &[SocketAddr]) -> Vec<u8> {
        let transaction = TransactionId::from(self.next + 1);
        let peers: Vec<_> = peers.iter().map(|peer| XorPeerAddress::new(*peer, transaction)).collect();
        let peers: Vec<_> = peers.iter().map(|peer| peer as &dyn AttributeWrite).collect();
        self.request(CREATE_PERMISSION, &peers)
    }

    pub fn bind(&mut self, number: u16, peer: SocketAddr) -> Vec<u8> {
        let peer = XorPeerAddress::new(peer, TransactionId::from(self.next + 1));
        self.request(CHANNEL_BIND, &[&ChannelNumber::new(number), &peer])
    }

    /// Reads an answer, and takes realm and nonce from it.
    pub fn read(&mut self, bytes: &[u8]) -> Reply {
        let message = Message::from_bytes(bytes).expect("an answer is STUN");
        let transaction = message.transaction_id();
        let (realm, nonce) = (message.attribute::<Realm>(), message.attribute::<Nonce>());
        let challenged = realm.is_ok() && nonce.is_ok();
        if let (Ok(realm), Ok(nonce)) = (realm, nonce) {
            self.realm = Some(realm.realm().to_owned());
            self.nonce = Some(nonce.nonce().to_owned());
        }
        Reply {
            code: message.attribute::<ErrorCode>().map_or(0, |error| error.code()),
            relayed: message.attribute::<XorRelayedAddress>().map(|address| address.addr(transaction)).ok(),
            mapped: message.attribute::<XorMappedAddress>().map(|address| address.addr(transaction)).ok(),
            lifetime_s: message.attribute::<Lifetime>().map(|lifetime| lifetime.seconds()).ok(),
            challenged,
            signed: message.validate_integrity(&self.key()).is_ok(),
            names_unknown: message.attribute::<UnknownAttributes>().is_ok(),
        }
    }
}

pub fn indication(peer: SocketAddr, data: &[u8]) -> Vec<u8> {
    let transaction = TransactionId::from(77);
    let kind = MessageType::from_class_method(MessageClass::Indication, SEND);
    let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
    message.add_attribute(&XorPeerAddress::new(peer, transaction)).expect("it fits");
    message.add_attribute(&Data::new(data)).expect("it fits");
    message.finish()
}

pub fn channel_data(number: u16, data: &[u8], padded: bool) -> Vec<u8> {
    let mut bytes = vec![0; 4 + data.len()];
    ChannelData::new(number, data).write_into_unchecked(&mut bytes);
    if padded {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// What a message of the server's brings. None when it is an answer.
pub fn arrived(bytes: &[u8]) -> Option<Arrived> {
    if let Ok(data) = ChannelData::parse(bytes) {
        return Some(Arrived::Channel { number: data.id(), data: data.data().to_vec() });
    }
    let message = Message::from_bytes(bytes).expect("it is STUN");
    if message.class() != MessageClass::Indication {
        return None;
    }
    assert_eq!(message.method(), DATA);
    let peer = message.attribute::<XorPeerAddress>().expect("a peer").addr(message.transaction_id());
    let data = message.attribute::<Data<'_>>().expect("data").data().to_vec();
    Some(Arrived::Indication { peer, data })
}
