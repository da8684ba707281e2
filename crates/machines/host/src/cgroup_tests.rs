use super::*;

fn id() -> MachineId {
    MachineId::from_random([7; 16])
}

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

#[test]
fn version_two_is_taken_where_it_has_the_controllers() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "cpuset cpu io memory hugetlb pids\n").unwrap();
    let groups = Cgroups::prepare(root.path(), "anteroom");
    assert_eq!(groups.capability(Controller::Memory), Limit::Enforced("cgroup v2".into()));
    groups.create(&id(), &Limits { memory_mb: 64, pids: 16, cpu_percent: 150, disk_mb: 16 }).unwrap();
    let group = root.path().join("anteroom").join(id().as_str());
    for (file, value) in [("memory.max", "67108864"), ("pids.max", "16"), ("cpu.max", "150000 100000")] {
        assert_eq!(fs::read_to_string(group.join(file)).unwrap(), value);
    }
    assert_eq!(groups.machines().unwrap().first(), Some(&id()));
}

#[test]
fn version_one_is_taken_controller_by_controller_and_what_is_missing_says_so() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "hugetlb\n").unwrap();
    touch(&root.path().join("memory/cgroup.procs"));
    touch(&root.path().join("cpu/cgroup.procs"));
    let groups = Cgroups::prepare(root.path(), "anteroom");
    assert_eq!(groups.capability(Controller::Memory), Limit::Enforced("cgroup v1".into()));
    assert!(matches!(groups.capability(Controller::Pids), Limit::Unavailable(why) if why.contains("pids")));
    groups.create(&id(), &Limits { memory_mb: 64, pids: 16, cpu_percent: 50, disk_mb: 16 }).unwrap();
    let value = |file: &str| {
        let (controller, _) = file.split_once('.').unwrap();
        fs::read_to_string(root.path().join(controller).join("anteroom").join(id().as_str()).join(file)).unwrap()
    };
    assert_eq!(value("memory.limit_in_bytes"), "67108864");
    assert_eq!(value("cpu.cfs_quota_us"), "50000");
}

#[test]
fn a_host_without_cgroups_has_no_limits_and_still_makes_machines() {
    let root = tempfile::tempdir().unwrap();
    let groups = Cgroups::prepare(root.path(), "anteroom");
    assert!(matches!(groups.capability(Controller::Cpu), Limit::Unavailable(_)));
    groups.create(&id(), &Limits::default()).unwrap();
    assert_eq!(groups.processes(&id()).unwrap(), Vec::<i32>::new());
    assert!(groups.remove(&id()).unwrap());
}

#[test]
fn an_oom_kill_is_read_in_both_versions() {
    let root = tempfile::tempdir().unwrap();
    let directories = vec![root.path().to_owned()];
    fs::write(root.path().join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n").unwrap();
    assert!(!ran_out_of_memory(&directories));
    fs::write(root.path().join("memory.events"), "low 0\noom 2\noom_kill 1\n").unwrap();
    assert!(ran_out_of_memory(&directories));
}

#[test]
fn computing_time_is_read_behind_any_name_with_that_of_children_that_were_waited_for() {
    let fields: Vec<String> = (3..=52).map(|n| n.to_string()).collect();
    assert_eq!(ticks(&format!("7 (a) b) {}", fields.join(" "))), 14 + 15 + 16 + 17);
    assert_eq!(ticks(""), 0);
}

#[test]
fn usage_is_read_in_version_two_and_there_is_none_without_a_group() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    let groups = Cgroups::prepare(root.path(), "anteroom");
    assert_eq!(groups.usage(&id()).unwrap(), None);
    groups.create(&id(), &Limits::default()).unwrap();
    let group = root.path().join("anteroom").join(id().as_str());
    fs::write(group.join("memory.current"), "4096\n").unwrap();
    fs::write(group.join("cpu.stat"), "usage_usec 1500000\nuser_usec 1\n").unwrap();
    let usage = Usage { memory_bytes: 4096, cpu: Duration::from_millis(1500) };
    assert_eq!(groups.usage(&id()).unwrap(), Some(usage));
}

#[test]
fn memory_is_left_as_the_narrowest_group_has_it_and_what_is_cached_of_files_counts_as_left() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    let groups = Cgroups::prepare(root.path(), "anteroom");
    let own = root.path().join("anteroom");
    let write = |file: &str, text: &str| fs::write(own.join(file), text).unwrap();
    write("memory.current", "9000\n");
    write("memory.stat", "anon 4000\nactive_file 1000\ninactive_file 4000\n");
    write("memory.max", "max\n");
    assert!(groups.free_memory() > Some(9000));
    write("memory.max", "6000\n");
    assert_eq!(groups.free_memory(), Some(1000));
    write("memory.max", "100\n");
    assert_eq!(groups.free_memory(), Some(0));
}
