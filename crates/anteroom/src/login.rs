//! `anteroom login`: which server the commands ask, and the token that opens it, in a file that only its user reads.

use std::{
    env, fs, io,
    io::{BufRead as _, IsTerminal as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anteroom_controller::Token;
use anteroom_protocol::Secret;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::{CallError, Server};

/// The longest line that is read as a token.
const MAX_LINE_BYTES: u64 = 4096;

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// There is no home directory to keep it in.
    #[error("neither XDG_CONFIG_HOME nor HOME is set; there is no place for a login")]
    NoHome,
    /// The file can't be read or written.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What was said.
        #[source]
        source: io::Error,
    },
    /// The file is none of this program's.
    #[error("{} can't be read as a login; log in again", .0.display())]
    Unreadable(PathBuf),
    /// What was typed can't be a token.
    #[error("this is no token; `anteroom token` on the server prints one")]
    NoToken,
    /// The server was asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    server: String,
    token: Secret<String>,
}

/// Where it is kept.
///
/// # Errors
/// There is no home directory.
pub(crate) fn file() -> Result<PathBuf, LoginError> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    Ok(directory.ok_or(LoginError::NoHome)?.join("anteroom/login.toml"))
}

/// The server that was logged in to; none when there is no login.
///
/// # Errors
/// The file is there and can't be read.
pub(crate) fn server(file: &Path) -> Result<Option<Server>, LoginError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => Secret::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoginError::File { action: "reading", path: file.to_owned(), source }),
    };
    let unreadable = || LoginError::Unreadable(file.to_owned());
    let kept: Kept = toml::from_str(text.expose()).map_err(|_| unreadable())?;
    let token = Token::received(kept.token.expose()).ok_or_else(unreadable)?;
    Ok(Some(Server::at(&kept.server, token)?))
}

/// Asks for a token, tries it on the server, and keeps both.
///
/// # Errors
/// The token opens nothing there, or the file can't be written.
pub(crate) async fn log_in(address: &str, file: &Path) -> Result<(), LoginError> {
    let token = read_token().map_err(|source| LoginError::File {
        action: "reading the token from",
        path: "the standard input".into(),
        source,
    })?;
    let token = Token::received(token.expose().trim()).ok_or(LoginError::NoToken)?;
    let server = Server::at(address, token.clone())?;
    let _: Value = server.read(Method::GET, "/api/me").await?;
    keep(file, &Kept { server: server.origin().to_string(), token: token.secret() })
        .map_err(|source| LoginError::File { action: "writing", path: file.to_owned(), source })
}

/// Typed unseen at a terminal, else the first line.
fn read_token() -> io::Result<Secret<String>> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Token (`anteroom token` on the server prints one): ").map(Secret::new);
    }
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), MAX_LINE_BYTES).read_line(&mut line)?;
    Ok(Secret::new(line))
}

/// In place of an older one, whole or not at all.
fn keep(file: &Path, kept: &Kept) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let text = Secret::new(toml::to_string(kept).map_err(io::Error::other)?);
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut writer = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    writer.write_all(text.expose().as_bytes())?;
    writer.sync_all()?;
    fs::rename(&partial, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn kept(server: &str) -> Kept {
        Kept { server: server.to_owned(), token: Secret::new("a-token".to_owned()) }
    }

    #[test]
    fn a_login_is_for_its_user_alone_and_replaces_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("anteroom/login.toml");
        assert!(server(&file).unwrap().is_none());
        keep(&file, &kept("https://one.example")).unwrap();
        keep(&file, &kept("https://two.example")).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(server(&file).unwrap().unwrap().origin().as_str(), "https://two.example/");
    }

    #[test]
    fn a_file_that_is_no_login_is_said_without_its_contents() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("login.toml");
        fs::write(&file, "server = \"https://one.example\"\ntoken = \"not a token\"\n").unwrap();
        let said = server(&file).map(drop).unwrap_err().to_string();
        assert!(said.ends_with("can't be read as a login; log in again") && !said.contains("not a token"), "{said}");
    }
}
