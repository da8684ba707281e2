//! A real Chromium on a display of the test's own, and a page on the loopback interface that hears of its readers.

use std::{net::SocketAddr, path::Path};

use anteroom_protocol::guest::DesktopSize;
use axum::{Router, http::Uri};

use super::*;
use crate::{desktop, reports};

const DEADLINE: Duration = Duration::from_secs(90);

/// Serves an empty page at every address, and tells which ones were asked for.
async fn pages_that_tell() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked_in, asked) = mpsc::channel(64);
    let router = Router::new().fallback(move |uri: Uri| {
        let asked = asked_in.clone();
        async move {
            let _ = asked.send(uri.to_string()).await;
            ([("content-type", "text/html")], "<title>t</title><link rel=icon href=data:,>")
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, asked)
}

async fn heard(asked: &mut mpsc::Receiver<String>) -> String {
    timeout(DEADLINE, asked.recv()).await.expect("a page in time").unwrap()
}

/// Ends the browser as a crash does.
fn kill_browser(home: &Path) {
    let lock = std::fs::read_link(home.join(".config/chromium/SingletonLock")).unwrap();
    let pid: i32 = lock.to_str().unwrap().rsplit_once('-').unwrap().1.parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn pages_open_in_the_running_browser_and_a_killed_browser_comes_back_with_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    let (address, mut asked) = pages_that_tell().await;
    let mut layout = Layout::of_test(directory.path());
    layout.start_page = format!("http://{address}/start");
    let (displays_in, displays) = watch::channel(None);
    let (reporter, mut reports) = reports::queue();
    let (pages, pages_out) = mpsc::channel(4);
    let (desktop_layout, desktop_reporter) = (layout.clone(), reporter.clone());
    let size = DesktopSize { width: 800, height: 600 };
    let desktop =
        tokio::spawn(
            async move { desktop::supervise(&desktop_layout, size, &[], &displays_in, &desktop_reporter).await },
        );
    let browser_layout = layout.clone();
    let browser =
        tokio::spawn(async move { supervise(&browser_layout, FIRST_PAGE_GRACE, displays, pages_out, &reporter).await });

    assert_eq!(heard(&mut asked).await, "/start");
    let mut seen = Vec::new();
    while !seen.contains(&Report::BrowserReady) {
        seen.push(timeout(DEADLINE, reports.next()).await.expect("the browser in time").unwrap());
    }
    assert!(!seen.contains(&Report::UrlOpened), "{seen:?}");

    pages.send(format!("http://{address}/authorize?state=a%20b")).await.unwrap();
    assert_eq!(heard(&mut asked).await, "/authorize?state=a%20b");
    assert_eq!(timeout(DEADLINE, reports.next()).await.unwrap(), Some(Report::UrlOpened));

    kill_browser(&layout.home);
    assert_eq!(heard(&mut asked).await, "/authorize?state=a%20b");
    browser.abort();
    desktop.abort();
}

#[tokio::test]
async fn a_browser_that_can_not_be_started_is_given_up_with_what_was_tried() {
    let directory = tempfile::tempdir().unwrap();
    let mut layout = Layout::of_test(directory.path());
    layout.browser = vec!["/no/such/chromium".to_owned()];
    let display = Display { name: ":0".to_owned(), generation: 1, environment: BTreeMap::new() };
    let (_displays_in, displays) = watch::channel(Some(display));
    let (_pages_in, pages) = mpsc::channel(1);
    let (reporter, _reports) = reports::queue();
    let why = timeout(DEADLINE, supervise(&layout, FIRST_PAGE_GRACE, displays, pages, &reporter))
        .await
        .expect("given up in time");
    assert!(why.contains("could not be started"), "{why}");
}

#[test]
fn the_browser_gets_no_automation_switch_and_a_page_is_never_a_switch() {
    let layout = Layout::of_image();
    let page = "--remote-debugging-port=1";
    let command = command(&layout, &BTreeMap::new(), page);
    let arguments: Vec<_> = command.as_std().get_args().map(|a| a.to_string_lossy().into_owned()).collect();
    let [switches @ .., separator, last] = arguments.as_slice() else { panic!("{arguments:?}") };
    assert_eq!((separator.as_str(), last.as_str()), ("--", page));
    for forbidden in
        ["--remote-debugging", "--enable-automation", "--headless", "--no-sandbox", "--disable-web-security"]
    {
        assert!(!switches.iter().any(|switch| switch.starts_with(forbidden)), "{forbidden}");
    }
}
