//! Hands notices to an address of the operator's, signed as Standard Webhooks has it (standardwebhooks.com, version 1): whoever has
//! the secret knows that it comes from here, and when.

use std::{io, net::IpAddr, path::Path, time::Duration};

use anteroom_controller::Outside;
use anteroom_protocol::{NoticeId, Secret, UnixMillis};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use reqwest::{Client, Url, header, redirect::Policy};
use sha2::Sha256;

/// How long it may take to take a notice.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Stands before a secret, so that it is known for one.
const PREFIX: &str = "whsec_";
/// The shortest and the longest secret that Standard Webhooks allows, bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why there is no webhook.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// The address is none.
    #[error("webhook.url must be an https address, or an http one of this host")]
    Address,
    /// The secret's file can't be read.
    #[error("reading webhook.secret_file {path}")]
    File {
        /// Which.
        path: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// What is in it is no secret.
    #[error(
        "webhook.secret_file {0} must hold whsec_ and the base64 of 24 to 64 random bytes; make one with: \
         echo whsec_$(head -c 32 /dev/urandom | base64)"
    )]
    Secret(String),
    /// TLS could not be set up.
    #[error("setting up the webhook")]
    Client(#[from] reqwest::Error),
}

/// An address that takes notices.
pub(crate) struct Webhook {
    client: Client,
    url: Url,
    secret: Secret<Vec<u8>>,
}

impl Webhook {
    /// By the operator's configuration.
    ///
    /// # Errors
    /// The address or the secret can't be one.
    pub(crate) fn new(url: &str, secret_file: &Path) -> Result<Self, WebhookError> {
        let url = Url::parse(url).ok().filter(is_safe).ok_or(WebhookError::Address)?;
        let path = secret_file.display().to_string();
        let text = std::fs::read_to_string(secret_file)
            .map(Secret::new)
            .map_err(|source| WebhookError::File { path: path.clone(), source })?;
        let secret = read_secret(text.expose()).ok_or(WebhookError::Secret(path))?;
        // A redirection would carry what is signed for one place to another.
        let mut client = Client::builder().redirect(Policy::none()).timeout(TIMEOUT);
        if url.scheme() == "http" {
            // A proxy of the environment's is for other hosts.
            client = client.no_proxy();
        }
        Ok(Self { client: client.build()?, url, secret })
    }
}

/// What is told in the clear stays on this host.
fn is_safe(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

fn read_secret(text: &str) -> Option<Secret<Vec<u8>>> {
    let bytes = Secret::new(STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?);
    SECRET_BYTES.contains(&bytes.expose().len()).then_some(bytes)
}

fn signature(secret: &Secret<Vec<u8>>, id: &NoticeId, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl Outside for Webhook {
    async fn take(&self, id: &NoticeId, at: UnixMillis, body: &str) -> Result<(), String> {
        let seconds = at.0 / 1000;
        let request = self.client.post(self.url.clone()).body(body.to_owned());
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id.as_str())
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature(&self.secret, id, seconds, body));
        // The address may hold a secret of its own.
        let answer = request.send().await.map_err(|error| error.without_url().to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_signed_as_standard_webhooks_has_it() {
        // The example of the specification's reference libraries.
        let secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let body = r#"{"test": 2432232314}"#;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).unwrap();
        mac.update(format!("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{body}").as_bytes());
        let signed = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let id = NoticeId::from_random([7; 16]);
        assert_ne!(signature(&secret, &id, 1, body), signature(&secret, &id, 2, body));
    }

    #[test]
    fn only_safe_addresses_and_whole_secrets_are_taken() {
        let safe = |url: &str| Url::parse(url).ok().is_some_and(|url| is_safe(&url));
        assert!(
            safe("https://hooks.example.org/x")
                && safe("http://127.0.0.1:9/x")
                && safe("http://localhost/x")
                && safe("http://[::1]:9/")
        );
        assert!(!safe("http://hooks.example.org/x") && !safe("ftp://localhost/") && !safe("http://10.0.0.1/"));
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"] {
            assert!(read_secret(bad).is_none(), "{bad}");
        }
    }
}
