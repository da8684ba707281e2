//! What reaches the guest agent: messages of the data channels, ICE over TCP, and whatever its CLI writes.
//!
//! The agent's pure files are taken in by their path. Its crate would bring GStreamer along, and nothing of that parses
//! what comes from outside.

#[path = "../../crates/guest/src/login/mask.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod mask;
mod media;
#[path = "../../crates/guest/src/inject/message.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod message;
#[path = "../../crates/guest/src/login/urls.rs"]
#[allow(dead_code, unreachable_pub, reason = "it has more than is used here")]
mod urls;

use anteroom_protocol::{
    input::{Input, MAX_TEXT_BYTES},
    limits,
};

use crate::terminal::Screen;

pub use media::{ice_tcp, offer};

/// A message of either data channel.
pub fn data_channel(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let binary = kind & 1 == 1;
    match message::input(binary, bytes) {
        Ok(input) => {
            assert!(!binary);
            let written = serde_json::to_vec(&input).expect("what was read can be written");
            assert_eq!(message::input(false, &written), Ok(input.clone()));
            match input {
                Input::Button { button, .. } => assert!(button <= 4),
                Input::Text { text } => assert!(text.len() <= MAX_TEXT_BYTES),
                Input::Key { .. } | Input::Wheel { .. } | Input::Release | Input::Ping { .. } => {}
            }
        }
        Err(message::Refused::Binary) => assert!(binary),
        Err(_) => {}
    }
    if let Ok(motion) = message::motion(binary, bytes) {
        assert!(message::is_newer(motion.seq, None) && !message::is_newer(motion.seq, Some(motion.seq)));
    }
}

/// What a CLI writes, in reads of any length; the first byte makes the terminal narrow, so that rows wrap.
pub fn terminal(data: &[u8]) {
    let Some((&width, mut rest)) = data.split_first() else { return };
    let mut screen = Screen::new(u16::from(width).max(2), 24);
    while !rest.is_empty() {
        let _answers = screen.feed(crate::part(&mut rest));
    }
    let _answers = screen.draw_held_back();
    let (rows, links) = (screen.rows(), screen.links());
    let hosts = ["auth.example".to_owned(), ".sub.example".to_owned()];
    for url in urls::urls_on(&rows).iter().chain(&links) {
        if let Ok(url) = urls::sign_in_url(url, &hosts) {
            assert_eq!((url.scheme(), url.username(), url.password(), url.port()), ("https", "", None, None));
            let host = url.host_str().expect("it was asked for");
            assert!(host == "auth.example" || host == "sub.example" || host.ends_with(".sub.example"));
        }
    }
    let texts: Vec<_> = rows.into_iter().map(|row| row.text).collect();
    assert!(mask::masked_tail(&texts, 12).len() <= limits::MAX_DETAIL_BYTES);
}
