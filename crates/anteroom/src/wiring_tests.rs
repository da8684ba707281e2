use super::*;

fn with_network(pool: &str, gateway: [u8; 4]) -> Config {
    let mut config = Config::default();
    config.network.pool = pool.parse().unwrap();
    config.network.gateway = gateway.into();
    config
}

#[test]
fn machines_have_the_addresses_between_the_gateway_and_the_broadcast() {
    let pool = address_pool(&with_network("10.9.0.0/29", [10, 9, 0, 1])).unwrap();
    assert_eq!((pool.first, pool.last), (Ipv4Addr::new(10, 9, 0, 2), Ipv4Addr::new(10, 9, 0, 6)));
    let all = address_pool(&Config::default()).unwrap();
    assert_eq!((all.first, all.last), (Ipv4Addr::new(10, 87, 0, 2), Ipv4Addr::new(10, 87, 255, 254)));
    for gateway in [[10, 9, 0, 7], [10, 9, 0, 6], [10, 9, 1, 1]] {
        assert!(address_pool(&with_network("10.9.0.0/29", gateway)).is_err(), "{gateway:?}");
    }
}

#[test]
fn a_resolver_on_the_hosts_loopback_is_none_for_machines() {
    let text = "# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example\n";
    assert_eq!(resolvers_in(text), [Ipv4Addr::new(192, 0, 2, 53)]);
}

#[test]
fn built_in_providers_are_valid() {
    let catalogue = catalogue(&Config::default()).unwrap();
    let ids: Vec<_> = catalogue.iter().map(|provider| provider.id.as_str().to_owned()).collect();
    assert!(ids.contains(&"codex".to_owned()) && ids.contains(&"wrangler".to_owned()), "{ids:?}");
}

#[test]
fn a_second_holder_of_the_data_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config { data_dir: directory.path().join("data"), ..Config::default() };
    let held = lock(&config).unwrap();
    assert!(matches!(lock(&config), Err(WiringError::Locked { .. })));
    drop(held);
    assert!(lock(&config).is_ok());
}

#[test]
fn a_proxy_is_told_in_both_spellings() {
    let names: Vec<_> = proxy_environment("http://192.0.2.1:3128").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"]);
}
