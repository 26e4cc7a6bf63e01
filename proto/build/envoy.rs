//! Finds the envoy-types crate on disk: its descriptor set and the `.proto` files it bundles.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct EnvoyTypes {
    pub descriptors: PathBuf,
    /// One include root per upstream project.
    pub proto_roots: Vec<PathBuf>,
}

/// Asks cargo where the crate lies: in the registry cache or in a vendored tree.
pub fn locate(root: &Path) -> Result<EnvoyTypes, Box<dyn Error>> {
    let output = Command::new(crate::variable("CARGO")?)
        .args(["metadata", "--format-version=1", "--offline", "--locked"])
        .args(["--filter-platform", &crate::variable("TARGET")?])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cargo metadata: {said}").into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    // The crate's path alone is no dependency cargo can see: without the lock file a changed
    // version of envoy-types would leave the index of the former one in place.
    if let Some(workspace) = metadata["workspace_root"].as_str() {
        println!("cargo::rerun-if-changed={workspace}/Cargo.lock");
    }
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut found = packages
        .iter()
        .filter(|package| package["name"] == "envoy-types");
    let manifest = match (found.next(), found.next()) {
        (Some(package), None) => package["manifest_path"].as_str().unwrap_or_default(),
        (None, _) => return Err("envoy-types is not among the workspace's packages".into()),
        (Some(_), Some(_)) => return Err("two versions of envoy-types in the workspace".into()),
    };
    let home = Path::new(manifest)
        .parent()
        .ok_or("envoy-types has no directory")?;
    let descriptors = home.join("src/generated/types.bin");
    println!("cargo::rerun-if-changed={}", descriptors.display());

    let project = |name: &str| home.join("proto").join(name);
    Ok(EnvoyTypes {
        descriptors,
        proto_roots: vec![
            project("googleapis"),
            project("protoc-gen-validate"),
            project("xds"),
            project("cel-spec/proto"),
        ],
    })
}
