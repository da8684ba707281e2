//! Takes out of a machine's log what must not outlive the machine: tokens, authorization codes, queries of URLs, private
//! keys, cookies, and characters that would play with the terminal of whoever reads it. Pure.
//!
//! The machine writes the log, and may write anything: nothing here can tell all secrets from all words, so that what could
//! be one is masked, and ordinary words, file names, numbers and our own ids stay. The agent masks what it quotes of other
//! programs already (its `login::mask`); this is the second net, for whatever comes by another way.

/// Stands where something was.
const MASKED: &str = "[masked]";
/// A PEM block has fewer lines (RSA with 4096 bits: 52); what never ends must not take the rest of the log with it.
const MAX_PEM_LINES: usize = 128;
/// Names whose values are masked, as ends of longer names in any case.
const SECRET_NAMES: [&str; 14] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "code",
    "state",
    "key",
    "verifier",
    "assertion",
    "credential",
    "credentials",
    "cookie",
    "otp",
];
/// Headers whose whole value is masked.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Beginnings by which issuers make their secrets known.
const KNOWN_BEGINNINGS: [&str; 13] =
    ["eyJ", "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "AKIA", "AIza", "ya29.", "glpat-"];
/// Beginnings of our own ids, which name things and open nothing.
const OWN_IDS: [&str; 6] = ["ses_", "mac_", "cre_", "usr_", "vie_", "tic_"];
/// 128 random bits in our ids' base 32.
const OWN_ID_CHARS: usize = 26;
/// Pieces from this length on are masked when they mix letters and digits.
const TOKEN_CHARS: usize = 16;
/// The longest plain piece of letters is shorter.
const LONG_CHARS: usize = 40;

/// The same text, line for line, without what looks like a secret.
pub(crate) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pem_lines = 0;
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        if pem_lines > 0 {
            pem_lines = if body.contains("-----END") { 0 } else { pem_lines - 1 };
            continue;
        }
        let begins = body.find("-----BEGIN ");
        mask_line(&body[..begins.unwrap_or(body.len())], &mut out);
        if let Some(at) = begins {
            out.push_str(MASKED);
            pem_lines = if body[at..].contains("-----END") { 0 } else { MAX_PEM_LINES };
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn mask_line(line: &str, out: &mut String) {
    let line = line.replace(|c: char| c.is_control() && c != '\t', " ");
    let mut announced = None;
    for word in line.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        if bare.is_empty() {
            out.push_str(word);
            continue;
        }
        if names_a_header(bare) {
            out.push_str(bare);
            out.push(' ');
            return out.push_str(MASKED);
        }
        match announced {
            Some(name) if bare.contains(in_piece) && !is_plain_value(name, bare.trim_matches(|c| !in_piece(c))) => {
                out.push_str(MASKED);
            }
            Some(_) | None => mask_word(bare, out),
        }
        out.push_str(&word[bare.len()..]);
        announced = announces_a_secret(bare).or(announced.filter(|_| !bare.contains(in_piece)));
    }
}

/// `Authorization:`, also behind a quote or a bracket.
fn names_a_header(word: &str) -> bool {
    let Some(name) = word.strip_suffix([':', '=']) else { return false };
    let name = name.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
    SECRET_HEADERS.contains(&name.as_str())
}

/// `token:` and `Bearer`, whose secret is the next word; the name.
fn announces_a_secret(word: &str) -> Option<&str> {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphabetic());
    let is_scheme = ["bearer", "basic"].iter().any(|scheme| bare.eq_ignore_ascii_case(scheme));
    (is_scheme || (word.ends_with([':', '=']) && names_a_secret(bare))).then_some(bare)
}

/// A word may hold URLs, and what stands before and behind them.
fn mask_word(word: &str, out: &mut String) {
    let mut rest = word;
    while let Some(colon) = rest.find("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
        let before = rest[..colon].char_indices().rfind(|(_, c)| !is_scheme(*c));
        let begin = before.map_or(0, |(at, c)| at + c.len_utf8());
        mask_pieces(&rest[..begin], out);
        let end = rest[colon..].find(['"', '\'', '`', '<', '>', '|', '\\']).map_or(rest.len(), |at| colon + at);
        mask_url(&rest[begin..colon], &rest[colon + 3..end], out);
        rest = &rest[end..];
    }
    mask_pieces(rest, out);
}

/// Where to stays: host and path, piece by piece. With what does not: user, query, fragment.
fn mask_url(scheme: &str, rest: &str, out: &mut String) {
    out.push_str(scheme);
    out.push_str("://");
    let query = rest.find(['?', '#']);
    let path = &rest[..query.unwrap_or(rest.len())];
    let host_end = path.find('/').unwrap_or(path.len());
    if let Some(user_end) = path[..host_end].rfind('@') {
        out.push_str(MASKED);
        mask_pieces(&path[user_end..], out);
    } else {
        mask_pieces(path, out);
    }
    if let Some(at) = query {
        out.push_str(&rest[at..=at]);
        out.push_str(MASKED);
    }
}

/// Names, values and tokens, with whatever stands between them.
fn mask_pieces(text: &str, out: &mut String) {
    let mut name = "";
    let mut rest = text;
    while !rest.is_empty() {
        let gap = rest.find(in_piece).unwrap_or(rest.len());
        let (between, tail) = rest.split_at(gap);
        let (piece, tail) = tail.split_at(tail.find(|c| !in_piece(c)).unwrap_or(tail.len()));
        out.push_str(between);
        let is_value = between.contains(['=', ':']) && names_a_secret(name) && !is_plain_value(name, piece);
        if is_value && !piece.is_empty() {
            out.push_str(MASKED);
        } else {
            mask_piece(piece, out);
        }
        (name, rest) = (piece, tail);
    }
}

/// Of a path or a dotted name only the part that looks random goes.
fn mask_piece(piece: &str, out: &mut String) {
    if is_own_id(piece) {
        return out.push_str(piece);
    }
    if is_token(piece) {
        return out.push_str(MASKED);
    }
    for part in piece.split_inclusive(['/', '.']) {
        let bare = part.trim_end_matches(['/', '.']);
        out.push_str(if is_random(bare) { MASKED } else { bare });
        out.push_str(&part[bare.len()..]);
    }
}

fn in_piece(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.~+%/".contains(c)
}

fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.ends_with(secret))
}

/// Exit codes, states of our own and names of errors say why something failed.
fn is_plain_value(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_number = value.len() <= 3 && value.bytes().all(|b| b.is_ascii_digit());
    let is_nothing = ["masked", MASKED, "null", "none", "None", "true", "false"].contains(&value);
    let is_named = value.len() <= 32 && value.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-');
    let lower = |b: u8| !b.is_ascii_uppercase();
    let in_words =
        value.bytes().skip(1).all(lower) || (value.contains('_') && !value.bytes().any(|b| b.is_ascii_lowercase()));
    let says_why = name.ends_with("code") || name.ends_with("state");
    is_number || is_nothing || (says_why && is_named && in_words)
}

fn is_token(piece: &str) -> bool {
    let is_known = piece.len() > 8 && KNOWN_BEGINNINGS.iter().any(|beginning| piece.starts_with(beginning));
    is_known || is_base64(piece) || is_device_code(piece)
}

fn is_own_id(piece: &str) -> bool {
    let random = OWN_IDS.iter().find_map(|beginning| piece.strip_prefix(beginning));
    random.is_some_and(|random| {
        random.len() == OWN_ID_CHARS && random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// A line of a key without its head, and the like.
fn is_base64(piece: &str) -> bool {
    let has = |what: fn(&u8) -> bool| piece.bytes().any(|b| what(&b));
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    piece.len() >= LONG_CHARS && mixed && !piece.contains(['.', '-', '_', '~', '%'])
}

/// Long, and letters and digits mixed in one stretch: a version, a date and a hyphenated name have short stretches.
fn is_random(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let letters = part.bytes().any(|b| b.is_ascii_alphabetic());
    let longest = part.split(|c: char| !c.is_ascii_alphanumeric()).map(str::len).max().unwrap_or(0);
    part.len() >= LONG_CHARS || (part.len() >= TOKEN_CHARS && letters && digits >= 3 && longest >= 8)
}

/// Two groups of capitals and digits, as CLIs show them to be typed on another device.
fn is_device_code(piece: &str) -> bool {
    let group = |text: &str| {
        (4..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let has_letter = piece.bytes().any(|b| b.is_ascii_uppercase());
    has_letter && piece.split_once('-').is_some_and(|(first, second)| group(first) && group(second))
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
