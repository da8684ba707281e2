//! Names of things. An id is made from 128 random bits that the caller brings, and parsed before it is used,
//! so that it can stand in a path, a device name or a log line without further checks.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Crockford's base 32 in lower case: no letter that can be read as a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in base 32.
const RANDOM_CHARS: usize = 26;

/// Why a text is no id of the wanted kind. The text itself is not repeated: it may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected {expected}")]
pub struct ParseIdError {
    kind: &'static str,
    expected: &'static str,
}

fn encode(random: [u8; 16]) -> String {
    let mut bits = u128::from_be_bytes(random);
    let mut out = [0u8; RANDOM_CHARS];
    for place in out.iter_mut().rev() {
        *place = ALPHABET[(bits & 31) as usize];
        bits >>= 5;
    }
    out.iter().map(|b| char::from(*b)).collect()
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Makes an id from 128 random bits.
            #[must_use]
            pub fn from_random(random: [u8; 16]) -> Self {
                Self(format!(concat!($prefix, "{}"), encode(random)))
            }

            /// The whole id, prefix included.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let error = ParseIdError {
                    kind: $kind,
                    expected: concat!($prefix, " and 26 characters of base 32"),
                };
                let rest = text.strip_prefix($prefix).ok_or(error)?;
                if rest.len() == RANDOM_CHARS && rest.bytes().all(|b| ALPHABET.contains(&b)) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(error)
                }
            }
        }

        string_type!($name, $kind);
    };
}

macro_rules! string_type {
    ($name:ident, $kind:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                String::schema()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }
    };
}

random_id!(
    /// One sign-in.
    SessionId, "session", "ses_"
);
random_id!(
    /// One disposable machine.
    MachineId, "machine", "mac_"
);
random_id!(
    /// One sealed credential; the same through all its versions.
    CredentialId, "credential", "cre_"
);
random_id!(
    /// One person.
    UserId, "user", "usr_"
);
random_id!(
    /// One view-only connection to a session's desktop.
    ViewId, "view", "vie_"
);
random_id!(
    /// One personal token, whose value nobody knows from it.
    TokenId, "token", "tok_"
);
random_id!(
    /// One notice to somebody outside; the same each time that it is tried.
    NoticeId, "notice", "not_"
);
random_id!(
    /// A relay's handle for a page whose session does not exist yet; bound to the session with its first offer.
    TicketId, "ticket", "tic_"
);

impl MachineId {
    /// Ten characters (50 random bits) for names of devices, which Linux cuts at 15 (IFNAMSIZ).
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[self.0.len() - 10..]
    }
}

/// A provider: the `id` in its file, lower-case letters, digits and hyphens, at most 32.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(String);

impl ProviderId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !text.is_empty() && text.len() <= 32 && text.bytes().all(ok) && !text.starts_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseIdError { kind: "provider", expected: "1 to 32 of a-z, 0-9 and -" })
        }
    }
}

string_type!(ProviderId, "provider");

/// The number of a negotiation in its session: 1 for the first, one more for each next, never used again.
/// 0 stands for "none yet" in `after=0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// Before the first offer.
    pub const NONE: Self = Self(0);

    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself() {
        let id = SessionId::from_random([0xa5; 16]);
        assert_eq!(id.as_str().parse::<SessionId>(), Ok(id));
    }

    #[test]
    fn ids_that_could_leave_a_path_are_refused() {
        for text in [
            "",
            "ses_",
            "ses_../../etc/passwd-aaaaaaaaaa",
            "mac_00000000000000000000000000",
            "ses_0000000000000000000000000I",
        ] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
        for text in ["", "Codex", "a/b", "-a", "a b", &"a".repeat(33)] {
            assert!(text.parse::<ProviderId>().is_err(), "{text}");
        }
    }

    #[test]
    fn short_machine_names_fit_a_device_name_with_prefix() {
        let id = MachineId::from_random([7; 16]);
        assert!(format!("ar{}", id.short()).len() <= 15);
    }
}
