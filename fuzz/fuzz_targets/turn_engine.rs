//! TURN, message by message.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: Vec<anteroom_fuzz::relay::Step>| anteroom_fuzz::relay::engine(data));
