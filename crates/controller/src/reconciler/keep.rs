//! Keeps what a machine wrote that ended badly, before it is destroyed: its console goes with it (failures.md 33). Whatever
//! goes wrong here is logged and holds nothing up: a machine that can't be explained is destroyed all the same.

use std::time::Duration;

use anteroom_machines::Driver;
use anteroom_protocol::{MachineId, session::Reason};
use anteroom_session::{machine::MachineRow, wants_explaining};

use crate::{Caller, Controller, machines::kept};

/// How long reading and storing may take together. A console is a file of 64 KiB.
const KEEP_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the log of a session's machine, if the session's end calls for an explanation.
pub(super) async fn keep_log_of_session(controller: &Controller, driver: &dyn Driver, row: &MachineRow) {
    let Some(session) = &row.session else { return };
    let Ok(stored) = controller.load(&Caller::Controller, session).await else { return };
    if let Some(end) = stored.session.end()
        && wants_explaining(end.reason.code)
    {
        keep_log(controller, driver, &row.id, &end.reason).await;
    }
}

/// Keeps the log of a machine that ended for this reason.
pub(super) async fn keep_log(controller: &Controller, driver: &dyn Driver, machine: &MachineId, reason: &Reason) {
    let keeping = async {
        // Of a machine that was never made there is nothing to read, and its reason says why.
        let log = match driver.logs(machine).await {
            Ok(log) => kept(&log),
            Err(error) => format!("The log could not be read: {error}\n"),
        };
        controller.store.keep_log(machine, reason, &log, controller.now()).await
    };
    match tokio::time::timeout(KEEP_TIMEOUT, keeping).await {
        Ok(Ok(())) => {
            tracing::warn!(%machine, code = ?reason.code, detail = reason.detail, "the machine has failed; `anteroom machines logs` shows what it wrote");
        }
        Ok(Err(error)) => {
            tracing::warn!(%machine, error = &error as &dyn std::error::Error, "the log of a failed machine is not kept");
        }
        Err(_) => tracing::warn!(%machine, "the log of a failed machine is not kept: that took too long"),
    }
}
