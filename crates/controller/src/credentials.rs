//! What is connected: metadata only, never a secret (invariant sealed).

use anteroom_protocol::{CredentialId, ProviderId, UnixMillis, UserId, run::LeaseHolder};
use anteroom_store::CredentialRow;
use serde::Serialize;

use crate::{Controller, Error, error::Noun};

/// A credential for its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    /// Its id.
    pub id: CredentialId,
    /// For which provider.
    pub provider: ProviderId,
    /// Whose account it is at the provider, where the CLI says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When it was connected first.
    pub connected_at: UnixMillis,
    /// Who connected it.
    pub connected_by: String,
    /// When this version was saved.
    pub saved_at: UnixMillis,
    /// 1 for the first; one more with each sign-in, and with each change that a run has written back.
    pub version: u32,
    /// The run that uses it, where one at a time may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<LeaseHolder>,
}

impl Controller {
    /// The person's credentials in their newest versions.
    ///
    /// # Errors
    /// What the store says.
    pub async fn credentials(&self, user: &UserId) -> Result<Vec<CredentialView>, Error> {
        let view = |row: CredentialRow, holder| CredentialView {
            holder,
            id: row.id,
            provider: row.provider,
            account: row.account,
            connected_at: row.connected_at,
            connected_by: self.settings.owner_name.clone(),
            saved_at: row.saved_at,
            version: row.version,
        };
        let mut views = Vec::new();
        for row in self.store.credentials_of(user).await? {
            let holder = self.holder_of(&row).await?;
            views.push(view(row, holder));
        }
        Ok(views)
    }

    /// Forgets a credential in all its versions.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn remove_credential(&self, user: &UserId, id: &CredentialId) -> Result<(), Error> {
        if self.store.remove_credential(user, id).await? { Ok(()) } else { Err(Error::NotFound(Noun::Credential)) }
    }
}
