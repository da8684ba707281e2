//! What must never be in the repository: keys and tokens, hosts of package registries, parts of the page under
//! licences that ask for more than a notice. `deny.toml` says the latter for crates.
//!
//! Whoever clones this from behind a mirror gets their own mirror's names into lock files unless somebody looks; a
//! private key in a fixture is copied into somebody's production. The list of files is git's: tracked, and new but
//! not ignored.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Beginnings of secrets that their issuers made recognisable, cut in two so that this file isn't one.
const SECRETS: &[(&str, &str)] = &[
    ("-----BEGIN ", "PRIVATE KEY"),
    ("-----BEGIN RSA ", "PRIVATE KEY"),
    ("-----BEGIN EC ", "PRIVATE KEY"),
    ("-----BEGIN OPENSSH ", "PRIVATE KEY"),
    ("gh", "p_"),
    ("gh", "o_"),
    ("github_", "pat_"),
    ("sk-", "ant-"),
    ("sk-", "proj-"),
    ("xox", "b-"),
    ("AK", "IA"),
];

/// Hosts from which packages come; each machine has its own way to them.
const REGISTRIES: &[(&str, &str)] = &[
    ("registry.npm", "js.org"),
    ("registry.yarn", "pkg.com"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("py", "pi.org"),
    ("files.python", "hosted.org"),
    ("deb.deb", "ian.org"),
    ("ftp.deb", "ian.org"),
    ("security.deb", "ian.org"),
];

/// Licences that npm packages may have, as npm writes them; deny.toml has the same for crates, with its reason.
const LICENCES: &[&str] = &[
    "(MIT OR CC0-1.0)",
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 OR MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT OR Apache-2.0",
    "MPL-2.0",
    "Python-2.0",
];

/// How many characters a token has at least: prefixes alone are words.
const MIN_TOKEN_CHARS: usize = 16;

fn files(root: &Path) -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git runs; install it");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("our file names are UTF-8");
    names.split_terminator('\0').map(str::to_owned).collect()
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

/// What is wrong with a file's text, in words that don't repeat a secret.
fn wrong(name: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{name}:{}", index + 1);
        for (head, tail) in SECRETS {
            if has_secret(line, &format!("{head}{tail}")) {
                found.push(format!("{place}: a secret that begins with {head}{tail}"));
            }
        }
        for (head, tail) in REGISTRIES {
            if line.contains(&format!("{head}{tail}")) {
                found.push(format!("{place}: the registry {head}{tail}"));
            }
        }
        if name.ends_with("package-lock.json") && line.trim_start().starts_with("\"resolved\"") {
            found.push(format!(
                "{place}: a resolved address; npm writes none with omit-lockfile-registry-resolved=true"
            ));
        }
    }
    found
}

fn has_secret(line: &str, prefix: &str) -> bool {
    if prefix.starts_with("-----") {
        return line.contains(prefix);
    }
    line.match_indices(prefix).any(|(start, _)| {
        let alone = !line[..start].chars().next_back().is_some_and(is_token_char);
        alone && line[start + prefix.len()..].chars().take_while(|c| is_token_char(*c)).count() >= MIN_TOKEN_CHARS
    })
}

#[test]
fn the_repository_holds_no_secret_and_no_registry() {
    let root = PathBuf::from("../..");
    let names = files(&root);
    assert!(names.iter().any(|name| name == "Cargo.lock"), "git knows the files of this repository");
    let mut found = Vec::new();
    for name in names {
        // A file may be gone between git's list and now, and an image has no lines to read.
        if let Some(text) = fs::read(root.join(&name)).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            found.extend(wrong(&name, &text));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_kind_of_secret_and_registry_is_found() {
    for (head, tail) in SECRETS {
        let line = format!("let x = \"{head}{tail}{}\";", "a1".repeat(MIN_TOKEN_CHARS));
        assert_eq!(wrong("f", &line).len(), 1, "{head}");
    }
    for (head, tail) in REGISTRIES {
        assert_eq!(wrong("f", &format!("https://{head}{tail}/x")).len(), 1, "{head}");
    }
    assert_eq!(wrong("web/package-lock.json", "      \"resolved\": \"https://mirror.example/a.tgz\",").len(), 1);
}

/// Packages of an npm lock file with a licence that is not among ours, or none.
fn foreign_licences(lock: &str) -> Vec<String> {
    let lock: serde_json::Value = serde_json::from_str(lock).expect("npm writes JSON");
    let packages = lock["packages"].as_object().expect("a lock file of version 3 has packages");
    let others = packages.iter().filter(|(name, _)| name.starts_with("node_modules/"));
    others
        .filter(|(_, package)| !package["license"].as_str().is_some_and(|licence| LICENCES.contains(&licence)))
        .map(|(name, package)| format!("{name}: {}", package["license"]))
        .collect()
}

/// Names that a lock file's packages ask for and that stand in it nowhere. npm leaves out what its registry hadn't (a
/// binary for another system, released an hour later), says nothing, and refuses the lock file ever after.
fn unlocked(lock: &str) -> Vec<String> {
    let lock: serde_json::Value = serde_json::from_str(lock).expect("npm writes JSON");
    let packages = lock["packages"].as_object().expect("a lock file of version 3 has packages");
    let asked = packages.values().flat_map(|package| {
        let kinds = ["dependencies", "devDependencies", "optionalDependencies"];
        kinds.into_iter().filter_map(|kind| package[kind].as_object()).flat_map(|names| names.keys())
    });
    let is_locked = |name: &str| packages.keys().any(|key| key.ends_with(&format!("node_modules/{name}")));
    let mut missing: Vec<_> = asked.filter(|name| !is_locked(name)).cloned().collect();
    missing.sort();
    missing
}

#[test]
fn npm_lock_files_hold_every_package_that_is_asked_for() {
    let root = PathBuf::from("../..");
    let locks: Vec<_> = files(&root).into_iter().filter(|name| name.ends_with("package-lock.json")).collect();
    assert!(locks.contains(&"web/package-lock.json".to_owned()), "the page has a lock file");
    for lock in locks {
        let text = fs::read_to_string(root.join(&lock)).unwrap_or_else(|error| panic!("{lock}: {error}"));
        assert_eq!(unlocked(&text), Vec::<String>::new(), "{lock}: choose versions that npm can have whole");
    }
    let short =
        r#"{"packages": {"": {"dependencies": {"a": "1"}}, "node_modules/a": {"optionalDependencies": {"b": "1"}}}}"#;
    assert_eq!(unlocked(short), ["b"]);
}

// The tools in the guest image are programs of their makers, as Debian's are, and nothing of ours is linked with them;
// their lock files are not looked at here.
#[test]
fn npm_packages_ask_for_a_notice_at_most() {
    let root = PathBuf::from("../..");
    for place in ["web/package-lock.json", "e2e/package-lock.json"] {
        let lock = fs::read_to_string(root.join(place)).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(foreign_licences(&lock), Vec::<String>::new(), "{place}");
    }
    let bad = r#"{"packages": {"": {}, "node_modules/a": {"license": "AGPL-3.0"}, "node_modules/b": {}}}"#;
    assert_eq!(foreign_licences(bad), ["node_modules/a: \"AGPL-3.0\"", "node_modules/b: null"]);
}

#[test]
fn words_that_only_begin_alike_are_no_secret() {
    for line in
        ["AKIAlike", "sk-ant-", "the ghp_ prefix", "desk-ant-aaaaaaaaaaaaaaaaaaaaaa", "-----BEGIN CERTIFICATE-----"]
    {
        assert_eq!(wrong("f", line), Vec::<String>::new(), "{line}");
    }
}
