//! QEMU's command line, from what a virtual machine is. Pure: the files are open when the command runs, under the numbers
//! of [`Fd`], so that no path of the host stands in it and no secret can.

use anteroom_protocol::guest::DesktopSize;
use serde::{Deserialize, Serialize};

/// Which open file has which number. Nothing else is open but the three standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fd {
    Tap,
    Control,
    Qmp,
    Kernel,
    Initrd,
    Disk,
    Agent,
    Memory,
}

impl Fd {
    /// Its number; those below are the standard streams', and some that the C library may take.
    pub(crate) fn number(self) -> i32 {
        10 + match self {
            Self::Tap => 0,
            Self::Control => 1,
            Self::Qmp => 2,
            Self::Kernel => 3,
            Self::Initrd => 4,
            Self::Disk => 5,
            Self::Agent => 6,
            Self::Memory => 7,
        }
    }

    fn path(self) -> String {
        format!("/proc/self/fd/{}", self.number())
    }
}

/// Who runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accelerator {
    /// The processor, by the host's kernel.
    Kvm,
    /// QEMU itself: everywhere, and some ten times as slow.
    Tcg,
}

/// What a virtual machine is. A clone is of the same shape as its template but for its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shape {
    pub accelerator: Accelerator,
    pub memory_mb: u32,
    pub cpus: u32,
    pub memory: Memory,
    /// The desktop that is up before the machine is anybody's; none for none.
    pub desktop: Option<DesktopSize>,
}

/// Where the guest's memory lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Memory {
    /// In QEMU's own: a machine that boots.
    Own,
    /// In a file that is written: a template.
    Written,
    /// In a file that is never written, with what is changed beside it: a clone.
    Copied,
}

/// The cache of translated instructions. The default is a gigabyte, which no machine's memory limit leaves room for.
const TRANSLATION_CACHE_MB: u32 = 128;
/// QEMU's own memory beside the guest's: devices, threads, the program.
const PROCESS_MB: u32 = 192;
/// Threads of QEMU: processors, disk, control.
pub(crate) const MAX_THREADS: u32 = 256;

impl Shape {
    /// What QEMU needs beside the guest's memory, mebibytes.
    pub(crate) fn overhead_mb(&self) -> u32 {
        PROCESS_MB
            + match self.accelerator {
                Accelerator::Kvm => 0,
                Accelerator::Tcg => TRANSLATION_CACHE_MB,
            }
    }
}

/// The arguments after the program's name.
pub(crate) fn arguments(shape: &Shape) -> Vec<String> {
    let mut all = Vec::new();
    let mut option = |name: &str, value: String| all.extend([format!("-{name}"), value]);
    option("name", "anteroom".to_owned());
    option("sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny".to_owned());
    option("machine", "pc,memory-backend=ram,usb=off,vmport=off".to_owned());
    option("accel", accelerator(shape));
    option("cpu", cpu(shape).to_owned());
    option("smp", shape.cpus.to_string());
    option("m", format!("{}M", shape.memory_mb));
    option("object", memory(shape));
    option("rtc", "base=utc".to_owned());
    option("kernel", Fd::Kernel.path());
    option("initrd", Fd::Initrd.path());
    option("append", kernel_line(shape));
    // The guest's kernel counts devices as they come and names the channel after its number: this one is the first.
    option("chardev", format!("socket,id=control,fd={}", Fd::Control.number()));
    option("device", "virtio-serial-pci,id=serial,max_ports=2".to_owned());
    option("device", "virtserialport,bus=serial.0,nr=1,chardev=control,name=anteroom.control".to_owned());
    for (node, fd) in [("disk", Fd::Disk), ("agent", Fd::Agent)] {
        option("blockdev", format!("driver=file,node-name={node},filename={},read-only=on,locking=off", fd.path()));
        option("device", format!("virtio-blk-pci,drive={node}"));
    }
    option("netdev", format!("tap,id=net,fd={},vhost=off", Fd::Tap.number()));
    let mac = crate::wire::GUEST_MAC.map(|byte| format!("{byte:02x}")).join(":");
    option("device", format!("virtio-net-pci,netdev=net,mac={mac},romfile="));
    option("chardev", format!("socket,id=qmp,fd={}", Fd::Qmp.number()));
    option("mon", "chardev=qmp,mode=control".to_owned());
    option("chardev", "stdio,id=console,signal=off".to_owned());
    option("serial", "chardev:console".to_owned());
    option("display", "none".to_owned());
    if shape.memory == Memory::Copied {
        option("incoming", "defer".to_owned());
    }
    all.extend(["-nodefaults", "-no-user-config", "-no-reboot"].map(str::to_owned));
    all
}

fn accelerator(shape: &Shape) -> String {
    match shape.accelerator {
        Accelerator::Kvm => "kvm".to_owned(),
        Accelerator::Tcg => format!("tcg,thread=multi,tb-size={TRANSLATION_CACHE_MB}"),
    }
}

fn cpu(shape: &Shape) -> &'static str {
    match shape.accelerator {
        Accelerator::Kvm => "host",
        Accelerator::Tcg => "max",
    }
}

fn memory(shape: &Shape) -> String {
    let size = format!("size={}M", shape.memory_mb);
    let file = |share| format!("memory-backend-file,id=ram,{size},mem-path={},share={share}", Fd::Memory.path());
    match shape.memory {
        Memory::Own => format!("memory-backend-ram,id=ram,{size}"),
        Memory::Written => file("on"),
        Memory::Copied => file("off"),
    }
}

/// A guest that panics ends at once, and with it QEMU (`-no-reboot`).
fn kernel_line(shape: &Shape) -> String {
    // Without groups of their own for terminals, priorities count among all programs.
    let common = "console=ttyS0 quiet loglevel=4 panic=-1 net.ifnames=0 noautogroup";
    match shape.accelerator {
        Accelerator::Kvm => common.to_owned(),
        // There is no processor underneath that would look ahead.
        Accelerator::Tcg => format!("{common} mitigations=off"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(accelerator: Accelerator, memory: Memory) -> String {
        let arguments = arguments(&Shape { accelerator, memory_mb: 1024, cpus: 2, memory, desktop: None });
        // An option and its value on a line.
        arguments.join(" ").replace(" -", "\n-")
    }

    #[test]
    fn the_command_of_a_machine_that_boots_is_as_reviewed() {
        insta::assert_snapshot!(shown(Accelerator::Kvm, Memory::Own));
    }

    #[test]
    fn the_command_of_a_template_is_as_reviewed() {
        insta::assert_snapshot!(shown(Accelerator::Tcg, Memory::Written));
    }

    #[test]
    fn a_clone_differs_from_its_template_by_its_memory_and_by_waiting_for_the_state() {
        let lines = |memory| shown(Accelerator::Tcg, memory).lines().map(str::to_owned).collect::<Vec<_>>();
        let (template, clone) = (lines(Memory::Written), lines(Memory::Copied));
        let only: Vec<_> = clone.iter().filter(|line| !template.contains(line)).map(String::as_str).collect();
        assert_eq!(
            only,
            ["-object memory-backend-file,id=ram,size=1024M,mem-path=/proc/self/fd/17,share=off", "-incoming defer"]
        );
    }

    #[test]
    fn every_open_file_has_a_number_of_its_own() {
        let all = [Fd::Tap, Fd::Control, Fd::Qmp, Fd::Kernel, Fd::Initrd, Fd::Disk, Fd::Agent, Fd::Memory];
        let mut numbers: Vec<i32> = all.iter().map(|fd| fd.number()).collect();
        numbers.dedup();
        assert_eq!(numbers, (10..18).collect::<Vec<_>>());
    }
}
