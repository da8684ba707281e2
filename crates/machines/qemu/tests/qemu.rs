//! What only virtual machines have: clones that are no twins, a process behind walls, an emulated processor.

mod lab;

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anteroom_machines::{Driver as _, MachineSpec, Observed, suite::Host as _};
use anteroom_protocol::guest::DesktopSize;
use lab::{Lab, run_lab, run_twins};

/// Clones whose randomness is compared.
const CLONES: usize = 20;
/// The shortest of what is drawn is the user fragment of ICE.
const MIN_DRAWN: usize = 4;

/// What each clone draws: `examples/twin.rs`.
const DRAWN: [&str; 8] = ["kernel", "hasher", "uuid", "boot", "machine", "fingerprint", "ufrag", "password"];
/// An answer takes a second under emulation; the rest is for busy hosts.
const SHOWN_DEADLINE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

#[expect(clippy::disallowed_methods, reason = "a guest's clock is compared with this one")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a clone's agent shows, and how late that was seen, seconds.
async fn shown(lab: &Lab, spec: &MachineSpec) -> (serde_json::Value, u64) {
    let begun = Instant::now();
    loop {
        let log = lab.qemu().logs(&spec.id).await.unwrap();
        // The last line may be half written.
        if let Some(line) = log.split_inclusive('\n').find(|line| line.starts_with('{') && line.ends_with('\n')) {
            return (serde_json::from_str(line).unwrap(), now());
        }
        assert!(begun.elapsed() < SHOWN_DEADLINE, "the agent shows nothing: {log}");
        tokio::time::sleep(LOOK).await;
    }
}

#[test]
fn twenty_clones_share_nothing_that_is_drawn_and_none_has_a_wrong_clock() {
    run_twins(async |lab| {
        let mut seen = HashSet::new();
        for number in 0..CLONES {
            let spec = lab.spec();
            let began = now();
            lab.create(&spec).await;
            let (shown, later) = shown(lab, &spec).await;
            for name in DRAWN {
                let value = shown["drawn"][name].as_str().unwrap_or_default();
                assert!(value.len() >= MIN_DRAWN, "clone {number} drew no {name}: {shown}");
                assert!(seen.insert(value.to_owned()), "clone {number} has the {name} of another: {shown}");
            }
            let clock = shown["clock"].as_u64().unwrap();
            assert!((began..=later).contains(&clock), "the clock said {clock} between {began} and {later}");
            lab.qemu().destroy(&spec.id).await.unwrap();
        }
    });
}

#[test]
fn qemu_runs_as_a_user_of_its_own_without_powers_network_or_files() {
    run_lab(true, async |lab| {
        let spec = lab.spec();
        lab.create(&spec).await;
        let pid = lab.vm(&spec.id);
        let uid = (lab.config.host.first_uid + u32::from(spec.address.octets()[3])).to_string();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
            line.unwrap_or_default().trim().to_owned()
        };
        assert_eq!(field("Uid").split_whitespace().collect::<HashSet<_>>(), HashSet::from([uid.as_str()]));
        assert_eq!(field("Groups"), "");
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        assert_eq!((field("NoNewPrivs"), field("Seccomp")), ("1".into(), "2".into()));
        let devices = fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap();
        assert_eq!(devices.lines().skip(2).count(), 1, "only the loopback: {devices}");
        let mut root: Vec<_> = fs::read_dir(format!("/proc/{pid}/root"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        root.sort();
        assert_eq!(root, ["bin", "dev", "lib", "lib64", "proc", "sbin", "usr"]);
        // The network that it must not share is the test's.
        let own = |what: &str| fs::read_link(format!("/proc/{what}/ns/net")).unwrap();
        assert_ne!(own(&pid.to_string()), own("thread-self"));
        lab.qemu().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn the_token_reaches_the_agent_and_stands_in_no_argument_and_no_environment() {
    run_lab(true, async |lab| {
        let spec = lab.spec();
        lab.create(&spec).await;
        for pid in lab::processes() {
            for file in ["cmdline", "environ"] {
                let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                assert!(!String::from_utf8_lossy(&text).contains("the-machines-token"), "{file} of {pid}");
            }
        }
        assert!(!lab.qemu().logs(&spec.id).await.unwrap().contains("the-machines-token"));
        lab.qemu().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn a_machine_boots_without_a_template_and_holds_its_limits() {
    run_lab(false, async |lab| {
        let spec = lab.spec();
        let began = Instant::now();
        lab.create(&spec).await;
        println!("booted in {:?}", began.elapsed());
        // 32 MiB of files: the disk is full before 40 are written, and the machine lives.
        let said = lab.ask(&spec, "dd if=/dev/zero of=/home/user/x bs=1M count=40 2>&1 | head -1; rm /home/user/x");
        assert!(said.contains("No space left"), "{said}");
        let said = lab.ask(&spec, "id -u; cat /proc/self/status; touch /usr/x");
        assert!(said.starts_with("1000\n") && said.contains("NoNewPrivs:\t1"), "{said}");
        assert!(said.contains("CapBnd:\t0000000000000000") && said.contains("Permission denied"), "{said}");
        // The last question: those that sleep leave no room for another program.
        let said = lab.ask(&spec, "sh -c 'n=0; while [ $n -lt 200 ]; do sleep 600 & n=$((n+1)); done; echo all'");
        assert!(said.contains("Cannot fork") && !said.contains("all"), "200 of 64 processes: {said}");
        lab.qemu().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn a_machine_with_a_desktop_of_another_size_than_the_templates_boots_with_its_own() {
    run_lab(true, async |lab| {
        let [usual, mut other] = [lab.spec(), lab.spec()];
        other.boot.desktop = DesktopSize { width: 1024, height: 768 };
        for (spec, booted) in [(usual, false), (other, true)] {
            lab.create(&spec).await;
            assert_eq!(lab.ask(&spec, "id -u"), "1000\n");
            let log = lab.qemu().logs(&spec.id).await.unwrap();
            assert_eq!(log.contains("a desktop of 1024x768"), booted, "{log}");
            lab.qemu().destroy(&spec.id).await.unwrap();
        }
    });
}

#[test]
fn a_virtual_machine_that_is_killed_is_told_as_such() {
    run_lab(true, async |lab| {
        let spec = lab.spec();
        lab.create(&spec).await;
        let pid = rustix::process::Pid::from_raw(lab.vm(&spec.id)).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let reason = tokio::time::timeout(Duration::from_secs(20), lab.qemu().exited(&spec.id)).await.unwrap();
        assert_eq!(reason, "the virtual machine was killed from outside");
        assert_eq!(lab.qemu().inspect(&spec.id).await.unwrap(), Observed::Dead { reason });
        lab.qemu().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn qemu_is_bound_by_its_groups_on_the_host_and_its_end_by_them_is_told() {
    run_lab(true, async |lab| {
        let mut spec = lab.spec();
        spec.limits.cpu_percent = 50;
        lab.create(&spec).await;
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", lab.vm(&spec.id))).unwrap();
        assert!(groups.contains(spec.id.as_str()), "{groups}");

        let used = async || lab.qemu().usage(&spec.id).await.unwrap().unwrap();
        let (began, before) = (Instant::now(), used().await);
        lab.ask(&spec, "timeout 4 bash -c 'while :; do :; done'");
        let (took, busy) = (began.elapsed(), used().await.cpu - before.cpu);
        assert!(busy < took.mul_f64(0.7), "half of a core was allowed, and {busy:?} were used in {took:?}");

        // A guest can't have more than its memory; that QEMU can't is shown with less room than that.
        let most = used().await.memory_bytes + (8 << 20);
        let group = memory_limit(&lab.config.host.instance, &spec);
        fs::write(&group, most.to_string()).unwrap_or_else(|error| panic!("{}: {error}", group.display()));
        lab.tell(&spec, "dd if=/dev/zero of=/dev/shm/filler bs=1M count=64");
        let reason = tokio::time::timeout(Duration::from_secs(60), lab.qemu().exited(&spec.id)).await.unwrap();
        assert_eq!(reason, "the virtual machine was killed: its memory on the host was full");
        lab.qemu().destroy(&spec.id).await.unwrap();
    });
}

/// The file with the limit of memory, in either version of groups.
fn memory_limit(instance: &str, spec: &MachineSpec) -> PathBuf {
    let root = Path::new("/sys/fs/cgroup");
    let files = [("memory", "memory.limit_in_bytes"), ("", "memory.max")];
    let files = files.map(|(controller, file)| root.join(controller).join(instance).join(spec.id.as_str()).join(file));
    files.into_iter().find(|file| file.exists()).expect("a group with a limit of memory")
}
