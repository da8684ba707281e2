//! What only virtual machines have: clones that are no twins, a process behind walls, an emulated processor.

mod lab;

use std::{
    collections::HashSet,
    fs,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anteroom_machines::{Driver as _, Observed, suite::Host as _};
use lab::run_lab;

/// Clones whose randomness is compared.
const CLONES: usize = 20;
/// A clock may be off by what a message takes on a busy host.
const MAX_SKEW_SECONDS: u64 = 5;

/// Bytes of the kernel's generator, the machine's name for itself, the kernel's for this boot and for nothing, a number
/// of the shell's own generator, and the clock, a line each.
const SHOW: &str = "head -c 32 /dev/urandom | od -An -tx1 -w32; cat /etc/machine-id; \
                    cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid; echo $SRANDOM; date +%s";

#[expect(clippy::disallowed_methods, reason = "a guest's clock is compared with this one")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn twenty_clones_share_no_random_byte_and_no_machine_id_and_none_has_a_wrong_clock() {
    run_lab(true, async |lab| {
        let mut seen = HashSet::new();
        for number in 0..CLONES {
            let spec = lab.spec();
            let began = Instant::now();
            lab.create(&spec).await;
            let created = began.elapsed();
            let said = lab.ask(&spec, SHOW);
            let lines: Vec<&str> = said.lines().map(str::trim).collect();
            let [random, machine_id, boot, uuid, shells, clock] = lines[..] else { panic!("{said}") };
            assert_eq!(random.split(' ').count(), 32, "{said}");
            for value in [random, machine_id, boot, uuid, shells] {
                assert!(seen.insert(value.to_owned()), "clone {number} has {value} of another: {said}");
            }
            let now = now();
            let clock: u64 = clock.parse().unwrap();
            assert!(clock.abs_diff(now) <= MAX_SKEW_SECONDS, "the clock is {clock}, and it is {now}");
            println!("clone {number}: created in {created:?}, answered after {:?}", began.elapsed());
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
