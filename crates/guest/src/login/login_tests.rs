//! Scripted CLIs on a real pseudoterminal.

use anteroom_protocol::{provider::SeedFile, session::UrlSource};
use tokio::{sync::oneshot, time::timeout};

use super::*;
use crate::shim;

const URL: &str =
    "https://auth.example.com/oauth/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fcallback&state=s1";
/// Far above what any of these needs, far below what a test run may take.
const DEADLINE: Duration = Duration::from_secs(20);

struct Trial {
    _home: tempfile::TempDir,
    events: mpsc::Receiver<LoginEvent>,
    asked: mpsc::Sender<Asked>,
}

/// Starts a shell script as the CLI.
fn start(script: &str) -> Trial {
    start_command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()], Vec::new())
}

fn start_command(command: Vec<String>, files: Vec<SeedFile>) -> Trial {
    let home = tempfile::tempdir().unwrap();
    write_seed_files(home.path(), &files).unwrap();
    let login = Login {
        command,
        environment: BTreeMap::new(),
        files,
        url_hosts: vec!["auth.example.com".to_owned()],
        timeout_seconds: 60,
    };
    let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let (events_in, events) = mpsc::channel(16);
    let (asked, asked_out) = mpsc::channel(16);
    let setup = LoginSetup { login, environment, home: home.path().to_owned() };
    tokio::spawn(run(setup, asked_out, events_in));
    Trial { _home: home, events, asked }
}

impl Trial {
    async fn next(&mut self) -> LoginEvent {
        timeout(DEADLINE, self.events.recv()).await.expect("an event in time").expect("not the end of events")
    }

    async fn all(mut self) -> Vec<LoginEvent> {
        let mut all = Vec::new();
        while let Some(event) = timeout(DEADLINE, self.events.recv()).await.expect("an event in time") {
            all.push(event);
        }
        all
    }

    async fn browser_command(&self, url: &str) -> bool {
        let (reply, taken) = oneshot::channel();
        self.asked.send(Asked { url: url.to_owned(), reply }).await.unwrap();
        timeout(DEADLINE, taken).await.expect("a reply in time").unwrap()
    }
}

fn url(source: UrlSource) -> LoginEvent {
    LoginEvent::Url { found: Found { url: URL.to_owned(), source, open_already: false } }
}

fn exit_of(events: &[LoginEvent]) -> (i32, String) {
    match events.last() {
        Some(LoginEvent::Exited { code, detail }) => (*code, detail.clone()),
        other => panic!("expected an exit, got {other:?}"),
    }
}

#[tokio::test]
async fn a_cli_that_exits_at_once_is_started_and_exited() {
    let events = start("echo no network >&2; exit 3").all().await;
    assert_eq!(events[0], LoginEvent::Started);
    assert_eq!(exit_of(&events), (3, "no network".to_owned()));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn a_cli_that_is_killed_exits_with_128_and_the_signal() {
    assert_eq!(exit_of(&start("kill -TERM $$").all().await).0, 143);
}

#[tokio::test]
async fn a_cli_that_is_not_there_is_not_started_and_says_which() {
    let events = start_command(vec!["no-such-cli".to_owned()], Vec::new()).all().await;
    let [LoginEvent::NotStarted { detail }] = events.as_slice() else { panic!("{events:?}") };
    assert!(detail.contains("no-such-cli"), "{detail}");
}

#[tokio::test]
async fn a_cli_that_asks_for_the_cursor_position_gets_its_answer() {
    // As prompt libraries do: raw mode, CSI 6n, and then they wait for an R.
    let script = r#"stty raw -echo; printf 'ab\033[6n'; answer=$(dd bs=1 count=6 2>/dev/null | tr -d '\033'); stty sane
        echo; echo "answer $answer"; exit 0"#;
    let (code, detail) = exit_of(&start(script).all().await);
    assert_eq!(code, 0);
    assert!(detail.contains("answer [1;3R"), "{detail:?}");
}

#[tokio::test]
async fn the_cli_has_a_wide_terminal_of_its_own_as_controlling_terminal() {
    let (code, detail) = exit_of(&start("test -t 0 && test -t 1 && stty size </dev/tty").all().await);
    assert_eq!((code, detail.as_str()), (0, "50 400"));
}

#[tokio::test]
async fn a_printed_url_is_found_when_the_cli_calls_no_browser() {
    let mut trial = start(&format!("printf '\\033[94mOpen\\033[8G%s\\033[0m\\r\\n' '{URL}'; exec sleep 60"));
    assert_eq!(trial.next().await, LoginEvent::Started);
    let before = Instant::now();
    assert_eq!(trial.next().await, url(UrlSource::Printed));
    assert!(before.elapsed() >= PRINTED_GRACE - Duration::from_millis(500), "{:?}", before.elapsed());
}

#[tokio::test]
async fn the_shims_url_is_preferred_over_the_printed_one() {
    let mut trial = start("echo https://auth.example.com/paste/this?code=true; sleep 4; exit 0");
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(trial.browser_command(URL).await);
    let rest = trial.all().await;
    assert_eq!(rest[0], url(UrlSource::Shim));
    assert_eq!(rest.len(), 2, "the printed one does not follow: {rest:?}");
}

#[tokio::test]
async fn a_browser_command_for_a_foreign_host_is_refused() {
    let trial = start("sleep 1; exit 0");
    assert!(!trial.browser_command("https://evil.example/").await);
    let events = trial.all().await;
    assert!(!events.iter().any(|event| matches!(event, LoginEvent::Url { .. })), "{events:?}");
}

#[tokio::test]
async fn the_cli_hands_its_url_over_by_the_socket_that_its_environment_names() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("open.sock");
    let (sender, mut asked) = mpsc::channel(1);
    let server = tokio::spawn(shim::serve(shim::listen(&socket).unwrap(), sender));
    let command = tokio::task::spawn_blocking(move || shim::open_url(&socket, &[URL.to_owned()]));
    let mut trial = start("sleep 1; exit 0");
    trial.asked.send(timeout(DEADLINE, asked.recv()).await.unwrap().unwrap()).await.unwrap();
    assert!(command.await.unwrap().is_ok());
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert_eq!(trial.next().await, url(UrlSource::Shim));
    server.abort();
}

#[tokio::test]
async fn the_last_rows_are_reported_masked() {
    let script =
        "echo 'failed: token eyJhbGciOiJSUzI1NiJ9.e30.c2ln'; echo https://auth.example.com/cb?code=hunter2; exit 1";
    let (_, detail) = exit_of(&start(script).all().await);
    assert_eq!(detail, "failed: token [masked]\n[URL]");
}

#[tokio::test]
async fn a_process_left_behind_does_not_hide_the_clis_end() {
    let before = Instant::now();
    let (code, _) = exit_of(&start("(trap '' HUP; exec sleep 30) & exit 0").all().await);
    assert_eq!(code, 0);
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn seed_files_are_there_before_the_cli_and_only_its_user_reads_them() {
    let files = vec![SeedFile { path: ".cli/config.toml".to_owned(), content: "store = \"file\"\n".to_owned() }];
    let script = "cat .cli/config.toml; stat -c %a .cli/config.toml .cli";
    let trial = start_command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()], files);
    let (_, detail) = exit_of(&trial.all().await);
    assert_eq!(detail, "store = \"file\"\n600\n700");
}
