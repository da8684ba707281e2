//! The desktop's colour, behind and before the browser.

use x11rb::{
    connection::Connection as _,
    protocol::xproto::{ChangeWindowAttributesAux, ConnectionExt as _},
    rust_connection::RustConnection,
};

/// A dark, calm blue, the same as the start page's, so that nothing flashes when the browser comes up.
const COLOR: u32 = 0x0016_1b26;

/// Fills the root window. The server keeps it for the root window after we have left.
pub(super) fn paint(display: &str) -> Result<(), Box<dyn std::error::Error>> {
    let (connection, screen) = RustConnection::connect(Some(display))?;
    let root = connection.setup().roots[screen].root;
    connection.change_window_attributes(root, &ChangeWindowAttributesAux::new().background_pixel(COLOR))?;
    connection.clear_area(false, root, 0, 0, 0, 0)?.check()?;
    Ok(())
}
