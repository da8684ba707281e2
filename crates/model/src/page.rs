//! A page and its person, after `web/src/viewer/machine.ts`: one connection after the other, each with a new offer.
//!
//! What an offer names as the newest epoch is the rule by which two pages never fight, and by which an offer that
//! arrives late never takes the desktop from a newer one: a page always names the newest epoch that it knows. When the
//! controller knows a newer one, a page that a person has just opened, reloaded or told to take over offers the same
//! connection again after that one; a page that only reconnects leaves the desktop where it is.
//!
//! Reading is one step, though it is a request and a reply: a reader that hears nothing asks again, and one that is
//! late has read what it would have read before. The page's calls that change something are messages.

use crate::{
    ask::{Ask, Stage},
    broken::Broken,
    decider::Refused,
    model::{SignIn, Step},
    names::{Attempt, Found, Place, Whose},
    state::{Call, GuestAsk, Message, Phase, Reply, State},
};

impl SignIn {
    // --- what may happen -------------------------------------------------------------------------

    pub(crate) fn page_progress(&self, state: &State, place: Place, steps: &mut Vec<Step>) {
        let page = &state.pages[place];
        let facts = &state.session.facts;
        match page.phase {
            Phase::Closed | Phase::Ended => return,
            Phase::Posting { .. } | Phase::Elsewhere => {}
            Phase::Answering { epoch } => {
                // The poll tells whether the epoch is superseded.
                let reads_old = self.is(Broken::OldAnswer) && epoch > 1 || self.is(Broken::NotYetIsNothing);
                if facts.epoch != epoch || facts.answered || reads_old {
                    steps.push(Step::ReadsAnswer(place));
                }
            }
            Phase::Connecting { epoch, transport, has_path, hangs } => {
                self.candidate_progress(state, place, epoch, steps);
                let is_served = state.guest.as_ref().and_then(|guest| guest.serving.as_ref());
                let serving = is_served.filter(|serving| serving.transport == transport);
                let has_candidate = self.config.candidates == 0
                    || !page.heard.is_empty()
                    || serving.is_some_and(|serving| !serving.heard.is_empty());
                if !has_path && serving.is_some() && has_candidate {
                    steps.push(Step::FindsPath(place));
                }
                // DTLS never comes up with an answer that was made for another connection.
                if has_path && !hangs && serving.is_some() && page.attempt == Some(transport.attempt) {
                    steps.push(Step::DecodesFrame(place));
                }
                if facts.epoch > epoch {
                    steps.push(Step::HearsOfSession(place));
                }
            }
            Phase::Live { epoch, .. } => {
                self.candidate_progress(state, place, epoch, steps);
                if facts.epoch > epoch {
                    steps.push(Step::HearsOfSession(place));
                }
            }
        }
        if facts.end.is_some() {
            steps.push(Step::HearsOfSession(place));
        }
    }

    fn candidate_progress(&self, state: &State, place: Place, epoch: u8, steps: &mut Vec<Step>) {
        let facts = &state.session.facts;
        if facts.end.is_none() && facts.epoch == epoch && usize::from(facts.vm) > state.pages[place].heard.len() {
            steps.push(Step::ReadsCandidates(place));
        }
    }

    /// A page's waits; asked only when nothing else goes on.
    pub(crate) fn page_waits(&self, state: &State, place: Place, steps: &mut Vec<Step>) {
        if self.page_call(state, place).is_some() {
            steps.push(Step::PageRepeats(place));
        }
        if self.is(Broken::NoNewEpoch) {
            return;
        }
        match state.pages[place].phase {
            Phase::Connecting { .. } => steps.push(Step::PageGivesUp(place)),
            Phase::Live { transport, .. } => {
                if state.guest.as_ref().is_none_or(|guest| guest.token != transport.token) {
                    steps.push(Step::PageLosesGuest(place));
                }
            }
            // The answer's wait is longer than all of the session's, which ends first (`viewer/limits.ts`).
            Phase::Answering { .. } | Phase::Closed | Phase::Posting { .. } | Phase::Elsewhere | Phase::Ended => {}
        }
    }

    /// The call that the page waits for, when neither it nor its reply is under way any more.
    pub(crate) fn page_call(&self, state: &State, place: Place) -> Option<Message> {
        let page = &state.pages[place];
        let attempt = page.attempt?;
        let (call, wanted) = match page.phase {
            Phase::Posting { after } => {
                (Message::FromPage { attempt, ask: Ask::Offer { attempt, after } }, Call::Offer)
            }
            Phase::Answering { epoch } | Phase::Connecting { epoch, .. } | Phase::Live { epoch, .. } => {
                let index = page.sent + 1;
                if index > self.config.candidates || page.is_unheard {
                    return None;
                }
                let ask = Ask::Candidate { whose: Whose::Browser, epoch, found: self.found(attempt.code(), index) };
                (Message::FromPage { attempt, ask }, Call::Candidate { index })
            }
            Phase::Closed | Phase::Elsewhere | Phase::Ended => return None,
        };
        let is_reply = |message: &Message| matches!(message, Message::ToPage { attempt: to, call, .. } if *to == attempt && *call == wanted);
        let is_under_way = state.net.iter().any(|message| *message == call || is_reply(message))
            || state.tasks.iter().any(|task| task.request == call);
        (!is_under_way).then_some(call)
    }

    /// The candidate with this number of one side.
    pub(crate) fn found(&self, by: u8, index: u8) -> Found {
        Found { by, index, is_end: self.config.candidates > 1 && index == self.config.candidates }
    }

    // --- what it does ----------------------------------------------------------------------------

    /// A person opens or reloads the page, or takes the desktop back: it looks at the session and offers.
    pub(crate) fn person_offers(&self, state: &mut State, place: Place) {
        if state.has_ended() {
            state.pages[place].phase = Phase::Ended;
            return forget_replies(state, place);
        }
        let known = state.session.facts.epoch;
        let after = (self.config.names_epoch && !self.is(Broken::LeavesAfterOut)).then_some(known);
        state.pages[place].known = known;
        self.offers(state, place, true, after);
    }

    /// The page's connection is lost: a new one, unless another page has the desktop, as the controller will say.
    pub(crate) fn loses_connection(&self, state: &mut State, place: Place) {
        state.history.reopened += 1;
        let after = Some(state.pages[place].known);
        self.offers(state, place, false, after);
    }

    fn offers(&self, state: &mut State, place: Place, by_person: bool, after: Option<u8>) {
        forget_replies(state, place);
        let page = &mut state.pages[place];
        let number = page.attempt.map_or(1, |attempt| attempt.number() + 1);
        let attempt = Attempt::new(place, by_person, number);
        page.attempt = Some(attempt);
        page.phase = Phase::Posting { after };
        (page.sent, page.is_unheard) = (0, false);
        page.heard.clear();
        state.send(Message::FromPage { attempt, ask: Ask::Offer { attempt, after } });
    }

    pub(crate) fn closes(&self, state: &mut State, place: Place) {
        state.pages[place].phase = Phase::Closed;
        forget_replies(state, place);
    }

    pub(crate) fn cancels(&self, state: &mut State, place: Place) {
        let attempt = state.pages[place].attempt.expect("an open page has a connection");
        state.send(Message::FromPage { attempt, ask: Ask::Cancel });
    }

    /// A reply to the page's present connection; those to older ones are not even kept.
    pub(crate) fn page_hears(&self, state: &mut State, attempt: Attempt, call: Call, reply: Reply) {
        let place = attempt.place();
        if state.pages[place].attempt != Some(attempt) {
            return;
        }
        match call {
            Call::Offer => self.offer_replied(state, place, attempt, reply),
            Call::Candidate { index } => self.candidate_replied(state, place, index, reply),
            Call::Assignment | Call::Answer { .. } | Call::Exit | Call::Missing | Call::Credential => {
                unreachable!("{call:?} is the guest's")
            }
        }
    }

    fn offer_replied(&self, state: &mut State, place: Place, attempt: Attempt, reply: Reply) {
        let page = &mut state.pages[place];
        let Phase::Posting { after } = page.phase else { return };
        match reply {
            Reply::Done { epoch } => {
                page.known = epoch;
                page.phase = Phase::Answering { epoch };
                self.sends_candidate(state, place);
            }
            // A reply to an earlier asking, that was repeated meanwhile.
            Reply::Refused(Refused::TakenOver { current }) if after.is_some_and(|known| known >= current) => {}
            Reply::Refused(Refused::TakenOver { current })
                if attempt.is_by_person() || self.is(Broken::TakesBackByItself) =>
            {
                page.known = current;
                page.phase = Phase::Posting { after: Some(current) };
                state.send(Message::FromPage { attempt, ask: Ask::Offer { attempt, after: Some(current) } });
            }
            Reply::Refused(Refused::TakenOver { current } | Refused::Stale { current }) => {
                (page.known, page.phase) = (current, Phase::Elsewhere);
            }
            Reply::Refused(Refused::Ended { .. } | Refused::Otherwise) | Reply::Unauthorised => {
                page.phase = Phase::Ended;
            }
        }
    }

    fn candidate_replied(&self, state: &mut State, place: Place, index: u8, reply: Reply) {
        let page = &mut state.pages[place];
        if page.sent + 1 != index {
            return;
        }
        match reply {
            Reply::Done { .. } => {
                page.sent = index;
                self.sends_candidate(state, place);
            }
            Reply::Refused(_) | Reply::Unauthorised => page.is_unheard = true,
        }
    }

    fn sends_candidate(&self, state: &mut State, place: Place) {
        if let Some(call) = self.page_call(state, place) {
            state.send(call);
        }
    }

    /// The long poll for the answer to the page's own epoch.
    pub(crate) fn reads_answer(&self, state: &mut State, place: Place) {
        let Phase::Answering { epoch } = state.pages[place].phase else { return };
        let facts = state.session.facts;
        if facts.end.is_some() {
            state.pages[place].phase = Phase::Ended;
        } else if facts.epoch > epoch {
            (state.pages[place].known, state.pages[place].phase) = (facts.epoch, Phase::Elsewhere);
        } else {
            self.takes_answer(state, place, epoch);
        }
    }

    fn takes_answer(&self, state: &mut State, place: Place, epoch: u8) {
        let answers_of = |epoch: u8| state.store.epochs.get(usize::from(epoch) - 1).and_then(|row| row.answers.last());
        let mut answer = answers_of(epoch).copied();
        if self.is(Broken::OldAnswer) && answer.is_none() {
            answer = (1..epoch).rev().find_map(answers_of).copied();
        }
        let heard = state.store.epochs.get(usize::from(epoch) - 1).map(|row| row.vm.iter().map(|(_, found)| *found));
        let heard: Vec<Found> = heard.into_iter().flatten().collect();
        let Some(transport) = answer else {
            state.history.misread = true;
            return;
        };
        state.history.misread |= transport.epoch != epoch;
        let page = &mut state.pages[place];
        page.phase = Phase::Connecting { epoch, transport, has_path: false, hangs: false };
        page.heard = heard;
    }

    /// The long poll for the guest's later candidates: those after the last one that was read.
    pub(crate) fn reads_candidates(&self, state: &mut State, place: Place) {
        let (Phase::Connecting { epoch, .. } | Phase::Live { epoch, .. }) = state.pages[place].phase else { return };
        let after = state.pages[place].heard.len();
        let log = &state.store.epochs[usize::from(epoch) - 1].vm;
        let more: Vec<Found> = log.iter().filter(|(seq, _)| *seq as usize > after).map(|(_, found)| *found).collect();
        state.pages[place].heard.extend(more);
    }

    /// The session's stream of events.
    pub(crate) fn hears_of_session(&self, state: &mut State, place: Place) {
        let facts = state.session.facts;
        let page = &mut state.pages[place];
        if facts.end.is_some() {
            page.phase = Phase::Ended;
            return forget_replies(state, place);
        }
        match page.phase {
            Phase::Live { .. } | Phase::Connecting { .. } => {
                (page.known, page.phase) = (facts.epoch, Phase::Elsewhere);
                forget_replies(state, place);
            }
            Phase::Closed | Phase::Posting { .. } | Phase::Answering { .. } | Phase::Elsewhere | Phase::Ended => {}
        }
    }

    pub(crate) fn finds_path(&self, state: &mut State, place: Place) {
        let Phase::Connecting { epoch, has_path, .. } = &mut state.pages[place].phase else { return };
        *has_path = true;
        let epoch = *epoch;
        if self.config.reports_path {
            report(state, place, epoch, Stage::Ice);
        }
    }

    pub(crate) fn decodes_frame(&self, state: &mut State, place: Place) {
        let Phase::Connecting { epoch, transport, .. } = state.pages[place].phase else { return };
        state.pages[place].phase = Phase::Live { epoch, transport };
        state.history.pictured |= 1 << epoch;
        report(state, place, epoch, Stage::Frame);
    }
}

fn report(state: &mut State, place: Place, epoch: u8, stage: Stage) {
    let attempt = state.pages[place].attempt.expect("it is connecting");
    state.send(Message::FromPage { attempt, ask: Ask::Seen { epoch, stage } });
}

/// Nobody is there any more for replies to what the page asked before.
fn forget_replies(state: &mut State, place: Place) {
    state.net.retain(|message| !matches!(message, Message::ToPage { attempt, .. } if attempt.place() == place));
}

/// Only the guest's requests bring candidates of its side.
pub(crate) fn guest_candidate(token: u8, epoch: u8, found: Found) -> Message {
    let ask = GuestAsk::Plain(Ask::Candidate { whose: Whose::Vm, epoch, found });
    Message::FromGuest { token, ask }
}
