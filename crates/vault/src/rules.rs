//! When a credential is whole, and when one may take another's place.
//!
//! That a file exists proves nothing: it may be half-written, and some CLIs blank their file when a refresh
//! fails (`accessToken: ""`, `expiresAt: 0`) so that saving whatever changed would lose the sign-in. The guest
//! agent asks before it hands a credential in, the controller asks again before it seals. Errors name the
//! file and the rule, never a value: they are shown to people and logged.

use anteroom_protocol::{
    UnixMillis, limits,
    provider::{CredentialFile, CredentialRules, FileFormat, ValueSource},
};

use crate::tree::Tree;

/// The longest account name shown. RFC 5321 ends an address at 254 octets.
const MAX_ACCOUNT_BYTES: usize = 254;
/// Numbers below are seconds, others milliseconds: as seconds this is the year 5138, as milliseconds 1973,
/// and no CLI that signs in by OAuth wrote a time outside of those.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// What can be said of a whole credential without keeping any of its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whose account it is, for the card; `None` when the rules don't say where, or nothing readable is there.
    pub account: Option<String>,
    /// When it was issued; `None` when the rules don't say where, or no time is there.
    pub freshness: Option<UnixMillis>,
    /// When it stops working for good; `None` when the rules don't say where, or no time is there.
    pub expires_at: Option<UnixMillis>,
}

/// Why files are no whole credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// Too many files.
    #[error("the credential has {count} files; at most {} are taken", limits::MAX_CREDENTIAL_FILES)]
    TooManyFiles {
        /// How many there are.
        count: usize,
    },
    /// Too many bytes, all files together.
    #[error("the credential's files have {bytes} bytes together; at most {} are taken", limits::MAX_CREDENTIAL_BYTES)]
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// A file that the provider's rules don't name. Its path came from outside and is not repeated.
    #[error("file number {number} of the credential is none of the provider's credential.files")]
    UnknownFile {
        /// Its place, 1 for the first.
        number: usize,
    },
    /// One path twice.
    #[error("{path}: is there twice")]
    Twice {
        /// Which.
        path: String,
    },
    /// A file that must be there is not.
    #[error("{path}: is missing")]
    MissingFile {
        /// Which.
        path: String,
    },
    /// A file without anything but white space.
    #[error("{path}: is empty")]
    EmptyFile {
        /// Which.
        path: String,
    },
    /// A file that can't be read in its format: half-written, or another format.
    #[error("{path}: is not a whole {format} document")]
    Broken {
        /// Which.
        path: String,
        /// The format that its rules name.
        format: &'static str,
    },
    /// A value that must be there is not.
    #[error("{path}: has nothing at {pointer}")]
    MissingValue {
        /// Which file.
        path: String,
        /// JSON pointer from the rules.
        pointer: String,
    },
    /// A value that must be a text is not.
    #[error("{path}: {pointer} is not a text")]
    NotText {
        /// Which file.
        path: String,
        /// JSON pointer from the rules.
        pointer: String,
    },
    /// A text that must not be blank is.
    #[error("{path}: {pointer} is blank")]
    Blank {
        /// Which file.
        path: String,
        /// JSON pointer from the rules.
        pointer: String,
    },
}

/// Why a credential must not take another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Older {
    /// It is older.
    #[error("the new credential is {} ms older than the saved one; the saved one is kept", saved.since(*offered))]
    Older {
        /// How new the one is that is there.
        saved: UnixMillis,
        /// How new the one is that was to take its place.
        offered: UnixMillis,
    },
    /// It does not say how new it is, and the other does.
    #[error("the new credential does not say how new it is, but the saved one does; the saved one is kept")]
    Unknown,
}

/// Decides whether files (path relative to the home directory, bytes) are a whole credential by the rules.
///
/// # Errors
/// Names the first file and rule that is not met.
pub fn examine(rules: &CredentialRules, files: &[(String, Vec<u8>)]) -> Result<Examined, Incomplete> {
    let files: Vec<_> = files.iter().map(|(path, bytes)| File { path, bytes }).collect();
    examine_files(rules, &files)
}

/// Decides whether `new` may take the place of `old`: a credential that is older than the saved one, or hides its
/// age where the saved one tells it, never does. The same age is fine: a capture is repeated after a lost reply.
///
/// # Errors
/// Says by how much it is older.
pub fn may_replace(new: &Examined, old: Option<UnixMillis>) -> Result<(), Older> {
    match (new.freshness, old) {
        (Some(offered), Some(saved)) if offered < saved => Err(Older::Older { saved, offered }),
        (None, Some(_)) => Err(Older::Unknown),
        (Some(_), _) | (None, None) => Ok(()),
    }
}

/// A file without its owner.
pub(crate) struct File<'a> {
    pub(crate) path: &'a str,
    pub(crate) bytes: &'a [u8],
}

pub(crate) fn examine_files(rules: &CredentialRules, files: &[File<'_>]) -> Result<Examined, Incomplete> {
    check_bounds(files)?;
    check_names(rules, files)?;
    let mut read = Vec::new();
    for rule in &rules.files {
        match files.iter().find(|file| file.path == rule.path) {
            Some(file) => read.push((rule.path.as_str(), check_file(rule, file.bytes)?)),
            None if rule.optional => {}
            None => return Err(Incomplete::MissingFile { path: rule.path.clone() }),
        }
    }
    Ok(Examined {
        account: rules.account.as_ref().and_then(|source| account(source, &read)),
        freshness: rules.freshness.as_ref().and_then(|source| time(source, &read)),
        expires_at: rules.expires.as_ref().and_then(|source| time(source, &read)),
    })
}

fn check_bounds(files: &[File<'_>]) -> Result<(), Incomplete> {
    if files.len() > limits::MAX_CREDENTIAL_FILES {
        return Err(Incomplete::TooManyFiles { count: files.len() });
    }
    let bytes = files.iter().map(|file| file.bytes.len()).sum();
    if bytes > limits::MAX_CREDENTIAL_BYTES {
        return Err(Incomplete::TooLarge { bytes });
    }
    Ok(())
}

fn check_names(rules: &CredentialRules, files: &[File<'_>]) -> Result<(), Incomplete> {
    for (index, file) in files.iter().enumerate() {
        if !rules.files.iter().any(|rule| rule.path == file.path) {
            return Err(Incomplete::UnknownFile { number: index + 1 });
        }
        if files[..index].iter().any(|other| other.path == file.path) {
            return Err(Incomplete::Twice { path: file.path.to_owned() });
        }
    }
    Ok(())
}

fn check_file(rule: &CredentialFile, bytes: &[u8]) -> Result<Tree, Incomplete> {
    let path = || rule.path.clone();
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Incomplete::EmptyFile { path: path() });
    }
    let tree = match rule.format {
        FileFormat::Json => Tree::json(bytes).ok_or(Incomplete::Broken { path: path(), format: "JSON" })?,
        FileFormat::Toml => Tree::toml(bytes).ok_or(Incomplete::Broken { path: path(), format: "TOML" })?,
        FileFormat::Yaml => Tree::yaml(bytes).ok_or(Incomplete::Broken { path: path(), format: "YAML" })?,
        FileFormat::Opaque => Tree::nothing(),
    };
    for pointer in &rule.not_blank {
        let text = match tree.at(pointer) {
            None => return Err(Incomplete::MissingValue { path: path(), pointer: pointer.clone() }),
            Some(value) => value.as_str(),
        };
        match text {
            None => return Err(Incomplete::NotText { path: path(), pointer: pointer.clone() }),
            Some(text) if text.trim().is_empty() => {
                return Err(Incomplete::Blank { path: path(), pointer: pointer.clone() });
            }
            Some(_) => {}
        }
    }
    Ok(tree)
}

/// Runs `read` on the value that a source names.
fn value_of<T>(
    source: &ValueSource,
    files: &[(&str, Tree)],
    read: impl FnOnce(&serde_json::Value) -> Option<T>,
) -> Option<T> {
    let (_, tree) = files.iter().find(|(path, _)| *path == source.file)?;
    let value = tree.at(&source.pointer)?;
    match &source.jwt_claim {
        None => read(value),
        Some(claim) => read(Tree::jwt_claims(value.as_str()?)?.at(claim)?),
    }
}

/// The account's name as far as it can be shown. It decides nothing, so that an unreadable one is none.
fn account(source: &ValueSource, files: &[(&str, Tree)]) -> Option<String> {
    value_of(source, files, |value| value.as_str().map(str::trim).map(str::to_owned))
        .filter(|name| !name.is_empty() && name.len() <= MAX_ACCOUNT_BYTES && !name.chars().any(char::is_control))
}

fn time(source: &ValueSource, files: &[(&str, Tree)]) -> Option<UnixMillis> {
    value_of(source, files, |value| match value {
        serde_json::Value::String(text) => rfc3339(text.trim()),
        serde_json::Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)).and_then(epoch_time),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_) => None,
    })
}

/// A float's whole part, where it can be a time at all (JWT's NumericDate may have a fraction).
fn whole(number: f64) -> Option<i64> {
    // Truncation is wanted, and the range makes the conversion exact.
    (number.is_finite() && number.abs() < 1e15).then_some(number as i64)
}

/// Zero and less are what a blanked file holds, no time.
fn epoch_time(number: i64) -> Option<UnixMillis> {
    match number {
        ..=0 => None,
        1..FIRST_MILLISECONDS => Some(UnixMillis(number * 1000)),
        FIRST_MILLISECONDS.. => Some(UnixMillis(number)),
    }
}

/// Reads RFC 3339; TOML's date and time with an offset is the same grammar, so its parser serves.
fn rfc3339(text: &str) -> Option<UnixMillis> {
    let toml::value::Datetime { date, time, offset } = text.parse().ok()?;
    let (date, time, offset) = (date?, time?, offset?);
    let offset_minutes = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let minutes = days_since_1970(date) * 24 * 60 + i64::from(time.hour) * 60 + i64::from(time.minute);
    let seconds = (minutes - offset_minutes) * 60 + i64::from(time.second.unwrap_or(0));
    Some(UnixMillis(seconds * 1000 + i64::from(time.nanosecond.unwrap_or(0) / 1_000_000)))
}

/// Days from 1970-01-01 in the Gregorian calendar: years begin in March, so that the leap day is a year's last.
fn days_since_1970(date: toml::value::Date) -> i64 {
    let (year, month, day) = (i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
