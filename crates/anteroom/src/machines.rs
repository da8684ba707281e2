//! `anteroom machines`: what an administrator sees of machines and does to them, by asking the server that runs. The command
//! reads the database for an access of its own, which opens the server for a minute, and asks as any other program does.

use std::fmt::Write as _;

use anteroom_controller::{FailedMachineView, MachineList, MachineLog, MachineState, MachineView};
use anteroom_protocol::{MachineId, UnixMillis};
use reqwest::Method;

use crate::client::{CallError, Server};

/// All that there are.
pub(crate) async fn list(server: &Server) -> Result<MachineList, CallError> {
    server.read(Method::GET, "/api/machines").await
}

/// What a machine wrote.
pub(crate) async fn logs(server: &Server, id: &MachineId) -> Result<MachineLog, CallError> {
    server.read(Method::GET, &format!("/api/machines/{id}/logs")).await
}

/// Ends its sign-in.
pub(crate) async fn stop(server: &Server, id: &MachineId) -> Result<(), CallError> {
    server.have(Method::POST, &format!("/api/machines/{id}/stop")).await
}

/// Ends it, or forgets what was kept of it.
pub(crate) async fn destroy(server: &Server, id: &MachineId) -> Result<(), CallError> {
    server.have(Method::DELETE, &format!("/api/machines/{id}")).await
}

/// The list for a terminal.
pub(crate) fn table(list: &MachineList, now: UnixMillis) -> String {
    let mut text = String::new();
    if list.machines.is_empty() {
        text.push_str("No machine is there.\n");
    } else {
        line(&mut text, ["MACHINE", "STATE", "FOR", "DRIVER", "AGE", "MEMORY", "CPU"]);
        list.machines.iter().for_each(|machine| present(&mut text, machine, now));
    }
    if list.more {
        text.push_str("There are more.\n");
    }
    if !list.failed.is_empty() {
        text.push_str("\nFailed; `anteroom machines logs MACHINE` shows what each wrote:\n");
        list.failed.iter().for_each(|machine| failed(&mut text, machine, now));
    }
    text
}

fn present(text: &mut String, machine: &MachineView, now: UnixMillis) {
    let provider = machine.provider.as_ref().map_or("-", |provider| provider.as_str());
    let memory = machine.memory_bytes.map_or("-".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    let cpu = machine.cpu_percent.map_or("-".to_owned(), |percent| format!("{percent} %"));
    let age = age(now.since(machine.created_at));
    line(text, [machine.id.as_str(), state(machine.state), provider, &machine.driver, &age, &memory, &cpu]);
}

fn failed(text: &mut String, machine: &FailedMachineView, now: UnixMillis) {
    let provider = machine.provider.as_ref().map_or("-", |provider| provider.as_str());
    // The rest of a reason's text is with the log.
    let why = machine.reason.detail.lines().next().unwrap_or_default();
    let ago = format!("{} ago", age(now.since(machine.failed_at)));
    let _ = writeln!(text, "{:<30}  {provider:<10}  {ago:<12}  {why}", machine.id.as_str());
}

fn line(text: &mut String, [machine, state, provider, driver, age, memory, cpu]: [&str; 7]) {
    let _ = writeln!(text, "{machine:<30}  {state:<8}  {provider:<10}  {driver:<8}  {age:>8}  {memory:>9}  {cpu:>6}");
}

fn state(state: MachineState) -> &'static str {
    match state {
        MachineState::Planned => "planned",
        MachineState::Creating => "creating",
        MachineState::Waiting => "waiting",
        MachineState::Serving => "serving",
        MachineState::Kept => "kept",
        MachineState::Ending => "ending",
    }
}

/// In the largest unit that is there.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        172_800.. => format!("{} d", seconds / 86_400),
        _ => String::new(),
    }
}

/// A log for a terminal, with what is known of the machine before it.
pub(crate) fn log(log: &MachineLog) -> String {
    match &log.failed {
        Some(failed) => format!("{} failed: {}\n\n{}", failed.id, failed.reason.detail, log.log),
        None => log.log.clone(),
    }
}

#[cfg(test)]
#[path = "machines_tests.rs"]
mod tests;
