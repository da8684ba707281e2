//! Nonces that the server can check without having stored them: a time, and a proof that we gave it to this client.
//! Without state, a flood of first requests costs an answer each, and no memory.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// How long one is good. RFC 8656 (section 5) wants an hour at most; a client that comes later gets a new one with
/// 438 and goes on.
const LIFETIME: Duration = Duration::from_secs(3600);
/// 96 bits, so that the answer to strangers stays short.
const PROOF_BYTES: usize = 12;

/// What makes nonces; new with each start.
#[derive(Clone)]
pub(crate) struct Nonces {
    key: [u8; 32],
}

impl Nonces {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A nonce for this client.
    pub(crate) fn give(&self, client: SocketAddr, now: Duration) -> String {
        let given_s = u32::try_from(now.as_secs()).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = given_s.to_vec();
        bytes.extend_from_slice(&self.mac(given_s, client).finalize().into_bytes()[..PROOF_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Whether we gave this nonce to this client, and not too long ago.
    pub(crate) fn is_fresh(&self, nonce: &str, client: SocketAddr, now: Duration) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(nonce) else { return false };
        let Some((given_s, proof)) = bytes.split_first_chunk::<4>() else { return false };
        let given = Duration::from_secs(u32::from_be_bytes(*given_s).into());
        // A shortened proof would be easier to guess.
        proof.len() == PROOF_BYTES
            && now.checked_sub(given).is_some_and(|age| age < LIFETIME)
            && self.mac(*given_s, client).verify_truncated_left(proof).is_ok()
    }

    fn mac(&self, given_s: [u8; 4], client: SocketAddr) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(&given_s);
        match client.ip() {
            IpAddr::V4(address) => mac.update(&address.octets()),
            IpAddr::V6(address) => mac.update(&address.octets()),
        }
        mac.update(&client.port().to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_nonce_is_good_for_its_client_for_an_hour() {
        let nonces = Nonces::new([7; 32]);
        let (given, viewer) = (Duration::from_secs(100), client("192.0.2.1:5000"));
        let nonce = nonces.give(viewer, given);
        assert_eq!(nonce.len(), 22);
        assert!(nonces.is_fresh(&nonce, viewer, given));
        assert!(nonces.is_fresh(&nonce, viewer, given + Duration::from_secs(3599)));
        assert!(!nonces.is_fresh(&nonce, viewer, given + Duration::from_secs(3600)));
        assert!(!nonces.is_fresh(&nonce, viewer, given - Duration::from_secs(1)));
        assert!(!nonces.is_fresh(&nonce, client("192.0.2.1:5001"), given));
        assert!(!nonces.is_fresh(&nonce, client("192.0.2.2:5000"), given));
        assert!(!Nonces::new([8; 32]).is_fresh(&nonce, viewer, given));
    }

    #[test]
    fn a_nonce_of_another_length_is_not_ours() {
        let nonces = Nonces::new([7; 32]);
        let viewer = client("[2001:db8::1]:5000");
        let nonce = nonces.give(viewer, Duration::ZERO);
        for other in ["", "AAAA", "AAAAAA", &nonce[..16], &format!("{nonce}AAAA"), "\u{fc}"] {
            assert!(!nonces.is_fresh(other, viewer, Duration::ZERO), "{other}");
        }
    }
}
