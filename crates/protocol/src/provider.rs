//! A provider's file: how its CLI is installed, signs in, and what its credential is.
//!
//! Nothing about a provider stands in Rust: all of it is in `providers/<id>.toml`, in these shapes. Paths are
//! relative to the home directory in the machine and never leave it; `{home}` in a value stands for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{HostName, HostPattern, InvalidHost, ProviderId};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Its id; the file is named after it.
    pub id: ProviderId,
    /// Its name for people: "Codex".
    pub name: String,
    /// Who runs it: "OpenAI".
    pub vendor: String,
    /// One sentence for the card.
    pub description: String,
    /// What its sign-in reaches beside `login.url_hosts`, where machines are restricted: the provider's own hosts, and those
    /// that its pages load from. `*.example.com` is all below a name.
    #[serde(default)]
    pub hosts: Vec<HostPattern>,
    /// How it gets into the image.
    pub install: Install,
    /// How it signs in.
    pub login: Login,
    /// What proves the sign-in.
    pub credential: CredentialRules,
}

/// A package of the npm registry at an exact version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The package's name.
    pub npm: String,
    /// Its exact version.
    pub version: String,
    /// The commands that it brings onto the PATH.
    pub commands: Vec<String>,
}

/// How the CLI signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Environment of the CLI alone, beside what every program in the machine gets.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that are there before the CLI starts.
    #[serde(default)]
    pub files: Vec<SeedFile>,
    /// Hosts whose https URLs are taken for a sign-in URL; `.example.com` takes subdomains too.
    pub url_hosts: Vec<String>,
    /// How long a person may take from the desktop's first picture to the CLI's end, seconds.
    pub timeout_seconds: u32,
}

/// A file that is written before the CLI starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SeedFile {
    /// Relative to the home directory.
    pub path: String,
    /// Its text.
    pub content: String,
}

/// What the credential is and when it is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CredentialRules {
    /// Its files. All that are not optional must be there.
    pub files: Vec<CredentialFile>,
    /// How long the files must stay unchanged after the CLI's end, milliseconds.
    pub settle_ms: u32,
    /// Whether using it changes it (single-use refresh tokens), so that it has one holder at a time.
    pub rotates: bool,
    /// Where to read whose account it is, for the card.
    #[serde(default)]
    pub account: Option<ValueSource>,
    /// Where to read how new it is: a time as RFC 3339 text, or as a number of seconds or milliseconds.
    #[serde(default)]
    pub freshness: Option<ValueSource>,
}

/// One file of a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CredentialFile {
    /// Relative to the home directory.
    pub path: String,
    /// How it is read for the rules.
    pub format: FileFormat,
    /// JSON pointers (RFC 6901) whose values must be texts that are not blank. TOML is read as the same tree.
    #[serde(default)]
    pub not_blank: Vec<String>,
    /// Whether the credential is whole without it.
    #[serde(default)]
    pub optional: bool,
}

/// How a credential's file is read for the rules. Its bytes are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// RFC 8259.
    Json,
    /// TOML 1.0.
    Toml,
    /// Any bytes; only emptiness is checked.
    Opaque,
}

/// A value in a credential's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ValueSource {
    /// The file's path, one of the rules' files.
    pub file: String,
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    /// When the value is a JSON Web Token: the JSON pointer into its claims. The signature is not checked: the
    /// value is shown and compared, and decides nothing about access.
    #[serde(default)]
    pub jwt_claim: Option<String>,
}

/// Why a provider's file is refused though it parses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProvider {
    /// A path leaves the home directory, or is none.
    #[error("{field}: the path must be relative, without '..' and not empty")]
    Path {
        /// Which.
        field: String,
    },
    /// A list that must not be empty is.
    #[error("{field}: must not be empty")]
    Empty {
        /// Which.
        field: String,
    },
    /// A host's name is none.
    #[error("{field}: {problem}")]
    Host {
        /// Which.
        field: String,
        /// What is wrong.
        problem: InvalidHost,
    },
    /// A value source names a file that is none of the credential's.
    #[error("{field}: names a file that is not in credential.files")]
    UnknownFile {
        /// Which.
        field: String,
    },
}

impl Provider {
    /// All hosts that its sign-in reaches.
    pub fn all_hosts(&self) -> impl Iterator<Item = HostPattern> {
        let of_urls = self.login.url_hosts.iter().filter_map(|host| url_host(host).ok()).flatten();
        self.hosts.iter().cloned().chain(of_urls)
    }

    /// Checks what the shapes alone can't say.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidProvider> {
        let not_empty = |field: &str, empty: bool| {
            if empty { Err(InvalidProvider::Empty { field: field.to_owned() }) } else { Ok(()) }
        };
        not_empty("login.command", self.login.command.is_empty())?;
        not_empty("login.url_hosts", self.login.url_hosts.is_empty())?;
        not_empty("credential.files", self.credential.files.is_empty())?;
        for (index, host) in self.login.url_hosts.iter().enumerate() {
            url_host(host)
                .map_err(|problem| InvalidProvider::Host { field: format!("login.url_hosts[{index}]"), problem })?;
        }
        for (index, file) in self.login.files.iter().enumerate() {
            check_path(&file.path, || format!("login.files[{index}].path"))?;
        }
        for (index, file) in self.credential.files.iter().enumerate() {
            check_path(&file.path, || format!("credential.files[{index}].path"))?;
        }
        for (field, source) in
            [("credential.account", &self.credential.account), ("credential.freshness", &self.credential.freshness)]
        {
            if let Some(source) = source
                && !self.credential.files.iter().any(|file| file.path == source.file)
            {
                return Err(InvalidProvider::UnknownFile { field: field.to_owned() });
            }
        }
        Ok(())
    }
}

/// `.example.com` is a name and all below it.
fn url_host(text: &str) -> Result<Vec<HostPattern>, InvalidHost> {
    match text.strip_prefix('.') {
        Some(rest) => {
            let name: HostName = rest.parse()?;
            Ok(vec![HostPattern::Exactly(name.clone()), HostPattern::Below(name)])
        }
        None => Ok(vec![HostPattern::Exactly(text.parse()?)]),
    }
}

fn check_path(path: &str, field: impl FnOnce() -> String) -> Result<(), InvalidProvider> {
    let good = !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if good { Ok(()) } else { Err(InvalidProvider::Path { field: field() }) }
}
