//! `anteroom vault`: which key wraps what, and a new wrapping key.
//!
//! A rotation may be interrupted at any instruction: the file has every key that wraps anything before anything is
//! wrapped by it, and an older key leaves the file last. Running it again goes on.

use std::collections::BTreeMap;

use anteroom_controller::ports::random;
use anteroom_store::Store;
use anteroom_vault::{
    KeyId, KeyRing,
    keyring::InvalidKeyRing,
    sealed::{NONCE_BYTES, OpenError},
};

use crate::{
    edge::SystemEntropy,
    key_file::{self, KeyError, KeySource},
    wiring::WiringError,
};

/// Why the vault's key is not rotated; what is rewrapped by then stays so, and running it again goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// Something that every command needs.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The ring takes no further key.
    #[error(transparent)]
    Ring(#[from] InvalidKeyRing),
    /// The database.
    #[error(transparent)]
    Store(#[from] anteroom_store::StoreError),
    /// A credential does not open; the older keys stay.
    #[error("credential {credential}: {source}")]
    Open {
        /// Which.
        credential: String,
        /// Why.
        #[source]
        source: OpenError,
    },
}

/// What a rotation has done.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// The new key.
    pub(crate) current: KeyId,
    /// How many credentials it wraps now.
    pub(crate) rewrapped: usize,
}

/// How many credentials each key of the ring wraps, the current key last.
pub(crate) async fn status(ring: &KeyRing, store: &dyn Store) -> Result<Vec<(KeyId, usize)>, VaultError> {
    let mut counts = BTreeMap::<KeyId, usize>::new();
    for row in store.all_credentials().await? {
        *counts.entry(row.sealed.key_id().clone()).or_default() += 1;
    }
    Ok(ring.ids().map(|id| (id.clone(), counts.get(id).copied().unwrap_or(0))).collect())
}

/// Makes a new key, wraps every credential's data key by it, and forgets the older keys.
pub(crate) async fn rotate(source: &KeySource, ring: KeyRing, store: &dyn Store) -> Result<Rotated, VaultError> {
    let mut ring = ring.with_current(key_file::new_key(random(&SystemEntropy)))?;
    source.replace(&ring)?;
    let rewrapped = rewrap_all(&ring, store).await?;
    let older: Vec<_> = ring.ids().filter(|id| *id != ring.current().id()).cloned().collect();
    for id in older {
        ring = ring.without(&id)?;
    }
    source.replace(&ring)?;
    Ok(Rotated { current: ring.current().id().clone(), rewrapped })
}

async fn rewrap_all(ring: &KeyRing, store: &dyn Store) -> Result<usize, VaultError> {
    let mut rewrapped = 0;
    for row in store.all_credentials().await? {
        let nonce = random::<NONCE_BYTES>(&SystemEntropy);
        let sealed = row
            .sealed
            .rewrap(ring, &nonce)
            .map_err(|source| VaultError::Open { credential: row.id.to_string(), source })?;
        if let Some(sealed) = sealed {
            store.rewrap(&row.id, row.version, &sealed).await?;
            rewrapped += 1;
        }
    }
    Ok(rewrapped)
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
