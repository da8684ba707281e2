use anteroom_protocol::{CredentialId, Secret, UnixMillis, UserId};
use anteroom_store::{CredentialRow, fake::FakeStore};
use anteroom_vault::{Binding, BundleFile, CredentialBundle, seal, sealed::SEAL_RANDOM_BYTES};

use super::*;
