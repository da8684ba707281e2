//! The keys that wrap data keys. Each has an id that stands in every credential it wraps, so that a ring can
//! hold the old keys and the new one while credentials are rewrapped.
//!
//! The text form has one key a line, `id:base64 of 32 bytes`; the last line is the current key, so that rotation
//! appends. Lines that are blank or begin with `#` are skipped. Errors name the line, never what stands in it,
//! and a ring prints its ids only.

use std::{fmt, fmt::Write as _, str::FromStr};

use anteroom_protocol::Secret;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Keys in one ring. Old ones leave it when nothing is wrapped by them any more.
const MAX_KEYS: usize = 64;
/// Characters of an id.
const MAX_ID_BYTES: usize = 32;

/// The name of a key: 1 to 32 of a-z, 0-9 and hyphen.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(String);

/// A text that is no key id. The text is not repeated: it may be a key in the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key id: expected 1 to {MAX_ID_BYTES} of a-z, 0-9 and -")]
pub struct InvalidKeyId;

impl KeyId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;
    fn from_str(text: &str) -> Result<Self, InvalidKeyId> {
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidKeyId)
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A wrapping key with its id.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: KeyId,
    bytes: Secret<[u8; KEY_BYTES]>,
}

impl Key {
    /// Makes a key of 256 random bits. Its id derives from it by SHA-256, so that two keys never share one, and an id
    /// tells nothing that helps to find the key.
    #[must_use]
    pub fn from_random(bytes: Secret<[u8; KEY_BYTES]>) -> Self {
        let digest = Sha256::new_with_prefix(b"anteroom key id 1\0").chain_update(bytes.expose()).finalize();
        let mut id = String::from("key-");
        for byte in &digest[..6] {
            write!(id, "{byte:02x}").expect("a String takes everything");
        }
        Self { id: KeyId(id), bytes }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.bytes.expose()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// One or more keys; the last is the current one, which wraps what is sealed from now on.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    older: Vec<Key>,
    current: Key,
}

/// Why a text or a change gives no key ring.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyRing {
    /// A line of another form.
    #[error("line {line} of the key ring: expected `id:key`, the id of a-z, 0-9 and -, the key 32 bytes in base64")]
    Line {
        /// 1 for the first.
        line: usize,
    },
    /// One id for two keys.
    #[error("the key ring has the id {id} twice; give each key an id of its own")]
    Twice {
        /// Which.
        id: KeyId,
    },
    /// No key.
    #[error("the key ring has no key; expected one line `id:key` for each")]
    Empty,
    /// Too many.
    #[error("the key ring has more than {MAX_KEYS} keys; remove those that wrap nothing any more")]
    TooMany,
    /// The current key is asked to leave, or one that isn't there.
    #[error("the key {id} is not an older key of the ring; only older keys can be removed")]
    NotOlder {
        /// Which.
        id: KeyId,
    },
}

impl KeyRing {
    /// A ring of one key.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { older: Vec::new(), current: key }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// Names the line or the id, and nothing of a key.
    pub fn parse(text: &str) -> Result<Self, InvalidKeyRing> {
        let mut ring: Option<Self> = None;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = parse_line(line).ok_or(InvalidKeyRing::Line { line: index + 1 })?;
            ring = Some(match ring {
                None => Self::new(key),
                Some(ring) => ring.with_current(key)?,
            });
        }
        ring.ok_or(InvalidKeyRing::Empty)
    }

    /// The text form.
    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        // Sized beforehand: growing would leave copies of keys behind.
        let mut text = String::with_capacity((self.older.len() + 1) * (MAX_ID_BYTES + 1 + 44 + 1));
        for key in self.keys() {
            let encoded = Zeroizing::new(STANDARD.encode(key.bytes()));
            writeln!(text, "{}:{}", key.id, *encoded).expect("a String takes everything");
        }
        Secret::new(text)
    }

    /// The ring with a new current key; the one before stays to open what it wraps.
    ///
    /// # Errors
    /// The id is there already, or the ring is full.
    pub fn with_current(mut self, key: Key) -> Result<Self, InvalidKeyRing> {
        if self.get(&key.id).is_some() {
            return Err(InvalidKeyRing::Twice { id: key.id });
        }
        if self.older.len() + 1 == MAX_KEYS {
            return Err(InvalidKeyRing::TooMany);
        }
        self.older.push(std::mem::replace(&mut self.current, key));
        Ok(self)
    }

    /// The ring without an older key; call it when nothing is wrapped by that key any more.
    ///
    /// # Errors
    /// The key is the current one, or none of the ring's.
    pub fn without(mut self, id: &KeyId) -> Result<Self, InvalidKeyRing> {
        let place = self.older.iter().position(|key| key.id == *id);
        self.older.remove(place.ok_or_else(|| InvalidKeyRing::NotOlder { id: id.clone() })?);
        Ok(self)
    }

    /// The key that wraps what is sealed from now on.
    #[must_use]
    pub fn current(&self) -> &Key {
        &self.current
    }

    /// All ids, the current one last.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys().map(Key::id)
    }

    pub(crate) fn get(&self, id: &KeyId) -> Option<&Key> {
        self.keys().find(|key| key.id == *id)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.older.iter().chain([&self.current])
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

fn parse_line(line: &str) -> Option<Key> {
    let (id, encoded) = line.split_once(':')?;
    let id = id.trim().parse().ok()?;
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
    let mut bytes: [u8; KEY_BYTES] = decoded.as_slice().try_into().ok()?;
    let key = Key { id, bytes: Secret::new(bytes) };
    bytes.zeroize();
    Some(key)
}

#[cfg(test)]
#[path = "keyring_tests.rs"]
mod tests;
