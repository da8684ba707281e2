//! The driver that asks keeps the port's contract, with a socket in between.

mod lab;

anteroom_machines::conformance!(lab::run);
