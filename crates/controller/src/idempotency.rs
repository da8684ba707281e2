//! Idempotency keys: a request whose answer was lost is sent again with the key of the first, and finds what that has made.

use crate::Error;

/// The longest idempotency key. A UUID has 36 characters.
const MAX_KEY_BYTES: usize = 128;

/// Whether a key can be one.
pub(crate) fn check_key(key: Option<&str>) -> Result<(), Error> {
    let is_key =
        |key: &str| (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.is_none_or(is_key) {
        Ok(())
    } else {
        Err(Error::Invalid {
            field: "Idempotency-Key".to_owned(),
            problem: format!("must be 1 to {MAX_KEY_BYTES} visible ASCII characters"),
        })
    }
}
