//! Reports, views' answers, boot documents.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::messages::guest_messages(data));
