//! The model: which steps are possible in a state, and what each does.
//!
//! Steps have an order of urgency, so that a wait ends by itself only when nothing else can happen: parties and
//! network go on first, then a page's short waits, then the session's deadlines, then the person and the CLI. What
//! comes before its turn is a fault ([`crate::config::Fault`]) and costs one, as do losses and crashes. So a state
//! without faults left shows what becomes of it when faults stop.

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicBool};

use ahash::RandomState;
use stateright::{Model, Property};

use crate::{
    broken::Broken,
    config::{Act, Config, Fault},
    decider::{Decider, Verdict},
    names::Place,
    properties,
    state::{Cli, Exit, Guest, Left, Message, Owner, Page, Phase, State, World},
};
use anteroom_protocol::session::ReasonCode;

/// One step of one party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It arrives; a request is decided, committed and answered at once.
    Arrives(Message),
    /// A request arrives and the session is loaded for it.
    Loads(Message),
    /// What was decided on the loaded session is committed, or decided again.
    Commits(usize),
    ReadsAnswer(Place),
    ReadsCandidates(Place),
    HearsOfSession(Place),
    FindsPath(Place),
    DecodesFrame(Place),
    GuestReadsOffer,
    GuestReadsCandidates,
    /// A place for a machine has become free.
    Places,
    Reconciles,
    Reclaims,
    DriverMakes,
    PageRepeats(Place),
    GuestRepeats,
    PageGivesUp(Place),
    PageLosesGuest(Place),
    Lapses(u8),
    CliEnds(Exit),
    Fails(Fault, Target),
    Acts(Act, Target),
}

/// What a fault or an act hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    World,
    Page(Place),
    Message(Message),
    Lapse(u8),
    Exit(Exit),
}

/// Which steps come before which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Parties and network.
    Progress,
    /// A page's short waits, and names of troubles.
    ShortWait,
    /// The session's deadlines for the other parties.
    Deadline,
    /// The person, the CLI, the provider's time.
    Person,
    /// Nothing at all.
    Over,
}

/// A configuration with its memory.
pub(crate) struct SignIn {
    pub(crate) config: Config,
    pub(crate) broken: Option<Broken>,
    pub(crate) decider: Decider,
    /// Set by the first violation, so that the shortest counterexample is the one that is kept.
    pub(crate) is_violated: AtomicBool,
    hasher: RandomState,
    /// Steps without fault and act, as fingerprints.
    edges: Mutex<Vec<(u64, u64)>>,
}

impl SignIn {
    pub(crate) fn new(config: Config, broken: Option<Broken>) -> Self {
        Self {
            decider: Decider::new(broken),
            config,
            broken,
            is_violated: AtomicBool::new(false),
            hasher: RandomState::with_seeds(5, 6, 7, 8),
            edges: Mutex::default(),
        }
    }

    pub(crate) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// The steps without fault and act that were taken so far.
    pub(crate) fn take_edges(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.edges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The steps that come next when nothing goes wrong, and how urgent they are.
    pub(crate) fn next(&self, state: &State, steps: &mut Vec<Step>) -> Urgency {
        self.progress(state, steps);
        if !steps.is_empty() {
            return Urgency::Progress;
        }
        self.short_waits(state, steps);
        if !steps.is_empty() {
            return Urgency::ShortWait;
        }
        self.lapses(state, steps, Urgency::Deadline);
        if !steps.is_empty() {
            return Urgency::Deadline;
        }
        self.lapses(state, steps, Urgency::Person);
        if state.guest.as_ref().is_some_and(|guest| guest.is_assigned && guest.cli == Cli::Runs) && !state.has_ended() {
            steps.extend(self.config.exits.iter().map(|exit| Step::CliEnds(*exit)));
        }
        if steps.is_empty() { Urgency::Over } else { Urgency::Person }
    }

    /// How urgent the next step is.
    pub(crate) fn urgency(&self, state: &State) -> Urgency {
        if !state.net.is_empty() || !state.tasks.is_empty() {
            return Urgency::Progress;
        }
        self.next(state, &mut Vec::new())
    }

    fn progress(&self, state: &State, steps: &mut Vec<Step>) {
        let mut last = None;
        for message in &state.net {
            if last != Some(message) {
                steps.extend(self.arrival(state, *message));
            }
            last = Some(message);
        }
        steps.extend((0..state.tasks.len()).map(Step::Commits));
        for place in 0..state.pages.len() {
            self.page_progress(state, place, steps);
        }
        self.guest_progress(state, steps);
        self.machine_progress(state, steps);
    }

    fn arrival(&self, state: &State, message: Message) -> Option<Step> {
        match message {
            Message::ToPage { .. } | Message::ToGuest { .. } => Some(Step::Arrives(message)),
            Message::FromPage { .. } | Message::FromGuest { .. } if !self.config.is_split => {
                Some(Step::Arrives(message))
            }
            Message::FromPage { .. } | Message::FromGuest { .. } => {
                (state.tasks.len() < 2).then_some(Step::Loads(message))
            }
        }
    }

    fn short_waits(&self, state: &State, steps: &mut Vec<Step>) {
        for place in 0..state.pages.len() {
            self.page_waits(state, place, steps);
        }
        if self.guest_call(state).is_some() {
            steps.push(Step::GuestRepeats);
        }
        self.lapses(state, steps, Urgency::ShortWait);
    }

    fn lapses(&self, state: &State, steps: &mut Vec<Step>, urgency: Urgency) {
        if self.is(Broken::NoDeadlines) {
            return;
        }
        let lapses = self.decider.lapses(&state.session);
        let of_this = lapses.iter().enumerate().filter(|(_, lapse)| urgency_of(lapse) == urgency);
        steps.extend(of_this.map(|(index, _)| Step::Lapses(u8::try_from(index).expect("few"))));
    }

    fn faults(&self, state: &State, steps: &mut Vec<Step>) {
        for kind in self.config.fault_kinds {
            let mut fails = |target| steps.push(Step::Fails(*kind, target));
            match kind {
                Fault::Lose | Fault::Double => {
                    let mut net = state.net.clone();
                    net.dedup();
                    net.into_iter().for_each(|message| fails(Target::Message(message)));
                }
                // A second kill before anything has happened since is the first one.
                Fault::Crash => fails(Target::World),
                Fault::MachineDies if matches!(state.world, World::Running(_)) => fails(Target::World),
                Fault::DriverFails if state.owner == Owner::Making && matches!(state.world, World::Making(_)) => {
                    fails(Target::World);
                }
                Fault::DriverSticks if matches!(state.world, World::Making(_)) => fails(Target::World),
                Fault::Hang | Fault::Impatient | Fault::PictureLost => {
                    let hit = |place: &Place| can_hit(*kind, &state.pages[*place]);
                    (0..state.pages.len()).filter(hit).for_each(|place| fails(Target::Page(place)));
                }
                Fault::Late => {
                    let lapses = 0..self.decider.lapses(&state.session).len();
                    lapses.for_each(|index| fails(Target::Lapse(u8::try_from(index).expect("few"))));
                }
                Fault::MachineDies | Fault::DriverFails | Fault::DriverSticks => {}
            }
        }
    }

    fn acts(&self, state: &State, steps: &mut Vec<Step>) {
        for kind in self.config.act_kinds {
            match kind {
                Act::Open | Act::Reload | Act::TakeBack | Act::Close | Act::Cancel => {
                    let may = |place: &Place| can_do(*kind, &state.pages[*place]);
                    steps.extend((0..2).filter(may).map(|place| Step::Acts(*kind, Target::Page(place))));
                }
                Act::Exit => {
                    if state.guest.as_ref().is_some_and(|guest| guest.is_assigned && guest.cli == Cli::Runs) {
                        steps.extend(self.config.exits.iter().map(|exit| Step::Acts(*kind, Target::Exit(*exit))));
                    }
                }
            }
        }
    }

    fn take(&self, state: &mut State, step: Step) {
        match step {
            Step::Arrives(message) => self.arrives(state, message),
            Step::Loads(message) => self.loads(state, message),
            Step::Commits(index) => self.commits(state, index),
            Step::ReadsAnswer(place) => self.reads_answer(state, place),
            Step::ReadsCandidates(place) => self.reads_candidates(state, place),
            Step::HearsOfSession(place) => self.hears_of_session(state, place),
            Step::FindsPath(place) => self.finds_path(state, place),
            Step::DecodesFrame(place) => self.decodes_frame(state, place),
            Step::GuestReadsOffer => self.guest_reads_offer(state),
            Step::GuestReadsCandidates => self.guest_reads_candidates(state),
            Step::Places => self.places(state),
            Step::Reconciles => self.reconciles(state),
            Step::Reclaims => state.world = World::Absent,
            Step::DriverMakes => self.driver_makes(state),
            Step::PageRepeats(place) => {
                let call = self.page_call(state, place).expect("it was seen to be missing");
                state.send(call);
            }
            Step::GuestRepeats => {
                let call = self.guest_call(state).expect("it was seen to be missing");
                state.send(call);
            }
            Step::PageGivesUp(place) | Step::PageLosesGuest(place) => self.loses_connection(state, place),
            Step::Lapses(index) => self.lapse(state, index),
            Step::CliEnds(exit) => self.cli_ends(state, exit),
            Step::Fails(fault, target) => {
                state.left.faults -= 1;
                self.fails(state, fault, target);
            }
            Step::Acts(act, target) => {
                state.left.acts -= 1;
                self.acts_on(state, act, target);
            }
        }
    }

    fn fails(&self, state: &mut State, fault: Fault, target: Target) {
        match (fault, target) {
            (Fault::Lose, Target::Message(message)) => state.take(&message),
            (Fault::Double, Target::Message(message)) => state.send(message),
            (Fault::Crash, _) => self.crash(state),
            (Fault::MachineDies, _) => end_machine(state, World::Dead),
            (Fault::DriverFails, _) => {
                state.world = World::Dead;
                state.owner = Owner::Failed;
            }
            (Fault::DriverSticks, _) => state.world = World::Stuck,
            (Fault::Hang, Target::Page(place)) => {
                if let Phase::Connecting { hangs, .. } = &mut state.pages[place].phase {
                    *hangs = true;
                }
            }
            (Fault::Impatient | Fault::PictureLost, Target::Page(place)) => self.loses_connection(state, place),
            (Fault::Late, Target::Lapse(index)) => self.lapse(state, index),
            (Fault::Lose | Fault::Double | Fault::Hang | Fault::Impatient | Fault::PictureLost | Fault::Late, _) => {
                unreachable!("{fault:?} does not hit {target:?}")
            }
        }
    }

    fn acts_on(&self, state: &mut State, act: Act, target: Target) {
        match (act, target) {
            (Act::Open | Act::Reload | Act::TakeBack, Target::Page(place)) => self.person_offers(state, place),
            (Act::Close, Target::Page(place)) => self.closes(state, place),
            (Act::Cancel, Target::Page(place)) => self.cancels(state, place),
            (Act::Exit, Target::Exit(exit)) => self.cli_ends(state, exit),
            (Act::Open | Act::Reload | Act::TakeBack | Act::Close | Act::Cancel | Act::Exit, _) => {
                unreachable!("{act:?} does not concern {target:?}")
            }
        }
    }

    fn remember(&self, from: &State, to: &State) {
        let edge = (self.hasher.hash_one(from), self.hasher.hash_one(to));
        self.edges.lock().unwrap_or_else(PoisonError::into_inner).push(edge);
    }
}

/// How urgent a lapse is: naming a trouble is a short wait, the provider's time is the person's.
fn urgency_of(lapse: &Verdict) -> Urgency {
    match lapse {
        Verdict::Changed(changed) => match changed.session.facts.end {
            None => Urgency::ShortWait,
            Some(ReasonCode::SignInTimeout) => Urgency::Person,
            Some(_) => Urgency::Deadline,
        },
        Verdict::Same | Verdict::Refused(_) => Urgency::Over,
    }
}

fn can_hit(fault: Fault, page: &Page) -> bool {
    match page.phase {
        Phase::Connecting { hangs, .. } => fault == Fault::Impatient || fault == Fault::Hang && !hangs,
        Phase::Answering { .. } => fault == Fault::Impatient,
        Phase::Live { .. } => fault == Fault::PictureLost,
        Phase::Closed | Phase::Posting { .. } | Phase::Elsewhere | Phase::Ended => false,
    }
}

fn can_do(act: Act, page: &Page) -> bool {
    match page.phase {
        Phase::Closed => act == Act::Open,
        Phase::Posting { .. } | Phase::Answering { .. } | Phase::Connecting { .. } | Phase::Live { .. } => {
            matches!(act, Act::Reload | Act::Close | Act::Cancel)
        }
        Phase::Elsewhere => matches!(act, Act::Reload | Act::Close | Act::Cancel | Act::TakeBack),
        Phase::Ended => false,
    }
}

/// The machine is there no more, and its agent with it. What was sent to the agent reaches nobody.
pub(crate) fn end_machine(state: &mut State, world: World) {
    state.world = world;
    state.guest = None;
    state.net.retain(|message| !matches!(message, Message::ToGuest { .. }));
}

impl Model for SignIn {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut state = State {
            session: self.decider.first(),
            store: Arc::default(),
            tasks: Vec::new(),
            owner: Owner::Idle,
            world: World::Absent,
            guest: None::<Guest>,
            pages: [Page::closed(), Page::closed()],
            net: Vec::new(),
            left: Left { faults: self.config.faults, acts: self.config.acts },
            history: Default::default(),
        };
        self.person_offers(&mut state, 0);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.next(state, steps);
        if state.left.faults > 0 {
            self.faults(state, steps);
        }
        if state.left.acts > 0 && !state.has_ended() {
            self.acts(state, steps);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.take(&mut state, step);
        if state == *last {
            return None;
        }
        if self.broken.is_none() && !matches!(step, Step::Fails(..) | Step::Acts(..)) {
            self.remember(last, &state);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(self)
    }
}
