use std::fs;

use super::*;

fn read(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("anteroom.toml");
    fs::write(&file, text).unwrap();
    Config::read(Some(&file), &Flags::default())
}

#[test]
fn a_file_changes_what_it_names_and_leaves_the_rest() {
    let config = read(
        "listen = '127.0.0.1:0'\n[network]\npool = '10.99.0.0/24'\ngateway = '10.99.0.1'\n\
         allow = [{ address = '192.168.3.4', protocol = 'tcp', port = 3128 }]\n[machines.limits]\npids = 99\n",
    )
    .unwrap();
    let default = Config::default();
    assert_eq!(config.listen.port(), 0);
    assert_eq!(config.network.pool.to_string(), "10.99.0.0/24");
    assert_eq!(config.network.guest_port, default.network.guest_port);
    assert_eq!(config.network.allow[0].port, 3128);
    assert_eq!(config.machines.limits, Limits { pids: 99, ..default.machines.limits });
}

#[test]
fn an_unknown_name_is_refused_with_the_names_that_there_are() {
    for text in [
        "lisen = 'x'\n",
        "[network]\nname = 'x'\n",
        "[machines.limits]\nmemory = 1\n",
        "[machines.additions]\nca = []\n",
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains("unknown field") && error.contains("expected"), "{text}: {error}");
    }
}

#[test]
fn the_media_engine_is_str0m_unless_the_file_names_the_other_one() {
    assert_eq!(Config::default().machines.engine, MediaEngine::Str0m);
    assert_eq!(read("[machines]\nengine = 'webrtcbin'\n").unwrap().machines.engine, MediaEngine::Webrtcbin);
    let error = read("[machines]\nengine = 'gstreamer'\n").unwrap_err().to_string();
    assert!(error.contains("str0m") && error.contains("webrtcbin"), "{error}");
}

#[test]
fn a_flag_goes_before_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("anteroom.toml");
    fs::write(&file, "listen = '127.0.0.1:1'\n").unwrap();
    let flags = Flags { listen: Some(SocketAddr::from(([127, 0, 0, 1], 2))), ..Flags::default() };
    assert_eq!(Config::read(Some(&file), &flags).unwrap().listen.port(), 2);
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let missing = Path::new("/nonexistent/anteroom.toml");
    assert!(matches!(Config::read(Some(missing), &Flags::default()), Err(ConfigError::Missing(_))));
}

#[test]
fn the_relay_is_beside_the_page_and_the_machines_unless_it_is_set() {
    let default = Config::read(None, &Flags::default()).unwrap().relay;
    assert_eq!(default.listen, [SocketAddr::from(([127, 0, 0, 1], 3478))]);
    assert_eq!(default.relay_address.to_string(), "10.87.0.1");
    let moved = read("listen = '0.0.0.0:80'\n[network]\npool = '10.99.0.0/24'\ngateway = '10.99.0.1'\n").unwrap().relay;
    assert_eq!(moved.listen, [SocketAddr::from(([0, 0, 0, 0], 3478)), SocketAddr::from(([0_u16; 8], 3478))]);
    assert_eq!(moved.relay_address.to_string(), "10.99.0.1");
    let set = read("[relay]\nlisten = ['192.0.2.1:99']\nrelay_address = '10.1.2.3'\n").unwrap().relay;
    assert_eq!(set.listen, [SocketAddr::from(([192, 0, 2, 1], 99))]);
    assert_eq!(set.relay_address.to_string(), "10.1.2.3");
    assert!(read("[relay]\nlisten = []\n").unwrap().relay.listen.is_empty());
}
