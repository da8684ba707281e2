//! What the guest in a virtual machine says to its launcher.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::virtual_machine::lines(data));
