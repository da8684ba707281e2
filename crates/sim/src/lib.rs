//! Whole controllers in virtual time: the real HTTP handlers, the real use cases, reconciler and timer, the real SQLite
//! store, over the fake machine driver, with scripted pages and agents that speak the real protocol. What goes wrong on
//! the way (requests lost, doubled and late, a controller killed at any await, a store and a driver that fail, machines
//! that die, pages that reload and take each other's desktop) is drawn from a seed, and so is everything else: ids,
//! tokens, delays. A seed is a schedule, and the same seed is the same schedule again.
//!
//! Time is tokio's paused clock on one thread. SQLite's own threads are waited for with that thread stopped, so that no
//! virtual time goes by meanwhile and nothing else runs. The controller wakes its waiters in their order and walks no
//! table in an order of its own, or a seed would not replay; a test holds that.
//!
//! The referee looks at every reply, every act on a machine and, at the end, at the database and what each party saw,
//! and holds them against the invariants of ARCHITECTURE.md. Never here: a decision of the product, a wall clock, a
//! socket.
#![cfg(feature = "virtual-time")]

mod agent;
mod air;
mod audit;
mod call;
mod candidates;
mod connection;
mod database;
mod dice;
mod driver;
mod feed;
mod network;
mod outbox;
mod own_browser;
mod page;
mod referee;
mod replies;
mod run;
mod scene;
mod script;
mod server;
mod store;
mod weather;

pub use run::{Outcome, Stage};
