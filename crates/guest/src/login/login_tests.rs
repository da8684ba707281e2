//! Scripted CLIs on a real pseudoterminal.

use std::time::{Duration, Instant};

use anteroom_protocol::{
    provider::{CredentialFile, FileFormat, Method, MethodKind, Reply, SeedFile},
    session::UrlSource,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
    time::timeout,
};

use super::*;
use crate::shim;

const URL: &str =
    "https://auth.example.com/oauth/authorize?redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fcallback&state=s1";
/// Far above what any of these needs, far below what a test run may take.
const DEADLINE: Duration = Duration::from_secs(20);

struct Trial {
    home: tempfile::TempDir,
    events: mpsc::Receiver<LoginEvent>,
    asked: mpsc::Sender<Asked>,
    pasted: mpsc::Sender<Secret<String>>,
}

/// Starts a shell script as the CLI.
fn start(script: &str) -> Trial {
    start_command(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()], Vec::new())
}

fn start_command(command: Vec<String>, files: Vec<SeedFile>) -> Trial {
    let method =
        Method { kind: MethodKind::Desktop, command, environment: BTreeMap::new(), code: None, replies: Vec::new() };
    start_method(method, files)
}

/// Starts a shell script as the CLI of a sign-in without a desktop.
fn start_light(kind: MethodKind, script: &str) -> Trial {
    let command = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
    let code = (kind == MethodKind::Device).then(|| "[A-Z]{4}-[0-9]{4}".to_owned());
    let replies = vec![Reply { prompt: "Press Enter".to_owned(), text: String::new() }];
    start_method(Method { kind, command, environment: BTreeMap::new(), code, replies }, Vec::new())
}

/// A credential in one file, whose content may stand on the screen.
fn credential(screen: Option<&str>) -> CredentialRules {
    let file = CredentialFile {
        path: ".tool/token".to_owned(),
        format: FileFormat::Opaque,
        not_blank: Vec::new(),
        optional: false,
        screen: screen.map(str::to_owned),
    };
    CredentialRules {
        files: vec![file],
        settle_ms: 0,
        rotates: false,
        account: None,
        freshness: None,
        expires: None,
        lifetime_days: None,
    }
}

fn start_method(method: Method, files: Vec<SeedFile>) -> Trial {
    start_showing(method, files, None)
}

fn start_showing(method: Method, files: Vec<SeedFile>, screen: Option<&str>) -> Trial {
    let home = tempfile::tempdir().unwrap();
    write_files(home.path(), files.iter().map(|file| (file.path.as_str(), file.content.as_bytes()))).unwrap();
    let plan = LoginPlan { method, files, url_hosts: vec!["auth.example.com".to_owned()] };
    let environment = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
    let (events_in, events) = mpsc::channel(16);
    let (asked, asked_out) = mpsc::channel(16);
    let (pasted, pasted_out) = mpsc::channel(16);
    let setup = LoginSetup { plan, environment, home: home.path().to_owned(), credential: credential(screen) };
    tokio::spawn(run(setup, asked_out, pasted_out, events_in));
    Trial { home, events, asked, pasted }
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

// --- without a desktop -----------------------------------------------------------------------------

const PAGE: &str = "https://auth.example.com/device";

#[tokio::test]
async fn a_device_code_is_told_when_the_cli_has_been_replied_to_and_asks_for_its_page() {
    let mut trial = start_light(
        MethodKind::Device,
        "echo 'First copy your one-time code: ABCD-1234'; printf 'Press Enter to open'; read enter; echo opened; read never",
    );
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(trial.browser_command(PAGE).await, "the CLI must not believe that there is no browser");
    let code = DeviceCode { code: "ABCD-1234".to_owned(), url: PAGE.to_owned() };
    assert_eq!(trial.next().await, LoginEvent::Code { code });
}

#[tokio::test]
async fn a_prompt_is_replied_to_once_and_the_cli_goes_on() {
    let events =
        start_light(MethodKind::Paste, "printf 'Press Enter to open'; read enter; echo opened; exit 5").all().await;
    let (code, said) = exit_of(&events);
    assert_eq!(code, 5);
    assert!(said.contains("opened"), "{said}");
}

#[tokio::test]
async fn a_pasted_code_reaches_the_cli_with_enter() {
    let mut trial = start_light(
        MethodKind::Paste,
        "echo https://auth.example.com/authorize; read code; [ \"$code\" = 'code#state' ] && exit 0; exit 4",
    );
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(matches!(trial.next().await, LoginEvent::Url { .. }));
    trial.pasted.send(Secret::new("code#state".to_owned())).await.unwrap();
    assert_eq!(exit_of(&trial.all().await).0, 0);
}

#[tokio::test]
async fn a_pasted_address_of_the_callback_reaches_the_cli_there() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sign_in =
        format!("https://auth.example.com/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A{port}%2Fcallback&state=s");
    let mut trial = start_light(MethodKind::Paste, &format!("echo '{sign_in}'; read code; exit 4"));
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(matches!(trial.next().await, LoginEvent::Url { .. }));
    trial.pasted.send(Secret::new(format!("http://localhost:{port}/callback?code=c&state=s"))).await.unwrap();
    let asked = request_to(&listener, &format!("http://127.0.0.1:{port}/success")).await;
    assert!(asked.starts_with("GET /callback?code=c&state=s HTTP/1.1"), "{asked}");
    let asked = request_to(&listener, "https://elsewhere.example/").await;
    assert!(asked.starts_with("GET /success HTTP/1.1"), "the CLI's own page is shown: {asked}");
    // It has been told to go elsewhere, and does not. What is of another sign-in is told, and asked for nowhere.
    trial.pasted.send(Secret::new(format!("http://127.0.0.1:{port}/callback?code=c&state=t"))).await.unwrap();
    let told = trial.next().await;
    assert!(matches!(&told, LoginEvent::PasteRefused { detail } if detail.contains("another sign-in")), "{told:?}");
}

#[tokio::test]
async fn a_callback_where_nobody_listens_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    drop(listener);
    let sign_in =
        format!("https://auth.example.com/authorize?redirect_uri=http%3A%2F%2F127.0.0.1%3A{}%2F", place.port());
    let mut trial = start_light(MethodKind::Paste, &format!("echo '{sign_in}'; read code; exit 4"));
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(matches!(trial.next().await, LoginEvent::Url { .. }));
    trial.pasted.send(Secret::new(format!("http://{place}/?code=secret-code"))).await.unwrap();
    let LoginEvent::PasteRefused { detail } = trial.next().await else { panic!("the person is not told") };
    assert!(detail.contains(&place.to_string()) && !detail.contains("secret-code"), "{detail}");
}

/// The next request's first bytes, which is sent on to another page.
async fn request_to(listener: &tokio::net::TcpListener, on_to: &str) -> String {
    let (mut connection, _) = timeout(DEADLINE, listener.accept()).await.expect("asked for in time").unwrap();
    let mut request = [0; 64];
    let read = timeout(DEADLINE, connection.read(&mut request)).await.expect("a request in time").unwrap();
    let reply = format!("HTTP/1.1 302 Found\r\nlocation: {on_to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    connection.write_all(reply.as_bytes()).await.unwrap();
    String::from_utf8_lossy(&request[..read]).into_owned()
}

#[tokio::test]
async fn a_credential_that_is_only_shown_is_written_to_its_file_after_a_good_end_alone() {
    for (code, expected) in [(0, Some("abc-1")), (3, None)] {
        let script = format!("echo 'Your token:'; echo; echo '  abc-1'; echo; echo 'Keep it.'; exit {code}");
        let method = Method {
            kind: MethodKind::Desktop,
            command: vec!["sh".to_owned(), "-c".to_owned(), script],
            environment: BTreeMap::new(),
            code: None,
            replies: Vec::new(),
        };
        let mut trial = start_showing(method, Vec::new(), Some(r"Your token:\s+(\S+)"));
        let exited = loop {
            if let LoginEvent::Exited { code, .. } = trial.next().await {
                break code;
            }
        };
        assert_eq!(exited, code);
        let written = std::fs::read_to_string(trial.home.path().join(".tool/token")).ok();
        assert_eq!(written.as_deref(), expected, "exit code {code}");
    }
}

#[tokio::test]
async fn a_paste_has_its_ends_where_the_cli_asks_for_them() {
    let mut trial = start_light(
        MethodKind::Paste,
        r#"printf '\033[?2004h'; echo https://auth.example.com/authorize; read -r code
           [ "$code" = "$(printf '\033[200~code#state\033[201~')" ] && exit 0; exit 4"#,
    );
    assert_eq!(trial.next().await, LoginEvent::Started);
    assert!(matches!(trial.next().await, LoginEvent::Url { .. }));
    trial.pasted.send(Secret::new("code#state".to_owned())).await.unwrap();
    assert_eq!(exit_of(&trial.all().await).0, 0);
}
