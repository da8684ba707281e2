//! Makes one machine, shows its console, and destroys it when it has ended or at Ctrl-C. For trying out an
//! image or an agent:
//!
//! ```text
//! machine IMAGE AGENT [CA_CERTIFICATE]
//! ```

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Instant,
};

use anteroom_machines::{Additions, Driver as _, Limits, MachineSpec};
use anteroom_machines_host::{HostConfig, NetworkPolicy};
use anteroom_machines_sandbox::{Config, Sandbox};
use anteroom_protocol::{
    MachineId,
    guest::{Boot, DesktopSize, MediaEngine},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(Into::into).collect();
    let [image, agent, rest @ ..] = arguments.as_slice() else {
        return Err("usage: machine IMAGE AGENT [CA_CERTIFICATE]".into());
    };
    let certificates = rest.iter().map(std::fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(show(image, agent, certificates))
}

fn config(image: &Path, agent: &Path) -> Result<Config, Box<dyn std::error::Error>> {
    let here = std::env::current_exe()?;
    let built = here.parent().and_then(Path::parent).ok_or("no build directory")?;
    let host = HostConfig {
        instance: "trial".into(),
        device_prefix: "tri-".into(),
        run_dir: "/run/anteroom-trial/machines".into(),
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
    };
    let launcher = (built.join("sandbox-init"), vec![]);
    Ok(Config { host, sandbox: Sandbox { image: image.to_owned(), agent: agent.to_owned(), launcher } })
}

async fn show(image: &Path, agent: &Path, certificates: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    let driver = anteroom_machines_sandbox::open(config(image, agent)?).await?;
    println!("{:?}", driver.capabilities());
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let address = Ipv4Addr::new(10, 88, random[0], random[1] | 2);
    let spec = MachineSpec {
        id: MachineId::from_random(random),
        address,
        boot: Boot {
            controller_url: "http://10.88.0.1:4001".into(),
            token: String::from("none").into(),
            address: address.into(),
            desktop: DesktopSize { width: 1280, height: 720 },
            environment: vec![],
            engine: MediaEngine::Str0m,
        },
        limits: Limits::default(),
        additions: Additions { ca_certificates: certificates, ..Additions::default() },
    };
    let began = Instant::now();
    driver.create(&spec).await?;
    println!("{} at {address} after {:?}", spec.id, began.elapsed());
    tokio::select! {
        reason = driver.exited(&spec.id) => println!("ended: {reason}"),
        _ = tokio::signal::ctrl_c() => println!("asked to end"),
    }
    println!("{}", driver.logs(&spec.id).await?);
    let began = Instant::now();
    driver.destroy(&spec.id).await?;
    println!("destroyed after {:?}", began.elapsed());
    Ok(())
}
