//! Viewers whose network lets no UDP through.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anteroom_guest::{
    encode::Codec,
    media::{Closed, Engine, Event, EventKind},
};
use anteroom_protocol::{
    Epoch, ViewId,
    input::{FromGuest, Input},
};
use tokio::sync::mpsc::Receiver;
use x11rb::protocol::xproto::KeyButMask;

use super::ENGINE;
use crate::{
    display::{DEADLINE, Display, SIZE},
    viewer::{Viewer, await_end, await_event, is_h264_keyframe, start, tcp_address},
};

/// What a kernel keeps for a connection by default, about.
const RECEIVE_BYTES: usize = 128 * 1024;

fn shown() -> (Display, Engine, Receiver<Event>) {
    let display = Display::start();
    let (engine, events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    (display, engine, events)
}

fn connect(engine: &Engine, epoch: u32) -> Viewer {
    let (mut viewer, offer) = Viewer::offering(Codec::H264);
    let (answer, _) = engine.answer(Epoch(epoch), &offer, &[]).unwrap();
    viewer.accept_over_tcp(&answer, RECEIVE_BYTES);
    viewer.run_until("the desktop's size came", |viewer| !viewer.heard.is_empty());
    viewer
}

/// A connection to the engine that belongs to nobody.
fn stranger(engine: &Engine, epoch: u32) -> TcpStream {
    let (_, offer) = Viewer::offering(Codec::H264);
    let (answer, _) = engine.answer(Epoch(epoch), &offer, &[]).unwrap();
    TcpStream::connect(tcp_address(&answer)).unwrap()
}

#[test]
fn a_viewer_over_tcp_sees_and_types() {
    let (display, engine, mut events) = shown();
    let mut viewer = connect(&engine, 1);
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert!(is_h264_keyframe(&viewer.frames[0]));
    viewer.send(&Input::Button { button: 0, down: true, x: 123, y: 45 });
    viewer.run_until("the button is down", |_| display.pointer() == (123, 45, KeyButMask::BUTTON1));
    viewer.send(&Input::Ping { id: 5 });
    viewer.run_until("the pong came", |viewer| viewer.heard.contains(&FromGuest::Pong { id: 5 }));
    let before = viewer.frames.len();
    display.fill(0xff_0000, (10, 10, 50, 50));
    viewer.run_until("the change came", |viewer| viewer.frames.len() > before);
    viewer.close();
    let mut other = Viewer::offering(Codec::H264).0;
    await_event(&mut other, &mut events, 1, &EventKind::Closed(Closed::ByViewer));
}

#[test]
fn a_connection_whose_first_message_is_no_check_of_a_viewer_is_closed() {
    let (engine, _events) = start(ENGINE);
    let check_of_another = {
        // A binding request for a user that is not there, well formed.
        let mut bytes = vec![0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
        bytes.extend([7; 12]);
        bytes.extend([0, 6, 0, 7, b'a', b'a', b'a', b'a', b':', b'b', b'b', 0]);
        [&[0, bytes.len() as u8][..], &bytes].concat()
    };
    let hello_of_tls = [&[0, 40][..], &[22; 40]].concat();
    let too_long = vec![0xff; 100];
    let http = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec();
    for (epoch, bytes) in [check_of_another, hello_of_tls, too_long, http].into_iter().enumerate() {
        let mut stream = stranger(&engine, epoch as u32 + 1);
        let started = Instant::now();
        stream.write_all(&bytes).unwrap();
        await_end(&mut stream);
        assert!(started.elapsed() < Duration::from_secs(4), "closed for what it said, not for its silence: {epoch}");
    }
}

#[test]
fn a_silent_connection_is_closed_in_time() {
    let (engine, _events) = start(ENGINE);
    let mut stream = stranger(&engine, 1);
    stream.write_all(&[0]).unwrap();
    await_end(&mut stream);
}

#[test]
fn strangers_that_take_every_place_keep_no_viewer_out() {
    let (_display, engine, _events) = shown();
    let (_, offer) = Viewer::offering(Codec::H264);
    let (answer, _) = engine.answer(Epoch(1), &offer, &[]).unwrap();
    let strangers: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(tcp_address(&answer)).unwrap()).collect();
    let mut viewer = connect(&engine, 2);
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    drop(strangers);
}

/// A picture that is hard to encode.
fn draw(display: &Display, seed: u32) {
    for step in 0..40u32 {
        let random = (seed * 40 + step).wrapping_mul(2_654_435_761);
        let (x, y) = (random % u32::from(SIZE.width), (random >> 8) % u32::from(SIZE.height));
        display.fill(random & 0xff_ffff, (x as i16, y as i16, 60, 40));
    }
}

/// A viewer that runs on its own, and its frames so far.
struct Running {
    frames: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    fn start(mut viewer: Viewer) -> Self {
        let (frames, stop) = (Arc::new(Mutex::new(viewer.frames.clone())), Arc::new(AtomicBool::new(false)));
        let (seen, stopped) = (Arc::clone(&frames), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                viewer.step();
                let mut seen = seen.lock().unwrap();
                let known = seen.len();
                seen.extend_from_slice(&viewer.frames[known..]);
            }
        });
        Self { frames, stop, thread: Some(thread) }
    }

    fn frames(&self) -> Vec<Vec<u8>> {
        self.frames.lock().unwrap().clone()
    }

    /// The place of its newest frame of these bytes.
    fn place(&self, frame: &[u8]) -> Option<usize> {
        self.frames.lock().unwrap().iter().rposition(|other| other == frame)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Changes the picture, and waits until the person has it.
fn change(display: &Display, seed: u32, person: &Running) {
    let (before, deadline) = (person.frames.lock().unwrap().len(), Instant::now() + DEADLINE);
    draw(display, seed);
    while person.frames.lock().unwrap().len() == before {
        assert!(Instant::now() < deadline, "the person sees no change");
        std::thread::yield_now();
    }
}

#[test]
fn a_view_that_does_not_read_loses_pictures_and_begins_again_with_a_keyframe_while_the_person_sees_all() {
    let (display, engine, _events) = shown();
    let person = Running::start(Viewer::connect(&engine, 1, Codec::H264));
    let (mut slow, offer) = Viewer::offering(Codec::H264);
    let answer = engine.answer_view(&ViewId::from_random([1; 16]), &offer).unwrap();
    slow.accept_over_tcp(&answer, 4096);
    slow.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let seen = slow.frames.len();
    // It reads nothing, while the person gets many times what can wait for it.
    let (mut seed, started) = (0, Instant::now());
    let bytes = |person: &Running| person.frames().iter().map(Vec::len).sum::<usize>();
    while bytes(&person) < 2_000_000 || started.elapsed() < Duration::from_secs(2) {
        seed += 1;
        change(&display, seed, &person);
    }
    let missed = person.frames().len();
    slow.run_until("it is up to date again", |slow| {
        if slow.frames.last().and_then(|last| person.place(last)) > Some(missed) {
            return true;
        }
        seed += 1;
        change(&display, seed, &person);
        false
    });
    // The encoder is shared: what it got is what the person got, with gaps.
    let got = &slow.frames[seen - 1..];
    let places: Vec<usize> = got.iter().map(|frame| person.place(frame).expect("the person has it too")).collect();
    let gaps = places.windows(2).zip(&got[1..]).filter(|(pair, _)| pair[1] != pair[0] + 1);
    let after_gaps: Vec<bool> = gaps.map(|(_, frame)| is_h264_keyframe(frame)).collect();
    assert!(!after_gaps.is_empty(), "pictures passed it by: {places:?}");
    assert!(after_gaps.iter().all(|keyframe| *keyframe), "after a gap there is a keyframe: {places:?}");
}
