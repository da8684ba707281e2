//! A captured credential becomes a sealed one: examined, compared with the stored one, sealed under a fresh data key,
//! and committed together with the session's end (invariants saved-before-destroyed and one-holder).

use anteroom_protocol::{
    CredentialId, ProviderId, Secret, SessionId, UserId,
    credential::Origin,
    guest::{CapturedCredential, CapturedFile},
    session::ReasonCode,
};
use anteroom_session::{Input, Refusal};
use anteroom_store::{CredentialRow, Extras};
use anteroom_vault::{
    Binding, BundleFile, CredentialBundle,
    rules::{Examined, may_replace},
    seal,
    sealed::SEAL_RANDOM_BYTES,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    Caller, Controller, Error,
    controller::{MAX_CONFLICTS, Uncommitted},
    ports::random,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Controller {
    /// Takes what the CLI left. The same again after it was saved is fine: the first reply may have been lost.
    ///
    /// # Errors
    /// Not base64: nothing changes. Blank, broken or older than the stored one: the session ends by it.
    pub(crate) async fn capture(&self, id: &SessionId, captured: CapturedCredential) -> Result<(), Error> {
        let session = self.load(&Caller::Machine(id.clone()), id).await?.session;
        if session.run.is_some() {
            return self.write_back(id, captured).await;
        }
        let files = decoded(captured)?;
        let provider =
            self.catalogue.get(&session.provider).ok_or_else(|| Error::UnknownProvider(session.provider.clone()))?;
        let bundle = match CredentialBundle::new(files) {
            Ok(bundle) => bundle,
            Err(problem) => return self.refuse(id, problem.to_string()).await,
        };
        let lifetime = provider.credential.lifetime_days;
        match bundle.examine(&provider.credential) {
            Ok(examined) => self.keep(id, &bundle, &self.with_lifetime(examined, lifetime)).await,
            Err(problem) => self.refuse(id, problem.to_string()).await,
        }
    }

    async fn keep(&self, id: &SessionId, bundle: &CredentialBundle, examined: &Examined) -> Result<(), Error> {
        for _ in 0..MAX_CONFLICTS {
            let stored = self.load(&Caller::Machine(id.clone()), id).await?;
            let session = &stored.session;
            let older = self.store.credential_for(&session.owner, &session.provider).await?;
            if let Some(older) = &older
                && let Err(problem) = may_replace(examined, older.freshness)
            {
                return self.refuse(id, problem.to_string()).await;
            }
            let row =
                self.sealed(&session.owner, &session.provider, bundle, (examined, Origin::SignIn), older.as_ref());
            let input = Input::CredentialSealed(row.id.clone());
            match self.commit(&stored, input, Extras { credential: Some(row), ..Extras::default() }).await {
                Ok(_) => return Ok(()),
                Err(Uncommitted::Error(Error::Refused(Refusal::Ended(reason)))) if reason.code == ReasonCode::Saved => {
                    return Ok(());
                }
                Err(Uncommitted::Conflict) => {}
                Err(Uncommitted::Error(error)) => return Err(error),
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    /// A credential that does not say when it stops working, and of which the provider's file knows it.
    fn with_lifetime(&self, examined: Examined, days: Option<u32>) -> Examined {
        let known = days.map(|days| self.now().plus_ms(i64::from(days) * DAY_MS));
        Examined { expires_at: examined.expires_at.or(known), ..examined }
    }

    /// The row that is to be stored: the next version of the owner's credential for this provider.
    pub(crate) fn sealed(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        bundle: &CredentialBundle,
        (examined, origin): (&Examined, Origin),
        older: Option<&CredentialRow>,
    ) -> CredentialRow {
        let now = self.now();
        let id = older.map_or_else(|| CredentialId::from_random(random(&*self.entropy)), |older| older.id.clone());
        let version = older.map_or(1, |older| older.version + 1);
        let binding = Binding { owner: owner.clone(), provider: provider.clone(), credential: id.clone(), version };
        let bytes = Secret::new(random::<SEAL_RANDOM_BYTES>(&*self.entropy));
        CredentialRow {
            id,
            owner: owner.clone(),
            provider: provider.clone(),
            version,
            account: examined.account.clone(),
            freshness: examined.freshness,
            expires_at: examined.expires_at,
            origin,
            trouble: None,
            saved_at: now,
            connected_at: older.map_or(now, |older| older.connected_at),
            sealed: seal(bundle, &binding, &self.ring, &bytes),
        }
    }

    /// The session ends by a credential that is not worth keeping; the stored one stays.
    async fn refuse(&self, id: &SessionId, problem: String) -> Result<(), Error> {
        let detail = format!("The CLI left a credential that is not kept: {problem}. Sign in again.");
        self.decide(&Caller::Machine(id.clone()), id, Input::CredentialRefused { detail }).await?;
        Err(Error::CredentialRefused(problem))
    }
}

pub(crate) fn decoded(captured: CapturedCredential) -> Result<Vec<BundleFile>, Error> {
    let decode = |(index, file): (usize, CapturedFile)| match STANDARD.decode(file.base64.expose()) {
        Ok(bytes) => Ok(BundleFile { path: file.path, contents: Secret::new(bytes) }),
        Err(_) => Err(Error::Invalid {
            field: format!("files[{index}].base64"),
            problem: "must be base64 (RFC 4648, section 4)".to_owned(),
        }),
    };
    captured.files.into_iter().enumerate().map(decode).collect()
}
