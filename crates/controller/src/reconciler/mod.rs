//! Moves the world of machines to where their rows want it. It takes no argument: it compares rows with what the driver
//! sees, so that the first creation, the recovery after a crash at any instruction and the clean-up are one code.
//!
//! Each row that is not gone has one owner task, so that no two acts on one machine run at once. Owners are woken by
//! commits that want something of a machine, by the machine's own end, and by a sweep. What the driver has and no row
//! knows is reclaimed (invariant nothing-leaks).

mod keep;
mod owner;
mod stock;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use anteroom_machines::Driver;
use anteroom_protocol::MachineId;
use anteroom_session::machine::{MachineRow, Seen, Wanted, overdue};
use tokio::{
    sync::Semaphore,
    task::{Id, JoinSet},
    time::Instant,
};

use crate::{Controller, pieces::Machines, wanted::Named};
use owner::Owner;
pub use stock::empty_pool;

/// How often everything is looked at, though nothing was heard.
const SWEEP: Duration = Duration::from_secs(20);
/// Machines that are made or destroyed at once. Making one takes a core for a tenth of a second.
const ACTS_AT_ONCE: usize = 4;
/// How long the driver may take to say what there is.
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// The reconciler of one controller.
pub struct Reconciler {
    controller: Arc<Controller>,
    driver: Arc<dyn Driver>,
    slots: Arc<Semaphore>,
    owners: JoinSet<()>,
    /// Whose machine each owner has, and the machines that have one.
    machines: HashMap<Id, MachineId>,
    owned: HashSet<MachineId>,
}

/// Waits for a moment, if there is one.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Reconciler {
    /// Nothing happens before [`Self::run`].
    #[must_use]
    pub fn new(controller: Arc<Controller>, driver: Arc<dyn Driver>) -> Self {
        Self {
            controller,
            driver,
            slots: Arc::new(Semaphore::new(ACTS_AT_ONCE)),
            owners: JoinSet::new(),
            machines: HashMap::new(),
            owned: HashSet::new(),
        }
    }

    /// Works for ever. When the future is dropped, all work stops where it is; a new reconciler goes on from the rows.
    pub async fn run(mut self) {
        let mut wanted = self.controller.machines_wanted.listener();
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let patience = self.controller.starting.until(Instant::now());
            tokio::select! {
                biased;
                () = wanted.heard() => {
                    self.adopt_named().await;
                    self.fill(false).await;
                }
                () = passed(patience) => self.fill(false).await,
                _ = sweep.tick() => {
                    self.adopt_rows().await;
                    self.reclaim().await;
                    self.fill(true).await;
                }
                Some(ended) = self.owners.join_next_with_id() => {
                    self.disown(ended);
                    self.fill(false).await;
                }
            }
        }
    }

    /// Gives free places to the sessions that wait for one, and then to the pool: what waits for nobody waits behind them.
    async fn fill(&self, sweep: bool) {
        match self.controller.serve_queue().await {
            Ok(waits) => self.stock(sweep, waits).await,
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "sessions that wait for a place could not be served; the next sweep tries again"
            ),
        }
    }

    /// Gives the machines an owner of which something is wanted and that have none yet.
    async fn adopt_named(&mut self) {
        let machines = match self.controller.machines_wanted.take() {
            Named::These(machines) => machines,
            Named::Many => return self.adopt_rows().await,
        };
        for machine in machines {
            if self.owned.contains(&machine) {
                continue;
            }
            match self.controller.store.machine(&machine).await {
                Ok(Some(row)) => self.adopt_row(row),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%machine, error = &error as &dyn std::error::Error, "its row could not be read; the next sweep reads it again");
                }
            }
        }
    }

    fn adopt_row(&mut self, row: MachineRow) {
        // Another driver's machines are not this one's to judge.
        if row.driver == self.driver.name() && row.seen != Seen::Gone {
            self.adopt(row.id, Owner::keep);
        }
    }

    /// Gives each row an owner that has none yet.
    async fn adopt_rows(&mut self) {
        let controller = self.controller.clone();
        let (mut machines, mut kept) = (Machines::of(&*controller.store), Vec::new());
        loop {
            match machines.next().await {
                Ok(piece) if piece.is_empty() => return self.retire_kept(&kept).await,
                Ok(piece) => {
                    kept.extend(piece.iter().filter(|row| row.wanted == Wanted::Kept).cloned());
                    for row in piece {
                        self.adopt_row(row);
                    }
                }
                Err(error) => {
                    return tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "machine rows could not be read; the next sweep reads them again"
                    );
                }
            }
        }
    }

    /// Has kept machines destroyed that are too old, or more than the operator wants by now.
    async fn retire_kept(&self, kept: &[MachineRow]) {
        let settings = self.controller.settings.keep;
        for machine in overdue(kept, settings.machines, settings.for_ms, self.controller.now()) {
            match self.controller.store.retire_kept(&machine).await {
                Ok(_) => self.controller.machines_wanted.of(&machine),
                Err(error) => {
                    tracing::warn!(%machine, error = &error as &dyn std::error::Error, "it is kept until the next sweep");
                }
            }
        }
    }

    /// Destroys what the driver has and no row knows. The driver is asked before the rows are: a machine that is made
    /// in between has a row by then.
    async fn reclaim(&mut self) {
        let listed = match tokio::time::timeout(LIST_TIMEOUT, self.driver.list()).await {
            Ok(Ok(listed)) => listed,
            Ok(Err(error)) => {
                return tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the driver does not say what there is"
                );
            }
            Err(_) => return tracing::warn!("the driver did not say in time what there is"),
        };
        for id in listed {
            if self.owned.contains(&id) {
                continue;
            }
            match self.controller.store.machine(&id).await {
                Ok(Some(row)) if row.seen != Seen::Gone => {}
                Ok(_) => {
                    tracing::warn!(machine = %id, "a machine without a row is reclaimed");
                    self.adopt(id, Owner::reclaim);
                }
                Err(error) => {
                    tracing::warn!(machine = %id, error = &error as &dyn std::error::Error, "its row could not be read")
                }
            }
        }
    }

    fn adopt<F>(&mut self, machine: MachineId, work: impl FnOnce(Owner) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        if !self.owned.insert(machine.clone()) {
            return;
        }
        let owner = Owner {
            controller: self.controller.clone(),
            driver: self.driver.clone(),
            slots: self.slots.clone(),
            machine: machine.clone(),
        };
        let task = self.owners.spawn(work(owner));
        self.machines.insert(task.id(), machine);
    }

    fn disown(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a machine's owner broke; the next sweep gives it another"
                );
                error.id()
            }
        };
        if let Some(machine) = self.machines.remove(&id) {
            self.owned.remove(&machine);
        }
    }
}
