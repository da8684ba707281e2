//! A store and a driver that stop at a chosen call, as if the controller were killed there: before the call has done
//! anything, or after it has done everything but nobody learned of it.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anteroom_machines::{Capabilities, CreateError, Driver, MachineSpec, Observed, OperationError, Reach, Usage};
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
    StoreError, Stored, StoredViews, TokenDigest, TokenRow, fake::FakeStore,
};
use anteroom_vault::{SealedCredential, SealedText};
use async_trait::async_trait;
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// Counts calls, and ends everything at one of them.
pub(crate) struct Fuse {
    calls: AtomicU32,
    at: u32,
    moment: Moment,
    blown: watch::Sender<bool>,
}

impl Fuse {
    pub(crate) fn new(at: u32, moment: Moment) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU32::new(0), at, moment, blown: watch::Sender::new(false) })
    }

    pub(crate) async fn blown(&self) {
        self.blown.subscribe().wait_for(|blown| *blown).await.expect("the fuse holds the sender");
    }

    pub(crate) fn is_blown(&self) -> bool {
        *self.blown.borrow()
    }

    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.is_blown() || (number == self.at && self.moment == Moment::Before) {
            return self.blow().await;
        }
        let value = call.await;
        if number == self.at { self.blow().await } else { value }
    }

    async fn blow<T>(&self) -> T {
        self.blown.send_replace(true);
        std::future::pending().await
    }
}

pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<FakeStore>,
    pub(crate) fuse: Arc<Fuse>,
}

macro_rules! store_through_the_fuse {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $result:ty;)+) => {
        #[async_trait]
        impl Store for FaultyStore {
            $(async fn $name(&self, $($argument: $kind),*) -> $result {
                self.fuse.around(self.inner.$name($($argument),*)).await
            })+
        }
    };
}

store_through_the_fuse! {
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

pub(crate) struct FaultyDriver<D> {
    pub(crate) inner: D,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl<D: Driver> Driver for FaultyDriver<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        self.fuse.around(self.inner.create(spec)).await
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        self.fuse.around(self.inner.inspect(id)).await
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        self.fuse.around(self.inner.destroy(id)).await
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.fuse.around(self.inner.list()).await
    }

    async fn exited(&self, id: &MachineId) -> String {
        self.inner.exited(id).await
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        self.fuse.around(self.inner.logs(id)).await
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        self.fuse.around(self.inner.reach(id, reach)).await
    }

    async fn usage(&self, id: &MachineId) -> Result<Option<Usage>, OperationError> {
        self.inner.usage(id).await
    }
}
