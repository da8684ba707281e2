//! The store in one SQLite file: the adapter for one controller, with nothing to install.
//!
//! One connection writes, each batch of transactions with `BEGIN IMMEDIATE`; others read beside it (write-ahead log). A
//! commit is on the disk when it returns (`synchronous=FULL`): an offer that a page was told of, and a credential whose
//! machine is about to be destroyed, must outlive a power cut. What comes while the disk is waited for shares the next
//! wait (`writer.rs`). SQL stands in one file for each noun. The schema is in `migrations/`; its checks and triggers refuse
//! what no decision asks for.
//!
//! Never here: a decision, a clock, a log line.

use std::{net::Ipv4Addr, path::Path};

use anteroom_protocol::{
    CredentialId, Epoch, HostPattern, MachineId, NoticeId, ProviderId, SessionId, TokenId, UnixMillis, UserId, ViewId,
    credential::Health,
    provider::MethodKind,
    session::{Reason, SessionEvent},
    signaling::{Answer, LoggedCandidate, Offer, Side},
    view::ViewEntry,
};
use anteroom_session::{
    Change, Session,
    machine::{MachineRow, Seen},
    view::{View, ViewChange},
};
use anteroom_store::{
    AccessRow, CommitError, CredentialRow, Extras, FailedMachine, LeaseRow, NoticeRow, Placement, Restored, Store,
    StoreError, Stored, StoredViews, TokenDigest, TokenRow,
};
use anteroom_vault::{SealedCredential, SealedText};
use async_trait::async_trait;

mod access;
mod credentials;
mod database;
mod failed;
mod hosts;
mod leases;
mod machines;
mod methods;
mod notices;
mod sessions;
mod signaling;
mod tokens;
mod views;
mod words;
mod writer;

use database::Database;
pub use database::OpenError;

/// The store in one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens the file, or makes it (mode 0600, in a directory that is made with mode 0700 when it is missing), and
    /// brings its schema up to date.
    ///
    /// # Errors
    /// Says what could not be made or opened, or that the file was written by a newer release.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { database: Database::open(path).await? })
    }

    /// Waits for what is going on and closes the file; its write-ahead log is worked into it. What is committed is
    /// durable without it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_session(
        &self,
        session: &Session,
        change: Option<&Change>,
        extras: Extras,
    ) -> Result<(), CommitError> {
        sessions::create(&self.database, session, change, &extras).await
    }

    async fn commit(&self, version: u64, change: &Change, extras: Extras) -> Result<(), CommitError> {
        sessions::commit(&self.database, version, change, &extras).await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        sessions::one(&self.database, id).await
    }

    async fn live_sessions(&self, after: Option<&SessionId>, limit: u32) -> Result<Vec<Stored>, StoreError> {
        sessions::live(&self.database, after, limit).await
    }

    async fn queue(&self, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        sessions::queue(&self.database, limit).await
    }

    async fn sessions_of(&self, owner: &UserId, limit: u32) -> Result<Vec<Stored>, StoreError> {
        sessions::newest_of(&self.database, owner, limit).await
    }

    async fn session_by_key(&self, owner: &UserId, key: &str) -> Result<Option<SessionId>, StoreError> {
        let mut connection = self.database.reader().await?;
        sessions::by_key(&mut connection, owner, key).await
    }

    async fn offer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Offer>, StoreError> {
        signaling::offer(&self.database, id, epoch).await
    }

    async fn answer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Answer>, StoreError> {
        signaling::answer(&self.database, id, epoch).await
    }

    async fn candidates(
        &self,
        id: &SessionId,
        epoch: Epoch,
        side: Side,
        after: u32,
    ) -> Result<Vec<LoggedCandidate>, StoreError> {
        signaling::candidates(&self.database, id, epoch, side, after).await
    }

    async fn events(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<SessionEvent>, StoreError> {
        sessions::events(&self.database, id, after, limit).await
    }

    async fn pastes(&self, id: &SessionId, after: u32) -> Result<Vec<(u32, SealedText)>, StoreError> {
        methods::pastes(&self.database, id, after).await
    }

    async fn chosen_methods(&self, owner: &UserId) -> Result<Vec<(ProviderId, MethodKind)>, StoreError> {
        methods::chosen(&self.database, owner).await
    }

    async fn views(&self, id: &SessionId) -> Result<StoredViews, StoreError> {
        views::of_session(&self.database, id).await
    }

    async fn view(&self, id: &SessionId, view: &ViewId) -> Result<Option<View>, StoreError> {
        views::one(&self.database, id, view).await
    }

    async fn commit_views(&self, id: &SessionId, version: u64, change: &ViewChange) -> Result<(), CommitError> {
        views::commit(&self.database, id, version, change).await
    }

    async fn view_answer(&self, view: &ViewId) -> Result<Option<Answer>, StoreError> {
        views::answer(&self.database, view).await
    }

    async fn view_entries(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<ViewEntry>, StoreError> {
        views::entries(&self.database, id, after, limit).await
    }

    async fn machine(&self, id: &MachineId) -> Result<Option<MachineRow>, StoreError> {
        machines::one(&self.database, id).await
    }

    async fn machines(&self, after: Option<&MachineId>, limit: u32) -> Result<Vec<MachineRow>, StoreError> {
        machines::not_gone(&self.database, after, limit).await
    }

    async fn stock(&self) -> Result<Vec<MachineRow>, StoreError> {
        machines::stock(&self.database).await
    }

    async fn plan_pooled(&self, id: &MachineId, placement: &Placement, now: UnixMillis) -> Result<(), CommitError> {
        machines::plan_pooled(&self.database, id, placement, now).await
    }

    async fn retire_pooled(&self, id: &MachineId) -> Result<bool, StoreError> {
        machines::retire_pooled(&self.database, id).await
    }

    async fn retire_kept(&self, id: &MachineId) -> Result<bool, StoreError> {
        machines::retire_kept(&self.database, id).await
    }

    async fn begin_creating(&self, id: &MachineId, token: &TokenDigest) -> Result<(), StoreError> {
        machines::begin_creating(&self.database, id, token).await
    }

    async fn saw_machine(&self, id: &MachineId, seen: Seen, now: UnixMillis) -> Result<(), StoreError> {
        machines::saw(&self.database, id, seen, now).await
    }

    async fn keep_log(&self, id: &MachineId, reason: &Reason, log: &str, now: UnixMillis) -> Result<(), StoreError> {
        failed::keep(&self.database, id, reason, log, now).await
    }

    async fn failed_machines(&self) -> Result<Vec<FailedMachine>, StoreError> {
        failed::all(&self.database).await
    }

    async fn kept_log(&self, id: &MachineId) -> Result<Option<(FailedMachine, String)>, StoreError> {
        failed::log(&self.database, id).await
    }

    async fn forget_log(&self, id: &MachineId) -> Result<bool, StoreError> {
        failed::forget(&self.database, id).await
    }

    async fn machine_by_token(&self, token: &TokenDigest) -> Result<Option<MachineRow>, StoreError> {
        machines::by_token(&self.database, token).await
    }

    async fn machine_by_address(&self, address: Ipv4Addr) -> Result<Option<MachineRow>, StoreError> {
        machines::by_address(&self.database, address).await
    }

    async fn allowed_hosts(&self, owner: &UserId, provider: &ProviderId) -> Result<Vec<HostPattern>, StoreError> {
        hosts::allowed(&self.database, owner, provider).await
    }

    async fn allow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        hosts::allow(&self.database, owner, provider, host, now).await
    }

    async fn disallow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
    ) -> Result<bool, StoreError> {
        hosts::disallow(&self.database, owner, provider, host).await
    }

    async fn credentials_of(&self, owner: &UserId) -> Result<Vec<CredentialRow>, StoreError> {
        credentials::newest_of(&self.database, owner).await
    }

    async fn credential_for(&self, owner: &UserId, provider: &ProviderId) -> Result<Option<CredentialRow>, StoreError> {
        credentials::newest(&self.database, owner, provider).await
    }

    async fn lease(&self, credential: &CredentialId) -> Result<Option<LeaseRow>, StoreError> {
        leases::of(&self.database, credential).await
    }

    async fn all_credentials(&self) -> Result<Vec<CredentialRow>, StoreError> {
        credentials::all(&self.database).await
    }

    async fn credential_versions(&self, owner: &UserId, id: &CredentialId) -> Result<Vec<CredentialRow>, StoreError> {
        credentials::versions(&self.database, owner, id).await
    }

    async fn restore_credential(&self, row: &CredentialRow) -> Result<Restored, StoreError> {
        credentials::restore(&self.database, row).await
    }

    async fn note_trouble(&self, id: &CredentialId, version: u32, trouble: Option<&str>) -> Result<(), StoreError> {
        credentials::note_trouble(&self.database, id, version, trouble).await
    }

    async fn rewrap(&self, id: &CredentialId, version: u32, sealed: &SealedCredential) -> Result<(), StoreError> {
        credentials::rewrap(&self.database, id, version, sealed).await
    }

    async fn remove_credential(&self, owner: &UserId, id: &CredentialId) -> Result<bool, StoreError> {
        credentials::remove(&self.database, owner, id).await
    }

    async fn tell_health(
        &self,
        credential: &CredentialId,
        health: Health,
        notice: Option<&NoticeRow>,
    ) -> Result<bool, StoreError> {
        notices::tell(&self.database, credential, health, notice).await
    }

    async fn due_notices(&self, now: UnixMillis, limit: u32) -> Result<Vec<NoticeRow>, StoreError> {
        notices::due(&self.database, now, limit).await
    }

    async fn put_off_notice(&self, id: &NoticeId, due_at: UnixMillis) -> Result<(), StoreError> {
        notices::put_off(&self.database, id, due_at).await
    }

    async fn remove_notice(&self, id: &NoticeId) -> Result<(), StoreError> {
        notices::remove(&self.database, id).await
    }

    async fn owner(&self, candidate: &UserId, now: UnixMillis) -> Result<UserId, StoreError> {
        access::owner(&self.database, candidate, now).await
    }

    async fn is_owner(&self, user: &UserId) -> Result<bool, StoreError> {
        access::is_owner(&self.database, user).await
    }

    async fn put_access(&self, row: &AccessRow, now: UnixMillis) -> Result<(), StoreError> {
        access::put(&self.database, row, now).await
    }

    async fn user_by_access(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError> {
        access::user(&self.database, digest, now).await
    }

    async fn use_link(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError> {
        access::use_link(&self.database, digest, now).await
    }

    async fn put_token(&self, row: &TokenRow, max: u32) -> Result<bool, StoreError> {
        tokens::put(&self.database, row, max).await
    }

    async fn token(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<TokenRow>, StoreError> {
        tokens::by_digest(&self.database, digest, now).await
    }

    async fn tokens_of(&self, user: &UserId, now: UnixMillis) -> Result<Vec<TokenRow>, StoreError> {
        tokens::of(&self.database, user, now).await
    }

    async fn token_used(&self, id: &TokenId, now: UnixMillis) -> Result<(), StoreError> {
        tokens::used(&self.database, id, now).await
    }

    async fn remove_token(&self, user: &UserId, id: &TokenId) -> Result<bool, StoreError> {
        tokens::remove(&self.database, user, id).await
    }
}
