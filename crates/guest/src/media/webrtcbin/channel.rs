//! A data channel that the viewer made.

use std::{ffi::CStr, sync::Arc};

use gstreamer::{
    glib::{self, translate::*},
    prelude::*,
};

use super::ears::{Ears, Told};
use crate::inject::message::Channel;

/// `GstWebRTCDataChannel`.
pub(super) struct DataChannel(glib::Object);

// SAFETY: GstWebRTCDataChannel locks itself in whatever is called here; webrtcbin calls it from its own threads, and
// its documentation asks applications to do the same. Nothing but its signals and properties is used.
unsafe impl Send for DataChannel {}

impl DataChannel {
    pub(super) fn new(channel: glib::Object) -> Self {
        Self(channel)
    }

    /// Which of ours its label means.
    pub(super) fn known(&self) -> Option<Channel> {
        Channel::by_label(std::str::from_utf8(text(&self.0.property_value("label"))).ok()?)
    }

    pub(super) fn say(&self, text: &str) {
        self.0.emit_by_name::<()>("send-string", &[&text]);
    }

    /// Has what is said on it told, and its end.
    pub(super) fn listen(&self, known: Channel, ears: &Arc<Ears>) {
        let told = Arc::clone(ears);
        self.0.connect("on-message-string", false, move |values| {
            told.said(known, false, values.get(1).map(text).unwrap_or_default());
            None
        });
        let told = Arc::clone(ears);
        self.0.connect("on-message-data", false, move |values| {
            let bytes = values.get(1).and_then(|bytes| bytes.get::<Option<glib::Bytes>>().ok().flatten());
            told.said(known, true, bytes.as_deref().unwrap_or_default());
            None
        });
        let told = Arc::clone(ears);
        self.0.connect("on-close", false, move |_| {
            told.tell(Told::Shut(known));
            None
        });
    }
}

/// A string's bytes up to the first NUL. The viewer sent them, so that they need not be UTF-8, on which the bindings
/// insist.
fn text(value: &glib::Value) -> &[u8] {
    if !value.is::<Option<String>>() {
        return &[];
    }
    // SAFETY: the value holds a string, so that what comes is null or ends with NUL; it lives as long as the value, which
    // stays borrowed.
    unsafe {
        let text = glib::gobject_ffi::g_value_get_string(value.to_glib_none().0);
        if text.is_null() { &[] } else { CStr::from_ptr(text).to_bytes() }
    }
}
