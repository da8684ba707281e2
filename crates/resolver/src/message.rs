//! Questions and answers as bytes (RFC 1035). Pure.
//!
//! Machines have IPv4 only, so that one kind of question has an answer: a host's IPv4 addresses. All others are answered
//! by "nothing of that kind", which also leaves no other way to carry data out in names and texts.

use std::net::{IpAddr, Ipv4Addr};

use anteroom_machines::walled::is_walled;
use anteroom_protocol::HostName;
use hickory_proto::{
    op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

/// Addresses in one answer. With as many and the longest name a reply fits into the 512 bytes that everybody takes.
pub const MAX_ADDRESSES: usize = 13;
/// The longest time for which a machine's programs may keep an answer, seconds: they ask again well before its addresses
/// are shut.
pub const MAX_TTL_SECONDS: u32 = 300;
/// Names that stand for another name, one behind the other. Those that are met have up to five.
const MAX_ALIASES: usize = 16;
/// What is taken of a name server by UDP (DNS Flag Day 2020): it is not fragmented on the way.
pub const UDP_PAYLOAD: u16 = 1232;

/// A machine's question that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    metadata: Metadata,
    query: Query,
    host: Option<HostName>,
}

/// What is said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// These are its addresses, for so many seconds.
    Addresses(Vec<Ipv4Addr>, u32),
    /// The host is there, but has nothing of the kind that was asked.
    Nothing,
    /// There is no such host.
    Missing,
    /// It is not known now.
    Failed,
}

/// What a name server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What is handed on.
    Reply(Reply),
    /// It did not fit: to be asked by TCP.
    Truncated,
}

/// Why bytes are no message that is dealt with. Nothing of it is repeated: whoever sent it may have meant harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// They are no message of DNS.
    #[error("it is no message of DNS")]
    Format,
    /// It is no question with one name.
    #[error("it is not one question")]
    NoQuestion,
    /// It is not the answer to the question that was asked.
    #[error("it answers another question")]
    AnotherAnswer,
}

impl Question {
    /// Reads a machine's question.
    ///
    /// # Errors
    /// It gets no answer.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let message = Message::from_vec(bytes).map_err(|_| Unreadable::Format)?;
        let metadata = message.metadata;
        if metadata.message_type != MessageType::Query || metadata.op_code != OpCode::Query {
            return Err(Unreadable::NoQuestion);
        }
        let [query] = &message.queries[..] else { return Err(Unreadable::NoQuestion) };
        let host = (query.query_class == DNSClass::IN).then(|| host(&query.name)).flatten();
        Ok(Self { metadata, query: query.clone(), host })
    }

    /// The host that is asked for; none when it is no name of a host.
    #[must_use]
    pub fn host(&self) -> Option<&HostName> {
        self.host.as_ref()
    }

    /// Whether its IPv4 addresses are asked for.
    #[must_use]
    pub fn asks_for_addresses(&self) -> bool {
        self.query.query_type == RecordType::A
    }

    /// The bytes of a reply. Of addresses the first [`MAX_ADDRESSES`] are told; none when it can't be written.
    #[must_use]
    pub fn reply(&self, reply: &Reply) -> Option<Vec<u8>> {
        let mut message = Message::response(self.metadata.id, OpCode::Query);
        message.metadata.recursion_desired = self.metadata.recursion_desired;
        message.metadata.recursion_available = true;
        message.metadata.response_code = match reply {
            Reply::Addresses(..) | Reply::Nothing => ResponseCode::NoError,
            Reply::Missing => ResponseCode::NXDomain,
            Reply::Failed => ResponseCode::ServFail,
        };
        message.add_query(self.query.clone());
        if let Reply::Addresses(addresses, ttl) = reply {
            for address in addresses.iter().take(MAX_ADDRESSES) {
                message.add_answer(Record::from_rdata(self.query.name.clone(), *ttl, RData::A((*address).into())));
            }
        }
        message.to_vec().ok()
    }
}

/// The question for a host's addresses, for a name server.
#[must_use]
pub fn ask(host: &HostName, id: u16) -> Option<Vec<u8>> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(absolute(host)?, RecordType::A));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    message.set_edns(edns);
    message.to_vec().ok()
}

/// Reads a name server's answer to [`ask`]: the addresses at the end of the names that stand for the host, without those
/// that are walled off.
///
/// # Errors
/// It is not the answer to this question.
pub fn answer(bytes: &[u8], host: &HostName, id: u16) -> Result<Answer, Unreadable> {
    let message = Message::from_vec(bytes).map_err(|_| Unreadable::Format)?;
    let name = absolute(host).ok_or(Unreadable::AnotherAnswer)?;
    let asked =
        |query: &Query| query.name == name && query.query_type == RecordType::A && query.query_class == DNSClass::IN;
    let metadata = &message.metadata;
    if metadata.message_type != MessageType::Response || metadata.id != id || !message.queries.iter().all(asked) {
        return Err(Unreadable::AnotherAnswer);
    }
    if message.queries.len() != 1 {
        return Err(Unreadable::AnotherAnswer);
    }
    if metadata.truncation {
        return Ok(Answer::Truncated);
    }
    let code = metadata.response_code;
    Ok(Answer::Reply(if code == ResponseCode::NoError {
        addresses(&message.answers, name)
    } else if code == ResponseCode::NXDomain {
        Reply::Missing
    } else {
        Reply::Failed
    }))
}

/// Follows aliases within the answer.
fn addresses(records: &[Record], mut name: Name) -> Reply {
    let mut ttl = MAX_TTL_SECONDS;
    for _ in 0..MAX_ALIASES {
        let of_name: Vec<_> =
            records.iter().filter(|record| record.dns_class == DNSClass::IN && record.name == name).collect();
        let alias = of_name.iter().find_map(|record| {
            if let RData::CNAME(alias) = &record.data { Some((alias.0.clone(), record.ttl)) } else { None }
        });
        if let Some((next, its_ttl)) = alias {
            (name, ttl) = (next, ttl.min(its_ttl));
            continue;
        }
        let mut found: Vec<Ipv4Addr> = Vec::new();
        for record in of_name {
            if let RData::A(address) = record.data
                && !is_walled(IpAddr::V4(address.0))
                && !found.contains(&address.0)
            {
                found.push(address.0);
                ttl = ttl.min(record.ttl);
            }
        }
        found.truncate(MAX_ADDRESSES);
        return if found.is_empty() { Reply::Nothing } else { Reply::Addresses(found, ttl.max(1)) };
    }
    Reply::Failed
}

/// A name of DNS may have any bytes; a host's has not.
fn host(name: &Name) -> Option<HostName> {
    let mut text = String::new();
    for label in name.iter() {
        text.push_str(std::str::from_utf8(label).ok().filter(|label| !label.contains('.'))?);
        text.push('.');
    }
    text.parse().ok()
}

fn absolute(host: &HostName) -> Option<Name> {
    Name::from_ascii(format!("{host}.")).ok()
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
