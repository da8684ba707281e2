//! What restricted machines reach, as it is remembered beside each of them: a wall that is built again lets them go on, and
//! a machine that is destroyed takes it along. Pure; time is an argument.

use std::{collections::BTreeMap, io, net::IpAddr, net::Ipv4Addr};

use anteroom_machines::{MAX_REACH_SECONDS, MAX_REACHED, Reach};
use serde::{Deserialize, Serialize};

/// How much longer an address is remembered than it is reached: the firewall counts from a moment later on.
const GRACE_SECONDS: u64 = 60;

/// Addresses with the times until which they are reached, in seconds since the host has booted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Reached(BTreeMap<Ipv4Addr, u64>);

impl Reached {
    pub(crate) fn read(text: &str) -> io::Result<Self> {
        serde_json::from_str(text).map_err(io::Error::other)
    }

    pub(crate) fn write(&self) -> io::Result<String> {
        serde_json::to_string(self).map_err(io::Error::other)
    }

    /// The same with more addresses, and without those whose time is over. The later end of two counts.
    pub(crate) fn with(mut self, reach: &Reach, now: u64) -> Result<Self, String> {
        reach.check()?;
        self.0.retain(|_, until| *until + GRACE_SECONDS > now);
        for address in addresses(reach)? {
            let until = self.0.entry(address).or_default();
            *until = (*until).max(now + u64::from(reach.seconds));
        }
        if self.0.len() > MAX_REACHED {
            return Err(format!("it would reach {} addresses, and may {MAX_REACHED}", self.0.len()));
        }
        Ok(self)
    }

    /// All of them with the seconds that are left, at most as many as were asked for: the file may be of an earlier boot.
    pub(crate) fn left(&self, now: u64) -> impl Iterator<Item = (Ipv4Addr, u32)> + '_ {
        self.0.iter().filter_map(move |(address, until)| {
            let left = u32::try_from(until.saturating_sub(now)).unwrap_or(u32::MAX).min(MAX_REACH_SECONDS);
            (left > 0).then_some((*address, left))
        })
    }

    /// All of them, also those whose time is over.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.0.keys().copied()
    }
}

/// Machines have addresses of this kind only.
pub(crate) fn addresses(reach: &Reach) -> Result<Vec<Ipv4Addr>, String> {
    let one = |address: &IpAddr| match address {
        IpAddr::V4(address) => Ok(*address),
        IpAddr::V6(address) => Err(format!("machines have IPv4 only, and can't reach {address}")),
    };
    reach.addresses.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(last: &[u8], seconds: u32) -> Reach {
        Reach { addresses: last.iter().map(|last| Ipv4Addr::new(93, 0, 0, *last).into()).collect(), seconds }
    }

    fn left(reached: &Reached, now: u64) -> Vec<(u8, u32)> {
        reached.left(now).map(|(address, left)| (address.octets()[3], left)).collect()
    }

    #[test]
    fn an_address_that_is_named_again_is_reached_until_the_later_end() {
        let reached =
            Reached::default().with(&reach(&[1, 2], 100), 1000).unwrap().with(&reach(&[1], 10), 1050).unwrap();
        assert_eq!(left(&reached, 1050), [(1, 50), (2, 50)]);
        let reached = reached.with(&reach(&[2], 100), 1060).unwrap();
        assert_eq!(left(&reached, 1100), [(2, 60)]);
    }

    #[test]
    fn what_is_over_is_forgotten_a_while_later_and_makes_room() {
        let reached = Reached::default().with(&reach(&[1], 10), 1000).unwrap();
        let reached = reached.with(&reach(&[2], 10), 1069).unwrap();
        assert_eq!(reached.addresses().count(), 2);
        let reached = reached.with(&reach(&[2], 10), 1070).unwrap();
        assert_eq!(reached.addresses().collect::<Vec<_>>(), [Ipv4Addr::new(93, 0, 0, 2)]);
    }

    #[test]
    fn it_reads_back_and_a_boot_later_nothing_is_reached_for_longer_than_may_be() {
        let reached = Reached::default().with(&reach(&[1], 100), 9_000_000).unwrap();
        assert_eq!(Reached::read(&reached.write().unwrap()).unwrap(), reached);
        assert_eq!(left(&reached, 10), [(1, MAX_REACH_SECONDS)]);
        assert!(Reached::read("{\"93.0.0.1\":").is_err());
    }

    #[test]
    fn an_address_of_another_kind_is_refused() {
        let six = Reach { addresses: vec!["2001:db8::1".parse().unwrap()], seconds: 60 };
        assert!(Reached::default().with(&six, 0).is_err());
    }
}
