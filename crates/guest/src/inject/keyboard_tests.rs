use proptest::prelude::*;

use super::{Action::*, *};

const SHIFT: Keycode = 50;
const CONTROL: Keycode = 37;
const ALT: Keycode = 64;
const SPARE: Keycode = 8;

/// The keys of a US layout that the tests use, and four free ones from 8 on.
fn keyboard() -> Keyboard {
    let mut keysyms = vec![0; 2 * 248];
    for (key, plain, shifted) in [
        (38, 0x61, 0x41),
        (54, 0x63, 0x43),
        (10, 0x31, 0x21),
        (61, 0x2f, 0x3f),
        (36, keysym::RETURN, 0),
        (23, keysym::TAB, 0xfe20),
        (SHIFT, keysym::SHIFT_L, 0),
        (62, keysym::SHIFT_L + 1, 0),
        (CONTROL, keysym::CONTROL_L, 0),
        (105, keysym::CONTROL_L + 1, 0),
        (ALT, keysym::ALT_L, 0),
    ] {
        let at = (key as usize - 8) * 2;
        (keysyms[at], keysyms[at + 1]) = (plain, shifted);
    }
    keysyms[24..].iter_mut().filter(|sym| **sym == 0).for_each(|sym| *sym = 0xff_ffff);
    keysyms[8..24].iter_mut().filter(|sym| **sym == 0).for_each(|sym| *sym = 0xff_ffff);
    Keyboard::new(Keymap::new(8, 2, &keysyms))
}

/// `+code key` presses, `-code key` releases.
fn play(keyboard: &mut Keyboard, steps: &[(&str, &str)]) -> Vec<Action> {
    let mut out = Vec::new();
    for (code, key) in steps {
        match code.split_at(1) {
            ("+", code) => keyboard.press(code, key, &mut out),
            (_, code) => keyboard.release(code, key, &mut out),
        }
    }
    out
}

fn bind(key: Keycode, character: char) -> Action {
    Bind { key, keysym: keysym::of_char(character).unwrap() }
}

#[test]
fn each_key_in_each_layout_makes_its_character() {
    for (what, steps, expected) in [
        ("a letter", vec![("+KeyA", "a"), ("-KeyA", "a")], vec![Press(38), Release(38)]),
        ("an upper-case letter", vec![("+ShiftLeft", "Shift"), ("+KeyA", "A")], vec![Press(SHIFT), Press(38)]),
        ("a letter elsewhere (AZERTY)", vec![("+KeyQ", "a"), ("-KeyQ", "a")], vec![Press(38), Release(38)]),
        (
            "German slash: Shift and 7",
            vec![("+ShiftLeft", "Shift"), ("+Digit7", "/")],
            vec![Press(SHIFT), Release(SHIFT), Press(61), Release(61), Press(SHIFT)],
        ),
        ("a letter that is not on a US keyboard", vec![("+Semicolon", "ö")], vec![bind(SPARE, 'ö'), Press(SPARE)]),
        (
            "upper case without Shift (caps lock)",
            vec![("+KeyA", "A"), ("-KeyA", "A")],
            vec![Press(SHIFT), Press(38), Release(38), Release(SHIFT)],
        ),
        ("copy with caps lock", vec![("+ControlLeft", "Control"), ("+KeyC", "C")], vec![Press(CONTROL), Press(54)]),
        ("Shift and Tab", vec![("+ShiftRight", "Shift"), ("+Tab", "Tab")], vec![Press(62), Press(23)]),
        ("copy", vec![("+ControlLeft", "Control"), ("+KeyC", "c")], vec![Press(CONTROL), Press(54)]),
        (
            "copy in a Russian layout",
            vec![("+ControlLeft", "Control"), ("+KeyC", "с")],
            vec![Press(CONTROL), Press(54)],
        ),
        ("copy on macOS", vec![("+MetaLeft", "Meta"), ("+KeyC", "c")], vec![Press(CONTROL), Press(54), Release(54)]),
        (
            "AltGr on Windows",
            vec![
                ("+ControlLeft", "Control"),
                ("+AltRight", "AltGraph"),
                ("+KeyQ", "@"),
                ("-KeyQ", "@"),
                ("-AltRight", "AltGraph"),
            ],
            vec![Press(CONTROL), Release(CONTROL), bind(SPARE, '@'), Press(SPARE), Release(SPARE)],
        ),
        (
            "Option and L on a German Mac",
            vec![("+AltLeft", "Alt"), ("+KeyL", "@")],
            vec![Press(ALT), Release(ALT), bind(SPARE, '@'), Press(SPARE), Press(ALT)],
        ),
        ("Alt and a letter", vec![("+AltLeft", "Alt"), ("+KeyA", "a")], vec![Press(ALT), Press(38)]),
        ("keys without a character", vec![("+CapsLock", "CapsLock"), ("+Quote", "Dead"), ("+KeyA", "Process")], vec![]),
    ] {
        assert_eq!(play(&mut keyboard(), &steps), expected, "{what}");
    }
}

#[test]
fn what_was_prepared_is_typed_without_a_new_binding() {
    let mut keyboard = keyboard();
    let mut out = Vec::new();
    keyboard.prepare(&mut out);
    assert_eq!(out, [bind(SPARE, 'ä'), bind(SPARE + 1, 'ö')]);
    assert_eq!(play(&mut keyboard, &[("+Quote", "ä"), ("-Quote", "ä")]), [Press(SPARE), Release(SPARE)]);
}

#[test]
fn bindings_are_played_first_as_far_as_no_key_has_two_meanings() {
    let (a, b) = (bind(8, 'ä'), bind(9, 'ö'));
    for (actions, expected) in [
        (vec![], 0),
        (vec![Press(38), Release(38)], 2),
        (vec![a, Press(8), Release(8), b, Press(9), Release(9)], 6),
        (vec![a, Press(8), Release(8), bind(8, 'x'), Press(8)], 3),
        (vec![Press(8), Release(8), a, Press(8)], 2),
    ] {
        assert_eq!(stretch(&actions), expected, "{actions:?}");
    }
}

#[test]
fn a_release_goes_to_the_key_that_was_pressed_even_when_its_name_changed() {
    let mut keyboard = keyboard();
    play(&mut keyboard, &[("+ShiftLeft", "Shift"), ("+Digit1", "!"), ("-ShiftLeft", "Shift")]);
    assert_eq!(play(&mut keyboard, &[("-Digit1", "1")]), [Release(10)]);
}

#[test]
fn a_repeating_key_is_released_and_pressed_and_a_repeating_modifier_is_not() {
    let mut keyboard = keyboard();
    play(&mut keyboard, &[("+KeyA", "a"), ("+ShiftLeft", "Shift")]);
    assert_eq!(play(&mut keyboard, &[("+KeyA", "a"), ("+ShiftLeft", "Shift")]), [Release(38), Press(38)]);
}

#[test]
fn a_release_without_a_press_does_nothing() {
    assert_eq!(play(&mut keyboard(), &[("-KeyA", "a"), ("-ShiftLeft", "Shift")]), []);
}

#[test]
fn two_physical_keys_on_one_key_are_up_when_both_are() {
    let mut keyboard = keyboard();
    play(&mut keyboard, &[("+Enter", "Enter"), ("+NumpadEnter", "Enter")]);
    assert_eq!(play(&mut keyboard, &[("-Enter", "Enter")]), []);
    assert_eq!(play(&mut keyboard, &[("-NumpadEnter", "Enter")]), [Release(36)]);
}

#[test]
fn text_is_typed_without_the_modifiers_that_are_held() {
    let mut keyboard = keyboard();
    play(&mut keyboard, &[("+ControlLeft", "Control")]);
    let mut out = Vec::new();
    keyboard.type_text("aA\né\u{1b}", &mut out);
    let expected = [
        Release(CONTROL),
        Press(38),
        Release(38),
        Press(SHIFT),
        Press(38),
        Release(38),
        Release(SHIFT),
        Press(36),
        Release(36),
        bind(SPARE, 'é'),
        Press(SPARE),
        Release(SPARE),
        Press(CONTROL),
    ];
    assert_eq!(out, expected);
}

fn keys_down(actions: &[Action]) -> Vec<Keycode> {
    let mut down = Vec::new();
    for action in actions {
        match action {
            Press(key) => down.push(*key),
            Release(key) => down.retain(|held| held != key),
            Bind { .. } => {}
        }
    }
    down
}

proptest! {
    #[test]
    fn whatever_is_typed_release_all_leaves_no_key_down(
        steps in proptest::collection::vec((0..3u8, 0..12usize), 0..200)
    ) {
        const KEYS: [(&str, &str); 12] = [
            ("KeyA", "a"), ("KeyA", "A"), ("KeyC", "с"), ("Digit7", "/"), ("ShiftLeft", "Shift"), ("ControlLeft", "Control"),
            ("AltLeft", "Alt"), ("AltRight", "AltGraph"), ("MetaLeft", "Meta"), ("Enter", "Enter"), ("NumpadEnter", "Enter"),
            ("KeyZ", "你"),
        ];
        let mut keyboard = keyboard();
        let mut out = Vec::new();
        for (kind, key) in steps {
            let (code, name) = KEYS[key];
            match kind {
                0 => keyboard.press(code, name, &mut out),
                1 => keyboard.release(code, name, &mut out),
                _ => keyboard.type_text(name, &mut out),
            }
        }
        keyboard.release_all(&mut out);
        prop_assert_eq!(keys_down(&out), Vec::<Keycode>::new());
    }
}
