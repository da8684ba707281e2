//! Names of hosts, and lists of them: what a restricted machine may reach.
//!
//! A name is kept as DNS compares it: ASCII in small letters without the dot at the end. An internationalised name stands
//! in its ASCII form (`xn--...`), which is what programs ask for; the other form is refused, because two texts that look
//! alike would be two names.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// RFC 1035, 2.3.4: what fits into a message, written with dots.
const MAX_NAME_BYTES: usize = 253;
/// The same for what stands between two dots.
const MAX_LABEL_BYTES: usize = 63;
/// Before a name, for all names below it.
const WILDCARD: &str = "*.";

/// The name of one host: `auth.openai.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// What stands on a list: a name, or `*.openai.com` for every name below one, however far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// This host alone.
    Exactly(HostName),
    /// All hosts below this name, which is not among them.
    Below(HostName),
}

/// Why a text is no name of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// It is too long, or has a part that is empty or too long.
    #[error("a host's name has parts of 1 to 63 characters with dots between them, and 253 characters in all")]
    Length,
    /// It has a character that names don't have.
    #[error(
        "a host's name has letters of a to z, digits, '-' and '_'; write an internationalised one in its ASCII form, xn--..."
    )]
    Character,
    /// It is an address.
    #[error("an address is no host's name")]
    Address,
    /// A wildcard for a whole top-level domain, or one that does not stand first.
    #[error("a wildcard stands first and before a name of at least two parts, as in *.example.com")]
    Wildcard,
}

impl HostName {
    /// As it is written in small letters, without the dot at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parts(&self) -> usize {
        self.0.split('.').count()
    }
}

impl FromStr for HostName {
    type Err = InvalidHost;
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let part = |part: &str| (1..=MAX_LABEL_BYTES).contains(&part.len());
        if name.len() > MAX_NAME_BYTES || !name.split('.').all(part) {
            return Err(InvalidHost::Length);
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
            return Err(InvalidHost::Character);
        }
        // No top-level domain has digits alone (RFC 3696, 2), and an address has.
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(InvalidHost::Address);
        }
        Ok(Self(name.to_ascii_lowercase()))
    }
}

impl HostPattern {
    /// Whether a host is on the list by this.
    #[must_use]
    pub fn covers(&self, host: &HostName) -> bool {
        match self {
            Self::Exactly(name) => host == name,
            Self::Below(name) => host.0.strip_suffix(&name.0).is_some_and(|before| before.ends_with('.')),
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        match text.strip_prefix(WILDCARD) {
            Some(rest) if rest.contains('*') => Err(InvalidHost::Wildcard),
            Some(rest) => {
                let name: HostName = rest.parse()?;
                if name.parts() < 2 { Err(InvalidHost::Wildcard) } else { Ok(Self::Below(name)) }
            }
            None if text.contains('*') => Err(InvalidHost::Wildcard),
            None => text.parse().map(Self::Exactly),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => name.fmt(f),
            Self::Below(name) => write!(f, "{WILDCARD}{name}"),
        }
    }
}

impl TryFrom<String> for HostName {
    type Error = InvalidHost;
    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl TryFrom<String> for HostPattern {
    type Error = InvalidHost;
    fn try_from(text: String) -> Result<Self, InvalidHost> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().unwrap().covers(&host.parse().unwrap())
    }

    #[test]
    fn a_name_covers_itself_however_it_is_written_and_nothing_else() {
        for same in ["auth.openai.com", "AUTH.OpenAI.com", "auth.openai.com."] {
            assert!(covers("auth.openai.com", same) && covers(same, "auth.openai.com"), "{same}");
        }
        for other in ["openai.com", "x.auth.openai.com", "auth.openai.com.evil.example", "auth-openai.com"] {
            assert!(!covers("auth.openai.com", other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_covers_what_is_below_its_name_and_not_the_name() {
        for below in ["auth.openai.com", "a.b.openai.com", "A.OPENAI.COM."] {
            assert!(covers("*.openai.com", below), "{below}");
        }
        for other in ["openai.com", "notopenai.com", "openai.com.evil.example", "com"] {
            assert!(!covers("*.openai.com", other), "{other}");
        }
    }

    #[test]
    fn an_internationalised_name_stands_in_its_ascii_form() {
        assert!(covers("*.xn--bcher-kva.example", "www.XN--BCHER-KVA.example"));
        assert_eq!("bücher.example".parse::<HostPattern>(), Err(InvalidHost::Character));
        assert_eq!("\u{430}uth.openai.com".parse::<HostName>(), Err(InvalidHost::Character), "a Cyrillic letter");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}example", "abcdefg.".repeat(31));
        for (text, why) in [
            ("", InvalidHost::Length),
            (".", InvalidHost::Length),
            ("a..b", InvalidHost::Length),
            ("a.b..", InvalidHost::Length),
            (&long, InvalidHost::Length),
            (&longer, InvalidHost::Length),
            ("a b.example", InvalidHost::Character),
            ("a/b.example", InvalidHost::Character),
            ("a.example:443", InvalidHost::Character),
            ("93.184.216.34", InvalidHost::Address),
            ("1.2.3.4.", InvalidHost::Address),
        ] {
            assert_eq!(text.parse::<HostName>(), Err(why), "{text}");
        }
        for wrong in ["*", "*.com", "*.*.example.com", "a.*.example.com", "*example.com", "*."] {
            assert!(wrong.parse::<HostPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pattern_reads_back_as_it_was_written() {
        for text in ["auth.openai.com", "*.openai.com"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
            let json = format!("\"{text}\"");
            assert_eq!(serde_json::to_string(&serde_json::from_str::<HostPattern>(&json).unwrap()).unwrap(), json);
        }
    }
}
