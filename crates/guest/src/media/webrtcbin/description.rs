//! SDP in and out of `webrtcbin`, whose signals speak of `GstWebRTCSessionDescription`.
//!
//! It is a public structure of two fields, and this is all that is used of libgstwebrtc; its bindings would need the
//! headers of everything in gst-plugins-bad to build.

use std::ffi::{c_int, c_void};

use gstreamer::glib::{self, translate::*};
use gstreamer_sdp::SDPMessage;

/// `GST_WEBRTC_SDP_TYPE_OFFER`.
const OFFER: c_int = 1;

/// `GstWebRTCSessionDescription` of gst/webrtc/rtcsessiondescription.h, since 1.14.
#[repr(C)]
struct SessionDescription {
    kind: c_int,
    sdp: *mut gstreamer_sdp::ffi::GstSDPMessage,
}

/// The type is there once `webrtcbin` is loaded.
fn description_type() -> Option<glib::Type> {
    glib::Type::from_name("GstWebRTCSessionDescription")
}

/// An offer as `set-remote-description` takes it.
pub(super) fn offer(sdp: &str) -> Option<glib::Value> {
    let message = SDPMessage::parse_buffer(sdp.as_bytes()).ok()?;
    let mut value = glib::Value::from_type(description_type()?);
    let description = SessionDescription { kind: OFFER, sdp: message.as_ptr() };
    // SAFETY: the value was initialised with the boxed type of this very structure, and setting it copies the structure
    // and its message, which both live until the end of the call.
    unsafe {
        glib::gobject_ffi::g_value_set_boxed(value.to_glib_none_mut().0, (&raw const description).cast::<c_void>());
    }
    Some(value)
}

/// The SDP of a description that `webrtcbin` gave.
pub(super) fn text(value: &glib::Value) -> Option<String> {
    if value.type_() != description_type()? {
        return None;
    }
    // SAFETY: the value's type was checked, so that what it holds is null or the structure, which lives as long as the
    // value; its message is only read, while the value is borrowed.
    unsafe {
        let boxed = glib::gobject_ffi::g_value_get_boxed(value.to_glib_none().0);
        let description = boxed.cast::<SessionDescription>().as_ref()?;
        if description.sdp.is_null() {
            return None;
        }
        let message: Borrowed<SDPMessage> = from_glib_borrow(description.sdp);
        message.as_text().ok()
    }
}
