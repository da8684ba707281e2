//! The X server's keyboard: which key types what, and which keys are free to type anything else. Pure.

use super::keysym::Keysym;

/// A key of the X server.
pub type Keycode = u8;
/// No keysym.
const NONE: Keysym = 0;

/// What each key types, alone and with Shift, in the first group.
#[derive(Clone, Debug)]
pub struct Keymap {
    first: Keycode,
    keys: Vec<[Keysym; 2]>,
}

impl Keymap {
    /// From the reply to `GetKeyboardMapping` for all keys from `first` on.
    #[must_use]
    pub fn new(first: Keycode, per_key: u8, keysyms: &[Keysym]) -> Self {
        let key = |syms: &[Keysym]| [syms.first().copied().unwrap_or(NONE), syms.get(1).copied().unwrap_or(NONE)];
        let keys = keysyms.chunks(usize::from(per_key).max(1)).map(key).collect();
        Self { first, keys }
    }

    /// The key that types this keysym at a level: 0 alone, 1 with Shift.
    #[must_use]
    pub fn key(&self, keysym: Keysym, level: usize) -> Option<Keycode> {
        let index = self.keys.iter().position(|key| key.get(level) == Some(&keysym))?;
        self.first.checked_add(u8::try_from(index).ok()?)
    }

    /// Keys that type nothing.
    #[must_use]
    pub fn free_keys(&self) -> Vec<Keycode> {
        let free = self.keys.iter().enumerate().filter(|(_, key)| **key == [NONE; 2]);
        free.filter_map(|(index, _)| self.first.checked_add(u8::try_from(index).ok()?)).collect()
    }
}

/// Free keys, and what was last bound to each: the one that was used longest ago is bound anew, because programs
/// look a key's meaning up some time after it was pressed.
#[derive(Clone, Debug)]
pub struct SpareKeys {
    /// Least recently used first.
    bound: Vec<(Keycode, Keysym)>,
}

/// A spare key that types a keysym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spare {
    /// The key.
    pub key: Keycode,
    /// Whether it has to be bound first.
    pub bind: bool,
}

impl SpareKeys {
    /// From the free keys.
    #[must_use]
    pub fn new(keys: Vec<Keycode>) -> Self {
        Self { bound: keys.into_iter().map(|key| (key, NONE)).collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bound.len()
    }

    /// A key for this keysym, but none of those held down. None when all are.
    pub fn lend(&mut self, keysym: Keysym, held: impl Fn(Keycode) -> bool) -> Option<Spare> {
        let known = self.bound.iter().position(|(_, bound)| *bound == keysym);
        let (index, bind) = match known {
            Some(index) => (index, false),
            None => (self.bound.iter().position(|(key, _)| !held(*key))?, true),
        };
        let (key, _) = self.bound.remove(index);
        self.bound.push((key, keysym));
        Some(Spare { key, bind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keymap() -> Keymap {
        // Keys 8 to 12: nothing, a A, 1 !, nothing, Return.
        Keymap::new(8, 4, &[0, 0, 0, 0, 0x61, 0x41, 0x61, 0x41, 0x31, 0x21, 0, 0, 0, 0, 0, 0, 0xff0d, 0, 0, 0])
    }

    #[test]
    fn keys_are_found_by_what_they_type_at_a_level() {
        let map = keymap();
        for (keysym, level, key) in [
            (0x61, 0, Some(9)),
            (0x41, 1, Some(9)),
            (0x41, 0, None),
            (0x21, 1, Some(10)),
            (0xff0d, 0, Some(12)),
            (0xe4, 0, None),
        ] {
            assert_eq!(map.key(keysym, level), key, "{keysym:#x} at {level}");
        }
        assert_eq!(map.free_keys(), [8, 11]);
    }

    #[test]
    fn a_spare_key_is_bound_once_and_the_oldest_is_bound_anew() {
        let mut spares = SpareKeys::new(vec![8, 11]);
        let free = |_| false;
        assert_eq!(spares.lend(0xe4, free), Some(Spare { key: 8, bind: true }));
        assert_eq!(spares.lend(0xe4, free), Some(Spare { key: 8, bind: false }));
        assert_eq!(spares.lend(0xf6, free), Some(Spare { key: 11, bind: true }));
        assert_eq!(spares.lend(0xfc, free), Some(Spare { key: 8, bind: true }));
        assert_eq!(spares.lend(0xdf, |key| key == 11), Some(Spare { key: 8, bind: true }));
        assert_eq!(spares.lend(0xe5, |_| true), None);
    }

    #[test]
    fn an_odd_mapping_is_no_mapping() {
        assert!(Keymap::new(8, 0, &[]).free_keys().is_empty());
        assert_eq!(Keymap::new(250, 1, &[0; 10]).free_keys(), [250, 251, 252, 253, 254, 255]);
    }
}
