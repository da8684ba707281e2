//! The engine on GStreamer's `webrtcbin`: one small pipeline for each viewer,
//! `appsrc ! rtph264pay|rtpvp8pay ! webrtcbin`, that gets frames which are encoded already.
//!
//! It has sockets and threads of its own for each viewer. What its callbacks tell goes into [`ears`], from where the
//! `media` thread takes it; they do nothing else, and never take a pipeline apart. That is the [`keeper`]'s work,
//! because it waits. The engine offers host candidates on UDP only, resolves no names, and can't restart ICE.

mod answer;
mod channel;
mod description;
mod ears;
mod estimate;
mod feedback;
mod keeper;
mod line;
mod offer;
mod peer;

use std::{net::IpAddr, sync::Arc, time::Instant};

use self::keeper::Keeper;
use super::{MediaError, Who, link::Link, peer::Answered};
use crate::encode;
use anteroom_protocol::signaling::Offer;

/// What all viewers' pipelines have in common.
pub(super) struct Workshop {
    address: IpAddr,
    link: Arc<Link>,
    keeper: Keeper,
}

impl Workshop {
    /// Loads GStreamer's plugins. The keeper begins with the DTLS certificate, which all connections of the process share.
    pub(super) fn open(address: IpAddr, link: Arc<Link>) -> Result<Self, MediaError> {
        encode::prepare_webrtcbin()?;
        Ok(Self { address, link, keeper: Keeper::start()? })
    }

    /// Answers an offer with a pipeline of its own.
    pub(super) fn answer(&self, who: Who, offer: &Offer, now: Instant) -> Result<Answered, MediaError> {
        answer::answer(self, who, offer, now)
    }
}
