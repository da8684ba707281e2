//! `anteroom providers new`: the file of a provider for any tool that signs in with a browser, from its command and the file that it
//! leaves. What can't be known is left out, with a word on how to say it.

use std::str::FromStr;

use anteroom_protocol::ProviderId;
use clap::Args;

use crate::providers::{Finding, check};

/// What has to be known of a tool.
#[derive(Args)]
pub(crate) struct NewProvider {
    /// Its id: lower-case letters, digits and hyphens.
    id: ProviderId,
    /// Its name for people; the id without this.
    #[arg(long)]
    name: Option<String>,
    /// Where it comes from: npm:NAME@VERSION or debian:NAME@VERSION.
    #[arg(long)]
    package: Package,
    /// The file that it leaves when it has signed in, below the home directory.
    #[arg(long)]
    file: String,
    /// A host whose https URLs are its sign-in page; more than once for more than one. ".example.com" takes those below too.
    #[arg(long = "host", required = true)]
    hosts: Vec<String>,
    /// Says that using the credential changes it, so that it has one run at a time.
    #[arg(long)]
    rotates: bool,
    /// The command that signs in.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// A package at a version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Package {
    source: &'static str,
    name: String,
    version: String,
}

impl FromStr for Package {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "is npm:NAME@VERSION or debian:NAME@VERSION".to_owned();
        let (source, rest) = text.split_once(':').ok_or_else(wrong)?;
        let source = ["npm", "debian"].into_iter().find(|known| *known == source).ok_or_else(wrong)?;
        // The name of an npm package may begin with an at sign.
        let (name, version) = rest.rsplit_once('@').filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
        Ok(Self { source, name: name.to_owned(), version: version.to_owned() })
    }
}

/// The file's text.
///
/// # Errors
/// What of it can't be.
pub(crate) fn text(wanted: &NewProvider) -> Result<String, Finding> {
    let Package { source, name: package, version } = &wanted.package;
    let command = list(&wanted.command);
    let program = wanted.command.first().map_or("", String::as_str);
    let text = format!(
        r#"id = {id}
name = {name}
vendor = {name}
description = "A command line."

[install]
{source} = {package}
version = {version}
commands = {commands}

[login]
url_hosts = {hosts}
timeout_seconds = 900

[[login.methods]]
kind = "desktop"
command = {command}

[[login.methods]]
kind = "paste"
command = {command}

# How it is used. Without arguments a shell is opened; `check` may be a command that ends with 0 only if the credential works, and
# `prompt` arguments with "{{prompt}}" among them.
[run]
command = {program}
open = ["bash"]

# When the file is complete: with `not_blank` pointers to what must be there, `account` and `expires` where to read these.
[credential]
settle_ms = 300
rotates = {rotates}

[[credential.files]]
path = {file}
format = {format}
"#,
        id = quoted(wanted.id.as_str()),
        name = quoted(wanted.name.as_deref().unwrap_or(wanted.id.as_str())),
        package = quoted(package),
        version = quoted(version),
        commands = list(&[program.to_owned()]),
        hosts = list(&wanted.hosts),
        program = list(&[program.to_owned()]),
        rotates = wanted.rotates,
        file = quoted(&wanted.file),
        format = quoted(format_of(&wanted.file)),
    );
    check(wanted.id.as_str(), &text)?;
    Ok(text)
}

/// How a file with this ending is read.
fn format_of(file: &str) -> &'static str {
    match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "json" => "json",
        "toml" => "toml",
        "yaml" | "yml" => "yaml",
        _ => "opaque",
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    toml::Value::from(texts.to_vec()).to_string()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wanted: NewProvider,
    }

    fn made(line: &str) -> Result<String, String> {
        let words = std::iter::once("new").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        text(&line.wanted).map_err(|finding| finding.to_string())
    }

    #[test]
    fn a_tools_command_and_file_make_a_provider() {
        let text = made(
            "acme --package npm:@acme/cli@1.2.3 --file .config/acme/auth.json --host login.acme.example --rotates \
             -- acme login --no-wait",
        );
        let provider = check("acme", &text.unwrap()).unwrap();
        assert_eq!((provider.install.package(), provider.install.version.as_str()), ("@acme/cli", "1.2.3"));
        assert_eq!(provider.login.methods[1].command, ["acme", "login", "--no-wait"]);
        assert_eq!(provider.credential.files[0].path, ".config/acme/auth.json");
        assert!(provider.credential.rotates && provider.run.is_some());
    }

    #[test]
    fn what_can_be_no_provider_is_not_made() {
        let rest = "--host login.acme.example -- acme login";
        for (line, says) in [
            (format!("acme --package acme@1 --file a.json {rest}"), "npm:NAME@VERSION"),
            (format!("acme --package npm:acme --file a.json {rest}"), "npm:NAME@VERSION"),
            (format!("acme --package debian:acme@1 --file ../a.json {rest}"), "credential.files[0].path"),
            (format!("Acme! --package debian:acme@1 --file a.json {rest}"), "Acme!"),
            ("acme --package debian:acme@1 --file a.json -- acme".to_owned(), "--host"),
            ("acme --package debian:acme@1 --file a.json --host https://x -- acme".to_owned(), "login.url_hosts[0]"),
        ] {
            let said = made(&line).unwrap_err();
            assert!(said.contains(says), "{line}: {said}");
        }
    }
}
