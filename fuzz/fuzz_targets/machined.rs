//! Requests to the helper that runs as root.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::machined::requests(data));
