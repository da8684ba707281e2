//! The program itself: its commands, on a data directory of their own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

fn anteroom(data: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anteroom"));
    command.env_clear().env("HOME", data).args(["--data-dir", data.join("data").to_str().unwrap()]).args(arguments);
    command.envs(environment.iter().copied()).output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_description_that_it_prints_is_the_checked_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let checked_in = "../../web/src/api/openapi.json";
    assert!(out(&anteroom(directory.path(), &["openapi"], &[])) == fs::read_to_string(checked_in).unwrap());
}

#[test]
fn the_key_is_made_once_for_its_owner_only_and_a_rotation_replaces_it() {
    let directory = tempfile::tempdir().unwrap();
    let first = out(&anteroom(directory.path(), &["vault", "status"], &[]));
    assert!(first.contains("0 credentials  current"), "{first}");
    assert_eq!(out(&anteroom(directory.path(), &["vault", "status"], &[])), first);
    let key = directory.path().join("data/vault.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    out(&anteroom(directory.path(), &["vault", "rotate"], &[]));
    assert_ne!(out(&anteroom(directory.path(), &["vault", "status"], &[])), first);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(&anteroom(directory.path(), &["vault", "status"], &[])).contains("mode 0644"));
}

#[test]
fn a_key_from_the_environment_is_used_and_makes_no_file() {
    let directory = tempfile::tempdir().unwrap();
    // 32 bytes of zero: nobody's key.
    let ring = format!("test-key:{}=", "A".repeat(43));
    let status = out(&anteroom(directory.path(), &["vault", "status"], &[("ANTEROOM_VAULT_KEY", &ring)]));
    assert!(status.starts_with("test-key "), "{status}");
    assert!(!directory.path().join("data/vault.key").exists());
    let error = refused(&anteroom(directory.path(), &["vault", "rotate"], &[("ANTEROOM_VAULT_KEY", &ring)]));
    assert!(error.contains("ANTEROOM_VAULT_KEY") && !error.contains("AAAA"), "{error}");
}

#[test]
fn the_environment_changes_settings_and_an_unknown_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let link = out(&anteroom(directory.path(), &["link"], &[("ANTEROOM_LISTEN", "127.0.0.1:4999")]));
    assert!(link.starts_with("http://127.0.0.1:4999/?token="), "{link}");
    let error = refused(&anteroom(directory.path(), &["link"], &[("ANTEROOM_NETWORK__POOOL", "10.0.0.0/8")]));
    assert!(error.contains("unknown field") && error.contains("poool"), "{error}");
}

#[test]
fn without_a_server_the_machines_command_says_so() {
    let directory = tempfile::tempdir().unwrap();
    // Port 9 is nobody's.
    let error = refused(&anteroom(directory.path(), &["machines", "list"], &[("ANTEROOM_LISTEN", "127.0.0.1:9")]));
    assert!(error.contains("127.0.0.1:9") && error.contains("does `anteroom serve` run"), "{error}");
    let error = refused(&anteroom(directory.path(), &["machines", "logs", "../../etc/passwd"], &[]));
    assert!(error.contains("not a machine id"), "{error}");
}

#[test]
fn a_rotation_while_somebody_works_on_the_data_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    out(&anteroom(directory.path(), &["vault", "status"], &[]));
    let lock = fs::File::create(directory.path().join("data/lock")).unwrap();
    lock.lock().unwrap();
    assert!(refused(&anteroom(directory.path(), &["vault", "rotate"], &[])).contains("end that first"));
}
