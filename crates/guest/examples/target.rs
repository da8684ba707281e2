//! A window to measure against: a square at its left top turns black or white with each click, and, when asked, an
//! 800x450 noisy picture moves at 60 Hz, as on a scrolling page.
//!
//! `target DISPLAY idle|busy`. Ends when the display does.

use std::{
    error::Error,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use x11rb::{
    connection::Connection as _,
    protocol::{Event, xproto::*},
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

const SQUARE: u16 = 120;
const NOISE: (u16, u16) = (800, 450);
const FRAME: Duration = Duration::from_nanos(16_666_667);

struct Target {
    conn: RustConnection,
    window: Window,
    gc: Gcontext,
    noise: Pixmap,
    white: bool,
    step: u16,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [display, mode] = arguments.as_slice() else { return Err("usage: target DISPLAY idle|busy".into()) };
    let mut target = Target::open(display)?;
    let busy = mode == "busy";
    let mut next = Instant::now();
    loop {
        target.take_events()?;
        if busy && Instant::now() >= next {
            target.move_noise()?;
            next = (next + FRAME).max(Instant::now());
        }
        target.conn.flush()?;
        target.wait(busy.then_some(next))?;
    }
}

impl Target {
    fn open(display: &str) -> Result<Self, Box<dyn Error>> {
        let (conn, screen) = RustConnection::connect(Some(display))?;
        let root = conn.setup().roots[screen].clone();
        let (window, gc, noise) = (conn.generate_id()?, conn.generate_id()?, conn.generate_id()?);
        let look = CreateWindowAux::new()
            .background_pixel(0x30_4050)
            .override_redirect(1)
            .event_mask(EventMask::BUTTON_PRESS | EventMask::EXPOSURE);
        let (width, height) = (root.width_in_pixels, root.height_in_pixels);
        conn.create_window(
            root.root_depth,
            window,
            root.root,
            0,
            0,
            width,
            height,
            0,
            WindowClass::INPUT_OUTPUT,
            0,
            &look,
        )?;
        conn.create_gc(gc, window, &CreateGCAux::new().graphics_exposures(0))?;
        conn.create_pixmap(root.root_depth, noise, window, NOISE.0 * 2, NOISE.1)?;
        let mut target = Self { conn, window, gc, noise, white: false, step: 0 };
        target.paint_noise(root.root_depth)?;
        target.conn.map_window(window)?;
        target.conn.sync()?;
        Ok(target)
    }

    /// Rows of text-like noise, in pieces that fit a request.
    fn paint_noise(&mut self, depth: u8) -> Result<(), Box<dyn Error>> {
        let mut state = 0x1234_5678u32;
        let width = NOISE.0 * 2;
        for y in 0..NOISE.1 {
            let mut row = Vec::with_capacity(usize::from(width) * 4);
            for _ in 0..width {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                let grey = if state.is_multiple_of(3) && y % 12 < 8 { 0x20 } else { 0xf0 };
                row.extend([grey, grey, grey, 0]);
            }
            self.conn.put_image(ImageFormat::Z_PIXMAP, self.noise, self.gc, width, 1, 0, y as i16, 0, depth, &row)?;
        }
        Ok(())
    }

    fn take_events(&mut self) -> Result<(), Box<dyn Error>> {
        while let Some(event) = self.conn.poll_for_event()? {
            let clicked = matches!(event, Event::ButtonPress(_));
            self.white ^= clicked;
            if clicked || matches!(event, Event::Expose(_)) {
                self.paint_square()?;
            }
        }
        Ok(())
    }

    fn paint_square(&self) -> Result<(), Box<dyn Error>> {
        let colour = if self.white { 0xff_ffff } else { 0 };
        self.conn.change_gc(self.gc, &ChangeGCAux::new().foreground(colour))?;
        let square = Rectangle { x: 0, y: 0, width: SQUARE, height: SQUARE };
        self.conn.poly_fill_rectangle(self.window, self.gc, &[square])?;
        Ok(())
    }

    fn move_noise(&mut self) -> Result<(), Box<dyn Error>> {
        self.step = (self.step + 7) % NOISE.0;
        let (x, y) = (240, 200);
        self.conn.copy_area(self.noise, self.window, self.gc, self.step as i16, 0, x, y, NOISE.0, NOISE.1)?;
        Ok(())
    }

    fn wait(&self, until: Option<Instant>) -> Result<(), Box<dyn Error>> {
        let left = until.map(|time| time.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() });
        let mut fds = [PollFd::from_borrowed_fd(self.conn.stream().as_fd(), PollFlags::IN)];
        poll(&mut fds, left.as_ref())?;
        Ok(())
    }
}
