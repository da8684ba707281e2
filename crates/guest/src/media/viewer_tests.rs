use anteroom_protocol::{Epoch, ViewId};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn person(now: Instant) -> Viewer {
    Viewer::new(Who::Epoch(Epoch(1)), Codec::H264, now)
}

fn frame(keyframe: bool) -> EncodedFrame {
    EncodedFrame { codec: Codec::H264, data: [0].into(), keyframe, time: Duration::ZERO }
}

#[test]
fn every_stage_of_a_viewer_ends_in_time_with_its_own_reason() {
    let now = Instant::now();
    let mut viewer = person(now);
    assert_eq!(
        (viewer.overdue(now + ICE_TIMEOUT - MS), viewer.overdue(now + ICE_TIMEOUT)),
        (None, Some(Closed::NoPath))
    );
    assert!(matches!(viewer.path_found(now), Some(Note::IceConnected)));
    assert!(viewer.path_found(now).is_none(), "it is found once");
    assert_eq!(viewer.overdue(now + DTLS_TIMEOUT), Some(Closed::NoDtls));
    assert!(matches!(viewer.secured(), Note::DtlsConnected));
    assert_eq!((viewer.watches(), viewer.deadline()), (true, None));
    viewer.path_lost(now);
    assert_eq!((viewer.watches(), viewer.overdue(now + LOST_TIMEOUT)), (false, Some(Closed::PathLost)));
    assert!(matches!(viewer.path_found(now), Some(Note::KeyframeWanted)), "what was sent meanwhile is lost");
    assert!(viewer.watches());
}

#[test]
fn a_path_that_is_lost_before_dtls_leaves_the_deadline_as_it_is() {
    let now = Instant::now();
    let mut viewer = person(now);
    viewer.path_found(now);
    viewer.path_lost(now + 5 * MS);
    assert_eq!(viewer.deadline(), Some(now + DTLS_TIMEOUT));
}

#[test]
fn a_viewer_takes_pictures_from_a_keyframe_on() {
    let now = Instant::now();
    let mut viewer = person(now);
    assert!(!viewer.takes(&frame(true), Duration::ZERO), "not before it is connected");
    viewer.secured();
    assert!(!viewer.takes(&frame(false), Duration::ZERO));
    assert!(viewer.takes(&frame(true), Duration::ZERO));
    viewer.got_it();
    assert!(viewer.takes(&frame(false), Duration::ZERO));
    assert!(!viewer.takes(&EncodedFrame { codec: Codec::Vp8, ..frame(true) }, Duration::ZERO));
    viewer.missed_a_frame();
    assert!(!viewer.takes(&frame(false), Duration::ZERO));
    assert_eq!((viewer.has_caught_up(MS), viewer.has_caught_up(Duration::ZERO)), (false, true));
    assert!(!viewer.has_caught_up(Duration::ZERO), "it is said once");
}

#[test]
fn a_person_is_listened_to_and_a_view_is_not() {
    let now = Instant::now();
    let mut viewer = person(now);
    let view = Viewer::new(Who::View(ViewId::from_random([1; 16])), Codec::H264, now);
    assert_eq!((viewer.channel("input"), view.channel("input")), (Some(Channel::Input), None));
    assert!(matches!(viewer.hear(Some(Channel::Input), false, br#"{"t":"ping","id":7}"#), Some(Note::Ping { id: 7 })));
    assert!(viewer.hear(None, false, br#"{"t":"ping","id":7}"#).is_none());
    let motion = |seq: u32| format!(r#"{{"seq":{seq},"x":1,"y":2}}"#);
    assert!(viewer.hear(Some(Channel::Motion), false, motion(5).as_bytes()).is_some());
    assert!(viewer.hear(Some(Channel::Motion), false, motion(4).as_bytes()).is_none(), "a newer one was there");
}
