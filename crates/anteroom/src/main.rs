//! The program: reads the configuration, puts the parts together, and runs them. It decides nothing.

mod cli;
mod client;
mod config;
mod connect;
mod doctor;
mod driver;
mod edge;
mod embedded;
mod image;
mod key_file;
mod login;
mod logs;
mod machined;
mod machines;
mod mcp;
mod names;
mod new_provider;
mod process;
mod providers;
mod relay;
mod run;
mod serve;
mod user;
mod vault;
mod webhook;
mod wiring;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // A machine's launcher must have one thread only: before clap, the runtime and everything else.
    match arguments.next() {
        Some(first) if first == wiring::SANDBOX_LAUNCHER => return anteroom_machines_sandbox::init_main(arguments),
        Some(first) if first == wiring::QEMU_LAUNCHER => return anteroom_machines_qemu::init_main(arguments),
        Some(_) | None => {}
    }
    // SAFETY: no other thread has been started.
    let key = unsafe { key_file::take_from_environment() };
    cli::main(key)
}
