use super::*;
use crate::encode::Codec;

const ANSWER: &str = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 108 109\r\na=rtpmap:108 H264/90000\r\n\
    a=fmtp:108 packetization-mode=1\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108\r\nm=application 9 x\r\na=mid:1\r\n";

#[test]
fn the_answer_repeats_the_offers_parameters_of_what_is_sent() {
    let parameters = Some("packetization-mode=1;profile-level-id=42e01f".to_owned());
    let (feedback, transport_cc) = (Vec::new(), None);
    let wanted = Wanted { section: 0, codec: Codec::H264, payload_type: 108, parameters, feedback, transport_cc };
    let expected = ANSWER.replacen("packetization-mode=1", "packetization-mode=1;profile-level-id=42e01f", 1);
    assert_eq!(with_parameters(ANSWER, &wanted), expected);
    let without = Wanted { parameters: None, ..wanted };
    assert_eq!(with_parameters(ANSWER, &without), ANSWER.replace("a=fmtp:108 packetization-mode=1\r\n", ""));
}

#[test]
fn our_address_stands_in_the_first_section_and_those_of_the_offer_nowhere() {
    let host = "candidate:1 1 UDP 1 127.0.0.1 5000 typ host";
    let expected = ANSWER.replace("m=application", &format!("a={host}\r\nm=application"));
    assert_eq!(with_candidate(ANSWER, host), expected);
    assert_eq!(without_candidates(&expected), ANSWER);
}

#[test]
fn a_candidate_is_ours_on_udp_and_at_the_machines_address_only() {
    let address = [10, 87, 0, 2].into();
    for (line, ours) in [
        ("candidate:1 1 UDP 2015364351 10.87.0.2 36111 typ host", true),
        ("candidate:1 1 UDP 2015364351 10.87.0.3 36111 typ host", false),
        ("candidate:1 1 TCP 1015022079 10.87.0.2 9 typ host tcptype active", false),
        ("candidate:1 1 UDP 2015364351 10.87.0.2 36111 typ srflx raddr 0.0.0.0 rport 0", false),
        ("", false),
    ] {
        assert_eq!(is_ours(line, address), ours, "{line}");
    }
}
