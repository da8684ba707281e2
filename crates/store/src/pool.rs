//! Which address the next machine gets. Pure, so that all adapters hand them out alike.
//!
//! Addresses go round: the next free one after the one that was handed out last. The lowest free one would give a new
//! machine the address that another had a second ago, and with it that one's tracked connections in the kernel, stale
//! neighbours, and a viewer that still sends to it. Going round, an address rests for as long as the pool is large.

use std::{collections::BTreeSet, net::Ipv4Addr};

/// Addresses that machines may have, and how many machines there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// The first address handed out.
    pub first: Ipv4Addr,
    /// The last address handed out.
    pub last: Ipv4Addr,
    /// Machines that are not gone, at most.
    pub max_machines: u32,
    /// The same for one person.
    pub max_machines_per_owner: u32,
}

impl AddressPool {
    /// Where to look for the next machine's address, first and last of each stretch, in this order. `latest` is the one of
    /// this pool that was handed out last.
    pub fn round(&self, latest: Option<Ipv4Addr>) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> + use<> {
        let (first, last) = (self.first.to_bits(), self.last.to_bits());
        let start = match latest.map(Ipv4Addr::to_bits) {
            Some(latest) if (first..last).contains(&latest) => latest + 1,
            Some(_) | None => first,
        };
        let after = (start <= last).then_some((start, last));
        let before = (first < start).then(|| (first, start - 1));
        after.into_iter().chain(before).map(|(from, to)| (Ipv4Addr::from_bits(from), Ipv4Addr::from_bits(to)))
    }

    /// The address for the next machine, or `None` when all are held. Takes at most one step more than there are held
    /// addresses.
    #[must_use]
    pub fn next_free(&self, latest: Option<Ipv4Addr>, held: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        let round = self.round(latest).flat_map(|(from, to)| from.to_bits()..=to.to_bits());
        round.map(Ipv4Addr::from_bits).find(|address| !held.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(first: u8, last: u8) -> AddressPool {
        AddressPool { first: at(first), last: at(last), max_machines: 100, max_machines_per_owner: 100 }
    }

    fn at(host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 87, 0, host)
    }

    #[test]
    fn addresses_go_round_past_held_ones() {
        let table: [(Option<u8>, &[u8], Option<u8>); 7] = [
            (None, &[], Some(2)),
            (None, &[2], Some(3)),
            (Some(2), &[], Some(3)),
            (Some(3), &[4], Some(2)),
            (Some(4), &[2], Some(3)),
            (Some(9), &[], Some(2)),
            (Some(2), &[2, 3, 4], None),
        ];
        for (latest, held, expected) in table {
            let held = held.iter().copied().map(at).collect();
            assert_eq!(pool(2, 4).next_free(latest.map(at), &held), expected.map(at), "{latest:?} {held:?}");
        }
    }

    #[test]
    fn a_pool_of_one_hands_its_address_out_again() {
        assert_eq!(pool(2, 2).next_free(Some(at(2)), &BTreeSet::new()), Some(at(2)));
    }

    #[test]
    fn a_pool_that_ends_before_it_begins_has_nothing() {
        assert_eq!(pool(4, 2).next_free(None, &BTreeSet::new()), None);
    }
}
