//! The wall: what a machine reaches and what not, by IPv4 and by IPv6, with an internet, a company's network and a metadata
//! service that the test makes; and the same without the wall, to show that these checks can fail.

mod lab;

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, TcpStream, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

use anteroom_machines::{Driver as _, MachineSpec, suite::Host as _};
use anteroom_machines_host::{
    Transport,
    lab::{
        elsewhere::{ANSWER, ask, in_network, serve},
        outside::{self, COMPANY, GATEWAY, INTERNET, NEIGHBOUR, OUTSIDE, Outside, Service, of},
        remains,
    },
    netlink::addresses::Family,
};
use lab::{Lab, STAYING_AGENT, run_lab, run_lab_with, shell};

/// A machine that says that it is a router.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x66);
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// The world around the test's host, and two machines on it.
struct Scene {
    outside: Outside,
    machine: Arc<File>,
    specs: [MachineSpec; 2],
    addresses: [[IpAddr; 2]; 2],
}

async fn scene(lab: &Lab) -> Scene {
    let outside = Outside::new(&lab.network);
    serve(&lab.network, 4001);
    let specs = [lab.spec(), lab.spec()];
    for spec in &specs {
        lab.sandbox().create(spec).await.unwrap();
        serve(&network(lab, spec), 8080);
    }
    let addresses = [0, 1].map(|index| FAMILIES.map(|family| lab.address(&specs[index], family)));
    Scene { machine: network(lab, &specs[0]), addresses, outside, specs }
}

fn network(lab: &Lab, spec: &MachineSpec) -> Arc<File> {
    Arc::new(File::open(format!("/proc/{}/ns/net", lab.init(&spec.id))).unwrap())
}

impl Scene {
    /// What the first machine hears from a service.
    fn ask(&self, transport: Transport, to: IpAddr, port: u16) -> Option<String> {
        in_network(&self.machine, move || ask(transport, None, (to, port)))
    }

    /// The same of many at once, of which most say nothing.
    fn ask_all(&self, services: Vec<Service>) -> Vec<(Service, Option<String>)> {
        thread::scope(|scope| {
            let asking: Vec<_> = services
                .into_iter()
                .map(|service| {
                    scope.spawn(move || {
                        let heard = self.ask(service.transport, service.address, service.port);
                        (service, heard)
                    })
                })
                .collect();
            asking.into_iter().map(|asked| asked.join().unwrap()).collect()
        })
    }

    fn forbidden(&self, family: Family) -> Vec<Service> {
        let mut all = outside::forbidden(family, self.addresses[1][family as usize]);
        let name = "the controller at the host's public address";
        all.push(Service { name, transport: Transport::Tcp, address: of(family, OUTSIDE), port: 4001 });
        all
    }
}

fn run(test: impl AsyncFnOnce(&Lab, &Scene) + Send) {
    run_lab_with(
        STAYING_AGENT,
        |host| outside::configure(&mut host.network),
        async |lab| {
            let scene = scene(lab).await;
            test(lab, &scene).await;
            for spec in &scene.specs {
                lab.sandbox().destroy(&spec.id).await.unwrap();
                // Also of what it was counted to have sent.
                assert_eq!(remains(&lab.config.host, &spec.id), Vec::<String>::new());
            }
        },
    );
}

#[test]
fn the_internet_the_controller_and_the_exceptions_are_reached() {
    run(async |_, scene| {
        for family in FAMILIES {
            let own = scene.addresses[0][family as usize];
            for (Service { name, transport, address, port }, seen) in outside::open(family, own) {
                assert_eq!(scene.ask(transport, address, port), Some(seen.to_string()), "{name} at {address}");
            }
        }
        let own = scene.addresses[0][0].to_string();
        assert_eq!(scene.ask(Transport::Tcp, GATEWAY.0.into(), 4001), Some(own));
    });
}

#[test]
fn nothing_else_is_reached_and_without_the_wall_it_would_be() {
    run(async |lab, scene| {
        for family in FAMILIES {
            for (service, heard) in scene.ask_all(scene.forbidden(family)) {
                assert_eq!(heard, None, "{service:?}");
            }
        }
        shell(&format!("nft delete table inet {}", lab.config.host.instance));
        for family in FAMILIES {
            let mut services = scene.forbidden(family);
            services.retain(|service| !service.is_on_the_internet());
            for (service, heard) in scene.ask_all(services) {
                assert!(heard.is_some(), "{service:?}: checks nothing");
            }
        }
    });
}

#[test]
fn a_machine_with_another_address_reaches_nothing() {
    run(async |lab, scene| {
        let link = lab.config.host.link(&scene.specs[0].id);
        for (family, spoofed) in [(Family::V4, "10.99.0.77/32"), (Family::V6, "fd99::77/128")] {
            in_network(&scene.machine, move || shell(&format!("ip addr add {spoofed} dev eth0 nodad")));
            // An answer would find its way back.
            shell(&format!("ip route add {spoofed} dev {link}"));
            let spoofed: IpAddr = spoofed.split('/').next().unwrap().parse().unwrap();
            let mac = in_network(&scene.machine, || shell("ip -o link show eth0 | grep -o 'ether [^ ]*' | cut -c 7-"));
            shell(&format!("ip neigh replace {spoofed} lladdr {} dev {link}", mac.trim()));
            let to = (of(family, INTERNET), 443);
            let ask_as = |source| in_network(&scene.machine, move || ask(Transport::Udp, Some(source), to));
            assert_eq!(ask_as(spoofed), None);
            assert_eq!(ask_as(scene.addresses[0][family as usize]), Some(of(family, OUTSIDE).to_string()));
        }
    });
}

#[test]
fn nobody_outside_reaches_a_machine_but_its_own_host_does() {
    run(async |lab, scene| {
        for family in FAMILIES {
            let machine = scene.addresses[0][family as usize];
            let from_outside =
                |transport| in_network(&scene.outside.company.namespace, move || ask(transport, None, (machine, 8080)));
            for transport in [Transport::Tcp, Transport::Udp] {
                assert_eq!(from_outside(transport), None);
            }
            // The viewer's media comes from here; the answers of the machine come back though it may not begin.
            let seen = in_network(&lab.network, move || ask(Transport::Udp, None, (machine, 8080)));
            assert_eq!(seen, Some(of(family, GATEWAY).to_string()));
        }
        shell(&format!("nft delete table inet {}", lab.config.host.instance));
        for machine in scene.addresses[0] {
            let seen = in_network(&scene.outside.company.namespace, move || ask(Transport::Tcp, None, (machine, 8080)));
            assert!(seen.is_some(), "{machine}: checks nothing");
        }
    });
}

#[test]
fn the_hosts_other_traffic_passes_untouched() {
    run(async |_, scene| {
        // From the company to the internet through this host: the way back is known there.
        scene.outside.internet.shell("ip route add 192.168.50.0/24 via 93.184.216.1");
        scene.outside.internet.shell("ip -6 route add 2a00:50::/64 via fe80::1 dev up0");
        for family in FAMILIES {
            let to = (of(family, INTERNET), 25);
            let seen = in_network(&scene.outside.company.namespace, move || ask(Transport::Tcp, None, to));
            assert_eq!(seen, Some(of(family, (COMPANY.0, NEIGHBOUR)).to_string()));
        }
    });
}

#[test]
fn a_flood_of_new_connections_is_cut_down_of_both_families_together() {
    run(async |_, scene| {
        let answered = in_network(&scene.machine, || {
            let sockets = |any: &str, count| (0..count).map(|_| UdpSocket::bind((any, 0)).unwrap()).collect::<Vec<_>>();
            let sockets: Vec<(UdpSocket, IpAddr)> = [("0.0.0.0", 500, Family::V4), ("::", 1000, Family::V6)]
                .into_iter()
                .flat_map(|(any, count, family)| {
                    sockets(any, count).into_iter().map(move |s| (s, of(family, INTERNET)))
                })
                .collect();
            for (socket, to) in &sockets {
                let _ = socket.send_to(b"?", (*to, 443));
                socket.set_nonblocking(true).unwrap();
            }
            let deadline = std::time::Instant::now() + ANSWER;
            let mut answered = vec![false; sockets.len()];
            while std::time::Instant::now() < deadline {
                for ((socket, _), seen) in sockets.iter().zip(&mut answered) {
                    *seen |= socket.recv(&mut [0; 64]).is_ok();
                }
            }
            answered.iter().filter(|seen| **seen).count()
        });
        assert!((100..1200).contains(&answered), "{answered} of 1500 connections in one moment were let through");
    });
}

/// Says from a machine's network that it is the router to everywhere, as the kernel would believe it: from a link-local
/// address, with hops that show that no router was in between (RFC 4861).
fn announce_router() {
    use rustix::net::{AddressFamily, SendFlags, SocketType, bind, ipproto, sendto, socket, sockopt};
    let socket = socket(AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)).unwrap();
    sockopt::set_ipv6_unicast_hops(&socket, Some(255)).unwrap();
    let device = shell("ip -o link show eth0").split(':').next().unwrap().parse().unwrap();
    bind(&socket, &SocketAddrV6::new(ROUTER, 0, 0, device)).unwrap();
    // Type, code, checksum, hops, flags, the router's lifetime of half an hour, no other times.
    let announcement = [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    sendto(&socket, &announcement, SendFlags::empty(), &SocketAddrV6::new(GATEWAY.1, 0, 0, 0)).unwrap();
}

#[test]
fn a_machine_that_announces_itself_as_router_is_not_heard_and_without_the_wall_it_would_be() {
    run_lab(STAYING_AGENT, async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let machine = network(lab, &spec);
        // A host may be set so that each new device hears routers.
        shell(&format!("echo 2 > /proc/sys/net/ipv6/conf/{}/accept_ra", lab.config.host.link(&spec.id)));
        in_network(&machine, || shell(&format!("ip addr add {ROUTER}/64 dev eth0 nodad")));
        let heard = || {
            in_network(&machine, announce_router);
            // What comes after it was dealt with after it.
            let asked = in_network(&machine, || ask(Transport::Udp, None, (GATEWAY.1.into(), 22)));
            assert_eq!(asked, None);
            !shell("ip -6 route show default").is_empty()
        };
        assert!(!heard());
        shell(&format!("nft delete table inet {}", lab.config.host.instance));
        assert!(heard(), "checks nothing");
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn a_flushed_firewall_is_built_again_before_the_next_machine_starts_and_hinders_no_destruction() {
    run_lab(STAYING_AGENT, async |lab| {
        shell("nft flush ruleset");
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let addresses = FAMILIES.map(|family| lab.address(&spec, family).to_string());
        let rules = shell(&format!("nft list table inet {}", lab.config.host.instance));
        assert!(addresses.iter().all(|address| rules.contains(address)) && rules.contains("to_machine"), "{rules}");
        shell("nft flush ruleset");
        lab.sandbox().destroy(&spec.id).await.unwrap();
        let rules = shell(&format!("nft list table inet {}", lab.config.host.instance));
        assert!(!addresses.iter().any(|address| rules.contains(address)) && rules.contains("to_machine"), "{rules}");
    });
}

#[test]
fn a_new_driver_keeps_the_running_machines_within_the_wall() {
    run(async |lab, scene| {
        drop(lab.driver());
        for family in FAMILIES {
            assert_eq!(scene.ask(Transport::Tcp, of(family, INTERNET), 443), Some(of(family, OUTSIDE).to_string()));
            assert_eq!(scene.ask(Transport::Tcp, of(family, COMPANY), 80), None);
        }
    });
}

#[test]
fn a_network_to_which_the_host_is_connected_later_is_walled_off_with_the_next_machine() {
    run_lab(STAYING_AGENT, async |lab| {
        let first = lab.spec();
        lab.sandbox().create(&first).await.unwrap();
        let outside = Outside::new(&lab.network);
        let ask = || in_network(&network(lab, &first), move || ask(Transport::Tcp, None, (NEIGHBOUR.into(), 80)));
        assert!(ask().is_some());
        let second = lab.spec();
        lab.sandbox().create(&second).await.unwrap();
        assert_eq!(ask(), None);
        drop(outside);
        for spec in [first, second] {
            lab.sandbox().destroy(&spec.id).await.unwrap();
        }
    });
}

#[test]
fn where_the_host_has_no_way_out_a_connection_by_ipv6_fails_and_does_not_hang() {
    run_lab(STAYING_AGENT, async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let to = SocketAddr::new(INTERNET.1.into(), 443);
        let connected = in_network(&network(lab, &spec), move || {
            TcpStream::connect_timeout(&to, Duration::from_secs(30)).map(drop).map_err(|error| error.kind())
        });
        assert_eq!(connected, Err(io::ErrorKind::NetworkUnreachable));
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn without_a_pool_of_ipv6_machines_have_none_and_the_host_stays_as_it_is() {
    run_lab_with(
        STAYING_AGENT,
        |host| host.network.pool6 = None,
        async |lab| {
            let spec = lab.spec();
            lab.sandbox().create(&spec).await.unwrap();
            let addresses = in_network(&network(lab, &spec), || shell("ip -6 -o addr; ip -6 route show default"));
            assert_eq!(addresses.lines().count(), 1, "{addresses}");
            assert!(addresses.contains("::1/128"), "{addresses}");
            assert_eq!(shell("cat /proc/sys/net/ipv6/conf/all/forwarding"), "0\n");
            assert_eq!(shell("ip -6 route show table main"), "");
            lab.sandbox().destroy(&spec.id).await.unwrap();
        },
    );
}
