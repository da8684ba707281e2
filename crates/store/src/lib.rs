//! The store's port: what the controller needs durable, as one trait with one behaving fake and one conformance
//! suite that every adapter passes.
//!
//! A commit is all or nothing, and is refused when the session has moved on meanwhile; the caller decides again on
//! the newer state. The store never decides: it keeps what `session` decided, and it owns the pool of addresses,
//! because two controllers must not hand one address out twice.

use std::net::Ipv4Addr;

use anteroom_protocol::{
    CredentialId, Epoch, HostPattern, MachineId, NoticeId, ProviderId, SessionId, TokenId, UnixMillis, UserId, ViewId,
    access::Scopes,
    credential::{Health, Origin},
    provider::MethodKind,
    session::{Reason, SessionEvent},
    signaling::{Answer, LoggedCandidate, Offer, Side},
    view::ViewEntry,
};
use anteroom_session::{
    Change, Session, Write,
    machine::{MachineRow, Seen},
    view::{View, ViewChange, Views},
};
use anteroom_vault::{SealedCredential, SealedText};
use async_trait::async_trait;

pub mod fake;
pub mod pool;
#[cfg(any(test, feature = "suite"))]
pub mod suite;

pub use pool::AddressPool;

/// Versions kept of one credential: the newest, and those before it, so that its owner can go back and what was replaced is
/// known again. Older ones only hold secrets that nobody needs, and a credential that rotates would fill the disk.
pub const KEPT_CREDENTIAL_VERSIONS: u32 = 5;

/// Failed machines whose logs are kept; an operator who looks after a bad night finds all of it.
pub const KEPT_LOGS: u32 = 50;
/// The most that is kept of one machine's log: what a driver gives. All of them together stay below four megabytes.
pub const KEPT_LOG_BYTES: usize = 64 * 1024;

/// Hosts that one person may allow for one provider: a person adds them one by one.
pub const MAX_ALLOWED_HOSTS: u32 = 64;

/// Notices that nobody has taken; whoever was away for longer looks at the page.
pub const MAX_NOTICES: u32 = 200;

/// More machines than wait or are made at once anywhere.
pub const MAX_STOCK: u32 = 256;

/// A session with the version it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The session.
    pub session: Session,
    /// Grows by one with each commit.
    pub version: u64,
}

/// A session's views with the version they were read at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredViews {
    /// The length of their log, and those that are not over.
    pub views: Views,
    /// Grows by one with each commit; 0 before the first.
    pub version: u64,
}

/// What a machine row gets when it is planned, beside what the session knows.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Which driver makes it.
    pub driver: String,
    /// Where its address comes from.
    pub pool: AddressPool,
    /// What it is made from; see [`MachineRow::made_from`].
    pub made_from: String,
}

/// A digest of a token: SHA-256 in lower-case hexadecimal. Tokens themselves are never stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub String);

/// A credential as it is kept: metadata in the clear, contents sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow {
    /// Its id; the same for all versions of one owner's credential for one provider.
    pub id: CredentialId,
    /// Whose it is.
    pub owner: UserId,
    /// For which provider.
    pub provider: ProviderId,
    /// 1 for the first.
    pub version: u32,
    /// Whose account it is at the provider, for people.
    pub account: Option<String>,
    /// When it was issued by its own word; a smaller one never replaces a greater one.
    pub freshness: Option<UnixMillis>,
    /// When it stops working for good by its own word.
    pub expires_at: Option<UnixMillis>,
    /// Where this version came from.
    pub origin: Origin,
    /// What was seen of this version that says that it does not work any more; for people.
    pub trouble: Option<String>,
    /// When this version was saved.
    pub saved_at: UnixMillis,
    /// When the first version was saved.
    pub connected_at: UnixMillis,
    /// The contents.
    pub sealed: SealedCredential,
}

/// What became of a version that its owner goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is the newest now.
    Stored,
    /// A run holds the credential: nothing is stored.
    Held(LeaseRow),
    /// The credential has changed meanwhile, or is gone: nothing is stored.
    Changed,
}

/// Who holds a credential that has one holder at a time (invariant one-holder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Which.
    pub credential: CredentialId,
    /// The run.
    pub session: SessionId,
    /// The version that the run has, or has written back last. Nothing but the next one is taken from it.
    pub version: u32,
    /// Since when.
    pub since: UnixMillis,
}

/// The lease that a new run takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLease {
    /// Which credential.
    pub credential: CredentialId,
    /// The version that the run gets: the newest.
    pub version: u32,
}

/// A machine that ended badly, and whose log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedMachine {
    /// Its id.
    pub machine: MachineId,
    /// The session that it served; none when it had waited for one.
    pub session: Option<SessionId>,
    /// What was to be connected in it.
    pub provider: Option<ProviderId>,
    /// Which driver had made it.
    pub driver: String,
    /// When it was planned.
    pub created_at: UnixMillis,
    /// When its log was kept, just before it was destroyed.
    pub failed_at: UnixMillis,
    /// How it ended.
    pub reason: Reason,
}

/// A person's browser or program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    /// Digest of the cookie's or token's value.
    pub digest: TokenDigest,
    /// Who it is.
    pub user: UserId,
    /// When it stops working.
    pub expires_at: UnixMillis,
    /// A link works once; a cookie and the owner's token again and again.
    pub once: bool,
}

/// A personal token: what a program shows in place of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its id, for people.
    pub id: TokenId,
    /// Digest of its value.
    pub digest: TokenDigest,
    /// Whose it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it opens.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it stops working.
    pub expires_at: UnixMillis,
    /// When it was used last, to the minute or so.
    pub last_used_at: Option<UnixMillis>,
}

/// What is to be told to somebody outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its id.
    pub id: NoticeId,
    /// What is told, as JSON.
    pub body: String,
    /// When it came about.
    pub created_at: UnixMillis,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: UnixMillis,
}

/// What to do with a commit's token, credential and placement, beside the session's change.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Needed when the change plans a machine. One that is pooled keeps what it was given before.
    pub placement: Option<Placement>,
    /// Stored in the same transaction (invariant saved-before-destroyed).
    pub credential: Option<CredentialRow>,
    /// The lease that the new run takes; for [`Store::create_session`] only.
    pub lease: Option<WantedLease>,
    /// The text that is pasted; needed when the change has a [`Write::Paste`].
    pub paste: Option<SealedText>,
    /// Whether the session's method is what its owner wants for this provider from now on; for [`Store::create_session`] only.
    pub chooses_method: bool,
    /// How many sessions may wait for a place, this one with them; needed when the change joins them.
    pub max_queued: Option<u32>,
    /// How many failed machines are kept, this session's with them. Its own is kept in place of being destroyed, when the
    /// change retires it and it runs; of all that are kept, those that were kept first are wanted gone beyond this number.
    pub keep_failed: Option<u32>,
    /// A request's idempotency key, with which the new session is found again; for [`Store::create_session`] only.
    pub idempotency_key: Option<String>,
}

/// Why a commit did not happen. Nothing of it is stored then.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The session has another version by now: read it again and decide again.
    #[error("session {0} has changed meanwhile")]
    Conflict(SessionId),
    /// The same idempotency key has made this session before.
    #[error("this request has made session {0} before")]
    Repeated(SessionId),
    /// There are as many as there may be.
    #[error("no place: {0}")]
    NoCapacity(Full),
    /// The machine that the change plans is there already, and is not pooled (any more): decide with another one.
    #[error("machine {0} serves somebody else by now, or is gone")]
    MachineTaken(MachineId),
    /// Another run holds the credential.
    #[error("session {} holds credential {}", .0.session, .0.credential)]
    LeaseHeld(LeaseRow),
    /// The credential would replace one with a version that is not older by one, or another credential.
    #[error("the credential of session {0} has changed meanwhile")]
    CredentialConflict(SessionId),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What there is no more place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// No address is free, or there are as many machines as there may be.
    #[error("all places for machines are taken")]
    Machines,
    /// The owner has as many machines as one person may have.
    #[error("the owner has as many machines as one person may have")]
    Owner,
    /// As many sessions wait for a place as may.
    #[error("as many sessions wait for a place as may")]
    Queue,
}

/// The database failed; says what was tried on what.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
pub struct StoreError {
    /// What was tried on what.
    pub action: String,
    /// What the database said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// What was tried on what, and what the database said.
    #[must_use]
    pub fn new(action: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { action: action.into(), source: source.into() }
    }
}

/// When a change was decided: the time of its first event, which all that concerns a machine has.
#[must_use]
pub fn decided_at(change: &Change) -> UnixMillis {
    let event = |write: &Write| match write {
        Write::Event(event) => Some(event.at),
        Write::Offer { .. }
        | Write::Answer { .. }
        | Write::Candidates { .. }
        | Write::Paste(_)
        | Write::JoinQueue
        | Write::PlanMachine(_)
        | Write::SawMachine(_)
        | Write::RetireMachine(_) => None,
    };
    change.writes.iter().find_map(event).unwrap_or(change.session.created_at)
}

/// The port. All lists are bounded by what their tables can hold; those that grow take a limit.
///
/// Every adapter refuses, with a [`StoreError`], what no decision of `session` asks for: a second offer or answer of
/// one epoch, a gap in a log, a machine for a session with a desktop and without an offer, a way out of an end, a way back from gone.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // --- sessions ---

    /// Stores a session that [`Session::new`] made, with the first change to it if there is one, all in one transaction. Its
    /// version is 1 then.
    async fn create_session(
        &self,
        session: &Session,
        change: Option<&Change>,
        extras: Extras,
    ) -> Result<(), CommitError>;
    /// Stores a change to the session that was read at `version`.
    async fn commit(&self, version: u64, change: &Change, extras: Extras) -> Result<(), CommitError>;
    /// The session, if there is one.
    async fn session(&self, id: &SessionId) -> Result<Option<Stored>, StoreError>;
    /// Sessions that have not ended, or that have not heard yet that their machine is gone; of all owners, the oldest
    /// first. A piece of the list: at most `limit`, behind the session `after`.
    async fn live_sessions(&self, after: Option<&SessionId>, limit: u32) -> Result<Vec<Stored>, StoreError>;
    /// Sessions that wait for a place, in the order in which they came; at most `limit`.
    async fn queue(&self, limit: u32) -> Result<Vec<SessionId>, StoreError>;
    /// The owner's newest sessions, ended ones too; the newest first.
    async fn sessions_of(&self, owner: &UserId, limit: u32) -> Result<Vec<Stored>, StoreError>;
    /// The session that this owner's request with this idempotency key has made.
    async fn session_by_key(&self, owner: &UserId, key: &str) -> Result<Option<SessionId>, StoreError>;
    /// The offer of an epoch.
    async fn offer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Offer>, StoreError>;
    /// The answer of an epoch.
    async fn answer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Answer>, StoreError>;
    /// The log's candidates above `after`, in order.
    async fn candidates(
        &self,
        id: &SessionId,
        epoch: Epoch,
        side: Side,
        after: u32,
    ) -> Result<Vec<LoggedCandidate>, StoreError>;
    /// The session's events above `after`, in order, at most `limit`.
    async fn events(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<SessionEvent>, StoreError>;

    /// What was pasted in the session above number `after`, in order, sealed. There is nothing any more when it has ended.
    async fn pastes(&self, id: &SessionId, after: u32) -> Result<Vec<(u32, SealedText)>, StoreError>;
    /// The methods that the owner chose last, in the order of the providers.
    async fn chosen_methods(&self, owner: &UserId) -> Result<Vec<(ProviderId, MethodKind)>, StoreError>;

    // --- views ---

    /// The session's views; none when nobody has viewed it.
    async fn views(&self, id: &SessionId) -> Result<StoredViews, StoreError>;
    /// One view of the session, over or not.
    async fn view(&self, id: &SessionId, view: &ViewId) -> Result<Option<View>, StoreError>;
    /// Stores a change to the session's views that were read at `version`. The session itself stays as it is.
    async fn commit_views(&self, id: &SessionId, version: u64, change: &ViewChange) -> Result<(), CommitError>;
    /// The answer of a view.
    async fn view_answer(&self, view: &ViewId) -> Result<Option<Answer>, StoreError>;
    /// The entries above `after` of the session's log of views, in order, at most `limit`.
    async fn view_entries(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<ViewEntry>, StoreError>;

    // --- machines ---

    /// The machine's row, if there is one.
    async fn machine(&self, id: &MachineId) -> Result<Option<MachineRow>, StoreError>;
    /// Rows that are not gone, in the order in which they were planned. A piece of the list: at most `limit`, behind the
    /// machine `after`, gone or not.
    async fn machines(&self, after: Option<&MachineId>, limit: u32) -> Result<Vec<MachineRow>, StoreError>;
    /// Rows that wait for sessions, and those that are being made, in the order in which they were planned; at most
    /// [`MAX_STOCK`].
    async fn stock(&self) -> Result<Vec<MachineRow>, StoreError>;
    /// Stores the intent to make a machine that serves nobody yet, with an address. A [`Write::PlanMachine`] that names it
    /// binds it to that session.
    async fn plan_pooled(&self, id: &MachineId, placement: &Placement, now: UnixMillis) -> Result<(), CommitError>;
    /// Has a pooled machine destroyed; false when it is not pooled any more.
    async fn retire_pooled(&self, id: &MachineId) -> Result<bool, StoreError>;
    /// Has a kept machine destroyed; false when it is not kept (any more).
    async fn retire_kept(&self, id: &MachineId) -> Result<bool, StoreError>;
    /// Before the driver is told: `seen` becomes `creating`, attempts grow by one, and the token's digest replaces an older one.
    async fn begin_creating(&self, id: &MachineId, token: &TokenDigest) -> Result<(), StoreError>;
    /// Stores what was seen. With `gone` the address is free and the token dies; that may be said again, and nothing
    /// else after it.
    async fn saw_machine(&self, id: &MachineId, seen: Seen, now: UnixMillis) -> Result<(), StoreError>;
    /// Keeps the log of a machine that is about to be destroyed; at most [`KEPT_LOG_BYTES`], secrets masked. One that is
    /// kept already stays as it is. Of all that are kept, the oldest beyond [`KEPT_LOGS`] are forgotten.
    async fn keep_log(&self, id: &MachineId, reason: &Reason, log: &str, now: UnixMillis) -> Result<(), StoreError>;
    /// The failed machines whose logs are kept, the newest first.
    async fn failed_machines(&self) -> Result<Vec<FailedMachine>, StoreError>;
    /// One of them with its log.
    async fn kept_log(&self, id: &MachineId) -> Result<Option<(FailedMachine, String)>, StoreError>;
    /// Forgets a kept log; false when there was none.
    async fn forget_log(&self, id: &MachineId) -> Result<bool, StoreError>;
    /// The machine with this token, unless it is wanted gone or gone. One that is kept serves nobody, and may ask so.
    async fn machine_by_token(&self, token: &TokenDigest) -> Result<Option<MachineRow>, StoreError>;

    /// The machine that has this address now; none when none has.
    async fn machine_by_address(&self, address: Ipv4Addr) -> Result<Option<MachineRow>, StoreError>;

    // --- hosts ---

    /// What the owner allows the provider's machines to reach, in the order of the names.
    async fn allowed_hosts(&self, owner: &UserId, provider: &ProviderId) -> Result<Vec<HostPattern>, StoreError>;
    /// Allows one more; false when it would be more than [`MAX_ALLOWED_HOSTS`]. One that is allowed already stays so.
    async fn allow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
        now: UnixMillis,
    ) -> Result<bool, StoreError>;
    /// Takes one back; false when it was not allowed.
    async fn disallow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
    ) -> Result<bool, StoreError>;

    // --- credentials ---

    /// The owner's credentials in their newest versions, by provider.
    async fn credentials_of(&self, owner: &UserId) -> Result<Vec<CredentialRow>, StoreError>;
    /// The owner's credential for a provider in its newest version.
    async fn credential_for(&self, owner: &UserId, provider: &ProviderId) -> Result<Option<CredentialRow>, StoreError>;
    /// Who holds a credential. A run's lease ends by itself, in the transaction in which its session has ended and has no
    /// machine any more: from then on nobody can use what it had.
    async fn lease(&self, credential: &CredentialId) -> Result<Option<LeaseRow>, StoreError>;
    /// Every stored version of every credential ([`KEPT_CREDENTIAL_VERSIONS`] each), for the rotation of the wrapping
    /// key.
    async fn all_credentials(&self) -> Result<Vec<CredentialRow>, StoreError>;
    /// The kept versions of the owner's credential, the newest first.
    async fn credential_versions(&self, owner: &UserId, id: &CredentialId) -> Result<Vec<CredentialRow>, StoreError>;
    /// Stores the next version of a credential that no run holds, and forgets those that are no longer kept.
    async fn restore_credential(&self, row: &CredentialRow) -> Result<Restored, StoreError>;
    /// Notes what was seen of a version, or that all is well with it. Nothing happens when it is not the newest (any more).
    async fn note_trouble(&self, id: &CredentialId, version: u32, trouble: Option<&str>) -> Result<(), StoreError>;
    /// Replaces the sealed contents of one version by the same contents under another wrapping key. Nothing
    /// happens when that version was removed or replaced meanwhile: nothing is left under the old key then either.
    async fn rewrap(&self, id: &CredentialId, version: u32, sealed: &SealedCredential) -> Result<(), StoreError>;
    /// Forgets the owner's credential in all versions; false when there was none.
    async fn remove_credential(&self, owner: &UserId, id: &CredentialId) -> Result<bool, StoreError>;

    // --- notices ---

    /// Notes which health of a credential is told, and what is to be told of it to somebody outside, in one transaction; false,
    /// and nothing is stored, when it is the one that was told last. Before the first that is `connected`. Of all notices the
    /// oldest beyond [`MAX_NOTICES`] are forgotten.
    async fn tell_health(
        &self,
        credential: &CredentialId,
        health: Health,
        notice: Option<&NoticeRow>,
    ) -> Result<bool, StoreError>;
    /// The notices that are due, those that were due first; at most `limit`.
    async fn due_notices(&self, now: UnixMillis, limit: u32) -> Result<Vec<NoticeRow>, StoreError>;
    /// Notes that a notice was tried in vain, and when it is tried next.
    async fn put_off_notice(&self, id: &NoticeId, due_at: UnixMillis) -> Result<(), StoreError>;
    /// Forgets a notice: it was taken, or tried for the last time.
    async fn remove_notice(&self, id: &NoticeId) -> Result<(), StoreError>;

    // --- access ---

    /// The owner of this installation; made by the caller's id at the first call.
    async fn owner(&self, candidate: &UserId, now: UnixMillis) -> Result<UserId, StoreError>;
    /// Whether this is the owner.
    async fn is_owner(&self, user: &UserId) -> Result<bool, StoreError>;
    /// Stores a link's, a cookie's or a token's digest; one that is stored already is replaced. Forgets what has expired.
    async fn put_access(&self, row: &AccessRow, now: UnixMillis) -> Result<(), StoreError>;
    /// Who this is, if it has not expired and is not for one use.
    async fn user_by_access(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError>;
    /// Uses up a link: who this is, once. Forgets what has expired.
    async fn use_link(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError>;
    /// Stores a personal token; false when its owner has `max` already. Forgets those that have expired when it was made.
    async fn put_token(&self, row: &TokenRow, max: u32) -> Result<bool, StoreError>;
    /// The personal token with this value's digest, if it has not expired.
    async fn token(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<TokenRow>, StoreError>;
    /// The owner's personal tokens that have not expired, the newest first.
    async fn tokens_of(&self, user: &UserId, now: UnixMillis) -> Result<Vec<TokenRow>, StoreError>;
    /// Notes when a personal token was used.
    async fn token_used(&self, id: &TokenId, now: UnixMillis) -> Result<(), StoreError>;
    /// Revokes the owner's personal token; false when there was none.
    async fn remove_token(&self, user: &UserId, id: &TokenId) -> Result<bool, StoreError>;
}
