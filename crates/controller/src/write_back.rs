//! A run's credential: what its machine is given, and what the CLI made of it (invariant one-holder).
//!
//! Only the run that holds the lease is given a credential that rotates, in the version that the lease names. A version that
//! it writes back is the next one after that, whole by the provider's rules, and neither older nor one that was there before, or
//! it is refused and the stored one stays. Refusals end nothing: the run goes on, and so does its CLI.

use anteroom_protocol::{
    SessionId,
    credential::Origin,
    guest::{CapturedCredential, CapturedFile},
};
use anteroom_session::{Input, Session};
use anteroom_store::{CredentialRow, Extras};
use anteroom_vault::{Binding, CredentialBundle, rules::may_replace};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use anteroom_protocol::Secret;

use crate::{
    Caller, Controller, Error,
    capture::decoded,
    controller::{MAX_CONFLICTS, Uncommitted},
    error::Noun,
};

impl Controller {
    /// The files of a run's credential, for its own machine.
    ///
    /// # Errors
    /// It is no run, its credential was forgotten or taken over, or does not open any more.
    pub(crate) async fn credential_of_run(&self, id: &SessionId) -> Result<CapturedCredential, Error> {
        let session = self.going_on(&Caller::Machine(id.clone()), id).await?;
        let row = self.newest_of_run(&session).await?;
        self.check_lease(&session, &row).await?;
        let bundle = self.opened(&row)?;
        let file = |file: &anteroom_vault::BundleFile| CapturedFile {
            path: file.path.clone(),
            base64: Secret::new(STANDARD.encode(file.contents.expose())),
        };
        Ok(CapturedCredential { files: bundle.files().iter().map(file).collect() })
    }

    /// Takes what the CLI made of its run's credential. The same again is fine: the first reply may have been lost.
    ///
    /// # Errors
    /// Not base64, blank, broken or older; a sign-in has replaced the credential meanwhile, or it was forgotten.
    pub(crate) async fn write_back(&self, id: &SessionId, captured: CapturedCredential) -> Result<(), Error> {
        let files = decoded(captured)?;
        let bundle = CredentialBundle::new(files).map_err(|problem| Error::NotWrittenBack(problem.to_string()))?;
        for _ in 0..MAX_CONFLICTS {
            let stored = self.load(&Caller::Machine(id.clone()), id).await?;
            let session = &stored.session;
            let provider = self
                .catalogue
                .get(&session.provider)
                .ok_or_else(|| Error::UnknownProvider(session.provider.clone()))?;
            let examined =
                bundle.examine(&provider.credential).map_err(|problem| Error::NotWrittenBack(problem.to_string()))?;
            let newest = self.newest_of_run(session).await?;
            self.check_lease(session, &newest).await?;
            if self.opened(&newest).is_ok_and(|saved| saved == bundle) {
                return Ok(());
            }
            may_replace(&examined, newest.freshness).map_err(|problem| Error::NotWrittenBack(problem.to_string()))?;
            self.check_not_replaced_before(&newest, &bundle).await?;
            let what = (&examined, Origin::Run);
            let row = self.sealed(&session.owner, &session.provider, &bundle, what, Some(&newest));
            let input = Input::CredentialSealed(row.id.clone());
            match self.commit(&stored, input, Extras { credential: Some(row), ..Extras::default() }).await {
                Ok(_) => return Ok(()),
                Err(Uncommitted::Conflict) => {}
                Err(Uncommitted::Error(error)) => return Err(error),
            }
        }
        Err(Error::Busy(MAX_CONFLICTS))
    }

    async fn newest_of_run(&self, session: &Session) -> Result<CredentialRow, Error> {
        if session.run.is_none() {
            return Err(Error::NotFound(Noun::Run));
        }
        let newest = self.store.credential_for(&session.owner, &session.provider).await?;
        let newest = newest.filter(|row| session.credential.as_ref() == Some(&row.id));
        newest.ok_or_else(|| Error::NotWrittenBack("it was forgotten meanwhile".to_owned()))
    }

    /// Whether the run has the newest version, where one run alone may have it.
    async fn check_lease(&self, session: &Session, newest: &CredentialRow) -> Result<(), Error> {
        let rotates = self.catalogue.get(&session.provider).is_none_or(|provider| provider.credential.rotates);
        if !rotates {
            return Ok(());
        }
        match self.store.lease(&newest.id).await? {
            Some(lease) if lease.session == session.id && lease.version == newest.version => Ok(()),
            Some(lease) if lease.session == session.id => {
                Err(Error::NotWrittenBack("a sign-in has replaced it meanwhile".to_owned()))
            }
            Some(_) | None => Err(Error::NotWrittenBack("this run does not hold it".to_owned())),
        }
    }

    /// A version that was replaced does not come back by a run: its tokens may be used up. This knows it also where the
    /// credential does not say when it was issued.
    async fn check_not_replaced_before(&self, newest: &CredentialRow, bundle: &CredentialBundle) -> Result<(), Error> {
        let versions = self.store.credential_versions(&newest.owner, &newest.id).await?;
        let earlier = versions.iter().filter(|row| row.version < newest.version);
        match earlier.into_iter().find(|row| self.opened(row).is_ok_and(|replaced| replaced == *bundle)) {
            Some(row) => Err(Error::NotWrittenBack(format!("it is version {} again, which was replaced", row.version))),
            None => Ok(()),
        }
    }

    pub(crate) fn opened(&self, row: &CredentialRow) -> Result<CredentialBundle, Error> {
        let binding = Binding {
            owner: row.owner.clone(),
            provider: row.provider.clone(),
            credential: row.id.clone(),
            version: row.version,
        };
        row.sealed.open(&binding, &self.ring).map_err(Error::NotOpened)
    }
}
