//! A desktop that is up before its agent: the keeper's process, and the agent's view of it.
//!
//! A virtual machine's template is saved with a desktop on it, and without any process that will ever make a key: whatever
//! a saved process has drawn, all clones have. So the desktop is kept by a process of its own (`anteroom-guest desktop`),
//! which holds no secret and speaks to no network, and each clone's agent starts anew and hears here what it does. A
//! line is the whole state, so that one that comes late has missed nothing.

use std::{io, path::Path};

use anteroom_protocol::guest::{DesktopSize, Report};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::watch,
};

use super::{Display, supervise};
use crate::{
    layout::{Layout, desktop_environment},
    reports::{self, Outbound, Reporter},
    shim,
};

/// The longest line: a reason for a person, and some numbers.
const MAX_LINE_BYTES: u64 = 16 * 1024;
/// What the keeper's process says on its standard output when there is a desktop; else it says why not.
pub const READY: &str = "ready";

/// What there is of the desktop now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// The X server's name and generation, while there is one.
    shown: Option<(String, u32)>,
    /// Window managers that have managed so far.
    managers: u32,
    /// Why there will be none any more.
    failed: Option<String>,
}

/// Keeps a desktop for an agent that comes later; never returns unless its socket can't be made. `first` hears once that
/// the desktop is up, or why it can't be.
///
/// # Errors
/// The socket can't be made.
pub async fn keep(layout: &Layout, size: DesktopSize, first: impl FnOnce(Result<(), String>)) -> io::Result<()> {
    let listener = shim::listen(&layout.desktop_socket())?;
    let (displays_in, displays) = watch::channel(None);
    let (reporter, reports) = reports::queue();
    let (states, _) = watch::channel(State::default());
    let supervised = async {
        let why = supervise(layout, size, &[], &displays_in, &reporter).await;
        states.send_modify(|state| state.failed = Some(why));
    };
    let announced = announce(states.subscribe(), first);
    tokio::join!(supervised, note_displays(displays, &states), note_managers(reports, &states), announced, async {
        serve(&listener, &states).await;
    });
    Ok(())
}

async fn note_displays(mut displays: watch::Receiver<Option<Display>>, states: &watch::Sender<State>) {
    while displays.changed().await.is_ok() {
        let shown = displays.borrow_and_update().as_ref().map(|display| (display.name.clone(), display.generation));
        states.send_modify(|state| state.shown = shown);
    }
}

async fn note_managers(mut reports: Outbound, states: &watch::Sender<State>) {
    while let Some(report) = reports.next().await {
        if report == Report::DesktopReady {
            states.send_modify(|state| state.managers += 1);
        }
    }
}

async fn announce(mut states: watch::Receiver<State>, first: impl FnOnce(Result<(), String>)) {
    let known = states.wait_for(|state| state.managers > 0 || state.failed.is_some()).await;
    if let Ok(state) = known {
        first(state.failed.clone().map_or(Ok(()), Err));
    }
}

/// One agent after the other; there is one in a machine's life.
async fn serve(listener: &UnixListener, states: &watch::Sender<State>) {
    loop {
        let told = match listener.accept().await {
            Ok((stream, _)) => tell(stream, states.subscribe()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::warn!(%error, "the agent could not be told of its desktop");
        }
    }
}

async fn tell(mut stream: UnixStream, mut states: watch::Receiver<State>) -> io::Result<()> {
    loop {
        let mut line = serde_json::to_vec(&*states.borrow_and_update())?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut nothing = [0];
        tokio::select! {
            changed = states.changed() => if changed.is_err() { return Ok(()) },
            // An agent says nothing; this is its end.
            _ = stream.read(&mut nothing) => return Ok(()),
        }
    }
}

/// Hears what the keeper does, as [`supervise`] tells what it does itself. Returns only when there will be no desktop any
/// more, with the reason.
pub async fn follow(
    layout: &Layout,
    machine: &[(String, String)],
    displays: &watch::Sender<Option<Display>>,
    reporter: &Reporter,
) -> String {
    match try_follow(layout, machine, displays, reporter).await {
        Ok(why) => why,
        Err(error) => format!("the keeper of the desktop can't be heard: {error}"),
    }
}

async fn try_follow(
    layout: &Layout,
    machine: &[(String, String)],
    displays: &watch::Sender<Option<Display>>,
    reporter: &Reporter,
) -> io::Result<String> {
    let mut lines = Lines::connect(&layout.desktop_socket()).await?;
    let mut before = State::default();
    loop {
        let Some(now) = lines.next().await? else {
            displays.send_replace(None);
            return Ok("the keeper of the desktop has ended".to_owned());
        };
        if now.shown != before.shown {
            displays.send_replace(now.shown.clone().map(|(name, generation)| {
                let environment = desktop_environment(layout, machine, &name);
                Display { name, generation, environment }
            }));
        }
        if now.managers > before.managers {
            reporter.report(Report::DesktopReady).await;
        }
        if let Some(why) = now.failed {
            return Ok(why);
        }
        before = now;
    }
}

struct Lines(BufReader<UnixStream>);

impl Lines {
    async fn connect(socket: &Path) -> io::Result<Self> {
        UnixStream::connect(socket).await.map(BufReader::new).map(Self)
    }

    async fn next(&mut self) -> io::Result<Option<State>> {
        let mut line = Vec::new();
        (&mut self.0).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
        if line.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&line)?)) }
    }
}

#[cfg(test)]
#[path = "apart_tests.rs"]
mod tests;
