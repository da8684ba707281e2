//! What is asked of a session, by name; each becomes one real [`Input`].

use anteroom_protocol::{
    CredentialId, Epoch, MachineId, Secret,
    guest::Report,
    session::{ConnectionReport, ConnectionState, ReasonCode},
    signaling::{Answer, AnswerType, Candidate, Offer, OfferType, SdpDigest, Side},
};
use anteroom_session::Input;

use crate::names::{Attempt, Found, Transport, Whose};

/// An input without its texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// A page offers; `after` is the newest epoch that it knows.
    Offer { attempt: Attempt, after: Option<u8> },
    /// The same, when there is no place for a machine: the session's first offer has it wait for one.
    OfferInQueue { attempt: Attempt, after: Option<u8> },
    /// There is a place by now.
    Placed,
    /// The guest answers; `first` is the candidate that comes with the answer.
    Answer { transport: Transport, first: Option<Found> },
    /// One more candidate.
    Candidate { whose: Whose, epoch: u8, found: Found },
    /// The viewer reports.
    Seen { epoch: u8, stage: Stage },
    /// The driver made the machine.
    Created,
    /// The driver could not.
    NotCreated,
    /// The machine ended.
    Lost,
    /// The machine is gone.
    Destroyed,
    /// The agent asked for its assignment.
    Spoke,
    /// The CLI ended with 0.
    ExitOk,
    /// The CLI ended with 1.
    ExitBad,
    /// The CLI left nothing.
    Missing,
    /// The credential is sealed and comes with the commit.
    Sealed,
    /// The credential is not worth keeping.
    Refused,
    /// The person cancels.
    Cancel,
    /// The controller came back.
    Resumed,
    /// One of the waits that [`crate::clock::lapses`] lists is over.
    Lapse(u8),
}

/// What a viewer reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// A path is there.
    Ice,
    /// DTLS is up and a frame was decoded.
    Frame,
}

pub(crate) fn offer_sdp(attempt: Attempt) -> String {
    format!("v=0 offer {}", attempt.code())
}

pub(crate) fn answer_sdp(transport: Transport) -> String {
    format!("v=0 answer {} {} {}", transport.token, transport.epoch, transport.attempt.code())
}

fn numbers(sdp: &str) -> impl Iterator<Item = u8> {
    sdp.split(' ').skip(2).map(|number| number.parse().expect("the model wrote this SDP"))
}

/// The offer's name, from its text.
pub(crate) fn attempt_of(offer: &Offer) -> Attempt {
    Attempt::from_code(numbers(offer.sdp.expose()).next().expect("an offer has a name"))
}

/// The answer's name, from its text.
pub(crate) fn transport_of(answer: &Answer) -> Transport {
    let mut numbers = numbers(answer.sdp.expose());
    let mut next = || numbers.next().expect("an answer has three numbers");
    Transport { token: next(), epoch: next(), attempt: Attempt::from_code(next()) }
}

/// As a browser writes it; the end marker is empty but for the section, in which its name is kept for the model.
fn candidate(found: Found) -> Candidate {
    let name = format!("{} {}", found.by, found.index);
    let line = if found.is_end { String::new() } else { format!("candidate:{name}") };
    Candidate { candidate: Secret::new(line), sdp_mid: Some(name), sdp_m_line_index: None, username_fragment: None }
}

/// The candidate's name, from its text.
pub(crate) fn found_of(candidate: &Candidate) -> Found {
    let name = candidate.sdp_mid.as_deref().expect("the model names each candidate");
    let mut numbers = name.split(' ').map(|number| number.parse().expect("the model wrote this candidate"));
    let mut next = || numbers.next().expect("a candidate has two numbers");
    Found { by: next(), index: next(), is_end: candidate.is_end() }
}

fn machine_for(attempt: Attempt) -> MachineId {
    MachineId::from_random([attempt.code(); 16])
}

fn offer(attempt: Attempt, after: Option<u8>, machine: Option<MachineId>) -> Input {
    Input::Offer {
        offer: Offer { kind: OfferType::Offer, sdp: Secret::new(offer_sdp(attempt)) },
        candidates: Vec::new(),
        after: after.map(|epoch| Epoch(epoch.into())),
        machine,
    }
}

fn side(whose: Whose) -> Side {
    match whose {
        Whose::Browser => Side::Browser,
        Whose::Vm => Side::Vm,
    }
}

impl Ask {
    /// The real input; none for a lapse, which is a question of time.
    pub(crate) fn input(self) -> Option<Input> {
        let detail = || String::from("why");
        Some(match self {
            Self::Offer { attempt, after } => offer(attempt, after, Some(machine_for(attempt))),
            Self::OfferInQueue { attempt, after } => offer(attempt, after, None),
            Self::Placed => Input::Placed { machine: MachineId::from_random([5; 16]) },
            Self::Answer { transport, first } => Input::Answer {
                epoch: Epoch(transport.epoch.into()),
                offer_digest: SdpDigest::of(&offer_sdp(transport.attempt)),
                answer: Answer { kind: AnswerType::Answer, sdp: Secret::new(answer_sdp(transport)) },
                candidates: first.into_iter().map(candidate).collect(),
            },
            Self::Candidate { whose, epoch, found } => {
                Input::Candidates { side: side(whose), epoch: Epoch(epoch.into()), candidates: vec![candidate(found)] }
            }
            Self::Seen { epoch, stage } => {
                let state = match stage {
                    Stage::Ice => ConnectionState::IceConnected,
                    Stage::Frame => ConnectionState::FrameDecoded,
                };
                Input::Connection(ConnectionReport { epoch: Epoch(epoch.into()), state })
            }
            Self::Created => Input::MachineCreated,
            Self::NotCreated => Input::MachineNotCreated { code: ReasonCode::MachineFailed, detail: detail() },
            Self::Lost => Input::MachineLost { detail: detail() },
            Self::Destroyed => Input::MachineDestroyed,
            Self::Spoke => Input::AgentSpoke,
            Self::ExitOk => Input::Report(Report::CliExited { code: 0, detail: detail() }),
            Self::ExitBad => Input::Report(Report::CliExited { code: 1, detail: detail() }),
            Self::Missing => Input::Report(Report::CredentialMissing { detail: detail() }),
            Self::Sealed => Input::CredentialSealed(CredentialId::from_random([4; 16])),
            Self::Refused => Input::CredentialRefused { detail: detail() },
            Self::Cancel => Input::Cancel,
            Self::Resumed => Input::Resumed,
            Self::Lapse(_) => return None,
        })
    }
}
