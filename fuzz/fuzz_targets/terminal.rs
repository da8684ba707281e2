//! Whatever a CLI writes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::guest::terminal(data));
