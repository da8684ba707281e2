//! Looks on while a schedule runs: every reply of the controller, every act on a machine, and what pages and agents say
//! that they saw. What has to be compared with the database's end is kept for `audit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_machines::MachineSpec;
use anteroom_protocol::{
    Epoch, MachineId, SessionId, UnixMillis,
    guest::Assignment,
    session::{ConnectionState, ReasonCode, SessionEvent},
};
use anteroom_session::machine::{MachineRow, Wanted};
use anteroom_store::{Store as _, Stored};
use tokio::time::Instant;

use crate::{
    candidates::{Found, Read},
    scene::Scene,
};

/// Broken rules that are told of one schedule; the first is the one to look at.
const MAX_BROKEN: usize = 20;

#[derive(Default)]
pub(crate) struct Referee(Mutex<Book>);

/// What was seen.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) broken: Vec<String>,
    /// How often what happened.
    pub(crate) tally: BTreeMap<String, u64>,
    store_faults: u64,
    closings: u64,
    closing: bool,
    /// Which offer is which epoch, as replies said.
    pub(crate) offers: BTreeMap<(SessionId, Epoch), String>,
    /// How often an answer was said to be the epoch's first.
    pub(crate) firsts: BTreeMap<(SessionId, Epoch), u32>,
    /// Which session a click has made.
    clicks: BTreeMap<String, SessionId>,
    /// Tokens of machines whose agents know what they are for.
    assigned: BTreeSet<String>,
    ends: BTreeMap<SessionId, (ReasonCode, Option<UnixMillis>)>,
    pub(crate) found: BTreeMap<String, Found>,
    pub(crate) read: BTreeMap<String, Read>,
    pub(crate) heard: BTreeMap<(String, SessionId), Heard>,
    /// How far connections have really come, by the names of their offers.
    pub(crate) reached: BTreeMap<String, ConnectionState>,
    /// Which agent's credential was said to be saved.
    pub(crate) saved: BTreeMap<SessionId, String>,
}

/// What somebody has read of a session's events.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) log: Vec<SessionEvent>,
    /// Whether the controller said that there will be no more.
    pub(crate) complete: bool,
}

/// How things stood when a request arrived.
pub(crate) struct Look {
    pub(crate) at: Instant,
    store_faults: u64,
    closings: u64,
    closing: bool,
}

impl Referee {
    pub(crate) fn broken(&self, what: String) {
        let mut book = self.book();
        if book.broken.len() < MAX_BROKEN {
            book.broken.push(what);
        }
    }

    pub(crate) fn count(&self, what: &str) {
        *self.book().tally.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn store_failed(&self) {
        self.book().store_faults += 1;
    }

    /// The controller stops: polls end before their time.
    pub(crate) fn closing(&self) {
        let mut book = self.book();
        book.closings += 1;
        book.closing = true;
    }

    pub(crate) fn opened(&self) {
        self.book().closing = false;
    }

    pub(crate) fn look(&self, at: Instant) -> Look {
        let book = self.book();
        Look { at, store_faults: book.store_faults, closings: book.closings, closing: book.closing }
    }

    /// Whether the store has failed since.
    pub(crate) fn store_failed_since(&self, look: &Look) -> bool {
        self.book().store_faults > look.store_faults
    }

    pub(crate) fn closing_since(&self, look: &Look) -> bool {
        look.closing || self.book().closings > look.closings
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was seen, and whether it may be.
impl Scene {
    pub(crate) fn stored(&self, session: &SessionId) -> Option<Stored> {
        self.database.wait(self.database.store().session(session)).expect("the store itself never fails")
    }

    pub(crate) fn row(&self, machine: &MachineId) -> Option<MachineRow> {
        self.database.wait(self.database.store().machine(machine)).expect("the store itself never fails")
    }

    /// A machine is about to be made.
    pub(crate) fn creates(&self, spec: &MachineSpec) {
        let Some(row) = self.row(&spec.id) else {
            return self.broken("nothing-leaks", format!("{} is made without a row", spec.id));
        };
        if let Some(session) = &row.session {
            let offer = self.database.wait(self.database.store().offer(session, Epoch(1)));
            let has_offer = offer.expect("the store itself never fails").is_some();
            let has_desktop = self.stored(session).is_some_and(|stored| stored.session.method.has_desktop());
            if has_offer != has_desktop {
                let what = if has_desktop { "before an offer" } else { "with an offer, and without a desktop," };
                self.broken("offer-first", format!("{} is made {what} of {session}", spec.id));
            }
        }
        for other in self.world.everything() {
            if other.id != spec.id && other.address == spec.address {
                self.broken("nothing-leaks", format!("{} gets the address of {}", spec.id, other.id));
            }
        }
        let running = self.world.running().into_iter().find(|running| running.id == spec.id);
        if running.is_some_and(|running| self.referee.book().assigned.contains(running.boot.token.expose())) {
            self.broken("one-machine", format!("{} is made anew though its agent works", spec.id));
        }
    }

    /// A machine is about to be destroyed.
    pub(crate) fn destroys(&self, id: &MachineId) {
        let Some(row) = self.row(id) else { return };
        let Some(session) = &row.session else {
            if row.wanted != Wanted::Gone {
                self.broken("nothing-leaks", format!("{id} is destroyed while it is wanted in the pool"));
            }
            return;
        };
        let Some(stored) = self.stored(session) else {
            return self.broken("nothing-leaks", format!("{id} has a row and no session"));
        };
        let runs = self.world.running().iter().any(|running| running.id == *id);
        let unwanted = match row.wanted {
            Wanted::Gone => true,
            // There is nothing left to look at.
            Wanted::Kept => !runs,
            Wanted::Running => false,
        };
        if !unwanted || stored.session.end().is_none() {
            self.broken("saved-before-destroyed", format!("{id} is destroyed while its session goes on"));
        }
        self.is_saved_if_it_succeeded(&stored);
    }

    fn is_saved_if_it_succeeded(&self, stored: &Stored) {
        let session = &stored.session;
        if session.end().is_none_or(|end| end.reason.code != ReasonCode::Saved) {
            return;
        }
        let kept = self.database.wait(self.database.store().credential_for(&session.owner, &session.provider));
        let kept = kept.expect("the store itself never fails").map(|row| row.id);
        if kept.is_none() || kept != session.credential {
            self.broken("saved-before-destroyed", format!("{} has succeeded without a credential", session.id));
        }
    }

    /// An agent was told that its credential is in the vault.
    pub(crate) fn told_saved(&self, agent: &str, session: &SessionId) {
        match self.stored(session) {
            Some(stored) if stored.session.end().is_some_and(|end| end.reason.code == ReasonCode::Saved) => {
                self.is_saved_if_it_succeeded(&stored);
                self.referee.book().saved.insert(session.clone(), agent.to_owned());
            }
            _ => self.broken("saved-before-destroyed", format!("{agent} was told that a credential is saved")),
        }
    }

    /// An agent's token opens nothing: then its session has ended, or its machine was made anew.
    pub(crate) fn locked_out(&self, spec: &MachineSpec) {
        let Some(row) = self.row(&spec.id) else {
            return self.broken("nothing-leaks", format!("the row of {} is lost", spec.id));
        };
        let stored = row.session.as_ref().and_then(|session| self.stored(session));
        let ended = stored.is_some_and(|stored| stored.session.end().is_some()) || row.wanted == Wanted::Gone;
        let alive = self.world.running().iter().any(|running| running.boot.token == spec.boot.token);
        if !ended && alive && row.attempts < 2 {
            self.broken("access", format!("the agent of {} is locked out while its session goes on", spec.id));
        }
    }

    pub(crate) fn assigned(&self, token: &str) {
        self.referee.book().assigned.insert(token.to_owned());
    }

    /// A click's key stands for one session.
    pub(crate) fn clicked(&self, key: &str, session: &SessionId) {
        let made = self.referee.book().clicks.entry(key.to_owned()).or_insert_with(|| session.clone()).clone();
        if made != *session {
            self.broken("one-click", format!("{key} made {made} and {session}"));
        }
    }

    /// Somebody learned which offer is which epoch.
    pub(crate) fn epoch_is(&self, session: &SessionId, epoch: Epoch, offer: &str) {
        let known =
            self.referee.book().offers.entry((session.clone(), epoch)).or_insert_with(|| offer.to_owned()).clone();
        if known != offer {
            self.broken("no-overwrite", format!("epoch {epoch} of {session} is {known}, and is said to be {offer}"));
        }
    }

    /// An agent has an offer of its session.
    pub(crate) fn offered(&self, assignment: &Assignment, epoch: Epoch, offer: &str) {
        self.epoch_is(&assignment.session_id, epoch, offer);
    }

    /// A session has ended in one way, which never changes.
    pub(crate) fn ended(&self, session: &SessionId, code: ReasonCode, at: Option<UnixMillis>) {
        let mut book = self.referee.book();
        let known = book.ends.entry(session.clone()).or_insert((code, at));
        known.1 = known.1.or(at);
        let (first, first_at) = *known;
        drop(book);
        if first != code || (at.is_some() && at != first_at) {
            self.broken("one-end", format!("{session} ended by {first:?} and by {code:?}"));
        }
    }

    /// Somebody has sent candidates that were taken.
    pub(crate) fn found(&self, finder: &str, found: &Found) {
        self.referee.book().found.insert(finder.to_owned(), found.clone());
    }

    /// Somebody has read a piece of a candidate log.
    pub(crate) fn read(&self, read: &Read) {
        let in_order = read.log.iter().zip(1..).all(|(logged, seq)| logged.seq == seq);
        if !in_order {
            let seqs: Vec<_> = read.log.iter().map(|logged| logged.seq).collect();
            self.broken("no-lost-candidate", format!("{} read {seqs:?}", read.reader));
        }
        if read.complete && !read.has_end() {
            self.broken("no-lost-candidate", format!("{}: complete without its end", read.reader));
        }
        self.referee.book().read.insert(format!("{} {:?}", read.reader, read.side), read.clone());
    }

    /// A page's connection has really come so far.
    pub(crate) fn reached(&self, offer: &str, state: ConnectionState) {
        self.referee.book().reached.insert(offer.to_owned(), state);
    }

    /// Somebody has heard these events.
    pub(crate) fn heard(&self, who: &str, session: &SessionId, log: &[SessionEvent], complete: bool) {
        let in_order = log.iter().zip(1..).all(|(event, id)| event.id == id);
        if !in_order {
            let ids: Vec<_> = log.iter().map(|event| event.id).collect();
            self.broken("events", format!("{who} heard {ids:?}"));
        }
        let heard = Heard { log: log.to_vec(), complete };
        self.referee.book().heard.insert((who.to_owned(), session.clone()), heard);
    }

    /// A stream has ended by the controller's own wish.
    pub(crate) fn stream_ended(&self, who: &str, session: &SessionId, log: &[SessionEvent]) {
        let book = self.referee.book();
        let (faults, closings) = (book.store_faults, book.closings);
        drop(book);
        if faults > 0 || closings > 0 {
            return;
        }
        let over = self
            .stored(session)
            .is_some_and(|stored| stored.session.end().is_some() && stored.session.machine.is_none());
        if !over {
            self.broken(
                "events",
                format!("{who}: the stream ended after {} events of a session that goes on", log.len()),
            );
        }
    }

    /// How long a request took.
    pub(crate) fn took(&self, look: &Look) -> Duration {
        Instant::now() - look.at
    }
}
