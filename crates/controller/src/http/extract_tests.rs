use super::*;
use crate::StartSignIn;

fn refused(json: &str) -> (String, String) {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let error = serde_path_to_error::deserialize::<_, StartSignIn>(&mut deserializer).unwrap_err();
    without_values(&error.path().to_string(), &error.inner().to_string())
}

#[test]
fn a_wrong_body_names_its_field_and_repeats_no_value() {
    let table = [
        (r#"{"provider":"codex","webrtcOffer":{"offer":{"type":"offer"},"candidates":[]}}"#, "webrtcOffer.offer.sdp"),
        (
            r#"{"provider":"codex","webrtcOffer":{"offer":{"type":"hunter2","sdp":"hunter2"}}}"#,
            "webrtcOffer.offer.type",
        ),
        (r#"{"provider":"codex","webrtcOffer":{"offer":{"type":null,"sdp":"hunter2"}}}"#, "webrtcOffer.offer.type"),
        (r#"{"provider":"codex","webrtcOffer":{"offer":{"type":"offer","sdp":7}}}"#, "webrtcOffer.offer.sdp"),
        (r#"{"provider":"Hunter2 expected"}"#, "provider"),
        (r#"{}"#, "provider"),
    ];
    for (json, wanted) in table {
        let (field, problem) = refused(json);
        assert_eq!(field, wanted, "{json}: {problem}");
        assert!(!problem.contains("unter2") && !field.contains("unter2"), "{json}: {field}: {problem}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_those_that_there_are() {
    let (field, problem) = refused(r#"{"provider":"codex","webrtcOffer":{"sdp":"hunter2","type":"offer"}}"#);
    assert_eq!(field, "webrtcOffer.sdp");
    assert!(problem.contains("`offer`") && !problem.contains("hunter2"), "{problem}");
}

#[test]
fn a_field_of_any_length_makes_a_short_problem() {
    let (field, problem) = refused(&format!(r#"{{"{}":1}}"#, "x".repeat(100_000)));
    assert!(field.len() <= MAX_FIELD_CHARS && problem.len() < 200);
}
