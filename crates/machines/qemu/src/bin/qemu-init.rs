//! The launcher alone, for the driver's own tests; the product calls it as `anteroom qemu-init`.

use std::process::ExitCode;

fn main() -> ExitCode {
    anteroom_machines_qemu::init_main(std::env::args_os().skip(1))
}
