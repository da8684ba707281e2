//! Counts of what somebody holds, with a bound for each and one for all.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

/// How many each key holds. Keys that hold nothing take no memory.
#[derive(Debug)]
pub(crate) struct Tally<K> {
    held: HashMap<K, usize>,
}

impl<K: Eq + Hash + Clone> Tally<K> {
    pub(crate) fn new() -> Self {
        Self { held: HashMap::new() }
    }

    pub(crate) fn of(&self, key: &K) -> usize {
        self.held.get(key).copied().unwrap_or(0)
    }

    pub(crate) fn add(&mut self, key: K) {
        *self.held.entry(key).or_insert(0) += 1;
    }

    /// Gives one back; whoever calls has added it before.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(held) = self.held.get_mut(key) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(key);
            }
        }
    }
}

/// Whom an address counts for. A household or a host has a whole /64 of IPv6.
pub(crate) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_takes_no_memory() {
        let mut tally = Tally::new();
        tally.add("a");
        tally.add("a");
        tally.remove(&"a");
        assert_eq!((tally.of(&"a"), tally.of(&"b")), (1, 0));
        tally.remove(&"a");
        tally.remove(&"a");
        assert!(tally.held.is_empty());
    }

    #[test]
    fn addresses_of_one_v6_network_count_together() {
        let address = |text: &str| client(text.parse().expect("an address"));
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
        assert_ne!(address("192.0.2.7"), address("192.0.2.8"));
    }
}
