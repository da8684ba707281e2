//! `anteroom doctor`: looks at what a sign-in needs on this host and on the way to it, and says what is wrong and what
//! to do. It changes nothing. What a browser sees of the way is on the page's *Connection* view.

use std::{
    fmt::Write as _,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Duration,
};

use anteroom_controller::{Finding, Level, ports::Clock as _};
use anteroom_machined::Machined;
use anteroom_machines_host::{
    Pool6,
    netlink::{Netlink, addresses::Family},
};
use anteroom_relay::{
    Certificate,
    probe::{Way, probe},
};

use crate::{
    config::Config,
    edge::SystemClock,
    relay::{self, Facts},
    user::is_root,
    wiring,
};

/// How long the page's own answer may take.
const PAGE_DEADLINE: Duration = Duration::from_secs(3);
/// Below this, a sign-in may fail for want of disk: a machine writes its desktop's and browser's files.
const ENOUGH_DISK_BYTES: u64 = 2 << 30;

/// One way to a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    way: Way,
    host: String,
    port: u16,
    /// The name that its certificate must be for.
    name: String,
}

/// Looks at everything.
pub(crate) async fn look(config: &Config) -> Vec<Finding> {
    let mut all = host(config).await;
    let page = wiring::bound_address(config);
    let served = is_served(page).await;
    all.push(if served {
        Finding::ok(format!("The page is served at {page}."))
    } else {
        Finding::warning(
            format!("Nothing answers at {page}: what needs a running server was not looked at."),
            "Start `anteroom serve`, and ask again.",
        )
    });
    all.extend(names(config, page));
    let certificate = config.relay.certificate.as_deref().map(|path| Certificate::read(path).ok());
    let page_host = config.allowed_hosts.first().map_or("localhost", |host| without_port(host));
    let now = SystemClock.now();
    all.extend(relay::findings(&Facts { config: &config.relay, page, page_host, certificate, now }));
    if served {
        all.extend(asked(own_targets(config)).await);
    }
    all.extend(asked(outside_targets(config)).await);
    all
}

/// The findings as lines, and whether none is an error.
pub(crate) fn report(findings: &[Finding]) -> (String, bool) {
    let mut text = String::new();
    for Finding { level, what, remedy } in findings {
        let word = match level {
            Level::Ok => "ok     ",
            Level::Warning => "warning",
            Level::Error => "ERROR  ",
        };
        let _ = writeln!(text, "{word}  {what}");
        if !remedy.is_empty() {
            let _ = writeln!(text, "         -> {remedy}");
        }
    }
    (text, findings.iter().all(|finding| finding.level != Level::Error))
}

// --- this host -----------------------------------------------------------------------------------

async fn host(config: &Config) -> Vec<Finding> {
    let mut all = if is_root() {
        vec![Finding::ok("This runs as root, which makes machines."), firewall(), image(config), agent(config)]
    } else {
        vec![helper(config).await]
    };
    all.extend(ways_out().and_then(|ways| ipv6(config.network.pool6, ways)));
    all.extend(key(&config.key_file()));
    all.extend(disk(&config.machines.run_dir));
    all.extend(disk(&config.data_dir));
    all
}

/// Who is not root asks the helper, which has looked at the rest when it started.
async fn helper(config: &Config) -> Finding {
    match Machined::connect(&config.machines.socket).await {
        Ok(_) => Finding::ok(format!("machined at {} makes machines.", config.machines.socket.display())),
        Err(error) => Finding::error(
            format!("Nobody makes machines: {error}."),
            "Start `sudo anteroom machined --for` the user that this runs as.",
        ),
    }
}

fn firewall() -> Finding {
    let found = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/bin/nft"].iter().find(|path| Path::new(path).exists());
    match found {
        Some(path) => Finding::ok(format!("The firewall's tool is {path}.")),
        None => Finding::error("There is no nft: machines can't be walled in.", "apt-get install nftables"),
    }
}

/// Whether this host has a way to the internet by IPv4, and by IPv6. None where that can't be read.
fn ways_out() -> Option<(bool, bool)> {
    let mut netlink = Netlink::open().ok()?;
    let mut has = |family| netlink.default_route_mtu(family).ok().map(|mtu| mtu.is_some());
    Some((has(Family::V4)?, has(Family::V6)?))
}

/// Whether machines have what this host has of IPv6. Nothing needs to be said of a host that has IPv4 alone.
fn ipv6(pool6: Option<Pool6>, (v4, v6): (bool, bool)) -> Option<Finding> {
    match pool6 {
        Some(pool) if v6 => Some(Finding::ok(format!("Machines have IPv6, with addresses of {pool}."))),
        Some(pool) => Some(Finding::warning(
            format!("Machines have IPv6 addresses of {pool}, and this host has no way to the internet by IPv6."),
            "Give the host a default route for IPv6, or remove network.pool6.",
        )),
        None if v6 && !v4 => Some(Finding::warning(
            "This host has a way to the internet by IPv6 only, and its machines have none.",
            "Write pool6 = \"fd87:1f3a:52c0::/64\" below [network], or another /64 that begins with fd.",
        )),
        None => None,
    }
}

fn image(config: &Config) -> Finding {
    match wiring::image_tree(config) {
        Ok(tree) if tree.is_dir() => Finding::ok(format!("The guest image is {}.", tree.display())),
        Ok(tree) => Finding::error(format!("There is no guest image at {}.", tree.display()), "anteroom image build"),
        Err(error) => Finding::error(format!("The guest image: {error}."), "Set image or image_recipe."),
    }
}

fn agent(config: &Config) -> Finding {
    match wiring::guest_agent(config) {
        Ok(path) => Finding::ok(format!("The guest agent is {}.", path.display())),
        Err(error) => Finding::error(
            format!("The guest agent: {error}."),
            "Put anteroom-guest beside this program, or set guest_binary.",
        ),
    }
}

fn key(path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.mode() & 0o777;
    Some(if mode.trailing_zeros() >= 6 {
        Finding::ok(format!("The vault's key {} is its owner's alone.", path.display()))
    } else {
        Finding::error(
            format!("The vault's key {} may be read by others (mode {mode:o}).", path.display()),
            format!("chmod 600 {}, and `anteroom vault rotate` if somebody could have read it", path.display()),
        )
    })
}

fn disk(path: &Path) -> Option<Finding> {
    let there = path.ancestors().find(|ancestor| ancestor.exists())?;
    let stat = rustix::fs::statvfs(there).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    (free < ENOUGH_DISK_BYTES).then(|| {
        Finding::warning(
            format!("{} has {} MB of free disk.", there.display(), free >> 20),
            "Free some, or machines stop in the middle of a sign-in.",
        )
    })
}

// --- the page ------------------------------------------------------------------------------------

async fn is_served(page: SocketAddr) -> bool {
    let client = reqwest::Client::builder().no_proxy().timeout(PAGE_DEADLINE).build();
    let Ok(client) = client else { return false };
    let answer = client.get(format!("http://{}/healthz", here(page))).send().await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

fn names(config: &Config, page: SocketAddr) -> Option<Finding> {
    (!page.ip().is_loopback() && config.allowed_hosts.is_empty()).then(|| {
        Finding::warning(
            "The page is served to other computers, but they may call it by its bare address only.",
            "Write allowed_hosts = [\"anteroom.example.com\"], with the port if it is not 80 or 443.",
        )
    })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// An unspecified address is reached on this host's loopback.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

// --- relays --------------------------------------------------------------------------------------

/// The relay here on its own addresses, and under its public name when it has one.
fn own_targets(config: &Config) -> Vec<Target> {
    let relay = &config.relay;
    let name = relay.public_host.as_deref().or(config.allowed_hosts.first().map(|host| without_port(host)));
    let name = name.unwrap_or("localhost");
    let ways = |host: &dyn Fn(SocketAddr) -> String| {
        let plain = relay.listen.iter().flat_map(|at| [(Way::Udp, at), (Way::Tcp, at)]);
        let tls = relay.tls_listen.iter().map(|at| (Way::Tls, at));
        plain
            .chain(tls)
            .map(|(way, at)| Target { way, host: host(*at), port: at.port(), name: name.to_owned() })
            .collect::<Vec<_>>()
    };
    let mut all = ways(&|at| here(at).ip().to_string());
    if let Some(name) = &relay.public_host {
        all.extend(ways(&|_| name.clone()));
    }
    all.dedup();
    all
}

fn outside_targets(config: &Config) -> Vec<Target> {
    config.relay.external.iter().flat_map(|external| &external.urls).filter_map(|url| target(url)).collect()
}

/// `turn:HOST[:PORT][?transport=udp|tcp]` and `turns:` (RFC 7065).
fn target(url: &str) -> Option<Target> {
    let (scheme, rest) = url.split_once(':')?;
    let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
    let way = match (scheme, query) {
        ("turn", "" | "transport=udp") => Way::Udp,
        ("turn", "transport=tcp") => Way::Tcp,
        ("turns", _) => Way::Tls,
        _ => return None,
    };
    let default = if way == Way::Tls { 5349 } else { 3478 };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()?),
        Some(_) | None => (authority, default),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Target { way, name: host.clone(), host, port })
}

async fn asked(targets: Vec<Target>) -> Vec<Finding> {
    let mut asking = tokio::task::JoinSet::new();
    for (index, target) in targets.into_iter().enumerate() {
        asking.spawn(async move { (index, ask(target).await) });
    }
    let mut all = asking.join_all().await;
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, finding)| finding).collect()
}

async fn ask(target: Target) -> Finding {
    let Target { way, host, port, name } = &target;
    let transport = match way {
        Way::Udp => "UDP",
        Way::Tcp => "TCP",
        Way::Tls => "TLS",
    };
    let address = match tokio::net::lookup_host((host.as_str(), *port)).await.map(|mut found| found.next()) {
        Ok(Some(address)) => address,
        Ok(None) | Err(_) => {
            return Finding::error(
                format!("The relay's name {host} has no address."),
                "Mend the name, or its DNS entry.",
            );
        }
    };
    match probe(*way, address, name).await {
        Ok(took) => {
            Finding::ok(format!("The relay answers at {host} port {port} by {transport} ({} ms).", took.as_millis()))
        }
        Err(error) => Finding::error(
            format!("The relay does not answer at {host} port {port} by {transport}: {error}."),
            format!("Let port {port} through for {transport} in firewalls and address translation, up to this host."),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_relays_are_read_as_the_rfc_writes_them() {
        let is = |way, host: &str, port| Some(Target { way, host: host.to_owned(), port, name: host.to_owned() });
        assert_eq!(target("turn:turn.example.com"), is(Way::Udp, "turn.example.com", 3478));
        assert_eq!(target("turn:turn.example.com:99?transport=tcp"), is(Way::Tcp, "turn.example.com", 99));
        assert_eq!(target("turns:[2001:db8::1]:443?transport=tcp"), is(Way::Tls, "2001:db8::1", 443));
        assert_eq!(target("turns:turn.example.com"), is(Way::Tls, "turn.example.com", 5349));
        assert_eq!(target("https://turn.example.com"), None);
    }

    #[test]
    fn machines_that_lack_the_hosts_only_way_out_are_found() {
        let pool = Some("fd87::/64".parse().unwrap());
        let level = |pool, ways| ipv6(pool, ways).map(|finding| finding.level);
        assert_eq!(level(None, (true, true)), None);
        assert_eq!(level(None, (true, false)), None);
        assert_eq!(level(None, (false, true)), Some(Level::Warning));
        assert_eq!(level(pool, (true, true)), Some(Level::Ok));
        assert_eq!(level(pool, (true, false)), Some(Level::Warning));
    }

    #[test]
    fn a_report_without_an_error_is_a_success() {
        let (text, good) = report(&[Finding::ok("This."), Finding::warning("That.", "Do it.")]);
        assert!(good);
        assert_eq!(text, "ok       This.\nwarning  That.\n         -> Do it.\n");
        assert!(!report(&[Finding::error("That.", "Do it.")]).1);
    }
}
