//! Virtual machines as a kind of machine.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anteroom_machines::{Capabilities, Limit, Limits, MachineSpec, OperationError};
use anteroom_machines_host::{Circumstances, During as _, HostConfig, Kind, Machines, OpenError};
use anteroom_protocol::{Secret, guest::DesktopSize};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    command::{self, Accelerator, MAX_THREADS, Memory, Shape},
    launcher::QEMU,
    parts::{self, Sources, digest_of},
    plan,
    template::{Maker, Template},
    wire::{Parts, Prepare, hexadecimal},
};

/// More virtual processors than this make no desktop quicker.
const MAX_CPUS: u32 = 8;

/// What the driver needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The host.
    pub host: HostConfig,
    /// Where kernel, image and agent come from.
    pub sources: Sources,
    /// The program that becomes a machine, and its first arguments: `anteroom qemu-init`.
    pub launcher: (PathBuf, Vec<OsString>),
    /// Who runs the guests' instructions.
    pub accelerate: Accelerate,
    /// For machines like this a template is kept, of which they are cloned; others boot.
    pub template: Option<TemplateOf>,
}

/// What machines have in common that are clones of one template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateOf {
    /// What each may use.
    pub limits: Limits,
    /// The size of each one's desktop, which is up in the template.
    pub desktop: DesktopSize,
}

/// Which accelerator is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerate {
    /// KVM if a guest boots under it, else TCG.
    #[default]
    Auto,
    /// KVM, or no driver.
    Kvm,
    /// TCG.
    Tcg,
}

/// What is particular to virtual machines, on a host that has everything.
pub struct Qemu {
    launcher: (PathBuf, Vec<OsString>),
    parts: Parts,
    accelerator: Accelerator,
    template: Option<(Shape, Template)>,
}

/// Makes virtual machines.
pub type QemuDriver = Machines<Qemu>;

/// Makes what every machine reads, finds out whether KVM runs guests here, makes or loads the template, prepares the host,
/// and opens the driver. The first time on a host this takes as long as a boot and some seconds.
///
/// # Errors
/// Says what is wrong in the configuration, or which step failed on the host.
pub async fn open(config: Config) -> Result<QemuDriver, OpenError> {
    config.host.check()?;
    let host = config.host.clone();
    let kind = match tokio::task::spawn_blocking(move || prepare(config)).await {
        Ok(kind) => kind?,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    Machines::open(host, kind).await
}

fn prepare(config: Config) -> Result<Qemu, OperationError> {
    let parts = parts::prepare(&config.sources).during(|| "make what virtual machines read".to_owned(), None)?;
    let accelerator = match config.accelerate {
        Accelerate::Tcg => Accelerator::Tcg,
        Accelerate::Kvm => probe(&config, &parts)
            .map(|()| Accelerator::Kvm)
            .during(|| "run a guest under KVM, which the accelerator `kvm` asks for".to_owned(), None)?,
        Accelerate::Auto => match probe(&config, &parts) {
            Ok(()) => Accelerator::Kvm,
            Err(error) => {
                tracing::warn!(%error, "KVM runs no guest here; virtual machines are emulated, which is slow");
                Accelerator::Tcg
            }
        },
    };
    let template = match &config.template {
        Some(of) => Some(template(&config, &parts, shape(&of.limits, Some(of.desktop), accelerator))?),
        None => None,
    };
    Ok(Qemu { launcher: config.launcher, parts, accelerator, template })
}

/// Whether KVM runs guests: one is run, up to where it waits to be told what it is, without a desktop. The device alone
/// says nothing; on some hosts it is there and fails.
fn probe(config: &Config, parts: &Parts) -> Result<(), OperationError> {
    std::fs::metadata("/dev/kvm").during(|| "look for /dev/kvm".to_owned(), None)?;
    let limits = config.template.map(|of| of.limits).unwrap_or_default();
    let scratch = config.sources.cache.join("templates").join(format!("probe-{}", std::process::id()));
    let shape = shape(&limits, None, Accelerator::Kvm);
    let probed = maker(config, parts, Accelerator::Kvm).make(&shape, &scratch).map(drop);
    std::fs::remove_dir_all(&scratch).during(|| format!("remove {}", scratch.display()), None)?;
    probed
}

fn template(config: &Config, parts: &Parts, shape: Shape) -> Result<(Shape, Template), OperationError> {
    let key = key(parts, &shape).during(|| "name the template".to_owned(), None)?;
    let directory = config.sources.cache.join("templates").join(key);
    let template = Template::ensure(&maker(config, parts, shape.accelerator), &shape, &directory)?;
    Ok((shape, template))
}

fn maker<'a>(config: &'a Config, parts: &'a Parts, accelerator: Accelerator) -> Maker<'a> {
    Maker { host: &config.host, launcher: &config.launcher, parts, deadline: launch_deadline(accelerator) }
}

/// Everything that decides what a template is: QEMU, its arguments, and what it reads.
fn key(parts: &Parts, shape: &Shape) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut add = |part: &[u8]| {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    };
    add(&Command::new(QEMU).arg("--version").output()?.stdout);
    add(command::arguments(&Shape { memory: Memory::Written, ..*shape }).join(" ").as_bytes());
    add(&serde_json::to_vec(&Prepare { desktop: shape.desktop, warm: true })?);
    for path in [&parts.kernel, &parts.initrd, &parts.agent] {
        add(digest_of(path)?.as_bytes());
    }
    // Reading a whole image takes seconds; who changes one in place changes its time.
    let disk = std::fs::metadata(&parts.disk)?;
    add(parts.disk.as_os_str().as_encoded_bytes());
    add(format!("{} {:?}", disk.len(), disk.modified()?).as_bytes());
    Ok(hexadecimal(&hash.finalize())[..32].to_owned())
}

/// An emulated boot takes 10 s of a core, a desktop 5 s, reading ahead 10 s; the rest is for busy hosts.
fn launch_deadline(accelerator: Accelerator) -> Duration {
    Duration::from_secs(match accelerator {
        Accelerator::Kvm => 30,
        Accelerator::Tcg => 240,
    })
}

fn shape(limits: &Limits, desktop: Option<DesktopSize>, accelerator: Accelerator) -> Shape {
    Shape {
        accelerator,
        memory_mb: limits.memory_mb,
        cpus: limits.cpu_percent.div_ceil(100).clamp(1, MAX_CPUS),
        memory: Memory::Own,
        desktop,
    }
}

impl Qemu {
    /// Who runs the guests' instructions here.
    #[must_use]
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }
}

impl Kind for Qemu {
    fn name(&self) -> &'static str {
        "qemu"
    }

    fn needs(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("virtual machine", Path::new(QEMU).to_owned()), ("launcher", self.launcher.0.clone())]
    }

    fn launcher(&self) -> &(PathBuf, Vec<OsString>) {
        &self.launcher
    }

    fn launch_deadline(&self) -> Duration {
        launch_deadline(self.accelerator)
    }

    fn group_limits(&self, limits: &Limits) -> Limits {
        let overhead = shape(limits, None, self.accelerator).overhead_mb();
        Limits { memory_mb: limits.memory_mb.saturating_add(overhead), pids: MAX_THREADS, ..*limits }
    }

    fn capabilities(&self, groups: Capabilities) -> Capabilities {
        let guest = |what: &str| Limit::Enforced(what.to_owned());
        Capabilities {
            memory: guest("size of the guest's memory"),
            pids: guest("cgroup v2 in the guest"),
            disk: guest("size of the root's memory in the guest"),
            ..groups
        }
    }

    fn document(&self, host: &HostConfig, spec: &MachineSpec, here: &Circumstances) -> Result<Secret<Vec<u8>>, String> {
        let mut shape = shape(&spec.limits, Some(spec.boot.desktop), self.accelerator);
        let mut parts = self.parts.clone();
        if let Some((of, template)) = &self.template
            && *of == shape
        {
            shape.memory = Memory::Copied;
            parts = template.parts(&parts);
        }
        let launch = plan::launch(host, spec, here, shape, parts, self.launch_deadline()).map_err(|e| e.to_string())?;
        serde_json::to_vec(&launch).map(Secret::new).map_err(|error| error.to_string())
    }
}
