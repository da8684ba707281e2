//! Pooled machines, as this controller knows them at this moment: those whose agents ask what they are for. A click takes
//! the one that has waited longest. It is a hint only: the row says whether a machine can still be bound.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use anteroom_protocol::MachineId;
use anteroom_session::machine::{MachineRow, Seen, Wanted};

use crate::{Controller, Error, ports::random};

/// How long after its planning a machine's agent should have asked what it is for.
pub(crate) const AGENT_MS: i64 = 30_000;

/// The machines that wait.
#[derive(Default)]
pub(crate) struct Pool {
    waiting: Mutex<Waiting>,
    /// Pooled machines whose agents did not wait at the last sweep.
    quiet: Mutex<BTreeSet<MachineId>>,
    failed: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    /// By the number of their coming.
    machines: BTreeMap<u64, Waits>,
    came: u64,
}

struct Waits {
    machine: MachineId,
    /// A session has been given it, and its row says whether it has it.
    taken: bool,
}

/// A machine's place among those that wait. It is given up when this is dropped.
pub(crate) struct Place<'a> {
    pool: &'a Pool,
    number: u64,
}

impl Pool {
    /// The machine's agent waits from now on.
    pub(crate) fn enter(&self, machine: &MachineId) -> Place<'_> {
        let mut waiting = self.lock();
        waiting.came += 1;
        let number = waiting.came;
        waiting.machines.insert(number, Waits { machine: machine.clone(), taken: false });
        Place { pool: self, number }
    }

    /// Takes the one that has waited longest: nobody else is given it.
    fn take(&self) -> Option<MachineId> {
        let mut waiting = self.lock();
        let longest = waiting.machines.values_mut().find(|waits| !waits.taken)?;
        longest.taken = true;
        Some(longest.machine.clone())
    }

    /// The one that was taken is nobody's after all.
    pub(crate) fn put_back(&self, machine: &MachineId) {
        for waits in self.lock().machines.values_mut().filter(|waits| waits.machine == *machine) {
            waits.taken = false;
        }
    }

    /// Of these, which are all that could wait by now, those whose agents waited neither now nor at the last sweep.
    pub(crate) fn silent(&self, pooled: impl Iterator<Item = MachineId>) -> BTreeSet<MachineId> {
        let waiting = self.lock();
        let quiet: BTreeSet<_> =
            pooled.filter(|id| !waiting.machines.values().any(|waits| waits.machine == *id)).collect();
        drop(waiting);
        let mut before = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = quiet.intersection(&before).cloned().collect();
        *before = quiet;
        silent
    }

    /// A pooled machine could not be made, or ended by itself: another one is not made at once.
    pub(crate) fn failed(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Whether one has failed since this was forgiven.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    pub(crate) fn forgive(&self) {
        self.failed.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().machines.remove(&self.number);
    }
}

impl Controller {
    /// The machine for a session that begins: a pooled one that is ready, or is being made, or else a new one.
    pub(crate) async fn machine_for_session(&self) -> Result<MachineId, Error> {
        if self.settings.pool.size == 0 {
            return Ok(self.new_machine());
        }
        if let Some(ready) = self.pool.take() {
            return Ok(ready);
        }
        let rows = self.store.stock().await?;
        let fit = rows.into_iter().filter(|row| self.can_be_bound(row));
        // The furthest on; of those the oldest.
        let nearest = fit.min_by_key(|row| match row.seen {
            Seen::Running => 0,
            Seen::Creating => 1,
            Seen::Planned | Seen::Gone => 2,
        });
        Ok(nearest.map_or_else(|| self.new_machine(), |row| row.id))
    }

    pub(crate) fn new_machine(&self) -> MachineId {
        MachineId::from_random(random(&*self.entropy))
    }

    /// One that is older, and whose agent does not wait, may be broken.
    fn can_be_bound(&self, row: &MachineRow) -> bool {
        let placement = &self.settings.placement;
        row.session.is_none()
            && self.now().since(row.created_at) < AGENT_MS
            && row.wanted == Wanted::Running
            && row.driver == placement.driver
            && row.made_from == placement.made_from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(number: u8) -> MachineId {
        MachineId::from_random([number; 16])
    }

    #[test]
    fn the_one_that_has_waited_longest_is_taken_and_only_once() {
        let pool = Pool::default();
        let _places = (pool.enter(&machine(2)), pool.enter(&machine(1)));
        assert_eq!([pool.take(), pool.take(), pool.take()], [Some(machine(2)), Some(machine(1)), None]);
    }

    #[test]
    fn one_that_is_put_back_is_taken_again() {
        let pool = Pool::default();
        let _place = pool.enter(&machine(1));
        pool.take();
        pool.put_back(&machine(1));
        assert_eq!([pool.take(), pool.take()], [Some(machine(1)), None]);
    }

    #[test]
    fn one_that_was_taken_still_waits() {
        let pool = Pool::default();
        let _place = pool.enter(&machine(1));
        pool.take();
        for _sweep in 0..3 {
            assert_eq!(pool.silent([machine(1)].into_iter()), BTreeSet::new());
        }
    }

    #[test]
    fn one_that_does_not_wait_at_two_sweeps_is_silent() {
        let pool = Pool::default();
        let place = pool.enter(&machine(1));
        let pooled = || [machine(1), machine(2)].into_iter();
        assert_eq!(pool.silent(pooled()), BTreeSet::new());
        assert_eq!(pool.silent(pooled()), BTreeSet::from([machine(2)]));
        drop(place);
        assert_eq!(pool.silent(pooled()), BTreeSet::from([machine(2)]));
        assert_eq!(pool.silent(pooled()), BTreeSet::from([machine(1), machine(2)]));
    }

    #[test]
    fn one_that_has_left_is_not_taken() {
        let pool = Pool::default();
        let place = pool.enter(&machine(1));
        let _other = pool.enter(&machine(2));
        drop(place);
        assert_eq!([pool.take(), pool.take()], [Some(machine(2)), None]);
    }
}
