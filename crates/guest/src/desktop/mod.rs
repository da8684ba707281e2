//! The desktop: X server, window manager and background, each started anew when it ends, a bounded number of
//! times. Readiness is what the X server says: its display number on a descriptor, the window manager's mark on
//! the root window. Nothing is ever slept for. [`apart`] is the same with a process of its own.

pub mod apart;
mod background;
mod processes;
mod restarts;
mod windows;

use std::{collections::BTreeMap, io, time::Duration};

use anteroom_protocol::guest::{DesktopSize, Report};
use tokio::{sync::watch, time::Instant};

pub use self::{
    processes::WindowManager,
    processes::XServer,
    restarts::Restarts,
    windows::{Windows, WindowsError},
};
use crate::{
    layout::{Layout, desktop_environment},
    reports::Reporter,
};

/// How long the X server may take to its display number. It takes 0.1 s; 13 s were seen with a dozen machines
/// starting on two cores.
pub const X_DEADLINE: Duration = Duration::from_secs(20);
/// How long the window manager may take to manage.
pub const WINDOW_MANAGER_DEADLINE: Duration = Duration::from_secs(20);

/// Why a part of the desktop is not there.
#[derive(Debug, thiserror::Error)]
pub enum DesktopError {
    /// A program did not start.
    #[error("{program} could not be started: {source}; is it in the image?")]
    Start {
        /// Its path.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The layout names no program.
    #[error("no program is configured for the {0}")]
    NoProgram(&'static str),
    /// It ended.
    #[error("the {part} ended ({how})")]
    Ended {
        /// Which part.
        part: &'static str,
        /// Its status.
        how: String,
    },
    /// It did not become ready.
    #[error("the {part} was not ready within {} s", after.as_secs())]
    NotReady {
        /// Which part.
        part: &'static str,
        /// The deadline.
        after: Duration,
    },
    /// The X server does not answer as it should.
    #[error(transparent)]
    Windows(#[from] WindowsError),
}

/// A running X server, for those who draw on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Display {
    /// As in `DISPLAY`: `:0`.
    pub name: String,
    /// 1 for the first X server, 2 after its first restart.
    pub generation: u32,
    /// The environment of programs on it.
    pub environment: BTreeMap<String, String>,
}

/// The display that is up, once its generation is above `after`; `None` when there will be none any more. The
/// channel is not held while the caller works.
pub async fn next_display(displays: &mut watch::Receiver<Option<Display>>, after: u32) -> Option<Display> {
    let wanted = |now: &Option<Display>| now.as_ref().is_some_and(|now| now.generation > after);
    displays.wait_for(wanted).await.ok()?.clone()
}

/// Shows a desktop for as long as there is one: that of a keeper which was there before, or else its own. As [`supervise`].
pub async fn show(
    layout: &Layout,
    size: DesktopSize,
    machine: &[(String, String)],
    displays: &watch::Sender<Option<Display>>,
    reporter: &Reporter,
) -> String {
    if layout.desktop_socket().exists() {
        apart::follow(layout, machine, displays, reporter).await
    } else {
        supervise(layout, size, machine, displays, reporter).await
    }
}

/// Keeps the desktop up. `displays` says when an X server answers, and `None` when it is gone. Returns only
/// when the desktop can't be kept up, with the reason.
pub async fn supervise(
    layout: &Layout,
    size: DesktopSize,
    machine: &[(String, String)],
    displays: &watch::Sender<Option<Display>>,
    reporter: &Reporter,
) -> String {
    let mut restarts = Restarts::default();
    let mut layout = layout.clone();
    let mut generation = 0;
    loop {
        generation += 1;
        let ended = match XServer::start(&layout, size).await {
            Ok(mut server) => {
                // A CLI that runs already keeps its DISPLAY, so that the next server takes the same number.
                layout.display = Some(server.number());
                let name = server.name();
                let environment = desktop_environment(&layout, machine, &name);
                let display = Display { name, generation, environment };
                displays.send_replace(Some(display.clone()));
                let ended = tokio::select! {
                    ended = server.ended() => ended,
                    ended = keep_window_manager(&layout, &display, reporter) => ended,
                };
                server.stop().await;
                ended
            }
            Err(error) => error,
        };
        displays.send_replace(None);
        tracing::warn!(%ended, generation, "the X server is started anew");
        if !restarts.again(Instant::now().into()) {
            return format!("{ended}; it was started {} times within {} s", restarts::MAX, restarts::WINDOW.as_secs());
        }
    }
}

/// Keeps a window manager on the display. Returns when it can't.
async fn keep_window_manager(layout: &Layout, display: &Display, reporter: &Reporter) -> DesktopError {
    let mut restarts = Restarts::default();
    if let Err(error) = background::paint(&display.name) {
        tracing::warn!(%error, "the desktop has no background");
    }
    loop {
        let ended = match WindowManager::start(layout, display).await {
            Ok(mut manager) => {
                reporter.report(Report::DesktopReady).await;
                manager.ended().await
            }
            Err(error) => error,
        };
        tracing::warn!(%ended, "the window manager is started anew");
        if !restarts.again(Instant::now().into()) {
            return ended;
        }
    }
}

#[cfg(test)]
#[path = "desktop_tests.rs"]
mod tests;
