//! A host for tests: a network namespace and names of its own for each, so that tests neither meet each other nor a
//! controller that serves on this machine. Needs root, as drivers do. Not for production.

#![allow(clippy::missing_panics_doc, reason = "a test that can't have its host ends here, and says why")]

pub mod elsewhere;
pub mod outside;

use std::{
    fs::{self, File},
    net::{IpAddr, Ipv4Addr},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use anteroom_machines::{Additions, Limits, MachineSpec};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};
use rustix::thread::UnshareFlags;

use crate::{HostConfig, NetworkPolicy, netlink::addresses::Family};

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

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Runs a test in a thread and a network namespace of its own, with a runtime whose threads are in it too.
pub fn in_own_network(test: impl AsyncFnOnce(Arc<File>) + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: shares no file descriptors with another thread.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) }.expect("a network namespace; run as root");
            let network = Arc::new(File::open("/proc/thread-self/ns/net").unwrap());
            shell("ip link set lo up");
            runtime(&network).block_on(test(network));
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Does something in a thread of its own in this network, as another instance of a driver would.
pub fn apart<T: Send + 'static>(network: &Arc<File>, work: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let network = Arc::clone(network);
    let done = std::thread::spawn(move || {
        enter(&network);
        runtime(&network).block_on(work())
    });
    done.join().unwrap()
}

fn runtime(network: &Arc<File>) -> tokio::runtime::Runtime {
    let inside = Arc::clone(network);
    tokio::runtime::Builder::new_current_thread().enable_all().on_thread_start(move || enter(&inside)).build().unwrap()
}

/// Moves the calling thread into a network namespace.
pub fn enter(network: &File) {
    rustix::thread::move_into_link_name_space(network.as_fd(), Some(rustix::thread::LinkNameSpaceType::Network))
        .unwrap();
}

/// Runs a line of shell in the calling thread's network namespace and returns what it says.
pub fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A host's configuration of its own for each test, also when several test programs run at once.
#[must_use]
pub fn host(run_dir: &Path) -> HostConfig {
    HostConfig {
        instance: instance_name(),
        device_prefix: "art".into(),
        run_dir: run_dir.to_owned(),
        first_uid: 300_000,
        keep_free: 32 << 20,
        network: NetworkPolicy {
            pool: "10.99.0.0/16".parse().unwrap(),
            gateway: Ipv4Addr::new(10, 99, 0, 1),
            pool6: Some("fd99::/64".parse().unwrap()),
            guest_port: 4001,
            restrict: false,
            resolvers: vec![],
            walled: vec![],
            allow: vec![],
        },
    }
}

/// Letters that no other test of this boot has at the same time.
fn instance_name() -> String {
    let number = u64::from(std::process::id()) * 1000 + u64::from(NEXT.fetch_add(1, Ordering::Relaxed));
    let letters = number.to_string().bytes().map(|digit| char::from(b'a' + digit - b'0')).collect::<String>();
    format!("t-{letters}")
}

/// Makes a small image with some programs, unless it is there.
pub fn make_image(image: &Path) {
    if image.exists() {
        return;
    }
    for directory in ["dev", "proc", "tmp", "run", "etc/ssl/certs", "home/user", "opt", "usr/bin", "bin", "lib64"] {
        fs::create_dir_all(image.join(directory)).unwrap();
    }
    fs::write(image.join("etc/ssl/certs/ca-certificates.crt"), "the bundle\n").unwrap();
    fs::write(image.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n").unwrap();
    fs::write(image.join("home/user/.profile"), "").unwrap();
    add_programs(image, &PROGRAMS);
}

/// Copies programs of this host into an image, with their libraries.
pub fn add_programs(image: &Path, programs: &[&str]) {
    for program in programs {
        copy(image, Path::new(program));
        for library in libraries(Path::new(program)) {
            copy(image, &library);
        }
    }
}

/// The files of this host that a program is linked with.
#[must_use]
pub fn libraries(program: &Path) -> Vec<PathBuf> {
    let listed = shell(&format!("ldd {}", program.display()));
    listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Copies a file of this host into an image.
pub fn copy(image: &Path, file: &Path) {
    let target = image.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(file, target).unwrap();
}

/// Random bytes of an id and an address that no other machine of this boot has: tests run side by side and look for
/// theirs by its id. `number` is the machine's in this test, from 2.
#[must_use]
pub fn next_spec(number: u32) -> MachineSpec {
    let mut random = [0x5a; 16];
    random[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    random[12..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    spec(random, Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 99, 0, 0)) + number))
}

/// A machine's address of a family, on a host that gives both.
#[must_use]
pub fn address(config: &HostConfig, spec: &MachineSpec, family: Family) -> IpAddr {
    match family {
        Family::V4 => spec.address.into(),
        Family::V6 => config.network.twin(spec.address).expect("machines have IPv6").into(),
    }
}

/// Ends what a test that failed in the middle left, which would outlive it as it outlives a controller: every process
/// that names its directory.
pub fn end_all(run_dir: &Path) {
    let run_dir = run_dir.display().to_string();
    for pid in processes() {
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(&run_dir)
            && let Some(pid) = rustix::process::Pid::from_raw(pid)
        {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Removes the instance's own, empty groups.
pub fn remove_groups(config: &HostConfig) {
    for controller in ["memory", "pids", "cpu", "."] {
        let group = Path::new("/sys/fs/cgroup").join(controller).join(&config.instance);
        if group.exists() {
            fs::remove_dir(&group).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
        }
    }
}

/// All processes of this host.
#[must_use]
pub fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Everything on the host that carries the machine's name, found without the driver. A namespace lives by its
/// processes, and each process of a machine shows its name in its list of mounts.
#[must_use]
pub fn remains(config: &HostConfig, id: &MachineId) -> Vec<String> {
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
    // Others make and remove groups at the same time.
    let groups =
        shell(&format!("find /sys/fs/cgroup -ignore_readdir_race -maxdepth 3 -path '*/{}/{id}'", config.instance));
    found.extend(groups.lines().map(|group| format!("the group {group}")));
    if config.run_dir.join(id.as_str()).exists() {
        found.push("its directory".to_owned());
    }
    found
}

/// A machine's specification.
#[must_use]
pub fn spec(random: [u8; 16], address: Ipv4Addr) -> MachineSpec {
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
