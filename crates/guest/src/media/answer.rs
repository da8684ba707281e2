//! From an offer to an answer: a fresh WebRTC transport for each epoch, with the payload types of the offer.

use std::{net::SocketAddr, time::Instant};

use anteroom_protocol::{
    Epoch, Secret,
    signaling::{Answer, AnswerType, Candidate, Offer},
};
use str0m::{
    Rtc, RtcConfig,
    bwe::Bitrate,
    change::SdpOffer,
    config::DtlsCert,
    media::{Mid, Pt},
    rtp::Extension,
};

use super::{MediaError, rate};
use crate::encode::Codec;

/// An answered transport, for the `media` thread.
pub(super) struct Negotiated {
    pub(super) epoch: Epoch,
    pub(super) rtc: Rtc,
    pub(super) mid: Mid,
    pub(super) pt: Pt,
    pub(super) codec: Codec,
}

/// What is the same for all epochs.
pub(super) struct Identity {
    pub(super) certificate: DtlsCert,
    pub(super) address: SocketAddr,
}

/// Answers an offer. Takes one host candidate: the machine has one address, and the viewer's side brings the relay.
pub(super) fn answer(
    identity: &Identity,
    epoch: Epoch,
    offer: &Offer,
    now: Instant,
) -> Result<(Negotiated, Answer, Vec<Candidate>), MediaError> {
    let unusable = |what| MediaError::Offer { epoch, what };
    let sdp = offer.sdp.expose();
    let parsed = SdpOffer::from_sdp_string(sdp).map_err(|_| unusable("parsing it"))?;
    let mut rtc = config(identity).build(now);
    let host =
        str0m::Candidate::host(identity.address, "udp").map_err(|_| unusable("offering the machine's address"))?;
    let line = host.to_sdp_string();
    rtc.add_local_candidate(host);
    let answer = rtc.sdp_api().accept_offer(parsed).map_err(|_| unusable("answering it"))?;
    rtc.bwe().set_desired_bitrate(Bitrate::kbps(rate::ENOUGH_KBPS.into()));
    let (mid, pt, codec) = video_mids(sdp)
        .find_map(|mid| choose_codec(&mut rtc, mid).map(|(pt, codec)| (mid, pt, codec)))
        .ok_or(MediaError::NoVideo { epoch })?;
    let answer = Answer { kind: AnswerType::Answer, sdp: Secret::new(answer.to_sdp_string()) };
    let candidates = [line, String::new()].map(|line| candidate(line, sdp)).to_vec();
    Ok((Negotiated { epoch, rtc, mid, pt, codec }, answer, candidates))
}

fn config(identity: &Identity) -> RtcConfig {
    RtcConfig::new()
        .set_dtls_cert(identity.certificate.clone())
        .clear_codecs()
        .enable_h264(true)
        .enable_vp8(true)
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
/// resolves: their checks arrive anyway and make them known.
pub(super) fn usable(candidates: &[Candidate]) -> Vec<str0m::Candidate> {
    let lines = candidates.iter().filter(|candidate| !candidate.is_end()).map(|candidate| candidate.candidate.expose());
    lines.filter_map(|line| str0m::Candidate::from_sdp_string(line).ok()).collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
