//! What agents hand in, what operators write, and what the database holds.

use anteroom_protocol::{
    CredentialId, ProviderId, UserId,
    guest::CapturedCredential,
    provider::{CredentialFile, CredentialRules, FileFormat, Provider, ValueSource},
};
use anteroom_vault::{
    Binding, BundleFile, CredentialBundle, Key, KeyRing, SealedCredential,
    rules::{examine, may_replace},
    seal,
    sealed::SEAL_RANDOM_BYTES,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::part;

const PROVIDERS: [&str; 4] = [
    include_str!("../../providers/claude-code.toml"),
    include_str!("../../providers/codex.toml"),
    include_str!("../../providers/github-cli.toml"),
    include_str!("../../providers/wrangler.toml"),
];

/// A credential as the agent hands it in, and its files alone, by the rules of the providers that there are and by
/// rules that read every format.
pub fn credential_files(data: &[u8]) {
    if let Ok(captured) = serde_json::from_slice::<CapturedCredential>(data) {
        let decoded = captured.files.iter().map(|file| {
            let contents = STANDARD.decode(file.base64.expose()).ok()?;
            Some(BundleFile { path: file.path.clone(), contents: contents.into() })
        });
        if let Some(Ok(bundle)) = decoded.collect::<Option<Vec<_>>>().map(CredentialBundle::new) {
            for rules in rules() {
                let _ = bundle.examine(&rules);
            }
        }
    }
    for rules in rules() {
        let files: Vec<_> = rules.files.iter().map(|file| (file.path.clone(), data.to_vec())).collect();
        if let Ok(examined) = examine(&rules, &files) {
            may_replace(&examined, examined.freshness).expect("the same again is fine");
        }
    }
}

fn rules() -> Vec<CredentialRules> {
    let known = PROVIDERS.map(|text| toml::from_str::<Provider>(text).expect("our files are right").credential);
    known
        .into_iter()
        .chain([FileFormat::Json, FileFormat::Toml, FileFormat::Yaml, FileFormat::Opaque].map(of_format))
        .collect()
}

/// Rules that read all that rules can read.
fn of_format(format: FileFormat) -> CredentialRules {
    let value = |pointer: &str, claim: Option<&str>| ValueSource {
        file: "a".to_owned(),
        pointer: pointer.to_owned(),
        jwt_claim: claim.map(str::to_owned),
    };
    let not_blank = if format == FileFormat::Opaque { Vec::new() } else { vec!["/t".to_owned()] };
    CredentialRules {
        files: vec![CredentialFile { path: "a".to_owned(), format, not_blank, optional: false, screen: None }],
        settle_ms: 0,
        rotates: false,
        account: Some(value("/t", Some("/e"))),
        freshness: Some(value("/at", None)),
        expires: Some(value("/until", None)),
        lifetime_days: None,
    }
}

/// A stored credential whose row was altered, and a bundle that was sealed.
pub fn sealed(data: &[u8]) {
    let (ring, binding) = (ring(), binding());
    if let Ok(stored) = serde_json::from_slice::<SealedCredential>(data) {
        let _ = stored.open(&binding, &ring);
        let _ = stored.open(&stored.binding().clone(), &ring);
    }
    let mut rest = data;
    let mut files = Vec::new();
    while !rest.is_empty() {
        let path = String::from_utf8_lossy(part(&mut rest)).into_owned();
        files.push(BundleFile { path, contents: part(&mut rest).to_vec().into() });
    }
    let Ok(bundle) = CredentialBundle::new(files) else { return };
    let sealed = seal(&bundle, &binding, &ring, &[3; SEAL_RANDOM_BYTES].into());
    assert_eq!(sealed.open(&binding, &ring).expect("what was sealed opens"), bundle);
}

fn ring() -> KeyRing {
    KeyRing::new(Key::from_random([7; 32].into()))
}

fn binding() -> Binding {
    Binding {
        owner: UserId::from_random([1; 16]),
        provider: "codex".parse::<ProviderId>().expect("an id"),
        credential: CredentialId::from_random([2; 16]),
        version: 1,
    }
}

/// A provider's file.
pub fn provider_file(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let Ok(provider) = toml::from_str::<Provider>(text) else { return };
    let written = toml::to_string(&provider).expect("what was read can be written");
    assert_eq!(toml::from_str::<Provider>(&written).expect("and read again"), provider);
    if provider.check().is_ok() {
        for file in &provider.credential.files {
            assert!(!file.path.starts_with('/') && !file.path.split('/').any(|part| part == ".."));
        }
    }
}
