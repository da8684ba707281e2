//! A restricted machine: what it reaches of the public internet before and after an address was named for it, and the same
//! without the rule, to show that these checks can fail.

mod lab;

use std::{
    fs::{self, File},
    net::{Ipv4Addr, UdpSocket},
    sync::Arc,
    time::Instant,
};

use anteroom_machines::{Driver as _, MachineSpec, Reach, suite::Host as _};
use anteroom_machines_host::{
    Exception, Transport,
    lab::elsewhere::{ANSWER, Elsewhere, ask, in_network, serve},
};
use lab::{Lab, STAYING_AGENT, run_lab, run_lab_with, shell};

const NAMED: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
/// Another network's first address, because datagrams are answered from the first one. The configured resolver too.
const UNNAMED: Ipv4Addr = Ipv4Addr::new(151, 101, 1, 53);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 2);
const BOTH: [Transport; 2] = [Transport::Tcp, Transport::Udp];

/// The world around the test's host, and two machines on it.
struct Scene {
    _internet: [Elsewhere; 2],
    _lan: Elsewhere,
    networks: [Arc<File>; 2],
    specs: [MachineSpec; 2],
}

async fn scene(lab: &Lab) -> Scene {
    let internet = [
        Elsewhere::new("inet0", "93.184.216.1/24", "93.184.216.34/24"),
        Elsewhere::new("inet1", "151.101.1.1/24", "151.101.1.53/24"),
    ];
    let lan = Elsewhere::new("lan0", "192.168.50.1/24", "192.168.50.2/24");
    shell("ip route add default via 93.184.216.34");
    lan.shell("ip route add default via 192.168.50.1");
    for port in [25, 53, 443] {
        for network in &internet {
            serve(&network.namespace, port);
        }
    }
    for port in [80, 3128] {
        serve(&lan.namespace, port);
    }
    for port in [22, 53, 4001] {
        serve(&lab.network, port);
    }
    let specs = [lab.spec(), lab.spec()];
    for spec in &specs {
        lab.sandbox().create(spec).await.unwrap();
    }
    let network = |spec: &MachineSpec| Arc::new(File::open(format!("/proc/{}/ns/net", lab.init(&spec.id))).unwrap());
    let networks = [network(&specs[0]), network(&specs[1])];
    Scene { _internet: internet, _lan: lan, networks, specs }
}

impl Scene {
    /// Whether a machine hears from a service.
    fn reaches(&self, machine: usize, transport: Transport, to: Ipv4Addr, port: u16) -> bool {
        in_network(&self.networks[machine], move || ask(transport, None, (to.into(), port))).is_some()
    }

    async fn name(&self, lab: &Lab, addresses: &[Ipv4Addr], seconds: u32) {
        let addresses = addresses.iter().map(|address| (*address).into()).collect();
        lab.sandbox().reach(&self.specs[0].id, &Reach { addresses, seconds }).await.unwrap();
    }

    async fn close(self, lab: &Lab) {
        for spec in &self.specs {
            lab.sandbox().destroy(&spec.id).await.unwrap();
        }
    }
}

fn run(test: impl AsyncFnOnce(&Lab, &Scene) + Send) {
    let restricted = |host: &mut anteroom_machines_host::HostConfig| {
        host.network.restrict = true;
        host.network.resolvers = vec![UNNAMED.into()];
        host.network.allow = vec![Exception { address: LAN.into(), protocol: Transport::Tcp, port: 3128 }];
    };
    run_lab_with(STAYING_AGENT, restricted, async |lab| {
        let scene = scene(lab).await;
        test(lab, &scene).await;
        scene.close(lab).await;
    });
}

#[test]
fn an_address_is_reached_when_it_was_named_and_no_other_is() {
    run(async |lab, scene| {
        for transport in BOTH {
            assert!(!scene.reaches(0, transport, NAMED, 443), "{transport:?}: before it was named");
        }
        scene.name(lab, &[NAMED, LAN], 600).await;
        for transport in BOTH {
            assert!(scene.reaches(0, transport, NAMED, 443), "{transport:?}");
            assert!(!scene.reaches(0, transport, UNNAMED, 443), "{transport:?}: by its number");
            assert!(!scene.reaches(1, transport, NAMED, 443), "{transport:?}: named for the other machine");
            assert!(!scene.reaches(0, transport, NAMED, 25), "{transport:?}: mail stays shut");
            assert!(!scene.reaches(0, transport, LAN, 80), "{transport:?}: what is walled off stays so");
        }
    });
}

#[test]
fn names_are_asked_of_the_gateway_and_of_nobody_else() {
    run(async |lab, scene| {
        for transport in BOTH {
            assert!(scene.reaches(0, transport, GATEWAY, 53), "{transport:?}");
            assert!(!scene.reaches(0, transport, UNNAMED, 53), "{transport:?}: the configured resolver itself");
        }
        let root = format!("/proc/{}/root/etc/resolv.conf", lab.init(&scene.specs[0].id));
        assert_eq!(fs::read_to_string(root).unwrap(), "nameserver 10.99.0.1\n");
    });
}

#[test]
fn the_controller_and_the_exceptions_are_reached_all_the_same() {
    run(async |_, scene| {
        assert!(scene.reaches(0, Transport::Tcp, GATEWAY, 4001));
        assert!(scene.reaches(0, Transport::Tcp, LAN, 3128));
        assert!(!scene.reaches(0, Transport::Tcp, GATEWAY, 22));
    });
}

#[test]
fn without_its_rule_everything_public_is_reached() {
    run(async |lab, scene| {
        shell(&format!("nft flush chain inet {} unnamed", lab.config.host.instance));
        for transport in BOTH {
            assert!(scene.reaches(0, transport, UNNAMED, 443), "{transport:?}: the checks check nothing");
        }
    });
}

/// The rule goes before connections that are established already.
#[test]
fn a_connection_ends_with_the_time_of_its_address() {
    run(async |lab, scene| {
        scene.name(lab, &[NAMED], 2).await;
        let ended = in_network(&scene.networks[0], || {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect((NAMED, 443)).unwrap();
            socket.set_read_timeout(Some(ANSWER)).unwrap();
            let answers = || socket.send(b"?").and_then(|_| socket.recv(&mut [0; 64])).is_ok();
            assert!(answers(), "it was named");
            let deadline = Instant::now() + std::time::Duration::from_secs(20);
            while answers() && Instant::now() < deadline {}
            !answers()
        });
        assert!(ended, "a connection outlived the time of its address");
        scene.name(lab, &[NAMED], 600).await;
        assert!(scene.reaches(0, Transport::Udp, NAMED, 443), "it was named again");
    });
}

#[test]
fn a_new_driver_keeps_what_was_named_and_nothing_more() {
    run(async |lab, scene| {
        scene.name(lab, &[NAMED], 600).await;
        drop(lab.driver());
        assert!(scene.reaches(0, Transport::Tcp, NAMED, 443));
        assert!(!scene.reaches(0, Transport::Tcp, UNNAMED, 443));
        shell("nft flush ruleset");
        scene.name(lab, &[UNNAMED], 600).await;
        assert!(scene.reaches(0, Transport::Tcp, NAMED, 443) && scene.reaches(0, Transport::Tcp, UNNAMED, 443));
        assert!(!scene.reaches(1, Transport::Tcp, NAMED, 443), "the wall was built again with both machines");
    });
}

/// An operator who turns it on means all of them.
#[test]
fn machines_that_run_are_restricted_by_a_driver_that_restricts() {
    run_lab(STAYING_AGENT, async |lab| {
        let scene = scene(lab).await;
        assert!(scene.reaches(0, Transport::Tcp, NAMED, 443));
        let mut config = lab.config.clone();
        config.host.network.restrict = true;
        drop(anteroom_machines_sandbox::open(config).await.unwrap());
        assert!(!scene.reaches(0, Transport::Tcp, NAMED, 443));
        scene.close(lab).await;
    });
}
