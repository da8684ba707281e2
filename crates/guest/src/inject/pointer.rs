//! Decides what the pointer does: where it goes, and which buttons are held. Pure.

use anteroom_protocol::guest::DesktopSize;

/// Notches that one message may turn the wheel; more would only fill the X server's queue.
const MAX_NOTCHES: u8 = 16;

/// What the X server is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Move the pointer.
    Move {
        /// Pixels from the left.
        x: i16,
        /// Pixels from the top.
        y: i16,
    },
    /// Press a button.
    Press(u8),
    /// Release a button.
    Release(u8),
}

/// The pointer's state.
#[derive(Clone, Debug)]
pub struct Pointer {
    size: DesktopSize,
    held: Vec<u8>,
}

impl Pointer {
    /// Nothing held.
    #[must_use]
    pub fn new(size: DesktopSize) -> Self {
        Self { size, held: Vec::new() }
    }

    /// Moves it; places outside the desktop become its edge.
    pub fn go(&self, x: u16, y: u16, out: &mut Vec<Action>) {
        let clamp = |at: u16, side: u16| i16::try_from(at.min(side.saturating_sub(1))).unwrap_or(i16::MAX);
        out.push(Action::Move { x: clamp(x, self.size.width), y: clamp(y, self.size.height) });
    }

    /// A button of `MouseEvent.button` changed.
    pub fn button(&mut self, button: u8, down: bool, out: &mut Vec<Action>) {
        let Some(button) = x_button(button) else { return };
        let held = self.held.contains(&button);
        if down && !held {
            self.held.push(button);
            out.push(Action::Press(button));
        } else if !down && held {
            self.held.retain(|other| *other != button);
            out.push(Action::Release(button));
        }
    }

    /// The wheel turned: X has a button for each direction.
    pub fn wheel(&self, dx: i8, dy: i8, out: &mut Vec<Action>) {
        for (notches, back, on) in [(dy, 4, 5), (dx, 6, 7)] {
            let button = if notches < 0 { back } else { on };
            for _ in 0..notches.unsigned_abs().min(MAX_NOTCHES) {
                out.extend([Action::Press(button), Action::Release(button)]);
            }
        }
    }

    /// Everything goes up.
    pub fn release_all(&mut self, out: &mut Vec<Action>) {
        out.extend(self.held.drain(..).map(Action::Release));
    }
}

fn x_button(button: u8) -> Option<u8> {
    [1, 2, 3, 8, 9].get(usize::from(button)).copied()
}

#[cfg(test)]
mod tests {
    use super::{Action::*, *};

    fn pointer() -> Pointer {
        Pointer::new(DesktopSize { width: 1280, height: 720 })
    }

    #[test]
    fn places_outside_the_desktop_become_its_edge() {
        for ((x, y), (to_x, to_y)) in [((0, 0), (0, 0)), ((1279, 719), (1279, 719)), ((1280, 65535), (1279, 719))] {
            let mut out = Vec::new();
            pointer().go(x, y, &mut out);
            assert_eq!(out, [Move { x: to_x, y: to_y }]);
        }
    }

    #[test]
    fn each_button_of_a_mouse_has_its_number_in_x() {
        for (button, number) in [(0, 1), (1, 2), (2, 3), (3, 8), (4, 9)] {
            let (mut pointer, mut out) = (pointer(), Vec::new());
            pointer.button(button, true, &mut out);
            pointer.button(button, true, &mut out);
            pointer.button(button, false, &mut out);
            pointer.button(button, false, &mut out);
            assert_eq!(out, [Press(number), Release(number)]);
        }
    }

    #[test]
    fn the_wheel_turns_in_four_directions_and_not_without_end() {
        for (dx, dy, button, count) in [(0, -1, 4, 1), (0, 2, 5, 2), (-1, 0, 6, 1), (1, 0, 7, 1), (0, 127, 5, 16)] {
            let mut out = Vec::new();
            pointer().wheel(dx, dy, &mut out);
            assert_eq!(out, [Press(button), Release(button)].repeat(count));
        }
    }

    #[test]
    fn held_buttons_are_released_together() {
        let (mut pointer, mut out) = (pointer(), Vec::new());
        pointer.button(0, true, &mut out);
        pointer.button(2, true, &mut out);
        out.clear();
        pointer.release_all(&mut out);
        assert_eq!(out, [Release(1), Release(3)]);
    }
}
