//! From an offer to an answer: the steps that `webrtcbin` wants, each waited for.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use anteroom_protocol::{
    Secret,
    signaling::{Answer, AnswerType, Offer},
};
use gstreamer::{self as gst, glib, prelude::*};
use str0m::change::SdpOffer;

use super::{
    Workshop, description,
    ears::Ears,
    line::Line,
    offer::{self, Wanted},
    peer::BinPeer,
};
use crate::media::{
    MediaError, Who,
    peer::Answered,
    sdp::{candidate, silenced},
    viewer::Viewer,
};

/// For all steps together. They take some 20 ms, and ten times that on a busy host.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers an offer. Offers one host candidate: the machine has one address, and the viewer's side brings the relay.
pub(super) fn answer(workshop: &Workshop, who: Who, offer: &Offer, now: Instant) -> Result<Answered, MediaError> {
    let sdp = offer.sdp.expose();
    let wanted = look_at(sdp, &who)?;
    let ears = Arc::new(Ears::new(Arc::clone(&workshop.link)));
    let failed = |what| move |_| MediaError::Webrtcbin { what };
    let line = Line::build(workshop.address, &ears, workshop.keeper.place()?).map_err(failed("build its pipeline"))?;
    if let Who::Epoch(_) = who {
        line.listen(&ears);
    }
    let talk = Talk { line: &line, deadline: now + ANSWER_TIMEOUT };
    let description = description::offer(&without_candidates(&silenced(sdp)));
    let description = description.ok_or_else(|| MediaError::Offer { who: who.clone(), what: "parsing it" })?;
    talk.set("set-remote-description", description).ok_or(MediaError::Webrtcbin { what: "take the offer" })?;
    line.connect(&wanted, &ears).map_err(failed("send what the offer wants"))?;
    let answer = talk.create_answer().ok_or(MediaError::Webrtcbin { what: "make an answer" })?;
    let text = description::text(&answer).ok_or(MediaError::Webrtcbin { what: "write its answer" })?;
    let host =
        talk.gather(answer, workshop.address).ok_or(MediaError::Webrtcbin { what: "offer the machine's address" })?;
    line.negotiated(&ears);
    let answer =
        Answer { kind: AnswerType::Answer, sdp: Secret::new(with_candidate(&with_parameters(&text, &wanted), &host)) };
    let candidates = [host, String::new()].map(|line| candidate(line, sdp)).into();
    let viewer = Viewer::new(who, wanted.codec, now);
    Ok(Answered { peer: Box::new(BinPeer::new(viewer, line, ears, now)), answer, candidates })
}

/// `webrtcbin` believes nearly anything to be SDP, so that another parser reads it first.
fn look_at(sdp: &str, who: &Who) -> Result<Wanted, MediaError> {
    let unusable = |what| MediaError::Offer { who: who.clone(), what };
    SdpOffer::from_sdp_string(sdp).map_err(|_| unusable("parsing it"))?;
    if !offer::has_sections(sdp) {
        return Err(unusable("answering it"));
    }
    offer::choose(sdp).ok_or_else(|| MediaError::NoVideo { who: who.clone() })
}

/// Those in the offer itself may be names, which would be asked for in the network. The checks of the addresses behind
/// them arrive anyway.
fn without_candidates(sdp: &str) -> String {
    sdp.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:")).collect()
}

/// With the offer's own parameters for what is sent: GStreamer leaves the profile away, by which browsers choose a decoder.
fn with_parameters(answer: &str, wanted: &Wanted) -> String {
    let name = format!("a=fmtp:{} ", wanted.payload_type);
    let lines = answer.split_inclusive('\n').filter(|line| !line.starts_with(&name));
    let (rtpmap, offered) = (format!("a=rtpmap:{} ", wanted.payload_type), wanted.parameters.as_ref());
    let lines = lines.map(|line| match offered {
        Some(offered) if line.starts_with(&rtpmap) => format!("{line}{name}{offered}\r\n"),
        Some(_) | None => line.to_owned(),
    });
    lines.collect()
}

/// With our address in the first section, which carries all of them.
fn with_candidate(answer: &str, host: &str) -> String {
    let first = answer.find("\nm=").map_or(0, |at| at + 1);
    let end = answer[first..].find("\nm=").map_or(answer.len(), |at| first + at + 1);
    format!("{}a={host}\r\n{}", &answer[..end], &answer[end..])
}

/// What is said to `webrtcbin`, and how long it may take.
struct Talk<'a> {
    line: &'a Line,
    deadline: Instant,
}

impl Talk<'_> {
    fn set(&self, signal: &str, description: glib::Value) -> Option<()> {
        let (promise, reply) = promise();
        self.line.bin.emit_by_name_with_values(signal, &[description, promise.to_value()]);
        self.wait(&promise, &reply).map(drop)
    }

    fn create_answer(&self) -> Option<glib::Value> {
        let (promise, reply) = promise();
        let none: Option<gst::Structure> = None;
        self.line.bin.emit_by_name_with_values("create-answer", &[none.to_value(), promise.to_value()]);
        let reply = self.wait(&promise, &reply)??;
        reply.value("answer").ok().map(|answer| answer.clone().into())
    }

    /// Takes the answer on, and waits for our candidate on UDP.
    fn gather(&self, answer: glib::Value, address: IpAddr) -> Option<String> {
        let (found, host) = channel();
        let handler = self.line.bin.connect("on-ice-candidate", false, move |values| {
            let candidate = values.get(2).and_then(|candidate| candidate.get::<String>().ok());
            candidate.into_iter().for_each(|candidate| drop(found.send(candidate)));
            None
        });
        self.set("set-local-description", answer)?;
        let host = std::iter::from_fn(|| host.recv_timeout(self.left()).ok()).find(|line| is_ours(line, address));
        self.line.bin.disconnect(handler);
        host
    }

    fn wait(&self, promise: &gst::Promise, reply: &Receiver<Reply>) -> Option<Option<gst::Structure>> {
        let reply = reply.recv_timeout(self.left());
        if reply.is_err() {
            promise.interrupt();
        }
        let reply = reply.ok()?;
        reply.filter(|reply| reply.as_ref().is_none_or(|reply| !reply.has_field("error")))
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What a promise was answered with; nothing when it was broken.
type Reply = Option<Option<gst::Structure>>;

fn promise() -> (gst::Promise, Receiver<Reply>) {
    let (sender, reply): (Sender<Reply>, _) = channel();
    let answered = move |reply: Result<Option<&gst::StructureRef>, gst::PromiseError>| {
        let _ = sender.send(reply.ok().map(|reply| reply.map(ToOwned::to_owned)));
    };
    (gst::Promise::with_change_func(answered), reply)
}

/// `candidate:FOUNDATION COMPONENT PROTOCOL PRIORITY ADDRESS PORT typ TYPE`
fn is_ours(candidate: &str, address: IpAddr) -> bool {
    let words: Vec<&str> = candidate.split(' ').collect();
    words.get(2).is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp"))
        && words.get(4).and_then(|word| word.parse::<IpAddr>().ok()) == Some(address)
        && words.get(7) == Some(&"host")
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
