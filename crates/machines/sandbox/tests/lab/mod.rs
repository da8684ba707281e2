//! A sandbox driver on a host of its own for each test.

#![allow(dead_code, unused_imports, reason = "each test binary uses another part")]

use std::{
    fs,
    fs::File,
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anteroom_machines::{
    Driver, MachineSpec,
    suite::{Check, Host},
};
pub(crate) use anteroom_machines_host::lab::{enter, processes, shell, spec};
use anteroom_machines_host::{HostConfig, lab, netlink::addresses::Family};
use anteroom_machines_sandbox::{Config, Sandbox, SandboxDriver};
use anteroom_protocol::MachineId;
use async_trait::async_trait;

/// The agent of most tests: says that it is there, and stays.
pub(crate) const STAYING_AGENT: &str = "echo agent started\ncat >/dev/null\nexec sleep infinity\n";

/// The host.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) network: Arc<File>,
    opened: SandboxDriver,
    next_address: AtomicU32,
}

/// Runs a test on a host of its own, in a thread and a network namespace of its own.
pub(crate) fn run_lab(agent: &str, test: impl AsyncFnOnce(&Lab) + Send) {
    run_lab_with(agent, |_| {}, test);
}

/// The same on a host that is not configured as all others.
pub(crate) fn run_lab_with(
    agent: &str,
    change: impl FnOnce(&mut HostConfig) + Send,
    test: impl AsyncFnOnce(&Lab) + Send,
) {
    lab::in_own_network(async |network| {
        let lab = Lab::new(agent, change, network).await;
        test(&lab).await;
        lab.close().await;
    });
}

/// For `conformance!`.
pub(crate) fn run(check: Check) {
    run_lab(STAYING_AGENT, async |lab| check(lab).await);
}

/// A configuration of its own for each test, also when several test programs run at once.
pub(crate) fn config(directory: &Path, agent: &str) -> Config {
    let image = directory.join("image");
    lab::make_image(&image);
    let program = directory.join("agent");
    fs::write(&program, format!("#!/bin/sh\n{agent}")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let host = lab::host(&directory.join("machines"));
    let launcher = (env!("CARGO_BIN_EXE_sandbox-init").into(), vec![]);
    Config { host, sandbox: Sandbox { image, agent: program, launcher } }
}

impl Lab {
    async fn new(agent: &str, change: impl FnOnce(&mut HostConfig), network: Arc<File>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = config(directory.path(), agent);
        change(&mut config.host);
        let opened = anteroom_machines_sandbox::open(config.clone()).await.expect("the driver opens");
        Self { directory, config, network, opened, next_address: AtomicU32::new(2) }
    }

    /// The driver, as the product holds it.
    pub(crate) fn sandbox(&self) -> &SandboxDriver {
        &self.opened
    }

    /// A test that leaves machines has failed, and so has one after which the host is not as before.
    async fn close(&self) {
        assert_eq!(self.opened.list().await.unwrap(), []);
        lab::remove_groups(&self.config.host);
    }

    /// A machine's address of a family.
    pub(crate) fn address(&self, spec: &MachineSpec, family: Family) -> IpAddr {
        lab::address(&self.config.host, spec, family)
    }

    /// Process 1 of a machine.
    pub(crate) fn init(&self, id: &MachineId) -> i32 {
        self.process(id, "init")
    }

    /// Its parent on the host.
    pub(crate) fn monitor(&self, id: &MachineId) -> i32 {
        self.process(id, "monitor")
    }

    fn process(&self, id: &MachineId, which: &str) -> i32 {
        let text = fs::read_to_string(self.config.host.run_dir.join(id.as_str()).join("processes.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        i32::try_from(value[which]["pid"].as_i64().unwrap()).unwrap()
    }

    /// The agent: the one child of process 1 that came first.
    pub(crate) fn agent(&self, id: &MachineId) -> i32 {
        let init = self.init(id).to_string();
        let mut children = processes().into_iter().filter(|pid| parent(*pid).as_deref() == Some(&init));
        children.next().expect("process 1 has a child")
    }

    /// Waits until the machine's console holds a text, and returns all of it.
    pub(crate) async fn console(&self, id: &MachineId, wanted: &str) -> String {
        for _ in 0..6000 {
            let log = self.opened.logs(id).await.unwrap();
            if log.contains(wanted) {
                return log;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the console never said {wanted:?}: {:?}", self.opened.logs(id).await);
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        lab::end_all(&self.config.host.run_dir);
    }
}

fn parent(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
}

/// Everything on the host that carries the machine's name, found without the driver.
pub(crate) fn remains(config: &Config, id: &MachineId) -> Vec<String> {
    lab::remains(&config.host, id)
}

#[async_trait]
impl Host for Lab {
    fn driver(&self) -> Box<dyn Driver> {
        // Another instance over the same host: it shares no memory with the first but its configuration.
        let config = self.config.clone();
        let open = async move || anteroom_machines_sandbox::open(config).await.expect("the driver opens");
        Box::new(lab::apart(&self.network, open))
    }

    fn spec(&self) -> MachineSpec {
        lab::next_spec(self.next_address.fetch_add(1, Ordering::Relaxed))
    }

    async fn end_agent(&self, id: &MachineId) {
        let agent = rustix::process::Pid::from_raw(self.agent(id)).unwrap();
        rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
    }

    async fn litter(&self, spec: &MachineSpec) {
        let directory = self.config.host.run_dir.join(spec.id.as_str());
        fs::create_dir_all(directory.join("root")).unwrap();
        fs::write(directory.join("address"), spec.address.to_string()).unwrap();
        shell(&format!("ip link add art{} type veth peer name x{}", spec.id.short(), spec.id.short()));
        for controller in ["memory", "pids"] {
            let group = PathBuf::from("/sys/fs/cgroup").join(controller).join(&self.config.host.instance);
            if group.exists() {
                fs::create_dir(group.join(spec.id.as_str())).unwrap();
            }
        }
    }

    fn remains(&self, id: &MachineId) -> Vec<String> {
        remains(&self.config, id)
    }
}
