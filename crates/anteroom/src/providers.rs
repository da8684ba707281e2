//! Providers' files from outside: which there are, and what is wrong with one, by line and key. Never reads what the files
//! speak of.

use std::{fmt, ops::Range};

use anteroom_protocol::provider::Provider;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Its line, 1 for the first.
    line: usize,
    /// The key's whole path, as in `login.files[0].path`; empty when the text is no TOML.
    key: String,
    problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, key, problem } = self;
        if key.is_empty() { write!(out, "{line}: {problem}") } else { write!(out, "{line}: {key}: {problem}") }
    }
}

/// Reads a provider's file. `name` is the file's, without its ending; the id must be the same.
pub(crate) fn check(name: &str, text: &str) -> Result<Provider, Finding> {
    let places = Places::of(text);
    let provider: Provider = toml::from_str(text).map_err(|error| {
        let at = error.span().unwrap_or_default();
        Finding { line: line_of(text, at.start), key: places.key_at(&at), problem: error.message().to_owned() }
    })?;
    let wrong = |key: &str, problem: String| Finding {
        line: line_of(text, places.place_of(key)),
        key: key.to_owned(),
        problem,
    };
    if provider.id.as_str() != name {
        return Err(wrong("id", format!("the file is {name}.toml; the id and the file's name must be the same")));
    }
    provider.check().map_err(|error| {
        let said = error.to_string();
        let (key, problem) = said.split_once(": ").unwrap_or(("", &said));
        wrong(key, problem.to_owned())
    })?;
    Ok(provider)
}

fn line_of(text: &str, place: usize) -> usize {
    1 + text.bytes().take(place).filter(|byte| *byte == b'\n').count()
}

/// Where each key stands: its path, and the bytes of the key and of its value.
struct Places(Vec<(String, Range<usize>, Range<usize>)>);

impl Places {
    fn of(text: &str) -> Self {
        let mut places = Vec::new();
        if let Ok(table) = DeTable::parse(text) {
            note_table("", table.get_ref(), &mut places);
        }
        Self(places)
    }

    /// The key whose value, or whose own words, a place is in: the innermost. What lies in no key is the whole file's.
    fn key_at(&self, at: &Range<usize>) -> String {
        let holds = |range: &&Range<usize>| range.contains(&at.start);
        let around = self.0.iter().filter_map(|(key, own, value)| {
            let sizes = [own, value].into_iter().filter(holds).map(Range::len);
            sizes.min().map(|size| (size, key))
        });
        around.min().map_or_else(String::new, |(_, key)| key.clone())
    }

    /// Where a key stands, or else the nearest that is there of those around it.
    fn place_of(&self, key: &str) -> usize {
        let mut key = key;
        loop {
            if let Some((_, own, _)) = self.0.iter().find(|(path, ..)| path == key) {
                return own.start;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 0,
            }
        }
    }
}

fn note_table(path: &str, table: &DeTable<'_>, places: &mut Vec<(String, Range<usize>, Range<usize>)>) {
    for (key, value) in table {
        let path = if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) };
        places.push((path.clone(), key.span(), value.span()));
        note_value(&path, value, places);
    }
}

fn note_value(path: &str, value: &Spanned<DeValue<'_>>, places: &mut Vec<(String, Range<usize>, Range<usize>)>) {
    if let Some(table) = value.get_ref().as_table() {
        note_table(path, table, places);
    }
    for (index, item) in value.get_ref().as_array().into_iter().flatten().enumerate() {
        let path = format!("{path}[{index}]");
        places.push((path.clone(), item.span(), item.span()));
        note_value(&path, item, places);
    }
}

#[cfg(test)]
#[path = "providers_tests.rs"]
mod tests;
