//! How a CLI signs in: its methods, each with its command and with what is found and typed on the CLI's terminal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::InvalidProvider;

/// How the CLI signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Environment of the CLI alone, beside what every program in the machine gets.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that are there before the CLI starts.
    #[serde(default)]
    pub files: Vec<SeedFile>,
    /// Hosts whose https URLs are taken for a sign-in URL; `.example.com` takes subdomains too.
    pub url_hosts: Vec<String>,
    /// How long a person may take from the agent's first word to the CLI's end, seconds.
    pub timeout_seconds: u32,
    /// The ways to sign in, each kind at most once; the first is the one that *Connect* takes.
    pub methods: Vec<Method>,
}

/// Where a person signs in, and how the CLI hears of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MethodKind {
    /// In the machine's own browser, on a desktop that the page shows. The CLI's callback reaches it there.
    #[default]
    Desktop,
    /// In the person's own browser, with a code that the CLI shows (RFC 8628). The machine has no desktop.
    Device,
    /// In the person's own browser, from which they bring back a code or the address of the CLI's callback. The machine
    /// has no desktop.
    Paste,
}

impl MethodKind {
    /// Whether the person sees the machine's desktop. Without one there is no offer, and the machine is a light one.
    #[must_use]
    pub fn has_desktop(self) -> bool {
        match self {
            Self::Desktop => true,
            Self::Device | Self::Paste => false,
        }
    }
}

/// One way to sign in with the CLI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Which.
    pub kind: MethodKind,
    /// Program and arguments; no shell.
    pub command: Vec<String>,
    /// Environment of this method alone; it comes after the one that all methods share.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Of `device` only, and needed there: a regular expression (in the syntax of the crate regex-lite) that finds the code on
    /// the CLI's screen; its first group, or all of it.
    #[serde(default)]
    pub code: Option<String>,
    /// What the CLI asks on its terminal before it goes on.
    #[serde(default)]
    pub replies: Vec<Reply>,
}

/// What is typed when the CLI asks something that is no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// A regular expression on the last row of the screen that is not blank. Each reply is given once.
    pub prompt: String,
    /// What is typed, and Enter after it.
    pub text: String,
}

/// One method with all that is needed to carry it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LoginPlan {
    /// The method; its environment is whole.
    pub method: Method,
    /// Files that are there before the CLI starts.
    pub files: Vec<SeedFile>,
    /// Hosts whose https URLs are taken for a sign-in URL.
    pub url_hosts: Vec<String>,
}

impl Login {
    /// The plan for one method, if the provider has it.
    #[must_use]
    pub fn plan(&self, kind: MethodKind) -> Option<LoginPlan> {
        let mut method = self.methods.iter().find(|method| method.kind == kind)?.clone();
        let own = std::mem::replace(&mut method.environment, self.environment.clone());
        method.environment.extend(own);
        Some(LoginPlan { method, files: self.files.clone(), url_hosts: self.url_hosts.clone() })
    }

    /// Its methods, in the file's order.
    pub fn kinds(&self) -> impl Iterator<Item = MethodKind> {
        self.methods.iter().map(|method| method.kind)
    }
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

impl Login {
    pub(super) fn check_methods(&self) -> Result<(), InvalidProvider> {
        if self.methods.is_empty() {
            return Err(InvalidProvider::Empty { field: "login.methods".to_owned() });
        }
        for (index, method) in self.methods.iter().enumerate() {
            let field = |name: &str| format!("login.methods[{index}].{name}");
            if self.kinds().take(index).any(|kind| kind == method.kind) {
                let problem = "is there before; each kind of method may be there once";
                return Err(InvalidProvider::Mismatch { field: field("kind"), problem });
            }
            method.check(field)?;
        }
        Ok(())
    }
}

impl Method {
    fn check(&self, field: impl Fn(&str) -> String) -> Result<(), InvalidProvider> {
        let mismatch = |problem| Err(InvalidProvider::Mismatch { field: field("code"), problem });
        if self.command.is_empty() {
            return Err(InvalidProvider::Empty { field: field("command") });
        }
        match (self.kind, &self.code) {
            (MethodKind::Device, None) => return mismatch("is missing; it says how the device code is found"),
            (MethodKind::Desktop | MethodKind::Paste, Some(_)) => return mismatch("belongs to the method device only"),
            (MethodKind::Device, Some(code)) => check_expression(code, || field("code"))?,
            (MethodKind::Desktop | MethodKind::Paste, None) => {}
        }
        for (index, reply) in self.replies.iter().enumerate() {
            check_expression(&reply.prompt, || field(&format!("replies[{index}].prompt")))?;
        }
        Ok(())
    }
}

pub(super) fn check_expression(text: &str, field: impl FnOnce() -> String) -> Result<(), InvalidProvider> {
    match regex_lite::Regex::new(text) {
        Ok(_) => Ok(()),
        Err(problem) => Err(InvalidProvider::Expression { field: field(), problem: problem.to_string() }),
    }
}
