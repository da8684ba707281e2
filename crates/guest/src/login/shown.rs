//! Credentials that a CLI only shows: found on its screen when it has ended well, and written where the provider's rules name a file
//! for it. From there on they are files like others. Pure but for that writing; never logs what it finds.

use std::path::Path;

use anteroom_protocol::{Secret, provider::CredentialRules};
use regex_lite::Regex;

use super::seed::{SeedError, write_files};

/// Files whose content stands on the screen.
pub(super) struct Shown(Vec<(String, Regex)>);

impl Shown {
    /// By the provider's rules. A pattern that is none finds nothing; files with such a one are refused long before.
    pub(super) fn new(rules: &CredentialRules) -> Self {
        let shown = rules.files.iter().filter_map(|file| {
            let pattern = Regex::new(file.screen.as_deref()?).ok()?;
            Some((file.path.clone(), pattern))
        });
        Self(shown.collect())
    }

    /// Writes what is found on these rows; of several finds the last.
    pub(super) fn write(&self, home: &Path, rows: &[String]) -> Result<(), SeedError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let screen = Secret::new(rows.join("\n"));
        let found = self.0.iter().filter_map(|(path, pattern)| {
            let captures = pattern.captures_iter(screen.expose()).last()?;
            let found = captures.get(1).or(captures.get(0))?;
            Some((path.as_str(), found.as_str().as_bytes()))
        });
        write_files(home, found)
    }
}

#[cfg(test)]
mod tests {
    use anteroom_protocol::provider::{CredentialFile, FileFormat};

    use super::*;

    fn rules(screen: &str) -> CredentialRules {
        let file = CredentialFile {
            path: ".tool/token".to_owned(),
            format: FileFormat::Opaque,
            not_blank: Vec::new(),
            optional: false,
            screen: Some(screen.to_owned()),
        };
        CredentialRules {
            files: vec![file],
            settle_ms: 0,
            rotates: false,
            account: None,
            freshness: None,
            expires: None,
            lifetime_days: None,
        }
    }

    fn written(pattern: &str, rows: &[&str]) -> Option<String> {
        let home = tempfile::tempdir().unwrap();
        let rows: Vec<_> = rows.iter().map(|row| (*row).to_owned()).collect();
        Shown::new(&rules(pattern)).write(home.path(), &rows).unwrap();
        std::fs::read_to_string(home.path().join(".tool/token")).ok()
    }

    #[test]
    fn the_last_find_is_the_credential_and_may_stand_on_another_row_than_its_words() {
        let pattern = r"Your token[^\n]*\n\s*(\S+)";
        let rows = ["Your token:", "  abc", "", "Your token (new):", "", "  def-1_2  ", "Keep it."];
        assert_eq!(written(pattern, &rows).as_deref(), Some("def-1_2"));
        assert_eq!(written(pattern, &rows[..3]).as_deref(), Some("abc"));
        assert_eq!(written("[a-z]{3}-[0-9]_[0-9]", &rows).as_deref(), Some("def-1_2"));
    }

    #[test]
    fn without_a_find_there_is_no_file() {
        assert_eq!(written(r"Your token:\n(\S+)", &["Something went wrong."]), None);
    }
}
