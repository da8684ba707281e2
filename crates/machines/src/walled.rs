//! What is no public address: machines reach none of it, whoever names it. Pure. The firewall holds it; whoever hands out
//! addresses for machines leaves these out, so that a name of somebody else's never stands for an address of ours.

use std::net::{IpAddr, Ipv4Addr};

/// Ranges of IPv4 addresses that are not public (IANA's special-purpose registry), each with its prefix, in the order of
/// the numbers. The last reaches to 255.255.255.255.
pub const WALLED: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Whether machines can't reach it. IPv6 addresses are, for machines have none.
#[must_use]
pub fn is_walled(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => WALLED.iter().any(|(network, prefix)| {
            let hosts = u32::MAX >> prefix;
            u32::from(address) & !hosts == u32::from(*network)
        }),
        IpAddr::V6(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_at_their_own_first_address() {
        for (network, prefix) in WALLED {
            assert_eq!(u32::from(network) & (u32::MAX >> prefix), 0, "{network}/{prefix}");
        }
    }

    #[test]
    fn private_and_special_addresses_are_walled_and_public_ones_are_not() {
        for walled in [
            "10.87.0.1",
            "172.31.255.255",
            "192.168.3.4",
            "169.254.169.254",
            "127.0.0.53",
            "0.0.0.0",
            "255.255.255.255",
            "::1",
        ] {
            assert!(is_walled(walled.parse().unwrap()), "{walled}");
        }
        for public in ["9.9.9.9", "93.184.216.34", "172.32.0.1", "100.128.0.1", "11.0.0.0", "223.255.255.255"] {
            assert!(!is_walled(public.parse().unwrap()), "{public}");
        }
    }
}
