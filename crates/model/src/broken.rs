//! Each invariant broken on purpose, once at least: the model must find each. Nothing of this is in the product: a
//! guard is taken away by what it is given and what is made of its change, or a party's rule by the party.

use anteroom_protocol::{
    Epoch,
    guest::Report,
    session::{ConnectionState, ReasonCode},
    signaling::Side,
};
use anteroom_session::{CandidateLogState, Change, Input, Phase, Session, Write};
use serde_json::Value;

use crate::{clock::NOW, properties::Name};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    // In the session.
    AnswerForAnyEpoch,
    SecondAnswer,
    OfferOverwrites,
    CandidatesLoggedTwice,
    SupersededForgotten,
    AfterIgnored,
    IceCounts,
    CancelWhileSaving,
    EndAgain,
    NotRetired,
    NoDeadlines,
    // In the store and the controller.
    PlanBeforeOffer,
    CommitsBlindly,
    OldAnswer,
    NotYetIsNothing,
    CandidatesWiped,
    CandidatesInMemory,
    SavesLater,
    GoneUnproved,
    HeardIsNotSeen,
    // In page and guest.
    OneOfferInLife,
    NoNewEpoch,
    LeavesAfterOut,
    TakesBackByItself,
}

/// What it is in words, in which world of [`crate::worlds`] it is looked for, and which properties say so.
pub(crate) struct Breakage {
    pub(crate) broken: Broken,
    pub(crate) words: &'static str,
    pub(crate) world: &'static str,
    pub(crate) caught_by: &'static [Name],
}

macro_rules! breakages {
    ($($broken:ident, $words:literal, $world:literal, [$($name:ident),+];)+) => {
        &[$(Breakage {
            broken: Broken::$broken,
            words: $words,
            world: $world,
            caught_by: &[$(Name::$name),+],
        }),+]
    };
}

/// All of them, in the order of the invariants.
pub(crate) const ALL: &[Breakage] = breakages! {
    PlanBeforeOffer, "the machine is planned in a transaction before the offer's", "one page", [OfferFirst];
    AnswerForAnyEpoch, "an answer counts for the epoch that is current when it arrives", "one page", [OneAnswer];
    SecondAnswer, "a second answer replaces the first", "one page", [OneAnswer];
    OfferOverwrites, "a new offer is written over the epoch's old one", "one page", [NoOverwrite];
    CommitsBlindly, "a change is committed whatever was committed since it was loaded", "races", [OneMachine, NoOverwrite];
    NotYetIsNothing, "a reader that is early gets nothing instead of waiting", "one page", [NoNullNoGuess];
    OldAnswer, "a reader gets the answer of an older epoch while its own has none", "one page", [NoNullNoGuess];
    CandidatesWiped, "candidates are cleared when the answer is stored", "candidates", [NoLostCandidate];
    CandidatesInMemory, "candidates are in the controller's memory only", "candidates", [NoLostCandidate];
    CandidatesLoggedTwice, "a repeated request logs its candidates again", "candidates", [NoLostCandidate];
    OneOfferInLife, "the guest reads one offer in its life", "one page", [LivePeer];
    NoNewEpoch, "a page whose connection fails makes no new epoch", "one page", [LivePeer];
    NoDeadlines, "no deadline ever passes", "machine", [LivePeer];
    SupersededForgotten, "a late copy of an old offer makes a new epoch", "left out", [NoOverwrite];
    LeavesAfterOut, "a reloading page does not say which epoch it knows", "one page", [LateIsLate];
    AfterIgnored, "the controller does not look at which epoch a page knows", "left out", [NoFight];
    TakesBackByItself, "a page that reconnects takes the desktop back by itself", "two pages", [NoFight];
    IceCounts, "a path counts as a connection", "one page", [SeenIsConnected];
    SavesLater, "the session ends well before the credential is stored", "saving", [SavedBeforeDestroyed];
    CancelWhileSaving, "a cancel ends a session that is saving", "saving", [SavedBeforeDestroyed];
    EndAgain, "what happens after the end ends the session again", "saving", [OneEnd];
    NotRetired, "an end does not say that its machine is not wanted any more", "one page", [NothingLeaks];
    GoneUnproved, "a row says gone before the driver has destroyed the machine", "machine", [NothingLeaks];
    HeardIsNotSeen, "a machine whose agent was heard is still taken for one that is being made", "saving", [LivePeer];
};

impl Breakage {
    /// Whether the property with this name is one that has to find it.
    pub(crate) fn is_caught_by(&self, name: &str) -> bool {
        self.caught_by.iter().any(|by| by.words() == name)
    }
}

impl Broken {
    /// What the session is given instead.
    pub(crate) fn before(self, mut session: Session, input: Input) -> (Session, Input) {
        let input = match (self, input) {
            (Self::AnswerForAnyEpoch, Input::Answer { answer, candidates, epoch, offer_digest }) => {
                let current = session.epoch.as_ref().map(|state| (state.number, state.offer_digest.clone()));
                let (epoch, offer_digest) = current.unwrap_or((epoch, offer_digest));
                Input::Answer { epoch, offer_digest, answer, candidates }
            }
            (Self::AfterIgnored, Input::Offer { offer, candidates, machine, .. }) => {
                Input::Offer { offer, candidates, machine, after: None }
            }
            (Self::IceCounts, Input::Connection(mut report)) => {
                report.state = ConnectionState::FrameDecoded;
                Input::Connection(report)
            }
            (_, input) => input,
        };
        self.loosen(&mut session, &input);
        (session, input)
    }

    /// Takes out of the session what its guard looks at.
    fn loosen(self, session: &mut Session, input: &Input) {
        match (self, input) {
            (Self::SecondAnswer, Input::Answer { .. }) => {
                session.epoch.iter_mut().for_each(|epoch| epoch.answer_digest = None);
            }
            (Self::OfferOverwrites, Input::Offer { .. }) => {
                session.epoch.iter_mut().for_each(|epoch| epoch.number = Epoch(epoch.number.0 - 1));
            }
            (Self::CandidatesWiped, Input::Answer { .. }) => {
                if let Some(epoch) = &mut session.epoch {
                    (epoch.browser, epoch.vm) = (CandidateLogState::default(), CandidateLogState::default());
                }
            }
            (Self::CandidatesLoggedTwice, Input::Candidates { side, .. }) => {
                let side = match side {
                    Side::Browser => "browser",
                    Side::Vm => "vm",
                };
                forget(session, &format!("/epoch/{side}/seen"));
            }
            (Self::SupersededForgotten, Input::Offer { .. }) => forget(session, "/superseded"),
            (Self::CancelWhileSaving, Input::Cancel) => {
                if let Phase::Saving { since } = session.phase {
                    session.phase = Phase::SigningIn { since };
                }
            }
            (Self::EndAgain, Input::MachineLost { .. } | Input::Cancel | Input::Report(Report::CliExited { .. })) => {
                if session.end().is_some() {
                    session.phase = Phase::SigningIn { since: NOW };
                }
            }
            (_, _) => {}
        }
    }

    /// What is made of the session's change.
    pub(crate) fn after(self, change: &mut Change) {
        let is_end = change.session.end().is_some_and(|end| end.reason.code != ReasonCode::Saved);
        if self == Self::NotRetired && is_end {
            change.writes.retain(|write| !matches!(write, Write::RetireMachine(_)));
        }
    }
}

/// Empties a list that only the session itself can reach.
fn forget(session: &mut Session, pointer: &str) {
    let mut value = serde_json::to_value(&*session).expect("a session is JSON");
    if let Some(list) = value.pointer_mut(pointer) {
        *list = Value::Array(Vec::new());
    }
    *session = serde_json::from_value(value).expect("it is still a session");
}
