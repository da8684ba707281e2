//! Offers, answers and candidates.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::messages::signaling(data));
