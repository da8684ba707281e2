//! The four requests of TURN (RFC 8656, sections 7, 8, 10 and 12).

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use turn_types::{
    attribute::{
        ChannelNumber, EvenPort, Lifetime, RequestedAddressFamily, RequestedTransport, ReservationToken, XorPeerAddress,
    },
    stun::{
        attribute::ErrorCode,
        message::IntegrityKey,
        prelude::{Attribute as _, AttributeFromRaw as _, AttributeStaticType as _},
    },
};

use super::{
    AllocationId, Engine, Output,
    allocation::{Allocation, CHANNEL_LIFETIME, Channel, LIFETIME, MAX_CHANNELS, Relayed, seconds},
    auth::Authentic,
    message::{Refusal, Request, is_v6},
};
use crate::{bucket::Bucket, tally};

/// UDP's number; the only transport to peers (RFC 8656, section 18.9).
const UDP: u8 = 17;
/// RFC 8656 ends them at 0x4fff, RFC 5766 at 0x7fff, and browsers count by the latter.
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;
/// An allocation may catch up on this part of a second of silence: the pictures of a screen come in bursts.
const BURST_PART_OF_A_SECOND: u64 = 2;
/// And on this much at least, bytes: one large picture.
const MIN_BURST_BYTES: u64 = 64 * 1024;

impl Engine {
    pub(super) fn allocate(&mut self, request: &Request<'_>) -> Result<Vec<Output>, Refusal> {
        let authentic = self.authenticate(request)?;
        let key = &authentic.key;
        if let Some(allocation) = self.at(&request.path) {
            return match allocation.relayed {
                _ if allocation.transaction != request.message.transaction_id() => {
                    Err(Refusal::signed(ErrorCode::ALLOCATION_MISMATCH, key))
                }
                Relayed::Open(_) => Ok(vec![allocation.created()]),
                Relayed::Opening => Ok(Vec::new()),
            };
        }
        self.check_wishes(request, key)?;
        self.check_quotas(request, &authentic)?;
        let even = request.message.has_attribute(EvenPort::TYPE);
        Ok(vec![Output::Open { allocation: self.insert(request, authentic), even }])
    }

    /// Whether we can do what the client wants.
    fn check_wishes(&self, request: &Request<'_>, key: &IntegrityKey) -> Result<(), Refusal> {
        let refuse = |code| Err(Refusal::signed(code, key));
        let known = [
            RequestedTransport::TYPE,
            RequestedAddressFamily::TYPE,
            Lifetime::TYPE,
            EvenPort::TYPE,
            ReservationToken::TYPE,
        ];
        request.check_attributes(&known, Some(key))?;
        let message = request.message;
        match message.attribute::<RequestedTransport>().map(|transport| transport.protocol()) {
            Err(_) => return refuse(ErrorCode::BAD_REQUEST),
            Ok(UDP) => {}
            Ok(_) => return refuse(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL),
        }
        // One even port may be wanted, but no second one beside it.
        let pair = message.attribute::<EvenPort>().is_ok_and(|even| even.requested());
        if pair || message.has_attribute(ReservationToken::TYPE) {
            return refuse(ErrorCode::INSUFFICIENT_CAPACITY);
        }
        // Without a wish it is IPv4 by the RFC; ours has one family, and a browser takes what it gets.
        match message.attribute::<RequestedAddressFamily>() {
            Ok(wish) if is_v6(wish.family()) != self.settings.relays_v6 => {
                refuse(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
            }
            Err(_) if message.has_attribute(RequestedAddressFamily::TYPE) => refuse(ErrorCode::BAD_REQUEST),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn check_quotas(&mut self, request: &Request<'_>, authentic: &Authentic) -> Result<(), Refusal> {
        let limits = &self.settings.limits;
        let client = tally::client(request.path.client.ip());
        let code = if self.by_handle.of(&authentic.handle) >= limits.allocations_per_handle
            || self.by_client.of(&client) >= limits.allocations_per_client
        {
            ErrorCode::ALLOCATION_QUOTA_REACHED
        } else if self.allocations.len() >= limits.allocations {
            ErrorCode::INSUFFICIENT_CAPACITY
        } else {
            return Ok(());
        };
        self.stats.refused_quota += 1;
        Err(Refusal::signed(code, &authentic.key))
    }

    fn insert(&mut self, request: &Request<'_>, authentic: Authentic) -> AllocationId {
        let now = request.now.elapsed;
        let rate = self.settings.limits.bits_per_second / 8;
        let bucket = Bucket::new(rate, (rate / BURST_PART_OF_A_SECOND).max(MIN_BURST_BYTES), now);
        let id = AllocationId(self.next_allocation);
        self.next_allocation += 1;
        self.by_path.insert(request.path, id);
        self.by_handle.add(authentic.handle.clone());
        self.by_client.add(tally::client(request.path.client.ip()));
        let allocation = Allocation {
            path: request.path,
            username: authentic.username,
            handle: authentic.handle,
            key: authentic.key,
            transaction: request.message.transaction_id(),
            relayed: Relayed::Opening,
            expires_at: now + LIFETIME,
            credential_expires_at: authentic.expires_at,
            peer: None,
            asked_at: now,
            channels: BTreeMap::new(),
            to_peer: bucket.clone(),
            to_client: bucket,
        };
        self.allocations.insert(id, allocation);
        id
    }

    pub(super) fn refresh(&mut self, request: &Request<'_>) -> Result<Vec<Output>, Refusal> {
        let Authentic { key, .. } = self.authenticate(request)?;
        let id = self.allocation_of(request, &key)?;
        request.check_attributes(&[Lifetime::TYPE, RequestedAddressFamily::TYPE], Some(&key))?;
        let message = request.message;
        let family = message.attribute::<RequestedAddressFamily>();
        if family.is_ok_and(|family| is_v6(family.family()) != self.settings.relays_v6) {
            return Err(Refusal::signed(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH, &key));
        }
        if message.attribute::<Lifetime>().is_ok_and(|lifetime| lifetime.seconds() == 0) {
            let mut outputs = vec![request.answer(&[&Lifetime::new(0)], Some(&key))];
            outputs.extend(self.close(id));
            return Ok(outputs);
        }
        if let Some(allocation) = self.allocations.get_mut(&id) {
            allocation.expires_at = request.now.elapsed + LIFETIME;
        }
        Ok(vec![request.answer(&[&Lifetime::new(seconds(LIFETIME))], Some(&key))])
    }

    pub(super) fn create_permission(&mut self, request: &Request<'_>) -> Result<Vec<Output>, Refusal> {
        let Authentic { key, .. } = self.authenticate(request)?;
        let id = self.allocation_of(request, &key)?;
        request.check_attributes(&[XorPeerAddress::TYPE], Some(&key))?;
        let peers = peers(request).filter(|peers| !peers.is_empty());
        let Some(peers) = peers else { return Err(Refusal::signed(ErrorCode::BAD_REQUEST, &key)) };
        for peer in &peers {
            self.check_peer(id, peer.ip(), &key)?;
        }
        if let Some(allocation) = self.allocations.get_mut(&id) {
            allocation.allow(peers[0].ip(), request.now.elapsed);
        }
        Ok(vec![request.answer(&[], Some(&key))])
    }

    pub(super) fn channel_bind(&mut self, request: &Request<'_>) -> Result<Vec<Output>, Refusal> {
        let Authentic { key, .. } = self.authenticate(request)?;
        let id = self.allocation_of(request, &key)?;
        request.check_attributes(&[XorPeerAddress::TYPE, ChannelNumber::TYPE], Some(&key))?;
        let number = request.message.attribute::<ChannelNumber>().map(|number| number.channel()).ok();
        let peer = peers(request).and_then(|peers| peers.first().copied());
        let (Some(number), Some(peer)) = (number.filter(|number| CHANNELS.contains(number)), peer) else {
            return Err(Refusal::signed(ErrorCode::BAD_REQUEST, &key));
        };
        self.check_peer(id, peer.ip(), &key)?;
        if let Some(allocation) = self.allocations.get_mut(&id) {
            bind(allocation, number, peer, request).map_err(|code| Refusal::signed(code, &key))?;
        }
        Ok(vec![request.answer(&[], Some(&key))])
    }

    fn allocation_of(&self, request: &Request<'_>, key: &IntegrityKey) -> Result<AllocationId, Refusal> {
        let id = self.by_path.get(&request.path).copied();
        let alive = id.filter(|id| {
            self.allocations.get(id).is_some_and(|allocation| request.now.elapsed < allocation.expires_at)
        });
        alive.ok_or_else(|| Refusal::signed(ErrorCode::ALLOCATION_MISMATCH, key))
    }

    /// The heart of it: an allocation reaches its session's machine, as it is at this moment, and nothing else. One
    /// that has had another machine as its peer does not get a second.
    fn check_peer(&mut self, id: AllocationId, address: IpAddr, key: &IntegrityKey) -> Result<(), Refusal> {
        let allocation = self.allocations.get(&id);
        let allowed = allocation.is_some_and(|allocation| {
            allocation.peer.as_ref().is_none_or(|peer| peer.address == address)
                && self.permits.peer(&allocation.handle) == Some(address)
        });
        if allowed {
            return Ok(());
        }
        self.stats.refused_peers += 1;
        Err(Refusal::signed(ErrorCode::FORBIDDEN, key))
    }
}

/// All peer addresses of a request. None when one can't be read.
fn peers(request: &Request<'_>) -> Option<Vec<SocketAddr>> {
    let raw = request.message.iter_attributes().filter(|(_, attribute)| attribute.get_type() == XorPeerAddress::TYPE);
    let transaction = request.message.transaction_id();
    raw.map(|(_, raw)| XorPeerAddress::from_raw(raw).ok().map(|peer| peer.addr(transaction))).collect()
}

/// Binds a channel, or binds it again. The error is the code.
fn bind(allocation: &mut Allocation, number: u16, peer: SocketAddr, request: &Request<'_>) -> Result<(), u16> {
    let now = request.now.elapsed;
    allocation.channels.retain(|_, channel| now < channel.until);
    let elsewhere = |(other, channel): (&u16, &Channel)| (*other == number) != (channel.peer == peer);
    if peer.port() == 0 || allocation.channels.iter().any(elsewhere) {
        return Err(ErrorCode::BAD_REQUEST);
    }
    if allocation.channels.len() >= MAX_CHANNELS && !allocation.channels.contains_key(&number) {
        return Err(ErrorCode::INSUFFICIENT_CAPACITY);
    }
    allocation.channels.insert(number, Channel { peer, until: now + CHANNEL_LIFETIME });
    allocation.allow(peer.ip(), now);
    Ok(())
}
