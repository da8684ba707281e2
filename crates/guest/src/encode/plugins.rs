//! GStreamer without its registry: scanning all plugins costs 0.7 to 1.5 s in a fresh machine, loading the three
//! files that are used 20 ms. Those of `webrtcbin` are loaded only where it was chosen.

use std::{
    ffi::CString,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use gstreamer as gst;

use super::EncodeError;

/// Files to load, in Debian's packages.
const FILES: [&str; 3] = ["libgstapp.so", "libgstx264.so", "libgstvpx.so"];

/// Every element that is used, and where it comes from.
const ELEMENTS: [(&str, &str); 4] = [
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("x264enc", "gstreamer1.0-plugins-ugly"),
    ("vp8enc", "gstreamer1.0-plugins-good"),
];

/// The same for the engine `webrtcbin`, which makes elements of all of these.
const WEBRTCBIN_FILES: [&str; 8] = [
    "libgstcoreelements.so",
    "libgstdtls.so",
    "libgstnice.so",
    "libgstrtp.so",
    "libgstrtpmanager.so",
    "libgstsctp.so",
    "libgstsrtp.so",
    "libgstwebrtc.so",
];

const WEBRTCBIN_ELEMENTS: [(&str, &str); 16] = [
    ("capsfilter", "libgstreamer1.0-0"),
    ("clocksync", "libgstreamer1.0-0"),
    ("funnel", "libgstreamer1.0-0"),
    ("queue", "libgstreamer1.0-0"),
    ("dtlssrtpdec", "gstreamer1.0-plugins-bad"),
    ("dtlssrtpenc", "gstreamer1.0-plugins-bad"),
    ("sctpdec", "gstreamer1.0-plugins-bad"),
    ("sctpenc", "gstreamer1.0-plugins-bad"),
    ("srtpdec", "gstreamer1.0-plugins-bad"),
    ("srtpenc", "gstreamer1.0-plugins-bad"),
    ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("rtpvp8pay", "gstreamer1.0-plugins-good"),
    ("nicesink", "gstreamer1.0-nice"),
    ("nicesrc", "gstreamer1.0-nice"),
];

/// Initialises GStreamer once for the process and checks that all elements are there.
///
/// # Errors
/// Names the element that is missing and its package.
pub fn prepare() -> Result<(), EncodeError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    STARTED.get_or_init(start).clone().map_err(EncodeError::Init)?;
    check(&ELEMENTS)
}

/// The same for all that `webrtcbin` is made of.
///
/// # Errors
/// Names the element that is missing and its package.
pub fn prepare_webrtcbin() -> Result<(), EncodeError> {
    static LOADED: OnceLock<()> = OnceLock::new();
    prepare()?;
    LOADED.get_or_init(|| load(&WEBRTCBIN_FILES));
    check(&WEBRTCBIN_ELEMENTS)
}

fn check(elements: &[(&'static str, &'static str)]) -> Result<(), EncodeError> {
    let missing = elements.iter().find(|(element, _)| gst::ElementFactory::find(element).is_none());
    missing.map_or(Ok(()), |&(element, package)| Err(EncodeError::MissingElement { element, package }))
}

fn start() -> Result<(), String> {
    init_without_scan()?;
    load(&FILES);
    Ok(())
}

fn load(files: &[&str]) {
    for directory in directories().iter().filter(|directory| directory.is_dir()) {
        for file in files.iter().map(|name| directory.join(name)).filter(|file| file.is_file()) {
            if let Err(error) = gst::Plugin::load_file(&file) {
                tracing::warn!(file = %file.display(), %error, "a GStreamer plugin could not be loaded");
            }
        }
    }
}

/// The wrapper's `init` passes no arguments, and the environment can't be changed safely once there are threads.
fn init_without_scan() -> Result<(), String> {
    let words = ["anteroom", "--gst-disable-registry-update", "--gst-disable-registry-fork"];
    let words: Vec<CString> = words.iter().filter_map(|word| CString::new(*word).ok()).collect();
    let mut pointers: Vec<*mut std::ffi::c_char> = words.iter().map(|word| word.as_ptr().cast_mut()).collect();
    let mut count = i32::try_from(pointers.len()).map_err(|error| error.to_string())?;
    let mut arguments = pointers.as_mut_ptr();
    // SAFETY: `count` and `arguments` describe valid C strings that outlive the call; GStreamer reorders the array
    // of pointers but keeps neither it nor the strings. A null error pointer means that none is wanted.
    let done = unsafe { gst::ffi::gst_init_check(&raw mut count, &raw mut arguments, std::ptr::null_mut()) };
    if done == 0 {
        return Err("gst_init_check failed".to_owned());
    }
    gst::init().map_err(|error| error.to_string())?;
    // Whatever the environment asks for: on their lower levels its parts write SDP, addresses and messages.
    gst::log::remove_default_log_function();
    Ok(())
}

fn directories() -> Vec<PathBuf> {
    let triple = format!("/usr/lib/{}-linux-gnu/gstreamer-1.0", std::env::consts::ARCH);
    [triple.as_str(), "/usr/lib64/gstreamer-1.0", "/usr/lib/gstreamer-1.0"]
        .iter()
        .map(|dir| Path::new(dir).into())
        .collect()
}
