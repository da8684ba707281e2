//! The driver keeps the port's contract.

mod lab;

anteroom_machines::conformance!(lab::run);
