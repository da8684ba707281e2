//! Which of the URLs that are seen is opened, and when. Pure: time is an argument.
//!
//! A URL that the CLI gives to a browser command is the right one and is opened at once. The printed one may
//! be another (one that ends on a page with a code to paste), so it waits whether a browser command follows:
//!
//! ```text
//! nothing seen ──printed──► printed, waits ──grace over──► printed one opened
//!      │                        │  ▲ another one printed: the wait begins again
//!      └──browser command───────┴──────────► opened; printed ones don't count any more
//! ```

use std::time::{Duration, Instant};

use anteroom_protocol::session::UrlSource;

use super::urls::{Refused, sign_in_url};

/// How long a printed URL waits for a browser command. CLIs run it within 0.3 s of printing (measured on two
/// cores); starting it took up to ten times that with a dozen machines starting at once.
pub const PRINTED_GRACE: Duration = Duration::from_secs(3);
/// Different pages that one CLI may have opened. Real ones open one; each more is a new try of the same.
const MAX_OPENED: usize = 8;

/// A sign-in URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// An https URL of one of the provider's hosts.
    pub url: String,
    /// Where it was seen.
    pub source: UrlSource,
    /// Whether it was opened before, from another source.
    pub open_already: bool,
}

/// What becomes of a URL that a CLI gave to a browser command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is a sign-in URL.
    Open(Found),
    /// The same command came again: nothing is to be done.
    KnownAlready,
    /// It is none of this sign-in's.
    Refused(Refused),
}

/// The URLs of one sign-in.
#[derive(Debug)]
pub struct Chooser {
    hosts: Vec<String>,
    /// What browser commands brought.
    commanded: Vec<String>,
    printed: Printed,
}

#[derive(Debug)]
enum Printed {
    Unseen,
    Waits { url: String, until: Instant },
    Opened { url: String },
}

impl Chooser {
    /// For a provider's `url_hosts`.
    #[must_use]
    pub fn new(hosts: Vec<String>) -> Self {
        Self { hosts, commanded: Vec::new(), printed: Printed::Unseen }
    }

    /// A browser command with a URL.
    pub fn asked(&mut self, url: &str) -> Verdict {
        let url = match sign_in_url(url, &self.hosts) {
            Ok(url) => url.to_string(),
            Err(refused) => return Verdict::Refused(refused),
        };
        if self.commanded.contains(&url) {
            return Verdict::KnownAlready;
        }
        if self.commanded.len() == MAX_OPENED {
            return Verdict::Refused(Refused::TooMany(MAX_OPENED));
        }
        self.commanded.push(url.clone());
        let open_already = matches!(&self.printed, Printed::Opened { url: opened } if *opened == url);
        Verdict::Open(Found { url, source: UrlSource::Shim, open_already })
    }

    /// Whether printed URLs still count.
    #[must_use]
    pub fn wants_printed(&self) -> bool {
        self.commanded.is_empty() && !matches!(self.printed, Printed::Opened { .. })
    }

    /// The URLs on the CLI's screen now. The longest of the provider's is the sign-in's: others lead to help.
    pub fn printed(&mut self, urls: &[String], now: Instant) {
        let best = urls.iter().filter_map(|url| sign_in_url(url, &self.hosts).ok()).map(|url| url.to_string());
        let Some(url) = best.max_by_key(String::len) else { return };
        match &self.printed {
            Printed::Waits { url: waits, .. } if waits.len() >= url.len() => {}
            // A longer one is the same URL with a part that had not been drawn yet, or a better one.
            Printed::Unseen | Printed::Waits { .. } => {
                self.printed = Printed::Waits { url, until: now + PRINTED_GRACE }
            }
            Printed::Opened { .. } => {}
        }
    }

    /// When [`Chooser::due`] has something to say, if nothing happens before.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        match &self.printed {
            Printed::Waits { until, .. } if self.commanded.is_empty() => Some(*until),
            Printed::Unseen | Printed::Waits { .. } | Printed::Opened { .. } => None,
        }
    }

    /// The printed URL, once, when its grace is over and no browser command came.
    pub fn due(&mut self, now: Instant) -> Option<Found> {
        if self.due_at().is_none_or(|until| until > now) {
            return None;
        }
        let Printed::Waits { url, .. } = &self.printed else { return None };
        let url = url.clone();
        self.printed = Printed::Opened { url: url.clone() };
        Some(Found { url, source: UrlSource::Printed, open_already: false })
    }
}

#[cfg(test)]
#[path = "chooser_tests.rs"]
mod tests;
