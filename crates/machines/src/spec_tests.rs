use anteroom_protocol::guest::DesktopSize;

use super::*;

fn additions() -> Additions {
    Additions {
        files: vec![MachineFile { path: "/etc/x/y.conf".into(), contents: "a".into(), mode: 0o600 }],
        ca_certificates: vec!["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".into()],
        hosts: vec![HostEntry { address: "192.0.2.1".parse().unwrap(), name: "issuer.example".into() }],
        environment: vec![("HTTPS_PROXY".into(), "http://192.0.2.1:3128".into())],
    }
}

#[test]
fn good_additions_pass() {
    assert_eq!(additions().check(), Ok(()));
    assert_eq!(Additions::default().check(), Ok(()));
}

#[test]
fn a_wrong_addition_is_refused_by_its_field() {
    type Change = fn(&mut Additions);
    let cases: [(&str, Change); 8] = [
        ("additions.files[0].path", |a| a.files[0].path = "relative".into()),
        ("additions.files[0].path", |a| a.files[0].path = "/etc/../root".into()),
        ("additions.files[0].path", |a| a.files[0].path = "/".into()),
        ("additions.files[0].mode", |a| a.files[0].mode = 0o4755),
        ("additions.ca_certificates[0]", |a| a.ca_certificates[0] = "nonsense".into()),
        ("additions.hosts[0].name", |a| a.hosts[0].name = "a b\n127.0.0.1 c".into()),
        ("additions.environment[0]", |a| a.environment[0].0 = "A=B".into()),
        ("additions", |a| a.files[0].contents = "x".repeat(MAX_ADDED_BYTES + 1)),
    ];
    for (field, change) in cases {
        let mut wrong = additions();
        change(&mut wrong);
        assert_eq!(wrong.check().unwrap_err().field, field);
    }
}

#[test]
fn limits_below_the_least_are_refused_by_name() {
    let limits = Limits { pids: 1, ..Limits::default() };
    assert_eq!(limits.check().unwrap_err().field, "limits.pids");
    assert_eq!(Limits::default().check(), Ok(()));
}

#[test]
fn certificates_come_with_the_environment_that_makes_clis_trust_them() {
    let environment = additions().machine_environment();
    assert!(environment.contains(&("NODE_EXTRA_CA_CERTS".into(), EXTRA_CA_PATH.into())));
    assert!(environment.contains(&("CODEX_CA_CERTIFICATE".into(), CA_BUNDLE_PATH.into())));
    assert!(environment.contains(&("HTTPS_PROXY".into(), "http://192.0.2.1:3128".into())));
    assert_eq!(Additions::default().machine_environment(), []);
}

#[test]
fn a_variable_of_the_additions_replaces_the_boot_documents() {
    let spec = MachineSpec {
        id: MachineId::from_random([1; 16]),
        address: Ipv4Addr::new(10, 87, 0, 2),
        boot: Boot {
            controller_url: "http://10.87.0.1:4001".into(),
            token: String::from("secret-token").into(),
            address: IpAddr::from([10, 87, 0, 2]),
            desktop: DesktopSize { width: 1280, height: 720 },
            environment: vec![("HTTPS_PROXY".into(), "http://old".into()), ("KEPT".into(), "1".into())],
            engine: anteroom_protocol::guest::MediaEngine::Str0m,
        },
        limits: Limits::default(),
        additions: additions(),
    };
    let environment = spec.boot_with_additions().environment;
    assert_eq!(environment.iter().filter(|(name, _)| name == "HTTPS_PROXY").count(), 1);
    assert!(environment.contains(&("HTTPS_PROXY".into(), "http://192.0.2.1:3128".into())));
    assert!(environment.contains(&("KEPT".into(), "1".into())));
    assert!(!format!("{spec:?}").contains("secret-token"));
}
