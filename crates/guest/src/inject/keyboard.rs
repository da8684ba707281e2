//! Decides which keys of the X server are pressed for what a person types, in whatever layout. Pure: what to do
//! comes out as [`Action`]s.
//!
//! A key is found by the character that it makes in the person's layout. One that makes it with Shift the other way
//! (caps lock, a slash on Shift and 7) is struck with Shift that way. What no key of the machine's layout makes is
//! bound to a spare key, with and without Shift; the common ones before any program runs, because Chromium drops a
//! press that comes soon after its key's meaning has changed. A release is paired with its press by the physical key.

use super::{
    keymap::{Keycode, Keymap, SpareKeys},
    keysym::{self, Keysym},
};

/// Keys held at once; two hands hold ten. More are typed without being held.
pub const MAX_HELD: usize = 32;

/// What European layouts have and the machine's has not, the commonest first.
const COMMON: &str = "äöüßéèàçñ€ÄÖÜ§°´êâîôûåøæáíóúëïùì";

/// What the X server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Let a spare key type this, with and without Shift.
    Bind {
        /// The key.
        key: Keycode,
        /// What it types from now on.
        keysym: Keysym,
    },
    /// Press a key.
    Press(Keycode),
    /// Release a key.
    Release(Keycode),
}

/// How many of these actions can be played with all their bindings first: none of them is bound after it was pressed
/// or bound for something else. At least one, when there is one.
#[must_use]
pub fn stretch(actions: &[Action]) -> usize {
    let mut touched = Vec::new();
    let ends = actions.iter().position(|action| {
        let (key, binds) = match *action {
            Action::Bind { key, .. } => (key, true),
            Action::Press(key) | Action::Release(key) => (key, false),
        };
        let conflict = binds && touched.contains(&key);
        touched.push(key);
        conflict
    });
    ends.unwrap_or(actions.len())
}

/// What a held key does to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Plain,
    Shift,
    Control,
    Alt,
    /// macOS's Command, which is Control here. Browsers on macOS report no release of another key while it is
    /// held, so those are struck, not held.
    Command,
}

#[derive(Clone, Debug)]
struct Held {
    code: String,
    key: Keycode,
    role: Role,
}

/// The keyboard's state: what is held, and what spare keys mean.
#[derive(Clone, Debug)]
pub struct Keyboard {
    keymap: Keymap,
    spares: SpareKeys,
    held: Vec<Held>,
    /// The person holds AltGr. It is not passed on: the characters that it makes are.
    alt_graph: bool,
}

impl Keyboard {
    /// With the X server's keymap, and nothing held.
    #[must_use]
    pub fn new(keymap: Keymap) -> Self {
        let spares = SpareKeys::new(keymap.free_keys());
        Self { keymap, spares, held: Vec::new(), alt_graph: false }
    }

    /// Binds spare keys to what is likely to be typed. Called before programs have read the keymap.
    pub fn prepare(&mut self, out: &mut Vec<Action>) {
        for keysym in COMMON.chars().take(self.spares.count() * 3 / 4).filter_map(keysym::of_char) {
            if self.keymap.key(keysym, 0).or_else(|| self.keymap.key(keysym, 1)).is_none() {
                self.spare(keysym, out);
            }
        }
    }

    /// A key went down, or repeats.
    pub fn press(&mut self, code: &str, key: &str, out: &mut Vec<Action>) {
        if self.alt_graph && code == "ControlLeft" {
            // Windows reports AltGr as Control and AltGr, also when they repeat.
            return;
        }
        match modifier(code, key) {
            Some(Modifier::AltGraph) => {
                self.alt_graph = true;
                self.release("ControlLeft", "Control", out);
            }
            Some(Modifier::Held(role, keysym)) => self.press_modifier(code, role, keysym, out),
            None => self.press_plain(code, key, out),
        }
    }

    /// A key went up.
    pub fn release(&mut self, code: &str, key: &str, out: &mut Vec<Action>) {
        if matches!(modifier(code, key), Some(Modifier::AltGraph)) {
            self.alt_graph = false;
        }
        let Some(index) = self.held.iter().position(|held| held.code == code) else { return };
        let up = self.held.remove(index).key;
        if !self.is_held(up) {
            out.push(Action::Release(up));
        }
    }

    /// Everything goes up.
    pub fn release_all(&mut self, out: &mut Vec<Action>) {
        self.alt_graph = false;
        while let Some(held) = self.held.pop() {
            if !self.is_held(held.key) {
                out.push(Action::Release(held.key));
            }
        }
    }

    /// Types a text as it is. Modifiers that are held (the Control of a paste) don't change it.
    pub fn type_text(&mut self, text: &str, out: &mut Vec<Action>) {
        let modifiers: Vec<Keycode> =
            self.held.iter().filter(|held| held.role != Role::Plain).map(|held| held.key).collect();
        out.extend(modifiers.iter().map(|key| Action::Release(*key)));
        for keysym in text.chars().filter_map(keysym::of_char) {
            self.strike_alone(keysym, out);
        }
        out.extend(modifiers.iter().map(|key| Action::Press(*key)));
    }

    fn press_modifier(&mut self, code: &str, role: Role, keysym: Keysym, out: &mut Vec<Action>) {
        let repeats = self.held.iter().any(|held| held.code == code);
        let Some(key) = self.keymap.key(keysym, 0).filter(|_| !repeats && self.held.len() < MAX_HELD) else { return };
        self.held.push(Held { code: code.to_owned(), key, role });
        out.push(Action::Press(key));
    }

    fn press_plain(&mut self, code: &str, name: &str, out: &mut Vec<Action>) {
        if let Some(repeating) = self.held.iter().find(|held| held.code == code) {
            out.extend([Action::Release(repeating.key), Action::Press(repeating.key)]);
            return;
        }
        let Some(keysym) = self.meaning(code, name) else {
            if !name.is_ascii() {
                // Some layouts make several characters with one key.
                self.type_text(name, out);
            }
            return;
        };
        let alts = if self.is_composed(code, name) { self.held_keys(Role::Alt) } else { Vec::new() };
        out.extend(alts.iter().map(|key| Action::Release(*key)));
        if let Some(key) = self.key_as_is(keysym) {
            self.press_key(code, key, out);
        } else if !self.strike_with_other_shift(keysym, out)
            && let Some(key) = self.spare(keysym, out)
        {
            self.press_key(code, key, out);
        }
        out.extend(alts.iter().map(|key| Action::Press(*key)));
    }

    /// Strikes the key that makes this keysym with Shift the other way, if there is one. It is not held: a repeat
    /// strikes it again.
    fn strike_with_other_shift(&mut self, keysym: Keysym, out: &mut Vec<Action>) -> bool {
        let shifts = self.held_keys(Role::Shift);
        let shift = self.keymap.key(keysym::SHIFT_L, 0);
        let key = self.keymap.key(keysym, usize::from(shifts.is_empty())).filter(|_| keysym::is_character(keysym));
        let (Some(key), Some(shift)) = (key, shift) else { return false };
        if shifts.is_empty() {
            out.push(Action::Press(shift));
            self.strike(key, out);
            out.push(Action::Release(shift));
        } else {
            out.extend(shifts.iter().map(|key| Action::Release(*key)));
            self.strike(key, out);
            out.extend(shifts.iter().map(|key| Action::Press(*key)));
        }
        true
    }

    fn press_key(&mut self, code: &str, key: Keycode, out: &mut Vec<Action>) {
        if self.is_held(key) {
            out.push(Action::Release(key));
        }
        out.push(Action::Press(key));
        if self.has(Role::Command) || self.held.len() >= MAX_HELD {
            out.push(Action::Release(key));
        } else {
            self.held.push(Held { code: code.to_owned(), key, role: Role::Plain });
        }
    }

    /// The keysym of a key by its name. A shortcut in a layout without Latin letters means the letter at that
    /// place of a US keyboard, as programs on a desktop with such a layout take it.
    fn meaning(&self, code: &str, name: &str) -> Option<Keysym> {
        if let Some(keysym) = keysym::named(name) {
            return Some(keysym);
        }
        let character = single(name)?;
        let shortcut = self.has(Role::Control) || self.has(Role::Command) || self.has(Role::Alt);
        // Caps lock makes no other shortcut.
        let character = if shortcut && !self.has(Role::Shift) { character.to_ascii_lowercase() } else { character };
        if shortcut && character > '\u{ff}' {
            let latin = keysym::us_character(code, self.has(Role::Shift));
            return keysym::of_char(latin.unwrap_or(character));
        }
        keysym::of_char(character)
    }

    /// Whether Alt took part in making the character, as macOS's Option does: then the machine must not see Alt.
    fn is_composed(&self, code: &str, name: &str) -> bool {
        let Some(character) = single(name) else { return false };
        let plain = [false, true].map(|shift| keysym::us_character(code, shift));
        self.has(Role::Alt) && !character.is_ascii_alphanumeric() && !plain.contains(&Some(character))
    }

    /// A key that makes this keysym with Shift as it is.
    fn key_as_is(&self, keysym: Keysym) -> Option<Keycode> {
        let level = if keysym::is_character(keysym) { usize::from(self.has(Role::Shift)) } else { 0 };
        self.keymap.key(keysym, level)
    }

    fn spare(&mut self, keysym: Keysym, out: &mut Vec<Action>) -> Option<Keycode> {
        let held: Vec<Keycode> = self.held.iter().map(|held| held.key).collect();
        let spare = self.spares.lend(keysym, |key| held.contains(&key))?;
        if spare.bind {
            out.push(Action::Bind { key: spare.key, keysym });
        }
        Some(spare.key)
    }

    /// Presses and releases what makes this keysym, while no modifier is down.
    fn strike_alone(&mut self, keysym: Keysym, out: &mut Vec<Action>) {
        let shifted = self.keymap.key(keysym::SHIFT_L, 0).zip(self.keymap.key(keysym, 1));
        if let Some(key) = self.keymap.key(keysym, 0) {
            self.strike(key, out);
        } else if let Some((shift, key)) = shifted {
            out.push(Action::Press(shift));
            self.strike(key, out);
            out.push(Action::Release(shift));
        } else if let Some(key) = self.spare(keysym, out) {
            self.strike(key, out);
        }
    }

    fn strike(&self, key: Keycode, out: &mut Vec<Action>) {
        if self.is_held(key) {
            out.push(Action::Release(key));
        }
        out.extend([Action::Press(key), Action::Release(key)]);
    }

    fn has(&self, role: Role) -> bool {
        self.held.iter().any(|held| held.role == role)
    }

    fn held_keys(&self, role: Role) -> Vec<Keycode> {
        self.held.iter().filter(|held| held.role == role).map(|held| held.key).collect()
    }

    fn is_held(&self, key: Keycode) -> bool {
        self.held.iter().any(|held| held.key == key)
    }
}

enum Modifier {
    AltGraph,
    Held(Role, Keysym),
}

fn modifier(code: &str, key: &str) -> Option<Modifier> {
    let side = u32::from(code.ends_with("Right"));
    match key {
        "AltGraph" => Some(Modifier::AltGraph),
        "Shift" => Some(Modifier::Held(Role::Shift, keysym::SHIFT_L + side)),
        "Control" => Some(Modifier::Held(Role::Control, keysym::CONTROL_L + side)),
        "Alt" => Some(Modifier::Held(Role::Alt, keysym::ALT_L + side)),
        "Meta" => Some(Modifier::Held(Role::Command, keysym::CONTROL_L + side)),
        _ => None,
    }
}

fn single(name: &str) -> Option<char> {
    let mut characters = name.chars();
    characters.next().filter(|_| characters.next().is_none())
}

#[cfg(test)]
#[path = "keyboard_tests.rs"]
mod tests;
