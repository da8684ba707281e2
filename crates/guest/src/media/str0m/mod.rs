//! The engine on str0m: one library instance for each viewer, on sockets that all of them share.

mod answer;
mod peer;

use std::{net::IpAddr, time::Instant};

use anteroom_protocol::signaling::Offer;
use str0m::config::DtlsCert;

use super::{
    MediaError, Who,
    peer::Answered,
    sockets::{Addresses, Sockets},
};

/// What is the same for all viewers.
pub(super) struct Identity {
    certificate: DtlsCert,
    addresses: Addresses,
}

impl Identity {
    /// Makes the certificate and binds the sockets.
    pub(super) fn make(address: IpAddr) -> Result<(Self, Sockets), MediaError> {
        let sockets = Sockets::bind(address).map_err(|source| MediaError::Socket { address, source })?;
        let provider = str0m::crypto::from_feature_flags();
        let certificate = provider.dtls_provider.generate_certificate().ok_or(MediaError::Certificate)?;
        Ok((Self { certificate, addresses: sockets.addresses() }, sockets))
    }

    /// Answers an offer within a few milliseconds.
    pub(super) fn answer(&self, who: Who, offer: &Offer, now: Instant) -> Result<Answered, MediaError> {
        answer::answer(self, who, offer, now)
    }
}
