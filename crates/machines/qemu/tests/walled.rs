//! The wall around virtual machines: what programs in one reach and what not, by IPv4 and by IPv6, with an internet, a
//! company's network and a metadata service that the test makes; and the same without the wall, to show that these checks
//! can fail. The table is that of all drivers; its finer points are tested with the sandbox.

mod lab;

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpStream},
};

use anteroom_machines::{Driver as _, MachineSpec, suite::Host as _};
use anteroom_machines_host::{
    Transport,
    lab::{
        self as host,
        elsewhere::{ANSWER, in_network},
        outside::{self, COMPANY, GATEWAY, INTERNET, Outside, Service, of},
    },
    netlink::addresses::Family,
};
use lab::{Lab, run_lab_with, shell};

/// Each takes three processes of the machine's 64.
const AT_ONCE: usize = 8;

/// What a program in the machine hears from each service: its answer, or why there is none.
fn hear(lab: &Lab, spec: &MachineSpec, services: &[Service]) -> Vec<String> {
    const ASK: &str = "exec 4<>/dev/$0; [ ${0:0:3} = tcp ] || echo ? >&4; dd bs=64 count=1 status=none <&4";
    let name = |s: &Service| format!("{}/{}/{}", s.transport.as_str(), s.address, s.port);
    let mut heard = Vec::new();
    for some in services.chunks(AT_ONCE) {
        let names = some.iter().map(name).collect::<Vec<_>>().join(" ");
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
fn forbidden(family: Family, other: IpAddr) -> Vec<Service> {
    let first = [COMPANY, GATEWAY, INTERNET].map(|addresses| of(family, addresses));
    let mut all = outside::forbidden(family, other);
    all.retain(|service| {
        service.transport == Transport::Tcp || service.address == other || first.contains(&service.address)
    });
    all
}

/// Whether the service was there: it answered with an address, or its host said that nobody listens.
fn reached(heard: &str) -> bool {
    heard.parse::<IpAddr>().is_ok() || heard.contains("refused")
}

/// Whether a machine said that nobody listens: so it was reached.
fn is_refused(to: (IpAddr, u16)) -> bool {
    let connected = TcpStream::connect_timeout(&SocketAddr::from(to), ANSWER);
    connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn reaches_what_it_should_and_nothing_else(family: Family) {
    run_lab_with(
        |host| outside::configure(&mut host.network),
        async |lab| {
            let outside = Outside::new(&lab.network);
            let specs = [lab.spec(), lab.spec()];
            for spec in &specs {
                lab.create(spec).await;
            }
            let [own, other] = [0, 1].map(|index| host::address(&lab.config.host, &specs[index], family));
            let (open, seen): (Vec<Service>, Vec<IpAddr>) = outside::open(family, own).into_iter().unzip();
            let seen: Vec<String> = seen.iter().map(ToString::to_string).collect();
            assert_eq!(hear(lab, &specs[0], &open), seen);

            let forbidden = forbidden(family, other);
            for (service, heard) in forbidden.iter().zip(hear(lab, &specs[0], &forbidden)) {
                assert!(!reached(&heard), "{service:?}: {heard}");
            }
            let company_comes_in = || in_network(&outside.company.namespace, move || is_refused((own, 8080)));
            assert!(!company_comes_in(), "{own} is reached from outside");

            shell(&format!("nft delete table inet {}", lab.config.host.instance));
            for (service, heard) in forbidden.iter().zip(hear(lab, &specs[0], &forbidden)) {
                // What lies on the internet is left out: without the wall nobody translates the machine's address.
                if !service.is_on_the_internet() {
                    assert!(reached(&heard), "{service:?} checks nothing: {heard}");
                }
            }
            assert!(company_comes_in(), "checks nothing");
            for spec in &specs {
                lab.qemu().destroy(&spec.id).await.unwrap();
            }
        },
    );
}

#[test]
fn a_virtual_machine_reaches_the_internet_and_the_exceptions_and_nothing_else_and_without_the_wall_it_would() {
    reaches_what_it_should_and_nothing_else(Family::V4);
}

#[test]
fn by_ipv6_a_virtual_machine_reaches_the_same_and_nothing_else_and_without_the_wall_it_would() {
    reaches_what_it_should_and_nothing_else(Family::V6);
}
