//! Shapes of answers that only the page reads.

use anteroom_protocol::{Epoch, UserId};
use serde::Serialize;

use crate::{CredentialView, ProviderView};

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

/// The epoch that a new offer has made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct OfferStored {
    pub(crate) epoch: Epoch,
}

/// Relays for one session. Empty where viewer and machines reach each other without.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IceServers {
    pub(crate) ice_servers: Vec<IceServer>,
}

/// `RTCIceServer`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct IceServer {
    pub(crate) urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
}
