//! What a person needs in their own browser, found on the CLI's screen: the link, and for `device` the code. Pure: time is an
//! argument.
//!
//! Here the printed link is the better one. A link that is given to a browser command calls the CLI back on localhost, which
//! the person's browser does not reach; the printed one often ends on a page that shows a code. So the printed one is told
//! as soon as the screen has settled, and the other only when none is printed.

use std::time::{Duration, Instant};

use anteroom_protocol::{
    provider::{Method, MethodKind},
    session::{DeviceCode, UrlSource},
};
use regex_lite::Regex;

use super::{
    chooser::{Found, PRINTED_GRACE},
    urls::{Refused, sign_in_url},
};

/// For so long a link or code must stay the same: a part of it may not have been drawn yet.
const SETTLE: Duration = Duration::from_millis(300);

/// What the person is to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Url(Found),
    Code(DeviceCode),
}

/// Links and codes of one sign-in.
pub(super) struct Light {
    hosts: Vec<String>,
    /// Set for `device`.
    pattern: Option<Regex>,
    printed: Option<String>,
    commanded: Option<String>,
    code: Option<String>,
    due: Option<Instant>,
    told: Option<Told>,
}

impl Light {
    /// For a method without a desktop. A pattern that is none finds no code; files with such a one are refused long before.
    pub(super) fn new(method: &Method, hosts: Vec<String>) -> Self {
        let pattern = method.code.as_deref().filter(|_| method.kind == MethodKind::Device);
        let pattern = pattern.and_then(|pattern| Regex::new(pattern).ok());
        Self { hosts, pattern, printed: None, commanded: None, code: None, due: None, told: None }
    }

    /// The CLI's screen now: its rows, and the URLs on it. The longest of the provider's is the sign-in's, and the last code.
    pub(super) fn screen<'a>(&mut self, rows: impl DoubleEndedIterator<Item = &'a str>, urls: &[String], now: Instant) {
        let ours = urls.iter().filter_map(|url| sign_in_url(url, &self.hosts).ok()).map(|url| url.to_string());
        let printed = ours.max_by_key(String::len);
        let code = self.pattern.as_ref().and_then(|pattern| rows.rev().find_map(|row| found_by(pattern, row)));
        let is_news = (printed.is_some() && printed != self.printed) || (code.is_some() && code != self.code);
        if is_news {
            self.printed = printed.or(self.printed.take());
            self.code = code.or(self.code.take());
            self.due = Some(now + SETTLE);
        }
    }

    /// A browser command with a URL.
    pub(super) fn asked(&mut self, url: &str, now: Instant) -> Result<(), Refused> {
        self.commanded = Some(sign_in_url(url, &self.hosts)?.to_string());
        let wait = if self.pattern.is_some() { SETTLE } else { PRINTED_GRACE };
        self.due = self.due.or(Some(now + wait));
        Ok(())
    }

    /// The link that the person has, or will have.
    pub(super) fn url(&self) -> Option<&str> {
        self.printed.as_deref().or(self.commanded.as_deref())
    }

    /// When [`Light::due`] may have something to say, if nothing happens before.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.due
    }

    /// What is to be told now: each thing once.
    pub(super) fn due(&mut self, now: Instant) -> Option<Told> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        let url = self.url()?.to_owned();
        let told = match (&self.pattern, &self.code) {
            (Some(_), Some(code)) => Told::Code(DeviceCode { code: code.clone(), url }),
            (Some(_), None) => return None,
            (None, _) => Told::Url(Found { url, source: UrlSource::Printed, open_already: false }),
        };
        if self.told.as_ref() == Some(&told) {
            return None;
        }
        self.told = Some(told.clone());
        Some(told)
    }
}

/// The first group, or the whole match.
fn found_by(pattern: &Regex, row: &str) -> Option<String> {
    let captures = pattern.captures(row)?;
    captures.get(1).or(captures.get(0)).map(|found| found.as_str().to_owned())
}

#[cfg(test)]
#[path = "light_tests.rs"]
mod tests;
