//! Compiles our own `.proto` files and generates their Rust types, clients and servers.

use std::error::Error;
use std::path::{Path, PathBuf};

/// Types of packages that envoy-types generates already; ours refer to those. `xds.type` is listed
/// by message, because our own declarations live in the same packages.
const EXTERN: &[(&str, &str)] = &[
    (".google.protobuf", "::envoy_types::pb::google::protobuf"),
    (".google.api", "::envoy_types::pb::google::api"),
    (".google.rpc", "::envoy_types::pb::google::rpc"),
    (".validate", "::envoy_types::pb::validate"),
    (".udpa.annotations", "::envoy_types::pb::udpa::annotations"),
    (".xds.annotations", "::envoy_types::pb::xds::annotations"),
    (".xds.core", "::envoy_types::pb::xds::core"),
    (".cel.expr", "::envoy_types::pb::cel::expr"),
    (
        ".xds.type.v3.CelExpression",
        "::envoy_types::pb::xds::r#type::v3::CelExpression",
    ),
    (
        ".xds.type.v3.CelExtractString",
        "::envoy_types::pb::xds::r#type::v3::CelExtractString",
    ),
    (
        ".xds.type.matcher.v3.Matcher",
        "::envoy_types::pb::xds::r#type::matcher::v3::Matcher",
    ),
    (
        ".xds.type.matcher.v3.Matcher.OnMatch",
        "::envoy_types::pb::xds::r#type::matcher::v3::matcher::OnMatch",
    ),
    (
        ".xds.type.matcher.v3.RegexMatcher",
        "::envoy_types::pb::xds::r#type::matcher::v3::RegexMatcher",
    ),
    (
        ".xds.type.matcher.v3.StringMatcher",
        "::envoy_types::pb::xds::r#type::matcher::v3::StringMatcher",
    ),
    (
        ".xds.type.matcher.v3.ListStringMatcher",
        "::envoy_types::pb::xds::r#type::matcher::v3::ListStringMatcher",
    ),
];

/// Returns the compiled set, our files and everything they import.
pub fn generate(root: &Path, includes: &[PathBuf]) -> Result<Vec<u8>, Box<dyn Error>> {
    let gaps = root.join("gaps");
    let mut roots = vec![gaps.clone(), root.to_path_buf()];
    roots.extend_from_slice(includes);

    let mut compiler = protox::Compiler::new(&roots)?;
    compiler.include_imports(true).include_source_info(true);
    for folder in [root.join("portway"), gaps] {
        println!("cargo::rerun-if-changed={}", folder.display());
        for file in proto_files(&folder)? {
            compiler.open_file(file)?;
        }
    }
    // The one well-known type that nothing imports.
    compiler.open_file("google/protobuf/field_mask.proto")?;
    let mut generator = tonic_prost_build::configure()
        .build_transport(false)
        .compile_well_known_types(true)
        .bytes(".portway")
        .emit_rerun_if_changed(false);
    for (proto, rust) in EXTERN {
        generator = generator.extern_path(*proto, *rust);
    }
    let mut messages = tonic_prost_build::Config::new();
    messages
        .enable_type_names()
        .type_name_domain(["."], "type.googleapis.com");
    let mut generated = compiler.file_descriptor_set();
    generated
        .file
        .retain(|file| file.name() != crate::gaps::FILE);
    generator.compile_fds_with_config(generated, messages)?;
    Ok(compiler.encode_file_descriptor_set())
}

/// All `.proto` files under `folder`, sorted, so that the build does not depend on the file system.
fn proto_files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(proto_files(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "proto")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
