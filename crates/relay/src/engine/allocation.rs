//! One client's relayed address, with all that belongs to it.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anteroom_protocol::UnixMillis;
use turn_types::{
    attribute::{Lifetime, XorRelayedAddress},
    message::ALLOCATE,
    stun::{
        attribute::{ErrorCode, XorMappedAddress},
        message::{IntegrityKey, MessageClass, TransactionId},
    },
};

use super::{
    ASK_EVERY, Kind, Now, Output, Path,
    message::{error_code, write},
};
use crate::{Handle, bucket::Bucket};

/// RFC 8656, section 3.2: the default, and our maximum for each refresh.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// RFC 8656, section 9.
pub(super) const PERMISSION_LIFETIME: Duration = Duration::from_secs(300);
/// RFC 8656, section 12.
pub(super) const CHANNEL_LIFETIME: Duration = Duration::from_secs(600);
/// A machine has one address and a few ports at a time; a viewer that needs more errs.
pub(super) const MAX_CHANNELS: usize = 64;

/// A client's relayed address.
pub(super) struct Allocation {
    pub(super) path: Path,
    /// Each later request must bring the same.
    pub(super) username: String,
    pub(super) handle: Handle,
    pub(super) key: IntegrityKey,
    /// Of the request that made it: the same again is a repetition, and gets the same answer.
    pub(super) transaction: TransactionId,
    pub(super) relayed: Relayed,
    pub(super) expires_at: Duration,
    /// Past this it must have a peer.
    pub(super) credential_expires_at: UnixMillis,
    /// The machine.
    pub(super) peer: Option<Peer>,
    pub(super) asked_at: Duration,
    pub(super) channels: BTreeMap<u16, Channel>,
    pub(super) to_peer: Bucket,
    pub(super) to_client: Bucket,
}

/// Its socket.
#[derive(Clone, Copy, Debug)]
pub(super) enum Relayed {
    /// The caller is opening it.
    Opening,
    /// It has this address.
    Open(SocketAddr),
}

/// The one address that it may reach.
pub(super) struct Peer {
    pub(super) address: IpAddr,
    /// When the client's permission ends, unless it is renewed.
    pub(super) until: Duration,
}

/// A short name for a peer's address and port.
pub(super) struct Channel {
    pub(super) peer: SocketAddr,
    pub(super) until: Duration,
}

impl Allocation {
    pub(super) fn has_expired(&self, now: Now) -> bool {
        now.elapsed >= self.expires_at || (self.peer.is_none() && now.unix >= self.credential_expires_at)
    }

    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.asked_at + ASK_EVERY
    }

    /// Whether datagrams pass between the client and this address now.
    pub(super) fn passes(&self, address: IpAddr, now: Duration) -> bool {
        let open = matches!(self.relayed, Relayed::Open(_)) && now < self.expires_at;
        open && self.peer.as_ref().is_some_and(|peer| peer.address == address && now < peer.until)
    }

    pub(super) fn channel_of(&self, peer: SocketAddr, now: Duration) -> Option<u16> {
        let found = self.channels.iter().find(|(_, channel)| channel.peer == peer && now < channel.until);
        found.map(|(number, _)| *number)
    }

    pub(super) fn channel(&self, number: u16, now: Duration) -> Option<SocketAddr> {
        self.channels.get(&number).filter(|channel| now < channel.until).map(|channel| channel.peer)
    }

    pub(super) fn allow(&mut self, address: IpAddr, now: Duration) {
        self.peer = Some(Peer { address, until: now + PERMISSION_LIFETIME });
        self.asked_at = now;
    }

    /// The answer to the request that made it, also when it is repeated.
    pub(super) fn created(&self) -> Output {
        let Relayed::Open(relayed) = self.relayed else { return self.not_created() };
        let relayed = XorRelayedAddress::new(relayed, self.transaction);
        let mapped = XorMappedAddress::new(self.path.client, self.transaction);
        let lifetime = Lifetime::new(seconds(LIFETIME));
        self.answer(write(
            MessageClass::Success,
            ALLOCATE,
            self.transaction,
            &[&relayed, &mapped, &lifetime],
            Some(&self.key),
        ))
    }

    pub(super) fn not_created(&self) -> Output {
        let error = error_code(ErrorCode::INSUFFICIENT_CAPACITY);
        self.answer(write(MessageClass::Error, ALLOCATE, self.transaction, &[&error], Some(&self.key)))
    }

    fn answer(&self, bytes: Vec<u8>) -> Output {
        Output::ToClient { path: self.path, bytes, kind: Kind::Answer }
    }
}

/// A lifetime as it stands in messages.
pub(super) fn seconds(lifetime: Duration) -> u32 {
    u32::try_from(lifetime.as_secs()).expect("our lifetimes are minutes")
}
