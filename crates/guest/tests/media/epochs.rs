//! Many connections in one process.

use std::{fs, time::Instant};

use anteroom_guest::{encode::Codec, media::Engine};

use super::ENGINE;
use crate::{
    display::{DEADLINE, Display},
    viewer::{Viewer, start},
};

/// What a process has at most more after [`EPOCHS`] connections than after [`FIRST`]: allocators keep some, and what one
/// connection needs is above 2 MB.
const MORE_MB: u64 = 12;
const FIRST: u32 = 10;
const EPOCHS: u32 = 50;

fn count(directory: &str) -> usize {
    fs::read_dir(directory).unwrap().count()
}

fn resident_mb() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
}

/// Threads and open files.
fn held() -> (usize, usize) {
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// The same, when it has come down to `most` or the time is over. Older pipelines are taken apart, and GLib keeps threads
/// for some seconds in case they are needed again.
fn settled(viewer: &mut Viewer, most: (usize, usize)) -> (usize, usize) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let now = held();
        if (now.0 <= most.0 && now.1 <= most.1) || Instant::now() > deadline {
            return now;
        }
        viewer.step();
    }
}

fn connect(engine: &Engine, epoch: u32) -> Viewer {
    let mut viewer = Viewer::connect(engine, epoch, Codec::H264);
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    viewer
}

#[test]
fn fifty_epochs_leave_no_thread_no_file_and_no_memory_behind() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut person = connect(&engine, 1);
    let (one, mut memory) = (held(), 0);
    for epoch in 2..=EPOCHS {
        person = connect(&engine, epoch);
        if epoch == FIRST {
            memory = resident_mb();
        }
    }
    let now = settled(&mut person, one);
    assert!(now.0 <= one.0 && now.1 <= one.1, "(threads, files): {one:?} with one viewer, then {now:?}");
    let grown = resident_mb().saturating_sub(memory);
    assert!(grown <= MORE_MB, "{grown} MB more than after {FIRST} connections");
}
