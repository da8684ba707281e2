//! Credentials as they are stored.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::credentials::sealed(data));
