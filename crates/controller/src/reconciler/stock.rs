//! Keeps the pool as full as the operator wants it: plans machines that wait, and retires those that must not wait any
//! longer. What is to be done is `session::pool`'s to say; rows that it plans get their owners as all others do.

use std::collections::BTreeSet;

use anteroom_machines::Driver;
use anteroom_protocol::{
    MachineId,
    session::{Reason, ReasonCode},
};
use anteroom_session::{
    machine::{MachineRow, Seen},
    pool::{Goal, Move, moves},
};
use anteroom_store::CommitError;
use tokio::time::Instant;

use super::{Reconciler, keep::keep_log};
use crate::{Controller, Error, pool::AGENT_MS};

/// Destroys the machines that wait, for a controller that stops. One that fails is left to the next start.
pub async fn empty_pool(controller: &Controller, driver: &dyn Driver) {
    match controller.store.stock().await {
        Ok(rows) => {
            for row in rows.iter().filter(|row| row.session.is_none() && row.driver == driver.name()) {
                if let Err(error) = give_up(controller, driver, &row.id).await {
                    tracing::warn!(machine = %row.id, error = &*error, "a pooled machine is left to the next start");
                }
            }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "pooled machines are left to the next start");
        }
    }
}

async fn give_up(
    controller: &Controller,
    driver: &dyn Driver,
    machine: &MachineId,
) -> Result<(), Box<dyn std::error::Error>> {
    // A session may have it by now; then it is not ours to destroy.
    controller.store.retire_pooled(machine).await?;
    if controller.store.machine(machine).await?.is_some_and(|row| row.session.is_none()) {
        driver.destroy(machine).await?;
        controller.store.saw_machine(machine, Seen::Gone, controller.now()).await?;
    }
    Ok(())
}

impl Reconciler {
    /// Takes the steps that are due. After a failure only a `sweep` makes another one, and none is made while sessions wait
    /// for a place, or, for a while, for their first picture.
    pub(super) async fn stock(&self, sweep: bool, has_queue: bool) {
        // Without a pool, only one that was configured before can have left something.
        if !sweep && self.controller.settings.pool.size == 0 {
            return;
        }
        if sweep {
            self.controller.pool.forgive();
        }
        if let Err(error) = self.try_stock(sweep, has_queue).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the pool of machines is not as it should be; the next sweep looks again"
            );
        }
    }

    async fn try_stock(&self, sweep: bool, has_queue: bool) -> Result<(), Error> {
        let mut rows = self.controller.store.stock().await?;
        rows.retain(|row| row.driver == self.driver.name());
        let silent = if sweep { self.silent(&rows) } else { BTreeSet::new() };
        for due in moves(&rows, &self.goal(&rows, &silent)) {
            match due {
                Move::Plan if has_queue || self.controller.pool.has_failed() => {}
                Move::Plan if self.controller.starting.until(Instant::now()).is_some() => {}
                Move::Plan => self.plan().await?,
                Move::Retire(machine) => {
                    if self.controller.store.retire_pooled(&machine).await? {
                        tracing::info!(%machine, "the pooled machine is not wanted any more");
                        if silent.contains(&machine) {
                            keep_log(&self.controller, &*self.driver, &machine, &silence()).await;
                        }
                        self.controller.machines_wanted.of(&machine);
                    }
                }
            }
        }
        Ok(())
    }

    fn silent(&self, rows: &[MachineRow]) -> BTreeSet<MachineId> {
        let now = self.controller.now();
        let should_wait = |row: &&MachineRow| row.session.is_none() && now.since(row.created_at) >= AGENT_MS;
        self.controller.pool.silent(rows.iter().filter(should_wait).map(|row| row.id.clone()))
    }

    fn goal<'a>(&'a self, rows: &[MachineRow], silent: &'a BTreeSet<MachineId>) -> Goal<'a> {
        let settings = &self.controller.settings;
        let free = self.driver.free_memory().unwrap_or(u64::MAX);
        // What is empty is filled only with room to spare, so that it is not emptied again at once.
        let fills = rows.iter().all(|row| row.session.is_some());
        let margin = if fills { u64::from(settings.limits.memory_mb) << 20 } else { 0 };
        let made_from = &settings.placement.made_from;
        Goal {
            size: settings.pool.size,
            made_from,
            silent,
            has_memory: free >= settings.pool.keep_free.saturating_add(margin),
        }
    }

    async fn plan(&self) -> Result<(), Error> {
        let (machine, placement) = (self.controller.new_machine(), &self.controller.settings.placement);
        match self.controller.store.plan_pooled(&machine, placement, self.controller.now()).await {
            Ok(()) => {
                tracing::info!(%machine, "a machine for the pool is planned");
                self.controller.machines_wanted.of(&machine);
                Ok(())
            }
            // Sessions have all the places.
            Err(CommitError::NoCapacity(_)) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(
                CommitError::Conflict(_)
                | CommitError::Repeated(_)
                | CommitError::MachineTaken(_)
                | CommitError::LeaseHeld(_)
                | CommitError::CredentialConflict(_),
            ) => {
                unreachable!("a pooled machine is planned without a session")
            }
        }
    }
}

fn silence() -> Reason {
    let detail = format!("It runs, but its agent did not ask for a session within {} s.", AGENT_MS / 1000);
    Reason { code: ReasonCode::AgentTimeout, detail }
}
