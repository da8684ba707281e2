//! The wall (invariant walled): one nftables table in which what is not written is dropped.
//!
//! It looks only at packets that come from or go to a machine's device; the host's other traffic passes untouched.
//! The rules never change while machines come and go, only the elements of one set do. Text is made here without
//! looking at the host; [`apply`] alone hands it to `nft`, in one transaction.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    net::Ipv4Addr,
    process::{Command, Stdio},
};

use crate::config::{HostConfig, Transport};

/// New connections of one machine in a second, and how many more in a burst. A page opens some dozen at once.
const CONNECTIONS_PER_SECOND: u32 = 200;
const CONNECTIONS_BURST: u32 = 400;
/// Machines whose rate is remembered at once: a whole pool.
const MAX_RATES: u32 = 65_536;

/// What is no public address (IANA's special-purpose registry), in the order of the numbers. The last reaches to
/// 255.255.255.255.
const WALLED: [&str; 15] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// The whole table, in place of whatever has its name, with the machines that run now.
pub(crate) fn table(config: &HostConfig, machines: &[(String, Ipv4Addr)]) -> String {
    let table = &config.instance;
    let machines: Vec<String> = machines.iter().map(|(link, address)| element(link, *address)).collect();
    let policy = &config.network;
    let devices = format!("\"{}*\"", config.device_prefix);
    format!(
        "table inet {table}
delete table inet {table}
table inet {table} {{
    set machines {{
        type ifname . ipv4_addr
{machines}    }}
    set allowed {{
        type ipv4_addr . inet_proto . inet_service
{allowed}    }}
    set walled {{
        type ipv4_addr
        flags interval
        elements = {{ {walled} }}
    }}
    set rates {{
        type ipv4_addr
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
        meta nfproto != ipv4 drop
        iifname . ip saddr != @machines drop
    }}
    chain from_machine {{
        jump spoofed
        ct state established,related accept
        ct state invalid drop
        oifname {devices} drop
        update @rates {{ ip saddr limit rate over {CONNECTIONS_PER_SECOND}/second burst {CONNECTIONS_BURST} packets }} drop
        ip daddr . meta l4proto . th dport @allowed accept
        ip daddr @walled reject with icmp type admin-prohibited
        meta l4proto {{ tcp, udp }} th dport {{ 25, 53, 465, 587, 853 }} reject with icmp type admin-prohibited
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
        ip daddr . meta l4proto . th dport @allowed accept
        drop
    }}
    chain outwards {{
        type nat hook postrouting priority srcnat; policy accept;
        oifname != {devices} ip saddr {pool} ip saddr != {gateway} masquerade
    }}
}}
",
        machines = elements(&machines),
        allowed = elements(&allowed(config)),
        walled = WALLED.join(", "),
        gateway = policy.gateway,
        port = policy.guest_port,
        pool = policy.pool,
    )
}

/// Lets a machine's device carry packets with its address.
pub(crate) fn admit(config: &HostConfig, link: &str, address: Ipv4Addr) -> String {
    format!("add element inet {} machines {{ {} }}\n", config.instance, element(link, address))
}

/// Takes it back, also when it was never there: `nft` of Debian 12 refuses to delete what is missing.
pub(crate) fn expel(config: &HostConfig, link: &str, address: Ipv4Addr) -> String {
    let (table, element) = (&config.instance, element(link, address));
    format!("add element inet {table} machines {{ {element} }}\ndelete element inet {table} machines {{ {element} }}\n")
}

fn element(link: &str, address: Ipv4Addr) -> String {
    format!("\"{link}\" . {address}")
}

fn elements(elements: &[String]) -> String {
    // An empty list is a syntax error to nft.
    if elements.is_empty() { String::new() } else { format!("        elements = {{ {} }}\n", elements.join(", ")) }
}

/// The exceptions and the name servers, each once: a double element is an error to nft.
fn allowed(config: &HostConfig) -> Vec<String> {
    let mut all: Vec<(Ipv4Addr, Transport, u16)> = Vec::new();
    let exceptions = config.network.allow.iter().map(|e| (e.address, e.protocol, e.port));
    let resolvers = config.network.resolvers.iter().flat_map(|r| [(*r, Transport::Udp, 53), (*r, Transport::Tcp, 53)]);
    for entry in exceptions.chain(resolvers) {
        if !all.contains(&entry) {
            all.push(entry);
        }
    }
    all.iter()
        .map(|(address, transport, port)| {
            let mut text = String::new();
            let _ = write!(text, "{address} . {} . {port}", transport.as_str());
            text
        })
        .collect()
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

    #[test]
    fn the_table_is_as_reviewed() {
        let machines = [("arabc".to_owned(), Ipv4Addr::new(10, 87, 0, 2))];
        insta::assert_snapshot!(table(&example(), &machines));
    }

    #[test]
    fn without_machines_exceptions_and_resolvers_there_are_no_empty_lists() {
        let mut config = example();
        config.network.allow.clear();
        config.network.resolvers.clear();
        let text = table(&config, &[]);
        assert!(!text.contains("{  }") && !text.contains("{ }"), "{text}");
    }

    #[test]
    fn a_service_that_is_allowed_twice_stands_once() {
        let mut config = example();
        config.network.allow.push(config.network.allow[0]);
        assert_eq!(table(&config, &[]).matches("192.168.3.4").count(), 1);
    }

    #[test]
    fn expelling_adds_before_it_deletes() {
        let text = expel(&example(), "arabc", Ipv4Addr::new(10, 87, 0, 2));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("add ") && lines[1].starts_with("delete "), "{text}");
    }
}
