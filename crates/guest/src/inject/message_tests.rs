use proptest::prelude::*;

use super::*;

#[test]
fn each_message_of_the_protocol_is_read() {
    for (json, expected) in [
        (r#"{"t":"button","button":0,"down":true,"x":3,"y":4}"#, Input::Button { button: 0, down: true, x: 3, y: 4 }),
        (r#"{"t":"wheel","dx":0,"dy":-1,"x":3,"y":4}"#, Input::Wheel { dx: 0, dy: -1, x: 3, y: 4 }),
        (
            r#"{"t":"key","code":"KeyA","key":"ä","down":false}"#,
            Input::Key { code: "KeyA".into(), key: "ä".into(), down: false },
        ),
        (r#"{"t":"text","text":"你好"}"#, Input::Text { text: "你好".into() }),
        (r#"{"t":"release"}"#, Input::Release),
        (r#"{"t":"ping","id":7}"#, Input::Ping { id: 7 }),
    ] {
        assert_eq!(input(false, json.as_bytes()), Ok(expected), "{json}");
    }
    assert_eq!(motion(false, br#"{"seq":1,"x":2,"y":3}"#), Ok(Motion { seq: 1, x: 2, y: 3 }));
}

#[test]
fn what_breaks_a_rule_is_refused_by_its_name() {
    let long_text = format!(r#"{{"t":"text","text":"{}"}}"#, "x".repeat(MAX_TEXT_BYTES + 1));
    let long_key = format!(r#"{{"t":"key","code":"{}","key":"a","down":true}}"#, "x".repeat(65));
    let long_message = format!(r#"{{"t":"release"{}}}"#, " ".repeat(MAX_MESSAGE_BYTES));
    for (binary, bytes, expected) in [
        (true, r#"{"t":"release"}"#, Refused::Binary),
        (false, "", Refused::Unknown),
        (false, "null", Refused::Unknown),
        (false, r#"{"t":"ping","id":1,"more":1}"#, Refused::Unknown),
        (false, r#"{"t":"shutdown"}"#, Refused::Unknown),
        (false, r#"{"t":"ping","id":-1}"#, Refused::Unknown),
        (false, r#"{"t":"button","button":0,"down":true,"x":70000,"y":4}"#, Refused::Unknown),
        (false, r#"{"t":"button","button":5,"down":true,"x":1,"y":4}"#, Refused::Button),
        (false, &long_text, Refused::TooLong),
        (false, &long_key, Refused::TooLong),
        (false, &long_message, Refused::TooLong),
    ] {
        assert_eq!(input(binary, bytes.as_bytes()), Err(expected), "{}", &bytes[..bytes.len().min(60)]);
    }
    assert_eq!(motion(false, br#"{"seq":1,"x":2}"#), Err(Refused::Unknown));
}

#[test]
fn late_motion_is_older_even_across_the_wrap() {
    for (seq, last, newer) in [
        (1, None, true),
        (2, Some(1), true),
        (1, Some(1), false),
        (1, Some(2), false),
        (0, Some(u32::MAX), true),
        (u32::MAX, Some(0), false),
    ] {
        assert_eq!(is_newer(seq, last), newer, "{seq} after {last:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic_or_break_its_limits(binary: bool, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = motion(binary, &bytes);
        if let Ok(Input::Text { text }) = input(binary, &bytes) {
            prop_assert!(text.len() <= MAX_TEXT_BYTES);
        }
    }

    #[test]
    fn any_message_written_by_the_protocol_is_read_as_itself(text in "\\PC{0,50}", x: u16, y: u16, down: bool, dx: i8, dy: i8) {
        for message in [
            Input::Text { text: text.clone() },
            Input::Wheel { dx, dy, x, y },
            Input::Button { button: (x % 5) as u8, down, x, y },
        ] {
            let json = serde_json::to_vec(&message).unwrap();
            prop_assert_eq!(input(false, &json), Ok(message));
        }
    }
}
