//! The controller's process, seen from outside: where it listens, the tokens that it tells, and its memory.

use std::{net::SocketAddr, process::Stdio, sync::Arc, time::Duration};

use anteroom_protocol::Secret;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::{Mutex, mpsc},
};

use crate::{Outcome, SERVE, http::Client, server::Line};

/// How long the controller may take to listen, and to end.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a machine's token may take to be told: machines are made four at a time.
const MACHINE_TIMEOUT: Duration = Duration::from_secs(60);
/// Tokens that wait for an agent to play; the controller waits beyond.
const MAX_TOKENS: usize = 32_768;

/// A running controller.
pub(crate) struct Site {
    child: Mutex<Child>,
    pid: u32,
    person: SocketAddr,
    guest: SocketAddr,
    token: Secret<String>,
    machines: Mutex<mpsc::Receiver<Secret<String>>>,
    // Removed last: the controller's database and log are in it.
    _directory: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Outcome<Arc<Self>> {
        let directory = tempfile::Builder::new().prefix("anteroom-bench-").tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg(SERVE)
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().ok_or("the controller has ended at once")?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("it has no standard output")?).lines();
        let first = tokio::time::timeout(START_TIMEOUT, lines.next_line()).await??;
        let Some(Line::Ready { person, guest, token }) = first.map(|line| serde_json::from_str(&line)).transpose()?
        else {
            return Err("the controller did not say where it is".into());
        };
        let (sender, machines) = mpsc::channel(MAX_TOKENS);
        tokio::spawn(tell(lines, sender));
        let (child, machines) = (Mutex::new(child), Mutex::new(machines));
        Ok(Arc::new(Self { child, pid, person, guest, token, machines, _directory: directory }))
    }

    /// Ends it by the end of its input.
    pub(crate) async fn stop(&self) -> Outcome {
        let mut child = self.child.lock().await;
        drop(child.stdin.take());
        let status = tokio::time::timeout(START_TIMEOUT, child.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("the controller ended with {status}").into()) }
    }

    /// A page's connection.
    pub(crate) async fn page(&self) -> Outcome<Client> {
        Client::connect(self.person, self.token.clone()).await
    }

    /// An agent's connection, with the token of no machine yet.
    pub(crate) async fn agent(&self) -> Outcome<Client> {
        Client::connect(self.guest, Secret::new(String::new())).await
    }

    /// The token of the next machine that was made.
    pub(crate) async fn machine(&self) -> Outcome<Secret<String>> {
        let mut machines = self.machines.lock().await;
        let token = tokio::time::timeout(MACHINE_TIMEOUT, machines.recv()).await;
        token.map_err(|_| "no machine was made in time")?.ok_or_else(|| "the controller has ended".into())
    }

    /// The controller's resident memory, megabytes.
    pub(crate) fn memory_mb(&self) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb: f64 = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
        Ok(kb / 1024.0)
    }
}

async fn tell(mut lines: Lines<BufReader<ChildStdout>>, sender: mpsc::Sender<Secret<String>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(Line::Machine { token }) = serde_json::from_str(&line)
            && sender.send(token).await.is_err()
        {
            return;
        }
    }
}
