//! A keeper and an agent in one process each, as far as they notice, with real X servers.

use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use super::{
    super::tests::{DEADLINE, SIZE, kill, with_pid_file},
    *,
};
use crate::desktop::next_display;

/// A keeper on a layout; what it says first.
fn keeper(layout: &Layout) -> (JoinHandle<()>, oneshot::Receiver<Result<(), String>>) {
    let (first_in, first) = oneshot::channel();
    let layout = layout.clone();
    let say = move |up| first_in.send(up).expect("somebody listens");
    (tokio::spawn(async move { keep(&layout, SIZE, say).await.expect("a socket") }), first)
}

struct Agent {
    displays: watch::Receiver<Option<Display>>,
    reports: Outbound,
    follows: JoinHandle<String>,
}

fn agent(layout: &Layout) -> Agent {
    let (displays_in, displays) = watch::channel(None);
    let (reporter, reports) = reports::queue();
    let layout = layout.clone();
    let machine = [("HTTPS_PROXY".to_owned(), "http://10.0.0.1:3128".to_owned())];
    let follows = tokio::spawn(async move { follow(&layout, &machine, &displays_in, &reporter).await });
    Agent { displays, reports, follows }
}

impl Agent {
    async fn display(&mut self, after: u32) -> Display {
        timeout(DEADLINE, next_display(&mut self.displays, after)).await.expect("in time").expect("a display")
    }

    async fn ready(&mut self) {
        let report = timeout(DEADLINE, self.reports.next()).await.expect("a report in time");
        assert_eq!(report, Some(Report::DesktopReady));
    }

    async fn why(self) -> String {
        timeout(DEADLINE, self.follows).await.expect("told in time").unwrap()
    }
}

#[tokio::test]
async fn an_agent_that_comes_later_has_the_desktop_that_is_up_and_hears_of_its_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let (mut layout, pid_file) = (Layout::of_test(directory.path()), directory.path().join("pid"));
    layout.x_server = with_pid_file(&pid_file, &layout.x_server);
    let (keeper, first) = keeper(&layout);
    assert_eq!(timeout(DEADLINE, first).await.unwrap().unwrap(), Ok(()));
    let mut agent = agent(&layout);
    let display = agent.display(0).await;
    agent.ready().await;
    assert_eq!((display.generation, &display.environment["DISPLAY"]), (1, &display.name));
    assert_eq!(
        display.environment["HTTPS_PROXY"], "http://10.0.0.1:3128",
        "its programs have the machine's environment"
    );
    kill(&pid_file);
    assert_eq!(agent.display(1).await.name, display.name);
    agent.ready().await;
    keeper.abort();
}

#[tokio::test]
async fn a_keeper_that_ends_is_the_desktops_end() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::of_test(directory.path());
    let (keeper, first) = keeper(&layout);
    assert_eq!(timeout(DEADLINE, first).await.unwrap().unwrap(), Ok(()));
    let mut agent = agent(&layout);
    agent.display(0).await;
    keeper.abort();
    let gone = timeout(DEADLINE, agent.displays.wait_for(Option::is_none)).await.expect("gone in time");
    assert!(gone.is_ok());
    drop(gone);
    assert_eq!(agent.why().await, "the keeper of the desktop has ended");
}

#[tokio::test]
async fn a_desktop_that_can_not_be_started_is_told_at_once_and_to_an_agent_that_comes_later() {
    let directory = tempfile::tempdir().unwrap();
    let mut layout = Layout::of_test(directory.path());
    layout.x_server = vec!["/no/such/Xvfb".to_owned()];
    let (keeper, first) = keeper(&layout);
    let first = timeout(DEADLINE, first).await.unwrap().unwrap().unwrap_err();
    assert!(first.contains("/no/such/Xvfb"), "{first}");
    assert_eq!(agent(&layout).why().await, first);
    keeper.abort();
}

#[tokio::test]
async fn what_is_no_keeper_is_an_error_that_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::of_test(directory.path());
    let listener = shim::listen(&layout.desktop_socket()).unwrap();
    let agent = agent(&layout);
    let (mut stream, _) = timeout(DEADLINE, listener.accept()).await.unwrap().unwrap();
    stream.write_all(b"hello\n").await.unwrap();
    let why = agent.why().await;
    assert!(why.contains("can't be heard"), "{why}");
}
