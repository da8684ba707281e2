use super::*;
use crate::embedded;

fn codex() -> String {
    embedded::providers().find(|(name, _)| name == "codex.toml").map(|(_, text)| text).unwrap()
}

/// What is said of Codex's file with one text in place of another.
fn with(old: &str, new: &str) -> String {
    let text = codex();
    assert_eq!(text.matches(old).count(), 1, "{old}");
    let text = text.replace(old, new);
    let line = 1 + text[..text.find(new).unwrap()].matches('\n').count();
    let said = check("codex", &text).unwrap_err().to_string();
    said.replacen(&format!("{line}: "), "HERE: ", 1)
}

#[test]
fn every_provider_that_comes_along_is_right() {
    let mut seen = 0;
    for (name, text) in embedded::providers() {
        let checked = check(name.trim_end_matches(".toml"), &text);
        assert!(checked.is_ok(), "{name}: {}", checked.unwrap_err());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn what_is_wrong_is_said_with_its_line_and_key() {
    let path = "the path must be relative, without '..' and not empty";
    assert_eq!(
        with("path = \".codex/config.toml\"", "path = \"../config.toml\""),
        format!("HERE: login.files[0].path: {path}")
    );
    assert_eq!(
        with("command = [\"codex\", \"login\", \"--device-auth\"]", "command = []"),
        "HERE: login.methods[1].command: must not be empty"
    );
    let unknown = with("settle_ms = 300", "settle = 300");
    assert!(unknown.starts_with("HERE: credential.settle: unknown field `settle`"), "{unknown}");
    let mistyped = with("timeout_seconds = 900", "timeout_seconds = \"900\"");
    assert!(mistyped.starts_with("HERE: login.timeout_seconds: invalid type: string \"900\""), "{mistyped}");
    let other = with("id = \"codex\"", "id = \"other\"");
    assert!(other.starts_with("HERE: id: the file is codex.toml"), "{other}");
}

#[test]
fn what_is_missing_is_said_with_the_line_of_what_it_is_missing_in() {
    let said = with("timeout_seconds = 900\n", "\n");
    assert!(said.contains(": login: missing field `timeout_seconds`"), "{said}");
    assert!(check("none", "").unwrap_err().to_string().starts_with("1: missing field"));
}

#[test]
fn a_text_that_is_no_toml_is_said_with_its_line() {
    let said = check("codex", "id = \"codex\"\nname = Codex\n").unwrap_err().to_string();
    assert!(said.starts_with("2: "), "{said}");
}

#[test]
fn the_example_in_the_documentation_is_right() {
    let page = include_str!("../../../docs/providers.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let checked = check("wrangler", example);
    assert!(checked.is_ok(), "{}", checked.unwrap_err());
}
