//! What the world of one sign-in is at one moment: the store, the controller's memory, the driver's world, the guest,
//! two pages, what is under way between them, and what may still go wrong.

use std::sync::Arc;

use anteroom_protocol::session::ReasonCode;
use anteroom_session::machine::{Seen, Wanted};

use crate::{
    ask::Ask,
    decider::{Known, Refused},
    names::{Attempt, Found, Place, Transport},
};

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The stored session.
    pub(crate) session: Arc<Known>,
    /// What else is stored; survives the controller.
    pub(crate) store: Arc<Store>,
    /// What requests the controller has loaded and not committed; lost with it.
    pub(crate) tasks: Vec<Task>,
    /// Where the reconciler's owner of the machine is; lost with the controller.
    pub(crate) owner: Owner,
    /// What the driver has made; survives the controller.
    pub(crate) world: World,
    /// The agent in the machine.
    pub(crate) guest: Option<Guest>,
    pub(crate) pages: [Page; 2],
    /// Requests and replies under way, in order of their names: any may arrive next.
    pub(crate) net: Vec<Message>,
    pub(crate) left: Left,
    pub(crate) history: History,
}

/// The tables. They take what they are given: it is the decisions that are examined, not a schema that would catch
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    /// The first is epoch 1.
    pub(crate) epochs: Vec<EpochRow>,
    pub(crate) row: Option<Row>,
    pub(crate) plans: u8,
    pub(crate) has_credential: bool,
}

/// One epoch. Lists hold everything that was ever written there: more than one offer is an overwritten one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct EpochRow {
    pub(crate) offers: Vec<Attempt>,
    pub(crate) answers: Vec<Transport>,
    pub(crate) browser: Vec<(u32, Found)>,
    pub(crate) vm: Vec<(u32, Found)>,
}

/// The machine's row. Its token is the number of its last making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) wanted: WantedName,
    pub(crate) seen: SeenName,
    pub(crate) attempts: u8,
}

/// [`Wanted`] with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WantedName {
    Running,
    Gone,
}

/// [`Seen`] with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SeenName {
    Planned,
    Creating,
    Running,
    Gone,
}

impl From<WantedName> for Wanted {
    fn from(name: WantedName) -> Self {
        match name {
            WantedName::Running => Self::Running,
            WantedName::Gone => Self::Gone,
        }
    }
}

impl From<SeenName> for Seen {
    fn from(name: SeenName) -> Self {
        match name {
            SeenName::Planned => Self::Planned,
            SeenName::Creating => Self::Creating,
            SeenName::Running => Self::Running,
            SeenName::Gone => Self::Gone,
        }
    }
}

/// A request that is being decided: what it was decided on may be old when it is committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) request: Message,
    pub(crate) loaded: Arc<Known>,
}

/// The reconciler's owner task, between two of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// Looks at row and world next.
    Idle,
    /// `creating` is stored; the driver is called next.
    Begun,
    /// Waits for the driver.
    Making,
    /// The driver said no.
    Failed,
    /// Tells the session that the machine is made.
    TellsCreated,
    /// Writes `running` into the row.
    WritesRunning,
    /// Tells the session that the machine is lost.
    TellsLost,
    /// Waits for the driver to have destroyed it.
    Destroying,
    /// Tells the session that the machine is gone.
    TellsGone,
    /// Writes `gone` into the row.
    WritesGone,
}

/// The driver's world: one machine, by the number of its making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum World {
    Absent,
    /// Under way, also when the controller that wanted it is gone.
    Making(u8),
    /// Under way and never done.
    Stuck,
    Running(u8),
    Dead,
}

/// The agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guest {
    /// Which making of the machine.
    pub(crate) token: u8,
    /// Whether the controller has answered its first call.
    pub(crate) is_assigned: bool,
    /// The newest offer that it has read.
    pub(crate) known: u8,
    /// What it serves.
    pub(crate) serving: Option<Serving>,
    pub(crate) cli: Cli,
}

/// One epoch in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Serving {
    pub(crate) transport: Transport,
    pub(crate) answer: AnswerCall,
    /// Own candidates that the controller has.
    pub(crate) sent: u8,
    /// The controller wants no more of them.
    pub(crate) is_unheard: bool,
    /// The page's candidates, as they were read.
    pub(crate) heard: Vec<Found>,
}

/// How far the answer's call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnswerCall {
    Posting,
    Taken,
    TooLate,
}

/// The CLI and its credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cli {
    Runs,
    /// Its end is being reported.
    Ended(Exit),
    /// Its end is acknowledged, its credential is being handed in.
    Hands {
        whole: bool,
    },
    /// Its end is acknowledged, and that it left nothing is being reported.
    Misses,
    /// Nothing more to say.
    Done,
}

/// How the CLI ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// With 0 and a whole credential.
    Whole,
    /// With 0 and a broken one.
    Broken,
    /// With 0 and none.
    Nothing,
    /// With 1.
    Bad,
}

/// One page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Page {
    pub(crate) phase: Phase,
    /// Its newest connection, once it has one.
    pub(crate) attempt: Option<Attempt>,
    /// The newest epoch that it has made or was told of.
    pub(crate) known: u8,
    /// Own candidates that the controller has.
    pub(crate) sent: u8,
    /// The controller wants no more of them.
    pub(crate) is_unheard: bool,
    /// The guest's candidates, as they were read.
    pub(crate) heard: Vec<Found>,
}

/// Where a page is; after `web/src/viewer/machine.ts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Not open, or closed by its person.
    Closed,
    /// Its offer is under way, with the newest epoch that it names.
    Posting { after: Option<u8> },
    /// Waits for the answer.
    Answering { epoch: u8 },
    /// Has an answer.
    Connecting { epoch: u8, transport: Transport, has_path: bool, hangs: bool },
    /// Shows the picture.
    Live { epoch: u8, transport: Transport },
    /// Another page has the desktop; it offers to take it back.
    Elsewhere,
    /// The session has ended, and it says so.
    Ended,
}

/// Something under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Message {
    /// A person's request from one of the pages; `attempt` is the connection that it belongs to.
    FromPage { attempt: Attempt, ask: Ask },
    /// The agent's.
    FromGuest { token: u8, ask: GuestAsk },
    /// Back to the page.
    ToPage { attempt: Attempt, call: Call, reply: Reply },
    /// Back to the agent.
    ToGuest { token: u8, call: Call, reply: Reply },
}

/// What an agent sends: questions to the session, and a credential, on which the vault has its say first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum GuestAsk {
    Plain(Ask),
    Credential { whole: bool },
}

/// Which call a reply belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Call {
    Offer,
    Candidate { index: u8 },
    Assignment,
    Answer { epoch: u8 },
    Exit,
    Missing,
    Credential,
}

/// What the controller says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reply {
    Done {
        epoch: u8,
    },
    Refused(Refused),
    /// The token opens nothing.
    Unauthorised,
}

/// What may still be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    /// Faults of any enabled kind.
    pub(crate) faults: u8,
    /// A person's acts: opening, reloading, taking back, closing, cancelling.
    pub(crate) acts: u8,
}

/// What a state alone doesn't show. Only what a property asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// Terminal events written; two is enough to know.
    pub(crate) ends: u8,
    /// The first end.
    pub(crate) end: Option<EndName>,
    /// Event numbers had a gap.
    pub(crate) has_gap: bool,
    /// A reader got nothing, or something of another epoch.
    pub(crate) misread: bool,
    /// Epochs (bits) whose page has decoded a frame.
    pub(crate) pictured: u16,
    /// The driver was told to destroy the machine of a session that goes on.
    pub(crate) destroyed_alive: bool,
    /// Connections that pages opened by themselves.
    pub(crate) reopened: u8,
    /// The controller was killed.
    pub(crate) crashed: bool,
}

/// [`ReasonCode`] with an order of declaration, for hashing.
pub(crate) type EndName = ReasonCode;

impl State {
    pub(crate) fn store_mut(&mut self) -> &mut Store {
        Arc::make_mut(&mut self.store)
    }

    /// Puts something under way.
    pub(crate) fn send(&mut self, message: Message) {
        let place = self.net.partition_point(|other| *other <= message);
        self.net.insert(place, message);
    }

    /// Takes one of these from what is under way.
    pub(crate) fn take(&mut self, message: &Message) {
        let place = self.net.iter().position(|other| other == message).expect("what arrives was under way");
        self.net.remove(place);
    }

    /// The place of the newest epoch's page, with its connection.
    pub(crate) fn newest(&self) -> Option<(Place, Attempt)> {
        let attempt = *self.store.epochs.last()?.offers.last()?;
        Some((attempt.place(), attempt))
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.session.facts.end.is_some()
    }
}

impl Page {
    pub(crate) fn closed() -> Self {
        Self { phase: Phase::Closed, attempt: None, known: 0, sent: 0, is_unheard: false, heard: Vec::new() }
    }
}

impl Guest {
    pub(crate) fn booted(token: u8) -> Self {
        Self { token, is_assigned: false, known: 0, serving: None, cli: Cli::Runs }
    }
}
