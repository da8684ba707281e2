use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicU8, Ordering},
};

use anteroom_protocol::guest::{Boot, DesktopSize, MediaEngine};

use super::*;
use crate::{
    Additions, Limits,
    suite::{Check, Host},
};

#[derive(Default)]
struct FakeHost {
    world: World,
    next: AtomicU8,
}

#[async_trait]
impl Host for FakeHost {
    fn driver(&self) -> Box<dyn Driver> {
        Box::new(self.world.driver())
    }

    fn spec(&self) -> MachineSpec {
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 2;
        let address = Ipv4Addr::new(10, 87, 0, number);
        MachineSpec {
            id: MachineId::from_random([number; 16]),
            address,
            boot: Boot {
                controller_url: "http://10.87.0.1:4001".into(),
                token: String::from("token").into(),
                address: IpAddr::V4(address),
                desktop: DesktopSize { width: 1280, height: 720 },
                environment: vec![],
                engine: MediaEngine::Str0m,
            },
            limits: Limits::default(),
            additions: Additions::default(),
        }
    }

    async fn end_agent(&self, id: &MachineId) {
        self.world.end(id, "the agent was ended by the test");
    }

    async fn litter(&self, spec: &MachineSpec) {
        self.world.litter(spec);
    }

    fn remains(&self, id: &MachineId) -> Vec<String> {
        self.world.state().machines.get(id).map(|_| "an entry".to_owned()).into_iter().collect()
    }
}

fn run_with(check: impl AsyncFnOnce(&FakeHost)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(check(&FakeHost::default()));
}

fn run(check: Check) {
    run_with(async |host| check(host).await);
}

crate::conformance!(run);

#[test]
fn a_fault_strikes_once_and_only_its_call() {
    run_with(async |host| {
        let (driver, spec) = (host.world.driver(), host.spec());
        host.world.plan(Call::Create, Fault::Fails);
        assert_eq!(driver.list().await, Ok(vec![]));
        assert!(driver.create(&spec).await.is_err());
        assert_eq!(driver.inspect(&spec.id).await, Ok(Observed::Absent));
        assert_eq!(driver.create(&spec).await, Ok(()));
        assert_eq!(driver.inspect(&spec.id).await, Ok(Observed::Running));
    });
}

#[test]
fn halfway_and_lost_answers_leave_what_a_crash_leaves() {
    run_with(async |host| {
        let (driver, spec) = (host.world.driver(), host.spec());
        host.world.plan(Call::Create, Fault::FailsHalfway);
        host.world.plan(Call::Create, Fault::FailsAfterwards);
        host.world.plan(Call::Destroy, Fault::FailsHalfway);
        assert!(driver.create(&spec).await.is_err());
        assert!(matches!(driver.inspect(&spec.id).await, Ok(Observed::Dead { .. })));
        assert!(driver.create(&spec).await.is_err());
        assert_eq!(driver.inspect(&spec.id).await, Ok(Observed::Running));
        assert!(driver.destroy(&spec.id).await.is_err());
        assert_eq!(driver.list().await, Ok(vec![spec.id.clone()]));
        assert_eq!(driver.destroy(&spec.id).await, Ok(()));
        assert_eq!(host.world.counts(), (2, 1));
    });
}

#[test]
fn the_world_wakes_whoever_waits_for_a_machine() {
    run_with(async |host| {
        let (driver, spec) = (host.world.driver(), host.spec());
        let seen = host.world.until(|world| world.running().len() == 1);
        let (created, ()) = tokio::join!(driver.create(&spec), seen);
        assert_eq!(created, Ok(()));
        assert_eq!(host.world.running()[0].boot.token.expose(), "token");
    });
}
