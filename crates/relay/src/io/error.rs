//! Why the relay can't start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::InvalidConfig;

/// Why the relay can't start, and what to do.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RelayError {
    #[error("the relay's configuration: {0}")]
    Config(#[source] InvalidConfig),
    #[error(
        "listening for TURN on {protocol} {address}: {error}; choose another port in relay.listen or relay.tls_listen, or end what listens there"
    )]
    Listen {
        protocol: &'static str,
        address: SocketAddr,
        #[source]
        error: io::Error,
    },
    #[error("none of relay.listen and relay.tls_listen can be had: this host has no IPv6")]
    NoAddress,
    #[error(
        "the relay's certificate {certificate} with the key {key}: {problem}; write PEM files that belong together and that this user may read"
    )]
    Certificate { certificate: PathBuf, key: PathBuf, problem: String },
    #[error("reading the relay's secret from {path}: {error}")]
    Secret {
        path: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error(
        "the relay's secret in {path} must be one word of at least {bytes} characters; make one with: openssl rand -hex 32"
    )]
    WeakSecret { path: PathBuf, bytes: usize },
    #[error("asking the system for random bytes: {0}")]
    Random(getrandom::Error),
}
