//! The desktop's picture: what changed on the X server, with the pointer drawn in, as one I420 picture that is kept
//! up to date. Called by the `screen` thread of [`crate::media`] only.
//!
//! It never polls: damage, pointer motion and a new cursor are events of the X connection. It never looks at what
//! the pixels mean, and never keeps more than one picture.

pub mod cursor;
pub mod picture;
pub mod region;
mod segment;

use std::os::fd::{AsFd, BorrowedFd};

use anteroom_protocol::guest::DesktopSize;
use x11rb::{
    connection::{Connection, RequestConnection},
    protocol::{
        Event,
        damage::{self, ConnectionExt as _, ReportLevel},
        shm::{self, ConnectionExt as _},
        xfixes::{self, ConnectionExt as _, CursorNotifyMask},
        xinput::{self, ConnectionExt as _, XIEventMask},
        xproto::{ConnectionExt as _, ImageFormat, ImageOrder, Screen as RootScreen, Window},
    },
    rust_connection::RustConnection,
};

use self::{cursor::Cursor, picture::PIXEL_BYTES, picture::Picture, region::Rect, region::Region, segment::Segment};

/// `x`, `y`, `width`, `height` of the protocol's requests, and all planes of a pixel.
const ALL_PLANES: u32 = !0;

/// Why the screen can't be captured.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// No connection.
    #[error("no connection to the X server at {display}: {source}")]
    Connect {
        /// The display that was tried.
        display: String,
        /// What x11rb said.
        source: x11rb::errors::ConnectError,
    },
    /// An extension is missing.
    #[error("the X server has no {name} extension; start Xvfb without disabling it")]
    Extension {
        /// Its name.
        name: &'static str,
    },
    /// The root window is not what was asked for.
    #[error("the X server's screen is {found}, but {wanted} is needed; start Xvfb with that -screen")]
    Format {
        /// What it has.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// A request failed, or the connection is gone.
    #[error("the X server did not carry out {request}: {reason}")]
    Request {
        /// What was asked.
        request: &'static str,
        /// What came back.
        reason: String,
    },
    /// No shared memory.
    #[error("no shared memory for the screen: {0}")]
    Memory(#[from] rustix::io::Errno),
}

fn failed<E: std::fmt::Display>(request: &'static str) -> impl FnOnce(E) -> ScreenError {
    move |error| ScreenError::Request { request, reason: error.to_string() }
}

/// A connection that watches one display.
pub struct Screen {
    conn: RustConnection,
    root: Window,
    size: DesktopSize,
    damage: damage::Damage,
    parts: xfixes::Region,
    segment: Segment,
    shmseg: shm::Seg,
    picture: Picture,
    cursor: Cursor,
    pointer: (i16, i16),
    /// Where the cursor stands in the picture.
    drawn: Option<Rect>,
    pending: Pending,
}

/// What the X server has told since the last grab.
#[derive(Clone, Copy)]
struct Pending {
    damage: bool,
    motion: bool,
    cursor: bool,
}

impl Screen {
    /// Connects, checks that the display is as it should be, and starts to watch it. The first [`Self::grab`] takes
    /// all of it.
    ///
    /// # Errors
    /// Says what the X server lacks.
    pub fn open(display: &str, size: DesktopSize) -> Result<Self, ScreenError> {
        let (conn, screen) = RustConnection::connect(Some(display))
            .map_err(|source| ScreenError::Connect { display: display.to_owned(), source })?;
        check_extensions(&conn)?;
        let root_screen = conn.setup().roots[screen].clone();
        check_format(&conn, &root_screen, size)?;
        let root = root_screen.root;
        let length = usize::from(size.width) * usize::from(size.height) * PIXEL_BYTES;
        let (segment, file) = Segment::new(length)?;
        let shmseg = new_id(&conn)?;
        check(&conn, shm::attach_fd(&conn, shmseg, file, false), "MIT-SHM AttachFd")?;
        let damage = new_id(&conn)?;
        check(&conn, conn.damage_create(damage, root, ReportLevel::NON_EMPTY), "DAMAGE Create")?;
        let parts = new_id(&conn)?;
        check(&conn, conn.xfixes_create_region(parts, &[]), "XFIXES CreateRegion")?;
        watch_pointer(&conn, root)?;
        let pending = Pending { damage: true, motion: true, cursor: true };
        let (picture, cursor) = (Picture::black(size), Cursor::default());
        let (pointer, drawn) = ((0, 0), None);
        let mut screen =
            Self { conn, root, size, damage, parts, segment, shmseg, picture, cursor, pointer, drawn, pending };
        screen.take(&[Rect::whole(size)])?;
        Ok(screen)
    }

    /// What to wait on for [`Self::pump`].
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.conn.stream().as_fd()
    }

    /// Takes in what the X server has told; never waits.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn pump(&mut self) -> Result<(), ScreenError> {
        while let Some(event) = self.conn.poll_for_event().map_err(failed("an event"))? {
            self.note(&event);
        }
        Ok(())
    }

    fn note(&mut self, event: &Event) {
        // x11rb's enum has a variant for each event of each extension; only what was selected arrives.
        #[expect(clippy::wildcard_enum_match_arm)]
        match event {
            Event::DamageNotify(_) => self.pending.damage = true,
            Event::XinputRawMotion(_) => self.pending.motion = true,
            Event::XfixesCursorNotify(_) => self.pending.cursor = true,
            Event::Error(error) => tracing::debug!(?error, "the X server refused a request of the screen"),
            _ => {}
        }
    }

    /// Whether a grab would find something new.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.pending.damage || self.pending.motion || self.pending.cursor
    }

    /// Brings the picture up to date. Returns whether a pixel of it may have changed.
    ///
    /// # Errors
    /// The connection is gone, or the X server refused.
    pub fn grab(&mut self) -> Result<bool, ScreenError> {
        let mut region = self.look()?;
        let covers = self.cursor.covers(self.pointer, self.size);
        if self.pending.cursor || covers != self.drawn {
            self.drawn.into_iter().chain(covers).for_each(|rect| region.add(rect));
        }
        self.pending = Pending { damage: false, motion: false, cursor: false };
        self.drawn = covers;
        if region.is_empty() {
            return Ok(false);
        }
        let rects = region.rects().to_vec();
        self.take(&rects)?;
        Ok(true)
    }

    /// The picture as of the last grab.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Asks what was damaged, where the pointer is, and how it looks, in one round trip.
    fn look(&mut self) -> Result<Region, ScreenError> {
        let conn = &self.conn;
        let parts = if self.pending.damage {
            conn.damage_subtract(self.damage, x11rb::NONE, self.parts).map_err(failed("DAMAGE Subtract"))?;
            Some(conn.xfixes_fetch_region(self.parts).map_err(failed("XFIXES FetchRegion"))?)
        } else {
            None
        };
        let pointer = conn.query_pointer(self.root).map_err(failed("QueryPointer"))?;
        let image = match self.pending.cursor {
            true => Some(conn.xfixes_get_cursor_image().map_err(failed("XFIXES GetCursorImage"))?),
            false => None,
        };
        let mut region = Region::default();
        if let Some(parts) = parts {
            let parts = parts.reply().map_err(failed("XFIXES FetchRegion"))?;
            let on_desktop = |r: &x11rb::protocol::xproto::Rectangle| {
                Rect::on_desktop(r.x.into(), r.y.into(), r.width.into(), r.height.into(), self.size)
            };
            parts.rectangles.iter().filter_map(on_desktop).for_each(|rect| region.add(rect));
        }
        let pointer = pointer.reply().map_err(failed("QueryPointer"))?;
        self.pointer = (pointer.root_x, pointer.root_y);
        if let Some(image) = image {
            let image = image.reply().map_err(failed("XFIXES GetCursorImage"))?;
            let hot = (image.xhot, image.yhot);
            self.cursor = Cursor { width: image.width, height: image.height, hot, pixels: image.cursor_image };
        }
        Ok(region)
    }

    /// Copies rectangles from the X server, draws the cursor into them, and converts them. They are disjoint, so
    /// that together they fit the segment, and all requests are sent before the first reply is awaited.
    fn take(&mut self, rects: &[Rect]) -> Result<(), ScreenError> {
        let mut waiting = Vec::with_capacity(rects.len());
        let mut offset = 0;
        for rect in rects {
            let cookie = self.conn.shm_get_image(
                self.root,
                rect.x0 as i16,
                rect.y0 as i16,
                rect.width(),
                rect.height(),
                ALL_PLANES,
                ImageFormat::Z_PIXMAP.into(),
                self.shmseg,
                offset,
            );
            waiting.push((*rect, offset as usize, cookie.map_err(failed("MIT-SHM GetImage"))?));
            offset += rect.area() * PIXEL_BYTES as u32;
        }
        for (rect, offset, cookie) in waiting {
            cookie.reply().map_err(failed("MIT-SHM GetImage"))?;
            let length = rect.area() as usize * PIXEL_BYTES;
            let pixels = &mut self.segment.bytes()[offset..offset + length];
            self.cursor.draw(self.pointer, rect, pixels);
            self.picture.update(rect, pixels);
        }
        Ok(())
    }
}

fn new_id(conn: &RustConnection) -> Result<u32, ScreenError> {
    conn.generate_id().map_err(failed("a new id"))
}

fn check(
    _conn: &RustConnection,
    cookie: Result<x11rb::cookie::VoidCookie<'_, RustConnection>, x11rb::errors::ConnectionError>,
    request: &'static str,
) -> Result<(), ScreenError> {
    cookie.map_err(failed(request))?.check().map_err(failed(request))
}

/// Tells the server which versions are spoken; it refuses the extensions' requests before that.
fn check_extensions(conn: &RustConnection) -> Result<(), ScreenError> {
    for name in
        [shm::X11_EXTENSION_NAME, damage::X11_EXTENSION_NAME, xfixes::X11_EXTENSION_NAME, xinput::X11_EXTENSION_NAME]
    {
        let there = conn.extension_information(name).map_err(failed("QueryExtension"))?;
        there.ok_or(ScreenError::Extension { name })?;
    }
    let version = conn.shm_query_version().map_err(failed("MIT-SHM QueryVersion"))?;
    let version = version.reply().map_err(failed("MIT-SHM QueryVersion"))?;
    if (version.major_version, version.minor_version) < (1, 2) {
        return Err(ScreenError::Extension { name: "MIT-SHM 1.2" });
    }
    conn.damage_query_version(1, 1)
        .map_err(failed("DAMAGE QueryVersion"))?
        .reply()
        .map_err(failed("DAMAGE QueryVersion"))?;
    conn.xfixes_query_version(5, 0)
        .map_err(failed("XFIXES QueryVersion"))?
        .reply()
        .map_err(failed("XFIXES QueryVersion"))?;
    conn.xinput_xi_query_version(2, 2)
        .map_err(failed("XI2 QueryVersion"))?
        .reply()
        .map_err(failed("XI2 QueryVersion"))?;
    Ok(())
}

/// 32 bits a pixel, blue first, and a root window of at least the desktop's size.
fn check_format(conn: &RustConnection, screen: &RootScreen, size: DesktopSize) -> Result<(), ScreenError> {
    let setup = conn.setup();
    let bits = setup.pixmap_formats.iter().find(|f| f.depth == screen.root_depth).map_or(0, |f| f.bits_per_pixel);
    let visuals = screen.allowed_depths.iter().flat_map(|depth| &depth.visuals);
    let red = visuals.clone().find(|visual| visual.visual_id == screen.root_visual).map_or(0, |visual| visual.red_mask);
    let large_enough = screen.width_in_pixels >= size.width && screen.height_in_pixels >= size.height;
    if bits == 32 && red == 0xff_0000 && setup.image_byte_order == ImageOrder::LSB_FIRST && large_enough {
        return Ok(());
    }
    let (width, height, depth) = (screen.width_in_pixels, screen.height_in_pixels, screen.root_depth);
    Err(ScreenError::Format {
        found: format!("{width}x{height}x{depth} with {bits} bits a pixel, red mask {red:#x}"),
        wanted: format!("{}x{}x24 with 32 bits a pixel, blue first", size.width, size.height),
    })
}

fn watch_pointer(conn: &RustConnection, root: Window) -> Result<(), ScreenError> {
    let select = conn.xfixes_select_cursor_input(root, CursorNotifyMask::DISPLAY_CURSOR);
    check(conn, select, "XFIXES SelectCursorInput")?;
    let motion = xinput::EventMask { deviceid: xinput::Device::ALL_MASTER.into(), mask: vec![XIEventMask::RAW_MOTION] };
    check(conn, conn.xinput_xi_select_events(root, &[motion]), "XI2 SelectEvents")
}
