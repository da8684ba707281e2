//! Providers' files.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::credentials::provider_file(data));
