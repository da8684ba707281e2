//! What an offer wants to see, and how it numbers it. Pure.

use crate::encode::Codec;

/// Transport-wide congestion control (draft-holmer-rmcat-transport-wide-cc-extensions).
pub(super) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Payload types that GStreamer's payloaders can write. Browsers number their first choices so.
const PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=127;

/// One video section, and the payload type in it that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Which section of the offer, from 0.
    pub(super) section: u32,
    pub(super) codec: Codec,
    pub(super) payload_type: u8,
    /// Its `a=fmtp`, as it was offered.
    pub(super) parameters: Option<String>,
    /// What of `a=rtcp-fb` is for it and for us, as words with hyphens: `nack-pli`.
    pub(super) feedback: Vec<String>,
    /// The number of the header extension [`TRANSPORT_CC`].
    pub(super) transport_cc: Option<u8>,
}

/// What is sent for an offer: of its first video section that takes H264 in packetization mode 1, since that is what
/// the encoder makes, or else VP8.
pub(super) fn choose(sdp: &str) -> Option<Wanted> {
    let sections = sdp.split("\nm=").skip(1).enumerate();
    sections.filter_map(|(index, section)| in_section(u32::try_from(index).ok()?, section)).next()
}

/// Whether an offer has a section at all.
pub(super) fn has_sections(sdp: &str) -> bool {
    sdp.contains("\nm=")
}

fn in_section(section: u32, text: &str) -> Option<Wanted> {
    let lines = || text.lines().map(str::trim_end);
    let receives = !lines().any(|line| ["a=sendonly", "a=inactive"].contains(&line));
    let first = lines().next()?;
    if !first.starts_with("video ") || !receives {
        return None;
    }
    let types = first.split(' ').skip(3).filter_map(|word| word.parse().ok());
    let types = types.filter(|payload_type| PAYLOAD_TYPES.contains(payload_type));
    let (payload_type, codec) = types
        .filter_map(|payload_type| Some((payload_type, codec(text, payload_type)?)))
        .min_by_key(|(payload_type, codec)| preference(*codec, &parameters(text, *payload_type)))?;
    Some(Wanted {
        section,
        codec,
        payload_type,
        parameters: attribute(text, "fmtp", payload_type).next().map(str::to_owned),
        feedback: feedback(text, payload_type),
        transport_cc: transport_cc(text),
    })
}

fn codec(text: &str, payload_type: u8) -> Option<Codec> {
    let name = attribute(text, "rtpmap", payload_type).next()?.to_ascii_lowercase();
    match name.as_str() {
        "h264/90000" => {
            let mode_1 =
                parameters(text, payload_type).iter().any(|(name, value)| name == "packetization-mode" && value == "1");
            mode_1.then_some(Codec::H264)
        }
        "vp8/90000" => Some(Codec::Vp8),
        _ => None,
    }
}

/// The lower, the better. Constrained baseline first: the profile that the encoder writes.
fn preference(codec: Codec, parameters: &[(String, String)]) -> u8 {
    let profile =
        parameters.iter().find(|(name, _)| name == "profile-level-id").map(|(_, value)| value.to_ascii_lowercase());
    match (codec, profile) {
        (Codec::H264, Some(profile)) if profile.starts_with("42e0") => 0,
        (Codec::H264, Some(profile)) if profile.starts_with("4200") => 1,
        (Codec::H264, Some(_) | None) => 2,
        (Codec::Vp8, _) => 3,
    }
}

/// The values of `a=NAME:PAYLOAD_TYPE VALUE`.
fn attribute<'a>(text: &'a str, name: &'a str, payload_type: u8) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let (number, value) =
            line.trim_end().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')?.split_once(' ')?;
        (number == "*" || number.parse() == Ok(payload_type)).then_some(value)
    })
}

fn parameters(text: &str, payload_type: u8) -> Vec<(String, String)> {
    let all = attribute(text, "fmtp", payload_type).flat_map(|value| value.split(';'));
    let pairs = all.filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn feedback(text: &str, payload_type: u8) -> Vec<String> {
    let ours = ["nack", "nack pli", "ccm fir", "transport-cc"];
    let offered = attribute(text, "rtcp-fb", payload_type).filter(|value| ours.contains(value));
    offered.map(|value| value.replace(' ', "-")).collect()
}

fn transport_cc(text: &str) -> Option<u8> {
    let number = |line: &str| {
        let (number, name) = line.trim_end().strip_prefix("a=extmap:")?.split_once(' ')?;
        if name.trim() == TRANSPORT_CC { number.split('/').next()?.parse().ok() } else { None }
    };
    text.lines().find_map(number)
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
