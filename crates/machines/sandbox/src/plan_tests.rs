use std::net::{IpAddr, Ipv4Addr};

use anteroom_machines::{Additions, Limits};
use anteroom_machines_host::NetworkPolicy;
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};

use super::*;

#[test]
fn the_token_is_in_the_boot_document_and_nowhere_else() {
    let address = Ipv4Addr::new(10, 87, 0, 2);
    let spec = MachineSpec {
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
        additions: Additions::default(),
    };
    let sandbox = Sandbox {
        image: "/var/cache/anteroom/image".into(),
        agent: "/usr/libexec/anteroom-guest".into(),
        launcher: ("/usr/bin/anteroom".into(), vec!["sandbox-init".into()]),
    };
    let host = HostConfig {
        instance: "anteroom".into(),
        device_prefix: "ar".into(),
        run_dir: "/run/anteroom/machines".into(),
        first_uid: 200_000,
        keep_free: 0,
        network: NetworkPolicy {
            pool: "10.87.0.0/16".parse().unwrap(),
            gateway: Ipv4Addr::new(10, 87, 0, 1),
            pool6: None,
            guest_port: 4001,
            restrict: false,
            resolvers: vec![],
            walled: vec![],
            allow: vec![],
        },
    };
    let here = Circumstances { mtu: 1460, uid: 200_002, cgroups: vec![], machine_id: [0xab; 16] };
    let launch = launch(&sandbox, &host, &spec, &here).unwrap();
    assert!(launch.boot.expose().contains("the-token"));
    assert!(!format!("{launch:?}").contains("the-token"));
    let document = serde_json::to_string(&launch).unwrap();
    assert_eq!(document.matches("the-token").count(), 1);
}
