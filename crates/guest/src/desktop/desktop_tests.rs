//! Real X servers and window managers on displays of the tests' own.

use std::path::{Path, PathBuf};

use tokio::{task::JoinHandle, time::timeout};

use super::*;
use crate::reports::{self, Outbound};

pub(super) const DEADLINE: Duration = Duration::from_secs(60);
pub(super) const SIZE: DesktopSize = DesktopSize { width: 640, height: 480 };

struct Trial {
    _directory: tempfile::TempDir,
    displays: watch::Receiver<Option<Display>>,
    reports: Outbound,
    supervisor: JoinHandle<String>,
}

/// A program that writes its pid before it becomes another one.
pub(super) fn with_pid_file(file: &Path, program: &[String]) -> Vec<String> {
    let script = format!("echo $$ > {}; exec \"$@\"", file.display());
    let shell = ["sh", "-c", &script, "sh"].map(str::to_owned);
    shell.into_iter().chain(program.iter().cloned()).collect()
}

fn start(change: impl FnOnce(&mut Layout, &Path)) -> (Trial, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let mut layout = Layout::of_test(directory.path());
    layout.x_server = vec!["/usr/bin/Xvfb".to_owned()];
    change(&mut layout, &pid_file);
    let (displays_in, displays) = watch::channel(None);
    let (reporter, reports) = reports::queue();
    let supervisor = tokio::spawn(async move { supervise(&layout, SIZE, &[], &displays_in, &reporter).await });
    (Trial { _directory: directory, displays, reports, supervisor }, pid_file)
}

pub(super) fn kill(pid_file: &Path) {
    let pid: i32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

impl Trial {
    async fn display(&mut self, generation: u32) -> Display {
        let wanted = |display: &Option<Display>| display.as_ref().is_some_and(|d| d.generation == generation);
        let display = timeout(DEADLINE, self.displays.wait_for(wanted)).await.expect("a display in time");
        display.unwrap().clone().unwrap()
    }

    async fn ready(&mut self) {
        let report = timeout(DEADLINE, self.reports.next()).await.expect("a report in time");
        assert_eq!(report, Some(Report::DesktopReady));
    }
}

#[tokio::test]
async fn the_desktop_is_ready_when_the_window_manager_manages() {
    let (mut trial, _) = start(|_, _| {});
    let display = trial.display(1).await;
    trial.ready().await;
    let windows = Windows::connect(&display.name).unwrap();
    timeout(DEADLINE, windows.managed()).await.expect("managed already").unwrap();
    assert_eq!(display.environment["DISPLAY"], display.name);
    trial.supervisor.abort();
}

#[tokio::test]
async fn an_x_server_that_is_killed_comes_back_with_the_same_number() {
    // A lower number is free by then, which a server that may choose would take.
    let directory = tempfile::tempdir().unwrap();
    let lower = XServer::start(&Layout::of_test(directory.path()), SIZE).await.unwrap();
    let (mut trial, pid_file) = start(|layout, pid| layout.x_server = with_pid_file(pid, &layout.x_server));
    let first = trial.display(1).await;
    trial.ready().await;
    drop(lower);
    kill(&pid_file);
    let second = trial.display(2).await;
    assert_eq!(second.name, first.name);
    trial.ready().await;
    trial.supervisor.abort();
}

#[tokio::test]
async fn a_window_manager_that_is_killed_comes_back_on_the_same_x_server() {
    let (mut trial, pid_file) = start(|layout, pid| layout.window_manager = with_pid_file(pid, &layout.window_manager));
    trial.display(1).await;
    trial.ready().await;
    kill(&pid_file);
    trial.ready().await;
    assert_eq!(trial.display(1).await.generation, 1);
    trial.supervisor.abort();
}

#[tokio::test]
async fn a_desktop_that_can_not_be_started_is_given_up_with_what_was_tried() {
    for (program, said) in [("/no/such/Xvfb", "/no/such/Xvfb"), ("/bin/false", "X server ended")] {
        let (trial, _) = start(|layout, _| layout.x_server = vec![program.to_owned()]);
        let why = timeout(DEADLINE, trial.supervisor).await.expect("given up in time").unwrap();
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn a_window_manager_that_can_not_be_started_ends_the_desktop() {
    let (trial, _) = start(|layout, _| layout.window_manager = vec!["/no/such/openbox".to_owned()]);
    let why = timeout(DEADLINE, trial.supervisor).await.expect("given up in time").unwrap();
    assert!(why.contains("/no/such/openbox"), "{why}");
}
