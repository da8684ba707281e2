//! The vault: credentials are sealed here, and here is decided what a whole credential is.
//!
//! [`rules`] tells a finished sign-in from a half-written or blanked file, in the guest agent before a
//! credential is handed in and in the controller before it is sealed. [`sealed`] seals and opens, under keys
//! of a [`keyring`]; [`bundle`] is what is inside; [`sealed_text`] is for short texts that live as long as a sign-in. Bytes in, bytes out: this crate does no I/O, reads no clock
//! and makes no randomness (it is an argument), and none of its errors or `Debug` texts repeats a value.

pub mod bundle;
pub mod health;
pub mod keyring;
pub mod rules;
pub mod sealed;
pub mod sealed_text;
mod tree;

pub use bundle::{BundleFile, CredentialBundle};
pub use keyring::{Key, KeyId, KeyRing};
pub use sealed::{Binding, SealedCredential, seal};
pub use sealed_text::{SealedText, TextBinding};
