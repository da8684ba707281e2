//! The controller's way to the real store: calls that take time, fail before or after they did something, or are the
//! last that a controller makes.

use std::{net::Ipv4Addr, sync::Arc};

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

use crate::{scene::Scene, server::Life};

pub(crate) struct Gate {
    pub(crate) scene: Arc<Scene>,
    pub(crate) life: Life,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Nothing is done, and the caller learns it.
    Failed,
    /// Everything is done, and the caller is told that it failed.
    Doubtful,
}

impl Gate {
    async fn pass<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.life.dwell(&self.scene, name).await;
        let fate = self.fate();
        if fate == Fate::Failed {
            return Err(self.failure(name).into());
        }
        let value = self.scene.database.wait(call);
        self.life.dwell(&self.scene, name).await;
        if fate == Fate::Doubtful && value.is_ok() {
            return Err(self.failure(name).into());
        }
        value
    }

    fn fate(&self) -> Fate {
        if !self.scene.dice.chance(self.scene.weather().store_fails) {
            Fate::Done
        } else if self.scene.dice.chance(5000) {
            Fate::Failed
        } else {
            Fate::Doubtful
        }
    }

    fn failure(&self, name: &'static str) -> StoreError {
        self.scene.say("store", format!("{name} fails"));
        self.scene.referee.count("store faults");
        self.scene.referee.store_failed();
        StoreError::new(name, "the schedule has this fail")
    }
}

macro_rules! store_through_the_gate {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        #[async_trait]
        impl Store for Gate {
            $(async fn $name(&self, $($argument: $kind),*) -> $result {
                let store = self.scene.database.store();
                self.pass(stringify!($name), store.$name($($argument),*)).await
            })+
        }
    };
}

store_through_the_gate! {
    fn create_session(session: &Session, change: Option<&Change>, extras: Extras) -> Result<(), CommitError>;
    fn commit(version: u64, change: &Change, extras: Extras) -> Result<(), CommitError>;
    fn session(id: &SessionId) -> Result<Option<Stored>, StoreError>;
    fn live_sessions(after: Option<&SessionId>, limit: u32) -> Result<Vec<Stored>, StoreError>;
    fn queue(limit: u32) -> Result<Vec<SessionId>, StoreError>;
    fn sessions_of(owner: &UserId, limit: u32) -> Result<Vec<Stored>, StoreError>;
    fn session_by_key(owner: &UserId, key: &str) -> Result<Option<SessionId>, StoreError>;
    fn offer(id: &SessionId, epoch: Epoch) -> Result<Option<Offer>, StoreError>;
    fn answer(id: &SessionId, epoch: Epoch) -> Result<Option<Answer>, StoreError>;
    fn candidates(id: &SessionId, epoch: Epoch, side: Side, after: u32) -> Result<Vec<LoggedCandidate>, StoreError>;
    fn events(id: &SessionId, after: u32, limit: u32) -> Result<Vec<SessionEvent>, StoreError>;
    fn views(id: &SessionId) -> Result<StoredViews, StoreError>;
    fn view(id: &SessionId, view: &ViewId) -> Result<Option<View>, StoreError>;
    fn commit_views(id: &SessionId, version: u64, change: &ViewChange) -> Result<(), CommitError>;
    fn view_answer(view: &ViewId) -> Result<Option<Answer>, StoreError>;
    fn view_entries(id: &SessionId, after: u32, limit: u32) -> Result<Vec<ViewEntry>, StoreError>;
    fn machine(id: &MachineId) -> Result<Option<MachineRow>, StoreError>;
    fn machines(after: Option<&MachineId>, limit: u32) -> Result<Vec<MachineRow>, StoreError>;
    fn stock() -> Result<Vec<MachineRow>, StoreError>;
    fn plan_pooled(id: &MachineId, placement: &Placement, now: UnixMillis) -> Result<(), CommitError>;
    fn retire_pooled(id: &MachineId) -> Result<bool, StoreError>;
    fn retire_kept(id: &MachineId) -> Result<bool, StoreError>;
    fn begin_creating(id: &MachineId, token: &TokenDigest) -> Result<(), StoreError>;
    fn saw_machine(id: &MachineId, seen: Seen, now: UnixMillis) -> Result<(), StoreError>;
    fn keep_log(id: &MachineId, reason: &Reason, log: &str, now: UnixMillis) -> Result<(), StoreError>;
    fn failed_machines() -> Result<Vec<FailedMachine>, StoreError>;
    fn kept_log(id: &MachineId) -> Result<Option<(FailedMachine, String)>, StoreError>;
    fn forget_log(id: &MachineId) -> Result<bool, StoreError>;
    fn machine_by_token(token: &TokenDigest) -> Result<Option<MachineRow>, StoreError>;
    fn pastes(id: &SessionId, after: u32) -> Result<Vec<(u32, SealedText)>, StoreError>;
    fn chosen_methods(owner: &UserId) -> Result<Vec<(ProviderId, MethodKind)>, StoreError>;
    fn machine_by_address(address: Ipv4Addr) -> Result<Option<MachineRow>, StoreError>;
    fn allowed_hosts(owner: &UserId, provider: &ProviderId) -> Result<Vec<HostPattern>, StoreError>;
    fn allow_host(owner: &UserId, provider: &ProviderId, host: &HostPattern, now: UnixMillis) -> Result<bool, StoreError>;
    fn disallow_host(owner: &UserId, provider: &ProviderId, host: &HostPattern) -> Result<bool, StoreError>;
    fn credentials_of(owner: &UserId) -> Result<Vec<CredentialRow>, StoreError>;
    fn credential_for(owner: &UserId, provider: &ProviderId) -> Result<Option<CredentialRow>, StoreError>;
    fn lease(credential: &CredentialId) -> Result<Option<LeaseRow>, StoreError>;
    fn all_credentials() -> Result<Vec<CredentialRow>, StoreError>;
    fn credential_versions(owner: &UserId, id: &CredentialId) -> Result<Vec<CredentialRow>, StoreError>;
    fn restore_credential(row: &CredentialRow) -> Result<Restored, StoreError>;
    fn note_trouble(id: &CredentialId, version: u32, trouble: Option<&str>) -> Result<(), StoreError>;
    fn rewrap(id: &CredentialId, version: u32, sealed: &SealedCredential) -> Result<(), StoreError>;
    fn remove_credential(owner: &UserId, id: &CredentialId) -> Result<bool, StoreError>;
    fn tell_health(credential: &CredentialId, health: Health, notice: Option<&NoticeRow>) -> Result<bool, StoreError>;
    fn due_notices(now: UnixMillis, limit: u32) -> Result<Vec<NoticeRow>, StoreError>;
    fn put_off_notice(id: &NoticeId, due_at: UnixMillis) -> Result<(), StoreError>;
    fn remove_notice(id: &NoticeId) -> Result<(), StoreError>;
    fn owner(candidate: &UserId, now: UnixMillis) -> Result<UserId, StoreError>;
    fn is_owner(user: &UserId) -> Result<bool, StoreError>;
    fn put_access(row: &AccessRow, now: UnixMillis) -> Result<(), StoreError>;
    fn user_by_access(digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError>;
    fn use_link(digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError>;
    fn put_token(row: &TokenRow, max: u32) -> Result<bool, StoreError>;
    fn token(digest: &TokenDigest, now: UnixMillis) -> Result<Option<TokenRow>, StoreError>;
    fn tokens_of(user: &UserId, now: UnixMillis) -> Result<Vec<TokenRow>, StoreError>;
    fn token_used(id: &TokenId, now: UnixMillis) -> Result<(), StoreError>;
    fn remove_token(user: &UserId, id: &TokenId) -> Result<bool, StoreError>;
}
