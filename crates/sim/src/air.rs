//! What lies between a page's and an agent's connection, once both have the right descriptions: nothing but whether the
//! agent's end is alive. And descriptions, told apart by their names.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The agents' ends that live, by the names of their answers.
#[derive(Clone, Default)]
pub(crate) struct Air(Arc<Mutex<BTreeSet<String>>>);

/// An agent's end; it lives as long as this.
pub(crate) struct Transport {
    air: Air,
    answer: String,
}

impl Air {
    pub(crate) fn transport(&self, answer: &str) -> Transport {
        self.lock().insert(answer.to_owned());
        Transport { air: self.clone(), answer: answer.to_owned() }
    }

    pub(crate) fn carries(&self, answer: &str) -> bool {
        self.lock().contains(answer)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.air.lock().remove(&self.answer);
    }
}

/// A description that differs by its name.
pub(crate) fn sdp(name: &str) -> String {
    format!(
        "v=0\r\no=- {name} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
         a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA:BB\r\n"
    )
}

/// The name in a description.
pub(crate) fn name_in(sdp: &str) -> &str {
    sdp.split(' ').nth(1).unwrap_or_default()
}

/// The name of an agent's answer, which says whose offer it answers.
pub(crate) fn answer_name(agent: &str, offer: &str) -> String {
    format!("{agent}/to/{offer}")
}

/// The offer that an answer was made for.
pub(crate) fn answers(answer: &str) -> &str {
    answer.split_once("/to/").map_or("", |(_, offer)| offer)
}
