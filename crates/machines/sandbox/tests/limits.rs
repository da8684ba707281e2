//! Limits that bite: machines that use whatever they can get, and their neighbours, which don't notice. And a host that has no
//! more to give: the new machine fails by name, and those that run go on.

mod lab;

use std::{fs, path::Path, time::Duration};

use anteroom_machines::{Driver as _, Limits, MachineSpec, Observed, suite::Host as _};
use lab::{Lab, run_lab, shell};
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(60);
/// What each machine does follows from its address, which is in its boot document. The first is the neighbour.
const AGENT: &str = r#"
boot=$(cat)
case "$boot" in
  *10.99.0.2*) echo neighbour; n=0; while true; do n=$((n+1)); echo "tick $n"; sleep 0.1; done ;;
  *10.99.0.3*) echo attacks; bomb() { bomb | bomb & }; bomb; while true; do sleep 1; done ;;
  *10.99.0.4*) echo attacks; (x=0123456789abcdef; while true; do x=$x$x; done); while true; do (x=0123456789abcdef; while true; do x=$x$x; done); done ;;
  *10.99.0.5*) echo attacks; while true; do dd if=/dev/zero of=/home/user/big bs=1M count=1000 2>/dev/null; dd if=/dev/zero of=/tmp/big bs=1M count=1000 2>/dev/null; done ;;
  *) echo staying; exec sleep infinity ;;
esac
"#;
/// A tenth of a second each when nothing is in the way. Both cores of a small host are the attackers' for half of the time.
const TICKS: u32 = 20;

async fn make(lab: &Lab, limits: Limits) -> MachineSpec {
    let spec = MachineSpec { limits, ..lab.spec() };
    lab.sandbox().create(&spec).await.unwrap();
    spec
}

fn small() -> Limits {
    Limits { memory_mb: 64, pids: 40, cpu_percent: 50, disk_mb: 16 }
}

async fn ticks(lab: &Lab, neighbour: &MachineSpec) -> u32 {
    let log = lab.sandbox().logs(&neighbour.id).await.unwrap();
    log.lines().rev().find_map(|line| line.strip_prefix("tick ")?.parse().ok()).unwrap_or(0)
}

/// Waits until the neighbour has done so much more.
async fn goes_on(lab: &Lab, neighbour: &MachineSpec) {
    let (before, began) = (ticks(lab, neighbour).await, Instant::now());
    while ticks(lab, neighbour).await < before + TICKS {
        assert!(began.elapsed() < DEADLINE, "the neighbour stands still at {before}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lab.sandbox().inspect(&neighbour.id).await.unwrap(), Observed::Running);
    assert!(began.elapsed() < Duration::from_secs(20), "{TICKS} ticks took {:?}", began.elapsed());
}

fn group(lab: &Lab, controller: &str, file: &str) -> std::path::PathBuf {
    let root = Path::new("/sys/fs/cgroup");
    let unified = root.join(&lab.config.host.instance);
    let directory = if unified.exists() { unified } else { root.join(controller).join(&lab.config.host.instance) };
    directory.join(file)
}

/// Waits until the kernel has counted, in a line with this name of one of the files, that the machine met its limit.
async fn has_bitten(lab: &Lab, spec: &MachineSpec, controller: &str, files: &[&str], name: &str) {
    let count = |file: &&str| {
        let text = fs::read_to_string(group(lab, controller, &format!("{}/{file}", spec.id))).ok()?;
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    let bitten = || files.iter().filter_map(count).any(|count| count > 0);
    let began = Instant::now();
    while !bitten() {
        assert!(began.elapsed() < DEADLINE, "{files:?} never counted anything");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until nothing more can be written in the machine.
async fn is_full(lab: &Lab, spec: &MachineSpec) {
    let home = format!("/proc/{}/root/home/user", lab.init(&spec.id));
    let began = Instant::now();
    while rustix::fs::statvfs(home.as_str()).unwrap().f_bavail > 0 {
        assert!(began.elapsed() < DEADLINE, "its disk is never full");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A host's directory with little room, for as long as this lives.
struct Mounted(String);

impl Mounted {
    fn new(directory: &Path) -> Self {
        let directory = directory.display().to_string();
        shell(&format!("mount -t tmpfs -o size=256k,mode=700 full {directory}"));
        Self(directory)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        shell(&format!("umount -l {}", self.0));
    }
}

#[test]
fn a_fork_bomb_a_memory_hog_and_a_disk_filler_leave_their_neighbour_alone_and_can_be_destroyed() {
    run_lab(AGENT, async |lab| {
        let neighbour = make(lab, small()).await;
        lab.console(&neighbour.id, "tick 3").await;
        let mut attackers = Vec::new();
        for _ in 0..3 {
            attackers.push(make(lab, small()).await);
        }
        for attacker in &attackers {
            lab.console(&attacker.id, "attacks").await;
        }
        let [bomb, hog, filler] = &attackers[..] else { unreachable!("three were made") };
        has_bitten(lab, bomb, "pids", &["pids.events"], "max ").await;
        has_bitten(lab, hog, "memory", &["memory.oom_control", "memory.events"], "oom_kill ").await;
        is_full(lab, filler).await;
        goes_on(lab, &neighbour).await;
        for attacker in &attackers {
            let tasks = |id| fs::read_to_string(group(lab, "pids", &format!("{id}/pids.current"))).unwrap_or_default();
            let tasks: u32 = tasks(&attacker.id).trim().parse().unwrap_or(0);
            assert!(tasks <= 40, "{tasks} tasks of 40");
            if let Some(usage) = lab.sandbox().usage(&attacker.id).await.unwrap() {
                assert!(usage.memory_bytes <= 64 << 20, "{usage:?}");
            }
        }
        for attacker in &attackers {
            timeout(DEADLINE, lab.sandbox().destroy(&attacker.id)).await.expect("in time").unwrap();
            assert_eq!(lab.remains(&attacker.id), Vec::<String>::new());
        }
        goes_on(lab, &neighbour).await;
        lab.sandbox().destroy(&neighbour.id).await.unwrap();
    });
}

/// The new machine fails within its own deadlines, by what was tried and what the kernel said; nothing of it stays; and when
/// there is room again, the same one is made.
async fn fails_by_name_and_can_be_made_later(lab: &Lab, neighbour: &MachineSpec, says: &str, room: impl FnOnce()) {
    let spec = lab.spec();
    let error = timeout(DEADLINE, lab.sandbox().create(&spec)).await.expect("in time").unwrap_err().to_string();
    assert!(error.contains(says) && error.contains(spec.id.as_str()), "{error}");
    goes_on(lab, neighbour).await;
    lab.sandbox().destroy(&spec.id).await.unwrap();
    assert_eq!(lab.remains(&spec.id), Vec::<String>::new());
    room();
    lab.sandbox().create(&spec).await.unwrap();
    lab.sandbox().destroy(&spec.id).await.unwrap();
}

#[test]
fn a_host_whose_disk_is_full_fails_the_new_machine_by_name_and_the_others_run_on() {
    run_lab(AGENT, async |lab| {
        let _little = Mounted::new(&lab.config.host.run_dir);
        let neighbour = make(lab, small()).await;
        lab.console(&neighbour.id, "tick 3").await;
        let filler = lab.config.host.run_dir.join("filler");
        shell(&format!("dd if=/dev/zero of={} bs=4k 2>/dev/null || true", filler.display()));
        fails_by_name_and_can_be_made_later(lab, &neighbour, "No space left on device", || {
            fs::remove_file(&filler).unwrap();
        })
        .await;
        lab.sandbox().destroy(&neighbour.id).await.unwrap();
    });
}

#[test]
fn a_host_whose_memory_is_full_fails_the_new_machine_by_name_and_the_others_run_on() {
    run_lab(AGENT, async |lab| {
        let neighbour = make(lab, small()).await;
        lab.console(&neighbour.id, "tick 3").await;
        let files = ["memory.max", "memory.limit_in_bytes"].map(|file| group(lab, "memory", file));
        let limit = files.iter().find(|file| file.exists()).expect("a group of all machines with a limit of memory");
        let unlimited = if limit.ends_with("memory.max") { "max" } else { "-1" };
        // Room for the neighbour, and for less than the host keeps for another machine.
        fs::write(limit, lab.config.host.keep_free.to_string()).unwrap();
        fails_by_name_and_can_be_made_later(lab, &neighbour, "32 MB must be", || fs::write(limit, unlimited).unwrap())
            .await;
        lab.sandbox().destroy(&neighbour.id).await.unwrap();
    });
}

#[test]
fn a_host_that_has_no_more_processes_fails_the_new_machine_by_name_and_the_others_run_on() {
    run_lab(AGENT, async |lab| {
        let neighbour = make(lab, small()).await;
        lab.console(&neighbour.id, "tick 3").await;
        let limit = group(lab, "pids", "pids.max");
        if !limit.exists() {
            // The root group of version 1 without the controller: then no machine is limited either, which is said.
            return lab.sandbox().destroy(&neighbour.id).await.unwrap();
        }
        let used: u32 = fs::read_to_string(group(lab, "pids", "pids.current")).unwrap().trim().parse().unwrap();
        // Room for what the neighbour starts next, and for no other machine.
        fs::write(&limit, (used + 1).to_string()).unwrap();
        fails_by_name_and_can_be_made_later(lab, &neighbour, "Resource temporarily unavailable", || {
            fs::write(&limit, "max").unwrap();
        })
        .await;
        lab.sandbox().destroy(&neighbour.id).await.unwrap();
    });
}
