//! `anteroom machined`: the helper that runs as root and makes machines for a controller that runs as an ordinary user.
//! It listens on a unix socket and nowhere else.

use anteroom_machined::{Policy, Server, Socket, SocketError};

use crate::{
    config::Config,
    driver::{self, DriverError, Opened},
    process::{Signals, allow_open_files},
    user::{User, is_root},
};

/// Why the helper does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachinedError {
    /// Only root can make namespaces, devices and firewall rules.
    #[error("machined makes machines, which only root can; run it with sudo, and `anteroom serve` without")]
    NotRoot,
    /// The host can't have machines.
    #[error(transparent)]
    Machines(#[from] DriverError),
    /// The socket can't be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Signals can't be waited for.
    #[error("waiting for signals: {0}")]
    Signals(#[source] std::io::Error),
}

/// Runs until SIGINT or SIGTERM, or until standard input ends when that is asked. Machines go on running.
pub(crate) async fn run(config: Config, client: Option<User>, until_eof: bool) -> Result<(), MachinedError> {
    if !is_root() {
        return Err(MachinedError::NotRoot);
    }
    allow_open_files();
    let Opened { driver, made_from } = driver::own(&config).await?;
    let client = client.map_or(0, |user| user.uid);
    let policy = Policy { client, max_machines: config.machines.max, limits: config.machines.limits };
    let mut signals = Signals::new().map_err(MachinedError::Signals)?;
    let socket = Socket::bind(&config.machines.socket, client)?;
    // Whoever starts the controller behind it may wait for this line.
    println!("machined is at {}", config.machines.socket.display());
    tracing::info!(socket = %config.machines.socket.display(), client, "making machines for this user");
    let stopped = async {
        tokio::select! {
            () = signals.stop() => {}
            () = input_ended(), if until_eof => {}
        }
    };
    Server::new(driver, policy, made_from).run(socket, stopped).await;
    tracing::info!("stopping; machines go on");
    Ok(())
}

/// Nobody says anything there; it ends with the program that started this one, however that ends. The thread is left to
/// the process's own end.
async fn input_ended() {
    let (ended, heard) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    let _ = heard.await;
}
