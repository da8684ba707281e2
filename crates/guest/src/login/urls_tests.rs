use super::*;
use crate::terminal::Screen;

const URL: &str = "https://auth.example.com/oauth/authorize?response_type=code&client_id=9d1c250a-e61b&redirect_uri=http%3A%2F%2Flocalhost%3A1455%2Fauth%2Fcallback&scope=openid%20profile&state=AbCdEf012345&code_challenge_method=S256";

fn hosts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn urls_of(columns: u16, written: &str) -> Vec<String> {
    let mut screen = Screen::new(columns, 50);
    let _ = screen.feed(written.as_bytes());
    urls_on(&screen.rows())
}

/// A URL as CLIs with their own line breaking write it: pieces of the terminal's width, colours between.
fn broken(width: usize, indent: &str, ending: &str) -> String {
    let room = width - indent.chars().filter(|c| *c == ' ').count();
    let pieces: Vec<String> = URL
        .as_bytes()
        .chunks(room)
        .map(|piece| format!("{indent}\x1b[94m{}\x1b[39m", String::from_utf8_lossy(piece)))
        .collect();
    pieces.join(ending)
}

#[test]
fn a_url_is_read_whole_however_it_is_drawn() {
    for (name, columns, written) in [
        ("in one row", 400, format!("Open {URL} now")),
        ("wrapped by the terminal", 80, format!("Open {URL} now")),
        ("wrapped with colours inside", 80, format!("\x1b[1m{}\x1b[94m{}\x1b[0m", &URL[..50], &URL[50..])),
        ("broken by the CLI", 80, broken(80, "", "\r\r\n")),
        ("broken by the CLI with an indent", 80, broken(80, "  ", "\r\n")),
        ("placed by CHA", 80, format!("Visit:\x1b[9G{URL}")),
        ("placed by CHA after a break", 400, format!("Visit:\r\n\x1b[3G{URL}\r\n\r\nthen wait")),
        ("with a full stop", 400, format!("Go to {URL}.")),
        ("in brackets", 400, format!("Go ({URL}) now")),
        ("drawn twice over itself", 400, format!("{URL}\r{URL}")),
    ] {
        assert_eq!(urls_of(columns, &written), [URL], "{name}");
    }
}

#[test]
fn a_sentence_after_a_url_that_ends_at_the_edge_is_no_part_of_it() {
    let url = "https://a.example/0123456789abcdefghijkl";
    assert_eq!(url.len(), 40);
    assert_eq!(urls_of(40, &format!("{url}\r\nThen press Enter")), [url]);
    assert_eq!(urls_of(40, &format!("{url}\r\n\r\nEnter")), [url]);
    assert_eq!(urls_of(40, &format!("{url}\r\nhttps://b.example/")), [url, "https://b.example/"]);
}

#[test]
fn only_plain_https_urls_of_the_providers_hosts_are_taken() {
    let rules = hosts(&["auth.example.com", ".login.example.org"]);
    for url in [
        URL,
        "https://AUTH.example.com/x",
        "https://login.example.org/",
        "https://eu.login.example.org/",
        "https://auth.example.com:443/x",
    ] {
        assert!(sign_in_url(url, &rules).is_ok(), "{url}");
    }
    for (url, refused) in [
        ("http://auth.example.com/", Refused::Scheme("http".to_owned())),
        ("file:///etc/passwd", Refused::NotAUrl),
        ("javascript:alert(1)", Refused::NotAUrl),
        ("--load-extension=https://auth.example.com", Refused::NotAUrl),
        ("https://auth.example.com@evil.example/", Refused::Decorated),
        ("https://auth.example.com:8443/", Refused::Decorated),
        ("https://evil.example/?https://auth.example.com/", Refused::Host("evil.example".to_owned())),
        ("https://auth.example.com.evil.example/", Refused::Host("auth.example.com.evil.example".to_owned())),
        ("https://evillogin.example.org/", Refused::Host("evillogin.example.org".to_owned())),
        ("https://sub.auth.example.com/", Refused::Host("sub.auth.example.com".to_owned())),
    ] {
        assert_eq!(sign_in_url(url, &rules).map(|_| ()), Err(refused), "{url}");
    }
    let long = format!("https://auth.example.com/{}", "x".repeat(limits::MAX_URL_BYTES));
    assert_eq!(sign_in_url(&long, &rules).map(|_| ()), Err(Refused::NotAUrl));
}

#[test]
fn a_refusal_says_nothing_but_the_host() {
    let refused = sign_in_url("https://evil.example/?code=hunter2", &hosts(&["a.example"])).unwrap_err();
    assert!(!refused.to_string().contains("hunter2"));
}
