use proptest::prelude::*;

use super::*;

fn key(byte: u8) -> Key {
    Key::from_random(Secret::new([byte; KEY_BYTES]))
}

fn ring(bytes: &[u8]) -> KeyRing {
    let (first, rest) = bytes.split_first().unwrap();
    rest.iter().try_fold(KeyRing::new(key(*first)), |ring, byte| ring.with_current(key(*byte))).unwrap()
}

#[test]
fn a_ring_reads_back_from_its_text_with_the_last_key_current() {
    let ring = ring(&[1, 2, 3]);
    let text = ring.to_text();
    assert_eq!(KeyRing::parse(text.expose()), Ok(ring.clone()));
    assert_eq!(ring.current().id(), key(3).id());
    assert_eq!(ring.ids().cloned().collect::<Vec<_>>(), [key(1).id, key(2).id, key(3).id]);
}

#[test]
fn comments_blank_lines_and_spaces_are_skipped() {
    let encoded = STANDARD.encode([9; KEY_BYTES]);
    let ring = KeyRing::parse(&format!("# made by hand\n\n  my-key : {encoded}  \r\n")).unwrap();
    assert_eq!(ring.current().id().as_str(), "my-key");
    assert_eq!(ring.current().bytes(), &[9; KEY_BYTES]);
}

#[test]
fn an_id_derives_from_the_key_and_stays_the_same() {
    assert_eq!(key(1).id().as_str(), "key-498152fc3d01");
    assert_ne!(key(1).id(), key(2).id());
}

#[test]
fn a_text_that_is_no_ring_is_refused_by_its_line() {
    let good = STANDARD.encode([9; KEY_BYTES]);
    for (text, expected) in [
        (String::new(), InvalidKeyRing::Empty),
        ("# nothing\n".into(), InvalidKeyRing::Empty),
        (good.clone(), InvalidKeyRing::Line { line: 1 }),
        (format!("a:{good}\nb:{}", STANDARD.encode([9; 31])), InvalidKeyRing::Line { line: 2 }),
        (format!("a:{good}\n\nb:{}", STANDARD.encode([9; 33])), InvalidKeyRing::Line { line: 3 }),
        (format!("A:{good}"), InvalidKeyRing::Line { line: 1 }),
        (format!(":{good}"), InvalidKeyRing::Line { line: 1 }),
        (format!("{}:{good}", "a".repeat(33)), InvalidKeyRing::Line { line: 1 }),
        ("a:%%%".into(), InvalidKeyRing::Line { line: 1 }),
        (format!("a:{good}\na:{good}"), InvalidKeyRing::Twice { id: KeyId("a".into()) }),
        ((0..=MAX_KEYS).map(|n| format!("k{n}:{good}\n")).collect(), InvalidKeyRing::TooMany),
    ] {
        assert_eq!(KeyRing::parse(&text), Err(expected));
    }
}

#[test]
fn neither_debug_nor_errors_show_a_key() {
    let ring = ring(&[1, 2]);
    assert_eq!(format!("{ring:?}"), format!("KeyRing[{}, {}]", key(1).id, key(2).id));
    assert_eq!(format!("{:?}", key(1)), format!("Key({})", key(1).id));
    let marker = "aHVudGVyMg";
    let error = KeyRing::parse(&format!("{marker}:{marker}")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(marker));
}

#[test]
fn an_older_key_leaves_and_the_current_one_stays() {
    let ring = ring(&[1, 2]);
    assert_eq!(ring.clone().without(key(1).id()), Ok(KeyRing::new(key(2))));
    for id in [key(2).id, key(3).id] {
        assert_eq!(ring.clone().without(&id), Err(InvalidKeyRing::NotOlder { id }));
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_ring_panic(text in "([a-z0-9-]{0,4}:?[A-Za-z0-9+/]{43}=?\n|\\PC{0,20}\n){0,4}") {
        if let Ok(ring) = KeyRing::parse(&text) {
            prop_assert_eq!(KeyRing::parse(ring.to_text().expose()), Ok(ring));
        }
    }
}
