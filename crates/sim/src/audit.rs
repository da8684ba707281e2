//! The end of a schedule: the database and the world, held against each other and against what everybody saw.

use std::{collections::BTreeMap, sync::Arc};

use anteroom_protocol::{
    Epoch, SessionId, UserId,
    session::{ConnectionState, ReasonCode, SessionEvent, SessionEventKind, SessionState, Step},
    signaling::{LoggedCandidate, Side},
};
use anteroom_session::{Session, machine::Wanted, wants_explaining};
use anteroom_store::{Store as _, Stored};
use anteroom_store_sqlite::SqliteStore;
use anteroom_vault::Binding;

use crate::{
    air::{answers, name_in},
    candidates::origin,
    scene::Scene,
    server::key_ring,
};

/// More sessions than a schedule has.
const MAX_SESSIONS: u32 = 64;
/// More events than a session has.
const MAX_EVENTS: u32 = 10_000;

struct Audit<'a> {
    scene: &'a Scene,
    store: Arc<SqliteStore>,
}

/// Checks everything that can only be said at the end.
pub(crate) fn audit(scene: &Scene, owner: &UserId) {
    let audit = Audit { scene, store: scene.database.store() };
    audit.nothing_is_left();
    let sessions = audit.look(audit.store.sessions_of(owner, MAX_SESSIONS));
    for Stored { session, .. } in &sessions {
        audit.session(session);
    }
    audit.explanations();
    audit.credentials(owner, &sessions);
    audit.readers();
}

impl Audit<'_> {
    fn look<T, E: std::fmt::Debug>(&self, call: impl Future<Output = Result<T, E>>) -> T {
        self.scene.database.wait(call).expect("the store itself never fails")
    }

    fn broken(&self, rule: &str, how: impl AsRef<str>) {
        self.scene.broken(rule, how);
    }

    fn nothing_is_left(&self) {
        let rows = self.look(self.store.machines(None, MAX_SESSIONS));
        let (pooled, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.session.is_none());
        let waiting = pooled.iter().filter(|row| row.wanted == Wanted::Running).count();
        if waiting > self.scene.pooled as usize {
            self.broken("nothing-leaks", format!("{waiting} machines are pooled"));
        }
        for spec in self.scene.world.everything() {
            if !pooled.iter().any(|row| row.id == spec.id) {
                self.broken("nothing-leaks", format!("{} is left in the world", spec.id));
            }
        }
        for row in rest {
            self.broken("nothing-leaks", format!("{} holds {}, seen {:?}", row.id, row.address, row.seen));
        }
    }

    /// What is kept of machines is kept of such as failed.
    fn explanations(&self) {
        for failed in self.look(self.store.failed_machines()) {
            self.scene.referee.count("logs kept");
            let session = failed.session.as_ref().and_then(|id| self.look(self.store.session(id)));
            let end = session.as_ref().and_then(|stored| stored.session.end()).map(|end| end.reason.code);
            let of_machine = matches!(failed.reason.code, ReasonCode::MachineFailed | ReasonCode::MachineLost);
            if !of_machine && end.is_some_and(|code| code != failed.reason.code || !wants_explaining(code)) {
                self.broken("explained", format!("{} is kept for {:?}; {end:?}", failed.machine, failed.reason.code));
            }
        }
    }

    fn session(&self, session: &Session) {
        let id = &session.id;
        let events = self.look(self.store.events(id, 0, MAX_EVENTS));
        let Some(end) = session.end() else {
            return self.broken("every-session-ends", format!("{id} is {:?}", session.state()));
        };
        self.scene.referee.count(&format!("end {:?}", end.reason.code));
        self.scene.ended(id, end.reason.code, Some(end.at));
        if let Some(machine) = &session.machine {
            self.broken("nothing-leaks", format!("{id} has {machine} still"));
        }
        if !self.look(self.store.pastes(id, 0)).is_empty() {
            self.broken("sealed", format!("what was pasted in {id} outlives it"));
        }
        self.events(id, &events);
        for number in 1..=session.current_epoch().0 {
            self.epoch(id, Epoch(number), &events);
        }
        let heard = |who: &str, log: &[SessionEvent], complete: bool| {
            if *log != events[..log.len().min(events.len())] || (complete && log.len() != events.len()) {
                self.broken("events", format!("{who} heard {} events of {id}, of {}", log.len(), events.len()));
            }
        };
        // Not in the loop's own expression: the book would stay taken for the loop, and `broken` writes into it.
        let all_heard = self.scene.referee.book().heard.clone();
        for ((who, of), all) in &all_heard {
            if of == id {
                heard(who, &all.log, all.complete);
            }
        }
    }

    /// One end, and nothing after it but the machine's.
    fn events(&self, id: &SessionId, events: &[SessionEvent]) {
        let ends =
            |event: &SessionEvent| matches!(&event.kind, SessionEventKind::State { state, .. } if state.is_terminal());
        let after = events.iter().position(ends).map_or(&[][..], |at| &events[at + 1..]);
        let gone = |event: &SessionEvent| event.kind == SessionEventKind::Step { step: Step::MachineDestroyed };
        if events.iter().filter(|event| ends(event)).count() != 1 || !after.iter().all(gone) || after.len() > 1 {
            self.broken("one-end", format!("{id}: {:?}", kinds(events)));
        }
        let state = |wanted: SessionState| {
            events.iter().any(|event| matches!(&event.kind, SessionEventKind::State { state, .. } if *state == wanted))
        };
        if state(SessionState::Saving) && state(SessionState::Cancelled) {
            self.broken("saved-before-destroyed", format!("{id} was cancelled while its credential was saved"));
        }
        if state(SessionState::Starting) != after.iter().any(gone) {
            self.broken("nothing-leaks", format!("{id} does not know what became of its machine"));
        }
    }

    fn epoch(&self, id: &SessionId, epoch: Epoch, events: &[SessionEvent]) {
        let Some(offer) = self.look(self.store.offer(id, epoch)) else {
            return self.broken("no-overwrite", format!("{id} has no offer of epoch {epoch}"));
        };
        let name = name_in(offer.sdp.expose()).to_owned();
        self.scene.epoch_is(id, epoch, &name);
        if let Some(answer) = self.look(self.store.answer(id, epoch)) {
            let answer = name_in(answer.sdp.expose()).to_owned();
            if answers(&answer) != name {
                self.broken("one-answer", format!("epoch {epoch} of {id}: {name} is answered by {answer}"));
            }
        }
        self.steps(id, epoch, &name, events);
        for side in [Side::Browser, Side::Vm] {
            let log = self.look(self.store.candidates(id, epoch, side, 0));
            self.log(id, epoch, side, &log);
        }
    }

    /// A step of a connection is reached when its page has really come so far, and not before.
    fn steps(&self, id: &SessionId, epoch: Epoch, offer: &str, events: &[SessionEvent]) {
        let begins = |event: &SessionEvent| matches!(event.kind, SessionEventKind::Epoch { epoch: of } if of == epoch);
        let of_epoch = events.iter().skip_while(|event| !begins(event)).skip(1);
        let reached = self.scene.referee.book().reached.get(offer).copied().unwrap_or(ConnectionState::New);
        let mut answered = false;
        for event in of_epoch.take_while(|event| !matches!(event.kind, SessionEventKind::Epoch { .. })) {
            let SessionEventKind::Step { step } = &event.kind else { continue };
            let needs = match step {
                Step::AnswerStored => {
                    answered = true;
                    continue;
                }
                Step::IceConnected => ConnectionState::IceConnected,
                Step::DtlsConnected => ConnectionState::DtlsConnected,
                Step::FrameDecoded => ConnectionState::FrameDecoded,
                Step::OfferStored
                | Step::MachineCreated
                | Step::AgentReady
                | Step::DesktopReady
                | Step::BrowserReady
                | Step::CliStarted
                | Step::UrlFound
                | Step::UrlOpened
                | Step::CodeFound
                | Step::CliSucceeded
                | Step::CredentialCaptured
                | Step::CredentialSaved
                | Step::MachineDestroyed => continue,
            };
            if !answered || reached < needs {
                self.broken(
                    "seen-is-connected",
                    format!("{id}: epoch {epoch} is {step:?}, and {offer} is {reached:?}"),
                );
            }
        }
    }

    /// Each log has what its finders found, in their order, each once, and all that they were told is in it.
    fn log(&self, id: &SessionId, epoch: Epoch, side: Side, log: &[LoggedCandidate]) {
        let place = format!("{side:?} in epoch {epoch} of {id}");
        let mut of_finder: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for logged in log {
            match origin(&logged.candidate) {
                Some((finder, number)) => of_finder.entry(finder).or_default().push(number),
                None if logged.seq as usize == log.len() => {}
                None => self.broken("no-lost-candidate", format!("{place}: the end is not the last")),
            }
        }
        for (finder, numbers) in &of_finder {
            if !numbers.iter().copied().eq(1..=numbers.len()) {
                self.broken("no-lost-candidate", format!("{place}: {finder} found {numbers:?}"));
            }
        }
        let all_found = self.scene.referee.book().found.clone();
        for (finder, found) in &all_found {
            if (&found.session, found.epoch, found.side) != (id, epoch, side) {
                continue;
            }
            let there = of_finder.get(finder).map_or(0, Vec::len);
            let ended = log.last().is_some_and(|logged| logged.candidate.is_end());
            if there < found.taken || (found.ended && !ended) {
                let (taken, how) = (found.taken, if ended { "with" } else { "without" });
                self.broken("no-lost-candidate", format!("{place}: {there} of {taken} of {finder}, {how} its end"));
            }
        }
        let all_read = self.scene.referee.book().read.clone();
        for read in all_read.into_values() {
            if (&read.session, read.epoch, read.side) != (id, epoch, side) {
                continue;
            }
            let same = read.log.iter().zip(log).all(|(read, logged)| read == logged) && read.log.len() <= log.len();
            if !same || (read.complete && read.log.len() != log.len()) {
                self.broken("no-lost-candidate", format!("{place}: {} read another log", read.reader));
            }
        }
    }

    /// The newest credential is whole, of a session that has succeeded, and each success is one version.
    fn credentials(&self, owner: &UserId, sessions: &[Stored]) {
        let saved = |session: &Session| session.end().is_some_and(|end| end.reason.code == ReasonCode::Saved);
        let mut agents: BTreeMap<_, u32> = BTreeMap::new();
        for Stored { session, .. } in sessions.iter().filter(|stored| saved(&stored.session)) {
            *agents.entry(session.provider.clone()).or_default() += 1;
        }
        let rows = self.look(self.store.credentials_of(owner));
        if rows.len() != agents.len() {
            self.broken("one-holder", format!("{} credentials of {} providers", rows.len(), agents.len()));
        }
        for row in rows {
            if agents.get(&row.provider) != Some(&row.version) {
                let count = agents.get(&row.provider);
                self.broken("one-holder", format!("version {} after {count:?} successes", row.version));
            }
            let (owner, provider, credential) = (row.owner.clone(), row.provider.clone(), row.id.clone());
            let binding = Binding { owner, provider, credential, version: row.version };
            let opened = row.sealed.open(&binding, &key_ring());
            let text =
                opened.ok().map(|bundle| String::from_utf8_lossy(bundle.files()[0].contents.expose()).into_owned());
            if !text.is_some_and(|text| text.contains("agent")) {
                self.broken("sealed", format!("the credential of {} does not open", row.provider));
            }
        }
    }

    /// Who read something read of a session that exists.
    fn readers(&self) {
        let all_read = self.scene.referee.book().read.clone();
        for read in all_read.into_values() {
            if self.scene.stored(&read.session).is_none() {
                self.broken("no-guess", format!("{} read of {}, which is not there", read.reader, read.session));
            }
        }
    }
}

fn kinds(events: &[SessionEvent]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_string(&event.kind).unwrap_or_default()).collect()
}
