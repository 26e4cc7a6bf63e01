//! Portway's and Envoy's messages, and everything that turns text into them and back.
//!
//! In the order in which data meets them: [`index`] describes every message, [`loader`] reads YAML
//! and JSON into them, [`encode`] writes and [`wire`] reads their bytes, [`scan`] finds what the
//! descriptors do not know, [`pb`] holds their Rust types, [`print`] turns them into JSON,
//! [`path`] names a place in one.

pub mod encode;
pub mod index;
pub mod loader;
pub mod path;
pub mod pb;
pub mod print;
pub mod scan;
pub mod wire;
