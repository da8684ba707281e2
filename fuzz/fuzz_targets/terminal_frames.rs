//! Messages of a run's terminal.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::messages::terminal_frames(data));
