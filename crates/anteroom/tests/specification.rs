//! Holds SPECIFICATION.md to the truth: every test that it names exists, and every invariant stands in it.
//!
//! A promise's row ends with what holds it: `crates/vault: name_of_a_test`, `web: title` or `e2e: title` (several are
//! separated by semicolons; `bench: key` names a measurement), or the word open.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The invariants' names. ARCHITECTURE.md, code and tests use them.
const INVARIANTS: &[&str] = &[
    "offer-first",
    "one-answer",
    "no-overwrite",
    "no-null, no-guess",
    "no-lost-candidate",
    "live-peer",
    "seen-is-connected",
    "saved-before-destroyed",
    "one-end",
    "nothing-leaks",
    "one-holder",
    "sealed",
    "walled",
];

/// A row of one of the tables: what is promised, and what holds it.
struct Promise<'a> {
    line: usize,
    name: &'a str,
    held_by: &'a str,
}

fn root() -> PathBuf {
    PathBuf::from("../..")
}

/// Rows of tables whose last column is headed "held by".
fn promises(text: &str) -> Vec<Promise<'_>> {
    let mut found = Vec::new();
    let mut in_table = false;
    for (index, line) in text.lines().enumerate() {
        let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            in_table = false;
        } else if cells.last() == Some(&"held by") {
            in_table = true;
        } else if in_table && !cells[0].starts_with("---") {
            found.push(Promise { line: index + 1, name: cells[0], held_by: cells[cells.len() - 1] });
        }
    }
    found
}

/// What is wrong with what holds a promise; `exists` says whether a place has a test of a name.
fn wrong(promise: &Promise<'_>, exists: impl Fn(&str, &str) -> bool) -> Vec<String> {
    if promise.held_by == "open" || promise.held_by.starts_with("open: ") {
        return Vec::new();
    }
    let at = |problem: String| format!("SPECIFICATION.md:{}: {problem}", promise.line);
    let references = promise.held_by.split(';').map(|reference| reference.trim().trim_matches('`'));
    references
        .filter_map(|reference| match reference.split_once(": ") {
            None => Some(at(format!("'{reference}' is neither `place: test` nor open"))),
            Some((place, test)) => (!exists(place, test)).then(|| at(format!("{place} has no test '{test}'"))),
        })
        .collect()
}

fn has_test(place: &str, test: &str) -> bool {
    let rust = place.starts_with("crates/");
    // What a benchmark prints is named in either language.
    let extensions: &[&str] = if rust { &["rs"] } else { &["ts", "tsx", "mjs", "rs"] };
    let wanted = if rust { format!("fn {test}(") } else { test.to_owned() };
    sources(&root().join(place), extensions)
        .iter()
        .any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&wanted)))
}

fn sources(directory: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("dist") {
            found.extend(sources(&path, extensions));
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_test_that_the_specification_names_exists() {
    let text = fs::read_to_string(root().join("SPECIFICATION.md")).expect("the specification is there");
    let promises = promises(&text);
    assert!(promises.len() > INVARIANTS.len(), "the tables are read");
    let wrong: Vec<_> = promises.iter().flat_map(|promise| wrong(promise, has_test)).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_invariant_stands_in_the_specification() {
    let text = fs::read_to_string(root().join("SPECIFICATION.md")).expect("the specification is there");
    let promises = promises(&text);
    for invariant in INVARIANTS {
        assert!(promises.iter().any(|promise| promise.name == format!("**{invariant}**")), "{invariant} is missing");
    }
}

#[test]
fn a_test_that_is_not_there_is_found_missing() {
    let text = "| promise | held by |\n|---|---|\n| a | `crates/x: there`; `crates/x: gone` |\n| b | nonsense |\n\
                | c | open |\n\n| other | table |\n|---|---|\n| d | nonsense |\n";
    let found: Vec<_> = promises(text).iter().flat_map(|p| wrong(p, |_, test| test == "there")).collect();
    assert_eq!(
        found,
        [
            "SPECIFICATION.md:3: crates/x has no test 'gone'",
            "SPECIFICATION.md:4: 'nonsense' is neither `place: test` nor open"
        ]
    );
    assert!(has_test("crates/anteroom/tests", "a_test_that_is_not_there_is_found_missing"));
    assert!(!has_test("crates/anteroom/tests", "no_test_has_this_name"));
}
