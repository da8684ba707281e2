use anteroom_protocol::signaling::AnswerType;

use super::*;

const SDP: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\nm=video 9 \
                   UDP/TLS/RTP/SAVPF 96\r\na=mid:v1\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\nm=video 9 \
                   UDP/TLS/RTP/SAVPF 96\r\na=mid:v2\r\n";

fn line(text: &str) -> Candidate {
    Candidate {
        candidate: Secret::new(text.to_owned()),
        sdp_mid: None,
        sdp_m_line_index: None,
        username_fragment: None,
    }
}

#[test]
fn video_sections_are_found_by_their_mid_in_the_offers_order() {
    let mids: Vec<&str> = video_mids(SDP).collect();
    assert_eq!(mids, ["v1", "v2"]);
    assert_eq!(video_mids("v=0\r\n").count(), 0);
}

#[test]
fn our_candidate_names_the_offers_first_section() {
    assert_eq!(candidate("candidate:1".to_owned(), SDP).sdp_mid.as_deref(), Some("0"));
}

#[test]
fn addresses_are_used_and_hidden_names_and_the_end_are_not() {
    let candidates = [
        line("candidate:1 1 udp 2113937151 0f2a1c3d-1111-4222-8333-444455556666.local 51000 typ host"),
        line("candidate:2 1 udp 1677729535 192.0.2.7 51000 typ srflx raddr 0.0.0.0 rport 0"),
        line("nonsense"),
        line(""),
    ];
    let used = usable(&candidates);
    assert_eq!(used.iter().map(|candidate| candidate.addr().to_string()).collect::<Vec<_>>(), ["192.0.2.7:51000"]);
}

#[test]
fn tcp_candidates_of_viewers_are_not_used_because_viewers_connect() {
    let candidates = [
        line("candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active"),
        line("candidate:2 1 udp 2113937151 192.0.2.7 51000 typ host"),
    ];
    assert_eq!(usable(&candidates).iter().map(|candidate| candidate.proto()).collect::<Vec<_>>(), [Protocol::Udp]);
}

#[test]
fn sound_is_not_wanted_and_everything_else_is_as_it_was() {
    let offer = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=recvonly\r\nm=video 9 UDP/TLS/RTP/SAVPF \
                 96\r\na=mid:1\r\na=recvonly\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=sendrecv\r\n";
    let expected = offer.replacen("a=recvonly", "a=inactive", 1).replace("a=sendrecv", "a=inactive");
    assert_eq!(silenced(offer), expected);
    assert_eq!(silenced(SDP), SDP);
}

#[test]
fn a_complete_answer_says_so_after_its_last_candidate() {
    let answer = |sdp: &str| Answer { kind: AnswerType::Answer, sdp: Secret::new(sdp.to_owned()) };
    for (sdp, expected) in [
        (
            "v=0\r\na=candidate:1 x\r\na=candidate:2 y\r\na=mid:0\r\n",
            "v=0\r\na=candidate:1 x\r\na=candidate:2 y\r\na=end-of-candidates\r\na=mid:0\r\n",
        ),
        ("v=0\r\na=candidate:1 x\r\n", "v=0\r\na=candidate:1 x\r\na=end-of-candidates\r\n"),
    ] {
        assert_eq!(complete(&answer(sdp)).sdp.expose(), expected);
    }
}
