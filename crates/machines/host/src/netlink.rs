//! Network devices, and in `addresses` their addresses and routes, by rtnetlink. One socket speaks about the network
//! namespace in which it was opened, whatever the thread does later; the launcher uses that to connect two namespaces.

pub mod addresses;

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    path::Path,
};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo,
        LinkMessage,
    },
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// What an interface carries when nobody says otherwise.
pub const ETHERNET_MTU: u32 = 1500;

/// A connection to the kernel about one network namespace.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

/// One end of a cable.
pub struct End<'a> {
    /// The device's name.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: [u8; 6],
}

/// A device as far as the driver asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What it carries beside its name.
    pub alias: Option<String>,
    /// The longest packet that it carries.
    pub mtu: u32,
}

impl Netlink {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Makes a cable: `host` here with an alias, `guest` in the network namespace `namespace`.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn create_cable(
        &mut self,
        host: &End<'_>,
        alias: &str,
        guest: &End<'_>,
        namespace: BorrowedFd<'_>,
        mtu: u32,
    ) -> io::Result<()> {
        let mut peer = end(guest, mtu);
        peer.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        let mut message = end(host, mtu);
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]));
        self.create(RouteNetlinkMessage::NewLink(message))?;
        // The alias is refused at creation; until it is set, the machine's directory tells whose device it is.
        let index = self.index(host.name)?;
        self.set(index, vec![LinkAttribute::IfAlias(alias.to_owned())])
    }

    /// Says what the device carries as its alias.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_alias(&mut self, index: u32, alias: &str) -> io::Result<()> {
        self.set(index, vec![LinkAttribute::IfAlias(alias.to_owned())])
    }

    /// Gives a device that is off its hardware address and the longest packet.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_hardware(&mut self, index: u32, mac: [u8; 6], mtu: u32) -> io::Result<()> {
        self.set(index, vec![LinkAttribute::Address(mac.to_vec()), LinkAttribute::Mtu(mtu)])
    }

    /// Says what is the longest packet.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_mtu(&mut self, index: u32, mtu: u32) -> io::Result<()> {
        self.set(index, vec![LinkAttribute::Mtu(mtu)])
    }

    fn set(&mut self, index: u32, attributes: Vec<LinkAttribute>) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes = attributes;
        self.acknowledged(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Makes a bridge without ports, unless it is there.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn ensure_bridge(&mut self, name: &str) -> io::Result<u32> {
        let mut message = LinkMessage::default();
        message.attributes.extend([
            LinkAttribute::IfName(name.to_owned()),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Bridge)]),
        ]);

        match self.create(RouteNetlinkMessage::NewLink(message)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        self.index(name)
    }

    /// Removes a device, and with it its other end. False when there was none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn delete(&mut self, name: &str) -> io::Result<bool> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        match self.acknowledged(RouteNetlinkMessage::DelLink(message), 0) {
            Ok(()) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Switches a device on that shall have no IPv6 address by itself.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn up_without_ipv6(&mut self, index: u32) -> io::Result<()> {
        if has_ipv6() {
            let mut message = LinkMessage::default();
            message.header.index = index;
            let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
            message.attributes.push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![mode])]));
            self.acknowledged(RouteNetlinkMessage::SetLink(message), 0)?;
        }
        self.up(index)
    }

    /// Switches a device on.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn up(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.acknowledged(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// A device's number.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn index(&mut self, name: &str) -> io::Result<u32> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.to_owned()));
        let answers = self.exchange(RouteNetlinkMessage::GetLink(message), NLM_F_ACK)?;
        answers
            .into_iter()
            .find_map(device)
            .map(|device| device.index)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no device {name}")))
    }

    /// All devices.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn devices(&mut self) -> io::Result<Vec<Device>> {
        let answers = self.exchange(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(device).collect())
    }

    fn create(&mut self, message: RouteNetlinkMessage) -> io::Result<()> {
        self.acknowledged(message, NLM_F_CREATE | NLM_F_EXCL)
    }

    fn acknowledged(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.exchange(message, NLM_F_ACK | flags).map(drop)
    }

    /// Sends a request and reads until the kernel has acknowledged it or has told everything.
    fn exchange(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        while !self.read_some(&mut answers)? {}
        Ok(answers)
    }

    /// Reads one datagram; true when the exchange is over.
    fn read_some(&mut self, answers: &mut Vec<RouteNetlinkMessage>) -> io::Result<bool> {
        let (bytes, _) = self.socket.recv_from_full()?;
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(io::Error::other)?;
            // Messages begin at multiples of four (NLMSG_ALIGN).
            let length = (message.header.length as usize).next_multiple_of(4);
            if length == 0 {
                return Err(io::Error::other("the kernel sent a message without a length"));
            }
            rest = rest.get(length..).unwrap_or_default();
            // Their list of payloads may grow; whatever is none of these is passed over.
            if let NetlinkPayload::Done(_) = message.payload {
                return Ok(true);
            } else if let NetlinkPayload::Error(error) = message.payload {
                return if error.code.is_some() { Err(error.to_io()) } else { Ok(true) };
            } else if let NetlinkPayload::InnerMessage(answer) = message.payload {
                answers.push(answer);
            }
        }
        Ok(false)
    }
}

fn end(end: &End<'_>, mtu: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Address(end.mac.to_vec()),
        LinkAttribute::Mtu(mtu),
    ];
    message
}

/// A kernel without IPv6 refuses every word about it.
fn has_ipv6() -> bool {
    Path::new("/proc/sys/net/ipv6").exists()
}

fn device(answer: RouteNetlinkMessage) -> Option<Device> {
    let RouteNetlinkMessage::NewLink(message) = answer else { return None };
    let mut device = Device { index: message.header.index, name: String::new(), alias: None, mtu: ETHERNET_MTU };
    for attribute in message.attributes {
        if let LinkAttribute::IfName(name) = attribute {
            device.name = name;
        } else if let LinkAttribute::IfAlias(alias) = attribute {
            device.alias = Some(alias);
        } else if let LinkAttribute::Mtu(mtu) = attribute {
            device.mtu = mtu;
        }
    }
    Some(device)
}
