//! Credentials in the form of TURN's REST proposal (draft-uberti-behave-turn-rest), which coturn's `use-auth-secret`
//! takes too: the username says until when and for whom, the password proves that the holder of the secret wrote it.
//! Nobody has to store one. Pure: time and secret are arguments.

use anteroom_protocol::{Secret, UnixMillis};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::Handle;

/// The longest username looked at: ten digits, a colon, two letters and an id of 30 characters make 43.
const MAX_USERNAME_BYTES: usize = 64;

/// What a viewer authenticates with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `EXPIRY:HANDLE`, the expiry in seconds since 1970.
    pub username: String,
    /// `base64(HMAC-SHA1(secret, username))`
    pub password: Secret<String>,
    /// When they stop opening new allocations.
    pub expires_at: UnixMillis,
}

/// What a username says. It is true only if the password fits as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// For whom.
    pub handle: Handle,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// Makes credentials that are good for `lifetime_s` seconds from now.
#[must_use]
pub fn mint(secret: &Secret<String>, handle: &Handle, now: UnixMillis, lifetime_s: u32) -> Credentials {
    let expiry_s = now.0.max(0) / 1000 + i64::from(lifetime_s);
    let username = format!("{expiry_s}:{handle}");
    let password = password(secret, &username);
    Credentials { username, password, expires_at: UnixMillis(expiry_s * 1000) }
}

/// Reads a username. None when we can't have made it.
#[must_use]
pub fn read(username: &str) -> Option<Claim> {
    if username.len() > MAX_USERNAME_BYTES {
        return None;
    }
    let (expiry, handle) = username.split_once(':')?;
    if !expiry.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let expiry_s: i64 = expiry.parse().ok()?;
    Some(Claim { handle: handle.parse().ok()?, expires_at: UnixMillis(expiry_s.checked_mul(1000)?) })
}

impl Claim {
    /// Whether the time is over.
    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        now >= self.expires_at
    }
}

/// The password that belongs to a username.
#[must_use]
pub fn password(secret: &Secret<String>, username: &str) -> Secret<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(username.as_bytes());
    Secret::new(STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
