//! An X server of the test's own, and what a test wants to know of it.

use std::{
    io::{BufRead as _, BufReader},
    os::fd::AsFd as _,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use anteroom_protocol::guest::DesktopSize;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::{
    connection::Connection as _,
    protocol::{Event, xproto::*, xtest::ConnectionExt as _},
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

pub(crate) const SIZE: DesktopSize = DesktopSize { width: 640, height: 360 };
/// Everything in these tests takes milliseconds; on a busy host some seconds.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Display {
    server: Child,
    pub(crate) name: String,
    pub(crate) conn: RustConnection,
    pub(crate) root: Screen,
}

impl Display {
    pub(crate) fn start() -> Self {
        let screen = format!("{}x{}x24", SIZE.width, SIZE.height);
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is installed");
        let output = server.stdout.take().expect("its output is piped");
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(read.map(|_| line.trim().to_owned()));
        });
        let number = receiver.recv_timeout(DEADLINE).expect("Xvfb says its display in time").expect("Xvfb's output");
        let name = format!(":{number}");
        let (conn, screen) = RustConnection::connect(Some(&name)).expect("Xvfb answers");
        let root = conn.setup().roots[screen].clone();
        Self { server, name, conn, root }
    }

    /// Fills a rectangle of the root window.
    pub(crate) fn fill(&self, colour: u32, (x, y, width, height): (i16, i16, u16, u16)) {
        let gc = self.conn.generate_id().unwrap();
        let look = CreateGCAux::new().foreground(colour).subwindow_mode(SubwindowMode::INCLUDE_INFERIORS);
        self.conn.create_gc(gc, self.root.root, &look).unwrap();
        self.conn.poly_fill_rectangle(self.root.root, gc, &[Rectangle { x, y, width, height }]).unwrap();
        self.conn.free_gc(gc).unwrap();
        self.conn.sync().unwrap();
    }

    pub(crate) fn warp(&self, x: i16, y: i16) {
        self.conn.warp_pointer(x11rb::NONE, self.root.root, 0, 0, 0, 0, x, y).unwrap();
        self.conn.sync().unwrap();
    }

    /// Moves the pointer as a mouse does.
    pub(crate) fn move_pointer(&self, x: i16, y: i16) {
        let at = x11rb::CURRENT_TIME;
        self.conn.xtest_fake_input(MOTION_NOTIFY_EVENT, 0, at, self.root.root, x, y, 0).unwrap();
        self.conn.sync().unwrap();
    }

    /// Position and held buttons.
    pub(crate) fn pointer(&self) -> (i16, i16, KeyButMask) {
        let reply = self.conn.query_pointer(self.root.root).unwrap().reply().unwrap();
        (reply.root_x, reply.root_y, reply.mask)
    }

    pub(crate) fn keys_down(&self) -> usize {
        let keys = self.conn.query_keymap().unwrap().reply().unwrap().keys;
        keys.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    /// A focused window that is told each key.
    pub(crate) fn typist(&self) -> Window {
        let window = self.conn.generate_id().unwrap();
        let look = CreateWindowAux::new().event_mask(EventMask::KEY_PRESS).override_redirect(1);
        let class = WindowClass::INPUT_OUTPUT;
        self.conn.create_window(0, window, self.root.root, 0, 0, 100, 100, 0, class, 0, &look).unwrap();
        self.conn.map_window(window).unwrap();
        self.conn.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME).unwrap();
        self.conn.sync().unwrap();
        window
    }

    /// What was typed into the typist's window, until it has `length` characters. Each key is looked up when its
    /// event is read, as programs do.
    pub(crate) fn typed(&self, length: usize) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut text = String::new();
        while text.chars().count() < length {
            let Some(event) = self.conn.poll_for_event().unwrap() else {
                assert!(Instant::now() < deadline, "only {text:?} was typed");
                self.wait_readable();
                continue;
            };
            if let Event::KeyPress(key) = event {
                text.extend(self.character(key.detail, key.state));
            }
        }
        text
    }

    fn character(&self, key: u8, state: KeyButMask) -> Option<char> {
        let keysyms = self.conn.get_keyboard_mapping(key, 1).unwrap().reply().unwrap().keysyms;
        let level = usize::from(state.contains(KeyButMask::SHIFT));
        match keysyms.get(level).copied()? {
            0xff0d => Some('\n'),
            keysym @ 0x20..=0xff => char::from_u32(keysym),
            keysym if keysym >> 24 == 1 => char::from_u32(keysym & 0xff_ffff),
            _ => None,
        }
    }

    fn wait_readable(&self) {
        let mut fds = [PollFd::from_borrowed_fd(self.conn.stream().as_fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 50_000_000 })).unwrap();
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.server.kill().expect("Xvfb is ours to end");
        self.server.wait().expect("Xvfb is our child");
    }
}
