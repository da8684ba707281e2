//! Where one viewer's GStreamer threads leave what they have to tell, until the `media` thread takes it. Whatever comes
//! faster than it is taken ends the viewer: nothing waits here without a bound, and nothing is lost without a word.

use std::sync::{Arc, Mutex, PoisonError};

use anteroom_protocol::input::MAX_MESSAGE_BYTES;

use super::{channel::DataChannel, estimate::Packet};
use crate::{inject::message::Channel, media::link::Link};

/// What waits at most. The `media` thread takes it within a millisecond; a person makes some hundred messages a second.
const MAX_TOLD: usize = 512;

/// What happened to a viewer's transport.
pub(super) enum Told {
    PathFound,
    PathLost,
    Secured,
    /// The viewer said goodbye.
    Left,
    Broken(&'static str),
    Opened(Channel, DataChannel),
    Shut(Channel),
    Said {
        channel: Channel,
        binary: bool,
        bytes: Vec<u8>,
    },
    KeyframeWanted,
    /// How packets arrived.
    Feedback(Vec<Packet>),
}

/// One viewer's.
pub(super) struct Ears {
    told: Mutex<Vec<Told>>,
    link: Arc<Link>,
}

impl Ears {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { told: Mutex::new(Vec::new()), link }
    }

    /// Called on GStreamer's threads.
    pub(super) fn tell(&self, news: Told) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        match told.len() {
            MAX_TOLD => {}
            len if len == MAX_TOLD - 1 => told.push(Told::Broken("its news, which came faster than they were taken")),
            _ => told.push(news),
        }
        drop(told);
        self.link.media.ring();
    }

    /// A message; one that is too long is cut, so that it is refused without being kept.
    pub(super) fn said(&self, channel: Channel, binary: bool, bytes: &[u8]) {
        let bytes = bytes[..bytes.len().min(MAX_MESSAGE_BYTES + 1)].to_vec();
        self.tell(Told::Said { channel, binary, bytes });
    }

    pub(super) fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn has_news(&self) -> bool {
        !self.told.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
