//! Answers of name servers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::resolver::answers(data));
