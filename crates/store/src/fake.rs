//! The store in memory, for the tests of whoever uses the port. It behaves: it passes the same suite as the adapters,
//! and a random test holds SQLite to the same answers. What is in it ends with it.

use std::{
    net::Ipv4Addr,
    sync::{Mutex, PoisonError},
};

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
use anteroom_vault::{SealedCredential, SealedText};
use async_trait::async_trait;

use crate::{
    AccessRow, CommitError, CredentialRow, Extras, FailedMachine, LeaseRow, NoticeRow, Placement, Restored, Store,
    StoreError, Stored, StoredViews, TokenDigest, TokenRow,
};
use tables::Tables;

mod tables;
mod views;

/// The store in memory.
#[derive(Debug, Default)]
pub struct FakeStore {
    tables: Mutex<Tables>,
}

impl FakeStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read<T>(&self, read: impl FnOnce(&Tables) -> T) -> T {
        // A reader that panicked has changed nothing, and a writer works on a copy.
        read(&self.tables.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All or nothing: works on a copy, which takes the tables' place when nothing was refused.
    fn write<T, E>(&self, write: impl FnOnce(&mut Tables) -> Result<T, E>) -> Result<T, E> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut draft = tables.clone();
        let outcome = write(&mut draft)?;
        *tables = draft;
        Ok(outcome)
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn create_session(
        &self,
        session: &Session,
        change: Option<&Change>,
        extras: Extras,
    ) -> Result<(), CommitError> {
        self.write(|tables| tables.create_session(session, change, &extras))
    }

    async fn commit(&self, version: u64, change: &Change, extras: Extras) -> Result<(), CommitError> {
        self.write(|tables| tables.commit(version, change, &extras))
    }

    async fn session(&self, id: &SessionId) -> Result<Option<Stored>, StoreError> {
        Ok(self.read(|tables| tables.session(id).map(|record| record.stored.clone())))
    }

    async fn live_sessions(&self, after: Option<&SessionId>, limit: u32) -> Result<Vec<Stored>, StoreError> {
        Ok(self.read(|tables| tables.live_sessions(after, limit)))
    }

    async fn queue(&self, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.read(|tables| tables.queue().into_iter().take(limit as usize).collect()))
    }

    async fn sessions_of(&self, owner: &UserId, limit: u32) -> Result<Vec<Stored>, StoreError> {
        let newest = |tables: &Tables| {
            let of_owner = tables.sessions.iter().rev().filter(|record| record.stored.session.owner == *owner);
            of_owner.take(limit as usize).map(|record| record.stored.clone()).collect()
        };
        Ok(self.read(newest))
    }

    async fn session_by_key(&self, owner: &UserId, key: &str) -> Result<Option<SessionId>, StoreError> {
        Ok(self.read(|tables| tables.session_by_key(owner, key).cloned()))
    }

    async fn offer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Offer>, StoreError> {
        Ok(self.read(|tables| tables.offers.get(&(id.clone(), epoch)).cloned()))
    }

    async fn answer(&self, id: &SessionId, epoch: Epoch) -> Result<Option<Answer>, StoreError> {
        Ok(self.read(|tables| tables.answers.get(&(id.clone(), epoch)).cloned()))
    }

    async fn candidates(
        &self,
        id: &SessionId,
        epoch: Epoch,
        side: Side,
        after: u32,
    ) -> Result<Vec<LoggedCandidate>, StoreError> {
        let above = |tables: &Tables| match tables.candidates.get(&(id.clone(), epoch, side)) {
            Some(log) => log.iter().filter(|logged| logged.seq > after).cloned().collect(),
            None => Vec::new(),
        };
        Ok(self.read(above))
    }

    async fn events(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<SessionEvent>, StoreError> {
        let above = |tables: &Tables| match tables.events.get(id) {
            Some(log) => log.iter().filter(|event| event.id > after).take(limit as usize).cloned().collect(),
            None => Vec::new(),
        };
        Ok(self.read(above))
    }

    async fn pastes(&self, id: &SessionId, after: u32) -> Result<Vec<(u32, SealedText)>, StoreError> {
        Ok(self.read(|tables| tables.pastes(id, after)))
    }

    async fn chosen_methods(&self, owner: &UserId) -> Result<Vec<(ProviderId, MethodKind)>, StoreError> {
        Ok(self.read(|tables| tables.chosen_methods(owner)))
    }

    async fn views(&self, id: &SessionId) -> Result<StoredViews, StoreError> {
        Ok(self.read(|tables| tables.views.of_session(id)))
    }

    async fn view(&self, id: &SessionId, view: &ViewId) -> Result<Option<View>, StoreError> {
        Ok(self.read(|tables| tables.views.one(id, view)))
    }

    async fn commit_views(&self, id: &SessionId, version: u64, change: &ViewChange) -> Result<(), CommitError> {
        self.write(|tables| tables.commit_views(id, version, change))
    }

    async fn view_answer(&self, view: &ViewId) -> Result<Option<Answer>, StoreError> {
        Ok(self.read(|tables| tables.views.answer(view)))
    }

    async fn view_entries(&self, id: &SessionId, after: u32, limit: u32) -> Result<Vec<ViewEntry>, StoreError> {
        Ok(self.read(|tables| tables.views.entries(id, after, limit)))
    }

    async fn machine(&self, id: &MachineId) -> Result<Option<MachineRow>, StoreError> {
        Ok(self.read(|tables| tables.machine(id).map(|record| record.row.clone())))
    }

    async fn machines(&self, after: Option<&MachineId>, limit: u32) -> Result<Vec<MachineRow>, StoreError> {
        Ok(self.read(|tables| tables.present_machines(after, limit)))
    }

    async fn stock(&self) -> Result<Vec<MachineRow>, StoreError> {
        Ok(self.read(Tables::stock))
    }

    async fn plan_pooled(&self, id: &MachineId, placement: &Placement, now: UnixMillis) -> Result<(), CommitError> {
        self.write(|tables| tables.plan_pooled(id, placement, now))
    }

    async fn retire_pooled(&self, id: &MachineId) -> Result<bool, StoreError> {
        self.write(|tables| tables.retire_pooled(id))
    }

    async fn retire_kept(&self, id: &MachineId) -> Result<bool, StoreError> {
        self.write(|tables| tables.retire_kept(id))
    }

    async fn begin_creating(&self, id: &MachineId, token: &TokenDigest) -> Result<(), StoreError> {
        self.write(|tables| tables.begin_creating(id, token))
    }

    async fn saw_machine(&self, id: &MachineId, seen: Seen, _now: UnixMillis) -> Result<(), StoreError> {
        self.write(|tables| tables.saw_machine(id, seen))
    }

    async fn keep_log(&self, id: &MachineId, reason: &Reason, log: &str, now: UnixMillis) -> Result<(), StoreError> {
        self.write(|tables| tables.keep_log(id, reason, log, now))
    }

    async fn failed_machines(&self) -> Result<Vec<FailedMachine>, StoreError> {
        Ok(self.read(|tables| tables.failed.iter().rev().map(|(failed, _)| failed.clone()).collect()))
    }

    async fn kept_log(&self, id: &MachineId) -> Result<Option<(FailedMachine, String)>, StoreError> {
        Ok(self.read(|tables| tables.failed.iter().find(|(failed, _)| failed.machine == *id).cloned()))
    }

    async fn forget_log(&self, id: &MachineId) -> Result<bool, StoreError> {
        self.write(|tables| {
            let before = tables.failed.len();
            tables.failed.retain(|(failed, _)| failed.machine != *id);
            Ok(tables.failed.len() < before)
        })
    }

    async fn machine_by_token(&self, token: &TokenDigest) -> Result<Option<MachineRow>, StoreError> {
        Ok(self.read(|tables| tables.machine_by_token(token).cloned()))
    }

    async fn machine_by_address(&self, address: Ipv4Addr) -> Result<Option<MachineRow>, StoreError> {
        Ok(self.read(|tables| tables.machine_by_address(address).cloned()))
    }

    async fn allowed_hosts(&self, owner: &UserId, provider: &ProviderId) -> Result<Vec<HostPattern>, StoreError> {
        Ok(self.read(|tables| tables.allowed_hosts(owner, provider)))
    }

    async fn allow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
        _now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.write(|tables| Ok(tables.allow_host(owner, provider, host)))
    }

    async fn disallow_host(
        &self,
        owner: &UserId,
        provider: &ProviderId,
        host: &HostPattern,
    ) -> Result<bool, StoreError> {
        let allowed = (owner.clone(), provider.clone(), host.to_string());
        self.write(|tables| Ok(tables.allowed.remove(&allowed)))
    }

    async fn credentials_of(&self, owner: &UserId) -> Result<Vec<CredentialRow>, StoreError> {
        Ok(self.read(|tables| tables.credentials_of(owner)))
    }

    async fn credential_for(&self, owner: &UserId, provider: &ProviderId) -> Result<Option<CredentialRow>, StoreError> {
        Ok(self.read(|tables| tables.newest_credential(owner, provider).cloned()))
    }

    async fn lease(&self, credential: &CredentialId) -> Result<Option<LeaseRow>, StoreError> {
        Ok(self.read(|tables| tables.lease(credential).cloned()))
    }

    async fn all_credentials(&self) -> Result<Vec<CredentialRow>, StoreError> {
        Ok(self.read(|tables| tables.credentials.clone()))
    }

    async fn credential_versions(&self, owner: &UserId, id: &CredentialId) -> Result<Vec<CredentialRow>, StoreError> {
        Ok(self.read(|tables| tables.credential_versions(owner, id)))
    }

    async fn restore_credential(&self, row: &CredentialRow) -> Result<Restored, StoreError> {
        self.write(|tables| Ok(tables.restore_credential(row)))
    }

    async fn note_trouble(&self, id: &CredentialId, version: u32, trouble: Option<&str>) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.note_trouble(id, version, trouble);
            Ok(())
        })
    }

    async fn rewrap(&self, id: &CredentialId, version: u32, sealed: &SealedCredential) -> Result<(), StoreError> {
        self.write(|tables| {
            for row in &mut tables.credentials {
                if row.id == *id && row.version == version {
                    row.sealed = sealed.clone();
                }
            }
            Ok(())
        })
    }

    async fn remove_credential(&self, owner: &UserId, id: &CredentialId) -> Result<bool, StoreError> {
        self.write(|tables| {
            let before = tables.credentials.len();
            tables.credentials.retain(|row| row.owner != *owner || row.id != *id);
            let is_removed = tables.credentials.len() < before;
            if is_removed {
                tables.told.remove(id);
            }
            Ok(is_removed)
        })
    }

    async fn tell_health(
        &self,
        credential: &CredentialId,
        health: Health,
        notice: Option<&NoticeRow>,
    ) -> Result<bool, StoreError> {
        self.write(|tables| Ok(tables.tell_health(credential, health, notice)))
    }

    async fn due_notices(&self, now: UnixMillis, limit: u32) -> Result<Vec<NoticeRow>, StoreError> {
        let mut due: Vec<_> =
            self.read(|tables| tables.notices.iter().filter(|notice| notice.due_at <= now).cloned().collect());
        due.sort_by(|one, other| (one.due_at, &one.id).cmp(&(other.due_at, &other.id)));
        due.truncate(limit as usize);
        Ok(due)
    }

    async fn put_off_notice(&self, id: &NoticeId, due_at: UnixMillis) -> Result<(), StoreError> {
        self.write(|tables| {
            for notice in tables.notices.iter_mut().filter(|notice| notice.id == *id) {
                (notice.attempts, notice.due_at) = (notice.attempts + 1, due_at);
            }
            Ok(())
        })
    }

    async fn remove_notice(&self, id: &NoticeId) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.notices.retain(|notice| notice.id != *id);
            Ok(())
        })
    }

    async fn owner(&self, candidate: &UserId, _now: UnixMillis) -> Result<UserId, StoreError> {
        self.write(|tables| Ok(tables.owner.get_or_insert_with(|| candidate.clone()).clone()))
    }

    async fn is_owner(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.read(|tables| tables.owner.as_ref() == Some(user)))
    }

    async fn put_access(&self, row: &AccessRow, now: UnixMillis) -> Result<(), StoreError> {
        self.write(|tables| {
            tables.access.retain(|_, row| row.expires_at > now);
            tables.access.insert(row.digest.clone(), row.clone());
            Ok(())
        })
    }

    async fn user_by_access(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError> {
        let valid = |row: &&AccessRow| !row.once && row.expires_at > now;
        Ok(self.read(|tables| tables.access.get(digest).filter(valid).map(|row| row.user.clone())))
    }

    async fn use_link(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<UserId>, StoreError> {
        self.write(|tables| {
            tables.access.retain(|_, row| row.expires_at > now);
            let is_link = tables.access.get(digest).is_some_and(|row| row.once);
            Ok(if is_link { tables.access.remove(digest).map(|row| row.user) } else { None })
        })
    }

    async fn put_token(&self, row: &TokenRow, max: u32) -> Result<bool, StoreError> {
        self.write(|tables| {
            tables.tokens.retain(|other| other.expires_at > row.created_at);
            let there = tables.tokens.iter().filter(|other| other.user == row.user).count();
            let fits = there < max as usize;
            if fits {
                tables.tokens.push(row.clone());
            }
            Ok(fits)
        })
    }

    async fn token(&self, digest: &TokenDigest, now: UnixMillis) -> Result<Option<TokenRow>, StoreError> {
        let of = |row: &&TokenRow| row.digest == *digest && row.expires_at > now;
        Ok(self.read(|tables| tables.tokens.iter().find(of).cloned()))
    }

    async fn tokens_of(&self, user: &UserId, now: UnixMillis) -> Result<Vec<TokenRow>, StoreError> {
        let of = |row: &&TokenRow| row.user == *user && row.expires_at > now;
        let mut rows: Vec<_> = self.read(|tables| tables.tokens.iter().filter(of).cloned().collect());
        rows.sort_by(|one, other| (other.created_at, &one.id).cmp(&(one.created_at, &other.id)));
        Ok(rows)
    }

    async fn token_used(&self, id: &TokenId, now: UnixMillis) -> Result<(), StoreError> {
        self.write(|tables| {
            let of = |row: &&mut TokenRow| row.id == *id;
            tables.tokens.iter_mut().filter(of).for_each(|row| row.last_used_at = Some(now));
            Ok(())
        })
    }

    async fn remove_token(&self, user: &UserId, id: &TokenId) -> Result<bool, StoreError> {
        self.write(|tables| {
            let before = tables.tokens.len();
            tables.tokens.retain(|row| row.user != *user || row.id != *id);
            Ok(tables.tokens.len() < before)
        })
    }
}

#[cfg(test)]
#[path = "fake_tests.rs"]
mod tests;
