//! Portway's and Envoy's messages, and everything that turns text into them and back.
//!
//! In the order in which data meets them: [`path`] names a place in a message.

pub mod path;
