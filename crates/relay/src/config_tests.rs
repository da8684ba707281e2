use super::*;

fn read(toml: &str) -> Config {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{toml}: {error}"))
}

#[test]
fn the_defaults_are_valid_and_read_back_as_themselves() {
    let defaults = Config::default();
    assert_eq!(defaults.check(), Ok(()));
    assert!(defaults.is_embedded());
    assert_eq!(read(&toml::to_string(&defaults).expect("a configuration is TOML")), defaults);
}

#[test]
fn an_unknown_name_is_refused() {
    for toml in ["port = 1", "limits = { speed = 1 }", "external = { url = 'turn:a' }"] {
        assert!(toml::from_str::<Config>(toml).is_err(), "{toml}");
    }
}

#[test]
fn an_outside_relay_alone_is_a_configuration() {
    let config = read("listen = []\nexternal = { urls = ['turn:a:3478'], secret = 'x' }");
    assert_eq!(config.check(), Ok(()));
    assert!(!config.is_embedded());
}

#[test]
fn each_wrong_value_is_named() {
    let urls = "external = { urls = ['turn:a'], secret";
    for (toml, wrong) in [
        ("tls_listen = ['0.0.0.0:443']".to_owned(), InvalidConfig::TlsWithoutCertificate),
        ("tls_listen = ['0.0.0.0:443']\nkey = 'k'".to_owned(), InvalidConfig::TlsWithoutCertificate),
        ("certificate = 'c'".to_owned(), InvalidConfig::CertificateWithoutTls),
        ("relay_address = '0.0.0.0'".to_owned(), InvalidConfig::RelayAddress(Ipv4Addr::UNSPECIFIED.into())),
        ("relay_ports = { from = 9, to = 8 }".to_owned(), InvalidConfig::Ports { from: 9, to: 8 }),
        ("relay_ports = { from = 0, to = 8 }".to_owned(), InvalidConfig::Ports { from: 0, to: 8 }),
        ("credential_lifetime_s = 0".to_owned(), InvalidConfig::Zero("credential_lifetime_s")),
        ("limits = { bits_per_second = 0 }".to_owned(), InvalidConfig::Zero("limits.bits_per_second")),
        ("external = { secret = 'x' }".to_owned(), InvalidConfig::NoUrls),
        ("external = { urls = ['http://a'], secret = 'x' }".to_owned(), InvalidConfig::Url("http://a".to_owned())),
        ("external = { urls = ['turn:a'] }".to_owned(), InvalidConfig::NoSecret),
        (format!("{urls} = 'x', secret_file = 'y' }}"), InvalidConfig::TwoSecrets),
    ] {
        assert_eq!(read(&toml).check(), Err(wrong), "{toml}");
    }
}

#[test]
fn a_configuration_prints_no_secret() {
    let config = read("external = { urls = ['turn:a:3478'], secret = 'hunter2' }");
    assert!(!format!("{config:?}").contains("hunter2"));
}
