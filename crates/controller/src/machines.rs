//! An administrator's use cases with machines: what there is and what it uses, what a failed one wrote, stop, destroy.
//!
//! The owner of the installation is its administrator. Stopping and destroying store an intent, which the reconciler
//! carries out; what a machine uses is measured when somebody asks.

use std::{collections::BTreeMap, time::Duration};

use anteroom_machines::{Driver, Usage};
use anteroom_protocol::{MachineId, ProviderId, SessionId, UnixMillis, UserId, session::Reason};
use anteroom_session::{
    Input, Refusal,
    machine::{MachineRow, Seen, Wanted},
};
use anteroom_store::{FailedMachine, KEPT_LOG_BYTES};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::{Caller, Controller, Error, error::Noun, mask::mask, pieces::Machines};

/// Machines that are told of at once; more than a host has.
const MAX_LISTED: usize = 256;
/// How long computing time is measured: a process's own is counted in hundredths of a second.
const MEASURED: Duration = Duration::from_millis(500);
/// How long a driver may take to say what a machine uses, or what it wrote.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a machine may change hands while it is being stopped: it is pooled, then a session's, then going.
const MAX_TRIES: u32 = 3;

/// Where a machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MachineState {
    /// Only its row exists.
    Planned,
    /// It is being made.
    Creating,
    /// It runs and waits for a session.
    Waiting,
    /// It runs for a session.
    Serving,
    /// Its session has failed, and it stays for a look.
    Kept,
    /// It is being destroyed.
    Ending,
}

/// A machine that is not gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineView {
    /// Its id.
    pub id: MachineId,
    /// Where it stands.
    pub state: MachineState,
    /// The session that it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What is being connected in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// Which driver makes it.
    pub driver: String,
    /// When it was planned.
    pub created_at: UnixMillis,
    /// Memory that counts against its limit, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Computing time that it uses now, percent of one core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<u32>,
}

/// A machine that ended badly. It is gone, or about to be; its log is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedMachineView {
    /// Its id.
    pub id: MachineId,
    /// The session that it served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What was to be connected in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderId>,
    /// Which driver had made it.
    pub driver: String,
    /// When it was planned.
    pub created_at: UnixMillis,
    /// When it failed.
    pub failed_at: UnixMillis,
    /// How.
    pub reason: Reason,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineList {
    /// Those that are not gone, in the order in which they were planned.
    pub machines: Vec<MachineView>,
    /// Whether there are more of them than are told of.
    pub more: bool,
    /// How many there may be at once.
    pub max: u32,
    /// What each may use of memory, bytes.
    pub memory_limit_bytes: u64,
    /// Those that failed, the newest first.
    pub failed: Vec<FailedMachineView>,
}

/// What a machine wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineLog {
    /// The end of its console: the agent's log, with what X server, browser and CLI complained of. Secrets are masked.
    pub log: String,
    /// Set when the machine failed, and this is what was kept of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<FailedMachineView>,
}

impl From<FailedMachine> for FailedMachineView {
    fn from(failed: FailedMachine) -> Self {
        let FailedMachine { machine: id, session, provider, driver, created_at, failed_at, reason } = failed;
        Self { id, session, provider, driver, created_at, failed_at, reason }
    }
}

/// The end of a log without secrets, as much as is kept. A line that the driver has cut is left out: a secret that has lost
/// its beginning looks like none.
pub(crate) fn kept(log: &str) -> String {
    let is_cut = log.len() + 4 > anteroom_machines::MAX_LOG_BYTES;
    let whole = if is_cut { log.split_once('\n').map_or("", |(_, rest)| rest) } else { log };
    let masked = mask(whole);
    if masked.len() <= KEPT_LOG_BYTES {
        return masked;
    }
    let end = &masked[masked.ceil_char_boundary(masked.len() - KEPT_LOG_BYTES)..];
    end.split_once('\n').map_or(end, |(_, rest)| rest).to_owned()
}

impl Controller {
    /// Whether this person may see and stop all machines.
    pub(crate) async fn is_administrator(&self, user: &UserId) -> Result<bool, Error> {
        Ok(self.store.is_owner(user).await?)
    }

    /// What there is, and what it uses now. Takes half a second, the time in which it is measured.
    pub(crate) async fn machine_list(&self, driver: &dyn Driver) -> Result<MachineList, Error> {
        let (rows, more) = self.present_machines().await?;
        let mut used = measured(driver, &rows).await;
        let mut machines = Vec::with_capacity(rows.len());
        for row in rows {
            let used = used.remove(&row.id);
            machines.push(self.machine_view(row, used).await?);
        }
        let failed = self.store.failed_machines().await?.into_iter().map(FailedMachineView::from).collect();
        let settings = &self.settings;
        let memory_limit_bytes = u64::from(settings.limits.memory_mb) << 20;
        Ok(MachineList { machines, more, max: settings.placement.pool.max_machines, memory_limit_bytes, failed })
    }

    async fn present_machines(&self) -> Result<(Vec<MachineRow>, bool), Error> {
        let (mut rows, mut pieces) = (Vec::new(), Machines::of(&*self.store));
        while rows.len() <= MAX_LISTED {
            let piece = pieces.next().await?;
            if piece.is_empty() {
                return Ok((rows, false));
            }
            rows.extend(piece);
        }
        rows.truncate(MAX_LISTED);
        Ok((rows, true))
    }

    async fn machine_view(&self, row: MachineRow, used: Option<(u64, u32)>) -> Result<MachineView, Error> {
        let session = match &row.session {
            Some(session) => self.store.session(session).await?,
            None => None,
        };
        let state = match (row.wanted, row.seen, &row.session) {
            (Wanted::Gone, _, _) | (_, Seen::Gone, _) => MachineState::Ending,
            (Wanted::Kept, Seen::Planned | Seen::Creating | Seen::Running, _) => MachineState::Kept,
            (Wanted::Running, Seen::Planned, _) => MachineState::Planned,
            (Wanted::Running, Seen::Creating, _) => MachineState::Creating,
            (Wanted::Running, Seen::Running, None) => MachineState::Waiting,
            (Wanted::Running, Seen::Running, Some(_)) => MachineState::Serving,
        };
        Ok(MachineView {
            id: row.id,
            state,
            session: row.session,
            provider: session.map(|stored| stored.session.provider),
            driver: row.driver,
            created_at: row.created_at,
            memory_bytes: used.map(|(memory, _)| memory),
            cpu_percent: used.map(|(_, cpu)| cpu),
        })
    }

    /// Why the session of a machine has ended that is kept.
    pub(crate) async fn kept_because(&self, id: &MachineId) -> Result<Option<Reason>, Error> {
        let row = self.store.machine(id).await?.filter(|row| row.wanted == Wanted::Kept);
        let Some(session) = row.and_then(|row| row.session) else { return Ok(None) };
        let stored = self.store.session(&session).await?;
        Ok(stored.and_then(|stored| stored.session.end().map(|end| end.reason.clone())))
    }

    /// What a machine wrote: what was kept of one that failed, or what one that is there has written until now.
    ///
    /// # Errors
    /// There is no such machine, or nothing was kept of it.
    pub(crate) async fn machine_log(&self, driver: &dyn Driver, id: &MachineId) -> Result<MachineLog, Error> {
        if let Some((failed, log)) = self.store.kept_log(id).await? {
            return Ok(MachineLog { log, failed: Some(failed.into()) });
        }
        let row = self.store.machine(id).await?.filter(|row| row.seen != Seen::Gone);
        if row.is_none_or(|row| row.driver != driver.name()) {
            return Err(Error::NotFound(Noun::Machine));
        }
        match tokio::time::timeout(LOOK_TIMEOUT, driver.logs(id)).await {
            Ok(Ok(log)) => Ok(MachineLog { log: kept(&log), failed: None }),
            Ok(Err(error)) => Err(Error::Driver(error)),
            Err(_) => Err(Error::DriverTimedOut),
        }
    }

    /// Stops a machine: its session ends, and it is destroyed, also one that is kept. One that is going already goes on going.
    ///
    /// # Errors
    /// There is no such machine, or its session's credential is being saved.
    pub(crate) async fn stop_machine(&self, id: &MachineId) -> Result<(), Error> {
        for _ in 0..MAX_TRIES {
            let row = self.store.machine(id).await?.filter(|row| row.seen != Seen::Gone);
            let row = row.ok_or(Error::NotFound(Noun::Machine))?;
            match row.wanted {
                Wanted::Running => {}
                Wanted::Kept => {
                    self.store.retire_kept(id).await?;
                    self.machines_wanted.of(id);
                    return Ok(());
                }
                Wanted::Gone => return Ok(()),
            }
            let Some(session) = row.session else {
                if self.store.retire_pooled(id).await? {
                    self.machines_wanted.of(id);
                    return Ok(());
                }
                // A session has it by now.
                continue;
            };
            return match self.decide(&Caller::Controller, &session, Input::Stop).await {
                Ok(_) | Err(Error::Refused(Refusal::Ended(_))) => Ok(()),
                Err(error) => Err(error),
            };
        }
        Err(Error::Busy(MAX_TRIES))
    }

    /// Destroys a machine; of one that is gone, forgets what was kept.
    ///
    /// # Errors
    /// As [`Self::stop_machine`]; nothing was kept of it.
    pub(crate) async fn destroy_machine(&self, id: &MachineId) -> Result<(), Error> {
        match self.store.machine(id).await? {
            Some(row) if row.seen != Seen::Gone => self.stop_machine(id).await,
            Some(_) if self.store.forget_log(id).await? => Ok(()),
            Some(_) | None => Err(Error::NotFound(Noun::Machine)),
        }
    }
}

/// Memory in bytes and computing time in percent of a core, of those that run and of which the driver can say it.
async fn measured(driver: &dyn Driver, rows: &[MachineRow]) -> BTreeMap<MachineId, (u64, u32)> {
    let of_driver = |row: &&MachineRow| row.driver == driver.name() && row.seen == Seen::Running;
    let running: Vec<_> = rows.iter().filter(of_driver).map(|row| &row.id).collect();
    if running.is_empty() {
        return BTreeMap::new();
    }
    let before = usage(driver, &running).await;
    let began = tokio::time::Instant::now();
    tokio::time::sleep(MEASURED).await;
    let after = usage(driver, &running).await;
    let ms = began.elapsed().as_millis().max(1);
    let used = running.into_iter().zip(before.into_iter().zip(after)).filter_map(|(id, usage)| match usage {
        (Some(before), Some(after)) => Some((id.clone(), (after.memory_bytes, percent(before, after, ms)))),
        (Some(_) | None, None) | (None, Some(_)) => None,
    });
    used.collect()
}

fn percent(before: Usage, after: Usage, ms: u128) -> u32 {
    u32::try_from(after.cpu.saturating_sub(before.cpu).as_millis() * 100 / ms).unwrap_or(u32::MAX)
}

async fn usage(driver: &dyn Driver, machines: &[&MachineId]) -> Vec<Option<Usage>> {
    let look = async |id: &MachineId| match tokio::time::timeout(LOOK_TIMEOUT, driver.usage(id)).await {
        Ok(Ok(usage)) => usage,
        Ok(Err(error)) => {
            tracing::warn!(machine = %id, error = &error as &dyn std::error::Error, "what the machine uses is not known");
            None
        }
        Err(_) => None,
    };
    join_all(machines.iter().map(|id| look(id))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_masked_and_bounded_and_begins_with_a_whole_line() {
        assert_eq!(kept("token: abc\nplain\n"), "token: [masked]\nplain\n");
        let cut = format!("half a secret\n{}", "plain\n".repeat(20_000));
        let cut = &cut[..anteroom_machines::MAX_LOG_BYTES];
        assert!(kept(cut).starts_with("plain\nplain\n"));
        let grows = kept(&"token=x\n".repeat(8_000));
        assert!(grows.len() <= KEPT_LOG_BYTES && grows.len() > KEPT_LOG_BYTES - 20, "{}", grows.len());
        assert!(grows.starts_with("token=[masked]\n") && grows.ends_with("token=[masked]\n"));
    }
}
