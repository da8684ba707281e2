//! What can happen to a session, and why it may be refused.

use anteroom_protocol::{
    CredentialId, Epoch, MachineId,
    guest::Report,
    session::{ConnectionReport, Reason, ReasonCode},
    signaling::{Answer, Candidate, Offer, SdpDigest, Side},
};

/// Something that happened. The shapes were checked at the edge; whether they fit the session is decided here.
#[derive(Clone, Debug)]
pub enum Input {
    /// The person's page made an offer: the first, or one of a new connection.
    Offer {
        /// The description.
        offer: Offer,
        /// The candidates known by then.
        candidates: Vec<Candidate>,
        /// The newest epoch that the page knows; none when it takes the desktop over.
        after: Option<Epoch>,
        /// The id for the machine, in case this offer is the first; none when there is no place for one, so that the
        /// session has to wait.
        machine: Option<MachineId>,
    },
    /// There is a place for the machine of a session that has waited for one.
    Placed {
        /// The id for the machine.
        machine: MachineId,
    },
    /// A sign-in without a desktop begins: nothing is waited for but a place.
    Begin {
        /// The id for the machine; none when there is no place for one.
        machine: Option<MachineId>,
    },
    /// The person brought a text from their own browser. It is sealed, and stored in the same transaction.
    Pasted,
    /// The guest answered.
    Answer {
        /// The epoch that it names.
        epoch: Epoch,
        /// The offer that it names.
        offer_digest: SdpDigest,
        /// The description.
        answer: Answer,
        /// The candidates known by then.
        candidates: Vec<Candidate>,
    },
    /// One side found candidates.
    Candidates {
        /// Whose they are.
        side: Side,
        /// The epoch that they name.
        epoch: Epoch,
        /// In order.
        candidates: Vec<Candidate>,
    },
    /// The viewer says how far its connection has come.
    Connection(ConnectionReport),
    /// The driver has made the machine.
    MachineCreated,
    /// The driver can't make the machine.
    MachineNotCreated {
        /// [`ReasonCode::MachineFailed`] or [`ReasonCode::NoCapacity`].
        code: ReasonCode,
        /// What was tried and what was seen.
        detail: String,
    },
    /// The machine ended, though nobody wanted it to.
    MachineLost {
        /// What was seen.
        detail: String,
    },
    /// The machine is proved gone.
    MachineDestroyed,
    /// The guest agent asked what it is for.
    AgentSpoke,
    /// The guest agent reports.
    Report(Report),
    /// The credential is whole and sealed, and is stored in the same transaction as this input's change. It ends a sign-in; of a
    /// run it is a new version, and the run goes on.
    CredentialSealed(CredentialId),
    /// The credential is not worth keeping: blank, broken or older.
    CredentialRefused {
        /// Names the file and the rule, no value.
        detail: String,
    },
    /// The person cancels.
    Cancel,
    /// Whoever runs the server stops the machine.
    Stop,
    /// Another run of the person wants the credential that this one holds.
    TakeOver,
    /// Somebody uses the run.
    Used,
    /// The controller runs again after it was away; nobody could have met a deadline meanwhile.
    Resumed,
    /// Time went by.
    Tick,
}

/// Why an input changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The session has ended; this is its end.
    #[error("the session has ended")]
    Ended(Reason),
    /// It names an epoch that a newer offer has superseded.
    #[error("epoch is superseded; the current one is {current}")]
    StaleEpoch {
        /// The newest.
        current: Epoch,
    },
    /// Another page has made a newer offer than the one that this page knows.
    #[error("another page has taken the desktop over with epoch {current}")]
    TakenOver {
        /// The newest.
        current: Epoch,
    },
    /// It names an epoch that does not exist yet.
    #[error("there is no such epoch; the newest is {current}")]
    NoSuchEpoch {
        /// The newest; 0 when there is no offer yet.
        current: Epoch,
    },
    /// The answer was made for another description than the epoch's offer.
    #[error("the answer names another offer than that of epoch {current}")]
    AnotherOffer {
        /// The newest.
        current: Epoch,
    },
    /// The epoch has another answer already.
    #[error("epoch {current} has an answer already")]
    AlreadyAnswered {
        /// The newest.
        current: Epoch,
    },
    /// The epoch has no answer, so nobody can be connected by it.
    #[error("epoch {current} has no answer yet")]
    NotAnswered {
        /// The newest.
        current: Epoch,
    },
    /// The side said that it has no more candidates.
    #[error("end-of-candidates was said already")]
    CandidatesComplete,
    /// The log is full.
    #[error("too many candidates in one epoch")]
    TooManyCandidates,
    /// The session has had too many offers.
    #[error("too many epochs in one session")]
    TooManyEpochs,
    /// It can't happen in this state: a guest's report before the machine, a credential before the CLI's end.
    #[error("not in this state")]
    NotNow,
    /// There is no desktop in this sign-in, so that nobody can be connected to it.
    #[error("this sign-in has no desktop")]
    NoDesktop,
    /// The person has pasted as often as one may.
    #[error("too many texts were pasted")]
    TooManyPastes,
    /// The run has changed its credential as often as one may.
    #[error("too many versions of the credential in one run")]
    TooManyWriteBacks,
    /// The CLI has ended well and its credential is being saved: too late to cancel.
    #[error("the credential is being saved")]
    Saving,
}
