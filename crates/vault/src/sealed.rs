//! Sealing: each version of a credential has a data key of its own, and a key of the ring wraps that.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): its 192-bit nonces may be random without keeping count, so that no
//! state has to survive a restart. The associated data binds what a sealed credential is of (format, owner,
//! provider, credential, version, and for the wrapped key the key's id); each field is length-prefixed and each use
//! has a name of its own, so that no two bindings have the same bytes. A row that was moved to another owner, or an
//! older version put in a newer one's place, doesn't open.
//!
//! The body is not touched by a rotation of the wrapping key: it is bound to the credential, not to that key.

use std::fmt;

use anteroom_protocol::{CredentialId, ProviderId, Secret, UserId};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{AeadInPlace as _, KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{
    bundle::{CredentialBundle, InvalidBundle},
    keyring::{KEY_BYTES, Key, KeyId, KeyRing},
};

/// The format that is written and the only one that is read.
pub const FORMAT: u8 = 1;
/// Random bytes for one sealing: a data key and two nonces.
pub const SEAL_RANDOM_BYTES: usize = KEY_BYTES + 2 * NONCE_BYTES;
/// Random bytes for one rewrapping: a nonce.
pub const NONCE_BYTES: usize = 24;
/// Poly1305's.
pub(crate) const TAG_BYTES: usize = 16;

/// What a sealed credential is of. Whoever opens one says what they expect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Whose it is.
    pub owner: UserId,
    /// Of which provider.
    pub provider: ProviderId,
    /// The credential, the same through all its versions.
    pub credential: CredentialId,
    /// 1 for the first.
    pub version: u32,
}

/// A nonce and after it what was encrypted under it, tag included. One base64 text when serialised.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Ciphertext(Vec<u8>);

/// One version of a credential as it is stored. Everything in it may be seen by whoever sees the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedCredential {
    format: u8,
    binding: Binding,
    key_id: KeyId,
    wrapped_key: Ciphertext,
    body: Ciphertext,
}

/// Why a sealed credential does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Written by a newer release.
    #[error("the sealed credential has format {found}; this release reads format {FORMAT}")]
    Format {
        /// What it says.
        found: u8,
    },
    /// Not this person's.
    #[error("the sealed credential is another owner's")]
    OtherOwner,
    /// Not this provider's.
    #[error("the sealed credential is of another provider")]
    OtherProvider,
    /// Not this credential.
    #[error("the sealed credential is another one than {expected}")]
    OtherCredential {
        /// What was asked for.
        expected: CredentialId,
    },
    /// Not this version.
    #[error("the sealed credential has version {found}, expected was {expected}")]
    OtherVersion {
        /// What it says.
        found: u32,
        /// What was asked for.
        expected: u32,
    },
    /// Wrapped by a key that the ring has not.
    #[error("the credential is wrapped by the key {key_id}, which is not in the key ring; add that key again")]
    UnknownKey {
        /// Which.
        key_id: KeyId,
    },
    /// The data key does not open.
    #[error(
        "the key {key_id} does not open the credential's data key: the stored bytes or what they are bound to \
             were altered, or the ring has another key under this id"
    )]
    WrappedKey {
        /// Which.
        key_id: KeyId,
    },
    /// The data key opens, the body does not.
    #[error("the credential's body does not open: the stored bytes or what they are bound to were altered")]
    Body,
    /// It was sealed as something else than files.
    #[error("the opened credential is not readable: {0}")]
    Content(#[source] InvalidBundle),
}

/// Seals a version of a credential under the ring's current key, with a data key of its own. The random bytes serve
/// one call only.
#[must_use]
pub fn seal(
    bundle: &CredentialBundle,
    binding: &Binding,
    ring: &KeyRing,
    random: &Secret<[u8; SEAL_RANDOM_BYTES]>,
) -> SealedCredential {
    let (data_key, nonces) = random.expose().split_first_chunk::<KEY_BYTES>().expect("the sum begins with a key");
    let (wrap_nonce, rest) = nonces.split_first_chunk::<NONCE_BYTES>().expect("the sum has two nonces");
    let body_nonce: &[u8; NONCE_BYTES] = rest.try_into().expect("the sum ends with a nonce");
    SealedCredential {
        format: FORMAT,
        binding: binding.clone(),
        key_id: ring.current().id().clone(),
        wrapped_key: wrap(data_key, binding, ring.current(), wrap_nonce),
        body: Ciphertext::of(bundle.encode(TAG_BYTES), data_key, body_nonce, &body_context(binding)),
    }
}

impl SealedCredential {
    /// What it says it is of. It is believed only when it opens.
    #[must_use]
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// The id of the key that wraps its data key.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// Opens it, if it is what the caller expects.
    ///
    /// # Errors
    /// Says which expectation is not met, which key is missing, or which part was altered.
    pub fn open(&self, expected: &Binding, ring: &KeyRing) -> Result<CredentialBundle, OpenError> {
        self.check_binding(expected)?;
        let data_key = self.unwrap_key(ring)?;
        let plain = self.body.open(&data_key, &body_context(&self.binding)).ok_or(OpenError::Body)?;
        CredentialBundle::decode(&plain).map_err(OpenError::Content)
    }

    /// The same credential with its data key wrapped by the ring's current key; `None` when it is already. The body
    /// stays as it is.
    ///
    /// # Errors
    /// The key that wraps it now is missing, or the wrapped key was altered.
    pub fn rewrap(&self, ring: &KeyRing, nonce: &[u8; NONCE_BYTES]) -> Result<Option<Self>, OpenError> {
        if self.key_id == *ring.current().id() {
            return Ok(None);
        }
        let data_key = self.unwrap_key(ring)?;
        Ok(Some(Self {
            format: self.format,
            binding: self.binding.clone(),
            key_id: ring.current().id().clone(),
            wrapped_key: wrap(&data_key, &self.binding, ring.current(), nonce),
            body: self.body.clone(),
        }))
    }

    fn check_binding(&self, expected: &Binding) -> Result<(), OpenError> {
        let found = &self.binding;
        if found.owner != expected.owner {
            Err(OpenError::OtherOwner)
        } else if found.provider != expected.provider {
            Err(OpenError::OtherProvider)
        } else if found.credential != expected.credential {
            Err(OpenError::OtherCredential { expected: expected.credential.clone() })
        } else if found.version != expected.version {
            Err(OpenError::OtherVersion { found: found.version, expected: expected.version })
        } else {
            Ok(())
        }
    }

    fn unwrap_key(&self, ring: &KeyRing) -> Result<Zeroizing<[u8; KEY_BYTES]>, OpenError> {
        if self.format != FORMAT {
            return Err(OpenError::Format { found: self.format });
        }
        let key = ring.get(&self.key_id).ok_or_else(|| OpenError::UnknownKey { key_id: self.key_id.clone() })?;
        let refused = || OpenError::WrappedKey { key_id: self.key_id.clone() };
        let plain =
            self.wrapped_key.open(key.bytes(), &key_context(&self.binding, &self.key_id)).ok_or_else(refused)?;
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        if plain.len() != KEY_BYTES {
            return Err(refused());
        }
        data_key.copy_from_slice(&plain);
        Ok(data_key)
    }
}

fn wrap(data_key: &[u8; KEY_BYTES], binding: &Binding, key: &Key, nonce: &[u8; NONCE_BYTES]) -> Ciphertext {
    let mut plain = Zeroizing::new(Vec::with_capacity(KEY_BYTES + TAG_BYTES));
    plain.extend_from_slice(data_key);
    Ciphertext::of(plain, key.bytes(), nonce, &key_context(binding, key.id()))
}

fn body_context(binding: &Binding) -> Vec<u8> {
    context(b"anteroom credential body", binding, &[])
}

fn key_context(binding: &Binding, key_id: &KeyId) -> Vec<u8> {
    context(b"anteroom credential data key", binding, key_id.as_str().as_bytes())
}

fn context(purpose: &[u8], binding: &Binding, key_id: &[u8]) -> Vec<u8> {
    associated_data(&[
        purpose,
        binding.owner.as_str().as_bytes(),
        binding.provider.as_str().as_bytes(),
        binding.credential.as_str().as_bytes(),
        &binding.version.to_be_bytes(),
        key_id,
    ])
}

/// The associated data: the format, and each field behind its length. The first names the use.
pub(crate) fn associated_data(fields: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![FORMAT];
    for field in fields {
        out.extend_from_slice(&(field.len() as u64).to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

impl Ciphertext {
    /// Encrypts in place, so that the plaintext's memory holds the ciphertext afterwards.
    pub(crate) fn of(
        mut plain: Zeroizing<Vec<u8>>,
        key: &[u8; KEY_BYTES],
        nonce: &[u8; NONCE_BYTES],
        context: &[u8],
    ) -> Self {
        XChaCha20Poly1305::new(key.into())
            .encrypt_in_place(XNonce::from_slice(nonce), context, &mut *plain)
            .expect("half a megabyte is below the cipher's limit of 256 GiB");
        Self([nonce.as_slice(), &plain].concat())
    }

    pub(crate) fn open(&self, key: &[u8; KEY_BYTES], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = self.0.split_first_chunk::<NONCE_BYTES>()?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        XChaCha20Poly1305::new(key.into()).decrypt_in_place(XNonce::from_slice(nonce), context, &mut *plain).ok()?;
        Some(plain)
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({} bytes)", self.0.len())
    }
}

impl Serialize for Ciphertext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Ciphertext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("expected base64 (RFC 4648, section 4)"))
    }
}

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;
