//! Shapes of answers that only the page reads.

use anteroom_protocol::{Epoch, UserId};
use serde::Serialize;

use crate::{CredentialVersion, CredentialView, ProviderView};

/// Who is signed in to this page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Me {
    pub(crate) user: User,
}

/// A person.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) name: String,
}

/// Everything that can be connected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Providers {
    pub(crate) providers: Vec<ProviderView>,
}

/// Everything that is connected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Credentials {
    pub(crate) credentials: Vec<CredentialView>,
}

/// The kept versions of a credential.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CredentialVersions {
    /// The newest first.
    pub(crate) versions: Vec<CredentialVersion>,
}

/// The epoch that a new offer has made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OfferStored {
    pub(crate) epoch: Epoch,
}
