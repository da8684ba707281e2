//! `anteroom machines`: what an administrator sees of machines and does to them, by asking the server that runs. The command
//! reads the database for an access of its own, which opens the server for a minute, and asks as any other program does.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use anteroom_controller::{FailedMachineView, MachineList, MachineLog, MachineState, MachineView, Token};
use anteroom_protocol::{MachineId, UnixMillis, problem::Problem};
use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde::de::DeserializeOwned;

/// How long the server may take: half a second of it is what measuring takes.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// A list of as many machines as are told of, and the longest log, as JSON.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachinesError {
    /// Nobody is there.
    #[error("asking the server at {address}: {source}; does `anteroom serve` run, with the same configuration?")]
    Away {
        /// Where it was last.
        address: SocketAddr,
        /// What was said.
        #[source]
        source: reqwest::Error,
    },
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// It said what this program does not understand.
    #[error("the server's answer ({0}) can't be read; is it of the same release?")]
    Unreadable(StatusCode),
}

/// The server's calls for administrators.
pub(crate) struct Server {
    client: Client,
    address: SocketAddr,
    token: Token,
}

impl Server {
    pub(crate) fn new(mut address: SocketAddr, token: Token) -> Result<Self, MachinesError> {
        // A listener on all addresses is reached on this host's own.
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // A proxy of this shell's is for other hosts, and a redirection would carry the token elsewhere.
        let client = Client::builder().no_proxy().redirect(Policy::none()).timeout(CALL_TIMEOUT).build();
        let client = client.map_err(|source| MachinesError::Away { address, source })?;
        Ok(Self { client, address, token })
    }

    pub(crate) async fn list(&self) -> Result<MachineList, MachinesError> {
        self.read(Method::GET, "").await
    }

    pub(crate) async fn logs(&self, id: &MachineId) -> Result<MachineLog, MachinesError> {
        self.read(Method::GET, &format!("/{id}/logs")).await
    }

    pub(crate) async fn stop(&self, id: &MachineId) -> Result<(), MachinesError> {
        self.call(Method::POST, &format!("/{id}/stop")).await.map(drop)
    }

    pub(crate) async fn destroy(&self, id: &MachineId) -> Result<(), MachinesError> {
        self.call(Method::DELETE, &format!("/{id}")).await.map(drop)
    }

    async fn read<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, MachinesError> {
        let (status, body) = self.call(method, path).await?;
        serde_json::from_slice(&body).map_err(|_| MachinesError::Unreadable(status))
    }

    async fn call(&self, method: Method, path: &str) -> Result<(StatusCode, Vec<u8>), MachinesError> {
        let away = |source: reqwest::Error| MachinesError::Away { address: self.address, source: source.without_url() };
        let url = format!("http://{}/api/machines{path}", self.address);
        let request = self.client.request(method, url).bearer_auth(self.token.expose());
        let mut response = request.send().await.map_err(away)?;
        let (status, mut body) = (response.status(), Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(away)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(MachinesError::Unreadable(status));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok((status, body));
        }
        let problem: Problem = serde_json::from_slice(&body).map_err(|_| MachinesError::Unreadable(status))?;
        Err(MachinesError::Refused(problem.detail))
    }
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
