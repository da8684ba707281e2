//! What restricted machines reach: whether a host is on the list of the machine that asks, what was refused lately, and what
//! the person allows.
//!
//! A list is the provider's own hosts, those of the configuration, and those that the owner allows for the provider. It
//! is put together at each question from what is stored, so that a machine's list is there the moment its row is bound, and
//! is the same after a restart. A machine that serves nobody has an empty one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anteroom_protocol::{HostName, HostPattern, MachineId, SessionId, UnixMillis, UserId};
use anteroom_session::{Session, machine::Wanted};
use anteroom_store::MAX_ALLOWED_HOSTS;
use serde::{Deserialize, Serialize};

use crate::{Caller, Controller, Error};

/// Hosts that are remembered as refused for one session: more than a person reads. Those that come later are only counted,
/// so that a machine that asks for anything wakes nobody for ever.
const MAX_REFUSED: usize = 64;

/// Whether a machine may reach a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reaches {
    /// No machine has this address.
    NoMachine,
    /// The host is not on its list.
    Refused,
    /// The host is on its list.
    Allowed {
        /// Which machine.
        machine: MachineId,
        /// The addresses that the configuration sets for the host; none when name servers know them.
        set: Vec<Ipv4Addr>,
    },
}

/// A host that a machine asked for and that is not on its list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedHost {
    /// Its name.
    #[schema(value_type = String)]
    pub host: HostName,
    /// When it was asked for first.
    pub at: UnixMillis,
}

/// What a session's machine reaches, as far as the person decides on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostsView {
    /// Whether machines are restricted here. If not, the rest is empty.
    pub restricted: bool,
    /// What was refused, the newest last.
    pub refused: Vec<RefusedHost>,
    /// What the person allows for the provider, beside the provider's own hosts.
    #[schema(value_type = Vec<String>)]
    pub allowed: Vec<HostPattern>,
}

/// A host that the person allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowHost {
    /// Its name, or `*.example.com` for all below a name.
    #[schema(value_type = String)]
    pub host: HostPattern,
}

/// What was refused, for each session that has not ended. A hint for the person, and nobody else's: a restart forgets it.
#[derive(Default)]
pub(crate) struct RefusedHosts {
    of: Mutex<HashMap<SessionId, Vec<RefusedHost>>>,
}

impl RefusedHosts {
    /// Remembers one; true when it is new.
    fn note(&self, session: &SessionId, host: &HostName, at: UnixMillis) -> bool {
        let mut of = self.lock();
        let refused = of.entry(session.clone()).or_default();
        let is_new = refused.len() < MAX_REFUSED && refused.iter().all(|known| known.host != *host);
        if is_new {
            refused.push(RefusedHost { host: host.clone(), at });
        }
        is_new
    }

    fn of(&self, session: &SessionId) -> Vec<RefusedHost> {
        self.lock().get(session).cloned().unwrap_or_default()
    }

    fn forget(&self, session: &SessionId, allowed: &HostPattern) {
        if let Some(refused) = self.lock().get_mut(session) {
            refused.retain(|known| !allowed.covers(&known.host));
        }
    }

    pub(crate) fn forget_all(&self, session: &SessionId) {
        self.lock().remove(session);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Vec<RefusedHost>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Controller {
    /// Whether the machine with this address may reach a host. What is refused is shown to the session's owner.
    ///
    /// # Errors
    /// What the store says.
    pub async fn reaches(&self, address: Ipv4Addr, host: &HostName) -> Result<Reaches, Error> {
        let Some(row) = self.store.machine_by_address(address).await? else { return Ok(Reaches::NoMachine) };
        let (Wanted::Running, Some(session)) = (row.wanted, &row.session) else { return Ok(Reaches::Refused) };
        let session = self.load(&Caller::Controller, session).await?.session;
        if session.end().is_some() {
            return Ok(Reaches::Refused);
        }
        if self.is_on_the_list(&session, host).await? {
            return Ok(Reaches::Allowed { machine: row.id, set: self.set_addresses(host) });
        }
        if self.refused.note(&session.id, host, self.now()) {
            tracing::info!(session = %session.id, %host, "the machine may not reach this host");
            self.wake(&session.id);
        }
        Ok(Reaches::Refused)
    }

    async fn is_on_the_list(&self, session: &Session, host: &HostName) -> Result<bool, Error> {
        let Some(restriction) = &self.settings.restriction else { return Ok(false) };
        let provider = self.catalogue.get(&session.provider);
        let covers = |pattern: &HostPattern| pattern.covers(host);
        if restriction.hosts.iter().any(covers)
            || provider.is_some_and(|provider| provider.all_hosts().any(|pattern| covers(&pattern)))
        {
            return Ok(true);
        }
        Ok(self.store.allowed_hosts(&session.owner, &session.provider).await?.iter().any(covers))
    }

    fn set_addresses(&self, host: &HostName) -> Vec<Ipv4Addr> {
        let entries = self.settings.restriction.iter().flat_map(|restriction| &restriction.addresses);
        let of_host = entries.filter(|entry| entry.name.parse::<HostName>().is_ok_and(|name| name == *host));
        of_host.filter_map(|entry| if let IpAddr::V4(address) = entry.address { Some(address) } else { None }).collect()
    }

    /// What the session's machine reaches, as far as its owner decides on it.
    ///
    /// # Errors
    /// There is no such session of theirs.
    pub async fn hosts(&self, user: &UserId, id: &SessionId) -> Result<HostsView, Error> {
        let session = self.load(&Caller::Person(user.clone()), id).await?.session;
        Ok(self.hosts_of(&session).await?.unwrap_or_default())
    }

    /// The same for who follows the session; none where machines are not restricted.
    pub(crate) async fn hosts_of(&self, session: &Session) -> Result<Option<HostsView>, Error> {
        if self.settings.restriction.is_none() {
            return Ok(None);
        }
        let allowed = self.store.allowed_hosts(&session.owner, &session.provider).await?;
        Ok(Some(HostsView { restricted: true, refused: self.refused.of(&session.id), allowed }))
    }

    /// Allows a host for the session's machine, and for all later ones of the same person and provider.
    ///
    /// # Errors
    /// The session has ended, machines are not restricted, or as many are allowed as may be.
    pub async fn allow_host(&self, user: &UserId, id: &SessionId, host: &HostPattern) -> Result<HostsView, Error> {
        let session = self.going_on(&Caller::Person(user.clone()), id).await?;
        if self.settings.restriction.is_none() {
            return Err(wrong_host(
                "is reached already, for machines are not restricted: [network] restrict".to_owned(),
            ));
        }
        if !self.store.allow_host(user, &session.provider, host, self.now()).await? {
            return Err(wrong_host(format!("is one too many; at most {MAX_ALLOWED_HOSTS} are allowed, take one back")));
        }
        self.refused.forget(id, host);
        self.wake(id);
        Ok(self.hosts_of(&session).await?.unwrap_or_default())
    }

    /// Takes one back. What the machine reaches already it reaches for a while.
    ///
    /// # Errors
    /// There is no such session of theirs.
    pub async fn disallow_host(&self, user: &UserId, id: &SessionId, host: &HostPattern) -> Result<HostsView, Error> {
        let session = self.load(&Caller::Person(user.clone()), id).await?.session;
        self.store.disallow_host(user, &session.provider, host).await?;
        self.wake(id);
        Ok(self.hosts_of(&session).await?.unwrap_or_default())
    }
}

fn wrong_host(problem: String) -> Error {
    Error::Invalid { field: "host".to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_remembered_once_and_no_more_than_are_read() {
        let (refused, session) = (RefusedHosts::default(), SessionId::from_random([1; 16]));
        let host = |number: usize| format!("h{number}.example").parse::<HostName>().unwrap();
        for number in 0..MAX_REFUSED {
            assert!(refused.note(&session, &host(number), UnixMillis(1)));
            assert!(!refused.note(&session, &host(number), UnixMillis(2)), "again");
        }
        assert!(!refused.note(&session, &host(MAX_REFUSED), UnixMillis(3)), "one too many");
        refused.forget(&session, &HostPattern::Exactly(host(0)));
        assert_eq!(refused.of(&session).len(), MAX_REFUSED - 1);
        refused.forget_all(&session);
        assert!(refused.lock().is_empty());
    }
}
