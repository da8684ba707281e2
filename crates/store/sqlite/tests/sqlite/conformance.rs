//! SQLite behaves as the suite wants it.

use super::open;

anteroom_store::conformance!(open);
