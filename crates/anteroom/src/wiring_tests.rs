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
    let text = "# comment\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nnameserver ::1\nnameserver fe80::1\n\
                nameserver fe80::1%eth0\nnameserver 2001:db8::53\nsearch example\n";
    let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap());
    assert_eq!(resolvers_in(text, true), [v4, v6]);
    assert_eq!(resolvers_in(text, false), [v4]);
}

#[test]
fn the_network_of_the_configuration_reaches_the_driver() {
    let mut config = Config::default();
    config.network.pool6 = Some("fd87:1f3a:52c0::/64".parse().unwrap());
    config.network.walled = vec!["2001:db8:7::/48".parse().unwrap()];
    config.network.resolvers = Some(vec!["2620:fe::9".parse().unwrap()]);
    let policy = host(&config).unwrap().network;
    assert_eq!((policy.pool6, policy.walled), (config.network.pool6, config.network.walled));
    assert_eq!(policy.resolvers, ["2620:fe::9".parse::<IpAddr>().unwrap()]);
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
