//! Offers, answers and epochs.

use std::time::Instant;

use anteroom_guest::{
    encode::Codec,
    media::{Closed, EventKind, MediaError},
};
use anteroom_protocol::{
    Epoch, Secret,
    input::{FromGuest, Input},
    signaling::{Candidate, Offer, OfferType},
};
use str0m::{RtcConfig, media::MediaKind};

use super::{CANDIDATES, ENGINE};
use crate::{
    display::{Display, SIZE},
    viewer::{Viewer, await_event, is_h264_keyframe, start},
};

#[test]
fn a_viewer_gets_a_keyframe_first_and_the_desktops_size_and_a_pong() {
    let display = Display::start();
    let (engine, mut events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut viewer = Viewer::connect(&engine, 1, Codec::H264);
    for kind in [EventKind::IceConnected, EventKind::DtlsConnected, EventKind::InputOpen] {
        assert_eq!(events.blocking_recv().map(|event| event.kind), Some(kind));
    }
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert!(is_h264_keyframe(&viewer.frames[0]));
    viewer.send(&Input::Ping { id: 77 });
    viewer.run_until("the pong came", |viewer| viewer.heard.len() == 2);
    let desktop = FromGuest::Desktop { width: SIZE.width, height: SIZE.height };
    assert_eq!(viewer.heard, [desktop, FromGuest::Pong { id: 77 }]);
}

#[test]
fn an_offer_without_h264_gets_vp8() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut viewer = Viewer::connect(&engine, 1, Codec::Vp8);
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let frame = &viewer.frames[0];
    assert_eq!(frame[0] & 1, 0, "a VP8 keyframe (RFC 6386, 9.1)");
    assert_eq!(frame[3..6], [0x9d, 0x01, 0x2a]);
}

#[test]
fn an_offer_is_answered_before_there_is_a_display_and_the_picture_comes_with_it() {
    let (engine, mut events) = start(ENGINE);
    let mut viewer = Viewer::connect(&engine, 1, Codec::H264);
    await_event(&mut viewer, &mut events, 1, &EventKind::InputOpen);
    assert!(viewer.frames.is_empty());
    let display = Display::start();
    engine.attach(&display.name).unwrap();
    viewer.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    assert!(is_h264_keyframe(&viewer.frames[0]));
    assert!(matches!(engine.attach(&display.name), Err(MediaError::AlreadyAttached)));
}

#[test]
fn a_newer_epoch_gets_a_keyframe_at_once_and_ends_the_older_one() {
    let display = Display::start();
    let (engine, mut events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut first = Viewer::connect(&engine, 1, Codec::H264);
    first.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let started = Instant::now();
    let mut second = Viewer::connect(&engine, 2, Codec::H264);
    second.run_until("a frame came", |viewer| {
        // A viewer that reads nothing meanwhile has no room for the goodbye behind the newer one's keyframe.
        first.step();
        !viewer.frames.is_empty()
    });
    assert!(is_h264_keyframe(&second.frames[0]));
    assert!(started.elapsed().as_secs() < 2, "{:?}", started.elapsed());
    await_event(&mut second, &mut events, 1, &EventKind::Closed(Closed::Superseded));
    first.run_until("the first viewer is told", |viewer| viewer.closed);
}

#[test]
fn both_viewers_get_pictures_until_the_newer_one_has_connected() {
    let display = Display::start();
    let (engine, _events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let mut first = Viewer::connect(&engine, 1, Codec::H264);
    first.run_until("a frame came", |viewer| !viewer.frames.is_empty());
    let (_second, offer) = Viewer::offering(Codec::H264);
    engine.answer(Epoch(2), &offer, &[]).unwrap();
    let before = first.frames.len();
    display.fill(0xff_0000, (10, 10, 50, 50));
    first.run_until("the change came", |viewer| viewer.frames.len() > before);
}

#[test]
fn a_viewer_that_closes_is_reported() {
    let (engine, mut events) = start(ENGINE);
    let viewer = Viewer::connect(&engine, 1, Codec::H264);
    viewer.close();
    let closed = std::iter::from_fn(|| events.blocking_recv()).find(|event| matches!(event.kind, EventKind::Closed(_)));
    assert_eq!(closed.map(|event| event.kind), Some(EventKind::Closed(Closed::ByViewer)));
}

#[test]
fn shutting_down_closes_every_viewer() {
    let (engine, mut events) = start(ENGINE);
    let mut viewer = Viewer::connect(&engine, 1, Codec::H264);
    engine.shutdown();
    viewer.run_until("the viewer is told", |viewer| viewer.closed);
    let last = std::iter::from_fn(|| events.blocking_recv()).last();
    assert_eq!(last.map(|event| event.kind), Some(EventKind::Closed(Closed::Shutdown)));
}

#[test]
fn an_epoch_is_answered_once_and_never_after_a_newer_one() {
    let (engine, _events) = start(ENGINE);
    let offer = || Viewer::offering(Codec::H264).1;
    engine.answer(Epoch(3), &offer(), &[]).unwrap();
    for epoch in [3, 2, 0] {
        let refused = engine.answer(Epoch(epoch), &offer(), &[]);
        assert!(matches!(refused, Err(MediaError::StaleEpoch { .. })), "{epoch}");
    }
    engine.answer(Epoch(4), &offer(), &[]).unwrap();
}

#[test]
fn an_unusable_offer_is_refused_without_quoting_it_and_its_epoch_can_be_tried_again() {
    let (engine, _events) = start(ENGINE);
    let offer = |sdp: &str| Offer { kind: OfferType::Offer, sdp: Secret::new(sdp.to_owned()) };
    for sdp in ["", "secretpassword", "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-pwd:secretpassword\r\n"]
    {
        let error = engine.answer(Epoch(1), &offer(sdp), &[]).unwrap_err();
        assert!(matches!(error, MediaError::Offer { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    let (_, audio_only) = Viewer::with(RtcConfig::new(), MediaKind::Audio);
    let refused = engine.answer(Epoch(1), &audio_only, &[]);
    assert!(matches!(refused, Err(MediaError::NoVideo { .. })), "{:?}", refused.err());
    engine.answer(Epoch(1), &Viewer::offering(Codec::H264).1, &[]).unwrap();
}

#[test]
fn the_answers_candidates_are_one_address_for_each_protocol_and_the_end() {
    let (engine, _events) = start(ENGINE);
    let (_, candidates) = engine.answer(Epoch(1), &Viewer::offering(Codec::H264).1, &[]).unwrap();
    let (last, ours) = candidates.split_last().expect("there are some");
    assert_eq!((ours.len(), last.is_end()), (CANDIDATES.len(), true), "{ours:?}");
    for (candidate, protocol) in ours.iter().zip(CANDIDATES) {
        let line = candidate.candidate.expose().to_lowercase();
        assert!(line.starts_with("candidate:") && line.contains(" 127.0.0.1 ") && line.contains("typ host"), "{line}");
        assert!(line.contains(protocol), "{line}");
        assert!(candidate.sdp_mid.is_some());
    }
}

#[test]
fn candidates_that_browsers_make_are_taken_or_ignored() {
    let (engine, _events) = start(ENGINE);
    let candidate = |line: &str| Candidate {
        candidate: Secret::new(line.to_owned()),
        sdp_mid: Some("0".to_owned()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    let candidates = [
        "candidate:1 1 udp 2113937151 0f2a1c3d-1111-4222-8333-444455556666.local 51000 typ host",
        "candidate:2 1 udp 1677729535 192.0.2.7 51000 typ srflx raddr 0.0.0.0 rport 0",
        "candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active",
        "candidate:nonsense",
        "",
    ]
    .map(candidate);
    let (mut viewer, offer) = Viewer::offering(Codec::H264);
    let (answer, ours) = engine.answer(Epoch(1), &offer, &candidates).unwrap();
    engine.add_candidates(Epoch(1), &candidates).unwrap();
    engine.add_candidates(Epoch(9), &candidates).unwrap();
    viewer.accept(&answer, &ours);
    viewer.run_until("the desktop's size came", |viewer| !viewer.heard.is_empty());
}
