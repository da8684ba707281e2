use anteroom_protocol::SessionId;

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn handle() -> Handle {
    Handle::Session(SessionId::from_random([5; 16]))
}

fn embedded(config: &Config) -> Issuer {
    Issuer::new(config).with_embedded([3478, 3478], [5349], secret("inside"))
}

fn urls(issuer: &Issuer, host: &str) -> Vec<Vec<String>> {
    issuer.ice_servers(host, &handle(), NOW).servers.into_iter().map(|server| server.urls).collect()
}

#[test]
fn udp_comes_first_and_tls_last() {
    let urls = urls(&embedded(&Config::default()), "desk.example.com");
    assert_eq!(
        urls,
        [[
            "turn:desk.example.com:3478?transport=udp",
            "turn:desk.example.com:3478?transport=tcp",
            "turns:desk.example.com:5349?transport=tcp"
        ]]
    );
}

#[test]
fn a_public_host_replaces_the_page_s() {
    let config = Config { public_host: Some("turn.example.com".to_owned()), ..Config::default() };
    assert_eq!(urls(&embedded(&config), "127.0.0.1")[0][0], "turn:turn.example.com:3478?transport=udp");
}

#[test]
fn addresses_of_ipv6_stand_in_brackets() {
    for host in ["::1", "[::1]"] {
        assert_eq!(urls(&embedded(&Config::default()), host)[0][0], "turn:[::1]:3478?transport=udp");
    }
    assert_eq!(urls(&embedded(&Config::default()), "192.0.2.1")[0][0], "turn:192.0.2.1:3478?transport=udp");
}

#[test]
fn a_host_that_is_none_gets_no_address() {
    for host in ["", "a b", "a?transport=tcp", "a:80", "[::1", "a/b", "\u{e4}.example", &"a".repeat(254)] {
        assert_eq!(embedded(&Config::default()).ice_servers(host, &handle(), NOW), Issued::default(), "{host}");
    }
}

#[test]
fn each_relay_gets_credentials_of_its_own_secret() {
    let config = Config { credential_lifetime_s: 60, ..Config::default() };
    let outside = vec!["turn:turn.example.com:3478".to_owned()];
    let issuer = embedded(&config).with_external(outside.clone(), secret("outside"));
    let issued = issuer.ice_servers("desk.example.com", &handle(), NOW);
    assert_eq!(issued.servers[1].urls, outside);
    assert_eq!(issued.expires_at, Some(NOW.plus_ms(60_000)));
    for (server, of) in issued.servers.iter().zip(["inside", "outside"]) {
        let minted = credentials::mint(&secret(of), &handle(), NOW, 60);
        assert_eq!(server.username.as_ref(), Some(&minted.username));
        assert_eq!(server.credential.as_ref(), Some(&minted.password));
    }
    assert_ne!(issued.servers[0].credential, issued.servers[1].credential);
}

#[test]
fn without_a_relay_there_is_nothing_to_tell() {
    assert_eq!(Issuer::new(&Config::default()).ice_servers("a", &handle(), NOW), Issued::default());
}

#[test]
fn an_issuer_prints_no_secret() {
    assert!(!format!("{:?}", embedded(&Config::default())).contains("inside"));
}
