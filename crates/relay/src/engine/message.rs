//! Messages in and out: parsing, answers, refusals. The bytes are the library's; what stands in them is ours.

use turn_types::{
    AddressFamily,
    stun::{
        attribute::{
            AttributeType, ErrorCode, MessageIntegrity, Nonce, Realm, UnknownAttributes, Username, XorMappedAddress,
        },
        message::{
            IntegrityAlgorithm, IntegrityKey, Message, MessageClass, MessageHeader, MessageType, MessageWriteVec,
            Method, TransactionId,
        },
        prelude::{Attribute as _, AttributeStaticType as _, AttributeWrite, MessageWrite as _, MessageWriteExt as _},
    },
};

use super::{Kind, Now, Output, Path};

/// Attributes of every authenticated request.
const OF_CREDENTIALS: [AttributeType; 4] = [Username::TYPE, Realm::TYPE, Nonce::TYPE, MessageIntegrity::TYPE];
/// How many unknown attributes an answer names.
const MAX_UNKNOWN: usize = 8;

/// A request, with where it came from and when.
pub(super) struct Request<'a> {
    pub(super) path: Path,
    pub(super) message: &'a Message<'a>,
    pub(super) now: Now,
}

/// Why a request is refused, and what the answer says beside the code.
pub(super) struct Refusal {
    code: u16,
    /// Realm and a new nonce: try again with these.
    challenge: Option<(String, String)>,
    unknown: Vec<AttributeType>,
    /// Signed for a client that has proved who it is.
    key: Option<IntegrityKey>,
}

/// A STUN message. None for anything else, and for one whose length is not the datagram's.
pub(super) fn parse(bytes: &[u8]) -> Option<Message<'_>> {
    let header = MessageHeader::from_bytes(bytes).ok()?;
    if usize::from(header.data_length()) + MessageHeader::LENGTH != bytes.len() {
        return None;
    }
    Message::from_bytes(bytes).ok()
}

/// Writes a message.
pub(super) fn write(
    class: MessageClass,
    method: Method,
    transaction: TransactionId,
    attributes: &[&dyn AttributeWrite],
    key: Option<&IntegrityKey>,
) -> Vec<u8> {
    let kind = MessageType::from_class_method(class, method);
    let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
    for attribute in attributes {
        message.add_attribute(*attribute).expect("no attribute comes after the integrity");
    }
    if let Some(key) = key {
        message
            .add_message_integrity_with_key(key, IntegrityAlgorithm::Sha1)
            .expect("the integrity is added once and last");
    }
    message.finish()
}

pub(super) fn error_code(code: u16) -> ErrorCode {
    ErrorCode::builder(code).build().expect("our codes are those of the RFCs")
}

impl Request<'_> {
    /// Refuses what we don't understand but would have to.
    pub(super) fn check_attributes(&self, known: &[AttributeType], key: Option<&IntegrityKey>) -> Result<(), Refusal> {
        let types = self.message.iter_attributes().map(|(_, attribute)| attribute.get_type());
        let unknown = types.filter(|of| {
            of.comprehension_required() && !known.contains(of) && !(key.is_some() && OF_CREDENTIALS.contains(of))
        });
        let unknown: Vec<AttributeType> = unknown.take(MAX_UNKNOWN).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Refusal { unknown, key: key.cloned(), ..Refusal::new(ErrorCode::UNKNOWN_ATTRIBUTE) })
    }

    /// A success.
    pub(super) fn answer(&self, attributes: &[&dyn AttributeWrite], key: Option<&IntegrityKey>) -> Output {
        self.send(write(MessageClass::Success, self.message.method(), self.message.transaction_id(), attributes, key))
    }

    /// Tells the client its own address. Anybody may ask: that is how a page finds out whether it reaches us.
    pub(super) fn binding(&self) -> Result<Vec<Output>, Refusal> {
        self.check_attributes(&[], None)?;
        let mapped = XorMappedAddress::new(self.path.client, self.message.transaction_id());
        Ok(vec![self.answer(&[&mapped], None)])
    }

    fn send(&self, bytes: Vec<u8>) -> Output {
        Output::ToClient { path: self.path, bytes, kind: Kind::Answer }
    }
}

impl Refusal {
    fn new(code: u16) -> Self {
        Self { code, challenge: None, unknown: Vec::new(), key: None }
    }

    pub(super) fn bad_request() -> Self {
        Self::new(ErrorCode::BAD_REQUEST)
    }

    /// For a client that has not proved who it is, with what it needs to do so.
    pub(super) fn challenge(code: u16, realm: &str, nonce: String) -> Self {
        Self { challenge: Some((realm.to_owned(), nonce)), ..Self::new(code) }
    }

    /// For one that has.
    pub(super) fn signed(code: u16, key: &IntegrityKey) -> Self {
        Self { key: Some(key.clone()), ..Self::new(code) }
    }

    pub(super) fn answer(&self, request: &Request<'_>) -> Output {
        let error = error_code(self.code);
        let unknown = UnknownAttributes::new(&self.unknown);
        let challenge = self.challenge.as_ref().map(|(realm, nonce)| {
            let realm = Realm::new(realm).expect("our realm is short");
            (realm, Nonce::new(nonce).expect("our nonces are short"))
        });
        let mut attributes: Vec<&dyn AttributeWrite> = vec![&error];
        if let Some((realm, nonce)) = &challenge {
            attributes.extend([realm as &dyn AttributeWrite, nonce]);
        }
        if !self.unknown.is_empty() {
            attributes.push(&unknown);
        }
        let (method, transaction) = (request.message.method(), request.message.transaction_id());
        request.send(write(MessageClass::Error, method, transaction, &attributes, self.key.as_ref()))
    }
}

/// Whether a wanted family is IPv6.
pub(super) fn is_v6(family: AddressFamily) -> bool {
    match family {
        AddressFamily::IPV4 => false,
        AddressFamily::IPV6 => true,
    }
}
