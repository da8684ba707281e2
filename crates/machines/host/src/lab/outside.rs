//! The world around a test's host, in both families: an internet, a company's network, a metadata service; and what a
//! machine may reach of it and what not, which is the same for every driver.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::{
    elsewhere::{Elsewhere, ask, serve},
    shell,
};
use crate::{Exception, NetworkPolicy, Range, Transport, netlink::addresses::Family};

/// A host on the internet.
pub const INTERNET: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(93, 184, 216, 34), Ipv6Addr::new(0x2606, 0x2800, 0x220, 1, 0, 0, 0, 0x34));
/// The test's host there.
pub const OUTSIDE: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(93, 184, 216, 1), Ipv6Addr::new(0x2606, 0x2800, 0x220, 1, 0, 0, 0, 1));
/// A host of the company.
pub const COMPANY: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(192, 168, 50, 2), Ipv6Addr::new(0xfd50, 0, 0, 0, 0, 0, 0, 2));
/// The test's host there.
pub const INSIDE: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(192, 168, 50, 1), Ipv6Addr::new(0xfd50, 0, 0, 0, 0, 0, 0, 1));
/// The test's host for its machines.
pub const GATEWAY: (Ipv4Addr, Ipv6Addr) = (Ipv4Addr::new(10, 99, 0, 1), Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1));
/// An exception on the company's network.
pub const PROXY_PORT: u16 = 3128;
/// An exception on the test's host, at the gateway's address only.
pub const HOST_PORT: u16 = 8443;

/// How often a service is asked that was just made; each waits for an answer.
const MAX_TRIES: u32 = 20;
/// Addresses behind the company's router, beside its own.
const FURTHER: [(&str, Ipv4Addr); 3] = [
    ("the metadata service", Ipv4Addr::new(169, 254, 169, 254)),
    ("172.16/12", Ipv4Addr::new(172, 16, 5, 5)),
    ("carrier-grade NAT", Ipv4Addr::new(100, 64, 1, 1)),
];
const FURTHER6: [(&str, Ipv6Addr); 6] = [
    ("the metadata service", Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    ("a private address behind a NAT64", Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc0a8, 0x3202)),
    ("a private address behind 6to4", Ipv6Addr::new(0x2002, 0xc0a8, 0x3202, 0, 0, 0, 0, 1)),
    ("an address for documentation", Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2)),
    ("an address that nobody was given", Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 2)),
    ("a public address that the operator walls off", Ipv6Addr::new(0x2a00, 0x51, 0, 0, 0, 0, 0, 2)),
];
/// The same host by a public address, in a network to which the test's host is connected.
pub const NEIGHBOUR: Ipv6Addr = Ipv6Addr::new(0x2a00, 0x50, 0, 0, 0, 0, 0, 2);

/// The networks, for as long as this lives.
pub struct Outside {
    /// Where [`INTERNET`] is.
    pub internet: Elsewhere,
    /// Where [`COMPANY`] is.
    pub company: Elsewhere,
}

/// Something that answers at an address.
#[derive(Clone, Debug)]
pub struct Service {
    /// What it is, for a person.
    pub name: &'static str,
    /// How it is asked.
    pub transport: Transport,
    /// Where.
    pub address: IpAddr,
    /// Where.
    pub port: u16,
}

/// One family's of two addresses.
#[must_use]
pub fn of(family: Family, (v4, v6): (Ipv4Addr, Ipv6Addr)) -> IpAddr {
    match family {
        Family::V4 => v4.into(),
        Family::V6 => v6.into(),
    }
}

/// What the operator of the test's host has set.
pub fn configure(policy: &mut NetworkPolicy) {
    let exception = |address, port| Exception { address, protocol: Transport::Tcp, port };
    policy.allow = [Family::V4, Family::V6]
        .into_iter()
        .flat_map(|family| [(of(family, COMPANY), PROXY_PORT), (of(family, GATEWAY), HOST_PORT)])
        .map(|(address, port)| exception(address, port))
        .collect();
    policy.walled.extend(Range::new(Ipv6Addr::new(0x2a00, 0x51, 0, 0, 0, 0, 0, 0).into(), 48));
}

impl Outside {
    /// Lays the networks around the calling thread's, and lets everything answer but the machines.
    #[must_use]
    pub fn new(host: &Arc<File>) -> Self {
        let internet = Elsewhere::new("inet0", "93.184.216.1/24", "93.184.216.34/24");
        shell("ip route add default via 93.184.216.34");
        shell("ip addr add fe80::1/64 dev inet0 nodad; ip addr add 2606:2800:220:1::1/128 dev inet0 nodad");
        internet.shell("ip addr add fe80::34/64 dev up0 nodad; ip addr add 2606:2800:220:1::34/128 dev up0 nodad");
        internet.shell("ip -6 route add 2606:2800:220:1::1/128 via fe80::1 dev up0");
        shell("ip -6 route add default via fe80::34 dev inet0");

        let company = Elsewhere::new("lan0", "192.168.50.1/24", "192.168.50.2/24");
        company.shell("ip route add default via 192.168.50.1");
        shell("for a in fd50::1 2a00:50::1; do ip addr add $a/64 dev lan0 nodad; done");
        company.shell("for a in fd50::2 2a00:50::2; do ip addr add $a/64 dev up0 nodad; done");
        company.shell("ip -6 route add default via fd50::1");
        for (_, address) in FURTHER {
            company.shell(&format!("ip addr add {address}/32 dev lo"));
            shell(&format!("ip route add {address}/32 via 192.168.50.2"));
        }
        for (_, address) in FURTHER6 {
            company.shell(&format!("ip addr add {address}/128 dev lo"));
            shell(&format!("ip -6 route add {address}/128 via fd50::2"));
        }

        for port in [25, 53, 80, 443, 587] {
            serve(&internet.namespace, port);
        }
        for port in [80, PROXY_PORT] {
            serve(&company.namespace, port);
        }
        for port in [22, HOST_PORT] {
            serve(host, port);
        }
        for (address, port) in [(INTERNET.1, 443), (COMPANY.1, 80), (NEIGHBOUR, 80)] {
            wait_for(address.into(), port);
        }
        Self { internet, company }
    }
}

/// A device that was just made may lose the first question who has an IPv6 address, and the next one comes a second later.
fn wait_for(address: IpAddr, port: u16) {
    let answers = (0..MAX_TRIES).any(|_| ask(Transport::Tcp, None, (address, port)).is_some());
    assert!(answers, "{address} never answers on port {port}");
}

/// What a machine must reach, and who asks as the service sees it. `machine` is its address.
#[must_use]
pub fn open(family: Family, machine: IpAddr) -> Vec<(Service, IpAddr)> {
    let service = |name, transport, addresses, port| Service { name, transport, address: of(family, addresses), port };
    vec![
        (service("the internet", Transport::Tcp, INTERNET, 443), of(family, OUTSIDE)),
        (service("the internet", Transport::Udp, INTERNET, 443), of(family, OUTSIDE)),
        (service("an exception in the company", Transport::Tcp, COMPANY, PROXY_PORT), of(family, INSIDE)),
        (service("an exception on the host", Transport::Tcp, GATEWAY, HOST_PORT), machine),
    ]
}

/// What must not be reached, over both transports. `other` is another machine, which answers at port 8080.
#[must_use]
pub fn forbidden(family: Family, other: IpAddr) -> Vec<Service> {
    let mut all = vec![
        ("a host of the company", of(family, COMPANY), 80),
        ("the other machine", other, 8080),
        ("another port of the gateway", of(family, GATEWAY), 22),
        ("an exception at the host's address in the company", of(family, INSIDE), HOST_PORT),
        ("an exception at the host's public address", of(family, OUTSIDE), HOST_PORT),
        ("mail", of(family, INTERNET), 25),
        ("mail submission", of(family, INTERNET), 587),
        ("a name server that is not configured", of(family, INTERNET), 53),
    ];
    match family {
        Family::V4 => all.extend(FURTHER.map(|(name, address)| (name, address.into(), 80))),
        Family::V6 => {
            all.extend(FURTHER6.map(|(name, address)| (name, address.into(), 80)));
            all.push(("a host of the company with a public address", NEIGHBOUR.into(), 80));
        }
    }
    let with = |transport| all.iter().map(move |(name, address, port)| (*name, transport, *address, *port));
    let both = with(Transport::Tcp).chain(with(Transport::Udp));
    both.map(|(name, transport, address, port)| Service { name, transport, address, port }).collect()
}

impl Service {
    /// On the internet, from where nobody answers a machine whose address nobody translates.
    #[must_use]
    pub fn is_on_the_internet(&self) -> bool {
        [INTERNET.0.into(), INTERNET.1.into()].contains(&self.address)
    }
}
