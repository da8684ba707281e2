//! ICE over TCP.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::guest::ice_tcp(data));
