//! From an offer to an answer: a fresh str0m instance for each viewer, with the payload types of the offer.

use std::time::Instant;

use anteroom_protocol::{
    Secret,
    signaling::{Answer, AnswerType, Offer},
};
use str0m::{
    Rtc, RtcConfig,
    bwe::Bitrate,
    change::SdpOffer,
    media::{Mid, Pt},
    net::{Protocol, TcpType},
    rtp::Extension,
};

use super::{Identity, peer::RtcPeer};
use crate::{
    encode::Codec,
    media::{
        MediaError, Who,
        peer::Answered,
        rate,
        sdp::{candidate, silenced, video_mids},
        sockets::Addresses,
        viewer::Viewer,
    },
};

/// Answers an offer. Offers host candidates only: the machine has one address, and the viewer's side brings the relay.
pub(super) fn answer(identity: &Identity, who: Who, offer: &Offer, now: Instant) -> Result<Answered, MediaError> {
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
        .map(Mid::from)
        .find_map(|mid| choose_codec(&mut rtc, mid).map(|(pt, codec)| (mid, pt, codec)))
        .ok_or_else(|| MediaError::NoVideo { who: who.clone() })?;
    let answer = Answer { kind: AnswerType::Answer, sdp: Secret::new(answer.to_sdp_string()) };
    let candidates = lines.into_iter().chain([String::new()]).map(|line| candidate(line, sdp)).collect();
    let peer = Box::new(RtcPeer::new(Viewer::new(who, codec, now), rtc, mid, pt, now));
    Ok(Answered { peer, answer, candidates })
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
