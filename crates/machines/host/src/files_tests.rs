use std::net::{IpAddr, Ipv4Addr};

use anteroom_machines::{Additions, HostEntry, Limits, MachineFile};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};

use super::*;
use crate::config::example;

const PEM: &str = "Bag\n-----BEGIN CERTIFICATE-----\r\nAAEC\r\nAwQ=\r\n-----END CERTIFICATE-----\n";

fn spec(additions: Additions) -> MachineSpec {
    let address = Ipv4Addr::new(10, 87, 0, 2);
    MachineSpec {
        id: MachineId::from_random([0x42; 16]),
        address,
        boot: Boot {
            controller_url: "http://10.87.0.1:4001".into(),
            token: String::from("the-token").into(),
            address: IpAddr::V4(address),
            desktop: DesktopSize { width: 1280, height: 720 },
            environment: vec![],
            engine: MediaEngine::Str0m,
        },
        limits: Limits::default(),
        additions,
    }
}

fn planned(additions: Additions) -> Vec<PlannedFile> {
    files(&example(), &spec(additions), "machine-x", [0xab; 16])
}

fn file<'a>(files: &'a [PlannedFile], path: &str) -> &'a PlannedFile {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not planned"))
}

#[test]
fn names_resolve_by_the_additions_and_the_configured_resolvers_only() {
    let hosts = vec![HostEntry { address: "192.168.3.4".parse().unwrap(), name: "auth.example".into() }];
    let files = planned(Additions { hosts, ..Additions::default() });
    assert!(file(&files, "/etc/hosts").contents.contains("192.168.3.4 auth.example\n"));
    assert_eq!(file(&files, "/etc/resolv.conf").contents, "nameserver 9.9.9.9\nnameserver 2620:fe::9\n");
    assert_eq!(file(&files, "/etc/machine-id").contents, format!("{}\n", "ab".repeat(16)));
}

#[test]
fn certificates_reach_the_bundle_the_extra_file_and_the_browsers_policy() {
    let files = planned(Additions { ca_certificates: vec![PEM.into()], ..Additions::default() });
    assert_eq!(file(&files, CA_BUNDLE_PATH).how, How::Append);
    assert!(file(&files, EXTRA_CA_PATH).contents.contains("BEGIN CERTIFICATE"));
    assert_eq!(file(&files, CA_POLICY_PATH).contents, r#"{"CACertificates":["AAECAwQ="]}"#);
    assert!(planned(Additions::default()).iter().all(|file| file.path != CA_POLICY_PATH));
}

#[test]
fn an_added_file_belongs_to_the_user_only_below_the_home_directory() {
    let added = |path: &str| MachineFile { path: path.into(), contents: "x".into(), mode: 0o600 };
    let added = vec![added("/home/user/.npmrc"), added("/home/userx/y"), added("/etc/y")];
    let files = planned(Additions { files: added, ..Additions::default() });
    assert_eq!(file(&files, "/home/user/.npmrc").owner, Owner::User);
    assert_eq!(file(&files, "/home/userx/y").owner, Owner::Root);
    assert_eq!(file(&files, "/etc/y").owner, Owner::Root);
}
