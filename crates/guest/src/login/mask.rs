//! Takes out of a CLI's last words what must not leave the machine: URLs and whatever looks like a token.

use anteroom_protocol::limits;

/// Words from this length on are masked when they mix letters and digits: shorter are versions and file names.
const TOKEN_CHARS: usize = 16;
/// Words from this length on are masked whatever they are made of; the longest word of plain text is shorter.
const LONG_CHARS: usize = 32;
/// Names whose values are masked, however short.
const SECRET_NAMES: [&str; 7] = ["token", "secret", "password", "code", "state", "key", "verifier"];

/// The last rows that are not blank, masked, within the limit of a report's detail.
#[must_use]
pub fn masked_tail(rows: &[String], count: usize) -> String {
    let used: Vec<&String> = rows.iter().filter(|row| !row.trim().is_empty()).collect();
    let tail: Vec<String> = used[used.len().saturating_sub(count)..].iter().map(|row| mask(row.trim_end())).collect();
    let text = tail.join("\n");
    let mut start = text.len().saturating_sub(limits::MAX_DETAIL_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    text[start..].to_owned()
}

/// The beginning of a text, within the limit of a report's detail.
#[must_use]
pub fn cut(mut text: String) -> String {
    let mut end = text.len().min(limits::MAX_DETAIL_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// One line without URLs and token-like words.
#[must_use]
pub fn mask(line: &str) -> String {
    let mut out = String::new();
    let mut secret_follows = false;
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let blank = &word[bare.len()..];
        if bare.is_empty() {
            out.push_str(blank);
            continue;
        }
        if secret_follows {
            out.push_str("[masked]");
        } else {
            out.push_str(&mask_word(bare));
        }
        out.push_str(blank);
        secret_follows = bare.ends_with([':', '=']) && names_a_secret(bare.trim_end_matches([':', '=']));
    }
    out
}

fn mask_word(word: &str) -> String {
    if let Some(scheme) = word.find("://") {
        // Whatever stands before the scheme may be a character of several bytes: an arrow, a bullet, a border.
        let before = word[..scheme].char_indices().rfind(|(_, c)| !c.is_ascii_alphanumeric());
        let start = before.map_or(0, |(at, c)| at + c.len_utf8());
        return format!("{}[URL]", &word[..start]);
    }
    if let Some((name, value)) = word.split_once(['=', ':'])
        && !value.is_empty()
        && names_a_secret(name)
    {
        return format!("{name}=[masked]");
    }
    let parts = word.split_inclusive(|c: char| !in_token(c));
    parts
        .map(
            |part| {
                if is_token_like(part.trim_end_matches(|c| !in_token(c))) { masked_part(part) } else { part.to_owned() }
            },
        )
        .collect()
}

/// A masked part with the punctuation that ended it.
fn masked_part(part: &str) -> String {
    let end = part.trim_end_matches(|c| !in_token(c)).len();
    format!("[masked]{}", &part[end..])
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}

fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+=%".contains(c)
}

fn is_token_like(word: &str) -> bool {
    let has = |what: fn(&char) -> bool| word.chars().any(|c| what(&c));
    let mixed = has(char::is_ascii_alphabetic) && has(char::is_ascii_digit);
    word.len() >= LONG_CHARS || (word.len() >= TOKEN_CHARS && mixed) || is_device_code(word)
}

/// Two groups of four to six capitals or digits, as CLIs show them to be typed on another device.
fn is_device_code(word: &str) -> bool {
    let group = |text: &str| {
        (4..=6).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    word.split_once('-').is_some_and(|(first, second)| group(first) && group(second))
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
