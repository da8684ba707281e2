//! Who makes machines: this process when it is root's, and `anteroom machined` for everybody else.

use std::sync::Arc;

use anteroom_machined::Machined;
use anteroom_machines::{Driver, Limit, OperationError};

use crate::{
    config::{self, Config},
    user::is_root,
    wiring::{self, WiringError},
};

/// A driver, and the fingerprint of what it makes machines from.
pub(crate) struct Opened {
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) made_from: String,
}

/// Why nobody makes machines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DriverError {
    /// A part can't be made.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// The host can't have machines.
    #[error("the driver of machines: {0}")]
    Host(#[from] anteroom_machines_host::OpenError),
    /// The helper does not answer.
    #[error("this does not run as root, so that another has to make its machines: {0}")]
    Machined(#[source] OperationError),
}

/// The driver for a controller.
pub(crate) async fn open(config: &Config) -> Result<Opened, DriverError> {
    if is_root() {
        tracing::warn!(
            "this controller runs as root; `anteroom machined` with `anteroom serve` as an ordinary user is safer"
        );
        return own(config).await;
    }
    let machined = Machined::connect(&config.machines.socket).await.map_err(DriverError::Machined)?;
    let made_from = machined.made_from().to_owned();
    Ok(Opened { driver: Arc::new(machined), made_from })
}

/// This process's own driver.
pub(crate) async fn own(config: &Config) -> Result<Opened, DriverError> {
    let opened = match config.machines.driver {
        config::Driver::Sandbox => {
            let sandbox = wiring::sandbox(config)?;
            let made_from = wiring::made_from(&sandbox.host, &[&sandbox.sandbox.image], &sandbox.sandbox.agent)?;
            Opened { driver: Arc::new(anteroom_machines_sandbox::open(sandbox).await?), made_from }
        }
        config::Driver::Qemu => {
            let qemu = wiring::qemu(config)?;
            let sources = &qemu.sources;
            let made_from = wiring::made_from(&qemu.host, &[&sources.image, &sources.kernel], &sources.agent)?;
            Opened { driver: Arc::new(anteroom_machines_qemu::open(qemu).await?), made_from }
        }
    };
    say_what_holds(&*opened.driver);
    Ok(opened)
}

fn say_what_holds(driver: &dyn Driver) {
    let capabilities = driver.capabilities();
    let limits = [
        ("memory", &capabilities.memory),
        ("pids", &capabilities.pids),
        ("cpu", &capabilities.cpu),
        ("disk", &capabilities.disk),
        ("walled", &capabilities.walled),
    ];
    for (name, limit) in limits {
        match limit {
            Limit::Enforced(by) => tracing::info!(limit = name, by, "machines are limited"),
            Limit::Unavailable(why) => tracing::warn!(limit = name, why, "machines are NOT limited"),
        }
    }
}
