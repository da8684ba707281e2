use super::*;

fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

#[test]
fn a_cookie_alone_changes_nothing_without_the_pages_own_origin() {
    let table = [
        (Some("http://127.0.0.1:4000"), How::Cookie, true),
        (Some("https://127.0.0.1:4000"), How::Cookie, true),
        (Some("http://127.0.0.1:4001"), How::Cookie, false),
        (Some("http://evil.example"), How::Cookie, false),
        (Some("null"), How::Cookie, false),
        (None, How::Cookie, false),
        (None, How::Bearer, true),
        (Some("http://evil.example"), How::Bearer, false),
    ];
    for (origin, how, expected) in table {
        let headers = origin.map_or_else(HeaderMap::new, |origin| headers(&[(header::ORIGIN, origin)]));
        assert_eq!(comes_from_here(&headers, "127.0.0.1:4000", how), expected, "{origin:?} {how:?}");
    }
}

#[test]
fn the_cookie_is_found_among_others_and_a_bearer_comes_before_it() {
    let both = headers(&[(header::COOKIE, "a=b; anteroom=abc; c=d"), (header::AUTHORIZATION, "bearer xyz")]);
    assert_eq!(
        presented(&both).map(|(token, how)| (token.expose().to_owned(), how)),
        Some(("xyz".into(), How::Bearer))
    );
    let cookie = headers(&[(header::COOKIE, "a=b; anteroom=abc; c=d")]);
    assert_eq!(presented(&cookie).map(|(_, how)| how), Some(How::Cookie));
    for none in [headers(&[(header::COOKIE, "xanteroom=abc")]), headers(&[(header::AUTHORIZATION, "Basic xyz")])] {
        assert!(presented(&none).is_none());
    }
}

#[test]
fn a_link_is_a_get_of_the_page_with_a_token() {
    let link = |method, uri: &'static str| link(&method, &Uri::from_static(uri)).map(|token| token.is_some());
    assert_eq!(link(Method::GET, "/?token=abc"), Some(true));
    assert_eq!(link(Method::GET, "/?x=1&token=abc"), Some(true));
    assert_eq!(link(Method::GET, "/?token=%20"), Some(false));
    assert_eq!(link(Method::GET, "/"), None);
    assert_eq!(link(Method::POST, "/?token=abc"), None);
    assert_eq!(link(Method::GET, "/api/me?token=abc"), None);
}
