//! Datagrams on their way between a client and its machine.

use std::net::SocketAddr;

use turn_types::{
    attribute::{Data, XorPeerAddress},
    channel::ChannelData,
    message::DATA,
    stun::{
        message::{Message, MessageClass, TransactionId},
        prelude::{Attribute as _, AttributeStaticType as _},
    },
};

use super::{AllocationId, Engine, Kind, Now, Output, Path, Via, message::write};
use crate::frames::MAX_FRAME_BYTES;

/// What a Data indication has beside the datagram: header 20, peer 24 (IPv6), the attribute's own header 4, padding 3.
const INDICATION_BYTES: usize = 51;

impl Engine {
    /// A client's datagram with a channel's number before it.
    pub(super) fn channel_data(&mut self, path: Path, bytes: &[u8], now: Now) -> Vec<Output> {
        let Ok(data) = ChannelData::parse(bytes) else { return Vec::new() };
        let peer = self.at(&path).and_then(|allocation| allocation.channel(data.id(), now.elapsed));
        peer.map_or_else(Vec::new, |peer| self.pass_on(path, peer, data.data(), now))
    }

    /// A client's datagram with its whole address.
    pub(super) fn send_indication(&mut self, path: Path, message: &Message<'_>, now: Now) -> Vec<Output> {
        let known = [XorPeerAddress::TYPE, Data::TYPE];
        let types = message.iter_attributes().map(|(_, attribute)| attribute.get_type());
        if types.into_iter().any(|of| of.comprehension_required() && !known.contains(&of)) {
            return Vec::new();
        }
        let (Ok(peer), Ok(data)) = (message.attribute::<XorPeerAddress>(), message.attribute::<Data<'_>>()) else {
            return Vec::new();
        };
        self.pass_on(path, peer.addr(message.transaction_id()), data.data(), now)
    }

    fn pass_on(&mut self, path: Path, peer: SocketAddr, data: &[u8], now: Now) -> Vec<Output> {
        let Some(id) = self.by_path.get(&path).copied() else { return Vec::new() };
        let Some(allocation) = self.allocations.get_mut(&id) else { return Vec::new() };
        if !allocation.passes(peer.ip(), now.elapsed) || peer.port() == 0 {
            return Vec::new();
        }
        if !allocation.to_peer.take(data.len(), now.elapsed) {
            self.stats.dropped_rate += 1;
            return Vec::new();
        }
        self.stats.bytes_to_peers += data.len() as u64;
        vec![Output::ToPeer { allocation: id, peer, bytes: data.to_vec() }]
    }

    /// A datagram from a peer: to the client, if it is the machine's and the client wants it.
    pub(super) fn peer_data(&mut self, id: AllocationId, peer: SocketAddr, data: &[u8], now: Now) -> Vec<Output> {
        let Some(allocation) = self.allocations.get_mut(&id) else { return Vec::new() };
        if !allocation.passes(peer.ip(), now.elapsed) || data.len() + INDICATION_BYTES > MAX_FRAME_BYTES {
            return Vec::new();
        }
        if !allocation.to_client.take(data.len(), now.elapsed) {
            self.stats.dropped_rate += 1;
            return Vec::new();
        }
        let (path, channel) = (allocation.path, allocation.channel_of(peer, now.elapsed));
        self.stats.bytes_to_clients += data.len() as u64;
        let bytes = channel.map_or_else(|| self.indication(peer, data), |number| framed(number, data, path.via));
        vec![Output::ToClient { path, bytes, kind: Kind::Data }]
    }

    fn indication(&mut self, peer: SocketAddr, data: &[u8]) -> Vec<u8> {
        // Nobody answers an indication, so that its number only has to be another each time.
        let transaction = TransactionId::from(self.next_indication);
        self.next_indication += 1;
        let peer = XorPeerAddress::new(peer, transaction);
        let transaction_data = Data::new(data);
        write(MessageClass::Indication, DATA, transaction, &[&peer, &transaction_data], None)
    }
}

/// ChannelData; over a stream it is padded to four bytes.
fn framed(number: u16, data: &[u8], via: Via) -> Vec<u8> {
    let mut bytes = vec![0; 4 + data.len()];
    ChannelData::new(number, data).write_into_unchecked(&mut bytes);
    match via {
        Via::Udp(_) => {}
        Via::Stream(_) => bytes.resize(bytes.len().next_multiple_of(4), 0),
    }
    bytes
}
