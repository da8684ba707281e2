//! What is connected: metadata only, never a secret (invariant sealed); and the way back to an earlier version.

use anteroom_protocol::{
    CredentialId, ProviderId, UnixMillis, UserId,
    credential::{Health, Origin},
    run::LeaseHolder,
};
use anteroom_store::{CredentialRow, Restored};
use anteroom_vault::{
    health::{Known, health},
    rules::Examined,
};
use serde::{Deserialize, Serialize};

use crate::{Controller, Error, controller::MAX_CONFLICTS, error::Noun, runs::holder};

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
    /// Where this version came from.
    pub origin: Origin,
    /// Whether it works, as far as is known.
    pub health: Health,
    /// Why it does not work, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_detail: Option<String>,
    /// When it stops working for good, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// Whether the CLI can be asked whether it works.
    pub checkable: bool,
    /// The run that uses it, where one at a time may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<LeaseHolder>,
}

/// A kept version of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialVersion {
    /// Its number.
    pub version: u32,
    /// When it was saved.
    pub saved_at: UnixMillis,
    /// Whose account it is at the provider, where the CLI says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Where it came from.
    pub origin: Origin,
    /// Whether it is the one that runs get.
    pub is_current: bool,
}

/// To which version to go back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreVersion {
    /// Its number.
    pub version: u32,
}

impl Controller {
    /// The person's credentials in their newest versions.
    ///
    /// # Errors
    /// What the store says.
    pub async fn credentials(&self, user: &UserId) -> Result<Vec<CredentialView>, Error> {
        let mut views = Vec::new();
        for row in self.store.credentials_of(user).await? {
            views.push(self.credential_view(row).await?);
        }
        Ok(views)
    }

    async fn credential_view(&self, row: CredentialRow) -> Result<CredentialView, Error> {
        let (health, health_detail) = health_of(&row, self.now());
        Ok(CredentialView {
            holder: self.holder_of(&row).await?,
            checkable: self.is_checkable(&row.provider),
            id: row.id,
            provider: row.provider,
            account: row.account,
            connected_at: row.connected_at,
            connected_by: self.settings.owner_name.clone(),
            saved_at: row.saved_at,
            version: row.version,
            origin: row.origin,
            health,
            health_detail,
            expires_at: row.expires_at,
        })
    }

    /// The kept versions of a credential, the newest first.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn credential_versions(&self, user: &UserId, id: &CredentialId) -> Result<Vec<CredentialVersion>, Error> {
        let rows = self.store.credential_versions(user, id).await?;
        let newest = rows.first().ok_or(Error::NotFound(Noun::Credential))?.version;
        let version = |row: CredentialRow| CredentialVersion {
            is_current: row.version == newest,
            version: row.version,
            saved_at: row.saved_at,
            account: row.account,
            origin: row.origin,
        };
        Ok(rows.into_iter().map(version).collect())
    }

    /// Goes back to an earlier version: its contents become the next one. That it was older is what the person wants.
    ///
    /// # Errors
    /// There is no such version to go back to, or a run holds the credential.
    pub async fn restore_credential(
        &self,
        user: &UserId,
        id: &CredentialId,
        request: &RestoreVersion,
    ) -> Result<CredentialView, Error> {
        for _ in 0..MAX_CONFLICTS {
            let rows = self.store.credential_versions(user, id).await?;
            let (newest, earlier) = rows.split_first().ok_or(Error::NotFound(Noun::Credential))?;
            let wanted = earlier.iter().find(|row| row.version == request.version);
            let wanted = wanted.ok_or(Error::NoSuchVersion(request.version))?;
            let bundle = self.opened(wanted)?;
            let examined = Examined {
                account: wanted.account.clone(),
                freshness: wanted.freshness,
                expires_at: wanted.expires_at,
            };
            let what = (&examined, Origin::Restore);
            let row = self.sealed(&wanted.owner, &wanted.provider, &bundle, what, Some(newest));
            match self.store.restore_credential(&row).await? {
                Restored::Stored => return self.credential_view(row).await,
                Restored::Held(lease) => return Err(Error::CredentialInUse(holder(&lease))),
                Restored::Changed => {}
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// Forgets a credential in all its versions.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn remove_credential(&self, user: &UserId, id: &CredentialId) -> Result<(), Error> {
        if self.store.remove_credential(user, id).await? { Ok(()) } else { Err(Error::NotFound(Noun::Credential)) }
    }
}

/// How a credential's newest version is, and what is to be said of it.
pub(crate) fn health_of(row: &CredentialRow, now: UnixMillis) -> (Health, Option<String>) {
    health(Known { saved_at: row.saved_at, expires_at: row.expires_at, trouble: row.trouble.as_deref() }, now)
}
