//! A controller that is killed in the middle of a creation leaves nothing that the next one can't find and remove.
//!
//! This program is both: called without arguments it is the test; as `controller DIRECTORY INSTANCE NUMBER` it is the
//! controller that will be killed.

mod lab;

use std::{
    io::{BufRead as _, BufReader},
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anteroom_machines::{Driver as _, MachineSpec};
use lab::{STAYING_AGENT, remains, run_lab};

/// Kills, spread evenly over twice the time that a creation has taken on this host.
const KILLS: u32 = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "controller", directory, instance, number] => controller(directory, instance, number.parse().unwrap()),
        // nextest asks for names first; a test that is ignored there is none.
        [_, options @ ..] if options.contains(&"--list") => {
            if !options.contains(&"--ignored") {
                println!("the_next_controller_finds_and_removes_whatever_a_killed_one_left: test");
            }
        }
        _ => the_next_controller_finds_and_removes_whatever_a_killed_one_left(),
    }
}

fn spec(number: u32) -> MachineSpec {
    let mut random = [0x6b; 16];
    random[12..].copy_from_slice(&number.to_be_bytes());
    lab::spec(random, Ipv4Addr::new(10, 99, 1, u8::try_from(number).unwrap()))
}

/// Says when it begins, makes a machine, and waits to be killed.
fn controller(directory: &str, instance: &str, number: u32) {
    let mut config = lab::config(Path::new(directory), STAYING_AGENT);
    instance.clone_into(&mut config.host.instance);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let driver = anteroom_machines_sandbox::open(config).await.unwrap();
        println!("begins");
        driver.create(&spec(number)).await.unwrap();
        std::future::pending::<()>().await;
    });
}

fn the_next_controller_finds_and_removes_whatever_a_killed_one_left() {
    run_lab(STAYING_AGENT, async |lab| {
        let step = creation_time(lab).await * 2 / KILLS;
        let mut ran = 0;
        for number in 1..=KILLS {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["controller", lab.directory.path().to_str().unwrap(), &lab.config.host.instance])
                .arg(number.to_string())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            assert_eq!(line, "begins\n");
            tokio::time::sleep(step * (number - 1)).await;
            child.kill().unwrap();
            child.wait().unwrap();
            ran += usize::from(check(lab, number).await);
        }
        assert!(
            ran > 0 && ran < KILLS as usize,
            "{ran} of {KILLS} machines were complete: the kills hit one side only"
        );
        println!("test killed ... ok: {KILLS} kills {step:?} apart, {ran} after the machine was complete");
    });
}

async fn creation_time(lab: &lab::Lab) -> Duration {
    let began = Instant::now();
    lab.sandbox().create(&spec(KILLS + 1)).await.unwrap();
    let time = began.elapsed();
    lab.sandbox().destroy(&spec(KILLS + 1).id).await.unwrap();
    time
}

/// True when the machine was complete.
async fn check(lab: &lab::Lab, number: u32) -> bool {
    let id = spec(number).id;
    let driver = anteroom_machines_sandbox::open(lab.config.clone()).await.unwrap();
    let listed = driver.list().await.unwrap();
    assert!(listed.is_empty() || listed == [id.clone()], "{listed:?}");
    let complete = driver.inspect(&id).await.unwrap() == anteroom_machines::Observed::Running;
    driver.destroy(&id).await.unwrap();
    assert_eq!(remains(&lab.config, &id), Vec::<String>::new(), "after kill {number}");
    assert_eq!(driver.list().await.unwrap(), []);
    complete
}
