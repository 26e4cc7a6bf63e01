//! Portway's and Envoy's messages, and everything that turns text into them and back.
//!
//! In the order in which data meets them: [`index`] describes every message, [`loader`] reads YAML
//! and JSON into them, [`scan`] finds what the descriptors do not know, [`pb`] holds their Rust
//! types, [`print`] turns them into JSON, [`wire`] reads their bytes, [`path`] names a place in one.

pub mod index;
pub mod loader;
pub mod path;
pub mod pb;
pub mod print;
pub mod scan;
pub mod wire;
