//! The guest agent's program. `anteroom-guest` is the agent; `anteroom-guest open-url URL` is what CLIs in the
//! machine take for the browser. What a virtual machine does before it is anybody's is `anteroom-guest desktop
//! WIDTHxHEIGHT`, which keeps a desktop for the agent, and `anteroom-guest warm`, which reads ahead and ends.

use std::{io::Read, path::PathBuf, process::ExitCode, time::Duration};

use anteroom_guest::{
    agent,
    desktop::apart,
    layout::{Layout, OPEN_SOCKET_VARIABLE},
    media, shim, warm,
};
use anteroom_protocol::{
    Secret,
    guest::{Boot, DesktopSize},
};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::time::timeout;

/// The launcher writes the boot document right after it has started the agent.
const BOOT_DEADLINE: Duration = Duration::from_secs(10);
/// A URL, a token, an address and some variables.
const MAX_BOOT_BYTES: u64 = 256 * 1024;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        None => agent_main(),
        Some("open-url") => open_url(&arguments.collect::<Vec<_>>()),
        Some("desktop") => match arguments.next().as_deref().and_then(size) {
            Some(size) => keep_desktop(size),
            None => usage(),
        },
        Some("warm") => read_ahead(),
        Some(_) => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("anteroom-guest: takes no arguments (it is the agent), or: open-url URL, desktop WIDTHxHEIGHT, warm");
    ExitCode::from(2)
}

fn size(text: &str) -> Option<DesktopSize> {
    let (width, height) = text.split_once('x')?;
    Some(DesktopSize { width: width.parse().ok()?, height: height.parse().ok()? })
}

/// Says on standard output that the desktop is up, or why it is not, and keeps it.
fn keep_desktop(size: DesktopSize) -> ExitCode {
    log_to_stderr();
    let first = |up: Result<(), String>| println!("{}", up.err().as_deref().unwrap_or(apart::READY));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let kept = runtime.and_then(|runtime| runtime.block_on(apart::keep(&Layout::of_image(), size, first)));
    if let Err(error) = kept {
        tracing::error!(%error, "no desktop can be kept");
    }
    ExitCode::FAILURE
}

fn read_ahead() -> ExitCode {
    log_to_stderr();
    match warm::read(&Layout::of_image()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "what every machine needs is not in the image");
            ExitCode::FAILURE
        }
    }
}

fn open_url(arguments: &[String]) -> ExitCode {
    // The environment is how the agent tells the shim where it is: there is no configuration in the machine.
    let socket = std::env::var_os(OPEN_SOCKET_VARIABLE).map_or_else(|| Layout::of_image().open_socket(), PathBuf::from);
    match shim::open_url(&socket, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            // What xdg-open returns when the action failed.
            ExitCode::from(4)
        }
    }
}

fn agent_main() -> ExitCode {
    log_to_stderr();
    // Before the token is read: the browser and the CLI run as the same user, and must not read our memory.
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::error!(%error, "the agent's memory can't be closed to other programs");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run());
    // A blocking call that still runs must not hold up the machine's end.
    runtime.shutdown_background();
    code
}

async fn run() -> ExitCode {
    let reading = tokio::task::spawn_blocking(|| read_boot(std::io::stdin().lock()));
    let boot = match timeout(BOOT_DEADLINE, reading).await {
        Ok(Ok(Ok(boot))) => boot,
        Ok(Ok(Err(what))) => {
            tracing::error!("the boot document on standard input {what}");
            return ExitCode::FAILURE;
        }
        Ok(Err(_)) | Err(_) => {
            tracing::error!("the boot document on standard input did not end in time");
            return ExitCode::FAILURE;
        }
    };
    match agent::run(boot, Layout::of_image()).await {
        Ok(ended) => {
            tracing::info!(%ended, "the agent ends");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(%error, "the agent could not begin");
            ExitCode::FAILURE
        }
    }
}

/// The texts say nothing of the document, which holds the token.
fn read_boot(stdin: impl Read) -> Result<Boot, &'static str> {
    let mut document = Vec::new();
    stdin.take(MAX_BOOT_BYTES).read_to_end(&mut document).map_err(|_| "could not be read")?;
    let document = Secret::new(document);
    serde_json::from_slice(document.expose()).map_err(|_| "is not what this agent expects")
}

/// One line for each event, without colours: the launcher keeps it as the machine's log.
fn log_to_stderr() {
    let filter = format!("info,{},hyper=warn,reqwest=warn", media::LOG_DIRECTIVES);
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .init();
}
