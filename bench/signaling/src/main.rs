//! What `make bench` says about signaling: whole rounds a second, and how fast ten thousand waiting pages are woken.
//!
//! The controller is the product's: its HTTP routers on loopback sockets, its SQLite store in a file, its reconciler and
//! its timer, in a process of its own, so that its memory is measured alone. Only machines are not made: the fake
//! driver stands for them, and this process plays pages and guest agents over the wire. Nothing here ships.
//!
//! Figures go to standard output as JSON, what is going on to standard error. `ROUNDS=quick` makes a tenth.

mod figures;
mod http;
mod pages;
mod players;
mod rounds;
mod server;
mod site;

use std::{process::ExitCode, time::Duration};

use figures::Figures;
use site::Site;

/// The first argument of the process that is the controller.
const SERVE: &str = "serve";
/// Everything together.
const DEADLINE: Duration = Duration::from_secs(300);

/// What goes wrong ends the measurement; whoever reads it wants the words.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// Seconds of rounds.
    rounds_s: usize,
    /// Pages that wait.
    pages: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let ended = match (arguments.next(), arguments.next()) {
        (Some(first), Some(directory)) if first == SERVE => server::run(directory.as_ref()).await,
        (None, None) => match tokio::time::timeout(DEADLINE, measure()).await {
            Ok(ended) => ended,
            Err(_) => Err(format!("it took longer than {} s", DEADLINE.as_secs()).into()),
        },
        _ => Err("takes no arguments; ROUNDS=quick makes it short".into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("anteroom-bench-signaling: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Outcome {
    let quick = std::env::var_os("ROUNDS").is_some_and(|rounds| rounds == "quick");
    let size = if quick { Size { rounds_s: 2, pages: 1000 } } else { Size { rounds_s: 10, pages: 10_000 } };
    allow_many_files()?;
    let mut figures = Figures::default();
    let fresh = Site::start().await?;
    rounds::measure(&fresh, size, &mut figures).await?;
    fresh.stop().await?;
    drop(fresh);
    let other = Site::start().await?;
    pages::measure(&other, size, &mut figures).await?;
    other.stop().await?;
    println!("{}", figures.to_json());
    Ok(())
}

/// Each page is a socket in both processes; the other one inherits the limit.
fn allow_many_files() -> Outcome {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
