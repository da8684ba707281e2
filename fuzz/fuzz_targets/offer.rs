//! What the engine `webrtcbin` reads in an offer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::guest::offer(data));
