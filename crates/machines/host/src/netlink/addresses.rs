//! Addresses, neighbours and routes, of both families alike.
//!
//! Both ends of a machine's cable are told each other's hardware address, so that no end ever asks for it: IPv4 needs no
//! ARP there and IPv6 no neighbour discovery, and the wall lets neither through.

use std::{
    io,
    net::{IpAddr, Ipv6Addr},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_REPLACE};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState},
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
};

use super::Netlink;
use crate::{
    range::Range,
    wire::{Cable, Ends},
};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Netlink {
    /// Connects the host's end of a cable: the other end's addresses and hardware address are known beforehand, so that
    /// nobody needs to ask or can answer falsely.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn connect_host(&mut self, cable: &Cable, guest_mac: [u8; 6]) -> io::Result<()> {
        let index = self.index(&cable.link)?;
        self.up_without_ipv6(index)?;
        for Ends { gateway, address } in &cable.ends {
            self.add_neighbour(index, *address, guest_mac)?;
            self.add_host_route(index, *address, *gateway)?;
        }
        Ok(())
    }

    /// Connects the machine's end, in the machine's network: its addresses, and the way to everything else.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn connect_guest(&mut self, link: &str, ends: &[Ends], host_mac: [u8; 6]) -> io::Result<()> {
        let loopback = self.index("lo")?;
        self.up(loopback)?;
        let index = self.index(link)?;
        self.up_without_ipv6(index)?;
        for Ends { gateway, address } in ends {
            self.add_address(index, *address)?;
            self.add_neighbour(index, *gateway, host_mac)?;
            self.add_host_route(index, *gateway, *address)?;
            self.add_default_route(index, *gateway)?;
        }
        Ok(())
    }

    /// Gives a device an address with no network around it, unless it has it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_address(&mut self, index: u32, address: IpAddr) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address);
        message.header.prefix_len = whole(address);
        // Nobody else can have it, and who asks the others first (RFC 4862) can't use it for a second.
        message.header.flags = AddressHeaderFlags::Nodad;
        message.header.index = index;
        message.attributes = vec![AddressAttribute::Local(address), AddressAttribute::Address(address)];
        self.acknowledged(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// Says which hardware address an address has, so that nobody needs to ask or can answer falsely.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_neighbour(&mut self, index: u32, address: IpAddr, mac: [u8; 6]) -> io::Result<()> {
        let mut message = NeighbourMessage::default();
        message.header.family = family(address);
        message.header.ifindex = index;
        message.header.state = NeighbourState::Permanent;
        message.header.kind = RouteType::Unicast;
        let destination = match address {
            IpAddr::V4(address) => NeighbourAddress::Inet(address),
            IpAddr::V6(address) => NeighbourAddress::Inet6(address),
        };
        message.attributes =
            vec![NeighbourAttribute::Destination(destination), NeighbourAttribute::LinkLayerAddress(mac.to_vec())];
        self.acknowledged(RouteNetlinkMessage::NewNeighbour(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// A route to one address that is on the other end of a device. `source` is what packets from here carry.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_host_route(&mut self, index: u32, address: IpAddr, source: IpAddr) -> io::Result<()> {
        let mut message = route(family(address), RouteScope::Link);
        message.header.destination_prefix_length = whole(address);
        message.attributes = vec![
            RouteAttribute::Destination(route_address(address)),
            RouteAttribute::PrefSource(route_address(source)),
            RouteAttribute::Oif(index),
        ];
        self.acknowledged(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// The way to everything else.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn add_default_route(&mut self, index: u32, gateway: IpAddr) -> io::Result<()> {
        let mut message = route(family(gateway), RouteScope::Universe);
        message.attributes = vec![RouteAttribute::Gateway(route_address(gateway)), RouteAttribute::Oif(index)];
        self.acknowledged(RouteNetlinkMessage::NewRoute(message), NLM_F_CREATE | NLM_F_REPLACE)
    }

    /// What the device of a family's default route carries; none when there is no such route.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn default_route_mtu(&mut self, family: Family) -> io::Result<Option<u32>> {
        let answers = self.routes(family)?;
        let Some(index) = answers.iter().find_map(default_route_device) else { return Ok(None) };
        let devices = self.devices()?;
        Ok(devices.iter().find(|device| device.index == index).map(|device| device.mtu))
    }

    /// The networks of public IPv6 addresses to which this host is connected: nobody is between it and them.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn connected_networks(&mut self) -> io::Result<Vec<Range>> {
        Ok(self.routes(Family::V6)?.iter().filter_map(connected_network).collect())
    }

    fn routes(&mut self, family: Family) -> io::Result<Vec<RouteNetlinkMessage>> {
        let mut message = RouteMessage::default();
        message.header.address_family = match family {
            Family::V4 => AddressFamily::Inet,
            Family::V6 => AddressFamily::Inet6,
        };
        self.exchange(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

/// The prefix of a range that is one address.
fn whole(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn route_address(address: IpAddr) -> RouteAddress {
    match address {
        IpAddr::V4(address) => RouteAddress::Inet(address),
        IpAddr::V6(address) => RouteAddress::Inet6(address),
    }
}

fn route(family: AddressFamily, scope: RouteScope) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = scope;
    message.header.kind = RouteType::Unicast;
    message
}

/// A route of the main table that leads somewhere.
fn leading(answer: &RouteNetlinkMessage) -> Option<&RouteMessage> {
    let RouteNetlinkMessage::NewRoute(message) = answer else { return None };
    let leads = message.header.table == RouteHeader::RT_TABLE_MAIN && message.header.kind == RouteType::Unicast;
    leads.then_some(message)
}

fn default_route_device(answer: &RouteNetlinkMessage) -> Option<u32> {
    let message = leading(answer).filter(|message| message.header.destination_prefix_length == 0)?;
    message
        .attributes
        .iter()
        .find_map(|attribute| if let RouteAttribute::Oif(index) = attribute { Some(*index) } else { None })
}

/// A route with a device and without a router. Those of several routers name their devices elsewhere.
fn connected_network(answer: &RouteNetlinkMessage) -> Option<Range> {
    let message = leading(answer).filter(|message| message.header.destination_prefix_length > 0)?;
    let (mut network, mut here) = (None::<Ipv6Addr>, false);
    for attribute in &message.attributes {
        if let RouteAttribute::Destination(RouteAddress::Inet6(address)) = attribute {
            network = Some(*address);
        } else if let RouteAttribute::Oif(_) = attribute {
            here = true;
        } else if let RouteAttribute::Gateway(_) | RouteAttribute::Via(_) = attribute {
            return None;
        }
    }
    let range = Range::new(network?.into(), message.header.destination_prefix_length)?;
    (here && is_public(network?)).then_some(range)
}

/// Of the one range of which IANA gives out addresses, 2000::/3; whatever is in no such range is walled off by the rules.
fn is_public(address: Ipv6Addr) -> bool {
    address.segments()[0] >> 13 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(network: &str, prefix: u8, attributes: Vec<RouteAttribute>) -> RouteNetlinkMessage {
        let mut message = route(AddressFamily::Inet6, RouteScope::Universe);
        message.header.destination_prefix_length = prefix;
        message.attributes = vec![RouteAttribute::Destination(route_address(network.parse().unwrap()))];
        message.attributes.extend(attributes);
        RouteNetlinkMessage::NewRoute(message)
    }

    #[test]
    fn a_network_is_connected_when_no_router_is_before_it() {
        let device = || RouteAttribute::Oif(7);
        let router = || RouteAttribute::Gateway(route_address("fe80::1".parse().unwrap()));
        let network = connected_network(&answer("2a00:1:2:3::", 64, vec![device()]));
        assert_eq!(network, Some("2a00:1:2:3::/64".parse().unwrap()));
        assert_eq!(connected_network(&answer("2a00:1:2:3::", 64, vec![router(), device()])), None);
        assert_eq!(connected_network(&answer("2a00:1:2:3::", 64, vec![])), None);
        assert_eq!(connected_network(&answer("fd99::", 64, vec![device()])), None);
        assert_eq!(connected_network(&answer("::", 0, vec![device()])), None);
    }
}
