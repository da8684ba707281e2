use std::net::{IpAddr, Ipv4Addr};

use anteroom_machines::Additions;
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};

use super::*;

const POLICY: Policy = Policy {
    client: 1000,
    max_machines: 2,
    limits: Limits { memory_mb: 512, pids: 128, cpu_percent: 100, disk_mb: 64 },
};

fn spec(limits: Limits) -> MachineSpec {
    let address = Ipv4Addr::new(10, 87, 0, 2);
    MachineSpec {
        id: MachineId::from_random([7; 16]),
        address,
        boot: Boot {
            controller_url: "http://10.87.0.1:4001".into(),
            token: String::from("token").into(),
            address: IpAddr::V4(address),
            desktop: DesktopSize { width: 1280, height: 720 },
            environment: vec![],
            engine: MediaEngine::Str0m,
        },
        limits,
        additions: Additions::default(),
    }
}

#[test]
fn the_controllers_user_and_root_may_ask_and_nobody_else() {
    assert!(POLICY.may_ask(0) && POLICY.may_ask(1000));
    assert!(!POLICY.may_ask(1001) && !POLICY.may_ask(65534));
}

#[test]
fn each_limit_of_a_machine_is_at_most_the_helpers_own() {
    assert_eq!(POLICY.check(&spec(POLICY.limits), 0), Ok(()));
    let most = POLICY.limits;
    for (field, limits) in [
        ("limits.memory_mb", Limits { memory_mb: 513, ..most }),
        ("limits.pids", Limits { pids: 129, ..most }),
        ("limits.cpu_percent", Limits { cpu_percent: 101, ..most }),
        ("limits.disk_mb", Limits { disk_mb: 65, ..most }),
    ] {
        let Err(CreateError::Invalid { problem, .. }) = POLICY.check(&spec(limits), 0) else {
            panic!("{field} was allowed");
        };
        assert_eq!(problem.field, field);
    }
}

#[test]
fn one_machine_too_many_is_refused() {
    assert_eq!(POLICY.check(&spec(POLICY.limits), 1), Ok(()));
    assert!(matches!(POLICY.check(&spec(POLICY.limits), 2), Err(CreateError::Failed(_))));
}
