//! The media engine against a real X server and a viewer on loopback: the same tests on both engines. What `webrtcbin`
//! does not have is said here, and nowhere else: no TCP (`tcp`, and its candidate), and no restart of ICE, which no
//! engine is asked for.
#![expect(clippy::duplicate_mod, reason = "one text of tests for two engines")]

mod display;
mod encoding;
mod screen;
mod viewer;

mod on_str0m;

mod on_webrtcbin;
