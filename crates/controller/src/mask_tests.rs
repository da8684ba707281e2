use super::*;

/// What stays as it is: it says why something failed, and opens nothing.
const PLAIN: [&str; 18] = [
    "2026-11-22T22:04:09.123456Z  INFO anteroom_guest::agent: assigned session=ses_0123456789abcdefghjkmnpqrs",
    "2026-11-22T22:04:09.123456Z ERROR anteroom_guest::agent: the desktop failed why=the X server ended (exit status: 1)",
    "the CLI ended code=1",
    "exit code: 137, error code: ERR_CONNECTION_REFUSED, state=signing-in, state: Starting, code=access_denied",
    "[123:456:1122/220409.123456:ERROR:gpu_channel_manager.cc(123)] no GPU",
    "program=\"Xvfb\" (EE) Fatal server error: could not open default font 'fixed'",
    "error at /home/user/.codex/auth.json: denied (os error 13)",
    "/usr/lib/x86_64-linux-gnu/libEGL-swiftshader.so.1.0.0: cannot open shared object file",
    "mac_0123456789abcdefghjkmnpqrs holds 10.87.0.2",
    "codex-cli 0.169.0 on Linux 6.18.0-1-amd64",
    "open https://auth.example.com/oauth/authorize failed: net::ERR_NAME_NOT_RESOLVED",
    "ws://127.0.0.1:9222/devtools, http://10.87.0.1:4001",
    "SpareRendererForSitePerProcess is off",
    "Grüße — 你好 │ → ✓",
    "token: null, keyboard: us, monkey business",
    "\tindented   words  ",
    "sha is short: 1a2b3c4",
    "",
];

#[test]
fn what_says_why_stays_as_it_is() {
    for line in PLAIN {
        assert_eq!(mask(line), line);
    }
    let text = PLAIN.join("\n");
    assert_eq!(mask(&text), text);
}

#[test]
fn what_could_be_a_secret_is_masked_and_the_rest_of_its_line_stays() {
    let pat = ["gh", "p_", "0123abcd"].concat();
    for (line, masked) in [
        (
            "GET https://auth.example.com/cb?code=xyz&state=abc failed",
            "GET https://auth.example.com/cb?[masked] failed",
        ),
        ("\"https://a.example/#access_token=1\",", "\"https://a.example/#[masked]\","),
        ("<a href=\"https://a.example/x?y\">", "<a href=\"https://a.example/x?[masked]\">"),
        ("postgres://me:hunter2@db.example/x", "postgres://[masked]@db.example/x"),
        ("https://a.example/t/AbCdEfGh12345678IjKl/end", "https://a.example/t/[masked]/end"),
        (
            "http://localhost:1455/auth/callback?code=1 http://b/",
            "http://localhost:1455/auth/callback?[masked] http://b/",
        ),
        ("/auth/callback?code=4/0AX4XfWhAbc&scope=email", "/auth/callback?code=[masked]&scope=email"),
        ("Authorization: Bearer abc.def and more", "Authorization: [masked]"),
        ("> set-cookie: sid=1; Path=/", "> set-cookie: [masked]"),
        ("sends Bearer abc", "sends Bearer [masked]"),
        ("token eyJhbGciOiJSUzI1NiJ9.e30.c2ln end", "token [masked] end"),
        ("{\"access_token\":\"abc\",\"ok\":true}", "{\"access_token\":\"[masked]\",\"ok\":true}"),
        ("refresh_token=abc;id_token=\"d e\"", "refresh_token=[masked];id_token=\"[masked] e\""),
        ("client_secret: hunter2 x", "client_secret: [masked] x"),
        ("code=123456", "code=[masked]"),
        ("enter ABCD-1234 there", "enter [masked] there"),
        ("sk-fake-0123456789,", "[masked],"),
        (pat.as_str(), "[masked]"),
        ("uuid 01234567-89ab-cdef-0123-456789abcdef.", "uuid [masked]."),
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "[masked]"),
        ("red \u{1b}[31mtext\u{1b}[0m\u{7}", "red  [31mtext [0m "),
    ] {
        assert_eq!(mask(line), masked, "{line}");
    }
}

#[test]
fn a_private_key_is_masked_as_a_whole_also_in_one_line_and_without_an_end() {
    let key = |end: &str| format!("before\n-----BEGIN {} KEY-----\nshort\nlines\n{end}after\n", "PRIVATE");
    assert_eq!(mask(&key("-----END KEY-----\n")), "before\n[masked]\nafter\n");
    let endless = key(&"x\n".repeat(MAX_PEM_LINES));
    assert_eq!(mask(&endless), "before\n[masked]\nx\nx\nafter\n");
    let one_line = format!("key: \"-----BEGIN {} KEY-----\\nab\\n-----END\"\nafter", "PRIVATE");
    assert_eq!(mask(&one_line), "key: \"[masked]\nafter");
}

#[test]
fn masking_again_changes_nothing() {
    for line in ["token: abc", "code=4/0AX4XfWhAbc", "https://a.example/?x", "Bearer abc", "\"secret\":\"x\""] {
        let once = mask(line);
        assert_eq!(mask(&once), once, "{line}");
    }
}
