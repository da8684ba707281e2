//! Tokens: 256 random bits that open something. The store has their digests only.

use anteroom_protocol::Secret;
use anteroom_store::TokenDigest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::ports::{Entropy, random};

/// The longest text that is looked at as a token; ours have 43 characters.
const MAX_TOKEN_BYTES: usize = 128;

/// A token's text. It prints nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token(Secret<String>);

impl Token {
    /// Makes a new one.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(random::<32>(entropy))))
    }

    /// Takes what a caller sent; `None` when it can't be a token, whatever it opens.
    #[must_use]
    pub fn received(text: &str) -> Option<Self> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits = !text.is_empty() && text.len() <= MAX_TOKEN_BYTES && text.bytes().all(good);
        fits.then(|| Self(Secret::new(text.to_owned())))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The text, for a machine's boot document.
    #[must_use]
    pub fn secret(&self) -> Secret<String> {
        self.0.clone()
    }

    /// What the store keeps of it. A plain digest is enough: 256 random bits can't be guessed from it.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.expose().as_bytes()).iter().map(|b| format!("{b:02x}")).collect())
    }
}
