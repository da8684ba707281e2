//! Watches the desktop's windows through an X connection of its own, by events; it never asks again and again.

use tokio::io::unix::AsyncFd;
use x11rb::{
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{Atom, AtomEnum, ChangeWindowAttributesAux, ConnectionExt as _, EventMask, MapState, Window},
    },
    rust_connection::RustConnection,
};

/// The longest window list read; a desktop of ours has one or two.
const MAX_WINDOWS: u32 = 1024;

/// The X server did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the X server {display} did not answer: {what}")]
pub struct WindowsError {
    display: String,
    what: String,
}

/// A connection that hears about windows.
pub struct Windows {
    connection: RustConnection,
    readable: AsyncFd<std::os::fd::OwnedFd>,
    display: String,
    root: Window,
    supporting_check: Atom,
    client_list: Atom,
}

impl Windows {
    /// Connects and listens on the root window.
    ///
    /// # Errors
    /// When the X server does not answer.
    pub fn connect(display: &str) -> Result<Self, WindowsError> {
        Self::try_connect(display)
            .map_err(|error| WindowsError { display: display.to_owned(), what: error.to_string() })
    }

    fn try_connect(display: &str) -> Result<Self, Box<dyn std::error::Error>> {
        use std::os::fd::AsFd as _;
        let (connection, screen) = RustConnection::connect(Some(display))?;
        let root = connection.setup().roots[screen].root;
        let attributes = ChangeWindowAttributesAux::new().event_mask(EventMask::PROPERTY_CHANGE);
        connection.change_window_attributes(root, &attributes)?.check()?;
        let atom = |name: &str| connection.intern_atom(false, name.as_bytes());
        let (check, list) = (atom("_NET_SUPPORTING_WM_CHECK")?, atom("_NET_CLIENT_LIST")?);
        let (supporting_check, client_list) = (check.reply()?.atom, list.reply()?.atom);
        let readable = crate::descriptor::register(connection.stream().as_fd().try_clone_to_owned()?)?;
        Ok(Self { connection, readable, display: display.to_owned(), root, supporting_check, client_list })
    }

    /// Waits until a window manager manages: the window that it names on the root names itself (EWMH).
    ///
    /// # Errors
    /// When the X server is gone.
    pub async fn managed(&self) -> Result<(), WindowsError> {
        self.until(|windows| {
            let Some(mark) = windows.ids(windows.root, windows.supporting_check, AtomEnum::WINDOW)?.first().copied()
            else {
                return Ok(false);
            };
            // The window of a manager that has ended is gone, and asking for its property fails.
            let named = windows.ids(mark, windows.supporting_check, AtomEnum::WINDOW).unwrap_or_default();
            Ok(named.first() == Some(&mark))
        })
        .await
    }

    /// Waits until a managed window whose class contains `class` (ignoring case) is mapped.
    ///
    /// # Errors
    /// When the X server is gone.
    pub async fn mapped(&self, class: &str) -> Result<(), WindowsError> {
        self.until(|windows| {
            for window in windows.ids(windows.root, windows.client_list, AtomEnum::WINDOW)? {
                // A window may be gone before it is asked about; the list's change is then heard next.
                if windows.has_class(window, class).unwrap_or(false) && windows.is_viewable(window).unwrap_or(false) {
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }

    /// Checks a condition now and after all events.
    async fn until(
        &self,
        condition: impl Fn(&Self) -> Result<bool, Box<dyn std::error::Error>>,
    ) -> Result<(), WindowsError> {
        let failed = |what: String| WindowsError { display: self.display.clone(), what };
        loop {
            // Events are emptied first: one that comes during the check makes another check.
            while let Some(event) = self.connection.poll_for_event().map_err(|error| failed(error.to_string()))? {
                if let Event::Error(error) = event {
                    tracing::debug!(?error, "X error");
                }
            }
            if condition(self).map_err(|error| failed(error.to_string()))? {
                return Ok(());
            }
            // A reply's reading may have brought events along, which make nothing readable any more.
            if let Some(_event) = self.connection.poll_for_event().map_err(|error| failed(error.to_string()))? {
                continue;
            }
            let mut guard = self.readable.readable().await.map_err(|error| failed(error.to_string()))?;
            guard.clear_ready();
        }
    }

    fn ids(&self, of: Window, property: Atom, kind: AtomEnum) -> Result<Vec<u32>, Box<dyn std::error::Error>> {
        let reply = self.connection.get_property(false, of, property, kind, 0, MAX_WINDOWS)?.reply()?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    fn has_class(&self, window: Window, class: &str) -> Result<bool, Box<dyn std::error::Error>> {
        let reply = self
            .connection
            .get_property(false, window, AtomEnum::WM_CLASS, AtomEnum::STRING, 0, MAX_WINDOWS)?
            .reply()?;
        Ok(String::from_utf8_lossy(&reply.value).to_lowercase().contains(class))
    }

    /// Whether it is mapped; from now on its changes are heard.
    fn is_viewable(&self, window: Window) -> Result<bool, Box<dyn std::error::Error>> {
        let attributes = ChangeWindowAttributesAux::new().event_mask(EventMask::STRUCTURE_NOTIFY);
        self.connection.change_window_attributes(window, &attributes)?.check()?;
        Ok(self.connection.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE)
    }
}
