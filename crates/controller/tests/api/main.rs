//! The controller from outside: both listeners' routers over the store's and the driver's fakes, with a scripted page
//! and a scripted guest. Time is tokio's paused clock, so that a wait of 25 s takes none.

mod access;
mod administration;
mod bad_input;
mod capture;
mod crash;
mod credentials;
mod ends;
mod events;
mod faulty;
mod harness;
mod hosts;
mod kept;
mod machines;
mod methods;
mod negotiation;
mod notices;
mod pool;
mod queue;
mod relays;
mod runs;
mod sign_in;
mod tokens;
mod whep;
