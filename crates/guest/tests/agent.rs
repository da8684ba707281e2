//! The whole agent against a controller of the test's own: real X server, window manager, browser and shim, and a
//! shell script as the CLI.

mod controller;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anteroom_guest::{agent, layout::Layout};
use anteroom_protocol::{
    Secret, ViewId,
    guest::{Assignment, Boot, DesktopSize, MediaEngine, Report, Work},
    provider::{CredentialFile, CredentialRules, FileFormat, LoginPlan, Method, MethodKind},
    session::UrlSource,
    signaling::SdpDigest,
    view::ViewReply,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use controller::{Controller, session_id};
use str0m::{
    Rtc,
    media::{Direction, MediaKind},
};
use tokio::time::timeout;

const AGENT: &str = env!("CARGO_BIN_EXE_anteroom-guest");
const DEADLINE: Duration = Duration::from_secs(90);
const URL: &str = "https://auth.example.com/authorize?state=s1";

/// A script in the place of the CLI, and a credential of one JSON file.
fn assignment(script: &str) -> Assignment {
    Assignment {
        session_id: session_id(),
        work: Work::SignIn {
            login: LoginPlan {
                method: Method {
                    kind: MethodKind::Desktop,
                    command: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
                    environment: [("CLI_HOME".to_owned(), "{home}/.cli".to_owned())].into(),
                    code: None,
                    replies: Vec::new(),
                },
                files: Vec::new(),
                url_hosts: vec!["auth.example.com".to_owned()],
            },
        },
        credential: CredentialRules {
            files: vec![CredentialFile {
                path: ".cli/auth.json".to_owned(),
                format: FileFormat::Json,
                not_blank: vec!["/token".to_owned()],
                optional: false,
                screen: None,
            }],
            settle_ms: 100,
            rotates: true,
            account: None,
            freshness: None,
            expires: None,
            lifetime_days: None,
        },
    }
}

/// The image's layout with the host's programs, and the shim that the image has.
fn layout(directory: &Path) -> Layout {
    let shims = directory.join("shims");
    let home = directory.join("home");
    fs::create_dir_all(&shims).unwrap();
    fs::create_dir_all(&home).unwrap();
    let shim = shims.join("xdg-open");
    let image = std::env::current_dir().unwrap().join("../../image/files/opt/anteroom");
    let image = image.to_str().unwrap();
    let text = fs::read_to_string(format!("{image}/shims/xdg-open")).unwrap();
    fs::write(&shim, text.replace("/opt/anteroom/anteroom-guest", AGENT)).unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    let mut browser = vec![
        "/usr/lib/chromium/chromium".to_owned(),
        // Nothing leaves the test, and no name is asked for.
        "--host-resolver-rules=MAP * ~NOTFOUND".to_owned(),
    ];
    if rustix::process::getuid().is_root() {
        browser.push("--no-sandbox".to_owned());
    }
    let window_manager = ["/usr/bin/openbox", "--config-file", &format!("{image}/desktop/openbox.xml")];
    Layout {
        home,
        runtime_directory: directory.join("runtime"),
        shims,
        display: None,
        window_manager: window_manager.map(str::to_owned).into(),
        browser,
        start_page: format!("file://{image}/desktop/start.html"),
        ..Layout::of_image()
    }
}

fn boot(address: std::net::SocketAddr) -> Boot {
    Boot {
        controller_url: format!("http://{address}"),
        token: Secret::new("token-of-this-machine".to_owned()),
        address: [127, 0, 0, 1].into(),
        desktop: DesktopSize { width: 800, height: 600 },
        environment: Vec::new(),
        engine: MediaEngine::Str0m,
    }
}

/// A viewer's offer: one video, two data channels.
fn offer() -> String {
    let mut viewer = Rtc::new(Instant::now());
    let mut api = viewer.sdp_api();
    api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    api.add_channel("input".to_owned());
    api.add_channel("motion".to_owned());
    api.apply().unwrap().0.to_sdp_string()
}

#[tokio::test]
async fn a_sign_in_goes_from_the_offer_to_the_saved_credential() {
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        "xdg-open '{URL}' && mkdir -p \"$CLI_HOME\" && echo '{{\"token\":\"t\"}}' > \"$CLI_HOME/auth.json\" && echo done"
    );
    let (controller, address) = Controller::start(assignment(&script)).await;
    let (first, second) = (offer(), offer());
    controller.offer(1, first.clone());
    let agent = tokio::spawn(agent::run(boot(address), layout(directory.path())));

    let session = controller.until("the first answer", |session| !session.answers.is_empty()).await;
    assert_eq!(session.answers[0].epoch.0, 1);
    assert_eq!(session.answers[0].offer_digest, SdpDigest::of(&first));
    assert!(session.answers[0].candidates.last().is_some_and(|candidate| candidate.is_end()));

    let (view, watching) = (ViewId::from_random([5; 16]), offer());
    controller.watch(&view, watching.clone());
    let reply = loop {
        // A view that comes before the desktop is told so, and its viewer begins again.
        let session = controller.until("a reply", |session| session.view_replies.len() == session.views.len()).await;
        match session.view_replies.last().unwrap() {
            (_, ViewReply::NotYet) => controller.watch(&view, watching.clone()),
            (answered, reply) => break (answered.clone(), reply.clone()),
        }
    };
    let (ViewReply::Answered { offer_digest, answer }, true) = (&reply.1, reply.0 == view) else { panic!("{reply:?}") };
    assert_eq!(*offer_digest, SdpDigest::of(&watching));
    assert!(answer.sdp.expose().contains("a=end-of-candidates"));

    let session = controller.until("the credential", |session| session.credential.is_some()).await;
    let files = session.credential.unwrap().files;
    assert_eq!(files[0].path, ".cli/auth.json");
    assert_eq!(BASE64_STANDARD.decode(files[0].base64.expose()).unwrap(), b"{\"token\":\"t\"}\n");
    let exit = Report::CliExited { code: 0, detail: "done".to_owned() };
    assert!(session.reports.contains(&exit), "the CLI's end comes before the credential: {:?}", session.reports);
    let found = Report::UrlFound { url: URL.to_owned(), source: UrlSource::Shim };
    let place = |report: &Report| session.reports.iter().position(|other| other == report);
    assert!(place(&Report::CliStarted) < place(&found) && place(&found) < place(&exit), "{:?}", session.reports);

    let session = controller
        .until("the opened page", |session| {
            [Report::DesktopReady, Report::BrowserReady, Report::UrlOpened].iter().all(|r| session.reports.contains(r))
        })
        .await;
    assert_eq!(session.answers.len(), 1);
    controller.offer(2, second.clone());
    let session = controller.until("the second answer", |session| session.answers.len() == 2).await;
    assert_eq!(session.answers[1].offer_digest, SdpDigest::of(&second));
    assert_ne!(session.answers[0].answer, session.answers[1].answer, "each epoch has a transport of its own");

    controller.end();
    let ended = timeout(DEADLINE, agent).await.expect("the agent's end in time").unwrap();
    assert!(ended.is_ok(), "{:?}", ended.err());
}

#[tokio::test]
async fn a_cli_that_fails_hands_in_no_credential() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mkdir -p $CLI_HOME; echo '{\"token\":\"t\"}' > $CLI_HOME/auth.json; echo denied; exit 1";
    let (controller, address) = Controller::start(assignment(script)).await;
    let agent = tokio::spawn(agent::run(boot(address), layout(directory.path())));
    let exit = Report::CliExited { code: 1, detail: "denied".to_owned() };
    controller.until("the CLI's end", |session| session.reports.contains(&exit)).await;
    // The desktop is reported later than the CLI's end; a credential would have been handed in by then.
    let session = controller.until("the browser", |session| session.reports.contains(&Report::BrowserReady)).await;
    assert!(session.credential.is_none());
    controller.end();
    timeout(DEADLINE, agent).await.expect("the agent's end in time").unwrap().unwrap();
}

#[tokio::test]
async fn a_cli_that_leaves_a_blank_credential_is_reported_with_the_rule() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mkdir -p $CLI_HOME; echo '{\"token\":\"\"}' > $CLI_HOME/auth.json";
    let (controller, address) = Controller::start(assignment(script)).await;
    let agent = tokio::spawn(agent::run(boot(address), layout(directory.path())));
    let missing = Report::CredentialMissing { detail: ".cli/auth.json: /token is blank".to_owned() };
    let session = controller.until("the report", |session| session.reports.contains(&missing)).await;
    assert!(session.credential.is_none());
    controller.end();
    timeout(DEADLINE, agent).await.expect("the agent's end in time").unwrap().unwrap();
}

#[tokio::test]
async fn after_the_x_servers_death_desktop_browser_and_picture_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("x.pid");
    let mut layout = layout(directory.path());
    let script = format!("echo $$ > {}; exec /usr/bin/Xvfb \"$@\"", pid_file.display());
    layout.x_server = ["sh", "-c", &script, "sh"].map(str::to_owned).into();
    let (controller, address) = Controller::start(assignment("exec sleep 60")).await;
    controller.offer(1, offer());
    let agent = tokio::spawn(agent::run(boot(address), layout));
    let count =
        |session: &controller::Session, report: &Report| session.reports.iter().filter(|r| *r == report).count();
    let up = |session: &controller::Session, times: usize| {
        [Report::DesktopReady, Report::BrowserReady].iter().all(|report| count(session, report) == times)
    };
    controller.until("the first desktop", |session| up(session, 1) && session.answers.len() == 1).await;

    let pid: i32 = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();

    let session = controller.until("the second desktop", |session| up(session, 2)).await;
    assert!(
        !session.reports.iter().any(|report| matches!(report, Report::DesktopFailed { .. })),
        "{:?}",
        session.reports
    );
    controller.offer(2, offer());
    controller.until("the second answer", |session| session.answers.len() == 2).await;
    controller.end();
    timeout(DEADLINE, agent).await.expect("the agent's end in time").unwrap().unwrap();
}

#[tokio::test]
async fn the_agents_memory_and_token_are_closed_to_programs_of_its_own_user() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("anteroom-guest");
    fs::copy(AGENT, &program).unwrap();
    // Root may read everything, so that the agent and its reader run as somebody else.
    let as_user = |program: &Path| {
        let mut command = tokio::process::Command::new(program);
        if rustix::process::getuid().is_root() {
            command.uid(1000).gid(1000);
        }
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").kill_on_drop(true);
        command
    };
    let (controller, address) = Controller::start(assignment("sleep 60")).await;
    let mut agent = as_user(&program).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = agent.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, &serde_json::to_vec(&boot(address)).unwrap()).await.unwrap();
    drop(stdin);
    controller.until("the agent's first word", |session| session.asked).await;
    let pid = agent.id().unwrap();
    for file in ["environ", "maps"] {
        let mut read = as_user(Path::new("head"));
        read.arg("-c1").arg(format!("/proc/{pid}/{file}")).stdout(Stdio::null()).stderr(Stdio::null());
        let status = timeout(DEADLINE, read.status()).await.unwrap().unwrap();
        assert!(!status.success(), "/proc/{pid}/{file} can be read");
    }
    agent.kill().await.unwrap();
    let mut log = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut agent.stderr.take().unwrap(), &mut log).await.unwrap();
    assert!(log.contains("assigned") && !log.contains("token-of-this-machine"), "{log}");
}
