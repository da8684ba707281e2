//! The providers that can be connected, by id. Read once at the start; a wrong file stops the start.

use std::collections::BTreeMap;

use anteroom_protocol::{
    ProviderId,
    provider::{InvalidProvider, Provider},
};

/// All providers.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    providers: BTreeMap<ProviderId, Provider>,
}

/// Why a provider's file is refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Its contents parse, but say what can't be.
    #[error("provider {id}: {source}")]
    Invalid {
        /// Which.
        id: ProviderId,
        /// What is wrong.
        #[source]
        source: InvalidProvider,
    },
}

impl Catalogue {
    /// Takes providers in any order; a later one replaces an earlier one with the same id.
    ///
    /// # Errors
    /// Names the provider and the field that is wrong.
    pub fn new(providers: impl IntoIterator<Item = Provider>) -> Result<Self, CatalogueError> {
        let mut all = BTreeMap::new();
        for provider in providers {
            provider.check().map_err(|source| CatalogueError::Invalid { id: provider.id.clone(), source })?;
            all.insert(provider.id.clone(), provider);
        }
        Ok(Self { providers: all })
    }

    /// The provider with this id.
    #[must_use]
    pub fn get(&self, id: &ProviderId) -> Option<&Provider> {
        self.providers.get(id)
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.providers.values()
    }
}
