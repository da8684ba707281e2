//! A host for tests: a network namespace, an image and directories of its own, so that tests neither meet each other
//! nor a controller that serves on this machine. Needs root, as the driver does.

#![allow(dead_code, reason = "each test binary uses another part")]

use std::{
    fs,
    fs::File,
    net::{IpAddr, Ipv4Addr},
    os::{fd::AsFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anteroom_machines::{
    Additions, Driver, Limits, MachineSpec,
    suite::{Check, Host},
};
use anteroom_machines_sandbox::{Config, Exception, NetworkPolicy, SandboxDriver};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};
use async_trait::async_trait;
use rustix::thread::UnshareFlags;

/// Programs of the test's image, copied from the host with their libraries.
const PROGRAMS: [&str; 12] = [
    "/bin/sh",
    "/bin/cat",
    "/bin/sleep",
    "/bin/dd",
    "/bin/ls",
    "/bin/head",
    "/bin/true",
    "/usr/bin/id",
    "/usr/bin/touch",
    "/bin/mkdir",
    "/usr/bin/find",
    "/usr/bin/unshare",
];
/// The agent of most tests: says that it is there, and stays.
pub(crate) const STAYING_AGENT: &str = "echo agent started\ncat >/dev/null\nexec sleep infinity\n";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The host.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) network: Arc<File>,
    opened: SandboxDriver,
    next_address: AtomicU32,
}

/// Runs a test on a host of its own, in a thread and a network namespace of its own.
pub(crate) fn run_lab(agent: &str, allow: &[Exception], test: impl AsyncFnOnce(&Lab) + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: shares no file descriptors with another thread.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.expect("a network namespace; run as root");
            let network = Arc::new(File::open("/proc/thread-self/ns/net").unwrap());
            shell("ip link set lo up");
            let inside = Arc::clone(&network);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .on_thread_start(move || enter(&inside))
                .build()
                .unwrap();
            runtime.block_on(async {
                let lab = Lab::new(agent, allow, network).await;
                test(&lab).await;
                lab.close().await;
            });
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// For `conformance!`.
pub(crate) fn run(check: Check) {
    run_lab(STAYING_AGENT, &[], async |lab| check(lab).await);
}

/// Moves the calling thread into a network namespace.
pub(crate) fn enter(network: &File) {
    rustix::thread::move_into_link_name_space(network.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))
        .unwrap();
}

/// Runs a line of shell in the calling thread's network namespace and returns what it says.
pub(crate) fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A configuration of its own for each test, also when several test programs run at once.
pub(crate) fn config(directory: &Path, agent: &str, allow: &[Exception]) -> Config {
    let image = directory.join("image");
    make_image(&image);
    let program = directory.join("agent");
    fs::write(&program, format!("#!/bin/sh\n{agent}")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    Config {
        instance: instance_name(),
        device_prefix: "art".into(),
        image,
        agent: program,
        launcher: (env!("CARGO_BIN_EXE_sandbox-init").into(), vec![]),
        run_dir: directory.join("machines"),
        first_uid: 300_000,
        network: NetworkPolicy {
            pool: "10.99.0.0/16".parse().unwrap(),
            gateway: Ipv4Addr::new(10, 99, 0, 1),
            guest_port: 4001,
            resolvers: vec![],
            allow: allow.to_vec(),
        },
    }
}

/// Letters that no other test of this boot has at the same time.
fn instance_name() -> String {
    let number = u64::from(std::process::id()) * 1000 + u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let letters = number.to_string().bytes().map(|digit| char::from(b'a' + digit - b'0')).collect::<String>();
    format!("t-{letters}")
}

fn make_image(image: &Path) {
    if image.exists() {
        return;
    }
    for directory in ["dev", "proc", "tmp", "run", "etc/ssl/certs", "home/user", "opt", "usr/bin", "bin", "lib64"] {
        fs::create_dir_all(image.join(directory)).unwrap();
    }
    fs::write(image.join("etc/ssl/certs/ca-certificates.crt"), "the bundle\n").unwrap();
    fs::write(image.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n").unwrap();
    fs::write(image.join("home/user/.profile"), "").unwrap();
    for program in PROGRAMS {
        copy(image, Path::new(program));
        for library in shell(&format!("ldd {program}")).split_whitespace().filter(|word| word.starts_with('/')) {
            copy(image, Path::new(library));
        }
    }
}

fn copy(image: &Path, file: &Path) {
    let target = image.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(file, target).unwrap();
}

impl Lab {
    async fn new(agent: &str, allow: &[Exception], network: Arc<File>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), agent, allow);
        let opened = SandboxDriver::open(config.clone()).await.expect("the driver opens");
        Self { directory, config, network, opened, next_address: AtomicU32::new(2) }
    }

    /// The driver, as the product holds it.
    pub(crate) fn sandbox(&self) -> &SandboxDriver {
        &self.opened
    }

    /// A test that leaves machines has failed, and so has one after which the host is not as before.
    async fn close(&self) {
        assert_eq!(self.opened.list().await.unwrap(), []);
        remove_groups(&self.config);
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
        let text = fs::read_to_string(self.config.run_dir.join(id.as_str()).join("processes.json")).unwrap();
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
    /// A test that failed in the middle leaves machines, which would outlive it as they outlive a controller.
    fn drop(&mut self) {
        let run_dir = self.config.run_dir.display().to_string();
        for pid in processes() {
            let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&arguments).contains(&run_dir)
                && let Some(pid) = rustix::process::Pid::from_raw(pid)
            {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// Removes the instance's own, empty groups.
pub(crate) fn remove_groups(config: &Config) {
    for controller in ["memory", "pids", "cpu", "."] {
        let group = Path::new("/sys/fs/cgroup").join(controller).join(&config.instance);
        if group.exists() {
            fs::remove_dir(&group).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
        }
    }
}

pub(crate) fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.to_owned())
}

/// Everything on the host that carries the machine's name, found without the driver. A namespace lives by its
/// processes, and each process of a machine shows its name in its list of mounts.
pub(crate) fn remains(config: &Config, id: &MachineId) -> Vec<String> {
    let mut found = Vec::new();
    for pid in processes() {
        let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        for file in ["cmdline", "cgroup", "mountinfo"] {
            if String::from_utf8_lossy(&read(file)).contains(id.as_str()) {
                found.push(format!("process {pid}, by its {file}"));
            }
        }
    }
    for (what, text) in [("a device", shell("ip -o link")), ("the firewall", shell("nft list ruleset"))] {
        if text.contains(id.short()) {
            found.push(what.to_owned());
        }
    }
    let groups = shell(&format!("find /sys/fs/cgroup -maxdepth 3 -path '*/{}/{id}'", config.instance));
    found.extend(groups.lines().map(|group| format!("the group {group}")));
    if config.run_dir.join(id.as_str()).exists() {
        found.push("its directory".to_owned());
    }
    found
}

/// A machine's specification.
pub(crate) fn spec(random: [u8; 16], address: Ipv4Addr) -> MachineSpec {
    MachineSpec {
        id: MachineId::from_random(random),
        address,
        boot: Boot {
            controller_url: "http://10.99.0.1:4001".into(),
            token: String::from("the-machines-token").into(),
            address: IpAddr::V4(address),
            desktop: DesktopSize { width: 1280, height: 720 },
            environment: vec![],
            engine: MediaEngine::Str0m,
        },
        limits: Limits { memory_mb: 256, pids: 64, cpu_percent: 100, disk_mb: 32 },
        additions: Additions::default(),
    }
}

#[async_trait]
impl Host for Lab {
    fn driver(&self) -> Box<dyn Driver> {
        // Another instance over the same host: it shares no memory with the first but its configuration.
        let (config, network) = (self.config.clone(), Arc::clone(&self.network));
        let opened = std::thread::spawn(move || {
            enter(&network);
            let inside = Arc::clone(&network);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .on_thread_start(move || enter(&inside))
                .build()
                .unwrap();
            runtime.block_on(SandboxDriver::open(config)).expect("the driver opens")
        });
        Box::new(opened.join().unwrap())
    }

    fn spec(&self) -> MachineSpec {
        let number = self.next_address.fetch_add(1, Ordering::Relaxed);
        // No other machine of this boot has it: tests run side by side and look for theirs by its id.
        let mut random = [0x5a; 16];
        random[8..12].copy_from_slice(&std::process::id().to_be_bytes());
        random[12..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        spec(random, Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 99, 0, 0)) + number))
    }

    async fn end_agent(&self, id: &MachineId) {
        let agent = rustix::process::Pid::from_raw(self.agent(id)).unwrap();
        rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
    }

    async fn litter(&self, spec: &MachineSpec) {
        let directory = self.config.run_dir.join(spec.id.as_str());
        fs::create_dir_all(directory.join("root")).unwrap();
        fs::write(directory.join("address"), spec.address.to_string()).unwrap();
        shell(&format!("ip link add art{} type veth peer name x{}", spec.id.short(), spec.id.short()));
        for controller in ["memory", "pids"] {
            let group = PathBuf::from("/sys/fs/cgroup").join(controller).join(&self.config.instance);
            if group.exists() {
                fs::create_dir(group.join(spec.id.as_str())).unwrap();
            }
        }
    }

    fn remains(&self, id: &MachineId) -> Vec<String> {
        remains(&self.config, id)
    }
}
