//! What the whole-system tests, the differential tables and the benchmark are made of.
//!
//! The tests start real programs ([`process`], [`engine`]) and talk to them in raw bytes: [`wire`] carries
//! them, [`client`] and [`recorder`] are the two ends, [`message`] reads just enough HTTP/1 to compare. There
//! is no mock of anything that can run. Nothing here waits for time to pass where a condition can be awaited;
//! [`clock`] is the one place that sleeps. [`differential`] puts one configuration and one conversation
//! before two engines; [`bench`] measures what a request costs them.
//!
//! The crate is a test in all but name: what goes wrong here panics, saying what was missing.

pub mod bench;
pub mod client;
pub mod clock;
pub mod differential;
pub mod engine;
pub mod message;
pub mod ports;
pub mod process;
pub mod program;
pub mod recorder;
pub mod wire;
