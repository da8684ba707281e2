use super::*;

/// The example of RFC 9725, section 4.3.2, with one candidate less.
const EXAMPLE: &str = "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:EsAw\r\n\
                       a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
                       a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw\r\n\
                       a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0\r\n\
                       a=end-of-candidates\r\n";

fn lines(fragment: &Fragment) -> Vec<&str> {
    fragment.candidates.iter().map(|candidate| candidate.candidate.expose().as_str()).collect()
}

#[test]
fn the_example_of_the_rfc_reads() {
    let fragment = Fragment::parse(EXAMPLE).unwrap();
    assert_eq!(fragment.ufrag.as_deref(), Some("EsAw"));
    assert_eq!(fragment.candidates.len(), 3);
    assert!(lines(&fragment)[0].starts_with("candidate:1387637174 1 udp"));
    assert!(fragment.candidates[2].is_end());
    let first = &fragment.candidates[0];
    assert_eq!((first.sdp_mid.as_deref(), first.sdp_m_line_index), (Some("0"), None));
    assert_eq!(first.username_fragment.as_deref(), Some("EsAw"));
}

#[test]
fn line_ends_empty_lines_and_unknown_attributes_are_no_matter() {
    let loose = EXAMPLE.replace("\r\n", "\n") + "\n\na=ice-options:trickle ice2\nc=IN IP4 0.0.0.0\na=\n";
    assert_eq!(Fragment::parse(&loose), Fragment::parse(EXAMPLE));
    assert_eq!(Fragment::parse(""), Ok(Fragment { ufrag: None, candidates: Vec::new() }));
}

#[test]
fn several_media_sections_have_their_mids_and_one_end() {
    let section = |mid: u8, host: u8| {
        format!(
            "m=video 9 X 0\na=mid:{mid}\na=ice-ufrag:EsAw\na=candidate:1 1 udp 1 192.0.2.{host} 9 typ host\na=end-of-candidates\n"
        )
    };
    let fragment = Fragment::parse(&(section(0, 1) + &section(1, 2))).unwrap();
    let mids: Vec<_> = fragment.candidates.iter().map(|candidate| candidate.sdp_mid.as_deref()).collect();
    assert_eq!(mids, [Some("0"), Some("1"), None]);
    assert!(fragment.candidates[2].is_end() && !fragment.candidates[1].is_end());
}

#[test]
fn what_can_be_no_fragment_is_refused_with_its_line() {
    use InvalidFragment as I;
    let many = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n".repeat(limits::MAX_CANDIDATES_PER_REQUEST + 1);
    let long = "a=x\n".repeat(limits::MAX_SDP_BYTES);
    let ended = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\n".repeat(limits::MAX_CANDIDATES_PER_REQUEST)
        + "a=end-of-candidates";
    let table = [
        ("{\"candidate\":\"\"}", I::NotALine { line: 1 }),
        ("a=mid:0\n\nhello", I::NotALine { line: 3 }),
        ("candidate:1 1 udp 1 192.0.2.1 9 typ host ufrag=x", I::NotALine { line: 1 }),
        ("a=ice-ufrag:abc", I::Value { line: 1 }),
        ("a=ice-ufrag:ab cd", I::Value { line: 1 }),
        ("a=mid:", I::Value { line: 1 }),
        ("a=ice-ufrag:abcd\na=ice-ufrag:efgh", I::TwoSessions),
        (&many, I::Candidates(InvalidSignal::TooManyCandidates { count: limits::MAX_CANDIDATES_PER_REQUEST + 1 })),
        (&ended, I::Candidates(InvalidSignal::TooManyCandidates { count: limits::MAX_CANDIDATES_PER_REQUEST + 1 })),
        (&long, I::TooLong { bytes: long.len() }),
    ];
    for (text, expected) in table {
        assert_eq!(Fragment::parse(text), Err(expected), "{}", &text[..text.len().min(60)]);
    }
    let line = format!("a=candidate:{}", "x".repeat(limits::MAX_CANDIDATE_BYTES));
    assert!(matches!(Fragment::parse(&line), Err(I::Candidates(InvalidSignal::CandidateTooLong { .. }))));
}

#[test]
fn an_offers_user_fragments_come_each_once() {
    let sdp =
        |ufrags: &[&str]| ufrags.iter().map(|ufrag| format!("m=video\r\na=ice-ufrag:{ufrag}\r\n")).collect::<String>();
    assert_eq!(ice_ufrags(&sdp(&["abcd", "efgh", "abcd"])), Ok(vec!["abcd".to_owned(), "efgh".to_owned()]));
    for bad in [
        sdp(&[]),
        sdp(&["abc"]),
        sdp(&["ab\"d"]),
        sdp(&["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg", "hhhh", "iiii"]),
    ] {
        assert!(ice_ufrags(&bad).is_err(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in "((a=|m=|x=)?(ice-ufrag:|mid:|candidate:|end-of-candidates)?[ -~\\r\\n=:]{0,40}\n){0,12}") {
        if let Ok(fragment) = Fragment::parse(&text) {
            proptest::prop_assert!(check_candidates(&fragment.candidates).is_ok());
        }
    }
}
