//! From what browsers call a key to what X calls it: `KeyboardEvent.key` (UI Events KeyboardEvent key values) to
//! keysyms (X11 `keysymdef.h`). Pure.

/// An X keysym.
pub type Keysym = u32;

/// Shift on the left side; the right one is the next number, as for all modifiers.
pub const SHIFT_L: Keysym = 0xffe1;
/// Control on the left side.
pub const CONTROL_L: Keysym = 0xffe3;
/// Alt on the left side.
pub const ALT_L: Keysym = 0xffe9;
/// Return.
pub const RETURN: Keysym = 0xff0d;
/// Tab.
pub const TAB: Keysym = 0xff09;

/// Keysyms from here on name keys, not characters.
const FIRST_FUNCTION: Keysym = 0xfd00;
const LAST_FUNCTION: Keysym = 0xffff;
/// Unicode characters without a keysym of their own.
const UNICODE: Keysym = 0x0100_0000;

/// Named keys. Lock keys are missing on purpose: what a person's lock does is in the characters that arrive, and a
/// lock in the machine would change them again. `AltGraph`, `Dead`, `Process` and `Compose` too: only their result
/// is typed.
const NAMED: &[(&str, Keysym)] = &[
    ("Enter", RETURN),
    ("Tab", TAB),
    ("Backspace", 0xff08),
    ("Escape", 0xff1b),
    ("Delete", 0xffff),
    ("Insert", 0xff63),
    ("Home", 0xff50),
    ("End", 0xff57),
    ("PageUp", 0xff55),
    ("PageDown", 0xff56),
    ("ArrowLeft", 0xff51),
    ("ArrowUp", 0xff52),
    ("ArrowRight", 0xff53),
    ("ArrowDown", 0xff54),
    ("ContextMenu", 0xff67),
    ("Pause", 0xff13),
    ("PrintScreen", 0xff61),
    ("Help", 0xff6a),
    ("F1", 0xffbe),
    ("F2", 0xffbf),
    ("F3", 0xffc0),
    ("F4", 0xffc1),
    ("F5", 0xffc2),
    ("F6", 0xffc3),
    ("F7", 0xffc4),
    ("F8", 0xffc5),
    ("F9", 0xffc6),
    ("F10", 0xffc7),
    ("F11", 0xffc8),
    ("F12", 0xffc9),
];

/// Characters of the keys of a US keyboard, by `KeyboardEvent.code`: alone and with Shift.
const US: &[(&str, char, char)] = &[
    ("Backquote", '`', '~'),
    ("Minus", '-', '_'),
    ("Equal", '=', '+'),
    ("BracketLeft", '[', '{'),
    ("BracketRight", ']', '}'),
    ("Backslash", '\\', '|'),
    ("IntlBackslash", '<', '>'),
    ("Semicolon", ';', ':'),
    ("Quote", '\'', '"'),
    ("Comma", ',', '<'),
    ("Period", '.', '>'),
    ("Slash", '/', '?'),
    ("Space", ' ', ' '),
    ("Digit1", '1', '!'),
    ("Digit2", '2', '@'),
    ("Digit3", '3', '#'),
    ("Digit4", '4', '$'),
    ("Digit5", '5', '%'),
    ("Digit6", '6', '^'),
    ("Digit7", '7', '&'),
    ("Digit8", '8', '*'),
    ("Digit9", '9', '('),
    ("Digit0", '0', ')'),
];

/// The keysym of a named key that is no modifier.
#[must_use]
pub fn named(key: &str) -> Option<Keysym> {
    NAMED.iter().find(|(name, _)| *name == key).map(|(_, keysym)| *keysym)
}

/// The keysym that types a character; none for control characters other than line ends and tabs.
#[must_use]
pub fn of_char(character: char) -> Option<Keysym> {
    match character {
        '\n' => Some(RETURN),
        '\t' => Some(TAB),
        ' '..='~' | '\u{a0}'..='\u{ff}' => Some(u32::from(character)),
        _ if character.is_control() => None,
        _ => Some(UNICODE | u32::from(character)),
    }
}

/// Whether a keysym types a character, so that Shift decides which; a named key is the same with and without.
#[must_use]
pub fn is_character(keysym: Keysym) -> bool {
    !(FIRST_FUNCTION..=LAST_FUNCTION).contains(&keysym)
}

/// The character of the key at this place of a US keyboard.
#[must_use]
pub fn us_character(code: &str, shift: bool) -> Option<char> {
    if let Some(letter) = code.strip_prefix("Key").and_then(|rest| rest.parse::<char>().ok()) {
        return letter.is_ascii_uppercase().then(|| if shift { letter } else { letter.to_ascii_lowercase() });
    }
    US.iter().find(|(name, _, _)| *name == code).map(|(_, plain, shifted)| if shift { *shifted } else { *plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_keysyms_of_keysymdef() {
        for (key, keysym) in
            [("Enter", 0xff0d), ("Escape", 0xff1b), ("F12", 0xffc9), ("ArrowLeft", 0xff51), ("Delete", 0xffff)]
        {
            assert_eq!(named(key), Some(keysym), "{key}");
        }
        for key in ["CapsLock", "NumLock", "AltGraph", "Dead", "Process", "Unidentified", "a", ""] {
            assert_eq!(named(key), None, "{key}");
        }
    }

    #[test]
    fn characters_of_any_script_have_a_keysym() {
        for (character, keysym) in [
            ('a', 0x61),
            ('ß', 0xdf),
            ('€', 0x0100_20ac),
            ('ж', 0x0100_0436),
            ('你', 0x0100_4f60),
            ('🙂', 0x0101_f642),
            ('\n', RETURN),
        ] {
            assert_eq!(of_char(character), Some(keysym), "{character}");
        }
        for character in ['\0', '\u{1b}', '\u{7f}', '\u{85}', '\r'] {
            assert_eq!(of_char(character), None, "{character:?}");
        }
    }

    #[test]
    fn the_us_keyboard_is_known_by_code() {
        assert_eq!(us_character("KeyC", false), Some('c'));
        assert_eq!(us_character("KeyC", true), Some('C'));
        assert_eq!(us_character("Digit1", true), Some('!'));
        assert_eq!(us_character("Keyä", false), None);
        assert_eq!(us_character("Enter", false), None);
    }
}
