//! Short secrets that live as long as a sign-in: what a person pastes on its way to the machine.
//!
//! Each is sealed under the ring's current key itself, without a data key: it is gone in minutes, so that no rotation has to
//! rewrap it. A ring that has lost the key loses the text, and the person pastes again.

use anteroom_protocol::{Secret, SessionId, UserId};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    keyring::{KeyId, KeyRing},
    sealed::{Ciphertext, NONCE_BYTES, TAG_BYTES, associated_data},
};

/// What a sealed text is of. Whoever opens it says what they expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextBinding {
    /// Who pasted it.
    pub owner: UserId,
    /// In which session.
    pub session: SessionId,
    /// 1 for the session's first.
    pub number: u32,
}

/// A text as it is stored. Everything in it may be seen by whoever sees the database, its length included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedText {
    key_id: KeyId,
    body: Ciphertext,
}

/// Why a sealed text does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The ring has not the key.
    #[error("the text is sealed by the key {key_id}, which is not in the key ring; it has to be pasted again")]
    UnknownKey {
        /// Which.
        key_id: KeyId,
    },
    /// The bytes, or what they are bound to, were altered.
    #[error("the text does not open: the stored bytes or what they are bound to were altered")]
    Altered,
}

impl SealedText {
    /// Seals a text. The nonce serves one call only.
    #[must_use]
    pub fn seal(text: &Secret<String>, binding: &TextBinding, ring: &KeyRing, nonce: &[u8; NONCE_BYTES]) -> Self {
        let key = ring.current();
        let mut plain = Zeroizing::new(Vec::with_capacity(text.expose().len() + TAG_BYTES));
        plain.extend_from_slice(text.expose().as_bytes());
        let body = Ciphertext::of(plain, key.bytes(), nonce, &context(binding, key.id()));
        Self { key_id: key.id().clone(), body }
    }

    /// Opens it, if it is what the caller expects.
    ///
    /// # Errors
    /// Says that the key is missing, or that something was altered.
    pub fn open(&self, expected: &TextBinding, ring: &KeyRing) -> Result<Secret<String>, TextError> {
        let key = ring.get(&self.key_id).ok_or_else(|| TextError::UnknownKey { key_id: self.key_id.clone() })?;
        let plain = self.body.open(key.bytes(), &context(expected, &self.key_id)).ok_or(TextError::Altered)?;
        let text = std::str::from_utf8(&plain).map_err(|_| TextError::Altered)?;
        Ok(Secret::new(text.to_owned()))
    }
}

fn context(binding: &TextBinding, key_id: &KeyId) -> Vec<u8> {
    associated_data(&[
        b"anteroom pasted text",
        binding.owner.as_str().as_bytes(),
        binding.session.as_str().as_bytes(),
        &binding.number.to_be_bytes(),
        key_id.as_str().as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn ring(byte: u8) -> KeyRing {
        KeyRing::new(Key::from_random(Secret::new([byte; 32])))
    }

    fn binding(number: u32) -> TextBinding {
        TextBinding { owner: UserId::from_random([1; 16]), session: SessionId::from_random([2; 16]), number }
    }

    fn sealed() -> SealedText {
        SealedText::seal(&Secret::new("a#b".to_owned()), &binding(1), &ring(7), &[9; NONCE_BYTES])
    }

    #[test]
    fn a_text_opens_as_what_it_was_sealed_as() {
        assert_eq!(sealed().open(&binding(1), &ring(7)).unwrap().expose(), "a#b");
    }

    #[test]
    fn a_text_does_not_open_as_another_ones_of_another_session_or_number() {
        let others = [
            binding(2),
            TextBinding { owner: UserId::from_random([3; 16]), ..binding(1) },
            TextBinding { session: SessionId::from_random([3; 16]), ..binding(1) },
        ];
        for other in others {
            assert_eq!(sealed().open(&other, &ring(7)).unwrap_err(), TextError::Altered);
        }
    }

    #[test]
    fn a_text_does_not_open_without_its_key() {
        assert!(matches!(sealed().open(&binding(1), &ring(8)), Err(TextError::UnknownKey { .. })));
    }

    #[test]
    fn nothing_of_the_text_is_in_what_is_stored() {
        let stored = format!("{:?} {}", sealed(), serde_json::to_string(&sealed()).unwrap());
        assert!(!stored.contains("a#b"), "{stored}");
    }
}
