//! Time, randomness and the page's files, as ports: whoever decides takes them as arguments, and only the program
//! reads the real ones.

use std::borrow::Cow;

use anteroom_protocol::UnixMillis;

/// The wall clock.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UnixMillis;
}

/// The source of random bytes for ids, tokens and keys: a cryptographic one.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer. It can't fail: a system without randomness is not one to run on.
    fn fill(&self, buffer: &mut [u8]);
}

/// An array of random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// One of the page's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageFile {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type, e.g. `text/html; charset=utf-8`.
    pub media_type: String,
}

/// The page's files. They hold no secret, yet are served to people with access only.
pub trait Page: Send + Sync + 'static {
    /// The file at a path without a leading slash, e.g. `index.html`.
    fn file(&self, path: &str) -> Option<PageFile>;
}
