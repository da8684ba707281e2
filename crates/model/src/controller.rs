//! The controller: what it does with a request. It loads the stored session, has the real session decide, and commits
//! under the version that it loaded; a conflict is decided again. It remembers nothing from one request to the next.

use std::sync::Arc;

use crate::{
    ask::Ask,
    broken::Broken,
    decider::{Changed, Known, Named, Refused, Verdict},
    model::SignIn,
    names::Whose,
    state::{Call, EpochRow, GuestAsk, Message, Owner, Reply, Row, SeenName, State, Task, WantedName},
};

impl SignIn {
    /// A message arrives and is dealt with in one step.
    pub(crate) fn arrives(&self, state: &mut State, message: Message) {
        state.take(&message);
        match message {
            Message::ToPage { attempt, call, reply } => self.page_hears(state, attempt, call, reply),
            Message::ToGuest { token, call, reply } => self.guest_hears(state, token, call, reply),
            Message::FromPage { .. } | Message::FromGuest { .. } => {
                let loaded = state.session.clone();
                self.decides(state, message, &loaded);
            }
        }
    }

    /// A request arrives, and the session is loaded for it.
    pub(crate) fn loads(&self, state: &mut State, message: Message) {
        state.take(&message);
        let loaded = state.session.clone();
        state.tasks.push(Task { request: message, loaded });
    }

    /// A request's change is committed, if the session is still the one that was loaded.
    pub(crate) fn commits(&self, state: &mut State, index: usize) {
        let task = state.tasks.remove(index);
        if task.loaded == state.session || self.is(Broken::CommitsBlindly) {
            self.decides(state, task.request, &task.loaded);
        } else {
            let loaded = state.session.clone();
            state.tasks.push(Task { request: task.request, loaded });
        }
    }

    fn decides(&self, state: &mut State, request: Message, loaded: &Arc<Known>) {
        match request {
            Message::FromPage { attempt, ask } => {
                let Some(verdict) = self.commit(state, loaded, ask) else { return state.send(request) };
                let reply = reply_to(state, &verdict);
                let is_awaited = state.pages[attempt.place()].attempt == Some(attempt);
                if let (Some(call), true) = (page_call(ask), is_awaited) {
                    state.send(Message::ToPage { attempt, call, reply });
                }
            }
            Message::FromGuest { token, ask } => {
                let reply = self.decides_for_guest(state, token, ask, loaded);
                if state.guest.as_ref().is_some_and(|guest| guest.token == token) {
                    state.send(Message::ToGuest { token, call: guest_call(ask), reply });
                }
            }
            Message::ToPage { .. } | Message::ToGuest { .. } => unreachable!("a reply is no request"),
        }
    }

    fn decides_for_guest(&self, state: &mut State, token: u8, ask: GuestAsk, loaded: &Arc<Known>) -> Reply {
        if !opens(state, token) {
            return Reply::Unauthorised;
        }
        let (ask, is_credential) = match ask {
            GuestAsk::Plain(ask) => (ask, false),
            GuestAsk::Credential { whole: true } => (Ask::Sealed, true),
            GuestAsk::Credential { whole: false } => (Ask::Refused, true),
        };
        let verdict = self.commit(state, loaded, ask).expect("only a click plans a machine");
        match reply_to(state, &verdict) {
            // The first reply was lost; it was saved all the same.
            Reply::Refused(Refused::Ended { saved: true }) if is_credential => Reply::Done { epoch: 0 },
            reply @ (Reply::Done { .. } | Reply::Refused(_) | Reply::Unauthorised) => reply,
        }
    }

    /// Decides and commits at once: for whoever is never between the two.
    pub(crate) fn decide_now(&self, state: &mut State, ask: Ask) {
        let loaded = state.session.clone();
        self.commit(state, &loaded, ask);
    }

    /// None when only a part was stored, which the real store can't do.
    fn commit(&self, state: &mut State, loaded: &Arc<Known>, ask: Ask) -> Option<Verdict> {
        let verdict = self.decider.decide(loaded, self.with_its_place(ask));
        if let Verdict::Changed(changed) = &verdict {
            let plans = changed.writes.iter().any(|write| matches!(write, Named::Plan));
            if self.is(Broken::PlanBeforeOffer) && plans && state.store.row.is_none() {
                plan(state);
                return None;
            }
            self.store(state, changed);
            if ask == Ask::Sealed && !self.is(Broken::SavesLater) {
                state.store_mut().has_credential = true;
            }
        }
        Some(verdict)
    }

    /// Where all places are taken, an offer brings no machine.
    fn with_its_place(&self, ask: Ask) -> Ask {
        if let (Ask::Offer { attempt, after }, true) = (ask, self.config.is_full) {
            Ask::OfferInQueue { attempt, after }
        } else {
            ask
        }
    }

    /// A place is free, and the session is the next.
    pub(crate) fn places(&self, state: &mut State) {
        self.decide_now(state, Ask::Placed);
    }

    /// One transaction.
    fn store(&self, state: &mut State, changed: &Changed) {
        state.session = changed.session.clone();
        let mut next_event = 1;
        for write in &changed.writes {
            match write {
                Named::Event { id, is_end } => {
                    state.history.has_gap |= *id != next_event;
                    next_event += 1;
                    if *is_end {
                        state.history.ends = (state.history.ends + 1).min(2);
                        state.history.end = state.history.end.or(changed.session.facts.end);
                    }
                }
                Named::Offer { epoch, attempt } => epoch_row(state, *epoch).offers.push(*attempt),
                Named::Answer { epoch, transport } => {
                    let row = epoch_row(state, *epoch);
                    row.answers.push(*transport);
                    if self.is(Broken::CandidatesWiped) {
                        row.browser.clear();
                        row.vm.clear();
                    }
                }
                Named::Candidates { whose, epoch, found } => {
                    let row = epoch_row(state, *epoch);
                    match whose {
                        Whose::Browser => row.browser.extend(found),
                        Whose::Vm => row.vm.extend(found),
                    }
                }
                Named::Queue => {}
                Named::Plan => plan(state),
                Named::Saw if self.is(Broken::HeardIsNotSeen) => {}
                Named::Saw => {
                    if let Some(row) = &mut state.store_mut().row
                        && row.seen == SeenName::Creating
                    {
                        row.seen = SeenName::Running;
                    }
                }
                Named::Retire => {
                    if let Some(row) = &mut state.store_mut().row {
                        row.wanted = WantedName::Gone;
                    }
                }
            }
        }
    }

    /// Killed and started again: what was in memory is gone, and each live session is told.
    pub(crate) fn crash(&self, state: &mut State) {
        state.history.crashed = true;
        state.tasks.clear();
        state.owner = Owner::Idle;
        if self.is(Broken::CandidatesInMemory) {
            for row in &mut state.store_mut().epochs {
                row.browser.clear();
                row.vm.clear();
            }
        }
        self.decide_now(state, Ask::Resumed);
    }

    /// Time goes by until one of the session's waits is over.
    pub(crate) fn lapse(&self, state: &mut State, index: u8) {
        self.decide_now(state, Ask::Lapse(index));
    }
}

/// Whether the token opens anything: the machine is the row's newest, and wanted.
pub(crate) fn opens(state: &State, token: u8) -> bool {
    state
        .store
        .row
        .is_some_and(|row| row.attempts == token && row.wanted == WantedName::Running && row.seen != SeenName::Gone)
}

fn plan(state: &mut State) {
    let store = state.store_mut();
    store.plans += 1;
    store.row = Some(Row { wanted: WantedName::Running, seen: SeenName::Planned, attempts: 0 });
}

fn epoch_row(state: &mut State, epoch: u8) -> &mut EpochRow {
    let rows = &mut state.store_mut().epochs;
    let index = usize::from(epoch).saturating_sub(1);
    if rows.len() <= index {
        rows.resize_with(index + 1, EpochRow::default);
    }
    &mut rows[index]
}

fn reply_to(state: &State, verdict: &Verdict) -> Reply {
    match verdict {
        Verdict::Changed(changed) => Reply::Done { epoch: changed.session.facts.epoch },
        Verdict::Same => Reply::Done { epoch: state.session.facts.epoch },
        Verdict::Refused(refused) => Reply::Refused(*refused),
    }
}

fn page_call(ask: Ask) -> Option<Call> {
    match ask {
        Ask::Offer { .. } | Ask::OfferInQueue { .. } => Some(Call::Offer),
        Ask::Candidate { found, .. } => Some(Call::Candidate { index: found.index }),
        Ask::Answer { .. }
        | Ask::Seen { .. }
        | Ask::Placed
        | Ask::Created
        | Ask::NotCreated
        | Ask::Lost
        | Ask::Destroyed
        | Ask::Spoke
        | Ask::ExitOk
        | Ask::ExitBad
        | Ask::Missing
        | Ask::Sealed
        | Ask::Refused
        | Ask::Cancel
        | Ask::Resumed
        | Ask::Lapse(_) => None,
    }
}

fn guest_call(ask: GuestAsk) -> Call {
    match ask {
        GuestAsk::Credential { .. } => Call::Credential,
        GuestAsk::Plain(Ask::Spoke) => Call::Assignment,
        GuestAsk::Plain(Ask::Answer { transport, .. }) => Call::Answer { epoch: transport.epoch },
        GuestAsk::Plain(Ask::Candidate { found, .. }) => Call::Candidate { index: found.index },
        GuestAsk::Plain(Ask::Missing) => Call::Missing,
        GuestAsk::Plain(_) => Call::Exit,
    }
}
