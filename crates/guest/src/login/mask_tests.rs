use super::*;

#[test]
fn urls_and_token_like_words_are_masked_and_the_rest_stays() {
    for (line, masked) in [
        ("Login failed: access_denied", "Login failed: access_denied"),
        ("Open https://auth.example.com/x?state=abc now", "Open [URL] now"),
        ("(http://localhost:1455/callback?code=xyz)", "([URL]"),
        // A character of several bytes before the scheme; found by fuzzing.
        ("│https://auth.example/x│ →http://a \u{fffd}K9tps://b", "│[URL] →[URL] \u{fffd}[URL]"),
        ("token eyJhbGciOiJSUzI1NiJ9.e30.c2ln end", "token [masked] end"),
        ("token: abc", "token: [masked]"),
        ("access_token=abc", "access_token=[masked]"),
        ("code=4/0AX", "code=[masked]"),
        ("enter ABCD-12345 there", "enter [masked] there"),
        ("sk-fake-0123456789abcdef,", "[masked],"),
        ("codex-cli 0.169.0 on Linux", "codex-cli 0.169.0 on Linux"),
        ("error at /home/user/.codex/auth.json: denied", "error at /home/user/.codex/auth.json: denied"),
        ("  indented   words", "  indented   words"),
        ("Grüße — 你好", "Grüße — 你好"),
        ("", ""),
    ] {
        assert_eq!(mask(line), masked, "{line}");
    }
}

#[test]
fn the_tail_has_the_last_rows_that_are_not_blank() {
    let rows: Vec<String> = ["one", "", "two", "  ", "three", ""].iter().map(|row| (*row).to_owned()).collect();
    assert_eq!(masked_tail(&rows, 2), "two\nthree");
    assert_eq!(masked_tail(&[], 2), "");
}

#[test]
fn the_tail_stays_within_the_limit_of_a_detail() {
    let rows: Vec<String> = (0..12).map(|_| "ü ".repeat(200)).collect();
    let tail = masked_tail(&rows, 12);
    assert!(tail.len() <= limits::MAX_DETAIL_BYTES && tail.len() > limits::MAX_DETAIL_BYTES - 4, "{}", tail.len());
}
