//! Holds the arrows of ARCHITECTURE.md: which crate may know which, and what the crates without I/O may touch.
//!
//! The tables below are the whole truth; a change that adds an arrow changes the table and the map together. The
//! checks are functions of a list of packages, so that the tests at the end can show that they bite.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Each crate of ours, from the bottom to the top, with those of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("anteroom-protocol", &[]),
    ("anteroom-session", &["anteroom-protocol"]),
    // A tool that checks them; no row has it on the right.
    ("anteroom-model", &["anteroom-protocol", "anteroom-session"]),
    ("anteroom-vault", &["anteroom-protocol"]),
    ("anteroom-store", &["anteroom-protocol", "anteroom-session", "anteroom-vault"]),
    ("anteroom-store-sqlite", &["anteroom-protocol", "anteroom-session", "anteroom-vault", "anteroom-store"]),
    ("anteroom-machines", &["anteroom-protocol"]),
    ("anteroom-machines-host", &["anteroom-protocol", "anteroom-machines"]),
    ("anteroom-machines-sandbox", &["anteroom-protocol", "anteroom-machines", "anteroom-machines-host"]),
    ("anteroom-machines-qemu", &["anteroom-protocol", "anteroom-machines", "anteroom-machines-host"]),
    ("anteroom-machined", &["anteroom-protocol", "anteroom-machines"]),
    ("anteroom-relay", &["anteroom-protocol"]),
    ("anteroom-resolver", &["anteroom-protocol", "anteroom-machines"]),
    (
        "anteroom-controller",
        &["anteroom-protocol", "anteroom-session", "anteroom-vault", "anteroom-store", "anteroom-machines"],
    ),
    ("anteroom-guest", &["anteroom-protocol", "anteroom-vault"]),
    (
        "anteroom",
        &[
            "anteroom-protocol",
            "anteroom-session",
            "anteroom-vault",
            "anteroom-store",
            "anteroom-store-sqlite",
            "anteroom-machines",
            "anteroom-machines-host",
            "anteroom-machines-qemu",
            "anteroom-machines-sandbox",
            "anteroom-machined",
            "anteroom-relay",
            "anteroom-resolver",
            "anteroom-controller",
        ],
    ),
    // Tools that drive the controller; no row has them on the right.
    (
        "anteroom-bench-signaling",
        &[
            "anteroom-protocol",
            "anteroom-vault",
            "anteroom-store",
            "anteroom-store-sqlite",
            "anteroom-machines",
            "anteroom-controller",
        ],
    ),
    (
        "anteroom-sim",
        &[
            "anteroom-protocol",
            "anteroom-session",
            "anteroom-vault",
            "anteroom-store",
            "anteroom-store-sqlite",
            "anteroom-machines",
            "anteroom-controller",
        ],
    ),
];

/// Adapters may stand in the tests of what is above the ports; and what agents in clones draw is drawn by the agent's code.
const TEST_ARROWS: &[(&str, &[&str])] = &[
    ("anteroom-controller", &["anteroom-store-sqlite", "anteroom-machines-sandbox"]),
    ("anteroom-machines-qemu", &["anteroom-guest"]),
];

/// The crates that do no I/O, with every crate of others that they may use. None of these opens a file or a socket,
/// reads a clock or makes randomness by itself.
const PURE: &[(&str, &[&str])] = &[
    ("anteroom-protocol", &["base64", "regex-lite", "serde", "serde_json", "sha2", "thiserror", "utoipa", "zeroize"]),
    ("anteroom-session", &["serde", "thiserror"]),
    (
        "anteroom-vault",
        &["base64", "chacha20poly1305", "serde", "serde-saphyr", "serde_json", "sha2", "thiserror", "toml", "zeroize"],
    ),
];

/// What a crate must not use, because another one is there for it.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("anteroom-store", &["sqlx", "axum", "reqwest", "rustix"]),
    ("anteroom-store-sqlite", &["axum", "reqwest", "rustix"]),
    ("anteroom-machines", &["sqlx", "axum", "reqwest", "rustix"]),
    ("anteroom-machines-host", &["sqlx", "axum", "reqwest"]),
    ("anteroom-machines-qemu", &["sqlx", "axum", "reqwest"]),
    ("anteroom-machines-sandbox", &["sqlx", "axum", "reqwest"]),
    // It runs as root and parses nothing of a network's.
    ("anteroom-machined", &["sqlx", "axum", "reqwest", "hyper", "openssl"]),
    ("anteroom-relay", &["sqlx", "axum", "reqwest", "figment", "clap"]),
    ("anteroom-resolver", &["sqlx", "axum", "reqwest", "rustix", "figment", "clap"]),
    ("anteroom-controller", &["sqlx", "reqwest", "rustix", "figment", "clap"]),
    ("anteroom-guest", &["sqlx", "chacha20poly1305", "oauth2", "openidconnect"]),
    ("anteroom", &["sqlx"]),
];

/// Ways of the standard library out of a pure crate. Addresses as values (`std::net::IpAddr`) are no I/O.
const WAYS_OUT: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "UnixStream",
    "SystemTime",
    "Instant",
    "println!",
    "eprintln!",
];

/// A package of the workspace, as far as the checks need it.
#[derive(Debug)]
struct Package {
    name: String,
    directory: PathBuf,
    /// Name, and whether only tests use it.
    dependencies: Vec<(String, bool)>,
}

fn root() -> PathBuf {
    Path::new("../..").canonicalize().expect("the workspace is two above this crate")
}

/// Asks cargo for the workspace's own packages; it needs neither the network nor the lock file for that.
fn workspace() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs, for it runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    metadata["packages"].as_array().expect("packages is a list").iter().map(package).collect()
}

fn package(value: &serde_json::Value) -> Package {
    let text = |value: &serde_json::Value| value.as_str().expect("cargo writes a text here").to_owned();
    let manifest = PathBuf::from(text(&value["manifest_path"]));
    let dependencies = value["dependencies"].as_array().expect("dependencies is a list").iter();
    Package {
        name: text(&value["name"]),
        directory: manifest.parent().expect("a manifest stands in a directory").to_owned(),
        dependencies: dependencies.map(|d| (text(&d["name"]), d["kind"] == "dev")).collect(),
    }
}

fn row<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

/// Arrows that the tables don't have, each in words.
fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let ours = |name: &str| name == "anteroom" || name.starts_with("anteroom-");
    let mut wrong = Vec::new();
    for Package { name, dependencies, .. } in packages {
        let Some(allowed) = row(ARROWS, name) else {
            wrong.push(format!("{name} stands in no layer; add it to ARROWS and to ARCHITECTURE.md"));
            continue;
        };
        let in_tests = row(TEST_ARROWS, name).unwrap_or(&[]);
        for (dependency, only_tests) in dependencies.iter().filter(|(dependency, _)| ours(dependency)) {
            let dependency = dependency.as_str();
            let itself = *only_tests && dependency == name;
            if !(itself || allowed.contains(&dependency) || *only_tests && in_tests.contains(&dependency)) {
                wrong.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    wrong
}

/// Crates of others in places where they must not be.
fn wrong_parts(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for Package { name, dependencies, .. } in packages {
        let used =
            || dependencies.iter().filter(|(_, only_tests)| !only_tests).map(|(dependency, _)| dependency.as_str());
        if let Some(allowed) = row(PURE, name) {
            let strangers = used().filter(|used| !used.starts_with("anteroom-") && !allowed.contains(used));
            wrong.extend(strangers.map(|stranger| format!("{name} does no I/O and uses {stranger}")));
        }
        if let Some(forbidden) = row(FORBIDDEN, name) {
            wrong.extend(used().filter(|used| forbidden.contains(used)).map(|used| format!("{name} uses {used}")));
        }
    }
    wrong
}

/// Lines of a pure crate's source that reach for the world; comments may name it.
fn ways_out(file: &str, source: &str) -> Vec<String> {
    let code = source.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.flat_map(|(index, line)| {
        let found = WAYS_OUT.iter().filter(|way| contains_word(line, way));
        found.map(move |way| format!("{file}:{}: {way}", index + 1)).collect::<Vec<_>>()
    })
    .collect()
}

/// Whether a word stands in a line by itself: `Instant` is none in `Instantiate`.
fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        !is_part(before.chars().next_back()) && (word.ends_with('!') || !is_part(after.chars().next()))
    })
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a source directory can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn crates_depend_downwards_only() {
    assert_eq!(wrong_arrows(&workspace()), Vec::<String>::new());
}

#[test]
fn every_layer_is_a_crate_and_stands_on_the_map() {
    let packages = workspace();
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map is there");
    for (name, _) in ARROWS {
        let package = packages.iter().find(|package| package.name == *name);
        let directory = &package.unwrap_or_else(|| panic!("{name} is in ARROWS and no crate")).directory;
        let place = directory.strip_prefix(root()).expect("our crates stand in the workspace");
        // An adapter stands in its port's row.
        let row = place.iter().take(2).collect::<PathBuf>();
        assert!(map.contains(&format!("`{}`", row.display())), "{} is not on the map", row.display());
    }
}

#[test]
fn crates_use_the_parts_that_their_layer_may_use() {
    assert_eq!(wrong_parts(&workspace()), Vec::<String>::new());
}

#[test]
fn protocol_session_and_vault_do_no_io() {
    let packages = workspace();
    let mut found = Vec::new();
    for (name, _) in PURE {
        let package = packages.iter().find(|package| package.name == *name).expect("a pure crate is a crate");
        let files = sources(&package.directory.join("src"));
        assert!(!files.is_empty(), "{name} has sources");
        for file in files {
            let source = fs::read_to_string(&file).expect("a source can be read");
            found.extend(ways_out(&file.display().to_string(), &source));
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn an_arrow_upwards_is_found() {
    let package = |name: &str, dependencies: &[(&str, bool)]| Package {
        name: name.into(),
        directory: PathBuf::new(),
        dependencies: dependencies.iter().map(|(name, only_tests)| ((*name).into(), *only_tests)).collect(),
    };
    for (name, dependency, only_tests) in [
        ("anteroom-session", "anteroom-store", false),
        ("anteroom-session", "anteroom-store", true),
        ("anteroom-controller", "anteroom-store-sqlite", false),
        ("anteroom-machines", "anteroom-session", false),
        ("anteroom-guest", "anteroom-controller", true),
    ] {
        let wrong = wrong_arrows(&[package(name, &[(dependency, only_tests)])]);
        assert_eq!(wrong, [format!("{name} depends on {dependency}")]);
    }
    assert_eq!(wrong_arrows(&[package("anteroom-new", &[])]).len(), 1);
    assert!(wrong_arrows(&[package("anteroom-controller", &[("anteroom-store-sqlite", true)])]).is_empty());
    for (name, stranger) in
        [("anteroom-session", "tokio"), ("anteroom-vault", "getrandom"), ("anteroom-controller", "sqlx")]
    {
        assert_eq!(wrong_parts(&[package(name, &[(stranger, false)])]).len(), 1, "{name} {stranger}");
        assert!(wrong_parts(&[package(name, &[(stranger, true)])]).is_empty(), "{name} {stranger}");
    }
}

#[test]
fn a_way_out_is_found_in_code_and_not_in_comments() {
    let source = "//! Never reads std::fs.\nuse std::{fmt, time::Instant};\nlet text = std::fs::read(path);\n\
                  // Instant\nInstantiate;\nlet a: std::net::IpAddr;\nprintln!(\"x\");\n";
    assert_eq!(ways_out("f", source), ["f:2: Instant", "f:3: std::fs", "f:7: println!"]);
}
