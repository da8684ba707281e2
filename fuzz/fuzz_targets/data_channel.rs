//! Messages of the data channels.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::guest::data_channel(data));
