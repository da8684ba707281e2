//! What is told of a credential: where a version came from, and whether it works.

use serde::{Deserialize, Serialize};

/// Where a version of a credential came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A person signed in.
    SignIn,
    /// A run has changed it.
    Run,
    /// Its owner went back to an earlier version.
    Restore,
}

/// Whether a credential works, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Nothing speaks against it.
    Connected,
    /// It stops working soon.
    Expiring,
    /// It has expired, or the CLI has said that it does not work.
    NeedsSignIn,
}
