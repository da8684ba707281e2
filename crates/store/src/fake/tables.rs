//! What the fake remembers, and the rules that a database would hold by its schema.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
};

use anteroom_protocol::{
    CredentialId, Epoch, HostPattern, MachineId, ProviderId, SessionId, UnixMillis, UserId,
    credential::Health,
    provider::MethodKind,
    session::{Reason, SessionEvent},
    signaling::{Answer, LoggedCandidate, Offer, Side},
};
use anteroom_session::{
    Change, Session, Write,
    machine::{MachineRow, Seen, Wanted},
};

use anteroom_vault::SealedText;

use super::views::ViewTables;
use crate::{
    AccessRow, AddressPool, CommitError, CredentialRow, Extras, FailedMachine, Full, KEPT_CREDENTIAL_VERSIONS,
    KEPT_LOG_BYTES, KEPT_LOGS, LeaseRow, MAX_ALLOWED_HOSTS, MAX_NOTICES, MAX_STOCK, NoticeRow, Placement, Restored,
    StoreError, Stored, TokenDigest, TokenRow, WantedLease, decided_at,
};

/// Everything, in the order in which it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) sessions: Vec<SessionRecord>,
    pub(super) offers: HashMap<(SessionId, Epoch), Offer>,
    pub(super) answers: HashMap<(SessionId, Epoch), Answer>,
    pub(super) candidates: HashMap<(SessionId, Epoch, Side), Vec<LoggedCandidate>>,
    pub(super) events: HashMap<SessionId, Vec<SessionEvent>>,
    /// Of sessions that have not ended.
    pastes: HashMap<SessionId, Vec<SealedText>>,
    chosen: BTreeMap<(UserId, ProviderId), MethodKind>,
    machines: Vec<MachineRecord>,
    /// Those that are kept, in the order in which they were.
    kept: Vec<MachineId>,
    /// With their logs.
    pub(super) failed: Vec<(FailedMachine, String)>,
    pub(super) credentials: Vec<CredentialRow>,
    leases: Vec<LeaseRow>,
    /// Hosts that a person allows for a provider, in their order.
    pub(super) allowed: BTreeSet<(UserId, ProviderId, String)>,
    pub(super) owner: Option<UserId>,
    pub(super) access: HashMap<TokenDigest, AccessRow>,
    pub(super) tokens: Vec<TokenRow>,
    pub(super) told: HashMap<CredentialId, Health>,
    pub(super) notices: Vec<NoticeRow>,
    pub(super) views: ViewTables,
}

#[derive(Clone, Debug)]
pub(super) struct SessionRecord {
    pub(super) stored: Stored,
    key: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct MachineRecord {
    pub(super) row: MachineRow,
    token: Option<TokenDigest>,
}

pub(super) fn refused(id: impl std::fmt::Display, rule: &'static str) -> StoreError {
    StoreError::new(format!("write to {id}"), rule)
}

// --- sessions ------------------------------------------------------------------------------------

impl Tables {
    pub(super) fn session(&self, id: &SessionId) -> Option<&SessionRecord> {
        self.sessions.iter().find(|record| record.stored.session.id == *id)
    }

    pub(super) fn session_by_key(&self, owner: &UserId, key: &str) -> Option<&SessionId> {
        let made =
            |record: &&SessionRecord| record.stored.session.owner == *owner && record.key.as_deref() == Some(key);
        self.sessions.iter().find(made).map(|record| &record.stored.session.id)
    }

    pub(super) fn live_sessions(&self, after: Option<&SessionId>, limit: u32) -> Vec<Stored> {
        let known = after.and_then(|id| self.sessions.iter().position(|record| record.stored.session.id == *id));
        let live = |stored: &&Stored| stored.session.end().is_none() || stored.session.machine.is_some();
        let behind = self.sessions.iter().skip(known.map_or(0, |place| place + 1)).map(|record| &record.stored);
        behind.filter(live).take(limit as usize).cloned().collect()
    }

    pub(super) fn queue(&self) -> Vec<SessionId> {
        let sessions = self.sessions.iter().map(|record| &record.stored.session);
        let mut waiting: Vec<_> = sessions.filter_map(|session| Some((session.queued_since()?, session))).collect();
        waiting.sort_by_key(|(since, _)| *since);
        waiting.into_iter().map(|(_, session)| session.id.clone()).collect()
    }

    /// The session stands in its table by now.
    fn join_queue(&self, id: &SessionId, extras: &Extras) -> Result<(), CommitError> {
        let max = extras.max_queued.ok_or_else(|| refused(id, "who joins the queue says how long it may be"))?;
        if self.queue().len() > max as usize { Err(CommitError::NoCapacity(Full::Queue)) } else { Ok(()) }
    }

    pub(super) fn create_session(
        &mut self,
        session: &Session,
        change: Option<&Change>,
        extras: &Extras,
    ) -> Result<(), CommitError> {
        let key = extras.idempotency_key.as_deref();
        if let Some(made) = key.and_then(|key| self.session_by_key(&session.owner, key)) {
            return Err(CommitError::Repeated(made.clone()));
        }
        if self.session(&session.id).is_some() {
            return Err(CommitError::Conflict(session.id.clone()));
        }
        let stored = Stored { session: change.map_or(session, |change| &change.session).clone(), version: 1 };
        self.sessions.push(SessionRecord { stored, key: key.map(str::to_owned) });
        if extras.chooses_method {
            self.chosen.insert((session.owner.clone(), session.provider.clone()), session.method);
        }
        if let Some(wanted) = &extras.lease {
            self.take_lease(session, wanted)?;
        }
        change.map_or(Ok(()), |change| self.apply(change, extras))
    }

    pub(super) fn commit(&mut self, version: u64, change: &Change, extras: &Extras) -> Result<(), CommitError> {
        let id = &change.session.id;
        let same = |record: &&mut SessionRecord| record.stored.session.id == *id && record.stored.version == version;
        let record = self.sessions.iter_mut().find(same).ok_or_else(|| CommitError::Conflict(id.clone()))?;
        let before = &record.stored.session;
        if before.end().is_some() && before.state() != change.session.state() {
            return Err(refused(id, "a session ends once").into());
        }
        record.stored = Stored { session: change.session.clone(), version: version + 1 };
        self.apply(change, extras)
    }

    fn apply(&mut self, change: &Change, extras: &Extras) -> Result<(), CommitError> {
        let id = &change.session.id;
        if let Some(row) = &extras.credential {
            if change.session.run.is_some() {
                self.advance_lease(id, row.version)?;
            }
            self.put_credential(id, row)?;
        }
        for write in &change.writes {
            match write {
                Write::Offer { epoch, offer } => self.put_offer(id, *epoch, offer)?,
                Write::Answer { epoch, answer } => self.put_answer(id, *epoch, answer)?,
                Write::Candidates { epoch, side, candidates } => self.append(id, *epoch, *side, candidates)?,
                Write::Paste(number) => self.put_paste(id, *number, extras.paste.as_ref())?,
                Write::Event(event) => self.append_event(id, event)?,
                Write::JoinQueue => self.join_queue(id, extras)?,
                Write::PlanMachine(machine) => self.plan(machine, change, extras.placement.as_ref())?,
                Write::SawMachine(machine) => self.saw_created(machine)?,
                Write::RetireMachine(machine) => self.retire(machine, extras.keep_failed)?,
            }
        }
        if change.session.end().is_some() {
            self.pastes.remove(id);
            if change.session.machine.is_none() {
                self.leases.retain(|lease| lease.session != *id);
            }
        }
        match &change.session.machine {
            Some(machine) if self.machine(machine).is_none() => Err(refused(id, "its machine has no row").into()),
            Some(_) | None => Ok(()),
        }
    }
}

// --- signaling -----------------------------------------------------------------------------------

impl Tables {
    fn put_offer(&mut self, id: &SessionId, epoch: Epoch, offer: &Offer) -> Result<(), StoreError> {
        let newest = self.offers.keys().filter(|key| key.0 == *id).map(|key| key.1).max().unwrap_or(Epoch::NONE);
        if epoch != newest.next() {
            return Err(refused(id, "an offer is a new epoch, one more than the newest"));
        }
        self.offers.insert((id.clone(), epoch), offer.clone());
        Ok(())
    }

    fn put_answer(&mut self, id: &SessionId, epoch: Epoch, answer: &Answer) -> Result<(), StoreError> {
        let key = (id.clone(), epoch);
        if !self.offers.contains_key(&key) || self.answers.contains_key(&key) {
            return Err(refused(id, "an epoch with an offer takes one answer"));
        }
        self.answers.insert(key, answer.clone());
        Ok(())
    }

    fn append(
        &mut self,
        id: &SessionId,
        epoch: Epoch,
        side: Side,
        candidates: &[LoggedCandidate],
    ) -> Result<(), StoreError> {
        if !self.offers.contains_key(&(id.clone(), epoch)) {
            return Err(refused(id, "candidates belong to an epoch with an offer"));
        }
        let log = self.candidates.entry((id.clone(), epoch, side)).or_default();
        for logged in candidates {
            if logged.seq as usize != log.len() + 1 {
                return Err(refused(id, "a candidate log has no gaps"));
            }
            log.push(logged.clone());
        }
        Ok(())
    }

    fn put_paste(&mut self, id: &SessionId, number: u32, sealed: Option<&SealedText>) -> Result<(), StoreError> {
        let sealed = sealed.ok_or_else(|| refused(id, "a paste comes with its sealed text"))?;
        let log = self.pastes.entry(id.clone()).or_default();
        if number as usize != log.len() + 1 {
            return Err(refused(id, "the numbers of pastes have no gaps"));
        }
        log.push(sealed.clone());
        Ok(())
    }

    pub(super) fn pastes(&self, id: &SessionId, after: u32) -> Vec<(u32, SealedText)> {
        let log = self.pastes.get(id).into_iter().flatten().cloned();
        (1..).zip(log).filter(|(number, _)| *number > after).collect()
    }

    pub(super) fn chosen_methods(&self, owner: &UserId) -> Vec<(ProviderId, MethodKind)> {
        let of_owner = self.chosen.iter().filter(|((user, _), _)| user == owner);
        of_owner.map(|((_, provider), method)| (provider.clone(), *method)).collect()
    }

    fn append_event(&mut self, id: &SessionId, event: &SessionEvent) -> Result<(), StoreError> {
        let log = self.events.entry(id.clone()).or_default();
        if event.id as usize != log.len() + 1 {
            return Err(refused(id, "an event log has no gaps"));
        }
        log.push(event.clone());
        Ok(())
    }
}

// --- machines ------------------------------------------------------------------------------------

impl Tables {
    pub(super) fn machine(&self, id: &MachineId) -> Option<&MachineRecord> {
        self.machines.iter().find(|record| record.row.id == *id)
    }

    fn machine_mut(&mut self, id: &MachineId) -> Result<&mut MachineRecord, StoreError> {
        let record = self.machines.iter_mut().find(|record| record.row.id == *id);
        record.ok_or_else(|| refused(id, "there is no such machine"))
    }

    /// The machine's row, unless it is gone.
    fn present(&mut self, id: &MachineId) -> Result<&mut MachineRecord, StoreError> {
        let record = self.machine_mut(id)?;
        if record.row.seen == Seen::Gone { Err(refused(id, "the machine is gone")) } else { Ok(record) }
    }

    pub(super) fn machines_not_gone(&self) -> impl Iterator<Item = &MachineRecord> {
        self.machines.iter().filter(|record| record.row.seen != Seen::Gone)
    }

    pub(super) fn present_machines(&self, after: Option<&MachineId>, limit: u32) -> Vec<MachineRow> {
        let known = after.and_then(|id| self.machines.iter().position(|record| record.row.id == *id));
        let behind = self.machines.iter().skip(known.map_or(0, |place| place + 1)).map(|record| &record.row);
        behind.filter(|row| row.seen != Seen::Gone).take(limit as usize).cloned().collect()
    }

    pub(super) fn stock(&self) -> Vec<MachineRow> {
        let is_being_made =
            |row: &MachineRow| row.wanted == Wanted::Running && matches!(row.seen, Seen::Planned | Seen::Creating);
        let rows = self.machines_not_gone().map(|record| &record.row);
        rows.filter(|row| row.session.is_none() || is_being_made(row)).take(MAX_STOCK as usize).cloned().collect()
    }

    fn plan(&mut self, id: &MachineId, change: &Change, placement: Option<&Placement>) -> Result<(), CommitError> {
        let session = &change.session;
        let placement = placement.ok_or_else(|| refused(id, "a planned machine needs a placement"))?;
        if session.has_desktop() && !self.offers.keys().any(|key| key.0 == session.id) {
            return Err(refused(id, "a machine needs a stored offer").into());
        }
        if self.owned_by(&session.owner) >= placement.pool.max_machines_per_owner as usize {
            return Err(CommitError::NoCapacity(Full::Owner));
        }
        if self.machine(id).is_some() {
            let record = self.machine_mut(id)?;
            if !is_pooled(&record.row) {
                return Err(CommitError::MachineTaken(id.clone()));
            }
            record.row.session = Some(session.id.clone());
            return Ok(());
        }
        self.insert_machine(id, Some(session.id.clone()), placement, decided_at(change))
    }

    pub(super) fn plan_pooled(
        &mut self,
        id: &MachineId,
        placement: &Placement,
        now: UnixMillis,
    ) -> Result<(), CommitError> {
        if self.machine(id).is_some() {
            return Err(refused(id, "there is such a machine already").into());
        }
        self.insert_machine(id, None, placement, now)
    }

    pub(super) fn retire_pooled(&mut self, id: &MachineId) -> Result<bool, StoreError> {
        let pooled = self.machines.iter_mut().find(|record| record.row.id == *id && is_pooled(&record.row));
        Ok(pooled.map(|record| record.row.wanted = Wanted::Gone).is_some())
    }

    fn retire(&mut self, id: &MachineId, keep: Option<u32>) -> Result<(), StoreError> {
        let row = &mut self.machine_mut(id)?.row;
        let Some(keep) = keep.filter(|keep| *keep > 0 && row.seen == Seen::Running) else {
            row.wanted = Wanted::Gone;
            return Ok(());
        };
        row.wanted = Wanted::Kept;
        self.kept.push(id.clone());
        let kept: Vec<_> = self.kept.iter().filter(|id| self.is_kept(id)).cloned().collect();
        for id in kept.iter().rev().skip(keep as usize) {
            self.machine_mut(id)?.row.wanted = Wanted::Gone;
        }
        Ok(())
    }

    fn is_kept(&self, id: &MachineId) -> bool {
        self.machine(id).is_some_and(|record| record.row.wanted == Wanted::Kept && record.row.seen != Seen::Gone)
    }

    pub(super) fn retire_kept(&mut self, id: &MachineId) -> Result<bool, StoreError> {
        let is_kept = self.is_kept(id);
        if is_kept {
            self.machine_mut(id)?.row.wanted = Wanted::Gone;
        }
        Ok(is_kept)
    }

    fn insert_machine(
        &mut self,
        id: &MachineId,
        session: Option<SessionId>,
        placement: &Placement,
        created_at: UnixMillis,
    ) -> Result<(), CommitError> {
        let row = MachineRow {
            id: id.clone(),
            session,
            driver: placement.driver.clone(),
            address: self.free_address(&placement.pool).ok_or(CommitError::NoCapacity(Full::Machines))?,
            wanted: Wanted::Running,
            seen: Seen::Planned,
            attempts: 0,
            created_at,
            made_from: placement.made_from.clone(),
        };
        self.machines.push(MachineRecord { row, token: None });
        Ok(())
    }

    fn owned_by(&self, owner: &UserId) -> usize {
        let of_owner = |record: &&MachineRecord| {
            let session = record.row.session.as_ref().and_then(|session| self.session(session));
            session.is_some_and(|session| session.stored.session.owner == *owner)
        };
        self.machines_not_gone().filter(of_owner).count()
    }

    fn free_address(&self, pool: &AddressPool) -> Option<Ipv4Addr> {
        let held: BTreeSet<_> = self.machines_not_gone().map(|record| record.row.address).collect();
        if held.len() >= pool.max_machines as usize {
            return None;
        }
        let of_pool = |address: &Ipv4Addr| (pool.first..=pool.last).contains(address);
        let latest = self.machines.iter().rev().map(|record| record.row.address).find(of_pool);
        pool.next_free(latest, &held)
    }

    pub(super) fn begin_creating(&mut self, id: &MachineId, token: &TokenDigest) -> Result<(), StoreError> {
        let record = self.present(id)?;
        record.row.seen = Seen::Creating;
        record.row.attempts += 1;
        record.token = Some(token.clone());
        Ok(())
    }

    fn saw_created(&mut self, id: &MachineId) -> Result<(), StoreError> {
        let record = self.machine_mut(id)?;
        if record.row.seen == Seen::Creating {
            record.row.seen = Seen::Running;
        }
        Ok(())
    }

    pub(super) fn saw_machine(&mut self, id: &MachineId, seen: Seen) -> Result<(), StoreError> {
        if seen == Seen::Gone {
            let record = self.machine_mut(id)?;
            record.row.seen = seen;
            record.token = None;
        } else {
            self.present(id)?.row.seen = seen;
        }
        Ok(())
    }

    pub(super) fn machine_by_address(&self, address: Ipv4Addr) -> Option<&MachineRow> {
        let rows = self.machines.iter().map(|record| &record.row);
        rows.into_iter().find(|row| row.address == address && row.seen != Seen::Gone)
    }

    pub(super) fn allowed_hosts(&self, owner: &UserId, provider: &ProviderId) -> Vec<HostPattern> {
        let of = self.allowed.iter().filter(|(user, id, _)| user == owner && id == provider);
        of.filter_map(|(_, _, host)| host.parse().ok()).collect()
    }

    pub(super) fn allow_host(&mut self, owner: &UserId, provider: &ProviderId, host: &HostPattern) -> bool {
        let one = (owner.clone(), provider.clone(), host.to_string());
        let is_room = self.allowed_hosts(owner, provider).len() < MAX_ALLOWED_HOSTS as usize;
        self.allowed.contains(&one) || (is_room && self.allowed.insert(one))
    }

    pub(super) fn keep_log(
        &mut self,
        id: &MachineId,
        reason: &Reason,
        log: &str,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let row = &self.machine(id).ok_or_else(|| refused(id, "there is no such machine"))?.row;
        if log.len() > KEPT_LOG_BYTES {
            return Err(refused(id, "a kept log is bounded"));
        }
        if self.failed.iter().any(|(failed, _)| failed.machine == *id) {
            return Ok(());
        }
        let session = row.session.as_ref().and_then(|session| self.session(session));
        let failed = FailedMachine {
            machine: id.clone(),
            session: row.session.clone(),
            provider: session.map(|record| record.stored.session.provider.clone()),
            driver: row.driver.clone(),
            created_at: row.created_at,
            failed_at: now,
            reason: reason.clone(),
        };
        self.failed.push((failed, log.to_owned()));
        let too_many = self.failed.len().saturating_sub(KEPT_LOGS as usize);
        self.failed.drain(..too_many);
        Ok(())
    }

    pub(super) fn machine_by_token(&self, token: &TokenDigest) -> Option<&MachineRow> {
        let bearer =
            |record: &&MachineRecord| record.token.as_ref() == Some(token) && record.row.wanted != Wanted::Gone;
        self.machines_not_gone().find(bearer).map(|record| &record.row)
    }
}

fn is_pooled(row: &MachineRow) -> bool {
    row.session.is_none() && row.wanted == Wanted::Running && row.seen != Seen::Gone
}

// --- credentials ---------------------------------------------------------------------------------

impl Tables {
    pub(super) fn newest_credential(&self, owner: &UserId, provider: &ProviderId) -> Option<&CredentialRow> {
        let of = |row: &&CredentialRow| row.owner == *owner && row.provider == *provider;
        self.credentials.iter().filter(of).max_by_key(|row| row.version)
    }

    pub(super) fn credentials_of(&self, owner: &UserId) -> Vec<CredentialRow> {
        let providers: BTreeSet<_> =
            self.credentials.iter().filter(|row| row.owner == *owner).map(|row| &row.provider).collect();
        providers.into_iter().filter_map(|provider| self.newest_credential(owner, provider)).cloned().collect()
    }

    pub(super) fn credential_versions(&self, owner: &UserId, id: &CredentialId) -> Vec<CredentialRow> {
        let of = |row: &&CredentialRow| row.owner == *owner && row.id == *id;
        let mut rows: Vec<_> = self.credentials.iter().filter(of).cloned().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.version));
        rows
    }

    pub(super) fn restore_credential(&mut self, row: &CredentialRow) -> Restored {
        if let Some(held) = self.lease(&row.id) {
            return Restored::Held(held.clone());
        }
        if row.version > 1 && self.put_next_version(row) { Restored::Stored } else { Restored::Changed }
    }

    pub(super) fn note_trouble(&mut self, id: &CredentialId, version: u32, trouble: Option<&str>) {
        let newest = self.credentials.iter_mut().filter(|row| row.id == *id).max_by_key(|row| row.version);
        if let Some(row) = newest.filter(|row| row.version == version) {
            row.trouble = trouble.map(str::to_owned);
        }
    }

    pub(super) fn tell_health(
        &mut self,
        credential: &CredentialId,
        health: Health,
        notice: Option<&NoticeRow>,
    ) -> bool {
        let is_news = self.told.get(credential).copied().unwrap_or(Health::Connected) != health;
        if is_news {
            self.told.insert(credential.clone(), health);
            self.notices.extend(notice.cloned());
            self.notices.sort_by_key(|notice| notice.created_at);
            let too_many = self.notices.len().saturating_sub(MAX_NOTICES as usize);
            self.notices.drain(..too_many);
        }
        is_news
    }

    pub(super) fn lease(&self, credential: &CredentialId) -> Option<&LeaseRow> {
        self.leases.iter().find(|lease| lease.credential == *credential)
    }

    fn take_lease(&mut self, session: &Session, wanted: &WantedLease) -> Result<(), CommitError> {
        if session.run.is_none() {
            return Err(refused(&session.id, "a lease is of one run that has not ended").into());
        }
        if let Some(held) = self.lease(&wanted.credential) {
            return Err(CommitError::LeaseHeld(held.clone()));
        }
        let WantedLease { credential, version } = wanted.clone();
        self.leases.push(LeaseRow { credential, session: session.id.clone(), version, since: session.created_at });
        Ok(())
    }

    fn advance_lease(&mut self, session: &SessionId, version: u32) -> Result<(), CommitError> {
        let next = |lease: &&mut LeaseRow| lease.session == *session && lease.version + 1 == version;
        let lease = self.leases.iter_mut().find(next);
        let lease = lease.ok_or_else(|| CommitError::CredentialConflict(session.clone()))?;
        lease.version = version;
        Ok(())
    }

    fn put_credential(&mut self, session: &SessionId, row: &CredentialRow) -> Result<(), CommitError> {
        if self.put_next_version(row) { Ok(()) } else { Err(CommitError::CredentialConflict(session.clone())) }
    }

    /// False when it is not the next one after what is stored.
    fn put_next_version(&mut self, row: &CredentialRow) -> bool {
        let fits = match self.newest_credential(&row.owner, &row.provider) {
            Some(newest) => newest.id == row.id && newest.version + 1 == row.version,
            None => row.version == 1,
        };
        if fits {
            self.credentials.retain(|old| old.id != row.id || old.version + KEPT_CREDENTIAL_VERSIONS > row.version);
            self.credentials.push(row.clone());
        }
        fits
    }
}
