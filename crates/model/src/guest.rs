//! The agent in the machine, after `guest/src/signaling.rs` and `guest/src/agent.rs`: it asks for its assignment, then
//! for one offer after the other, and answers each with a fresh transport. It ends with its session.

use crate::{
    ask::Ask,
    broken::Broken,
    controller::opens,
    decider::Refused,
    model::{SignIn, Step, end_machine},
    names::Transport,
    page::guest_candidate,
    state::{AnswerCall, Call, Cli, Exit, GuestAsk, Message, Reply, Serving, State, World},
};

impl SignIn {
    pub(crate) fn guest_progress(&self, state: &State, steps: &mut Vec<Step>) {
        let Some(guest) = state.guest.as_ref().filter(|guest| guest.is_assigned) else { return };
        let facts = &state.session.facts;
        if facts.end.is_some() || !opens(state, guest.token) {
            steps.push(Step::GuestReadsOffer);
            return;
        }
        if facts.epoch > guest.known && !(self.is(Broken::OneOfferInLife) && guest.known > 0) {
            steps.push(Step::GuestReadsOffer);
        }
        if let Some(serving) = &guest.serving
            && serving.answer == AnswerCall::Taken
            && serving.transport.epoch == facts.epoch
            && usize::from(facts.browser) > serving.heard.len()
        {
            steps.push(Step::GuestReadsCandidates);
        }
    }

    /// The call that the agent waits for, when neither it nor its reply is under way any more.
    pub(crate) fn guest_call(&self, state: &State) -> Option<Message> {
        let guest = state.guest.as_ref()?;
        let token = guest.token;
        let plain = |ask| Message::FromGuest { token, ask: GuestAsk::Plain(ask) };
        let mut waits_for = Vec::new();
        if !guest.is_assigned {
            waits_for.push((plain(Ask::Spoke), Call::Assignment));
        }
        if let Some(serving) = &guest.serving {
            waits_for.extend(self.signaling_call(token, serving));
        }
        match guest.cli {
            Cli::Runs | Cli::Done => {}
            Cli::Ended(exit) => waits_for.push((plain(report_of(exit)), Call::Exit)),
            Cli::Misses => waits_for.push((plain(Ask::Missing), Call::Missing)),
            Cli::Hands { whole } => {
                waits_for.push((Message::FromGuest { token, ask: GuestAsk::Credential { whole } }, Call::Credential));
            }
        }
        let is_under_way = |(request, wanted): &(Message, Call)| {
            state.tasks.iter().any(|task| task.request == *request)
                || state.net.iter().any(|message| {
                    message == request || matches!(message, Message::ToGuest { call, .. } if call == wanted)
                })
        };
        waits_for.into_iter().find(|call| !is_under_way(call)).map(|(request, _)| request)
    }

    fn signaling_call(&self, token: u8, serving: &Serving) -> Option<(Message, Call)> {
        let epoch = serving.transport.epoch;
        match serving.answer {
            AnswerCall::Posting => Some((self.answer_message(serving.transport), Call::Answer { epoch })),
            AnswerCall::Taken if serving.sent < self.config.candidates && !serving.is_unheard => {
                let index = serving.sent + 1;
                let found = self.found(serving.transport.code(), index);
                Some((guest_candidate(token, epoch, found), Call::Candidate { index }))
            }
            AnswerCall::Taken | AnswerCall::TooLate => None,
        }
    }

    fn answer_message(&self, transport: Transport) -> Message {
        let first = (self.config.candidates > 0).then(|| self.found(transport.code(), 1));
        let ask = GuestAsk::Plain(Ask::Answer { transport, first });
        Message::FromGuest { token: transport.token, ask }
    }

    /// The long poll for an offer that is newer than the last one.
    pub(crate) fn guest_reads_offer(&self, state: &mut State) {
        let Some(guest) = &state.guest else { return };
        if state.has_ended() || !opens(state, guest.token) {
            return end_machine(state, World::Dead);
        }
        let (token, epoch) = (guest.token, state.session.facts.epoch);
        let row = &state.store.epochs[usize::from(epoch) - 1];
        let attempt = *row.offers.last().expect("an epoch that is told has an offer");
        let heard = row.browser.iter().map(|(_, found)| *found).collect();
        let transport = Transport { token, epoch, attempt };
        let serving = Serving { transport, answer: AnswerCall::Posting, sent: 0, is_unheard: false, heard };
        let guest = state.guest.as_mut().expect("it was there");
        (guest.known, guest.serving) = (epoch, Some(serving));
        // Its calls for the epoch before are given up.
        state.net.retain(|message| {
            !matches!(message, Message::ToGuest { call: Call::Answer { .. } | Call::Candidate { .. }, .. })
        });
        state.send(self.answer_message(transport));
    }

    /// The long poll for the page's later candidates.
    pub(crate) fn guest_reads_candidates(&self, state: &mut State) {
        let store = state.store.clone();
        let Some(serving) = state.guest.as_mut().and_then(|guest| guest.serving.as_mut()) else { return };
        let after = serving.heard.len();
        let log = &store.epochs[usize::from(serving.transport.epoch) - 1].browser;
        serving.heard.extend(log.iter().filter(|(seq, _)| *seq as usize > after).map(|(_, found)| *found));
    }

    /// A reply to the agent.
    pub(crate) fn guest_hears(&self, state: &mut State, token: u8, call: Call, reply: Reply) {
        let Some(guest) = state.guest.as_mut().filter(|guest| guest.token == token) else { return };
        if matches!(reply, Reply::Unauthorised | Reply::Refused(Refused::Ended { .. })) {
            return end_machine(state, World::Dead);
        }
        let is_done = matches!(reply, Reply::Done { .. });
        match call {
            Call::Assignment => guest.is_assigned |= is_done,
            Call::Answer { epoch } => self.answer_replied(state, epoch, is_done),
            Call::Candidate { index } => self.guest_candidate_replied(state, index, is_done),
            Call::Exit => guest_exit_replied(state),
            Call::Missing | Call::Credential => guest.cli = Cli::Done,
            Call::Offer => unreachable!("a page's call"),
        }
        self.guest_goes_on(state);
    }

    /// What follows from a reply is sent at once.
    fn guest_goes_on(&self, state: &mut State) {
        if let Some(call) = self.guest_call(state) {
            state.send(call);
        }
    }

    fn answer_replied(&self, state: &mut State, epoch: u8, is_taken: bool) {
        let Some(serving) = state.guest.as_mut().and_then(|guest| guest.serving.as_mut()) else { return };
        if serving.transport.epoch == epoch && serving.answer == AnswerCall::Posting {
            serving.answer = if is_taken { AnswerCall::Taken } else { AnswerCall::TooLate };
            serving.sent = self.config.candidates.min(1);
        }
    }

    fn guest_candidate_replied(&self, state: &mut State, index: u8, is_done: bool) {
        let Some(serving) = state.guest.as_mut().and_then(|guest| guest.serving.as_mut()) else { return };
        if serving.sent + 1 == index {
            serving.sent += u8::from(is_done);
            serving.is_unheard |= !is_done;
        }
    }

    pub(crate) fn cli_ends(&self, state: &mut State, exit: Exit) {
        let Some(guest) = &mut state.guest else { return };
        guest.cli = Cli::Ended(exit);
        self.guest_goes_on(state);
    }
}

/// The CLI's end; what it left is said when this was acknowledged.
fn report_of(exit: Exit) -> Ask {
    match exit {
        Exit::Whole | Exit::Broken | Exit::Nothing => Ask::ExitOk,
        Exit::Bad => Ask::ExitBad,
    }
}

/// Acknowledged, or refused for a reason of the controller's: the machine goes on.
fn guest_exit_replied(state: &mut State) {
    let Some(guest) = &mut state.guest else { return };
    guest.cli = match guest.cli {
        Cli::Ended(Exit::Whole) => Cli::Hands { whole: true },
        Cli::Ended(Exit::Broken) => Cli::Hands { whole: false },
        Cli::Ended(Exit::Nothing) => Cli::Misses,
        Cli::Ended(Exit::Bad) => Cli::Done,
        cli @ (Cli::Runs | Cli::Hands { .. } | Cli::Misses | Cli::Done) => cli,
    };
}
