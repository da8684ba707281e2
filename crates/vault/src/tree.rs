//! A credential's file as a tree of values, for the rules only. The tree holds secrets, so it is wiped when it is
//! dropped; it never leaves this crate and never prints.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

/// Values by JSON pointer (RFC 6901), whatever the file's format was.
pub(crate) struct Tree(Value);

impl Tree {
    /// Of a file without structure: no pointer finds anything.
    pub(crate) fn nothing() -> Self {
        Self(Value::Null)
    }

    pub(crate) fn json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    pub(crate) fn toml(bytes: &[u8]) -> Option<Self> {
        let table: toml::Table = std::str::from_utf8(bytes).ok()?.parse().ok()?;
        Some(Self(json_of(toml::Value::Table(table))))
    }

    /// What YAML says of a place is not told: the parser's errors quote the file.
    pub(crate) fn yaml(bytes: &[u8]) -> Option<Self> {
        serde_saphyr::from_slice(bytes).ok().map(Self)
    }

    /// The claims of a JSON Web Token (RFC 7519), without a check of its signature. The token was handed to the
    /// person's own CLI by the issuer, over TLS; its claims are shown and compared, and open nothing. To check the
    /// signature would need the issuer's keys from the network, and would change no decision.
    pub(crate) fn jwt_claims(token: &str) -> Option<Self> {
        let mut parts = token.trim().split('.');
        let (_header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?);
        Self::json(&bytes)
    }

    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(values) => values.iter_mut().for_each(wipe),
        Value::Object(values) => values.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn json_of(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json_of).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, json_of(value))).collect())
        }
    }
}
