//! Generates, into `OUT_DIR`: Rust types for our own `.proto` files, and the descriptor index over
//! Envoy's messages and ours.
//!
//! Envoy's descriptors come out of the envoy-types crate as it lies in cargo's registry; ours are
//! compiled by protox. Neither needs protoc, and neither passes through prost-types on its way into
//! the index: prost-types drops extension options, and with them every validation rule.

#[path = "build/descriptors.rs"]
mod descriptors;
#[path = "build/envoy.rs"]
mod envoy;
#[path = "build/gaps.rs"]
mod gaps;
#[path = "build/index.rs"]
mod index;
#[path = "src/index/layout.rs"]
mod layout;
#[path = "build/own.rs"]
mod own;
#[path = "src/wire/reader.rs"]
mod wire;

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");

    let envoy = envoy::locate(&root)?;
    let own = own::generate(&root, &envoy.proto_roots)?;

    let mut set = descriptors::FileSet::default();
    set.add(&std::fs::read(&envoy.descriptors)?)?;
    set.add(&own)?;
    let added = set.take(gaps::FILE);
    // Tests hand the same set to prost-reflect and compare the index with what that makes of it.
    std::fs::write(out.join("descriptors.bin"), set.encode())?;
    let mut schema = set.parse()?;
    gaps::merge(&mut schema, added.parse()?)?;
    index::write(&schema, &out)
}

fn variable(name: &str) -> Result<String, Box<dyn Error>> {
    std::env::var(name).map_err(|cause| format!("environment variable {name}: {cause}").into())
}
