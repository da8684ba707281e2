use super::*;

const SDP: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 AA\r\n";

#[test]
fn an_offer_is_nested_and_a_flat_one_is_refused() {
    let nested = serde_json::json!({"offer": {"type": "offer", "sdp": SDP}, "candidates": []});
    assert!(serde_json::from_value::<OfferWithCandidates>(nested).is_ok());
    let flat = serde_json::json!({"type": "offer", "sdp": SDP});
    assert!(serde_json::from_value::<OfferWithCandidates>(flat).is_err());
}

#[test]
fn a_null_type_and_an_unknown_field_are_refused() {
    for bad in [
        serde_json::json!({"type": null, "sdp": SDP}),
        serde_json::json!({"type": "answer", "sdp": SDP}),
        serde_json::json!({"type": "offer", "sdp": SDP, "extra": 1}),
    ] {
        assert!(serde_json::from_value::<Offer>(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn sdp_that_is_not_sdp_is_refused_with_what_it_lacks() {
    assert_eq!(check_sdp(SDP), Ok(()));
    assert_eq!(check_sdp("hello"), Err(InvalidSignal::SdpLacks { missing: "its first line, v=0" }));
    let without = SDP.replace("a=fingerprint", "a=nothing");
    assert_eq!(check_sdp(&without), Err(InvalidSignal::SdpLacks { missing: "a DTLS fingerprint (a=fingerprint)" }));
    let long = format!("{SDP}{}", "a=x\r\n".repeat(300_000));
    assert_eq!(check_sdp(&long), Err(InvalidSignal::SdpTooLong { bytes: long.len() }));
}

#[test]
fn candidates_are_counted_and_measured() {
    let candidate = |line: &str| Candidate {
        candidate: Secret::new(line.to_owned()),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    assert_eq!(check_candidates(&[candidate("candidate:1 1 udp 1 a.local 9 typ host"), candidate("")]), Ok(()));
    assert_eq!(check_candidates(&[candidate("nonsense")]), Err(InvalidSignal::NotACandidate));
    let many = vec![candidate(""); 10_000];
    assert_eq!(check_candidates(&many), Err(InvalidSignal::TooManyCandidates { count: 10_000 }));
    let long = candidate(&format!("candidate:{}", "x".repeat(2000)));
    assert!(matches!(check_candidates(&[long]), Err(InvalidSignal::CandidateTooLong { .. })));
}

#[test]
fn browsers_candidate_json_reads_and_logs_nothing_of_the_address() {
    let json = r#"{"candidate":"candidate:1 1 udp 2113937151 192.0.2.77 5000 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"abcd"}"#;
    let candidate: Candidate = serde_json::from_str(json).unwrap();
    assert!(!format!("{candidate:?}").contains("192.0.2.77"));
    assert_eq!(serde_json::to_value(&candidate).unwrap(), serde_json::from_str::<serde_json::Value>(json).unwrap());
}
