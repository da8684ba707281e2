//! Ranges of addresses, as an operator writes them and as routes have them. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Where unique local addresses begin that everybody draws by themselves (RFC 4193): fd00::/8.
const UNIQUE_LOCAL: u8 = 0xfd;

/// A range of addresses of one family, written `198.51.100.0/24` or `2001:db8:7::/48`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range of addresses: expected its first address and a prefix, as in 198.51.100.0/24 or 2001:db8:7::/48")]
pub struct InvalidRange;

impl Range {
    /// The range that begins with this address. None when another address does, or the prefix is too long.
    #[must_use]
    pub fn new(network: IpAddr, prefix: u8) -> Option<Self> {
        let range = Self { network, prefix };
        (prefix <= longest(network) && bits(network) & !range.mask() == 0).then_some(range)
    }

    /// Whether all of another range lies in this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.network.is_ipv4() == other.network.is_ipv4()
            && self.prefix <= other.prefix
            && bits(other.network) & self.mask() == bits(self.network)
    }

    /// Its first address.
    #[must_use]
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The same addresses where a NAT64 has them, behind its well-known prefix 64:ff9b::/96 (RFC 6052). None for a range
    /// of IPv6.
    #[must_use]
    pub fn through_nat64(&self) -> Option<Self> {
        let IpAddr::V4(network) = self.network else { return None };
        let [a, b, c, d] = network.octets();
        let mapped = Ipv6Addr::from([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]);
        Self::new(mapped.into(), 96 + self.prefix)
    }

    /// Both families' addresses begin at the highest bit, so that one mask serves both.
    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0)
    }
}

fn longest(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

/// Each that lies in none of the others, in order: nftables refuses elements that overlap.
#[must_use]
pub(crate) fn outermost(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort();
    ranges.dedup();
    let all = ranges.clone();
    ranges.retain(|range| !all.iter().any(|other| other != range && other.contains(range)));
    ranges
}

impl FromStr for Range {
    type Err = InvalidRange;
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let (network, prefix) = text.split_once('/').ok_or(InvalidRange)?;
        let network = network.parse().map_err(|_| InvalidRange)?;
        Self::new(network, prefix.parse().map_err(|_| InvalidRange)?).ok_or(InvalidRange)
    }
}

impl TryFrom<String> for Range {
    type Error = InvalidRange;
    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// Where machines have their IPv6 addresses: a /64 of unique local ones, written `fd87:1f3a:52c0::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pool6(Ipv6Addr);

/// Why a text is no such pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a range for machines: expected a /64 of unique local addresses (fd00::/8), as in fd87:1f3a:52c0::/64")]
pub struct InvalidPool6;

impl Pool6 {
    /// The address at a place; no place of an IPv4 pool is beyond its end.
    #[must_use]
    pub fn address(&self, place: u32) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(self.0) | u128::from(place))
    }
}

impl FromStr for Pool6 {
    type Err = InvalidPool6;
    fn from_str(text: &str) -> Result<Self, InvalidPool6> {
        let range: Range = text.parse().map_err(|_| InvalidPool6)?;
        match range.network {
            IpAddr::V6(network) if range.prefix == 64 && network.octets()[0] == UNIQUE_LOCAL => Ok(Self(network)),
            IpAddr::V6(_) | IpAddr::V4(_) => Err(InvalidPool6),
        }
    }
}

impl TryFrom<String> for Pool6 {
    type Error = InvalidPool6;
    fn try_from(text: String) -> Result<Self, InvalidPool6> {
        text.parse()
    }
}

impl From<Pool6> for String {
    fn from(pool: Pool6) -> Self {
        pool.to_string()
    }
}

impl fmt::Display for Pool6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/64", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_reads_back_and_a_wrong_one_is_refused() {
        for good in ["10.0.0.0/8", "198.51.100.7/32", "2001:db8:7::/48", "::/0", "0.0.0.0/0", "::1/128"] {
            assert_eq!(range(good).to_string(), good);
        }
        for wrong in ["", "10.0.0.0", "10.0.0.1/8", "10.0.0.0/33", "2001:db8::1/64", "::/129", "fe80::1%eth0/64", "x/8"]
        {
            assert_eq!(wrong.parse::<Range>(), Err(InvalidRange), "{wrong}");
        }
    }

    #[test]
    fn a_range_contains_what_lies_in_it_of_its_own_family() {
        assert!(range("2001:db8::/32").contains(&range("2001:db8:7::/48")));
        assert!(range("::/0").contains(&range("ff00::/8")));
        assert!(range("10.0.0.0/8").contains(&range("10.0.0.0/8")));
        for (one, other) in [("2001:db8:7::/48", "2001:db8::/32"), ("10.0.0.0/8", "11.0.0.0/8"), ("::/0", "10.0.0.0/8")]
        {
            assert!(!range(one).contains(&range(other)), "{one} {other}");
        }
    }

    #[test]
    fn of_ranges_in_each_other_the_outer_one_stays() {
        let ranges = ["2a01::/64", "2a00:1:2::/48", "2a00:1:2:3::/64", "2a01::/64", "2a00:1:2:3::9/128"];
        assert_eq!(outermost(ranges.map(range).to_vec()), ["2a00:1:2::/48", "2a01::/64"].map(range));
    }

    #[test]
    fn a_nat64_has_an_address_behind_its_prefix() {
        assert_eq!(range("10.0.0.0/8").through_nat64(), Some(range("64:ff9b::a00:0/104")));
        assert_eq!(range("2001:db8::/32").through_nat64(), None);
    }

    #[test]
    fn a_pool_is_a_64_of_unique_local_addresses() {
        let pool: Pool6 = "fd87:1f3a:52c0::/64".parse().unwrap();
        assert_eq!(pool.to_string(), "fd87:1f3a:52c0::/64");
        assert_eq!(pool.address(0x1_0002).to_string(), "fd87:1f3a:52c0::1:2");
        for wrong in ["fd87::/48", "fd87::1/64", "fc00::/64", "2001:db8::/64", "10.87.0.0/16", "fd87::"] {
            assert_eq!(wrong.parse::<Pool6>(), Err(InvalidPool6), "{wrong}");
        }
    }
}
