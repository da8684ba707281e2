//! The resolver's place in the program: what it asks of the controller, and what it has the driver let through.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use anteroom_controller::{Controller, Reaches};
use anteroom_machines::{Driver, Reach};
use anteroom_protocol::{HostName, MachineId};
use anteroom_resolver::{NotOpened, Permit, Permits, Resolver};
use async_trait::async_trait;

use crate::{config::Config, serve::ServeError, wiring};

/// DNS.
const PORT: u16 = 53;
/// How long an address that was told may be reached. Programs keep an answer for five minutes at most and ask again then;
/// a connection that they keep lasts longer, and a sign-in takes a quarter of an hour.
const REACH_SECONDS: u32 = 60 * 60;
/// How long that may take: a program asks anew after five seconds.
const OPEN_DEADLINE: Duration = Duration::from_secs(4);

/// What the resolver asks.
struct Wired {
    controller: Arc<Controller>,
    driver: Arc<dyn Driver>,
}

#[async_trait]
impl Permits for Wired {
    async fn permit(&self, from: Ipv4Addr, host: &HostName) -> Permit {
        match self.controller.reaches(from, host).await {
            Ok(Reaches::NoMachine) => Permit::Nobody,
            Ok(Reaches::Refused) => Permit::Refused,
            Ok(Reaches::Allowed { machine, set }) => Permit::Allowed { machine, set },
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "whether a machine may reach a host is not known"
                );
                Permit::Unknown
            }
        }
    }

    async fn open(&self, machine: &MachineId, addresses: &[IpAddr]) -> Result<(), NotOpened> {
        let reach = Reach { addresses: addresses.to_vec(), seconds: REACH_SECONDS };
        match tokio::time::timeout(OPEN_DEADLINE, self.driver.reach(machine, &reach)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(%machine, %error, "the addresses of a host were not let through");
                Err(NotOpened)
            }
            Err(_) => {
                tracing::warn!(%machine, "the addresses of a host were not let through in time");
                Err(NotOpened)
            }
        }
    }
}

/// The resolver of restricted machines; none where they are not restricted.
///
/// # Errors
/// Its address can't be had, or the driver does not restrict what the configuration wants restricted, or the other way
/// round.
pub(crate) async fn resolver(
    config: &Config,
    controller: &Arc<Controller>,
    driver: &Arc<dyn Driver>,
) -> Result<Option<Resolver>, ServeError> {
    let wanted = config.network.restrict;
    if driver.capabilities().restricted != wanted {
        return Err(ServeError::RestrictedOtherwise { wanted });
    }
    if !wanted {
        return Ok(None);
    }
    if config.machines.additions.upstream_proxy.is_some() {
        tracing::warn!("machines reach by the upstream proxy whatever it lets them; let it hold a list of its own");
    }
    let servers = wiring::name_servers(config)?;
    let address = SocketAddr::from((config.network.gateway, PORT));
    let wired = Wired { controller: controller.clone(), driver: driver.clone() };
    let resolver = Resolver::bind(address, servers, Arc::new(wired)).await?;
    tracing::info!(bound = %address, "answering names for restricted machines");
    Ok(Some(resolver))
}
