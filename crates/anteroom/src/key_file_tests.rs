use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn ring(byte: u8) -> KeyRing {
    KeyRing::new(new_key([byte; KEY_BYTES]))
}

#[test]
fn a_ring_that_was_written_reads_back_and_only_its_owner_may_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let source = KeySource::File(directory.path().join("vault.key"));
    assert!(source.read().unwrap().is_none());
    for byte in [1, 2] {
        source.replace(&ring(byte)).unwrap();
        assert_eq!(source.read().unwrap(), Some(ring(byte)));
    }
    let mode = fs::metadata(directory.path().join("vault.key")).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vault.key");
    let source = KeySource::File(path.clone());
    source.replace(&ring(1)).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(source.read(), Err(KeyError::Open { mode: found, .. }) if found == mode), "{mode:o}");
    }
}

#[test]
fn an_error_repeats_nothing_of_a_key() {
    let source = KeySource::Environment(Secret::new("key-1:aHVudGVyMg==".to_owned()));
    let error = source.read().unwrap_err();
    assert!(!format!("{error} {error:?} {source:?}").contains("aHVudGVy"), "{error:?}");
}
