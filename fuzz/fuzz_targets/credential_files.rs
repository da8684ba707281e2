//! Credentials as they are captured.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::credentials::credential_files(data));
