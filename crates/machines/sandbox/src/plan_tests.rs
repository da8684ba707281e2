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

fn planned(additions: Additions) -> Launch {
    let here = Circumstances {
        mtu: 1460,
        uid: 200_002,
        cgroups: vec!["/sys/fs/cgroup/memory/anteroom/x".into()],
        machine_id: [0xab; 16],
    };
    launch(&example(), &spec(additions), here).unwrap()
}

fn file<'a>(launch: &'a Launch, path: &str) -> &'a PlannedFile {
    launch.files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is not planned"))
}

#[test]
fn names_resolve_by_the_additions_and_the_configured_resolvers_only() {
    let hosts = vec![HostEntry { address: "192.168.3.4".parse().unwrap(), name: "auth.example".into() }];
    let launch = planned(Additions { hosts, ..Additions::default() });
    assert!(file(&launch, "/etc/hosts").contents.contains("192.168.3.4 auth.example\n"));
    assert_eq!(file(&launch, "/etc/resolv.conf").contents, "nameserver 9.9.9.9\n");
    assert_eq!(file(&launch, "/etc/machine-id").contents, format!("{}\n", "ab".repeat(16)));
}

#[test]
fn certificates_reach_the_bundle_the_extra_file_and_the_browsers_policy() {
    let launch = planned(Additions { ca_certificates: vec![PEM.into()], ..Additions::default() });
    assert_eq!(file(&launch, CA_BUNDLE_PATH).how, How::Append);
    assert!(file(&launch, EXTRA_CA_PATH).contents.contains("BEGIN CERTIFICATE"));
    assert_eq!(file(&launch, CA_POLICY_PATH).contents, r#"{"CACertificates":["AAECAwQ="]}"#);
    assert!(planned(Additions::default()).files.iter().all(|file| file.path != CA_POLICY_PATH));
}

#[test]
fn an_added_file_belongs_to_the_user_only_below_the_home_directory() {
    let added = |path: &str| MachineFile { path: path.into(), contents: "x".into(), mode: 0o600 };
    let files = vec![added("/home/user/.npmrc"), added("/home/userx/y"), added("/etc/y")];
    let launch = planned(Additions { files, ..Additions::default() });
    assert_eq!(file(&launch, "/home/user/.npmrc").owner, Owner::User);
    assert_eq!(file(&launch, "/home/userx/y").owner, Owner::Root);
    assert_eq!(file(&launch, "/etc/y").owner, Owner::Root);
}

#[test]
fn the_token_is_in_the_boot_document_and_nowhere_else() {
    let launch = planned(Additions::default());
    assert!(launch.boot.expose().contains("the-token"));
    assert!(!format!("{launch:?}").contains("the-token"));
    let document = serde_json::to_string(&launch).unwrap();
    assert_eq!(document.matches("the-token").count(), 1);
}
