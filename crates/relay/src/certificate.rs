//! What a certificate's file says of itself, for `anteroom doctor`: whether browsers will take it, as far as it tells.

use std::{fs, io, path::Path};

use anteroom_protocol::UnixMillis;
use openssl::{asn1::Asn1Time, nid::Nid, x509::X509};

/// The first certificate of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Until when it is valid.
    pub expires_at: UnixMillis,
    /// The names it is for.
    pub names: Vec<String>,
    /// It vouches for itself: browsers take it only where somebody told them to.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads the first certificate of a PEM file.
    ///
    /// # Errors
    /// The file can't be read, or holds none.
    pub fn read(path: &Path) -> io::Result<Self> {
        let first = X509::from_pem(&fs::read(path)?)?;
        let from_1970 = Asn1Time::from_unix(0)?.diff(first.not_after())?;
        let seconds = i64::from(from_1970.days) * 86_400 + i64::from(from_1970.secs);
        let alternatives = first.subject_alt_names();
        let names = alternatives.iter().flatten().filter_map(|name| match (name.dnsname(), name.ipaddress()) {
            (Some(name), _) => Some(name.to_owned()),
            (None, Some(bytes)) => address(bytes),
            (None, None) => None,
        });
        let names: Vec<String> = names.collect();
        let common = first.subject_name().entries_by_nid(Nid::COMMONNAME).next();
        let common = common.and_then(|entry| entry.data().to_string().ok());
        let names = if names.is_empty() { common.into_iter().collect() } else { names };
        let self_signed = first.subject_name().to_der()? == first.issuer_name().to_der()?;
        Ok(Self { expires_at: UnixMillis(seconds * 1000), names, self_signed })
    }

    /// Whether it is for this name. A star stands for one label (RFC 9525).
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        self.names.iter().any(|name| match name.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain)),
            None => name.eq_ignore_ascii_case(host),
        })
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| std::net::Ipv4Addr::from(bytes).to_string()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string()),
        _ => None,
    }
}
