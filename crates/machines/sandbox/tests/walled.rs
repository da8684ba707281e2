//! The wall: what a machine reaches and what not, with an internet, a company's network and a metadata service that
//! the test makes; and the same without the wall, to show that these checks can fail.

mod lab;

use std::{
    fs::File,
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
};

use anteroom_machines::{Driver as _, MachineSpec, suite::Host as _};
use anteroom_machines_host::{
    Exception, Transport,
    lab::elsewhere::{ANSWER, Elsewhere, ask, in_network, serve},
};
use lab::{Lab, STAYING_AGENT, run_lab, shell};

const INTERNET: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 1);
const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 2);

/// The world around the test's host, and two machines on it.
struct Scene {
    lan: Elsewhere,
    internet: Elsewhere,
    machine: Arc<File>,
    other: Arc<File>,
    specs: [MachineSpec; 2],
}

fn exceptions() -> Vec<Exception> {
    vec![
        Exception { address: LAN, protocol: Transport::Tcp, port: 3128 },
        Exception { address: GATEWAY, protocol: Transport::Tcp, port: 8443 },
    ]
}

async fn scene(lab: &Lab) -> Scene {
    let internet = Elsewhere::new("inet0", "93.184.216.1/24", "93.184.216.34/24");
    let lan = Elsewhere::new("lan0", "192.168.50.1/24", "192.168.50.2/24");
    lan.shell("for a in 169.254.169.254 172.16.5.5 100.64.1.1; do ip addr add $a/32 dev lo; done");
    lan.shell("ip route add default via 192.168.50.1");
    shell("for a in 169.254.169.254 172.16.5.5 100.64.1.1; do ip route add $a/32 via 192.168.50.2; done");
    shell("ip route add default via 93.184.216.34");
    let specs = [lab.spec(), lab.spec()];
    for spec in &specs {
        lab.sandbox().create(spec).await.unwrap();
    }
    let network = |spec: &MachineSpec| Arc::new(File::open(format!("/proc/{}/ns/net", lab.init(&spec.id))).unwrap());
    let scene = Scene { machine: network(&specs[0]), other: network(&specs[1]), specs, lan, internet };
    for port in [25, 53, 80, 443, 587] {
        serve(&scene.internet.namespace, port);
    }
    for port in [80, 3128] {
        serve(&scene.lan.namespace, port);
    }
    for port in [22, 4001, 8443] {
        serve(&lab.network, port);
    }
    for machine in [&scene.machine, &scene.other] {
        serve(machine, 8080);
    }
    scene
}

impl Scene {
    /// What the first machine hears from a service.
    fn ask(&self, transport: Transport, to: Ipv4Addr, port: u16) -> Option<String> {
        in_network(&self.machine, move || ask(transport, None, (to, port)))
    }

    /// What must not be reached, each with a name.
    fn forbidden(&self) -> Vec<(String, Transport, Ipv4Addr, u16)> {
        let one = |name: &str, address: Ipv4Addr, port| (name.to_owned(), Transport::Tcp, address, port);
        let mut all = vec![
            one("a host of the company", LAN, 80),
            one("the metadata service", Ipv4Addr::new(169, 254, 169, 254), 80),
            one("172.16/12", Ipv4Addr::new(172, 16, 5, 5), 80),
            one("carrier-grade NAT", Ipv4Addr::new(100, 64, 1, 1), 80),
            one("the other machine", self.specs[1].address, 8080),
            one("another port of the gateway", GATEWAY, 22),
            one("the controller at the host's address in the company", Ipv4Addr::new(192, 168, 50, 1), 4001),
            one("the controller at the host's public address", OUTSIDE, 4001),
            one("mail", INTERNET, 25),
            one("mail submission", INTERNET, 587),
            one("a name server that is not configured", INTERNET, 53),
        ];
        let udp: Vec<_> =
            all.iter().map(|(name, _, address, port)| (name.clone(), Transport::Udp, *address, *port)).collect();
        all.extend(udp);
        all
    }
}

fn run(test: impl AsyncFnOnce(&Lab, &Scene) + Send) {
    run_lab(STAYING_AGENT, &exceptions(), async |lab| {
        let scene = scene(lab).await;
        test(lab, &scene).await;
        for spec in &scene.specs {
            lab.sandbox().destroy(&spec.id).await.unwrap();
        }
    });
}

#[test]
fn the_internet_the_controller_and_the_exceptions_are_reached() {
    run(async |_, scene| {
        let own = scene.specs[0].address.to_string();
        // Outside, the machine shows the host's address.
        assert_eq!(scene.ask(Transport::Tcp, INTERNET, 443), Some(OUTSIDE.to_string()));
        assert_eq!(scene.ask(Transport::Udp, INTERNET, 443), Some(OUTSIDE.to_string()));
        assert_eq!(scene.ask(Transport::Tcp, GATEWAY, 4001), Some(own.clone()));
        assert_eq!(scene.ask(Transport::Tcp, GATEWAY, 8443), Some(own));
        assert_eq!(scene.ask(Transport::Tcp, LAN, 3128), Some("192.168.50.1".into()));
    });
}

#[test]
fn nothing_else_is_reached_and_without_the_wall_it_would_be() {
    run(async |lab, scene| {
        for (name, transport, address, port) in scene.forbidden() {
            assert_eq!(scene.ask(transport, address, port), None, "{name} over {transport:?}");
        }
        shell(&format!("nft delete table inet {}", lab.config.host.instance));
        // What lies on the internet is left out: without the wall nobody translates the machine's address.
        for (name, transport, address, port) in scene.forbidden() {
            if address != INTERNET {
                assert!(scene.ask(transport, address, port).is_some(), "{name} over {transport:?}: checks nothing");
            }
        }
    });
}

#[test]
fn a_machine_with_another_address_reaches_nothing() {
    run(async |_, scene| {
        in_network(&scene.machine, || shell("ip addr add 10.99.0.77/32 dev eth0"));
        let spoofed = Ipv4Addr::new(10, 99, 0, 77);
        let ask_as = |source, to| in_network(&scene.machine, move || ask(Transport::Udp, Some(source), to));
        assert_eq!(ask_as(spoofed, (INTERNET, 443)), None);
        assert_eq!(ask_as(scene.specs[0].address, (INTERNET, 443)), Some(OUTSIDE.to_string()));
    });
}

#[test]
fn nobody_outside_reaches_a_machine_but_its_own_host_does() {
    run(async |lab, scene| {
        let machine = scene.specs[0].address;
        for transport in [Transport::Tcp, Transport::Udp] {
            assert_eq!(in_network(&scene.lan.namespace, move || ask(transport, None, (machine, 8080))), None);
        }
        // The viewer's media comes from here; the answers of the machine come back though it may not begin.
        let seen = in_network(&lab.network, move || ask(Transport::Udp, None, (machine, 8080)));
        assert_eq!(seen, Some(GATEWAY.to_string()));
    });
}

#[test]
fn the_hosts_other_traffic_passes_untouched() {
    run(async |_, scene| {
        // From the company to the internet through this host: the way back is known there.
        scene.internet.shell("ip route add 192.168.50.0/24 via 93.184.216.1");
        let seen = in_network(&scene.lan.namespace, || ask(Transport::Tcp, None, (INTERNET, 25)));
        assert_eq!(seen, Some(LAN.to_string()));
    });
}

#[test]
fn a_flood_of_new_connections_is_cut_down() {
    run(async |_, scene| {
        let answered = in_network(&scene.machine, || {
            let sockets: Vec<UdpSocket> = (0..1500).map(|_| UdpSocket::bind("0.0.0.0:0").unwrap()).collect();
            for socket in &sockets {
                let _ = socket.send_to(b"?", (INTERNET, 443));
                socket.set_nonblocking(true).unwrap();
            }
            let deadline = std::time::Instant::now() + ANSWER;
            let mut answered = vec![false; sockets.len()];
            while std::time::Instant::now() < deadline {
                for (socket, seen) in sockets.iter().zip(&mut answered) {
                    *seen |= socket.recv(&mut [0; 64]).is_ok();
                }
            }
            answered.iter().filter(|seen| **seen).count()
        });
        assert!((100..1200).contains(&answered), "{answered} of 1500 connections in one moment were let through");
    });
}

#[test]
fn a_flushed_firewall_is_built_again_before_the_next_machine_starts_and_hinders_no_destruction() {
    run_lab(STAYING_AGENT, &[], async |lab| {
        shell("nft flush ruleset");
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let rules = shell(&format!("nft list table inet {}", lab.config.host.instance));
        assert!(rules.contains(&spec.address.to_string()) && rules.contains("to_machine"), "{rules}");
        shell("nft flush ruleset");
        lab.sandbox().destroy(&spec.id).await.unwrap();
        let rules = shell(&format!("nft list table inet {}", lab.config.host.instance));
        assert!(!rules.contains(&spec.address.to_string()) && rules.contains("to_machine"), "{rules}");
    });
}

#[test]
fn a_new_driver_keeps_the_running_machines_within_the_wall() {
    run(async |lab, scene| {
        drop(lab.driver());
        assert_eq!(scene.ask(Transport::Tcp, INTERNET, 443), Some(OUTSIDE.to_string()));
        assert_eq!(scene.ask(Transport::Tcp, LAN, 80), None);
    });
}
