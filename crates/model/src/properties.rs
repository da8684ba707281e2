//! What must hold in every state: the invariants 1 to 9 of ARCHITECTURE.md and what follows from them for two pages;
//! and what must be reachable, so that the others are not true of an empty world.

use std::sync::atomic::Ordering;

use anteroom_protocol::session::{ConnectionState, ReasonCode, SessionState};
use stateright::{Expectation, Property};

use crate::{
    config::{Act, Fault},
    model::{SignIn, Urgency},
    names::{Found, Place},
    state::{AnswerCall, EpochRow, Phase, SeenName, State, WantedName, World},
};

/// A property that always holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    OfferFirst,
    OneMachine,
    OneAnswer,
    NoOverwrite,
    NoNullNoGuess,
    NoLostCandidate,
    LivePeer,
    SeenIsConnected,
    SavedBeforeDestroyed,
    OneEnd,
    NothingLeaks,
    NoFight,
    LateIsLate,
    Caused,
}

impl Name {
    /// As it is printed.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::OfferFirst => "offer-first",
            Self::OneMachine => "a session has one machine",
            Self::OneAnswer => "one-answer",
            Self::NoOverwrite => "no-overwrite",
            Self::NoNullNoGuess => "no-null, no-guess",
            Self::NoLostCandidate => "no-lost-candidate",
            Self::LivePeer => "live-peer",
            Self::SeenIsConnected => "seen-is-connected",
            Self::SavedBeforeDestroyed => "saved-before-destroyed",
            Self::OneEnd => "one-end",
            Self::NothingLeaks => "nothing-leaks",
            Self::NoFight => "two pages never fight",
            Self::LateIsLate => "a late offer never supersedes a newer one",
            Self::Caused => "every new connection has a cause",
        }
    }
}

type Condition = fn(&SignIn, &State) -> bool;

/// All that hold always.
const ALWAYS: &[(Name, Condition)] = &[
    (Name::OfferFirst, |model, state| checked(model, offer_first(state))),
    (Name::OneMachine, |model, state| checked(model, state.store.plans <= 1)),
    (Name::OneAnswer, |model, state| checked(model, one_answer(state))),
    (Name::NoOverwrite, |model, state| checked(model, no_overwrite(state))),
    (Name::NoNullNoGuess, |model, state| checked(model, !state.history.misread)),
    (Name::NoLostCandidate, |model, state| checked(model, no_lost_candidate(model, state))),
    (Name::SeenIsConnected, |model, state| checked(model, seen_is_connected(state))),
    (Name::SavedBeforeDestroyed, |model, state| checked(model, saved_before_destroyed(state))),
    (Name::OneEnd, |model, state| checked(model, one_end(state))),
    (Name::NothingLeaks, |model, state| checked(model, nothing_leaks(model, state))),
    (Name::NoFight, |model, state| checked(model, no_fight(state))),
    (Name::LateIsLate, |model, state| checked(model, !model.config.names_epoch || late_is_late(state))),
    (Name::Caused, |model, state| checked(model, caused(model, state))),
    (Name::LivePeer, |model, state| checked(model, live_peer(model, state))),
];

/// Properties of one configuration: what can't happen in it need not be reachable.
pub(crate) fn all(model: &SignIn) -> Vec<Property<SignIn>> {
    let mut all: Vec<_> = ALWAYS.iter().map(|(name, condition)| Property::always(name.words(), *condition)).collect();
    if model.broken.is_some() {
        return all;
    }
    let faults = model.config.fault_kinds;
    let acts = model.config.act_kinds;
    let mut sometimes = |is_possible: bool, name, condition| {
        if is_possible {
            all.push(Property { expectation: Expectation::Sometimes, name, condition });
        }
    };
    sometimes(true, "the picture comes", |_, state| is_live(state, 0));
    sometimes(true, "the sign-in succeeds and its machine goes", |model, state| {
        state.session.facts.state == SessionState::Succeeded && model.urgency(state) == Urgency::Over
    });
    sometimes(acts.contains(&Act::Reload), "a reload gets its picture back", |_, state| {
        let by_person = state.pages[0].attempt.is_some_and(|attempt| attempt.is_by_person() && attempt.number() > 1);
        by_person && is_live(state, 0)
    });
    sometimes(faults.contains(&Fault::PictureLost), "a lost picture comes back by itself", |_, state| {
        state.history.reopened > 0 && state.history.pictured.count_ones() > 1 && is_live(state, 0)
    });
    sometimes(acts.contains(&Act::Open), "the second page takes over", |_, state| {
        is_live(state, 1) && state.pages[0].phase == Phase::Elsewhere
    });
    sometimes(acts.contains(&Act::TakeBack), "the first page takes back", |_, state| {
        is_live(state, 0) && state.pages[1].phase == Phase::Elsewhere
    });
    sometimes(acts.contains(&Act::Cancel), "a person cancels", |_, state| {
        state.session.facts.end == Some(ReasonCode::CancelledByPerson)
    });
    sometimes(faults.contains(&Fault::Crash), "the sign-in succeeds though the controller was killed", |_, state| {
        state.history.crashed && state.session.facts.state == SessionState::Succeeded
    });
    sometimes(faults.contains(&Fault::Late), "a deadline ends the session", |_, state| {
        state.session.facts.state == SessionState::TimedOut
    });
    sometimes(faults.contains(&Fault::MachineDies), "a machine is lost", |_, state| {
        state.session.facts.end == Some(ReasonCode::MachineLost)
    });
    let again = faults.contains(&Fault::MachineDies) && faults.contains(&Fault::Crash);
    sometimes(again, "a machine that was made again shows its picture", |_, state| {
        state.store.row.is_some_and(|row| row.attempts > 1) && is_live(state, 0)
    });
    all
}

/// Counts the first violation only: states are gone through in the order of their depth, so that its way is the
/// shortest.
fn checked(model: &SignIn, holds: bool) -> bool {
    holds || model.is_violated.swap(true, Ordering::Relaxed)
}

fn is_live(state: &State, place: Place) -> bool {
    matches!(state.pages[place].phase, Phase::Live { .. })
}

/// No row and no machine without a stored offer.
fn offer_first(state: &State) -> bool {
    let has_offer = state.store.epochs.first().is_some_and(|row| !row.offers.is_empty());
    let has_machine = state.store.row.is_some() || state.world != World::Absent;
    has_offer || !has_machine
}

/// One answer for each epoch, made for this epoch and its offer.
fn one_answer(state: &State) -> bool {
    let mut rows = (1..).zip(&state.store.epochs);
    rows.all(|(epoch, row): (u8, _)| {
        let fits =
            |answer: &crate::names::Transport| answer.epoch == epoch && row.offers.first() == Some(&answer.attempt);
        row.answers.len() <= 1 && row.answers.iter().all(fits)
    })
}

/// One offer for each epoch, without gaps, no offer in two; and the session's number is the newest's.
fn no_overwrite(state: &State) -> bool {
    let epochs = &state.store.epochs;
    let offer_of = |index: usize| epochs[index].offers.first();
    let is_once = |index: usize| (0..index).all(|earlier| offer_of(earlier) != offer_of(index));
    epochs.iter().all(|row| row.offers.len() == 1)
        && (0..epochs.len()).all(is_once)
        && usize::from(state.session.facts.epoch) == state.store.epochs.len()
}

/// Logs are what their side found, from the first and in order; whatever was acknowledged is there; readers have read
/// a beginning of it, and all of it once nothing is under way.
fn no_lost_candidate(model: &SignIn, state: &State) -> bool {
    let rows = (1..).zip(&state.store.epochs);
    rows.into_iter().all(|(epoch, row)| is_log(model, row) && are_kept(state, epoch, row)) && are_told(model, state)
}

fn is_log(model: &SignIn, row: &EpochRow) -> bool {
    let is_beginning = |log: &[(u32, Found)], by: Option<u8>| {
        log.iter().zip(1..).all(|((seq, found), place)| {
            *seq == u32::from(place) && by.is_some_and(|by| *found == model.found(by, place))
        })
    };
    is_beginning(&row.browser, row.offers.first().map(|attempt| attempt.code()))
        // Candidates may come before the answer, and say themselves whose they are.
        && is_beginning(&row.vm, row.vm.first().map(|(_, found)| found.by))
}

/// What the page or the guest was told to be stored.
fn are_kept(state: &State, epoch: u8, row: &EpochRow) -> bool {
    let pages = state.pages.iter().all(|page| match page.phase {
        Phase::Answering { epoch: of } | Phase::Connecting { epoch: of, .. } | Phase::Live { epoch: of, .. } => {
            of != epoch || row.browser.len() >= page.sent.into()
        }
        Phase::Closed | Phase::Posting { .. } | Phase::Elsewhere | Phase::Ended => true,
    });
    let serving = state.guest.as_ref().and_then(|guest| guest.serving.as_ref());
    let taken = serving.filter(|serving| serving.transport.epoch == epoch && serving.answer == AnswerCall::Taken);
    pages && taken.is_none_or(|serving| row.vm.len() >= serving.sent.into())
}

/// Whoever is connected has all of the other side's, once nothing is under way.
fn are_told(model: &SignIn, state: &State) -> bool {
    let heard_in = |heard: &[Found], log: &[(u32, Found)], all: bool| {
        heard.len() <= log.len()
            && (!all || heard.len() == log.len())
            && heard.iter().zip(log).all(|(heard, (_, logged))| heard == logged)
    };
    let all = model.config.candidates > 0 && !state.has_ended() && model.urgency(state) > Urgency::Progress;
    let row = |epoch: u8| state.store.epochs.get(usize::from(epoch) - 1);
    let newest = state.session.facts.epoch;
    let pages = state.pages.iter().all(|page| match page.phase {
        Phase::Connecting { epoch, .. } | Phase::Live { epoch, .. } => {
            row(epoch).is_some_and(|row| heard_in(&page.heard, &row.vm, all && epoch == newest))
        }
        Phase::Closed | Phase::Posting { .. } | Phase::Answering { .. } | Phase::Elsewhere | Phase::Ended => true,
    });
    let serving = state.guest.as_ref().and_then(|guest| guest.serving.as_ref());
    pages
        && serving.is_none_or(|serving| {
            let epoch = serving.transport.epoch;
            let all = all && epoch == newest && serving.answer == AnswerCall::Taken;
            row(epoch).is_some_and(|row| heard_in(&serving.heard, &row.browser, all))
        })
}

/// The session says `connected` only of an epoch whose page has decoded a frame.
fn seen_is_connected(state: &State) -> bool {
    let facts = &state.session.facts;
    facts.connection != ConnectionState::FrameDecoded || state.history.pictured & 1 << facts.epoch != 0
}

/// Success and a stored credential come together; a machine is given up only with its session's end; and whose CLI has
/// ended well is not ended by a person or by their time.
fn saved_before_destroyed(state: &State) -> bool {
    let facts = &state.session.facts;
    let succeeded = facts.state == SessionState::Succeeded;
    let is_unwanted = state.store.row.is_some_and(|row| row.wanted == WantedName::Gone);
    let ends_by_itself =
        !matches!(facts.end, Some(ReasonCode::CancelledByPerson | ReasonCode::SignInTimeout)) || !facts.cli_succeeded;
    succeeded == state.store.has_credential
        && (!is_unwanted || facts.end.is_some())
        && !state.history.destroyed_alive
        && ends_by_itself
}

/// One terminal event, at the end, and the end stays what it was; events are numbered without gaps.
fn one_end(state: &State) -> bool {
    let history = &state.history;
    history.ends == u8::from(state.has_ended()) && history.end == state.session.facts.end && !history.has_gap
}

/// An end gives the machine up in the same transaction; and when nothing goes on any more, nothing is left of it, and
/// each page says that the session has ended.
fn nothing_leaks(model: &SignIn, state: &State) -> bool {
    let is_wanted = state.store.row.is_some_and(|row| row.wanted == WantedName::Running);
    let is_gone = |state: &State| {
        state.world == World::Absent
            && state.store.row.is_none_or(|row| row.seen == SeenName::Gone)
            && !state.session.facts.has_machine
            && state.pages.iter().all(|page| matches!(page.phase, Phase::Ended | Phase::Closed))
    };
    let claims_gone = state.store.row.is_some_and(|row| row.seen == SeenName::Gone);
    let is_left = claims_gone && state.world != World::Absent;
    let is_over = || model.urgency(state) == Urgency::Over;
    if state.has_ended() { !is_wanted && !is_left && (!is_over() || is_gone(state)) } else { !is_left }
}

/// After another page has taken the desktop, a page makes a newer epoch only when its person says so.
fn no_fight(state: &State) -> bool {
    let makers = || state.store.epochs.iter().filter_map(|row| row.offers.first());
    makers().zip(makers().skip(1)).all(|(before, after)| before.place() == after.place() || after.is_by_person())
}

/// Of one page's connections, the one that it made later is in the later epoch.
fn late_is_late(state: &State) -> bool {
    let of_page = |place: Place| {
        let offers = state.store.epochs.iter().flat_map(|row| &row.offers);
        offers.filter(move |attempt| attempt.place() == place).map(|attempt| attempt.number())
    };
    (0..state.pages.len()).all(|place| of_page(place).zip(of_page(place).skip(1)).all(|(before, after)| before < after))
}

/// Pages reconnect because something went wrong, once for each thing that did.
fn caused(model: &SignIn, state: &State) -> bool {
    let (config, left) = (&model.config, &state.left);
    state.history.reopened <= config.faults - left.faults + config.acts - left.acts
}

/// When only the person and the CLI have something to do, the newest epoch's page shows the picture, and no other page
/// waits for one; a session always ends; and its deadlines are needed only where a fault has left a party that does
/// nothing more.
fn live_peer(model: &SignIn, state: &State) -> bool {
    if state.has_ended() {
        return true;
    }
    match model.urgency(state) {
        Urgency::Progress | Urgency::ShortWait => true,
        Urgency::Deadline => is_stuck(state),
        Urgency::Person => newest_is_live(model, state) && nobody_waits(state),
        Urgency::Over => false,
    }
}

/// The driver never comes back; or nobody is there to make an offer.
fn is_stuck(state: &State) -> bool {
    state.world == World::Stuck || state.pages.iter().all(|page| page.phase == Phase::Closed)
}

fn newest_is_live(model: &SignIn, state: &State) -> bool {
    state.newest().is_some_and(|(place, attempt)| match state.pages[place].phase {
        Phase::Closed => true,
        Phase::Live { .. } => state.pages[place].attempt == Some(attempt),
        // A dead connection's offer has come late and taken the desktop; the person can take it back.
        Phase::Elsewhere => !model.config.names_epoch && state.pages[place].attempt != Some(attempt),
        Phase::Posting { .. } | Phase::Answering { .. } | Phase::Connecting { .. } | Phase::Ended => false,
    })
}

fn nobody_waits(state: &State) -> bool {
    state.pages.iter().all(|page| match page.phase {
        Phase::Closed | Phase::Live { .. } | Phase::Elsewhere => true,
        Phase::Posting { .. } | Phase::Answering { .. } | Phase::Connecting { .. } | Phase::Ended => false,
    })
}
