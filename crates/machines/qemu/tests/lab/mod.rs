//! A qemu driver on a host of its own for each test, under emulation, with a light agent. The kernel, the small image and
//! the template are made once for all tests, in the build directory.

#![allow(dead_code, unused_imports, reason = "each test binary uses another part")]

use std::{
    collections::HashMap,
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anteroom_machines::{
    Driver, Limits, MachineSpec,
    suite::{Check, Host},
};
pub(crate) use anteroom_machines_host::lab::{processes, shell};
use anteroom_machines_host::{HostConfig, lab};
use anteroom_machines_qemu::{Accelerate, Config, QemuDriver, Sources, TemplateOf};
use anteroom_protocol::{MachineId, guest::DesktopSize};
use async_trait::async_trait;

/// Keeps a desktop that nobody sees but its console, reads nothing ahead, and else: says that it is there, runs one line of shell for each line that it hears from the controller's endpoint, answers with
/// what the line says, and ends as a crash does when nobody is there any more.
const AGENT: &str = r#"#!/bin/bash
case "$1" in
desktop) echo "a desktop of $2" >&2 && echo ready && exec sleep infinity ;;
warm) exit ;;
esac
cat > /dev/null
echo agent started
exec 3<>/dev/tcp/10.99.0.1/4001 || echo no way to the controller
while read -r line <&3; do
    eval "$line" >/dev/shm/said 2>&1
    cat /dev/shm/said >&3
    printf 'done.\n' >&3
done
kill -KILL $$
"#;
/// Beside those of other drivers' tests.
const PROGRAMS: [&str; 4] = ["/bin/bash", "/bin/date", "/usr/bin/od", "/usr/bin/timeout"];
/// As in the specifications of the common lab.
const DESKTOP: DesktopSize = DesktopSize { width: 1280, height: 720 };
/// How long anything may take on a busy host, under emulation.
const DEADLINE: Duration = Duration::from_secs(90);

/// The host.
pub(crate) struct Lab {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) network: Arc<File>,
    opened: QemuDriver,
    next_address: AtomicU32,
    agents: Arc<Agents>,
}

/// Connections of agents, by their machines' addresses.
#[derive(Default)]
struct Agents {
    streams: Mutex<HashMap<IpAddr, TcpStream>>,
    changed: std::sync::Condvar,
}

/// Runs a test on a host of its own. With a template machines are clones, without they boot.
pub(crate) fn run_lab(cloned: bool, test: impl AsyncFnOnce(&Lab) + Send) {
    run_on(cloned, |_| {}, &shell_agent(), test);
}

/// The same with clones whose agent shows what it has drawn.
pub(crate) fn run_twins(test: impl AsyncFnOnce(&Lab) + Send) {
    run_on(true, |_| {}, &twin(), test);
}

/// The same with clones, on a host that is not configured as all others.
pub(crate) fn run_lab_with(change: impl FnOnce(&mut HostConfig) + Send, test: impl AsyncFnOnce(&Lab) + Send) {
    run_on(true, change, &shell_agent(), test);
}

fn run_on(
    cloned: bool,
    change: impl FnOnce(&mut HostConfig) + Send,
    agent: &Path,
    test: impl AsyncFnOnce(&Lab) + Send,
) {
    // The kernel is fetched by the host's own network.
    let sources = sources(agent);
    lab::in_own_network(async |network| {
        let lab = Lab::new(cloned, change, sources, network).await;
        test(&lab).await;
        assert_eq!(lab.opened.list().await.unwrap(), []);
        lab::remove_groups(&lab.config.host);
    });
}

/// For `conformance!`.
pub(crate) fn run(check: Check) {
    run_lab(true, async |lab| check(lab).await);
}

/// What each machine of a test may use.
pub(crate) fn limits() -> Limits {
    Limits { memory_mb: 160, pids: 64, cpu_percent: 100, disk_mb: 32 }
}

impl Lab {
    async fn new(cloned: bool, change: impl FnOnce(&mut HostConfig), sources: Sources, network: Arc<File>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut host = lab::host(&directory.path().join("machines"));
        change(&mut host);
        let config = Config {
            host,
            sources,
            launcher: (env!("CARGO_BIN_EXE_qemu-init").into(), vec![]),
            accelerate: Accelerate::Tcg,
            template: cloned.then(|| TemplateOf { limits: limits(), desktop: DESKTOP }),
        };
        let opened = anteroom_machines_qemu::open(config.clone()).await.expect("the driver opens");
        let agents = Arc::<Agents>::default();
        agents.listen(&config.host);
        Self { directory, config, network, opened, next_address: AtomicU32::new(2), agents }
    }

    /// The driver, as the product holds it.
    pub(crate) fn qemu(&self) -> &QemuDriver {
        &self.opened
    }

    /// Makes a machine; if that fails, its console says why.
    pub(crate) async fn create(&self, spec: &MachineSpec) {
        if let Err(error) = self.opened.create(spec).await {
            panic!("{error}; its console: {}", self.opened.logs(&spec.id).await.unwrap_or_default());
        }
    }

    /// Has the machine's agent run a line of shell that nobody waits for: it may be the end of the machine.
    pub(crate) fn tell(&self, spec: &MachineSpec, line: &str) -> TcpStream {
        let mut stream = self.agents.of(spec.address);
        writeln!(stream, "{line}").unwrap();
        stream
    }

    /// Has the machine's agent run a line of shell; what it said.
    pub(crate) fn ask(&self, spec: &MachineSpec, line: &str) -> String {
        let stream = self.tell(spec, line);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut said = String::new();
        let mut reader = BufReader::new(stream);
        while !said.ends_with("done.\n") {
            assert_ne!(reader.read_line(&mut said).expect("the agent answers"), 0, "the agent is gone: {said}");
        }
        said.trim_end_matches("done.\n").to_owned()
    }

    /// QEMU's process.
    pub(crate) fn vm(&self, id: &MachineId) -> i32 {
        let text = fs::read_to_string(self.config.host.run_dir.join(id.as_str()).join("processes.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        i32::try_from(value["init"]["pid"].as_i64().unwrap()).unwrap()
    }
}

impl Agents {
    fn listen(self: &Arc<Self>, host: &HostConfig) {
        let listener = TcpListener::bind((host.network.gateway, host.network.guest_port)).unwrap();
        let agents = Arc::clone(self);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let address = stream.peer_addr().unwrap().ip();
                agents.streams.lock().unwrap().insert(address, stream);
                agents.changed.notify_all();
            }
        });
    }

    fn of(&self, address: Ipv4Addr) -> TcpStream {
        let address = IpAddr::V4(address);
        let streams = self.streams.lock().unwrap();
        let (streams, late) =
            self.changed.wait_timeout_while(streams, DEADLINE, |streams| !streams.contains_key(&address)).unwrap();
        assert!(!late.timed_out(), "no agent came from {address}");
        streams[&address].try_clone().unwrap()
    }
}

/// Where kernel, images and agents are; nobody else makes one while the file is held.
fn cache() -> (PathBuf, File) {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("qemu");
    fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join("lock")).unwrap();
    lock.lock().unwrap();
    (cache, lock)
}

fn shell_agent() -> PathBuf {
    let (cache, _held) = cache();
    let agent = cache.join("agent");
    if fs::read_to_string(&agent).ok().as_deref() != Some(AGENT) {
        fs::write(&agent, AGENT).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    }
    agent
}

/// `examples/twin.rs`, which is built with the tests.
fn twin() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    this.parent().and_then(Path::parent).unwrap().join("examples/twin")
}

/// Programs, and the libraries of the agent that is no script. Another list is another image, and has another disk.
fn image(cache: &Path) -> PathBuf {
    let libraries = lab::libraries(&twin());
    let mut list = DefaultHasher::new();
    (PROGRAMS, &libraries).hash(&mut list);
    let image = cache.join(format!("image-{:016x}", list.finish()));
    if !image.exists() {
        let part = image.with_extension("partial");
        let _ = fs::remove_dir_all(&part);
        lab::make_image(&part);
        lab::add_programs(&part, &PROGRAMS);
        for library in libraries {
            lab::copy(&part, &library);
        }
        fs::rename(part, &image).unwrap();
    }
    image
}

/// Kernel, image and agent, each made once.
fn sources(agent: &Path) -> Sources {
    let (cache, _held) = cache();
    let image = image(&cache);
    let kernel = cache.join("kernel");
    let fetch = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../kernel/fetch");
    let fetched = Command::new(fetch).arg(&kernel).output().unwrap();
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let init = env!("CARGO_BIN_EXE_anteroom-vm-init").into();
    Sources { disk: image.with_extension("erofs"), image, kernel, init, agent: agent.to_owned(), cache }
}

impl Drop for Lab {
    fn drop(&mut self) {
        lab::end_all(&self.config.host.run_dir);
    }
}

#[async_trait]
impl Host for Lab {
    fn driver(&self) -> Box<dyn Driver> {
        let config = self.config.clone();
        let open = async move || anteroom_machines_qemu::open(config).await.expect("the driver opens");
        Box::new(lab::apart(&self.network, open))
    }

    fn spec(&self) -> MachineSpec {
        let spec = lab::next_spec(self.next_address.fetch_add(1, Ordering::Relaxed));
        MachineSpec { limits: limits(), ..spec }
    }

    async fn end_agent(&self, id: &MachineId) {
        let address = fs::read_to_string(self.config.host.run_dir.join(id.as_str()).join("address")).unwrap();
        let stream = self.agents.of(address.parse().unwrap());
        stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    async fn litter(&self, spec: &MachineSpec) {
        let directory = self.config.host.run_dir.join(spec.id.as_str());
        fs::create_dir_all(directory.join("root")).unwrap();
        fs::write(directory.join("address"), spec.address.to_string()).unwrap();
        shell(&format!("ip tuntap add art{} mode tap", spec.id.short()));
        let group = PathBuf::from("/sys/fs/cgroup/memory").join(&self.config.host.instance);
        if group.exists() {
            fs::create_dir(group.join(spec.id.as_str())).unwrap();
        }
    }

    fn remains(&self, id: &MachineId) -> Vec<String> {
        lab::remains(&self.config.host, id)
    }
}
