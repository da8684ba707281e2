//! Process 1 of every virtual machine. It is copied into the machine's first root when a driver is opened.

use std::process::ExitCode;

fn main() -> ExitCode {
    anteroom_machines_qemu::guest_main()
}
