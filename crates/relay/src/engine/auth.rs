//! Who asks (RFC 8489, section 9.2, long-term credentials). Nothing is remembered for a client that fails here.

use anteroom_protocol::UnixMillis;
use turn_types::stun::{
    attribute::{ErrorCode, MessageIntegrity, Nonce, Realm, Username},
    message::{IntegrityAlgorithm, IntegrityKey, LongTermCredentials},
    prelude::AttributeStaticType as _,
};

use super::{
    Engine,
    message::{Refusal, Request},
};
use crate::{Handle, credentials};

/// A client that has proved to hold a credential of ours.
pub(super) struct Authentic {
    pub(super) username: String,
    pub(super) handle: Handle,
    pub(super) expires_at: UnixMillis,
    pub(super) key: IntegrityKey,
}

impl Engine {
    /// Who sent a request. The credential of an allocation that is there goes on to be good after its expiry: the
    /// browser can't change it, and the session's end closes the allocation anyway.
    pub(super) fn authenticate(&mut self, request: &Request<'_>) -> Result<Authentic, Refusal> {
        let message = request.message;
        if !message.has_attribute(MessageIntegrity::TYPE) {
            return Err(self.challenge(ErrorCode::UNAUTHORIZED, request));
        }
        let (username, realm, nonce) =
            (message.attribute::<Username>(), message.attribute::<Realm>(), message.attribute::<Nonce>());
        let (Ok(username), Ok(_), Ok(nonce)) = (username, realm, nonce) else { return Err(Refusal::bad_request()) };
        if !self.nonces.is_fresh(nonce.nonce(), request.path.client, request.now.elapsed) {
            return Err(self.challenge(ErrorCode::STALE_NONCE, request));
        }
        let authentic = self.look_up(username.username(), request);
        let proved = authentic.filter(|authentic| message.validate_integrity_with_key(&authentic.key).is_ok());
        let Some(authentic) = proved else {
            self.stats.refused_credentials += 1;
            return Err(self.challenge(ErrorCode::UNAUTHORIZED, request));
        };
        match self.at(&request.path) {
            Some(allocation) if allocation.username != authentic.username => {
                self.stats.refused_credentials += 1;
                Err(Refusal::signed(ErrorCode::WRONG_CREDENTIALS, &authentic.key))
            }
            Some(_) | None => Ok(authentic),
        }
    }

    /// What a username says, with the key that proves it. None when it opens nothing.
    fn look_up(&self, username: &str, request: &Request<'_>) -> Option<Authentic> {
        let claim = credentials::read(username)?;
        let known = self.at(&request.path).filter(|allocation| allocation.username == username);
        if known.is_none() && claim.has_expired(request.now.unix) {
            return None;
        }
        let key = known.map_or_else(|| self.key(username), |allocation| allocation.key.clone());
        Some(Authentic { username: username.to_owned(), handle: claim.handle, expires_at: claim.expires_at, key })
    }

    fn key(&self, username: &str) -> IntegrityKey {
        let password = credentials::password(&self.settings.secret, username).expose().clone();
        let credentials = LongTermCredentials::new(username.to_owned(), password);
        credentials.to_key(self.settings.realm.clone()).make_key(IntegrityAlgorithm::Sha1)
    }

    fn challenge(&self, code: u16, request: &Request<'_>) -> Refusal {
        let nonce = self.nonces.give(request.path.client, request.now.elapsed);
        Refusal::challenge(code, &self.settings.realm, nonce)
    }
}
