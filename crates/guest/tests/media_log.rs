//! Nothing that a person types, no SDP and no address reaches the log, on the most talkative level that the program
//! allows. In a program of its own, because the log is global.

#[path = "media/display.rs"]
#[expect(dead_code)]
mod display;
#[path = "media/viewer.rs"]
#[expect(dead_code)]
mod viewer;

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use anteroom_guest::{encode::Codec, media::LOG_DIRECTIVES};
use anteroom_protocol::{Epoch, guest::MediaEngine, input::Input};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn the_log_holds_no_sdp_no_address_and_nothing_typed() {
    let log = Log::default();
    let filter = EnvFilter::new(format!("trace,{LOG_DIRECTIVES}"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(log.clone()).with_ansi(false).init();
    for engine in [MediaEngine::Str0m, MediaEngine::Webrtcbin] {
        let secrets = sign_in(engine);
        let text = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
        assert!(text.contains("viewer"), "the log is listened to: {text}");
        for secret in secrets {
            assert!(!text.contains(&secret), "the log of {engine:?} holds {secret}");
        }
    }
}

/// Somebody types; returns what must be in no log.
fn sign_in(engine: MediaEngine) -> Vec<String> {
    let display = display::Display::start();
    let (engine, mut events) = viewer::start(engine);
    engine.attach(&display.name).unwrap();
    display.typist();
    let (mut viewer, offer) = viewer::Viewer::offering(Codec::H264);
    let (answer, candidates) = engine.answer(Epoch(1), &offer, &[]).unwrap();
    viewer.accept(&answer, &candidates);
    viewer::await_event(&mut viewer, &mut events, 1, &anteroom_guest::media::EventKind::InputOpen);
    viewer.run_until("the channels are open", |viewer| !viewer.heard.is_empty());
    viewer.send(&Input::Text { text: "correcthorse".to_owned() });
    assert_eq!(display.typed(12), "correcthorse");
    viewer.close();
    engine.shutdown();

    let mut secrets = vec!["correcthorse".to_owned(), "127.0.0.1".to_owned(), "candidate:".to_owned()];
    for sdp in [offer.sdp.expose(), answer.sdp.expose()] {
        let lines = sdp.lines().filter(|line| line.starts_with("a=ice-") || line.starts_with("a=fingerprint"));
        secrets.extend(lines.filter_map(|line| Some(line.split_once(':')?.1.to_owned())));
    }
    assert!(secrets.len() >= 9, "both descriptions have credentials and fingerprints");
    secrets
}
