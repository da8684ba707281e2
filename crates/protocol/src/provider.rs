//! A provider's file: how its CLI is installed, signs in, and what its credential is.
//!
//! Nothing about a provider stands in Rust: all of it is in `providers/<id>.toml`, in these shapes. Paths are
//! relative to the home directory in the machine and never leave it; `{home}` in a value stands for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod login;

pub use login::{Login, LoginPlan, Method, MethodKind, Reply, SeedFile};

use crate::{
    HostName, HostPattern, InvalidHost, ProviderId,
    guest::RunPlan,
    terminal::{Background, TerminalSize},
};

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
    /// How it is used; without it, it can be connected and no more.
    #[serde(default)]
    pub run: Option<Run>,
}

/// How the CLI is used with its credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Program and arguments; no shell. A run's own arguments come after them.
    pub command: Vec<String>,
    /// What a run without arguments runs instead: a shell, where the command alone shows nothing but its help.
    #[serde(default)]
    pub open: Option<Vec<String>>,
    /// The arguments with which it answers one prompt and ends; the prompt stands in the place of [`PROMPT`]. One that begins
    /// with a hyphen must not be taken for an option.
    #[serde(default)]
    pub prompt: Option<Vec<String>>,
    /// Program and arguments that end with 0 only if the credential works, as far as the CLI can tell.
    #[serde(default)]
    pub check: Option<Vec<String>>,
    /// Environment of runs alone; it comes after the one of `login.environment`.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Variables whose values are files of the credential, each by its path.
    #[serde(default)]
    pub environment_files: BTreeMap<String, String>,
}

/// Stands in `run.prompt` for the prompt.
pub const PROMPT: &str = "{prompt}";

impl Run {
    /// The arguments of a run that answers this prompt; `None` when the CLI takes none.
    #[must_use]
    pub fn prompt_arguments(&self, prompt: &str) -> Option<Vec<String>> {
        Some(self.prompt.as_ref()?.iter().map(|argument| argument.replace(PROMPT, prompt)).collect())
    }
}

/// A package at an exact version: of the npm registry, or of Debian. Exactly one of both is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Install {
    /// The npm package's name.
    #[serde(default)]
    pub npm: Option<String>,
    /// The Debian package's name.
    #[serde(default)]
    pub debian: Option<String>,
    /// Its exact version.
    pub version: String,
    /// The commands that it brings onto the PATH.
    pub commands: Vec<String>,
}

impl Install {
    /// The package's name, whoever publishes it.
    #[must_use]
    pub fn package(&self) -> &str {
        self.npm.as_deref().or(self.debian.as_deref()).unwrap_or_default()
    }
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
    /// Where to read when it was issued or last refreshed: a time as RFC 3339 text, or as a number of seconds or milliseconds.
    /// Never an expiry: a token that lives shorter than the one before is not older.
    #[serde(default)]
    pub freshness: Option<ValueSource>,
    /// Where to read when it stops working for good, a time in the same forms. Not for what the CLI renews by itself.
    #[serde(default)]
    pub expires: Option<ValueSource>,
    /// How many days it works from its sign-in, where it does not say so itself.
    #[serde(default)]
    pub lifetime_days: Option<u32>,
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
    /// JSON pointers (RFC 6901) whose values must be texts that are not blank. TOML and YAML are read as the same tree.
    #[serde(default)]
    pub not_blank: Vec<String>,
    /// Whether the credential is whole without it.
    #[serde(default)]
    pub optional: bool,
    /// For what the CLI only shows: a regular expression (in the syntax of the crate regex-lite) that finds the file's content on the
    /// CLI's screen at its good end, rows with line ends between them; its first group counts, or all of it.
    #[serde(default)]
    pub screen: Option<String>,
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
    /// YAML 1.2, one document.
    Yaml,
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
    /// Two fields contradict each other, or one that belongs to the other is missing.
    #[error("{field}: {problem}")]
    Mismatch {
        /// Which.
        field: String,
        /// What is wrong and what is taken.
        problem: &'static str,
    },
    /// A regular expression is none.
    #[error("{field}: is no regular expression: {problem}")]
    Expression {
        /// Which.
        field: String,
        /// What its parser says.
        problem: String,
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

    /// The plan of a run with these arguments; none when the provider has no runs.
    #[must_use]
    pub fn run_plan(&self, arguments: &[String], size: TerminalSize, terminal: bool) -> Option<RunPlan> {
        let run = self.run.as_ref()?;
        let command = match &run.open {
            Some(open) if arguments.is_empty() => open.clone(),
            Some(_) | None => run.command.iter().chain(arguments).cloned().collect(),
        };
        Some(self.plan_of(run, command, size, terminal))
    }

    /// What a machine needs to check the credential; `None` when the provider's file does not say how.
    #[must_use]
    pub fn check_plan(&self, size: TerminalSize) -> Option<RunPlan> {
        let run = self.run.as_ref()?;
        let mut plan = self.plan_of(run, run.check.clone()?, size, true);
        // Nobody is there to be asked: without it Wrangler begins to sign in when it finds that it is not.
        plan.environment.insert("CI".to_owned(), "true".to_owned());
        Some(plan)
    }

    fn plan_of(&self, run: &Run, command: Vec<String>, size: TerminalSize, terminal: bool) -> RunPlan {
        let mut environment = self.login.environment.clone();
        environment.extend(run.environment.clone());
        RunPlan {
            command,
            environment,
            files: self.login.files.clone(),
            size,
            background: Background::default(),
            terminal,
            writes_back: self.credential.rotates,
            environment_files: run.environment_files.clone(),
        }
    }

    /// Checks what the shapes alone can't say.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn check(&self) -> Result<(), InvalidProvider> {
        let not_empty = |field: &str, empty: bool| {
            if empty { Err(InvalidProvider::Empty { field: field.to_owned() }) } else { Ok(()) }
        };
        self.install.check()?;
        self.login.check_methods()?;
        not_empty("login.url_hosts", self.login.url_hosts.is_empty())?;
        not_empty("credential.files", self.credential.files.is_empty())?;
        if let Some(run) = &self.run {
            not_empty("run.command", run.command.is_empty())?;
            not_empty("run.open", run.open.as_ref().is_some_and(Vec::is_empty))?;
            not_empty("run.check", run.check.as_ref().is_some_and(Vec::is_empty))?;
            if run.prompt.as_ref().is_some_and(|prompt| !prompt.iter().any(|argument| argument.contains(PROMPT))) {
                let problem = "has no {prompt}, where the prompt would stand";
                return Err(InvalidProvider::Mismatch { field: "run.prompt".to_owned(), problem });
            }
        }
        for (index, host) in self.login.url_hosts.iter().enumerate() {
            url_host(host)
                .map_err(|problem| InvalidProvider::Host { field: format!("login.url_hosts[{index}]"), problem })?;
        }
        for (index, file) in self.login.files.iter().enumerate() {
            check_path(&file.path, || format!("login.files[{index}].path"))?;
        }
        for (index, file) in self.credential.files.iter().enumerate() {
            check_path(&file.path, || format!("credential.files[{index}].path"))?;
            if let Some(screen) = &file.screen {
                login::check_expression(screen, || format!("credential.files[{index}].screen"))?;
            }
        }
        for (name, path) in self.run.iter().flat_map(|run| &run.environment_files) {
            if !self.credential.files.iter().any(|file| file.path == *path) {
                return Err(InvalidProvider::UnknownFile { field: format!("run.environment_files.{name}") });
            }
        }
        for (field, source) in [
            ("credential.account", &self.credential.account),
            ("credential.freshness", &self.credential.freshness),
            ("credential.expires", &self.credential.expires),
        ] {
            if let Some(source) = source
                && !self.credential.files.iter().any(|file| file.path == source.file)
            {
                return Err(InvalidProvider::UnknownFile { field: field.to_owned() });
            }
        }
        Ok(())
    }
}

impl Install {
    fn check(&self) -> Result<(), InvalidProvider> {
        let mismatch = |problem| Err(InvalidProvider::Mismatch { field: "install".to_owned(), problem });
        match (&self.npm, &self.debian) {
            (Some(_), Some(_)) => mismatch("names npm and debian; a package comes from one of them"),
            (None, None) => mismatch("names neither npm nor debian; say which package it is"),
            (Some(_), None) | (None, Some(_)) => Ok(()),
        }
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
