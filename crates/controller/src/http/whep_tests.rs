use anteroom_protocol::Secret;

use super::*;

#[test]
fn a_relay_is_one_link_for_each_address() {
    let server = IceServer {
        urls: vec!["turn:a.example:3478?transport=udp".into(), "turns:a.example:443".into(), "turn:\n".into()],
        username: Some("1800000000:s\"x".into()),
        credential: Some(Secret::new("a+b/c=".into())),
    };
    let links = links(&server);
    let tail =
        "; rel=\"ice-server\"; username=\"1800000000:s\\\"x\"; credential=\"a+b/c=\"; credential-type=\"password\"";
    assert_eq!(links, [format!("<{}>{tail}", server.urls[0]), format!("<{}>{tail}", server.urls[1])]);
    assert!(links.iter().all(HeaderValue::is_sensitive), "nothing of it is logged");
}

#[test]
fn a_relay_without_credentials_has_none() {
    let server = IceServer { urls: vec!["stun:a.example".into()], username: None, credential: None };
    assert_eq!(links(&server), ["<stun:a.example>; rel=\"ice-server\""]);
}

#[test]
fn several_lines_of_if_match_are_one_list() {
    let mut headers = HeaderMap::new();
    assert_eq!(listed(&headers), None);
    headers.append(header::IF_MATCH, HeaderValue::from_static("\"a\""));
    headers.append(header::IF_MATCH, HeaderValue::from_static("\"b\", \"c\""));
    assert_eq!(listed(&headers).as_deref(), Some("\"a\", \"b\", \"c\""));
}
