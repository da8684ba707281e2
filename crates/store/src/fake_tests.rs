//! The fake behaves as the suite wants it.

use std::sync::Arc;

use super::FakeStore;
use crate::suite::fixtures::Tested;

async fn open() -> (Tested, ()) {
    (Arc::new(FakeStore::new()), ())
}

crate::conformance!(open);
