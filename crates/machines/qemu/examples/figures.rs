//! What a virtual machine costs: from the call to the agent's first word, booted and cloned, and the memory of a clone that
//! does nothing. One JSON object on standard output, in milliseconds and mebibytes.
//!
//! ```text
//! figures IMAGE KERNEL AGENT CACHE ROUNDS
//! ```
//!
//! IMAGE is a guest image's tree (its erofs file is made beside it), KERNEL what `kernel/fetch` made, AGENT a program that
//! writes `agent started`. `anteroom-vm-init` and `qemu-init` are taken from beside this program's directory.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anteroom_machines::{Additions, Driver as _, Limits, MachineSpec};
use anteroom_machines_host::{HostConfig, NetworkPolicy};
use anteroom_machines_qemu::{Accelerate, Config, QemuDriver, Sources, TemplateOf};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};

type Failure = Box<dyn std::error::Error>;

const DESKTOP: DesktopSize = DesktopSize { width: 1280, height: 720 };
/// How long a first word may take.
const DEADLINE: Duration = Duration::from_secs(180);
/// How long a clone does nothing before its memory is read.
const IDLE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Failure> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let [image, kernel, agent, cache, rounds] = arguments.as_slice() else {
        return Err("usage: figures IMAGE KERNEL AGENT CACHE ROUNDS".into());
    };
    let rounds: u32 = rounds.to_string_lossy().parse()?;
    let config = config(image, kernel, agent, cache)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(config, rounds))
}

fn config(image: &Path, kernel: &Path, agent: &Path, cache: &Path) -> Result<Config, Failure> {
    let here = std::env::current_exe()?;
    let built = here.parent().and_then(Path::parent).ok_or("no build directory")?;
    let mut disk = image.as_os_str().to_owned();
    disk.push(".erofs");
    Ok(Config {
        host: HostConfig {
            instance: "figures".into(),
            device_prefix: "fig-".into(),
            run_dir: "/run/anteroom-figures/machines".into(),
            first_uid: 400_000,
            keep_free: 0,
            network: NetworkPolicy {
                pool: "10.88.0.0/16".parse()?,
                gateway: Ipv4Addr::new(10, 88, 0, 1),
                pool6: None,
                guest_port: 4001,
                restrict: false,
                resolvers: vec![],
                walled: vec![],
                allow: vec![],
            },
        },
        sources: Sources {
            image: image.to_owned(),
            disk: disk.into(),
            kernel: kernel.to_owned(),
            init: built.join("anteroom-vm-init"),
            agent: agent.to_owned(),
            cache: cache.to_owned(),
        },
        launcher: (built.join("qemu-init"), vec![]),
        accelerate: Accelerate::Auto,
        template: None,
    })
}

async fn measure(config: Config, rounds: u32) -> Result<(), Failure> {
    let boots = anteroom_machines_qemu::open(config.clone()).await?;
    let (booted, _) = first_words(&boots, rounds).await?;
    let clones = anteroom_machines_qemu::open(Config {
        template: Some(TemplateOf { limits: Limits::default(), desktop: DESKTOP }),
        ..config
    })
    .await?;
    let (cloned, memory) = first_words(&clones, rounds).await?;
    println!(
        "{}",
        serde_json::json!({
            "accelerator": clones.kind().accelerator(),
            "boot_to_first_word_ms": booted,
            "clone_to_first_word_ms": cloned,
            "idle_clone_pss_mb": memory,
        })
    );
    Ok(())
}

/// Makes one machine after the other: until its agent's first word, and its memory after a while.
async fn first_words(driver: &QemuDriver, rounds: u32) -> Result<(Vec<u128>, Vec<u64>), Failure> {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let spec = spec(round)?;
        let began = Instant::now();
        driver.create(&spec).await?;
        while !driver.logs(&spec.id).await?.contains("agent started") {
            if began.elapsed() > DEADLINE {
                return Err("the agent said nothing".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        times.push(began.elapsed().as_millis());
        tokio::time::sleep(IDLE).await;
        memory.push(pss_mb(driver, &spec.id)?);
        driver.destroy(&spec.id).await?;
    }
    Ok((times, memory))
}

fn pss_mb(driver: &QemuDriver, id: &MachineId) -> Result<u64, Failure> {
    let text = fs::read_to_string(driver.host().directory(id).join("processes.json"))?;
    let processes: serde_json::Value = serde_json::from_str(&text)?;
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", processes["init"]["pid"]))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).ok_or("no Pss")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
}

fn spec(number: u32) -> Result<MachineSpec, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let address = Ipv4Addr::new(10, 88, 1, u8::try_from(number + 1)?);
    Ok(MachineSpec {
        id: MachineId::from_random(random),
        address,
        boot: Boot {
            controller_url: "http://10.88.0.1:4001".into(),
            token: String::from("none").into(),
            address: address.into(),
            desktop: DESKTOP,
            environment: vec![],
            engine: MediaEngine::Str0m,
        },
        limits: Limits::default(),
        additions: Additions::default(),
    })
}
