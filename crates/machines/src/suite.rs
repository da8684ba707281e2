//! The contract of [`Driver`] as tests. Each adapter brings a [`Host`] and a function that runs one check on a fresh
//! one, and says `conformance!(run)` in its tests.
//!
//! The checks know nothing of how a machine is made; what only one adapter can do is tested there.

use std::{future::Future, net::Ipv4Addr, pin::Pin, time::Duration};

use anteroom_protocol::MachineId;
use async_trait::async_trait;

use crate::{
    Capabilities, CreateError, Driver, Limit, MAX_LOG_BYTES, MAX_REACH_ADDRESSES, MAX_REACHED, MachineSpec, Observed,
    Reach,
};

/// How long anything in a check may take. A sandbox needs 0.1 s, a virtual machine some seconds; the rest is for busy
/// hosts.
const DEADLINE: Duration = Duration::from_secs(60);

/// A host on which checks make machines.
#[async_trait]
pub trait Host: Send + Sync {
    /// A new instance of the driver over the same host, as after a restart of the controller.
    fn driver(&self) -> Box<dyn Driver>;

    /// A machine with an id and an address of its own at each call. Its agent writes `agent started` to its console
    /// and stays until it is ended.
    fn spec(&self) -> MachineSpec;

    /// Ends the machine's agent as a crash does.
    async fn end_agent(&self, id: &MachineId);

    /// Leaves what a creation leaves that was interrupted by the end of its process.
    async fn litter(&self, spec: &MachineSpec);

    /// Everything on the host that belongs to the machine, in words; empty when it is gone. Found in another way than
    /// by the driver.
    fn remains(&self, id: &MachineId) -> Vec<String>;
}

/// One check on a fresh host.
pub type Check = for<'a> fn(&'a dyn Host) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Makes one test of each check. `$run` is a `fn(suite::Check)` that makes a host and a runtime and runs the check.
#[macro_export]
macro_rules! conformance {
    ($run:path) => {
        $crate::conformance!(@tests $run:
            a_created_machine_runs_and_a_destroyed_one_is_gone
            destroying_twice_or_what_never_was_succeeds
            creating_again_replaces_what_runs
            a_new_driver_takes_up_what_runs
            a_half_machine_is_listed_seen_dead_and_destroyed
            creation_replaces_a_half_machine
            the_end_of_the_agent_is_told_with_a_reason
            the_end_is_told_to_a_driver_that_did_not_make_the_machine
            an_end_that_nobody_waits_for_is_seen_later
            two_machines_are_apart
            logs_hold_what_the_agent_wrote
            usage_is_told_of_a_machine_that_runs_and_of_no_other
            what_a_machine_may_reach_goes_with_it
            too_much_to_reach_is_refused
            a_wrong_specification_makes_nothing
            limits_are_enforced_or_said_to_be_none);
    };
    (@tests $run:path: $($name:ident)*) => {
        $(#[test]
        fn $name() {
            $run(|host| ::std::boxed::Box::pin($crate::suite::$name(host)));
        })*
    };
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} took more than {DEADLINE:?}"),
    }
}

async fn create(driver: &dyn Driver, spec: &MachineSpec) {
    if let Err(error) = in_time("create", driver.create(spec)).await {
        let log = driver.logs(&spec.id).await;
        panic!("create failed: {error}; its log: {log:?}");
    }
}

async fn destroy(host: &dyn Host, driver: &dyn Driver, id: &MachineId) {
    in_time("destroy", driver.destroy(id)).await.expect("destroy succeeds");
    assert_eq!(host.remains(id), Vec::<String>::new(), "destroy returned, but not all is gone");
}

async fn observe(driver: &dyn Driver, id: &MachineId) -> Observed {
    in_time("inspect", driver.inspect(id)).await.expect("inspect succeeds")
}

async fn listed(driver: &dyn Driver) -> Vec<MachineId> {
    in_time("list", driver.list()).await.expect("list succeeds")
}

/// The whole life of one machine.
pub async fn a_created_machine_runs_and_a_destroyed_one_is_gone(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Absent);
    create(&*driver, &spec).await;
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Running);
    assert_eq!(listed(&*driver).await, std::slice::from_ref(&spec.id));
    assert_ne!(host.remains(&spec.id), Vec::<String>::new(), "the host must see a machine that runs");
    destroy(host, &*driver, &spec.id).await;
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Absent);
    assert_eq!(listed(&*driver).await, []);
}

/// A reconciler that lost the answer asks again.
pub async fn destroying_twice_or_what_never_was_succeeds(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    destroy(host, &*driver, &spec.id).await;
    create(&*driver, &spec).await;
    destroy(host, &*driver, &spec.id).await;
    destroy(host, &*driver, &spec.id).await;
}

/// The same for creation.
pub async fn creating_again_replaces_what_runs(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    create(&*driver, &spec).await;
    create(&*driver, &spec).await;
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Running);
    assert_eq!(listed(&*driver).await, std::slice::from_ref(&spec.id));
    destroy(host, &*driver, &spec.id).await;
}

/// The machine outlives the controller.
pub async fn a_new_driver_takes_up_what_runs(host: &dyn Host) {
    let spec = host.spec();
    create(&*host.driver(), &spec).await;
    let driver = host.driver();
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Running);
    assert_eq!(listed(&*driver).await, std::slice::from_ref(&spec.id));
    destroy(host, &*driver, &spec.id).await;
}

/// Whatever a killed controller leaves can be found and removed.
pub async fn a_half_machine_is_listed_seen_dead_and_destroyed(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    host.litter(&spec).await;
    assert_eq!(listed(&*driver).await, std::slice::from_ref(&spec.id));
    assert!(matches!(observe(&*driver, &spec.id).await, Observed::Dead { .. }));
    in_time("exited", driver.exited(&spec.id)).await;
    destroy(host, &*driver, &spec.id).await;
    assert_eq!(listed(&*driver).await, []);
}

/// First creation and recovery are the same call.
pub async fn creation_replaces_a_half_machine(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    host.litter(&spec).await;
    create(&*driver, &spec).await;
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Running);
    destroy(host, &*driver, &spec.id).await;
}

/// A crash in the machine reaches whoever waits.
pub async fn the_end_of_the_agent_is_told_with_a_reason(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    create(&*driver, &spec).await;
    let ended = driver.exited(&spec.id);
    tokio::pin!(ended);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut ended).await.is_err(),
        "exited returned though the machine runs"
    );
    host.end_agent(&spec.id).await;
    let reason = in_time("exited", ended).await;
    assert!(!reason.is_empty());
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Dead { reason });
    destroy(host, &*driver, &spec.id).await;
}

/// The waiter after a restart is another one.
pub async fn the_end_is_told_to_a_driver_that_did_not_make_the_machine(host: &dyn Host) {
    let spec = host.spec();
    create(&*host.driver(), &spec).await;
    let driver = host.driver();
    let ended = driver.exited(&spec.id);
    tokio::pin!(ended);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut ended).await.is_err());
    host.end_agent(&spec.id).await;
    assert!(!in_time("exited", ended).await.is_empty());
    destroy(host, &*driver, &spec.id).await;
}

/// A controller that was away learns the reason nevertheless.
pub async fn an_end_that_nobody_waits_for_is_seen_later(host: &dyn Host) {
    let spec = host.spec();
    create(&*host.driver(), &spec).await;
    host.end_agent(&spec.id).await;
    let driver = host.driver();
    let reason = in_time("exited", driver.exited(&spec.id)).await;
    assert_eq!(observe(&*driver, &spec.id).await, Observed::Dead { reason });
    destroy(host, &*driver, &spec.id).await;
    assert!(!in_time("exited", driver.exited(&spec.id)).await.is_empty());
}

/// Destroying one leaves the other alone.
pub async fn two_machines_are_apart(host: &dyn Host) {
    let (driver, one, two) = (host.driver(), host.spec(), host.spec());
    let (first, second) = tokio::join!(driver.create(&one), driver.create(&two));
    assert_eq!((first, second), (Ok(()), Ok(())));
    let mut both = vec![one.id.clone(), two.id.clone()];
    both.sort();
    assert_eq!(listed(&*driver).await, both);
    destroy(host, &*driver, &one.id).await;
    assert_eq!(observe(&*driver, &two.id).await, Observed::Running);
    destroy(host, &*driver, &two.id).await;
}

/// A failed start can be explained.
pub async fn logs_hold_what_the_agent_wrote(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    assert_eq!(driver.logs(&spec.id).await, Ok(String::new()));
    create(&*driver, &spec).await;
    let written = async {
        loop {
            let log = driver.logs(&spec.id).await.expect("logs succeeds");
            if log.contains("agent started") {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(in_time("the log", written).await.len() <= MAX_LOG_BYTES);
    host.end_agent(&spec.id).await;
    in_time("exited", driver.exited(&spec.id)).await;
    assert!(driver.logs(&spec.id).await.expect("logs succeeds").contains("agent started"));
    destroy(host, &*driver, &spec.id).await;
}

/// A driver that can't say what a machine uses says nothing.
pub async fn usage_is_told_of_a_machine_that_runs_and_of_no_other(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    assert_eq!(in_time("usage", driver.usage(&spec.id)).await, Ok(None));
    create(&*driver, &spec).await;
    if let Some(usage) = in_time("usage", driver.usage(&spec.id)).await.expect("usage succeeds") {
        let limit = u64::from(spec.limits.memory_mb) << 20;
        assert!((1..=limit).contains(&usage.memory_bytes), "{usage:?} of {limit}");
    }
    destroy(host, &*driver, &spec.id).await;
    assert_eq!(in_time("usage", driver.usage(&spec.id)).await, Ok(None));
}

/// Public addresses, each once.
fn reach(range: std::ops::Range<usize>) -> Reach {
    let address = |number| Ipv4Addr::from(u32::from(Ipv4Addr::new(93, 0, 0, 0)) + u32::try_from(number).unwrap_or(0));
    Reach { addresses: range.map(|number| address(number).into()).collect(), seconds: 60 }
}

/// Its address may be the next machine's.
pub async fn what_a_machine_may_reach_goes_with_it(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    assert!(in_time("reach", driver.reach(&spec.id, &reach(0..2))).await.is_err(), "of a machine that is not there");
    assert_eq!(host.remains(&spec.id), Vec::<String>::new());
    create(&*driver, &spec).await;
    in_time("reach", driver.reach(&spec.id, &reach(0..2))).await.expect("reach succeeds");
    in_time("reach", host.driver().reach(&spec.id, &reach(1..3))).await.expect("another driver goes on");
    destroy(host, &*driver, &spec.id).await;
    assert!(in_time("reach", driver.reach(&spec.id, &reach(0..1))).await.is_err(), "of a machine that is gone");
    assert_eq!(host.remains(&spec.id), Vec::<String>::new());
}

/// A name server of somebody else's must not fill the host's memory.
pub async fn too_much_to_reach_is_refused(host: &dyn Host) {
    let (driver, spec) = (host.driver(), host.spec());
    create(&*driver, &spec).await;
    for wrong in [reach(0..0), reach(0..MAX_REACH_ADDRESSES + 1), Reach { seconds: 0, ..reach(0..1) }] {
        assert!(driver.reach(&spec.id, &wrong).await.is_err(), "{wrong:?}");
    }
    for at in (0..MAX_REACHED).step_by(MAX_REACH_ADDRESSES) {
        in_time("reach", driver.reach(&spec.id, &reach(at..at + MAX_REACH_ADDRESSES))).await.expect("there is room");
    }
    assert!(driver.reach(&spec.id, &reach(MAX_REACHED..MAX_REACHED + 1)).await.is_err(), "one too many");
    in_time("reach", driver.reach(&spec.id, &reach(0..1))).await.expect("one that is reached already");
    destroy(host, &*driver, &spec.id).await;
}

/// Everything is checked before anything is made.
pub async fn a_wrong_specification_makes_nothing(host: &dyn Host) {
    let (driver, mut spec) = (host.driver(), host.spec());
    spec.limits.pids = 0;
    assert!(matches!(driver.create(&spec).await, Err(CreateError::Invalid { .. })));
    assert_eq!(host.remains(&spec.id), Vec::<String>::new());
    assert_eq!(listed(&*driver).await, []);
}

/// A limit that is not held says so (failures.md 47: limits that stand in the configuration and nowhere else).
pub async fn limits_are_enforced_or_said_to_be_none(host: &dyn Host) {
    let Capabilities { memory, pids, cpu, disk, walled, restricted: _ } = host.driver().capabilities();
    for limit in [memory, pids, cpu, disk, walled] {
        match limit {
            Limit::Enforced(by) => assert!(!by.is_empty()),
            Limit::Unavailable(why) => assert!(!why.is_empty()),
        }
    }
}
