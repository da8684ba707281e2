//! What only the sandbox can show: who programs in a machine are, what they see, and that limits bite.

mod lab;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use anteroom_machines::{
    Additions, CA_BUNDLE_PATH, CreateError, Driver as _, EXTRA_CA_PATH, HostEntry, Limits, MachineFile, Observed,
    suite::Host as _,
};
use lab::{Lab, STAYING_AGENT, run_lab, shell};

const DEADLINE: Duration = Duration::from_secs(60);
const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAECAwQ=\n-----END CERTIFICATE-----\n";

fn status(pid: i32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{field}:"))).unwrap();
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

/// Makes a machine whose agent shows something and ends with `shown`, and returns its console.
async fn show(lab: &Lab, change: impl FnOnce(&mut anteroom_machines::MachineSpec)) -> String {
    let mut spec = lab.spec();
    change(&mut spec);
    lab.sandbox().create(&spec).await.unwrap();
    let console = lab.console(&spec.id, "shown").await;
    lab.sandbox().destroy(&spec.id).await.unwrap();
    console
}

#[test]
fn the_agent_has_a_host_user_of_its_own_and_no_capability() {
    run_lab(STAYING_AGENT, async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let uid = (lab.config.host.first_uid + u32::from(spec.address.octets()[3])).to_string();
        for pid in [lab.init(&spec.id), lab.agent(&spec.id)] {
            assert_eq!(status(pid, "Uid"), uid);
            assert_eq!(status(pid, "Gid"), uid);
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status(pid, set), "0000000000000000", "{set} of {pid}");
            }
            assert_eq!(status(pid, "NoNewPrivs"), "1");
            assert_eq!(status(pid, "Groups"), "");
        }
        // The monitor on the host owns the machine's directory and has no other power.
        assert_eq!(status(lab.monitor(&spec.id), "CapEff"), "0000000000000000");
        let map = fs::read_to_string(format!("/proc/{}/uid_map", lab.agent(&spec.id))).unwrap();
        assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["1000", uid.as_str(), "1"]);
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn every_namespace_is_the_machines_own() {
    run_lab(STAYING_AGENT, async |lab| {
        let (one, two) = (lab.spec(), lab.spec());
        lab.sandbox().create(&one).await.unwrap();
        lab.sandbox().create(&two).await.unwrap();
        for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
            let link = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
            let own = std::process::id().cast_signed();
            let all = [link(own), link(lab.agent(&one.id)), link(lab.agent(&two.id))];
            assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{kind}: {all:?}");
        }
        lab.sandbox().destroy(&one.id).await.unwrap();
        lab.sandbox().destroy(&two.id).await.unwrap();
    });
}

#[test]
fn a_machine_sees_its_own_processes_files_and_user_only() {
    let agent = "id -u; ls /; find /proc -maxdepth 1 -name '[0-9]*' | head -20; cat /proc/self/mountinfo; \
                 touch /etc/x /bin/sh /opt/anteroom/anteroom-guest; touch /home/user/y && echo home is writable; \
                 echo shown; exec sleep infinity";
    run_lab(agent, async |lab| {
        let console = show(lab, |_| ()).await;
        assert!(console.starts_with("1000\n"), "{console}");
        assert!(console.contains("home is writable"), "{console}");
        assert!(!console.contains(lab.directory.path().join("agent").to_str().unwrap()) || console.contains("ro,"));
        assert!(!console.lines().any(|line| line == "sys" || line == "root"), "{console}");
        for file in ["/etc/x", "/bin/sh", "/opt/anteroom/anteroom-guest"] {
            assert!(console.lines().any(|l| l.starts_with("touch:") && l.contains(file)), "{file}: {console}");
        }
        let processes = console.lines().filter(|line| line.starts_with("/proc/")).count();
        assert!(processes <= 5, "{console}");
        // Neither the host's tree nor the image's place can be reached any more.
        let mounts = console.lines().filter(|line| line.contains(" - ")).count();
        assert!(mounts <= 14, "{console}");
    });
}

#[test]
fn programs_may_make_user_namespaces_of_their_own_as_browsers_do() {
    let agent = "unshare --user --pid --fork true && echo made; echo shown; exec sleep infinity";
    run_lab(agent, async |lab| {
        let console = show(lab, |_| ()).await;
        assert!(console.contains("made\n"), "{console}");
    });
}

#[test]
fn the_boot_document_comes_on_standard_input_and_is_nowhere_else() {
    run_lab("cat; echo; echo shown; exec sleep infinity", async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let console = lab.console(&spec.id, "shown").await;
        assert!(console.contains(r#""token":"the-machines-token""#), "{console}");
        for pid in lab::processes() {
            for file in ["cmdline", "environ"] {
                let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let text = String::from_utf8_lossy(&text);
                assert!(!text.contains("the-machines-token"), "{file} of {pid}: {text}");
            }
        }
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn additions_are_there_before_the_agent_starts() {
    let agent = "cat /etc/hosts /etc/hostname /etc/company.conf /etc/ssl/certs/ca-certificates.crt \
                 /etc/chromium/policies/managed/anteroom-ca.json; ls -ln /home/user/.config/tool; cat; echo; \
                 echo shown; exec sleep infinity";
    run_lab(agent, async |lab| {
        let console = show(lab, |spec| {
            let file =
                |path: &str, contents: &str, mode| MachineFile { path: path.into(), contents: contents.into(), mode };
            spec.additions = Additions {
                files: vec![
                    file("/etc/company.conf", "company\n", 0o644),
                    file("/home/user/.config/tool/rc", "x", 0o600),
                ],
                ca_certificates: vec![PEM.into()],
                hosts: vec![HostEntry { address: "192.0.2.7".parse().unwrap(), name: "auth.example".into() }],
                environment: vec![("HTTPS_PROXY".into(), "http://192.0.2.7:3128".into())],
            };
        })
        .await;
        for wanted in [
            "192.0.2.7 auth.example",
            "company",
            "the bundle",
            "AAECAwQ=",
            r#"{"CACertificates":["AAECAwQ="]}"#,
            &format!(r#"["NODE_EXTRA_CA_CERTS","{EXTRA_CA_PATH}"]"#),
            &format!(r#"["SSL_CERT_FILE","{CA_BUNDLE_PATH}"]"#),
            r#"["HTTPS_PROXY","http://192.0.2.7:3128"]"#,
            "-rw------- 1 1000 1000 1",
        ] {
            assert!(console.contains(wanted), "{wanted} is missing: {console}");
        }
    });
}

#[test]
fn memory_above_the_limit_ends_the_machine_with_that_reason() {
    // A shell that doubles a string until it is killed. It is the agent itself.
    run_lab("x=0123456789abcdef; while true; do x=$x$x; done", async |lab| {
        let mut spec = lab.spec();
        spec.limits = Limits { memory_mb: 64, ..spec.limits };
        lab.sandbox().create(&spec).await.unwrap();
        let reason = tokio::time::timeout(DEADLINE, lab.sandbox().exited(&spec.id)).await.unwrap();
        assert!(reason.contains("memory was full"), "{reason}");
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn no_more_processes_than_the_limit_can_be_made() {
    let agent = "n=0; while [ $n -lt 100 ]; do sleep 300 & n=$((n+1)); done; echo shown; wait";
    run_lab(agent, async |lab| {
        let mut spec = lab.spec();
        spec.limits = Limits { pids: 20, ..spec.limits };
        lab.sandbox().create(&spec).await.unwrap();
        // The shell that may not fork any more says so and ends, or goes on.
        let log = lab.console(&spec.id, "ork").await;
        assert!(log.to_lowercase().contains("fork"), "{log}");
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn no_more_is_written_than_the_disk_limit() {
    let agent = "dd if=/dev/zero of=/home/user/big bs=1M count=100; ls -l /home/user/big; echo shown; sleep infinity";
    run_lab(agent, async |lab| {
        let console = show(lab, |spec| spec.limits.disk_mb = 16).await;
        assert!(console.contains("No space left on device"), "{console}");
    });
}

#[test]
fn a_busy_machine_gets_its_share_of_computing_time() {
    run_lab("echo shown; while true; do :; done", async |lab| {
        let mut spec = lab.spec();
        spec.limits = Limits { cpu_percent: 20, ..spec.limits };
        lab.sandbox().create(&spec).await.unwrap();
        lab.console(&spec.id, "shown").await;
        let ticks = |pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        };
        let agent = lab.agent(&spec.id);
        let (before, began) = (ticks(agent), std::time::Instant::now());
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let used_ms = (ticks(agent) - before) * 10;
        let share = used_ms as f64 / began.elapsed().as_millis() as f64;
        assert!(share < 0.3, "20 % were allowed, {:.0} % were used", share * 100.0);
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn what_a_machine_uses_is_told_and_grows() {
    run_lab("echo shown; while true; do :; done", async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        lab.console(&spec.id, "shown").await;
        let before = lab.sandbox().usage(&spec.id).await.unwrap().unwrap();
        let grows = async {
            loop {
                let now = lab.sandbox().usage(&spec.id).await.unwrap().unwrap();
                if now.cpu >= before.cpu + Duration::from_millis(100) {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let now = tokio::time::timeout(DEADLINE, grows).await.unwrap();
        assert!((100 << 10..=u64::from(spec.limits.memory_mb) << 20).contains(&now.memory_bytes), "{now:?}");
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn the_agents_exit_code_is_the_reason() {
    run_lab("sleep 0.2; exit 7", async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let reason = tokio::time::timeout(DEADLINE, lab.sandbox().exited(&spec.id)).await.unwrap();
        assert_eq!(reason, "the guest agent ended with code 7");
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn whatever_the_agent_started_ends_with_it() {
    run_lab("sleep infinity & sleep infinity & echo shown; cat >/dev/null; sleep infinity", async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        lab.console(&spec.id, "shown").await;
        lab.end_agent(&spec.id).await;
        tokio::time::timeout(DEADLINE, lab.sandbox().exited(&spec.id)).await.unwrap();
        let inside = shell("ps -eo cgroup,args").lines().filter(|line| line.contains(spec.id.as_str())).count();
        assert_eq!(inside, 0);
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn an_agent_that_is_no_program_fails_with_its_name() {
    run_lab("", async |lab| {
        fs::set_permissions(&lab.config.sandbox.agent, fs::Permissions::from_mode(0o644)).unwrap();
        let spec = lab.spec();
        let error = lab.sandbox().create(&spec).await.unwrap_err();
        assert!(error.to_string().contains("start the guest agent"), "{error}");
        assert!(matches!(lab.sandbox().inspect(&spec.id).await.unwrap(), Observed::Dead { .. }));
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn an_address_outside_the_pool_or_of_another_machine_is_refused() {
    run_lab(STAYING_AGENT, async |lab| {
        let (one, mut two) = (lab.spec(), lab.spec());
        lab.sandbox().create(&one).await.unwrap();
        two.address = lab.config.host.network.gateway;
        assert!(matches!(lab.sandbox().create(&two).await, Err(CreateError::Invalid { .. })));
        two.address = one.address;
        let error = lab.sandbox().create(&two).await.unwrap_err();
        assert!(error.to_string().contains("has the address"), "{error}");
        assert_eq!(lab.sandbox().list().await.unwrap(), std::slice::from_ref(&one.id));
        lab.sandbox().destroy(&one.id).await.unwrap();
    });
}

#[test]
fn a_machine_is_destroyed_while_its_creation_is_still_at_work() {
    run_lab(STAYING_AGENT, async |lab| {
        let spec = lab.spec();
        // The creation's caller has lost patience; its thread goes on.
        let creation = lab.sandbox().create(&spec);
        assert!(tokio::time::timeout(Duration::from_millis(5), creation).await.is_err());
        lab.sandbox().destroy(&spec.id).await.unwrap();
        assert_eq!(lab.remains(&spec.id), Vec::<String>::new());
    });
}

#[test]
fn a_lost_run_directory_hides_nothing() {
    run_lab(STAYING_AGENT, async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        fs::remove_dir_all(lab.config.host.run_dir.join(spec.id.as_str())).unwrap();
        assert_eq!(lab.sandbox().list().await.unwrap(), std::slice::from_ref(&spec.id));
        assert!(matches!(lab.sandbox().inspect(&spec.id).await.unwrap(), Observed::Dead { .. }));
        lab.sandbox().destroy(&spec.id).await.unwrap();
        assert_eq!(lab.remains(&spec.id), Vec::<String>::new());
        assert!(Path::new(&lab.config.host.run_dir).exists());
    });
}

#[test]
fn the_cable_carries_what_the_way_to_the_internet_carries() {
    run_lab(STAYING_AGENT, async |lab| {
        shell("ip link add up0 mtu 1400 type veth peer name up1; ip addr add 93.184.216.1/24 dev up0");
        shell("ip link set up0 up; ip link set up1 up; ip route add default via 93.184.216.34");
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        let inside = shell(&format!("nsenter --net=/proc/{}/ns/net ip -o link show eth0", lab.init(&spec.id)));
        let host = shell("ip -o link");
        assert!(inside.contains("mtu 1400"), "{inside}");
        assert_eq!(host.lines().filter(|line| line.contains(spec.id.short()) && line.contains("mtu 1400")).count(), 1);
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}

#[test]
fn its_last_words_are_in_its_log_at_once_whatever_its_monitor_does() {
    let agent =
        "echo ready\nwhile [ ! -e /home/user/go ]; do sleep 0.05; done\necho its last words\nexec sleep infinity\n";
    run_lab(agent, async |lab| {
        let spec = lab.spec();
        lab.sandbox().create(&spec).await.unwrap();
        lab.console(&spec.id, "ready").await;
        let monitor = lab.monitor(&spec.id);
        shell(&format!("kill -STOP {monitor}"));
        std::fs::write(format!("/proc/{}/root/home/user/go", lab.init(&spec.id)), "").unwrap();
        lab.console(&spec.id, "its last words").await;
        shell(&format!("kill -CONT {monitor}"));
        lab.sandbox().destroy(&spec.id).await.unwrap();
    });
}
