//! What commits want of machines: tells the one who keeps the machine, and the reconciler, who may have to find one who
//! does. Each hears of the machines that concern them: with thousands of machines, a commit must not wake thousands.
//!
//! It is a hint only. What is wanted stands in the rows, and the reconciler's sweep reads all of them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anteroom_protocol::MachineId;

use crate::{
    signal::{Listener, Signal},
    wake::{Waiter, Wakers},
};

/// Names that wait for the reconciler. Where more wait, it reads all rows instead.
const MAX_NAMED: usize = 1024;

/// Which machines something is wanted of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// These.
    These(Vec<MachineId>),
    /// More than are remembered.
    Many,
}

/// The bell between commits and those who move machines.
pub(crate) struct Wanted {
    named: Mutex<Named>,
    rung: Signal,
    keepers: Wakers<MachineId>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { named: Mutex::new(Named::These(Vec::new())), rung: Signal::default(), keepers: Wakers::default() }
    }
}

impl Wanted {
    /// Something is wanted of this machine.
    pub(crate) fn of(&self, machine: &MachineId) {
        let mut named = self.lock();
        match &mut *named {
            Named::These(machines) if machines.len() >= MAX_NAMED => *named = Named::Many,
            Named::These(machines) => machines.push(machine.clone()),
            Named::Many => {}
        }
        drop(named);
        self.keepers.wake(machine);
        self.rung.give();
    }

    /// Something is wanted of the reconciler, and of no machine in particular.
    pub(crate) fn ring(&self) {
        self.rung.give();
    }

    /// The place of the one who keeps this machine.
    pub(crate) fn keeper(&self, machine: &MachineId, closing: &Signal) -> Waiter<MachineId> {
        self.keepers.waiter(machine, closing)
    }

    /// The reconciler's place.
    pub(crate) fn listener(&self) -> Listener {
        self.rung.listener()
    }

    /// Takes the machines that were named since it was asked last, in their order.
    pub(crate) fn take(&self) -> Named {
        std::mem::replace(&mut *self.lock(), Named::These(Vec::new()))
    }

    fn lock(&self) -> MutexGuard<'_, Named> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::*;

    fn machine(number: u8) -> MachineId {
        MachineId::from_random([number; 16])
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_keeper_of_the_named_machine_wakes() {
        let (wanted, closing) = (Wanted::default(), Signal::default());
        let (mut one, mut other) = (wanted.keeper(&machine(1), &closing), wanted.keeper(&machine(2), &closing));
        wanted.of(&machine(1));
        one.changed().await;
        assert!(!other.changed_before(Instant::now() + Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn the_reconciler_hears_which_machines_in_their_order_and_once() {
        let wanted = Wanted::default();
        let mut listener = wanted.listener();
        wanted.of(&machine(2));
        wanted.of(&machine(1));
        timeout(Duration::from_secs(1), listener.heard()).await.expect("it was rung");
        assert_eq!(wanted.take(), Named::These(vec![machine(2), machine(1)]));
        assert_eq!(wanted.take(), Named::These(Vec::new()));
    }

    #[test]
    fn names_that_nobody_takes_are_bounded() {
        let wanted = Wanted::default();
        for _ in 0..=MAX_NAMED {
            wanted.of(&machine(1));
        }
        assert_eq!(wanted.take(), Named::Many);
        assert_eq!(wanted.take(), Named::These(Vec::new()));
    }
}
