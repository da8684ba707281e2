//! The configuration's mistakes that fill trackers: each is found, and says what to write.

use anteroom_controller::Level;

use super::*;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const DAY_MS: i64 = 86_400_000;

fn on(page: &str, toml: &str) -> (Config, SocketAddr) {
    (toml::from_str(toml).unwrap(), page.parse().unwrap())
}

fn seen((config, page): &(Config, SocketAddr), certificate: Option<Option<Certificate>>) -> Vec<Finding> {
    findings(&Facts { config, page: *page, page_host: "anteroom.example.com", certificate, now: NOW })
}

fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap()
}

fn certificate(days: i64, name: &str) -> Option<Option<Certificate>> {
    let expires_at = NOW.plus_ms(days * DAY_MS);
    Some(Some(Certificate { expires_at, names: vec![name.to_owned()], self_signed: false }))
}

const TLS: &str = "listen = ['0.0.0.0:3478']\ntls_listen = ['0.0.0.0:443']\ncertificate = '/c.pem'\nkey = '/k.pem'";

#[test]
fn a_page_for_this_computer_needs_no_relay() {
    assert_eq!(worst(&seen(&on("127.0.0.1:4000", "listen = []"), None)), Level::Ok);
}

#[test]
fn a_page_for_others_without_a_relay_is_an_error() {
    assert_eq!(worst(&seen(&on("0.0.0.0:4000", "listen = []"), None)), Level::Error);
}

#[test]
fn a_relay_on_loopback_for_a_page_for_others_is_an_error() {
    assert_eq!(worst(&seen(&on("0.0.0.0:4000", "listen = ['127.0.0.1:3478']"), None)), Level::Error);
    assert_eq!(worst(&seen(&on("127.0.0.1:4000", "listen = ['127.0.0.1:3478']"), None)), Level::Ok);
}

#[test]
fn a_relay_without_tls_is_a_warning_with_what_to_write() {
    let found = seen(&on("0.0.0.0:4000", "listen = ['0.0.0.0:3478']"), None);
    let warning = found.iter().find(|finding| finding.level == Level::Warning).unwrap();
    assert!(warning.remedy.contains("tls_listen"), "{warning:?}");
}

#[test]
fn a_certificate_that_is_unreadable_expired_ending_or_for_another_name_is_found() {
    let with_tls = on("0.0.0.0:4000", TLS);
    assert_eq!(worst(&seen(&with_tls, certificate(60, "anteroom.example.com"))), Level::Ok);
    assert_eq!(worst(&seen(&with_tls, Some(None))), Level::Error);
    assert_eq!(worst(&seen(&with_tls, certificate(-1, "anteroom.example.com"))), Level::Error);
    assert_eq!(worst(&seen(&with_tls, certificate(3, "anteroom.example.com"))), Level::Warning);
    assert_eq!(worst(&seen(&with_tls, certificate(60, "other.example.com"))), Level::Error);
    let renamed = on("0.0.0.0:4000", &format!("{TLS}\npublic_host = 'other.example.com'"));
    assert_eq!(worst(&seen(&renamed, certificate(60, "other.example.com"))), Level::Ok);
}

#[test]
fn every_doubt_and_error_says_what_to_do() {
    let all = [
        seen(&on("0.0.0.0:4000", "listen = []"), None),
        seen(&on("0.0.0.0:4000", "listen = ['127.0.0.1:3478']"), None),
        seen(&on("0.0.0.0:4000", TLS), Some(None)),
        seen(&on("0.0.0.0:4000", TLS), certificate(-1, "x")),
    ];
    for finding in all.iter().flatten() {
        assert_eq!(finding.level == Level::Ok, finding.remedy.is_empty(), "{finding:?}");
    }
}
