use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use anteroom_protocol::{
    Secret,
    guest::{CapturedFile, DesktopSize, MediaEngine},
    provider::{CredentialFile, FileFormat},
    terminal::{BYTES, Background, ERRORS, FromAgent, TerminalSize, ToAgent},
};
use axum::{
    Json, Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::StatusCode,
    response::Response,
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::reports::{self, Outbound};

const DEADLINE: Duration = Duration::from_secs(30);
const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };
const OLD: &str = r#"{"token":"old"}"#;
const NEW: &str = r#"{"token":"new"}"#;

/// A controller as far as a run sees it.
#[derive(Clone)]
struct Far {
    sockets: mpsc::Sender<WebSocket>,
    stop: Arc<Notify>,
    /// What was handed in, as text.
    saved: Arc<Mutex<Vec<String>>>,
}

struct Trial {
    sockets: mpsc::Receiver<WebSocket>,
    far: Far,
    home: tempfile::TempDir,
    outbound: Outbound,
    _run: JoinHandle<()>,
}

/// The agent's connection, and what it has said that was not read.
struct Viewer {
    socket: WebSocket,
    seen: VecDeque<u8>,
    drawn: u64,
}

fn file(text: &str) -> CapturedCredential {
    let base64 = Secret::new(BASE64_STANDARD.encode(text));
    CapturedCredential { files: vec![CapturedFile { path: ".cli/auth.json".to_owned(), base64 }] }
}

fn rules() -> CredentialRules {
    let path = ".cli/auth.json".to_owned();
    let file = CredentialFile {
        path,
        format: FileFormat::Json,
        not_blank: vec!["/token".to_owned()],
        optional: false,
        screen: None,
    };
    CredentialRules {
        files: vec![file],
        settle_ms: 100,
        rotates: true,
        account: None,
        freshness: None,
        expires: None,
        lifetime_days: None,
    }
}

async fn terminal_of(State(far): State<Far>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let _ = far.sockets.send(socket).await;
    })
}

async fn save(State(far): State<Far>, Json(captured): Json<CapturedCredential>) -> StatusCode {
    let bytes = BASE64_STANDARD.decode(captured.files[0].base64.expose()).unwrap();
    far.saved.lock().unwrap().push(String::from_utf8(bytes).unwrap());
    StatusCode::NO_CONTENT
}

async fn stop(State(far): State<Far>) -> Json<serde_json::Value> {
    far.stop.notified().await;
    Json(serde_json::json!({"stop": true}))
}

async fn serve(far: Far) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/api/guest/credential", get(async || Json(file(OLD))).post(save))
        .route("/api/guest/stop", get(stop))
        .route("/api/guest/pastes", get(async || std::future::pending::<StatusCode>().await))
        .route("/api/guest/terminal", get(terminal_of))
        .with_state(far);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Starts a shell script as a run's CLI.
async fn start(script: &str, terminal: bool) -> Trial {
    let (sockets, sockets_out) = mpsc::channel(4);
    let far = Far { sockets, stop: Arc::new(Notify::new()), saved: Arc::default() };
    let address = serve(far.clone()).await;
    let boot = Boot {
        controller_url: format!("http://{address}"),
        token: Secret::new("t".to_owned()),
        address: [127, 0, 0, 1].into(),
        desktop: DesktopSize { width: 640, height: 480 },
        environment: Vec::new(),
        engine: MediaEngine::Str0m,
    };
    let plan = RunPlan {
        command: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
        environment: BTreeMap::new(),
        files: Vec::new(),
        size: SIZE,
        background: Background::Dark,
        terminal,
        writes_back: true,
        environment_files: BTreeMap::from([("FROM_FILE".to_owned(), ".cli/auth.json".to_owned())]),
    };
    let (home, (reporter, outbound)) = (tempfile::tempdir().unwrap(), reports::queue());
    let directory = home.path().to_owned();
    let run = tokio::spawn(async move {
        let controller = Controller::new(&boot).unwrap();
        let environment =
            BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned()), ("TERM".to_owned(), "xterm".to_owned())]);
        let around =
            Around { boot: &boot, controller: &controller, reporter: &reporter, home: &directory, environment };
        let _ = run(around, plan, rules()).await;
    });
    Trial { sockets: sockets_out, far, home, outbound, _run: run }
}

impl Trial {
    async fn viewer(&mut self) -> Viewer {
        let socket = timeout(DEADLINE, self.sockets.recv()).await.expect("the agent connects in time").unwrap();
        let mut viewer = Viewer { socket, seen: VecDeque::new(), drawn: 0 };
        viewer.say(ToAgent::Draw).await;
        viewer
    }

    async fn report(&mut self) -> Report {
        timeout(DEADLINE, self.outbound.next()).await.expect("it is reported in time").unwrap()
    }

    async fn exit_code(&mut self) -> i32 {
        loop {
            let report = self.report().await;
            if let Report::CliExited { code, .. } = report {
                return code;
            }
            assert_eq!(report, Report::CliStarted);
        }
    }

    fn saved(&self) -> Vec<String> {
        self.far.saved.lock().unwrap().clone()
    }

    async fn until_saved(&self, text: &str) {
        let saved = async {
            while self.saved().last().is_none_or(|last| last != text) {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, saved).await.expect("it is handed in in time");
    }
}

impl Viewer {
    async fn say(&mut self, order: ToAgent) {
        self.socket.send(Message::Binary(order.message().into())).await.unwrap();
    }

    async fn types(&mut self, text: &str) {
        self.say(ToAgent::Typed(text.as_bytes().to_vec())).await;
    }

    /// The next message of the agent; what it sent is drawn at once.
    async fn hears(&mut self) -> Vec<u8> {
        let message = timeout(DEADLINE, self.socket.recv()).await.expect("the agent says something in time");
        let Some(Ok(Message::Binary(message))) = message else { panic!("the agent says {message:?}") };
        let length = match FromAgent::read(&message).unwrap() {
            FromAgent::Output => message.len() - 1,
            FromAgent::Screen(_, drawing) => drawing.len(),
            FromAgent::Taken(_) => 0,
        };
        self.drawn += length as u64;
        self.say(ToAgent::Drawn(self.drawn)).await;
        message.to_vec()
    }

    /// Reads until this was seen.
    async fn sees(&mut self, text: &str) {
        while !String::from_utf8_lossy(self.seen.make_contiguous()).contains(text) {
            let message = self.hears().await;
            self.seen.extend(&message[1..]);
        }
        self.seen.clear();
    }
}

#[tokio::test]
async fn the_cli_finds_its_credential_and_its_end_is_reported_with_its_exit_code() {
    let mut trial = start("printf '%s %s' \"$(cat .cli/auth.json)\" $(stat -c %a .cli/auth.json); exit 7", true).await;
    let mut viewer = trial.viewer().await;
    viewer.sees("{\"token\":\"old\"} 600").await;
    assert_eq!(trial.exit_code().await, 7);
    assert_eq!(trial.saved(), Vec::<String>::new(), "it has changed nothing");
}

#[tokio::test]
async fn a_change_is_handed_in_while_the_cli_runs_and_a_blank_one_is_not() {
    let script =
        format!("read x; echo '{NEW}' > .cli/auth.json; read x; echo '{{\"token\":\"\"}}' > .cli/auth.json; read x");
    let mut trial = start(&script, true).await;
    let mut viewer = trial.viewer().await;
    viewer.types("\r").await;
    trial.until_saved(&format!("{NEW}\n")).await;
    viewer.types("\r").await;
    viewer.types("\r").await;
    assert_eq!(trial.report().await, Report::CliStarted);
    let missing = trial.report().await;
    assert!(
        matches!(&missing, Report::CredentialMissing { detail } if detail.contains("/token is blank")),
        "{missing:?}"
    );
    assert_eq!(trial.exit_code().await, 0);
    assert_eq!(trial.saved(), [format!("{NEW}\n")]);
}

#[tokio::test]
async fn the_last_change_is_handed_in_before_the_end_is_reported() {
    let script = format!("read x; printf '%s' '{NEW}' > .cli/new; mv .cli/new .cli/auth.json");
    let mut trial = start(&script, true).await;
    trial.viewer().await.types("\r").await;
    assert_eq!(trial.exit_code().await, 0);
    assert_eq!(trial.saved().last().map(String::as_str), Some(NEW));
}

#[tokio::test]
async fn a_run_that_is_stopped_hangs_up_and_what_the_cli_saves_then_is_handed_in() {
    let script =
        format!("trap 'printf %s '\\''{NEW}'\\'' > .cli/auth.json; exit 5' HUP; echo ready; while :; do read x; done");
    let mut trial = start(&script, true).await;
    let mut viewer = trial.viewer().await;
    viewer.sees("ready").await;
    trial.far.stop.notify_one();
    assert_eq!(trial.exit_code().await, 5);
    // Handed in again when the first reply was not waited for.
    assert_eq!(trial.saved().last().map(String::as_str), Some(NEW));
}

#[tokio::test]
async fn who_comes_again_finds_the_screen_as_it_is() {
    let mut trial = start("printf 'one\\033[5;10Htwo\\033[31m'; read x; echo after", true).await;
    let mut viewer = trial.viewer().await;
    viewer.sees("two").await;
    drop(viewer);
    let mut viewer = trial.viewer().await;
    let FromAgent::Screen(size, drawing) = FromAgent::read(&viewer.hears().await).unwrap() else {
        panic!("the screen comes first")
    };
    assert_eq!(size, SIZE);
    let mut screen = terminal::Screen::new(80, 24);
    let _ = screen.feed(&drawing);
    assert_eq!(screen.rows()[4].text, "         two");
    viewer.types("\r").await;
    viewer.sees("after").await;
    assert_eq!(trial.exit_code().await, 0);
}

#[tokio::test]
async fn the_cli_waits_for_viewers_that_have_not_drawn_what_it_wrote() {
    let mut trial = start("head -c 3000000 /dev/zero | tr '\\0' x; touch .cli/done; echo done", true).await;
    let mut viewer = trial.viewer().await;
    viewer.hears().await;
    let mut received = 0;
    // Nothing of it is said to be drawn.
    while received < 900_000 {
        let Some(Ok(Message::Binary(message))) = viewer.socket.recv().await else { panic!("the agent goes away") };
        received += message.len() as u64 - 1;
    }
    assert!(!trial.home.path().join(".cli/done").exists());
    viewer.drawn += received;
    viewer.say(ToAgent::Drawn(viewer.drawn)).await;
    viewer.sees("done").await;
    assert_eq!(trial.exit_code().await, 0);
}

#[tokio::test]
async fn the_terminal_has_the_size_that_viewers_set_and_answers_questions_itself() {
    let script = "stty -echo; read x; stty size; printf '\\033[6n'; stty raw; head -c 6 | od -c; printf 'end'";
    let mut trial = start(script, true).await;
    let mut viewer = trial.viewer().await;
    viewer.say(ToAgent::Resize(TerminalSize { columns: 132, rows: 43 })).await;
    viewer.types("\r").await;
    viewer.sees("43 132").await;
    let mut seen = String::new();
    while !seen.contains("end") {
        seen.push_str(&String::from_utf8_lossy(&viewer.hears().await[1..]));
    }
    // The row depends on whether the key was echoed.
    assert!(seen.contains("033   [   ") && seen.contains("   ;   1   R"), "{seen}");
    assert!(!seen.contains("\x1b[6n"), "a viewer's terminal would answer too");
}

#[tokio::test]
async fn what_a_silent_cli_has_taken_of_what_is_typed_is_told() {
    let mut trial = start("stty -echo raw; echo ready; head -c 400000 | wc -c", true).await;
    let mut viewer = trial.viewer().await;
    viewer.sees("ready").await;
    for _ in 0..8 {
        viewer.types(&"k".repeat(50_000)).await;
    }
    let mut taken = 0;
    while taken < 300_000 {
        let message = viewer.hears().await;
        if let FromAgent::Taken(count) = FromAgent::read(&message).unwrap() {
            taken = count;
        }
        assert!(!String::from_utf8_lossy(&message).contains("400000"), "it is told before the CLI says anything");
    }
    assert_eq!(trial.exit_code().await, 0);
}

#[tokio::test]
async fn without_a_terminal_output_errors_and_input_are_as_they_are() {
    let mut trial = start("printf 'a\\nb'; printf 'e' >&2; cat; exit 3", false).await;
    let mut viewer = trial.viewer().await;
    viewer.types("in\n").await;
    viewer.types("").await;
    let (mut output, mut errors) = (Vec::<u8>::new(), Vec::<u8>::new());
    while output != b"a\nbin\n" || errors != b"e" {
        let message = viewer.hears().await;
        match message.split_first() {
            Some((&BYTES, bytes)) => output.extend(bytes),
            Some((&ERRORS, bytes)) => errors.extend(bytes),
            Some(_) | None => {}
        }
    }
    assert_eq!(trial.exit_code().await, 3);
}

#[tokio::test]
async fn a_cli_that_ends_at_once_is_not_missed() {
    for terminal in [true, false] {
        let mut trial = start("exit 0", terminal).await;
        let _viewer = trial.viewer().await;
        assert_eq!(trial.exit_code().await, 0);
    }
}

#[tokio::test]
async fn a_file_of_the_credential_is_in_the_environment_where_the_provider_wants_it() {
    let mut trial = start("printf %s \"$FROM_FILE\"", false).await;
    let mut viewer = trial.viewer().await;
    let mut output = Vec::<u8>::new();
    while output != OLD.as_bytes() {
        if let Some((&BYTES, bytes)) = viewer.hears().await.split_first() {
            output.extend(bytes);
        }
    }
    assert_eq!(trial.exit_code().await, 0);
}
