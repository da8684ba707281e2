//! From an offer to an answer: a fresh WebRTC transport for each viewer, with the payload types of the offer.
//!
//! The machine is silent: an offered audio section is answered as inactive. Refusing it instead would take the
//! candidates with it where it stands first, which is where many WHEP players put it.

use std::time::Instant;

use anteroom_protocol::{
    Secret,
    signaling::{Answer, AnswerType, Candidate, Offer},
};
use str0m::{
    Rtc, RtcConfig,
    bwe::Bitrate,
    change::SdpOffer,
    config::DtlsCert,
    media::{Mid, Pt},
    net::{Protocol, TcpType},
    rtp::Extension,
};

use super::{MediaError, Who, rate, sockets::Addresses};
use crate::encode::Codec;

/// An answered transport, for the `media` thread.
pub(super) struct Negotiated {
    pub(super) who: Who,
    pub(super) rtc: Rtc,
    pub(super) mid: Mid,
    pub(super) pt: Pt,
    pub(super) codec: Codec,
}

/// What is the same for all viewers.
pub(super) struct Identity {
    pub(super) certificate: DtlsCert,
    pub(super) addresses: Addresses,
}

/// Answers an offer. Offers host candidates only: the machine has one address, and the viewer's side brings the relay.
pub(super) fn answer(
    identity: &Identity,
    who: Who,
    offer: &Offer,
    now: Instant,
) -> Result<(Negotiated, Answer, Vec<Candidate>), MediaError> {
    let unusable = |what| MediaError::Offer { who: who.clone(), what };
    let sdp = offer.sdp.expose();
    let parsed = SdpOffer::from_sdp_string(&silenced(sdp)).map_err(|_| unusable("parsing it"))?;
    let mut rtc = config(identity).build(now);
    let hosts = hosts(identity.addresses).ok_or_else(|| unusable("offering the machine's address"))?;
    let lines = hosts.each_ref().map(str0m::Candidate::to_sdp_string);
    for host in hosts {
        rtc.add_local_candidate(host);
    }
    let answer = rtc.sdp_api().accept_offer(parsed).map_err(|_| unusable("answering it"))?;
    rtc.bwe().set_desired_bitrate(Bitrate::kbps(rate::ENOUGH_KBPS.into()));
    let (mid, pt, codec) = video_mids(sdp)
        .find_map(|mid| choose_codec(&mut rtc, mid).map(|(pt, codec)| (mid, pt, codec)))
        .ok_or_else(|| MediaError::NoVideo { who: who.clone() })?;
    let answer = Answer { kind: AnswerType::Answer, sdp: Secret::new(answer.to_sdp_string()) };
    let candidates = lines.into_iter().chain([String::new()]).map(|line| candidate(line, sdp)).collect();
    Ok((Negotiated { who, rtc, mid, pt, codec }, answer, candidates))
}

/// UDP first: TCP is for viewers whose network lets nothing else through. It is passive, since viewers connect.
fn hosts(addresses: Addresses) -> Option<[str0m::Candidate; 2]> {
    let udp = str0m::Candidate::host(addresses.udp, Protocol::Udp).ok()?;
    let tcp = str0m::Candidate::builder().tcp().host(addresses.tcp).tcptype(TcpType::Passive).build().ok()?;
    Some([udp, tcp])
}

fn config(identity: &Identity) -> RtcConfig {
    RtcConfig::new()
        .set_dtls_cert(identity.certificate.clone())
        .clear_codecs()
        .enable_h264(true)
        .enable_vp8(true)
        // Never sent: an inactive section needs a payload type too, and every browser offers one of these.
        .enable_opus(true, false)
        .enable_pcmu(true, false)
        .enable_pcma(true, false)
        .set_extension(5, Extension::PlayoutDelay)
        .enable_bwe(Some(Bitrate::kbps(rate::START_KBPS.into())))
}

/// H264 in packetization mode 1 where it is offered, since that is what the encoder makes; VP8 else.
fn choose_codec(rtc: &mut Rtc, mid: Mid) -> Option<(Pt, Codec)> {
    if !rtc.media(mid)?.direction().is_sending() {
        return None;
    }
    let writer = rtc.writer(mid)?;
    let h264 = writer.payload_params().filter(|params| {
        let spec = params.spec();
        spec.codec == str0m::format::Codec::H264 && spec.format.packetization_mode == Some(1)
    });
    // Constrained baseline first: the profile that the encoder writes.
    let h264 = h264.min_by_key(|params| match params.spec().format.profile_level_id.map(|id| id >> 8) {
        Some(0x42e0) => 0,
        Some(0x4200) => 1,
        Some(_) | None => 2,
    });
    let h264 = h264.map(|params| (params.pt(), Codec::H264));
    let vp8 = writer.payload_params().find(|params| params.spec().codec == str0m::format::Codec::Vp8);
    h264.or(vp8.map(|params| (params.pt(), Codec::Vp8)))
}

/// The offer without a wish for sound.
fn silenced(sdp: &str) -> String {
    let mut audio = false;
    let direction = |line: &str| ["a=recvonly", "a=sendrecv", "a=sendonly"].contains(&line.trim_end());
    let lines = sdp.split_inclusive('\n').map(|line| {
        audio = if line.starts_with("m=") { line.starts_with("m=audio ") } else { audio };
        if audio && direction(line) { "a=inactive\r\n" } else { line }
    });
    lines.collect()
}

/// An answer whose candidates are all in it, and that says so (RFC 8840, section 4.1): for viewers that get nothing after it.
pub(super) fn complete(answer: &Answer) -> Answer {
    let sdp = answer.sdp.expose();
    let last = sdp.rfind("\na=candidate:").map(|at| at + 1);
    let end = last.and_then(|start| sdp[start..].find('\n').map(|length| start + length + 1));
    let (candidates, rest) = sdp.split_at(end.unwrap_or(sdp.len()));
    Answer { kind: answer.kind, sdp: Secret::new(format!("{candidates}a=end-of-candidates\r\n{rest}")) }
}

/// `a=mid` of each video section, in the offer's order.
fn video_mids(sdp: &str) -> impl Iterator<Item = Mid> {
    let sections = sdp.split("\nm=").skip(1).filter(|section| section.starts_with("video"));
    sections
        .filter_map(|section| section.lines().find_map(|line| line.strip_prefix("a=mid:")))
        .map(|mid| mid.trim().into())
}

fn candidate(line: String, sdp: &str) -> Candidate {
    let mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).map(|mid| mid.trim().to_owned());
    Candidate { candidate: Secret::new(line), sdp_mid: mid, sdp_m_line_index: Some(0), username_fragment: None }
}

/// The viewer's candidates that can be used. Browsers hide their own addresses behind mDNS names, which nothing here
/// resolves: their checks arrive anyway and make them known. Nobody connects to their TCP candidates, which are active.
pub(super) fn usable(candidates: &[Candidate]) -> Vec<str0m::Candidate> {
    let lines = candidates.iter().filter(|candidate| !candidate.is_end()).map(|candidate| candidate.candidate.expose());
    let parsed = lines.filter_map(|line| str0m::Candidate::from_sdp_string(line).ok());
    parsed.filter(|candidate| candidate.proto() == Protocol::Udp).collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
