//! The wall (invariant walled): one nftables table in which what is not written is dropped.
//!
//! It looks only at packets that come from or go to a machine's device; the host's other traffic passes untouched.
//! The rules never change while machines come and go, only the elements of sets do; a set whose name ends with 6 is what
//! the one without it is, for IPv6. Text is made here without looking at the host; [`apply`] alone hands it to `nft`, in
//! one transaction.
//!
//! Nothing of neighbour discovery is let through, because nobody needs it: both ends of a machine's cable know each
//! other's hardware address from the beginning (see `netlink`). So no machine can announce routers or answer for others.

use std::{
    fmt::{Display, Write as _},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::{Command, Stdio},
};

use anteroom_machines::{MAX_REACHED, walled::WALLED};

use crate::{
    config::{HostConfig, Transport},
    range::{Range, outermost},
};

/// New connections of one machine in a second, and how many more in a burst. A page opens some dozen at once.
const CONNECTIONS_PER_SECOND: u32 = 200;
const CONNECTIONS_BURST: u32 = 400;
/// Machines whose rate is remembered at once: a whole pool.
const MAX_RATES: u32 = 65_536;

/// What may be public in IPv6: the one range of which IANA gives out addresses, and IPv4 behind a NAT64 (RFC 6052). All
/// else is local, embeds an IPv4 address, or has no use yet.
const PUBLIC6: &str = "64:ff9b::/96, 2000::/3";
/// What of that is none nevertheless: protocols' own with Teredo, which embeds IPv4 addresses; documentation; 6to4, which
/// embeds them too; documentation.
const WALLED6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Of all machines together. Each may reach [`MAX_REACHED`].
const MAX_REACHED_IN_ALL: usize = 256 * MAX_REACHED;

/// What one machine reaches, by its link, and for how many seconds more.
pub(crate) type ReachedElement = (String, Ipv4Addr, u32);

/// The whole table, in place of whatever has its name, with the machines that run now, what each reaches, and the networks
/// to which the host is connected.
pub(crate) fn table(
    config: &HostConfig,
    machines: &[(String, Ipv4Addr)],
    reached: &[ReachedElement],
    connected: &[Range],
) -> String {
    let table = &config.instance;
    let reached: Vec<String> = reached.iter().map(|(link, to, left)| timed(link, *to, *left)).collect();
    let policy = &config.network;
    let (restrict, names) = restrictions(config);
    let devices = format!("\"{}*\"", config.device_prefix);
    let machines4: Vec<String> = machines.iter().map(|(link, address)| element(link, *address)).collect();
    let machines6: Vec<String> =
        machines.iter().filter_map(|(link, address)| element6(config, link, *address)).collect();
    format!(
        "table inet {table}
delete table inet {table}
table inet {table} {{
    set machines {{
        type ifname . ipv4_addr
{machines}    }}
    set machines6 {{
        type ifname . ipv6_addr
{machines6}    }}
    set allowed {{
        type ipv4_addr . inet_proto . inet_service
{allowed}    }}
    set allowed6 {{
        type ipv6_addr . inet_proto . inet_service
{allowed6}    }}
    set reached {{
        type ifname . ipv4_addr
        size {MAX_REACHED_IN_ALL}
        flags timeout
{reached}    }}
    set walled {{
        type ipv4_addr
        flags interval
{walled}    }}
    set walled6 {{
        type ipv6_addr
        flags interval
{walled6}    }}
    set connected6 {{
        type ipv6_addr
        flags interval
{connected}    }}
    set rates {{
        type ifname
        size {MAX_RATES}
        flags dynamic, timeout
        timeout 1m
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname {devices} goto from_machine
        oifname {devices} goto to_machine
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname {devices} goto to_host
    }}
    chain spoofed {{
        iifname . ip saddr @machines return
        iifname . ip6 saddr @machines6 return
        drop
    }}
    chain unnamed {{
        ip daddr . meta l4proto . th dport @allowed return
        ip6 daddr . meta l4proto . th dport @allowed6 return
        iifname . ip daddr @reached return
        reject with icmpx type admin-prohibited
    }}
    chain from_machine {{
        jump spoofed
{restrict}        ct state established,related accept
        ct state invalid drop
        oifname {devices} drop
        update @rates {{ iifname limit rate over {CONNECTIONS_PER_SECOND}/second burst {CONNECTIONS_BURST} packets }} drop
        ip daddr . meta l4proto . th dport @allowed accept
        ip6 daddr . meta l4proto . th dport @allowed6 accept
        ip daddr @walled reject with icmpx type admin-prohibited
        ip6 daddr != {{ {PUBLIC6} }} reject with icmpx type admin-prohibited
        ip6 daddr @walled6 reject with icmpx type admin-prohibited
        ip6 daddr @connected6 reject with icmpx type admin-prohibited
        meta l4proto {{ tcp, udp }} th dport {{ 25, 53, 465, 587, 853 }} reject with icmpx type admin-prohibited
        accept
    }}
    chain to_machine {{
        ct state established,related accept
        drop
    }}
    chain to_host {{
        jump spoofed
        ct state established,related accept
        ct state invalid drop
        ip daddr {gateway} tcp dport {port} accept
{names}        ip daddr . meta l4proto . th dport @allowed accept
        ip6 daddr . meta l4proto . th dport @allowed6 accept
        drop
    }}
    chain outwards {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname != {devices} ip saddr {pool} ip saddr != {gateway} masquerade
{outwards6}    }}
}}
",
        machines = elements(&machines4),
        machines6 = elements(&machines6),
        allowed = elements(&allowed(config, IpAddr::is_ipv4)),
        allowed6 = elements(&allowed(config, IpAddr::is_ipv6)),
        walled = elements(&walled(config)),
        walled6 = elements(&walled6(config)),
        connected = elements(connected),
        reached = elements(&reached),
        gateway = policy.gateway,
        port = policy.guest_port,
        pool = policy.pool,
        outwards6 = outwards6(config, &devices),
    )
}

/// The rules that only a policy of restriction has: what machines may not reach is told before anything else is looked at,
/// also on connections that they had before; and they may ask for names.
fn restrictions(config: &HostConfig) -> (&'static str, String) {
    if !config.network.restrict {
        return ("", String::new());
    }
    let gateway = config.network.gateway;
    ("        jump unnamed\n", format!("        ip daddr {gateway} meta l4proto {{ tcp, udp }} th dport 53 accept\n"))
}

/// Lets a machine reach addresses for so long from now on, also when it did before: an element's time is set when it is
/// added, and the whole script is one transaction.
pub(crate) fn reach(config: &HostConfig, link: &str, addresses: &[Ipv4Addr], seconds: u32) -> String {
    let all: Vec<_> = addresses.iter().map(|to| timed(link, *to, seconds)).collect();
    let add = format!("add element inet {} reached {{ {} }}\n", config.instance, all.join(", "));
    forget(config, link, addresses) + &add
}

/// Takes back what a machine reached, also what it does not reach any more.
pub(crate) fn forget(config: &HostConfig, link: &str, addresses: &[Ipv4Addr]) -> String {
    if addresses.is_empty() {
        return String::new();
    }
    let all = addresses.iter().map(|to| element(link, *to)).collect::<Vec<_>>().join(", ");
    let table = &config.instance;
    format!("add element inet {table} reached {{ {all} }}\ndelete element inet {table} reached {{ {all} }}\n")
}

fn timed(link: &str, to: Ipv4Addr, seconds: u32) -> String {
    format!("{} timeout {seconds}s", element(link, to))
}

/// Lets a machine's device carry packets with its addresses. The networks to which the host is connected may have changed
/// since the table was made.
pub(crate) fn admit(config: &HostConfig, link: &str, address: Ipv4Addr, connected: &[Range]) -> String {
    let table = &config.instance;
    let mut script = format!("add element inet {table} machines {{ {} }}\n", element(link, address));
    if let Some(element) = element6(config, link, address) {
        let _ =
            writeln!(script, "add element inet {table} machines6 {{ {element} }}\nflush set inet {table} connected6");
        if !connected.is_empty() {
            let _ = writeln!(script, "add element inet {table} connected6 {{ {} }}", list(connected));
        }
    }
    script
}

/// Takes them back, and what is counted of the device, also when they were never there: `nft` of Debian 12 refuses to delete what is missing.
pub(crate) fn expel(config: &HostConfig, link: &str, address: Ipv4Addr) -> String {
    let table = &config.instance;
    let v4 = Some(("machines", element(link, address)));
    let v6 = element6(config, link, address).map(|element| ("machines6", element));
    // How often it has connected is known by its device alone.
    let rate = Some(("rates", format!("\"{link}\"")));
    v4.into_iter().chain(v6).chain(rate).fold(String::new(), |mut script, (set, element)| {
        for what in ["add", "delete"] {
            let _ = writeln!(script, "{what} element inet {table} {set} {{ {element} }}");
        }
        script
    })
}

fn element(link: &str, address: impl Display) -> String {
    format!("\"{link}\" . {address}")
}

fn element6(config: &HostConfig, link: &str, address: Ipv4Addr) -> Option<String> {
    Some(element(link, config.network.twin(address)?))
}

fn elements(elements: &[impl Display]) -> String {
    // An empty list is a syntax error to nft.
    if elements.is_empty() { String::new() } else { format!("        elements = {{ {} }}\n", list(elements)) }
}

fn list(elements: &[impl Display]) -> String {
    elements.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The exceptions and the name servers of one family, each once: a double element is an error to nft.
fn allowed(config: &HostConfig, family: fn(&IpAddr) -> bool) -> Vec<String> {
    let mut all: Vec<(IpAddr, Transport, u16)> = Vec::new();
    let network = &config.network;
    let exceptions = network.allow.iter().map(|e| (e.address, e.protocol, e.port));
    let resolvers = if network.restrict { &[][..] } else { &network.resolvers };
    let resolvers = resolvers.iter().flat_map(|r| [(*r, Transport::Udp, 53), (*r, Transport::Tcp, 53)]);
    for entry in exceptions.chain(resolvers).filter(|(address, ..)| family(address)) {
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    all.iter().map(|(address, transport, port)| format!("{address} . {} . {port}", transport.as_str())).collect()
}

/// What of IPv4 is not to be reached.
fn walled(config: &HostConfig) -> Vec<Range> {
    let own = config.network.walled.iter().copied().filter(|range| range.network().is_ipv4());
    let reserved = WALLED.iter().filter_map(|(network, prefix)| Range::new((*network).into(), *prefix));
    outermost(reserved.chain(own).collect())
}

/// What of IPv6, with IPv4's own behind a NAT64: there may be one that translates private addresses too.
fn walled6(config: &HostConfig) -> Vec<Range> {
    let own = config.network.walled.iter().copied().filter(|range| range.network().is_ipv6());
    let reserved = WALLED6.iter().filter_map(|(network, prefix)| Range::new((*network).into(), *prefix));
    let translated = walled(config).into_iter().filter_map(|range| range.through_nat64());
    outermost(reserved.chain(translated).chain(own).collect())
}

fn outwards6(config: &HostConfig, devices: &str) -> String {
    let policy = &config.network;
    policy.pool6.zip(policy.gateway6()).map_or_else(String::new, |(pool, gateway)| {
        format!("        oifname != {devices} ip6 saddr {pool} ip6 saddr != {gateway} masquerade\n")
    })
}

/// Hands a script to `nft`, which carries out all of it or nothing.
pub(crate) fn apply(script: &str) -> io::Result<()> {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .env_clear()
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let written = nft.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(script.as_bytes()));
    let output = nft.wait_with_output()?;
    written?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("nft: {}", said.lines().next().unwrap_or("ended without a word"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 2);

    fn without_ipv6() -> HostConfig {
        let mut config = example();
        config.network.pool6 = None;
        config.network.resolvers.retain(IpAddr::is_ipv4);
        config.network.allow.retain(|exception| exception.address.is_ipv4());
        config
    }

    #[test]
    fn the_table_is_as_reviewed() {
        let connected = ["2a00:1:2:3::/64".parse().unwrap()];
        insta::assert_snapshot!(table(&example(), &[("arabc".to_owned(), ADDRESS)], &[], &connected));
    }

    #[test]
    fn without_a_pool_of_ipv6_the_table_lets_none_of_it_through() {
        let text = table(&without_ipv6(), &[("arabc".to_owned(), ADDRESS)], &[], &[]);
        let machines6 = "    set machines6 {\n        type ifname . ipv6_addr\n    }\n";
        assert!(text.contains(machines6) && text.matches("masquerade").count() == 1, "{text}");
        assert_eq!(admit(&without_ipv6(), "arabc", ADDRESS, &[]).lines().count(), 1);
    }

    #[test]
    fn without_machines_exceptions_and_resolvers_there_are_no_empty_lists() {
        let mut config = example();
        config.network.allow.clear();
        config.network.resolvers.clear();
        let text = table(&config, &[], &[], &[]) + &admit(&config, "arabc", ADDRESS, &[]);
        assert!(!text.contains("{  }") && !text.contains("{ }"), "{text}");
    }

    #[test]
    fn a_service_that_is_allowed_twice_stands_once() {
        let mut config = example();
        config.network.allow.push(config.network.allow[0]);
        assert_eq!(table(&config, &[], &[], &[]).matches("192.168.3.4").count(), 1);
    }

    #[test]
    fn a_network_that_lies_in_a_walled_one_stands_not_beside_it() {
        let mut config = example();
        config.network.walled = ["10.1.0.0/16", "2001:db8:7::/48", "2a02::/32"].map(|r| r.parse().unwrap()).to_vec();
        assert!(!walled(&config).iter().any(|range| range.to_string() == "10.1.0.0/16"));
        let v6: Vec<String> = walled6(&config).iter().map(ToString::to_string).collect();
        assert!(v6.contains(&"2a02::/32".to_owned()) && !v6.contains(&"2001:db8:7::/48".to_owned()), "{v6:?}");
    }

    #[test]
    fn a_machine_is_admitted_with_the_networks_of_that_moment() {
        let connected = ["2a00:1:2:3::/64", "2a00:5::/64"].map(|range| range.parse().unwrap());
        assert_eq!(
            admit(&example(), "arabc", ADDRESS, &connected),
            "add element inet anteroom machines { \"arabc\" . 10.87.0.2 }\n\
             add element inet anteroom machines6 { \"arabc\" . fd87:1f3a:52c0::2 }\n\
             flush set inet anteroom connected6\n\
             add element inet anteroom connected6 { 2a00:1:2:3::/64, 2a00:5::/64 }\n"
        );
    }

    #[test]
    fn the_table_that_restricts_is_as_reviewed() {
        let mut config = example();
        config.network.restrict = true;
        let machines = [("arabc".to_owned(), Ipv4Addr::new(10, 87, 0, 2))];
        let reached = [("arabc".to_owned(), Ipv4Addr::new(93, 184, 216, 34), 3600)];
        insta::assert_snapshot!(table(&config, &machines, &reached, &[]));
    }

    #[test]
    fn reaching_again_begins_anew_and_nothing_is_said_of_nothing() {
        let text = reach(&example(), "arabc", &[Ipv4Addr::new(9, 0, 0, 1), Ipv4Addr::new(9, 0, 0, 2)], 60);
        assert_eq!(
            text,
            "add element inet anteroom reached { \"arabc\" . 9.0.0.1, \"arabc\" . 9.0.0.2 }\n\
             delete element inet anteroom reached { \"arabc\" . 9.0.0.1, \"arabc\" . 9.0.0.2 }\n\
             add element inet anteroom reached { \"arabc\" . 9.0.0.1 timeout 60s, \"arabc\" . 9.0.0.2 timeout 60s }\n"
        );
        assert_eq!(forget(&example(), "arabc", &[]), "");
    }

    #[test]
    fn expelling_adds_before_it_deletes() {
        let text = expel(&example(), "arabc", ADDRESS);
        let words: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(words, ["add", "delete", "add", "delete", "add", "delete"], "{text}");
    }
}
