//! Portway's and Envoy's messages, and everything that turns text into them and back.
//!
//! In the order in which data meets them: [`index`] describes every message, [`loader`] reads YAML
//! and JSON into them, [`pb`] holds their Rust types, [`wire`] reads their bytes, [`path`] names a
//! place in a message.

pub mod index;
pub mod loader;
pub mod path;
pub mod pb;
pub mod wire;
