use anteroom_protocol::{
    Secret,
    guest::{DesktopSize, MediaEngine},
    signaling::OfferType,
};
use serde_json::{Value, json};

use super::*;
use crate::{controller::scripted::Scripted, media::Config};

fn view(number: u8) -> ViewId {
    ViewId::from_random([number; 16])
}

fn offer() -> Offer {
    Offer { kind: OfferType::Offer, sdp: Secret::new("v=0\r\n".to_owned()) }
}

fn entry(seq: u32, number: u8, kind: ViewEntryKind) -> ViewEntry {
    ViewEntry { seq, view: view(number), kind }
}

#[test]
fn views_that_are_over_already_are_left_out_and_the_end_of_one_that_is_shown_is_not() {
    let offered = || ViewEntryKind::Offered { offer: offer() };
    let candidates = || ViewEntryKind::Candidates { candidates: Vec::new() };
    let entries = vec![
        entry(4, 1, ViewEntryKind::Closed),
        entry(5, 2, offered()),
        entry(6, 3, offered()),
        entry(7, 2, candidates()),
        entry(8, 3, candidates()),
        entry(9, 2, ViewEntryKind::Closed),
    ];
    let left: Vec<u32> = without_the_gone(entries).iter().map(|entry| entry.seq).collect();
    assert_eq!(left, [4, 6, 8]);
}

#[test]
fn a_view_that_can_be_shown_later_is_told_so_and_others_learn_why_not() {
    assert_eq!(refusal(&MediaError::NoPicture { view: view(1) }), ViewReply::NotYet);
    assert_eq!(refusal(&MediaError::Ended), ViewReply::NotYet);
    let ViewReply::Unusable { detail } = refusal(&MediaError::TooManyViews { view: view(1) }) else {
        panic!("refused")
    };
    assert!(detail.contains("16 views"), "{detail}");
}

#[tokio::test]
async fn every_entry_of_the_log_is_heeded_in_order_until_the_session_ends() {
    let size = DesktopSize { width: 640, height: 360 };
    let config = Config { address: [127, 0, 0, 1].into(), size, engine: MediaEngine::Str0m };
    let stage = Stage::start(config).await.unwrap();
    let log = json!({"next": 3, "entries": [
        {"seq": 1, "view": view(1), "kind": "offered", "offer": {"type": "offer", "sdp": "v=0\r\n"}},
        {"seq": 2, "view": view(2), "kind": "offered", "offer": {"type": "offer", "sdp": "v=0\r\n"}},
        {"seq": 3, "view": view(1), "kind": "candidates", "candidates": [{"candidate": ""}]},
    ]});
    let end = json!({"next": 4, "entries": [{"seq": 4, "view": view(2), "kind": "closed"}]});
    let gone = (409, json!({"type": "/problems/x", "title": "x", "status": 409, "detail": "x"}));
    let scripted = Scripted::start(vec![(204, Value::Null), (200, log), (204, Value::Null), gone, (200, end)]).await;
    serve(&scripted.client(), &stage).await;
    let answer = |number| format!("POST /api/guest/views/{}/answer", view(number));
    let poll = |after| format!("GET /api/guest/views?after={after}&wait=25");
    assert_eq!(scripted.calls(), [poll(0), poll(0), answer(1), answer(2), poll(3), poll(4)]);
    assert_eq!(scripted.seen()[2].body, json!({"kind": "not-yet"}), "there is no display");
}
