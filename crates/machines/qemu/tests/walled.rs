//! The wall around virtual machines: what programs in one reach and what not, with an internet, a company's network and a
//! metadata service that the test makes; and the same without the wall, to show that these checks can fail. The table is
//! that of all drivers; its finer points are tested with the sandbox.

mod lab;

use std::net::Ipv4Addr;

use anteroom_machines::{Driver as _, MachineSpec, suite::Host as _};
use anteroom_machines_host::{
    Exception, Transport,
    lab::elsewhere::{Elsewhere, ask, in_network, serve},
};
use lab::{Lab, run_lab_allowing, shell};

const INTERNET: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 34);
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(93, 184, 216, 1);
const LAN: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 2);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
/// Each takes three processes of the machine's 64.
const AT_ONCE: usize = 8;

/// The world around the test's host, and two machines on it.
struct Scene {
    lan: Elsewhere,
    _internet: Elsewhere,
    specs: [MachineSpec; 2],
}

async fn scene(lab: &Lab) -> Scene {
    let internet = Elsewhere::new("inet0", "93.184.216.1/24", "93.184.216.34/24");
    let lan = Elsewhere::new("lan0", "192.168.50.1/24", "192.168.50.2/24");
    lan.shell("for a in 169.254.169.254 172.16.5.5 100.64.1.1; do ip addr add $a/32 dev lo; done");
    lan.shell("ip route add default via 192.168.50.1");
    shell("for a in 169.254.169.254 172.16.5.5 100.64.1.1; do ip route add $a/32 via 192.168.50.2; done");
    shell("ip route add default via 93.184.216.34");
    for port in [25, 53, 80, 443, 587] {
        serve(&internet.namespace, port);
    }
    for port in [80, 3128] {
        serve(&lan.namespace, port);
    }
    for port in [22, 8443] {
        serve(&lab.network, port);
    }
    let specs = [lab.spec(), lab.spec()];
    for spec in &specs {
        lab.create(spec).await;
    }
    Scene { lan, _internet: internet, specs }
}

/// What a program in the machine hears from each service: its answer, or why there is none.
fn hear(lab: &Lab, spec: &MachineSpec, services: &[String]) -> Vec<String> {
    const ASK: &str = "exec 4<>/dev/$0; [ ${0:0:3} = tcp ] || echo ? >&4; dd bs=64 count=1 status=none <&4";
    let mut heard = Vec::new();
    for some in services.chunks(AT_ONCE) {
        let names = some.join(" ");
        let said = lab.ask(
            spec,
            &format!(
                "for s in {names}; do timeout 8 bash -c '{ASK}' $s >/dev/shm/${{s//\\//-}} 2>&1 & done; wait; \
                 for s in {names}; do echo $(cat /dev/shm/${{s//\\//-}}); done"
            ),
        );
        heard.extend(said.lines().map(str::to_owned));
    }
    assert_eq!(heard.len(), services.len(), "{heard:?}");
    heard
}

/// What must not be reached. A datagram to an address that is not its host's first is answered from the first one, which
/// a program that is connected to the other does not hear.
fn forbidden(other: Ipv4Addr) -> Vec<String> {
    let both = [(LAN, 80), (GATEWAY, 22), (other, 8080), (INTERNET, 25), (INTERNET, 53)];
    let streams = [
        (Ipv4Addr::new(169, 254, 169, 254), 80),
        (Ipv4Addr::new(172, 16, 5, 5), 80),
        (Ipv4Addr::new(100, 64, 1, 1), 80),
        (Ipv4Addr::new(192, 168, 50, 1), 8443),
    ];
    let name = |transport, (address, port): (Ipv4Addr, u16)| format!("{transport}/{address}/{port}");
    let tcp = both.iter().chain(&streams).map(|service| name("tcp", *service));
    tcp.chain(both.iter().map(|service| name("udp", *service))).collect()
}

/// Whether the service was there: it answered with an address, or its host said that nobody listens.
fn reached(heard: &str) -> bool {
    heard.parse::<Ipv4Addr>().is_ok() || heard.contains("refused")
}

#[test]
fn a_virtual_machine_reaches_the_internet_and_the_exceptions_and_nothing_else_and_without_the_wall_it_would() {
    let allow = [
        Exception { address: LAN, protocol: Transport::Tcp, port: 3128 },
        Exception { address: GATEWAY, protocol: Transport::Tcp, port: 8443 },
    ];
    run_lab_allowing(&allow, async |lab| {
        let scene = scene(lab).await;
        let [machine, other] = &scene.specs;
        let open = ["tcp/93.184.216.34/443", "udp/93.184.216.34/443", "tcp/192.168.50.2/3128", "tcp/10.99.0.1/8443"];
        let heard = hear(lab, machine, &open.map(str::to_owned));
        let (outside, own) = (OUTSIDE.to_string(), machine.address.to_string());
        assert_eq!(heard, [&*outside, &*outside, "192.168.50.1", &*own]);

        let forbidden = forbidden(other.address);
        for (service, heard) in forbidden.iter().zip(hear(lab, machine, &forbidden)) {
            assert!(!reached(&heard), "{service}: {heard}");
        }
        let (address, lan) = (machine.address, &scene.lan.namespace);
        assert_eq!(in_network(lan, move || ask(Transport::Udp, None, (address, 8080))), None);

        shell(&format!("nft delete table inet {}", lab.config.host.instance));
        for (service, heard) in forbidden.iter().zip(hear(lab, machine, &forbidden)) {
            // What lies on the internet is left out: without the wall nobody translates the machine's address.
            if !service.contains(&INTERNET.to_string()) {
                assert!(reached(&heard), "{service} checks nothing: {heard}");
            }
        }
        for spec in &scene.specs {
            lab.qemu().destroy(&spec.id).await.unwrap();
        }
    });
}
