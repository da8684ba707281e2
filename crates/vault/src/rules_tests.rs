use anteroom_protocol::provider::{Provider, ValueSource};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const CODEX: &str = ".codex/auth.json";
const WRANGLER: &str = ".config/.wrangler/config/default.toml";
const CLAUDE: &str = ".claude/.credentials.json";

fn codex_rules() -> CredentialRules {
    provider_rules(include_str!("../../../providers/codex.toml"))
}

/// Wrangler's, as if its token were all that there is.
fn wrangler_rules() -> CredentialRules {
    let rules = provider_rules(include_str!("../../../providers/wrangler.toml"));
    let file = rules.files[0].path.clone();
    CredentialRules {
        expires: Some(ValueSource { file, pointer: "/expiration_time".into(), jwt_claim: None }),
        ..rules
    }
}

fn provider_rules(text: &str) -> CredentialRules {
    toml::from_str::<Provider>(text).unwrap().credential
}

fn claude_rules() -> CredentialRules {
    toml::from_str(
        r#"
        settle_ms = 300
        rotates = true
        expires = { file = ".claude/.credentials.json", pointer = "/claudeAiOauth/expiresAt" }
        account = { file = ".claude.json", pointer = "/oauthAccount/emailAddress" }
        [[files]]
        path = ".claude/.credentials.json"
        format = "json"
        not_blank = ["/claudeAiOauth/accessToken", "/claudeAiOauth/refreshToken"]
        [[files]]
        path = ".claude.json"
        format = "json"
        optional = true
        "#,
    )
    .unwrap()
}

fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({"alg": "none"})), part(claims))
}

fn codex_file() -> Value {
    json!({
        "auth_mode": "chatgpt",
        "OPENAI_API_KEY": null,
        "tokens": {
            "id_token": jwt(&json!({"email": "ada@example.com", "sub": "u1"})),
            "access_token": "at-1",
            "refresh_token": "rt-1",
            "account_id": "acc",
        },
        "last_refresh": "2026-11-22T12:00:00.123456789Z",
    })
}

fn one(path: &str, content: impl ToString) -> Vec<(String, Vec<u8>)> {
    vec![(path.to_owned(), content.to_string().into_bytes())]
}

/// `file` with another value at a pointer.
fn with(mut file: Value, pointer: &str, value: Value) -> Value {
    *file.pointer_mut(pointer).unwrap() = value;
    file
}

#[test]
fn codex_auth_json_tells_account_and_age() {
    let examined = examine(&codex_rules(), &one(CODEX, codex_file())).unwrap();
    let expected = Examined {
        account: Some("ada@example.com".into()),
        freshness: Some(UnixMillis(1_795_348_800_123)),
        expires_at: None,
    };
    assert_eq!(examined, expected);
}

#[test]
fn wranglers_toml_tells_its_expiry_and_no_age() {
    let file = r#"
        oauth_token = "ot"
        expiration_time = "2026-11-22T13:00:00.000Z"
        refresh_token = "rt"
        scopes = ["account:read"]
    "#;
    let examined = examine(&wrangler_rules(), &one(WRANGLER, file)).unwrap();
    let expires_at = Some(UnixMillis(1_795_352_400_000));
    assert_eq!(examined, Examined { account: None, freshness: None, expires_at });
}

#[test]
fn what_is_not_whole_is_refused_with_file_and_rule() {
    let blank = |pointer: &str| Incomplete::Blank { path: CODEX.into(), pointer: pointer.into() };
    let whole = codex_file().to_string();
    for (content, expected) in [
        (String::new(), Incomplete::EmptyFile { path: CODEX.into() }),
        (" \n\t".into(), Incomplete::EmptyFile { path: CODEX.into() }),
        (whole[..whole.len() / 2].into(), Incomplete::Broken { path: CODEX.into(), format: "JSON" }),
        (format!("{whole}{{"), Incomplete::Broken { path: CODEX.into(), format: "JSON" }),
        ("[".repeat(100_000), Incomplete::Broken { path: CODEX.into(), format: "JSON" }),
        ("{}".into(), Incomplete::MissingValue { path: CODEX.into(), pointer: "/tokens/id_token".into() }),
        (
            with(codex_file(), "/tokens/access_token", json!(7)).to_string(),
            Incomplete::NotText { path: CODEX.into(), pointer: "/tokens/access_token".into() },
        ),
        (
            with(codex_file(), "/tokens/access_token", Value::Null).to_string(),
            Incomplete::NotText { path: CODEX.into(), pointer: "/tokens/access_token".into() },
        ),
        (with(codex_file(), "/tokens/refresh_token", json!("")).to_string(), blank("/tokens/refresh_token")),
        (with(codex_file(), "/tokens/refresh_token", json!(" \n")).to_string(), blank("/tokens/refresh_token")),
        (
            " ".repeat(limits::MAX_CREDENTIAL_BYTES + 1),
            Incomplete::TooLarge { bytes: limits::MAX_CREDENTIAL_BYTES + 1 },
        ),
    ] {
        assert_eq!(examine(&codex_rules(), &one(CODEX, &content)), Err(expected), "{:.80}", content);
    }
}

#[test]
fn a_toml_file_cut_in_the_middle_is_broken() {
    let cut = "oauth_token = \"ot\"\nexpiration_time = \"2026-11";
    let expected = Incomplete::Broken { path: WRANGLER.into(), format: "TOML" };
    assert_eq!(examine(&wrangler_rules(), &one(WRANGLER, cut)), Err(expected));
}

#[test]
fn the_set_of_files_is_the_rules() {
    let rules = codex_rules();
    assert_eq!(examine(&rules, &[]), Err(Incomplete::MissingFile { path: CODEX.into() }));
    let good = one(CODEX, codex_file());
    let stranger = [good.clone(), one("../.ssh/id_ed25519", "x")].concat();
    assert_eq!(examine(&rules, &stranger), Err(Incomplete::UnknownFile { number: 2 }));
    assert_eq!(examine(&rules, &[good.clone(), good.clone()].concat()), Err(Incomplete::Twice { path: CODEX.into() }));
    let many = vec![good[0].clone(); limits::MAX_CREDENTIAL_FILES + 1];
    assert_eq!(examine(&rules, &many), Err(Incomplete::TooManyFiles { count: limits::MAX_CREDENTIAL_FILES + 1 }));
}

#[test]
fn the_file_that_claude_blanks_after_a_failed_refresh_is_refused() {
    let good = json!({"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": 1_795_348_800_000_i64}});
    assert!(examine(&claude_rules(), &one(CLAUDE, &good)).is_ok());
    let blanked = json!({"claudeAiOauth": {"accessToken": "", "refreshToken": "", "expiresAt": 0}});
    let expected = Incomplete::Blank { path: CLAUDE.into(), pointer: "/claudeAiOauth/accessToken".into() };
    assert_eq!(examine(&claude_rules(), &one(CLAUDE, blanked)), Err(expected));
}

#[test]
fn an_optional_file_may_be_missing_but_not_broken() {
    let good = json!({"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": 1_795_348_800_000_i64}});
    let required = one(CLAUDE, good);
    assert_eq!(examine(&claude_rules(), &required).unwrap().account, None);
    let named = json!({"oauthAccount": {"emailAddress": "ada@example.com"}});
    let both = [required.clone(), one(".claude.json", named)].concat();
    assert_eq!(examine(&claude_rules(), &both).unwrap().account.as_deref(), Some("ada@example.com"));
    let broken = [required, one(".claude.json", "{")].concat();
    let expected = Incomplete::Broken { path: ".claude.json".into(), format: "JSON" };
    assert_eq!(examine(&claude_rules(), &broken), Err(expected));
}

#[test]
fn an_opaque_file_needs_bytes_and_nothing_more() {
    let rules: CredentialRules =
        toml::from_str("settle_ms = 1\nrotates = false\n[[files]]\npath = \"credentials.db\"\nformat = \"opaque\"\n")
            .unwrap();
    let file = |bytes: &[u8]| [("credentials.db".to_owned(), bytes.to_vec())];
    assert!(examine(&rules, &file(&[0, 159, 146, 150])).is_ok());
    assert_eq!(examine(&rules, &file(b"")), Err(Incomplete::EmptyFile { path: "credentials.db".into() }));
}

#[test]
fn no_refusal_repeats_a_value() {
    let marker = "s3cr3t-t0ken";
    for file in [
        format!("{{\"tokens\": {{\"id_token\": \"{marker}\""),
        json!({"tokens": {"id_token": [marker]}}).to_string(),
        json!({"tokens": {"id_token": marker, "access_token": ""}}).to_string(),
        json!({ marker: marker }).to_string(),
    ] {
        let error = examine(&codex_rules(), &one(CODEX, file)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(marker), "{error}");
    }
    let error = examine(&codex_rules(), &one(marker, "x")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(marker), "{error}");
    let toml = format!("oauth_token = \"{marker}\"\n{marker} = {marker}");
    let error = examine(&wrangler_rules(), &one(WRANGLER, toml)).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(marker), "{error}");
}

#[test]
fn an_account_that_cannot_be_shown_is_none() {
    for token in [
        "no token at all".to_owned(),
        "a.%%%.c".to_owned(),
        "a..c".to_owned(),
        jwt(&json!({"sub": "u1"})),
        jwt(&json!({"email": 7})),
        jwt(&json!({"email": "  "})),
        jwt(&json!({"email": "a\u{1b}[2Jb"})),
        jwt(&json!({"email": "a".repeat(255)})),
    ] {
        let file = with(codex_file(), "/tokens/id_token", json!(token));
        assert_eq!(examine(&codex_rules(), &one(CODEX, file)).unwrap().account, None, "{token}");
    }
}

#[test]
fn times_are_read_as_text_seconds_or_milliseconds() {
    for (value, expected) in [
        (json!("1970-01-01T00:00:00Z"), Some(0)),
        (json!("2000-02-29T23:59:59.999Z"), Some(951_868_799_999)),
        (json!("2000-03-01T00:00:00+00:00"), Some(951_868_800_000)),
        (json!("2026-11-22T13:00:00+01:00"), Some(1_795_348_800_000)),
        (json!("2100-03-01t00:00:00.5z"), Some(4_107_542_400_500)),
        (json!(1_795_348_800), Some(1_795_348_800_000)),
        (json!(1_795_348_800.75), Some(1_795_348_800_000)),
        (json!(1_795_348_800_123_i64), Some(1_795_348_800_123)),
        (json!("2026-11-22"), None),
        (json!("2026-11-22T12:00:00"), None),
        (json!("2026-02-30T12:00:00Z"), None),
        (json!("tomorrow"), None),
        (json!(""), None),
        (json!(0), None),
        (json!(-5), None),
        (json!(1e300), None),
        (json!(u64::MAX), None),
        (json!(true), None),
        (Value::Null, None),
    ] {
        let file = with(codex_file(), "/last_refresh", value.clone());
        let examined = examine(&codex_rules(), &one(CODEX, file)).unwrap();
        assert_eq!(examined.freshness, expected.map(UnixMillis), "{value}");
    }
}

#[test]
fn toml_times_need_no_quotes() {
    let file = "oauth_token = \"o\"\nrefresh_token = \"r\"\nexpiration_time = 2026-11-22T12:00:00Z";
    assert_eq!(
        examine(&wrangler_rules(), &one(WRANGLER, file)).unwrap().expires_at,
        Some(UnixMillis(1_795_348_800_000))
    );
}

#[test]
fn an_older_or_ageless_credential_never_replaces_a_newer_one() {
    let aged = |at: Option<i64>| Examined { account: None, freshness: at.map(UnixMillis), expires_at: None };
    for (new, old, expected) in [
        (Some(2), Some(1), Ok(())),
        (Some(1), Some(1), Ok(())),
        (Some(1), None, Ok(())),
        (None, None, Ok(())),
        (Some(1), Some(2), Err(Older::Older { saved: UnixMillis(2), offered: UnixMillis(1) })),
        (None, Some(1), Err(Older::Unknown)),
    ] {
        assert_eq!(may_replace(&aged(new), old.map(UnixMillis)), expected, "{new:?} for {old:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_rules_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        for rules in [codex_rules(), wrangler_rules(), claude_rules()] {
            for content in [bytes.clone(), text.clone().into_bytes()] {
                let path = rules.files[0].path.clone();
                prop_assert!(examine(&rules, &[(path, content)]).is_err());
            }
        }
    }

    #[test]
    fn no_token_and_no_time_make_the_rules_panic(
        token in "[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,40}){0,4}",
        time in prop_oneof![
            "[0-9]{0,5}-[0-9]{0,3}-[0-9]{0,3}[Tt ][0-9]{0,3}:[0-9]{0,3}(:[0-9.]{0,12})?([Zz]|[+-][0-9:]{0,6})?".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
        ],
    ) {
        prop_assume!(!token.is_empty());
        let file = with(with(codex_file(), "/tokens/id_token", json!(token)), "/last_refresh", time);
        prop_assert!(examine(&codex_rules(), &one(CODEX, file)).is_ok());
    }
}
