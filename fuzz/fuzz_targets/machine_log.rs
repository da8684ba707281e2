//! Whatever a machine writes to its console, on its way to being kept.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::machine_log::masked(data));
