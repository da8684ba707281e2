//! Plays what was decided into the X server, by the XTEST extension.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anteroom_protocol::{guest::DesktopSize, input::Input};
use x11rb::{
    connection::{Connection, RequestConnection},
    protocol::{
        xproto::{
            AutoRepeatMode, BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ChangeKeyboardControlAux, ConnectionExt as _,
            KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, Window,
        },
        xtest::{self, ConnectionExt as _},
    },
    rust_connection::RustConnection,
};

use super::{
    Command, InjectError,
    keyboard::{self, Keyboard},
    keymap::{Keycode, Keymap},
    keysym::Keysym,
    pointer::{self, Pointer},
};

/// How long a spare key keeps its meaning after it was last pressed. Programs ask the server what a key means some
/// time after they are told that it was pressed, and nothing tells us when they have.
const MEANING_STAYS: Duration = Duration::from_millis(120);

/// How long a new meaning takes to be known. The server tells programs of it before it tells them of the press, but
/// Chromium has read the new keymap only some time after, and until then drops the key: measured with no pause, each
/// first press was lost; what was bound beforehand never.
const MEANING_ARRIVES: Duration = Duration::from_millis(80);

/// A connection that plays input into one display.
pub(super) struct Player {
    conn: RustConnection,
    root: Window,
    keyboard: Keyboard,
    pointer: Pointer,
    /// When each spare key was last pressed.
    pressed: HashMap<Keycode, Instant>,
}

fn failed<E: std::fmt::Display>(request: &'static str) -> impl FnOnce(E) -> InjectError {
    move |error| InjectError::Request { request, reason: error.to_string() }
}

impl Player {
    pub(super) fn connect(display: &str, size: DesktopSize) -> Result<Self, InjectError> {
        let (conn, screen) = RustConnection::connect(Some(display))
            .map_err(|source| InjectError::Connect { display: display.to_owned(), source })?;
        let xtest = conn.extension_information(xtest::X11_EXTENSION_NAME).map_err(failed("QueryExtension"))?;
        xtest.ok_or(InjectError::NoXtest)?;
        let root = conn.setup().roots[screen].root;
        // The page repeats keys itself; the server's own repeat would go on when the network stalls.
        let control = ChangeKeyboardControlAux::new().auto_repeat_mode(AutoRepeatMode::OFF);
        let sent = conn.change_keyboard_control(&control).map_err(failed("ChangeKeyboardControl"))?;
        sent.check().map_err(failed("ChangeKeyboardControl"))?;
        let keyboard = Keyboard::new(read_keymap(&conn)?);
        let mut player = Self { conn, root, keyboard, pointer: Pointer::new(size), pressed: HashMap::new() };
        player.type_keys(Keyboard::prepare)?;
        player.conn.flush().map_err(failed("ChangeKeyboardMapping"))?;
        Ok(player)
    }

    pub(super) fn play(&mut self, command: Command) -> Result<(), InjectError> {
        match command {
            Command::Motion { x, y } => self.at(x, y, |_, _| {})?,
            Command::Release => self.release()?,
            Command::Input(input) => self.play_input(input)?,
        }
        self.conn.flush().map_err(failed("input"))?;
        // Errors of requests without a reply would pile up unread.
        while self.conn.poll_for_event().map_err(failed("input"))?.is_some() {}
        Ok(())
    }

    /// Waits until the server has carried out everything. A socket that is closed with events unread makes the server
    /// drop what it has not read, the last releases among it, and a key would stay down.
    pub(super) fn finish(&mut self) -> Result<(), InjectError> {
        let asked = self.conn.get_input_focus().map_err(failed("GetInputFocus"))?;
        asked.reply().map(drop).map_err(failed("GetInputFocus"))
    }

    fn play_input(&mut self, input: Input) -> Result<(), InjectError> {
        match input {
            Input::Button { button, down, x, y } => self.at(x, y, |pointer, out| pointer.button(button, down, out)),
            Input::Wheel { dx, dy, x, y } => self.at(x, y, |pointer, out| pointer.wheel(dx, dy, out)),
            Input::Key { code, key, down: true } => self.type_keys(|keyboard, out| keyboard.press(&code, &key, out)),
            Input::Key { code, key, down: false } => self.type_keys(|keyboard, out| keyboard.release(&code, &key, out)),
            Input::Text { text } => self.type_keys(|keyboard, out| keyboard.type_text(&text, out)),
            Input::Release => self.release(),
            Input::Ping { .. } => Ok(()),
        }
    }

    fn release(&mut self) -> Result<(), InjectError> {
        let mut out = Vec::new();
        self.pointer.release_all(&mut out);
        self.point(&out)?;
        self.type_keys(Keyboard::release_all)
    }

    fn at(
        &mut self,
        x: u16,
        y: u16,
        then: impl FnOnce(&mut Pointer, &mut Vec<pointer::Action>),
    ) -> Result<(), InjectError> {
        let mut out = Vec::new();
        self.pointer.go(x, y, &mut out);
        then(&mut self.pointer, &mut out);
        self.point(&out)
    }

    fn point(&self, actions: &[pointer::Action]) -> Result<(), InjectError> {
        for action in actions {
            let (kind, detail, x, y) = match *action {
                pointer::Action::Move { x, y } => (MOTION_NOTIFY_EVENT, 0, x, y),
                pointer::Action::Press(button) => (BUTTON_PRESS_EVENT, button, 0, 0),
                pointer::Action::Release(button) => (BUTTON_RELEASE_EVENT, button, 0, 0),
            };
            self.fake(kind, detail, x, y)?;
        }
        Ok(())
    }

    fn type_keys(&mut self, decide: impl FnOnce(&mut Keyboard, &mut Vec<keyboard::Action>)) -> Result<(), InjectError> {
        let mut out = Vec::new();
        decide(&mut self.keyboard, &mut out);
        let mut rest = out.as_slice();
        while !rest.is_empty() {
            let (stretch, then) = rest.split_at(keyboard::stretch(rest));
            self.play_stretch(stretch)?;
            rest = then;
        }
        Ok(())
    }

    /// Binds everything first, and waits once.
    fn play_stretch(&mut self, stretch: &[keyboard::Action]) -> Result<(), InjectError> {
        let mut bound = false;
        for action in stretch {
            if let keyboard::Action::Bind { key, keysym } = *action {
                self.bind(key, keysym)?;
                bound = true;
            }
        }
        if bound {
            self.conn.flush().map_err(failed("ChangeKeyboardMapping"))?;
            wait_until(Instant::now() + MEANING_ARRIVES);
        }
        for action in stretch {
            match *action {
                keyboard::Action::Bind { .. } => {}
                keyboard::Action::Press(key) => self.press(key)?,
                keyboard::Action::Release(key) => self.fake(KEY_RELEASE_EVENT, key, 0, 0)?,
            }
        }
        Ok(())
    }

    fn bind(&mut self, key: Keycode, keysym: Keysym) -> Result<(), InjectError> {
        if let Some(pressed) = self.pressed.get(&key).copied() {
            self.conn.flush().map_err(failed("input"))?;
            wait_until(pressed + MEANING_STAYS);
        }
        self.pressed.insert(key, Instant::now());
        let bound = self.conn.change_keyboard_mapping(1, key, 2, &[keysym, keysym]);
        bound.map_err(failed("ChangeKeyboardMapping"))?;
        Ok(())
    }

    fn press(&mut self, key: Keycode) -> Result<(), InjectError> {
        if let Some(pressed) = self.pressed.get_mut(&key) {
            *pressed = Instant::now();
        }
        self.fake(KEY_PRESS_EVENT, key, 0, 0)
    }

    fn fake(&self, kind: u8, detail: u8, x: i16, y: i16) -> Result<(), InjectError> {
        let sent = self.conn.xtest_fake_input(kind, detail, x11rb::CURRENT_TIME, self.root, x, y, 0);
        sent.map_err(failed("XTEST FakeInput"))?;
        Ok(())
    }
}

fn read_keymap(conn: &RustConnection) -> Result<Keymap, InjectError> {
    let (first, last) = (conn.setup().min_keycode, conn.setup().max_keycode);
    let asked = conn.get_keyboard_mapping(first, last - first + 1).map_err(failed("GetKeyboardMapping"))?;
    let reply = asked.reply().map_err(failed("GetKeyboardMapping"))?;
    Ok(Keymap::new(first, reply.keysyms_per_keycode, &reply.keysyms))
}

fn wait_until(time: Instant) {
    let mut left = time.saturating_duration_since(Instant::now());
    while !left.is_zero() {
        std::thread::park_timeout(left);
        left = time.saturating_duration_since(Instant::now());
    }
}
