//! Pieces of SDP of WHEP players.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::messages::sdpfrag(data));
