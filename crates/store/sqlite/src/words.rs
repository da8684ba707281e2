//! Values as they stand in columns. Words and bodies are those of the wire, through the very same serde, so that SQL
//! and JSON can't drift apart.

use std::fmt::Display;

use anteroom_store::StoreError;
use serde::{Serialize, de::DeserializeOwned};

/// What could not be read back. Says where, never what stood there: it may be a secret.
#[derive(Debug, thiserror::Error)]
#[error("what is stored can't be read (line {line}, column {column}); was it changed by hand, or by a newer release?")]
struct Unreadable {
    line: usize,
    column: usize,
}

/// A value as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our types have text keys and no failing serializer")
}

/// A value from JSON; `action` says what was being read.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str, action: impl Display) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::new(action.to_string(), Unreadable { line: error.line(), column: error.column() }))
}

/// The word of an enum without fields.
pub(crate) fn word(value: &impl Serialize) -> String {
    to_json(value).trim_matches('"').to_owned()
}

/// A word, or an id, read back.
pub(crate) fn from_word<T: DeserializeOwned>(word: &str, action: impl Display) -> Result<T, StoreError> {
    from_json(&to_json(&word), action)
}
