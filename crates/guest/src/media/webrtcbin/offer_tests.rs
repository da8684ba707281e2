use super::*;

/// A browser's, shortened: two H264 profiles and two modes, VP8, RTX, a payload type below what is usual.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 39 96 97 102 103 108 109\r\na=mid:1\r\na=recvonly\r\n\
    a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n\
    a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
    a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=rtpmap:39 H264/90000\r\na=fmtp:39 packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 goog-remb\r\n\
    a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
    a=rtpmap:102 H264/90000\r\na=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
    a=rtpmap:108 H264/90000\r\na=fmtp:108 packetization-mode=0;profile-level-id=42e01f\r\n\
    a=rtpmap:109 H264/90000\r\na=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtcp-fb:109 nack\r\na=rtcp-fb:109 transport-cc\r\na=rtcp-fb:* ccm fir\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n";

#[test]
fn constrained_baseline_in_mode_1_is_sent_with_the_offers_own_numbers() {
    let wanted = choose(OFFER).unwrap();
    assert_eq!((wanted.section, wanted.codec, wanted.payload_type), (1, Codec::H264, 109));
    assert_eq!(
        wanted.parameters.as_deref(),
        Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
    );
    assert_eq!(wanted.feedback, ["nack", "transport-cc", "ccm-fir"]);
    assert_eq!(wanted.transport_cc, Some(4));
}

#[test]
fn another_profile_is_better_than_vp8_and_mode_0_is_none() {
    let without = OFFER.replace("109 H264", "109 AV1");
    assert_eq!(choose(&without).map(|wanted| wanted.payload_type), Some(102));
    let without = without.replace("102 H264", "102 H265");
    assert_eq!(choose(&without).map(|wanted| (wanted.codec, wanted.payload_type)), Some((Codec::Vp8, 96)));
}

#[test]
fn a_viewer_that_receives_no_video_wants_none() {
    for offer in [OFFER.replace("a=recvonly", "a=sendonly"), OFFER.replace("m=video", "m=image"), String::new()] {
        assert_eq!(choose(&offer), None);
    }
    assert!(has_sections(OFFER) && !has_sections("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n"));
}
