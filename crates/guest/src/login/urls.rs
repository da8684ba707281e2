//! Which texts are a sign-in URL of this provider. Pure.

use anteroom_protocol::limits;
use reqwest::Url;

use crate::terminal::Row;

/// Why a URL is not taken for a sign-in URL. It names at most the host: the rest may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an absolute URL, or above the limit.
    #[error("it is no absolute URL of at most {} bytes", limits::MAX_URL_BYTES)]
    NotAUrl,
    /// Another scheme than https.
    #[error("its scheme is {0}; only https is opened")]
    Scheme(String),
    /// A user name, a password or a port: what stands in the provider's file is a host alone.
    #[error("it has a user name, a password or a port of its own")]
    Decorated,
    /// A host that the provider's file does not name.
    #[error("its host {0} is not in login.url_hosts of the provider's file")]
    Host(String),
    /// The CLI has asked too often.
    #[error("the CLI has asked for {0} pages already")]
    TooMany(usize),
}

/// Checks a text against the provider's hosts.
///
/// # Errors
/// Says which rule it breaks.
pub fn sign_in_url(text: &str, hosts: &[String]) -> Result<Url, Refused> {
    if text.len() > limits::MAX_URL_BYTES {
        return Err(Refused::NotAUrl);
    }
    let url = Url::parse(text).map_err(|_| Refused::NotAUrl)?;
    let host = url.host_str().ok_or(Refused::NotAUrl)?;
    if url.scheme() != "https" {
        return Err(Refused::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return Err(Refused::Decorated);
    }
    if hosts.iter().any(|rule| covers(rule, host)) { Ok(url) } else { Err(Refused::Host(host.to_owned())) }
}

/// `.example.com` takes subdomains and the domain itself; anything else is one host.
fn covers(rule: &str, host: &str) -> bool {
    match rule.strip_prefix('.') {
        Some(domain) => host == domain || host.ends_with(rule),
        None => host == rule,
    }
}

/// All https URLs on a screen, whole, also those that the CLI itself broke at the terminal's width.
#[must_use]
pub fn urls_on(rows: &[Row]) -> Vec<String> {
    let mut urls = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        for (start, _) in row.text.match_indices("https://") {
            let mut url: String = row.text[start..].chars().take_while(|c| in_url(*c)).collect();
            if row.reaches_edge && start + url.len() == row.text.len() {
                take_broken_rest(&mut url, &rows[index + 1..]);
            }
            url.truncate(url.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '\'']).len());
            urls.push(url);
        }
    }
    urls
}

/// Appends the rows that go on with a URL: each one word of URL characters, whatever its indent, and each but
/// the last reaching the edge. A row with a second word is a sentence, and one that begins anew another URL.
fn take_broken_rest(url: &mut String, rows: &[Row]) {
    for row in rows {
        let rest = row.text.trim_start();
        let goes_on = !rest.is_empty() && rest.chars().all(in_url) && !rest.starts_with("https://");
        if !goes_on || url.len() + rest.len() > limits::MAX_URL_BYTES {
            return;
        }
        url.push_str(rest);
        if !row.reaches_edge {
            return;
        }
    }
}

/// The characters of RFC 3986; the brackets of IPv6 hosts too, which sign-in URLs don't have.
fn in_url(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~:/?#@!$&'()*+,;=%".contains(c)
}

#[cfg(test)]
#[path = "urls_tests.rs"]
mod tests;
