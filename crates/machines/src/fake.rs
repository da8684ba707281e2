//! A driver over a world in memory that behaves as real ones do: machines live on when a driver instance is dropped,
//! half ones stay until they are destroyed, and calls fail when a test says so. Not for production: nothing runs.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anteroom_protocol::MachineId;
use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{
    Capabilities, CreateError, Driver, Limit, MAX_LOG_BYTES, MAX_REACHED, MachineSpec, Observed, OperationError, Reach,
    Usage,
};

/// Faults waiting to happen; a test that plans more has a loop that does not end.
const MAX_FAULTS: usize = 1024;

/// What each machine uses.
const MEMORY_BYTES: u64 = 200 << 20;
/// The computing time that each machine has used between two looks.
const CPU_BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The calls that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Driver::create`].
    Create,
    /// [`Driver::inspect`].
    Inspect,
    /// [`Driver::destroy`].
    Destroy,
    /// [`Driver::list`].
    List,
    /// [`Driver::logs`].
    Logs,
    /// [`Driver::reach`].
    Reach,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and the call says so.
    Fails,
    /// The call stops in the middle: `create` leaves a half machine, `destroy` leaves one that is dead.
    FailsHalfway,
    /// Everything is done, but the call fails nevertheless: its answer was lost.
    FailsAfterwards,
    /// The call never returns and does nothing.
    Hangs,
}

/// The host that outlives its drivers. Clones are the same world.
#[derive(Clone, Default)]
pub struct World {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    machines: BTreeMap<MachineId, Machine>,
    faults: VecDeque<(Call, Fault)>,
    restricts: bool,
    creations: u32,
    destructions: u32,
}

struct Machine {
    spec: MachineSpec,
    phase: Phase,
    log: String,
    cpu: Duration,
    reached: BTreeSet<IpAddr>,
}

impl Machine {
    fn new(spec: &MachineSpec, phase: Phase) -> Self {
        Self {
            spec: spec.clone(),
            phase,
            log: "agent started\n".to_owned(),
            cpu: Duration::ZERO,
            reached: BTreeSet::new(),
        }
    }
}

#[derive(Clone)]
enum Phase {
    Half,
    Running,
    Ended(String),
}

impl World {
    /// A new driver over this world, as after a restart of the controller.
    #[must_use]
    pub fn driver(&self) -> FakeDriver {
        FakeDriver { world: self.clone() }
    }

    /// From now on its drivers say that they restrict machines.
    pub fn restrict(&self) {
        self.change(|state| state.restricts = true);
    }

    /// Plans a fault for the next call of that kind that no earlier fault takes.
    pub fn plan(&self, call: Call, fault: Fault) {
        let mut state = self.state();
        assert!(state.faults.len() < MAX_FAULTS, "more than {MAX_FAULTS} faults are planned");
        state.faults.push_back((call, fault));
    }

    /// Ends a machine's agent, as when it crashes.
    pub fn end(&self, id: &MachineId, reason: &str) {
        self.change(|state| {
            if let Some(machine) = state.machines.get_mut(id) {
                machine.phase = Phase::Ended(reason.to_owned());
            }
        });
    }

    /// Has a machine's agent write to its console.
    pub fn write(&self, id: &MachineId, text: &str) {
        self.change(|state| {
            if let Some(machine) = state.machines.get_mut(id) {
                machine.log.push_str(text);
            }
        });
    }

    /// Puts something into the world that no row knows: a half machine.
    pub fn litter(&self, spec: &MachineSpec) {
        self.change(|state| {
            state.machines.insert(spec.id.clone(), Machine::new(spec, Phase::Half));
        });
    }

    /// The specifications of the machines that run, in order of their ids: a test speaks to the controller as such a
    /// machine's agent with the token from its boot document.
    #[must_use]
    pub fn running(&self) -> Vec<MachineSpec> {
        let state = self.state();
        state.machines.values().filter(|m| matches!(m.phase, Phase::Running)).map(|m| m.spec.clone()).collect()
    }

    /// The specifications of everything that is there, half machines and ended ones too, in order of their ids.
    #[must_use]
    pub fn everything(&self) -> Vec<MachineSpec> {
        self.state().machines.values().map(|machine| machine.spec.clone()).collect()
    }

    /// What a machine was let reach, in order. Time does not go on here.
    #[must_use]
    pub fn reached(&self, id: &MachineId) -> Vec<IpAddr> {
        self.state().machines.get(id).map(|machine| machine.reached.iter().copied().collect()).unwrap_or_default()
    }

    /// How often a machine was created and destroyed, in this order.
    #[must_use]
    pub fn counts(&self) -> (u32, u32) {
        let state = self.state();
        (state.creations, state.destructions)
    }

    /// Waits until the world is as wanted. The caller sets the deadline. Waiters wake in the order in which they began
    /// to wait, so that a simulation replays.
    pub async fn until(&self, mut wanted: impl FnMut(&Self) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // The place in the queue is taken before the look, so that no change falls in between.
            changed.as_mut().enable();
            if wanted(self) {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let value = change(&mut self.state());
        self.shared.changed.notify_waiters();
        value
    }

    fn take_fault(&self, call: Call) -> Option<Fault> {
        let mut state = self.state();
        let place = state.faults.iter().position(|(planned, _)| *planned == call)?;
        state.faults.remove(place).map(|(_, fault)| fault)
    }

    fn phase(&self, id: &MachineId) -> Option<Phase> {
        self.state().machines.get(id).map(|machine| machine.phase.clone())
    }
}

/// A driver over a [`World`].
pub struct FakeDriver {
    world: World,
}

impl FakeDriver {
    /// Carries out a call with whatever fault is planned for it: `half` is what an interrupted one does, `whole` what
    /// a complete one does.
    async fn call<T>(
        &self,
        call: Call,
        machine: Option<&MachineId>,
        half: impl FnOnce(&mut State),
        whole: impl FnOnce(&mut State) -> T,
    ) -> Result<T, OperationError> {
        let error = OperationError {
            step: format!("{call:?}"),
            machine: machine.cloned(),
            detail: "the test planned this fault".to_owned(),
        };
        match self.world.take_fault(call) {
            None => Ok(self.world.change(whole)),
            Some(Fault::Fails) => Err(error),
            Some(Fault::FailsHalfway) => {
                self.world.change(half);
                Err(error)
            }
            Some(Fault::FailsAfterwards) => {
                self.world.change(whole);
                Err(error)
            }
            Some(Fault::Hangs) => std::future::pending().await,
        }
    }
}

fn put(state: &mut State, spec: &MachineSpec, phase: Phase) {
    state.creations += 1;
    state.machines.insert(spec.id.clone(), Machine::new(spec, phase));
}

#[async_trait]
impl Driver for FakeDriver {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> Capabilities {
        let none = || Limit::Unavailable("nothing runs in the fake".to_owned());
        let restricted = self.world.state().restricts;
        Capabilities { memory: none(), pids: none(), cpu: none(), disk: none(), walled: none(), restricted }
    }

    async fn create(&self, spec: &MachineSpec) -> Result<(), CreateError> {
        spec.check().map_err(|problem| CreateError::Invalid { machine: spec.id.clone(), problem })?;
        let half = |state: &mut State| put(state, spec, Phase::Half);
        let whole = |state: &mut State| put(state, spec, Phase::Running);
        Ok(self.call(Call::Create, Some(&spec.id), half, whole).await?)
    }

    async fn inspect(&self, id: &MachineId) -> Result<Observed, OperationError> {
        let observe = |state: &mut State| match state.machines.get(id).map(|machine| &machine.phase) {
            None => Observed::Absent,
            Some(Phase::Running) => Observed::Running,
            Some(Phase::Half) => Observed::Dead { reason: "its creation was not completed".to_owned() },
            Some(Phase::Ended(reason)) => Observed::Dead { reason: reason.clone() },
        };
        self.call(Call::Inspect, Some(id), |_| (), observe).await
    }

    async fn destroy(&self, id: &MachineId) -> Result<(), OperationError> {
        let half = |state: &mut State| {
            if let Some(machine) = state.machines.get_mut(id) {
                machine.phase = Phase::Half;
            }
        };
        let whole = |state: &mut State| {
            if state.machines.remove(id).is_some() {
                state.destructions += 1;
            }
        };
        self.call(Call::Destroy, Some(id), half, whole).await
    }

    async fn list(&self) -> Result<Vec<MachineId>, OperationError> {
        self.call(Call::List, None, |_| (), |state| state.machines.keys().cloned().collect()).await
    }

    async fn exited(&self, id: &MachineId) -> String {
        let runs = |world: &World| matches!(world.phase(id), Some(Phase::Running));
        self.world.until(|world| !runs(world)).await;
        match self.world.phase(id) {
            Some(Phase::Ended(reason)) => reason,
            Some(Phase::Half | Phase::Running) => "its creation was not completed".to_owned(),
            None => "there is no such machine".to_owned(),
        }
    }

    async fn logs(&self, id: &MachineId) -> Result<String, OperationError> {
        let write = |state: &mut State| match state.machines.get(id) {
            Some(Machine { phase: Phase::Running | Phase::Ended(_), log, .. }) => {
                log[log.ceil_char_boundary(log.len().saturating_sub(MAX_LOG_BYTES))..].to_owned()
            }
            Some(Machine { phase: Phase::Half, .. }) | None => String::new(),
        };
        self.call(Call::Logs, Some(id), |_| (), write).await
    }

    async fn reach(&self, id: &MachineId, reach: &Reach) -> Result<(), OperationError> {
        let refused = |detail: String| OperationError {
            step: "let the machine reach addresses".to_owned(),
            machine: Some(id.clone()),
            detail,
        };
        reach.check().map_err(refused)?;
        let whole = |state: &mut State| {
            let machine = state.machines.get_mut(id).ok_or("there is no such machine")?;
            let more: BTreeSet<_> = machine.reached.iter().chain(&reach.addresses).copied().collect();
            if more.len() > MAX_REACHED {
                return Err("it reaches too many addresses");
            }
            machine.reached = more;
            Ok(())
        };
        self.call(Call::Reach, Some(id), |_| (), whole).await?.map_err(|detail: &str| refused(detail.to_owned()))
    }

    async fn usage(&self, id: &MachineId) -> Result<Option<Usage>, OperationError> {
        Ok(self.world.state().machines.get_mut(id).filter(|machine| matches!(machine.phase, Phase::Running)).map(
            |machine| {
                machine.cpu += CPU_BETWEEN_LOOKS;
                Usage { memory_bytes: MEMORY_BYTES, cpu: machine.cpu }
            },
        ))
    }
}

#[cfg(all(test, feature = "suite"))]
#[path = "fake_tests.rs"]
mod tests;
