//! Those who watch beside the person.

use std::time::{Duration, Instant};

use anteroom_guest::{
    encode::Codec,
    media::{Closed, Event, EventKind, MediaError, Who},
};
use anteroom_protocol::{
    Secret, ViewId,
    input::Input,
    limits::MAX_VIEWS,
    signaling::{Offer, OfferType},
};
use str0m::{RtcConfig, media::MediaKind};
use tokio::sync::mpsc::Receiver;
use x11rb::protocol::xproto::KeyButMask;

use super::{CANDIDATES, ENGINE};
use crate::{
    display::Display,
    viewer::{Viewer, is_h264_keyframe, start},
};

fn view(number: u8) -> ViewId {
    ViewId::from_random([number; 16])
}

/// Waits, while the viewer runs, for an event of a view.
fn await_view_event(viewer: &mut Viewer, events: &mut Receiver<Event>, view: &ViewId, kind: &EventKind) {
    viewer.run_until(&format!("{kind:?} of {view}"), |_| {
        std::iter::from_fn(|| events.try_recv().ok())
            .any(|event| event.who == Who::View(view.clone()) && event.kind == *kind)
    });
}

#[test]
fn a_view_gets_the_persons_pictures_beginning_with_a_keyframe_and_can_do_nothing() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut person = Viewer::connect(&engine, 1, Codec::H264);
    let mut watcher = Viewer::watch(&engine, &view(1), Codec::H264);
    watcher.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert!(is_h264_keyframe(&watcher.frames[0]));
    watcher.send(&Input::Button { button: 0, down: true, x: 11, y: 11 });
    watcher.move_to(22, 22);
    watcher.send(&Input::Ping { id: 1 });
    let before = watcher.frames.len();
    display.fill(0xff_0000, (10, 10, 50, 50));
    watcher.run_until("the change came", |viewer| viewer.frames.len() > before);
    person.send(&Input::Button { button: 2, down: true, x: 33, y: 33 });
    person.run_until("only the person's button is down", |_| display.pointer() == (33, 33, KeyButMask::BUTTON3));
    assert!(watcher.heard.is_empty(), "nobody talks with a view: {:?}", watcher.heard);
}

#[test]
fn views_need_no_person_and_epochs_come_and_go_beside_them() {
    let display = Display::start();
    let (engine, mut events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut watcher = Viewer::watch(&engine, &view(1), Codec::H264);
    watcher.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let mut first = Viewer::connect(&engine, 1, Codec::H264);
    let _second = Viewer::connect(&engine, 2, Codec::H264);
    first.run_until("the first person is told", |viewer| viewer.closed);
    let before = watcher.frames.len();
    display.fill(0xff_0000, (10, 10, 50, 50));
    watcher.run_until("the change came", |viewer| viewer.frames.len() > before);
    assert!(!watcher.closed);
    let closed = std::iter::from_fn(|| events.try_recv().ok())
        .find(|event| matches!((&event.who, &event.kind), (Who::View(_), EventKind::Closed(_) | EventKind::InputOpen)));
    assert_eq!(closed, None);
}

#[test]
fn a_view_is_answered_only_when_there_is_a_picture() {
    let (engine, _events) = start(ENGINE);
    let offer = Viewer::offering(Codec::H264).1;
    assert!(matches!(engine.answer_view(&view(1), &offer), Err(MediaError::NoPicture { .. })));
    let display = Display::start();
    engine.attach(&display.name).unwrap();
    engine.answer_view(&view(1), &offer).unwrap();
    assert!(matches!(engine.answer_view(&view(1), &offer), Err(MediaError::StaleView { .. })));
}

#[test]
fn a_view_of_another_codec_gets_it_while_the_person_keeps_theirs() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut person = Viewer::connect(&engine, 1, Codec::H264);
    let mut watcher = Viewer::watch(&engine, &view(1), Codec::Vp8);
    watcher.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert_eq!(watcher.frames[0][3..6], [0x9d, 0x01, 0x2a], "a VP8 keyframe (RFC 6386, 9.1)");
    person.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert!(is_h264_keyframe(&person.frames[0]));
}

#[test]
fn a_view_that_is_closed_is_told_and_makes_room_for_another_one() {
    let display = Display::start();
    let (engine, mut events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut watcher = Viewer::watch(&engine, &view(1), Codec::H264);
    for number in 2..=MAX_VIEWS as u8 {
        engine.answer_view(&view(number), &Viewer::offering(Codec::H264).1).unwrap();
    }
    let one_more = Viewer::offering(Codec::H264).1;
    assert!(matches!(engine.answer_view(&view(99), &one_more), Err(MediaError::TooManyViews { .. })));
    engine.close_view(&view(1)).unwrap();
    watcher.run_until("the viewer is told", |viewer| viewer.closed);
    await_view_event(&mut watcher, &mut events, &view(1), &EventKind::Closed(Closed::ByViewer));
    engine.answer_view(&view(99), &one_more).unwrap();
    // The person is not counted with them.
    let _person = Viewer::connect(&engine, 1, Codec::H264);
}

#[test]
fn an_offer_that_can_not_be_used_takes_no_place() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let nonsense = Offer { kind: OfferType::Offer, sdp: Secret::new("secretpassword".to_owned()) };
    for _ in 0..=MAX_VIEWS {
        let error = engine.answer_view(&view(1), &nonsense).unwrap_err();
        assert!(matches!(error, MediaError::Offer { .. }) && !format!("{error:?}").contains("secret"), "{error:?}");
    }
    let (_, audio_only) = Viewer::with(RtcConfig::new(), MediaKind::Audio);
    assert!(matches!(engine.answer_view(&view(1), &audio_only), Err(MediaError::NoVideo { .. })));
    let _watcher = Viewer::watch(&engine, &view(1), Codec::H264);
}

#[test]
fn a_player_that_offers_sound_first_gets_silence_and_the_picture() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let (mut watcher, offer) = Viewer::offering_sound_too();
    assert!(offer.sdp.expose().find("m=audio") < offer.sdp.expose().find("m=video"), "sound is first");
    let answer = engine.answer_view(&view(1), &offer).unwrap();
    let sdp = answer.sdp.expose();
    let sections: Vec<&str> = sdp.split("\r\nm=").skip(1).collect();
    assert!(sections[0].starts_with("audio 9 UDP/TLS/RTP/SAVPF 1") && sections[0].contains("a=inactive"), "{sdp}");
    assert!(sections[1].starts_with("video 9 ") && sections[1].contains("a=sendonly"), "{sdp}");
    assert_eq!(sections[0].matches("a=candidate:").count(), CANDIDATES.len(), "all candidates are there");
    assert_eq!(sdp.matches("a=end-of-candidates").count(), 1, "and it says so");
    watcher.accept(&answer, &[]);
    watcher.run_until("a frame came", |viewer| !viewer.frames.is_empty());
}

#[test]
fn views_that_ask_for_keyframes_all_the_time_get_one_a_second() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut person = Viewer::connect(&engine, 1, Codec::H264);
    let mut watcher = Viewer::watch(&engine, &view(1), Codec::H264);
    watcher.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let (started, before) = (Instant::now(), watcher.frames.len());
    while started.elapsed() < Duration::from_millis(2_500) {
        watcher.ask_for_a_keyframe();
        watcher.step();
        person.step();
        display.fill(started.elapsed().as_millis() as u32, (10, 10, 50, 50));
    }
    let keyframes = watcher.frames[before..].iter().filter(|frame| is_h264_keyframe(frame)).count();
    assert!((1..=3).contains(&keyframes), "{keyframes}");
}
