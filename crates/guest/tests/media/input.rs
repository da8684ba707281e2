//! What a person does in the page, on the machine's desktop.

use anteroom_guest::{
    encode::Codec,
    media::{Engine, Event},
};
use anteroom_protocol::input::{INPUT_CHANNEL, Input};
use tokio::sync::mpsc::Receiver;
use x11rb::protocol::xproto::KeyButMask;

use super::ENGINE;
use crate::{
    display::{Display, SIZE},
    viewer::{Viewer, start},
};

fn connected() -> (Display, Engine, Receiver<Event>, Viewer) {
    let display = Display::start();
    let (engine, events) = start(ENGINE);
    engine.attach(&display.name).unwrap();
    let viewer = Viewer::connect(&engine, 1, Codec::H264);
    (display, engine, events, viewer)
}

fn key(code: &str, key: &str, down: bool) -> Input {
    Input::Key { code: code.to_owned(), key: key.to_owned(), down }
}

#[test]
fn a_click_moves_the_pointer_and_holds_the_button_until_its_release() {
    let (display, _engine, _events, mut viewer) = connected();
    viewer.send(&Input::Button { button: 0, down: true, x: 123, y: 45 });
    viewer.run_until("the button is down", |_| display.pointer() == (123, 45, KeyButMask::BUTTON1));
    viewer.send(&Input::Button { button: 0, down: false, x: 130, y: 50 });
    viewer.run_until("the button is up", |_| display.pointer() == (130, 50, KeyButMask::from(0u16)));
}

#[test]
fn motion_moves_the_pointer_and_ends_at_the_desktops_edge() {
    let (display, _engine, _events, mut viewer) = connected();
    viewer.move_to(77, 88);
    viewer.run_until("the pointer moved", |_| display.pointer().0 == 77 && display.pointer().1 == 88);
    viewer.move_to(60_000, 60_000);
    let edge = (SIZE.width as i16 - 1, SIZE.height as i16 - 1);
    viewer.run_until("the pointer is at the edge", |_| (display.pointer().0, display.pointer().1) == edge);
}

#[test]
fn text_of_any_script_arrives_as_it_was_typed() {
    let (display, _engine, _events, mut viewer) = connected();
    display.typist();
    let text = "Grüße, 你好\nПривет! €100 🙂 ÀÉÎ\"{}|~ end";
    viewer.send(&Input::Text { text: text.to_owned() });
    assert_eq!(display.typed(text.chars().count()), text);
}

#[test]
fn more_different_characters_than_spare_keys_arrive_in_order() {
    let (display, _engine, _events, mut viewer) = connected();
    display.typist();
    let text: String = ('一'..='仏').collect();
    viewer.send(&Input::Text { text: text.clone() });
    assert_eq!(display.typed(text.chars().count()), text);
}

#[test]
fn keys_of_another_layout_make_the_characters_that_the_person_sees() {
    let (display, _engine, _events, mut viewer) = connected();
    display.typist();
    for (code, name) in [("KeyY", "z"), ("Semicolon", "ö"), ("KeyA", "a")] {
        viewer.send(&key(code, name, true));
        viewer.send(&key(code, name, false));
    }
    viewer.send(&key("ShiftLeft", "Shift", true));
    for (code, name) in [("Digit7", "/"), ("KeyA", "A"), ("Minus", "?")] {
        viewer.send(&key(code, name, true));
        viewer.send(&key(code, name, false));
    }
    viewer.send(&key("ShiftLeft", "Shift", false));
    assert_eq!(display.typed(6), "zöa/A?");
}

fn hold_everything(display: &Display, viewer: &mut Viewer) {
    viewer.send(&key("ShiftLeft", "Shift", true));
    viewer.send(&key("ControlRight", "Control", true));
    viewer.send(&key("KeyA", "A", true));
    viewer.send(&Input::Button { button: 2, down: true, x: 5, y: 5 });
    viewer.run_until("three keys and a button are down", |_| {
        display.keys_down() == 3 && display.pointer().2.contains(KeyButMask::BUTTON3)
    });
}

fn nothing_is_held(display: &Display) -> bool {
    display.keys_down() == 0 && display.pointer().2 == KeyButMask::from(0u16)
}

#[test]
fn losing_the_focus_releases_keys_and_buttons() {
    let (display, _engine, _events, mut viewer) = connected();
    hold_everything(&display, &mut viewer);
    viewer.send(&Input::Release);
    viewer.run_until("nothing is held", |_| nothing_is_held(&display));
}

#[test]
fn a_closed_connection_releases_keys_and_buttons() {
    let (display, engine, _events, mut viewer) = connected();
    hold_everything(&display, &mut viewer);
    viewer.close();
    let mut other = Viewer::offering(Codec::H264).0;
    other.run_until("nothing is held", |_| nothing_is_held(&display));
    drop(engine);
}

#[test]
fn a_newer_epoch_releases_what_the_older_one_held_and_takes_the_input_over() {
    let (display, engine, _events, mut viewer) = connected();
    hold_everything(&display, &mut viewer);
    let mut second = Viewer::connect(&engine, 2, Codec::H264);
    second.run_until("nothing is held", |_| nothing_is_held(&display));
    second.send(&Input::Button { button: 0, down: true, x: 9, y: 9 });
    second.run_until("the button is down", |_| display.pointer() == (9, 9, KeyButMask::BUTTON1));
}

#[test]
fn ending_the_engine_releases_keys_and_buttons() {
    let (display, engine, _events, mut viewer) = connected();
    hold_everything(&display, &mut viewer);
    engine.shutdown();
    viewer.run_until("nothing is held", |_| nothing_is_held(&display));
}

#[test]
fn messages_that_are_not_ours_change_nothing() {
    let (display, _engine, _events, mut viewer) = connected();
    for bytes in [&b"{}"[..], b"nonsense", br#"{"t":"button","button":0,"down":true,"x":1,"y":1,"z":1}"#, &[0xff; 9000]]
    {
        viewer.send_raw(INPUT_CHANNEL, bytes);
    }
    viewer.send(&Input::Button { button: 1, down: true, x: 33, y: 44 });
    viewer.run_until("only the good one was played", |_| display.pointer() == (33, 44, KeyButMask::BUTTON2));
}
