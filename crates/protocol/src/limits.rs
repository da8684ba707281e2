//! Bounds on what comes from outside, in one place, because both ends of the wire need them.

/// The largest SDP taken. Chromium's offer for one video and two data channels has 6 kB; ten times that
/// leaves room for other browsers with more codecs.
pub const MAX_SDP_BYTES: usize = 64 * 1024;
/// The largest candidate line. RFC 8839 lines with a long mDNS name and extensions stay below 300 bytes.
pub const MAX_CANDIDATE_BYTES: usize = 1024;
/// Candidates in one log (one epoch, one side). A host with 20 addresses on UDP and TCP makes 80.
pub const MAX_CANDIDATES_PER_LOG: usize = 200;
/// Candidates in one request.
pub const MAX_CANDIDATES_PER_REQUEST: usize = 100;
/// The largest JSON body of any call but the credential's.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// The longest long poll, seconds. Proxies in front commonly cut at 30 or 60.
pub const MAX_WAIT_S: u64 = 25;
/// Epochs of one session: a page that reloads once a second stays below it for a quarter of an hour.
pub const MAX_EPOCHS: u32 = 1024;
/// View-only connections of one session at a time: each costs the machine's one encoder nothing, but its packets.
pub const MAX_VIEWS: usize = 16;
/// Entries of one session's log of views, from its start to its end.
pub const MAX_VIEW_ENTRIES: u32 = 4096;
/// All files of one credential together. The largest seen (gcloud's directory) has 60 kB.
pub const MAX_CREDENTIAL_BYTES: usize = 512 * 1024;
/// Files of one credential.
pub const MAX_CREDENTIAL_FILES: usize = 32;
/// The longest sign-in URL shown or opened. Browsers take 2 MB; real ones have below 2 kB.
pub const MAX_URL_BYTES: usize = 8 * 1024;
/// The longest free text in a guest's report.
pub const MAX_DETAIL_BYTES: usize = 2 * 1024;
/// The longest text that a person pastes: the address of a callback with its code.
pub const MAX_PASTE_BYTES: usize = MAX_URL_BYTES;
/// Texts that a person pastes in one session. Each is a new try after a typing error.
pub const MAX_PASTES: u32 = 16;
/// The longest device code. Real ones have 9 to 11 characters.
pub const MAX_DEVICE_CODE_BYTES: usize = 64;
/// Versions of a credential that one run may write back. A token that lives for five minutes is refreshed 288 times a day.
pub const MAX_WRITE_BACKS: u32 = 4096;
/// Reports in one request of the guest.
pub const MAX_REPORTS_PER_REQUEST: usize = 64;
