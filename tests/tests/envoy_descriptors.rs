//! What Envoy knows and the descriptor index does not.
//!
//! Envoy's executable carries its own file descriptors. They are read out of it and compared with the index,
//! so that the list below is a fact and not a memory: a new Envoy or a new envoy-types crate changes it, and
//! with it what `proto/gaps/` has to declare.

use memchr::memmem;
use portway_proto::{
    index,
    wire::{Records, Value},
};
use portway_tests::program;
use std::collections::BTreeSet;

/// What is left: extensions, which the loader refuses as unknown `@type`s, and messages that no configuration
/// holds. The fields are all of `LLMProtocol`, which envoy-types has as `ApiProtocol`, with other values.
const MISSING: [&str; 25] = [
    "enum envoy.extensions.http.ai_filters.transcoder.v3.Transcoder.Direction",
    "enum envoy.extensions.router.route_specifiers.dynamic_modules.v3.FailurePolicy",
    "enum envoy.type.ai.v3.LLMProtocol",
    "field envoy.data.ai.v3.RequestInfo.input_llm_protocol (1)",
    "field envoy.data.ai.v3.TokenUsage.llm_protocol (1)",
    "field envoy.extensions.filters.http.ai_protocol_manager.v3.RequestPerRoute.llm_protocol (1)",
    "field envoy.extensions.filters.http.ai_protocol_manager.v3.ResponsePerRoute.llm_protocol (1)",
    "field envoy.extensions.filters.http.ai_protocol_manager.v3.TokenUsageExtraction.default_llm_protocol (2)",
    "message envoy.extensions.http.ai_filters.schema_validation.v3.SchemaValidation",
    "message envoy.extensions.http.ai_filters.transcoder.v3.Transcoder",
    "message envoy.extensions.router.cluster_specifiers.priority_group.v3.ClusterWeight",
    "message envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroup",
    "message envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
    "message envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupsOverride",
    "message envoy.extensions.router.route_specifiers.dynamic_modules.v3.DynamicModuleRouteSpecifier",
    "message envoy.extensions.router.route_specifiers.dynamic_modules.v3.RouteOverride",
    "message envoy.extensions.router.route_specifiers.dynamic_modules.v3.RouteTemplate",
    "message envoy.extensions.transport_sockets.tls.handshakers.dynamic_modules.v3.DynamicModuleTlsHandshaker",
    "message xds.core.v3.Resource",
    "message xds.core.v3.ResourceName",
    "message xds.data.orca.v3.OrcaLoadReport",
    "message xds.data.orca.v3.OrcaLoadReport.NamedMetricsEntry",
    "message xds.data.orca.v3.OrcaLoadReport.RequestCostEntry",
    "message xds.data.orca.v3.OrcaLoadReport.UtilizationEntry",
    "message xds.service.orca.v3.OrcaLoadReportRequest",
];

#[test]
fn the_index_lacks_nothing_of_envoy_but_what_is_listed() {
    let executable = std::fs::read(program::envoy()).expect("Envoy's executable");
    let mut missing = BTreeSet::new();
    let mut files = BTreeSet::new();
    for (name, file) in embedded_files(&executable) {
        if files.insert(name) {
            compare_file(&file, &mut missing);
        }
    }
    assert!(files.len() > 500, "only {} descriptors found", files.len());
    let missing: Vec<_> = missing.iter().map(String::as_str).collect();
    assert_eq!(missing, MISSING, "{missing:#?}");
}

type File<'a> = Vec<(u32, Value<'a>)>;

/// Every serialized `FileDescriptorProto`: it starts with its name, `….proto`, behind tag and length.
fn embedded_files(executable: &[u8]) -> Vec<(&str, File<'_>)> {
    let mut found = Vec::new();
    for end in memmem::find_iter(executable, b".proto\x12").map(|at| at + ".proto".len()) {
        let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_/.-".contains(byte);
        let longest = executable[..end]
            .iter()
            .rev()
            .take(120)
            .take_while(|byte| in_name(byte));
        let start = (1..=longest.count())
            .map(|length| end - length)
            .find(|&start| {
                start >= 2
                    && executable[start - 2] == 0x0a
                    && usize::from(executable[start - 1]) == end - start
            });
        let Some(start) = start else { continue };
        let name = str::from_utf8(&executable[start..end]).expect("checked to be ASCII");
        found.push((name, file_at(&executable[start - 2..])));
    }
    found
}

/// Nothing says where a descriptor ends: its records run on as long as they make sense as one.
fn file_at(bytes: &[u8]) -> File<'_> {
    let mut file: File<'_> = Vec::new();
    for record in Records::new(bytes) {
        let Ok(record) = record else { break };
        let sensible = match (record.number, record.value) {
            (1, Value::Bytes(_)) => file.is_empty(),
            (2 | 3 | 8 | 12, Value::Bytes(_)) | (10 | 11, Value::Varint(_)) => true,
            (4..=7, Value::Bytes(inner)) => Records::new(inner).all(|inner| inner.is_ok()),
            _ => false,
        };
        if !sensible {
            break;
        }
        file.push((record.number, record.value));
        if record.number == 12 {
            break;
        }
    }
    file
}

fn compare_file(file: &File<'_>, missing: &mut BTreeSet<String>) {
    let package = all(file, 2).next().map(text).unwrap_or_default();
    if !is_public(package) {
        return;
    }
    for message in all(file, 4) {
        compare_message(package, message, missing);
    }
    for declared in all(file, 5) {
        compare_enum(package, declared, missing);
    }
}

/// Versioned packages hold Envoy's API; what else it carries is its own affair, or its former API.
fn is_public(package: &str) -> bool {
    let mut parts = package.split('.');
    let root = parts.next().unwrap_or_default();
    let version = parts
        .next_back()
        .and_then(|last| last.strip_prefix('v'))
        .unwrap_or_default();
    matches!(root, "envoy" | "xds" | "udpa")
        && !package.contains(".annotations.")
        && version.starts_with(|first: char| first.is_ascii_digit())
}

fn compare_message(scope: &str, bytes: &[u8], missing: &mut BTreeSet<String>) {
    let message = records(bytes);
    let name = format!("{scope}.{}", first_text(&message));
    match index::message(&name) {
        None => {
            missing.insert(format!("message {name}"));
        }
        Some(known) => {
            for field in all(&message, 2).map(records) {
                let (field_name, number) = (first_text(&field), number(&field, 3));
                let known = known.field_by_number(number as u32);
                if known.is_none_or(|known| known.name() != field_name) {
                    missing.insert(format!("field {name}.{field_name} ({number})"));
                    continue;
                }
                let options: Vec<_> = all(&field, 8).flat_map(records).collect();
                let ruled = all(&options, 1071).next().is_some();
                if known.is_some_and(|known| known.rules().is_some() != ruled) {
                    missing.insert(format!("rules of {name}.{field_name}"));
                }
            }
        }
    }
    for nested in all(&message, 3) {
        compare_message(&name, nested, missing);
    }
    for declared in all(&message, 4) {
        compare_enum(&name, declared, missing);
    }
}

fn compare_enum(scope: &str, bytes: &[u8], missing: &mut BTreeSet<String>) {
    let declared = records(bytes);
    let name = format!("{scope}.{}", first_text(&declared));
    let Some(known) = index::enumeration(&name) else {
        missing.insert(format!("enum {name}"));
        return;
    };
    for value in all(&declared, 2).map(records) {
        let (value_name, number) = (first_text(&value), number(&value, 2));
        if known.number_of(value_name) != Some(number as i32) {
            missing.insert(format!("value {name}.{value_name} ({number})"));
        }
    }
}

fn records(bytes: &[u8]) -> File<'_> {
    Records::new(bytes)
        .map(|record| record.map(|record| (record.number, record.value)))
        .collect::<Result<_, _>>()
        .expect("a descriptor")
}

fn all<'a>(records: &[(u32, Value<'a>)], wanted: u32) -> impl Iterator<Item = &'a [u8]> {
    records
        .iter()
        .filter_map(move |(number, value)| match value {
            Value::Bytes(bytes) if *number == wanted => Some(*bytes),
            _ => None,
        })
}

fn number(records: &[(u32, Value<'_>)], wanted: u32) -> u64 {
    let value = records
        .iter()
        .find(|(number, _)| *number == wanted)
        .map(|(_, value)| value);
    match value {
        Some(Value::Varint(number)) => *number,
        _ => 0,
    }
}

fn first_text<'a>(records: &[(u32, Value<'a>)]) -> &'a str {
    all(records, 1).next().map(text).unwrap_or_default()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("names are ASCII")
}
