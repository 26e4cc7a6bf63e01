use super::*;
use prost_reflect::{Cardinality, Kind as Expected};
use std::collections::BTreeSet;

#[test]
fn finds_what_is_there_and_nothing_else() {
    let route = message("envoy.config.route.v3.Route").expect("Envoy's Route");
    assert_eq!(route.full_name(), "envoy.config.route.v3.Route");
    assert_eq!(message("envoy.config.route.v3.Rout"), None);
    assert_eq!(message(""), None);
    assert_eq!(
        message_of_type_url("type.googleapis.com/envoy.config.route.v3.Route"),
        Some(route)
    );
    assert_eq!(message_of_type_url("envoy.config.route.v3.Route"), None);
    assert_eq!(enumeration("envoy.config.route.v3.Route"), None);
}

#[test]
fn holds_the_messages_that_envoy_types_lacks() {
    for name in [
        "xds.type.v3.TypedStruct",
        "udpa.type.v1.TypedStruct",
        "xds.type.matcher.v3.CelMatcher",
        "xds.type.matcher.v3.HttpAttributesCelMatchInput",
        "xds.type.matcher.v3.IPMatcher",
        "xds.type.matcher.v3.ServerNameMatcher",
    ] {
        assert!(message(name).is_some(), "{name}");
    }
}

/// Messages that only `gaps/envoy.proto` has.
const ADDED: [&str; 5] = [
    "envoy.extensions.clusters.mcp_multicluster.v3.ClusterConfig.HeaderForwarding",
    "envoy.extensions.filters.http.mcp_json_rest_bridge.v3.CacheConfig",
    "envoy.extensions.filters.http.mcp_router.v3.McpRouter.HeaderForwarding",
    "envoy.extensions.filters.http.oauth2.v3.TokenCookieChunking",
    "envoy.extensions.http.ai_filters.request_info.v3.RequestInfo.TokenEstimation",
];

/// Fields whose rules it replaces.
pub(super) const REVISED: [&str; 3] = [
    "envoy.config.cluster.v3.Cluster.health_checks",
    "envoy.config.route.v3.RouteConfiguration.vhost_header",
    "envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2.ClientCredentials.client_secret",
];

#[test]
fn fields_of_envoy_that_its_generated_types_lack_are_marked() {
    let field = |of: &str, name| {
        message(of)
            .and_then(|of| of.field_by_name(name))
            .expect(name)
    };
    let alpn = field(
        "envoy.config.core.v3.HealthCheck.HttpHealthCheck",
        "use_alpn_protocol",
    );
    assert!(!alpn.is_generated());
    assert_eq!((alpn.number(), alpn.kind()), (15, Kind::Bool));
    assert!(field("envoy.config.core.v3.HealthCheck", "timeout").is_generated());

    // Types among the additions are those of Envoy, not of the file that declares them.
    let chunking = field(
        "envoy.extensions.filters.http.oauth2.v3.OAuth2Config",
        "token_cookie_chunking",
    );
    let name = "envoy.extensions.filters.http.oauth2.v3.TokenCookieChunking";
    assert_eq!(chunking.kind(), Kind::Message(message(name).expect(name)));
    let auth = enumeration("envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2.AuthType");
    assert_eq!(
        auth.and_then(|auth| auth.name_of(2)),
        Some("TLS_CLIENT_AUTH")
    );

    // A field that is there already takes the rules, or loses them.
    let checks = field("envoy.config.cluster.v3.Cluster", "health_checks");
    assert!(checks.is_generated() && checks.rules().is_some());
    let secret = "envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2.ClientCredentials";
    assert_eq!(field(secret, "client_secret").rules(), None);
    assert!(!messages().any(|message| message.full_name().starts_with("portway.gaps.")));
}

/// Every message of the set, compared field by field with what prost-reflect makes of it.
#[test]
fn messages_agree_with_prost_reflect() {
    let expected: BTreeSet<String> = oracle::pool()
        .all_messages()
        .map(|message| message.full_name().to_owned())
        .collect();
    let found: BTreeSet<String> = messages()
        .map(|message| message.full_name().to_owned())
        .collect();
    assert_eq!(found.difference(&expected).collect::<Vec<_>>(), ADDED);
    assert_eq!(expected.difference(&found).next(), None);
    assert!(found.len() > 1_600, "{}", found.len());

    for expected in oracle::pool().all_messages() {
        let name = expected.full_name();
        let found = message(name).expect(name);
        assert_eq!(found.is_map_entry(), expected.is_map_entry(), "{name}");
        assert_eq!(
            found.reserved_names().collect::<Vec<_>>(),
            expected.reserved_names().collect::<Vec<_>>(),
            "{name}"
        );
        let ranges: Vec<_> = expected
            .reserved_ranges()
            .map(|range| (range.start, range.end - 1))
            .collect();
        assert_eq!(
            found.reserved_ranges().collect::<Vec<_>>(),
            ranges,
            "{name}"
        );
        let oneofs: Vec<_> = expected
            .oneofs()
            .filter(|oneof| !oneof.is_synthetic())
            .map(|oneof| oneof.name().to_owned())
            .collect();
        assert_eq!(
            found.oneofs().map(Oneof::name).collect::<Vec<_>>(),
            oneofs,
            "{name}"
        );

        let mut fields: Vec<_> = expected.fields().collect();
        fields.sort_by_key(|field| field.number());
        let generated: Vec<_> = found
            .fields()
            .filter(|field| field.is_generated())
            .collect();
        assert_eq!(generated.len(), fields.len(), "{name}");
        for (found, expected) in generated.into_iter().zip(&fields) {
            field_agrees(found, expected);
        }
    }
}

fn field_agrees(found: Field, expected: &prost_reflect::FieldDescriptor) {
    let name = expected.full_name();
    assert_eq!(found.name(), expected.name(), "{name}");
    assert_eq!(found.json_name(), expected.json_name(), "{name}");
    assert_eq!(found.number(), expected.number(), "{name}");
    assert_eq!(found.is_list(), expected.is_list(), "{name}");
    assert_eq!(found.is_map(), expected.is_map(), "{name}");
    assert_eq!(found.has_presence(), expected.supports_presence(), "{name}");
    assert_eq!(found.packed(), expected.is_packed(), "{name}");
    assert!(
        kind_agrees(found.kind(), &expected.kind()),
        "{name}: {:?}",
        found.kind()
    );
    let oneof = expected
        .containing_oneof()
        .filter(|oneof| !oneof.is_synthetic());
    assert_eq!(
        found.oneof().map(Oneof::name),
        oneof.as_ref().map(|oneof| oneof.name()),
        "{name}"
    );
    if let Some(oneof) = found.oneof() {
        assert!(oneof.fields().any(|field| field == found), "{name}");
    }
    let ruled = annotated(expected, "validate.rules");
    assert!(
        found.rules().is_some() == ruled || REVISED.contains(&name),
        "{name}"
    );
    assert_eq!(
        found.sensitive(),
        annotated(expected, "udpa.annotations.sensitive"),
        "{name}"
    );
    let deprecation = if annotated(expected, "envoy.annotations.disallowed_by_default") {
        Some(Deprecation::Disallowed)
    } else {
        annotated(expected, "envoy.annotations.deprecated_at_minor_version")
            .then_some(Deprecation::Warned)
    };
    assert_eq!(found.deprecated_by_envoy(), deprecation, "{name}");

    let parent = found.parent();
    assert_eq!(
        parent.field_by_number(found.number()),
        Some(found),
        "{name}"
    );
    assert_eq!(parent.field_by_name(found.name()), Some(found), "{name}");
    assert_eq!(
        parent.field_by_name(found.json_name()),
        Some(found),
        "{name}"
    );
    let repeated = expected.cardinality() == Cardinality::Repeated;
    assert_eq!(found.is_list() || found.is_map(), repeated, "{name}");
}

fn annotated(field: &prost_reflect::FieldDescriptor, extension: &str) -> bool {
    let extension = oracle::pool()
        .get_extension_by_name(extension)
        .expect(extension);
    field.options().has_extension(&extension)
}

fn kind_agrees(found: Kind, expected: &Expected) -> bool {
    match (found, expected) {
        (Kind::Message(found), Expected::Message(expected)) => {
            found.full_name() == expected.full_name()
        }
        (Kind::Enum(found), Expected::Enum(expected)) => found.full_name() == expected.full_name(),
        (Kind::Double, Expected::Double)
        | (Kind::Float, Expected::Float)
        | (Kind::Int32, Expected::Int32)
        | (Kind::Int64, Expected::Int64)
        | (Kind::Uint32, Expected::Uint32)
        | (Kind::Uint64, Expected::Uint64)
        | (Kind::Sint32, Expected::Sint32)
        | (Kind::Sint64, Expected::Sint64)
        | (Kind::Fixed32, Expected::Fixed32)
        | (Kind::Fixed64, Expected::Fixed64)
        | (Kind::Sfixed32, Expected::Sfixed32)
        | (Kind::Sfixed64, Expected::Sfixed64)
        | (Kind::Bool, Expected::Bool)
        | (Kind::String, Expected::String)
        | (Kind::Bytes, Expected::Bytes) => true,
        _ => false,
    }
}

const ADDED_ENUMS: [&str; 3] = [
    "envoy.extensions.filters.http.ai_protocol_manager.v3.RequestHandling.BodyReserialization",
    "envoy.extensions.filters.http.mcp_json_rest_bridge.v3.CacheScope",
    "envoy.type.tracing.v3.CustomTag.ValueType",
];

const ADDED_VALUES: [(&str, &str); 2] = [
    ("envoy.data.core.v3.HealthCheckerType", "UDP"),
    (
        "envoy.extensions.http.injected_credentials.oauth2.v3.OAuth2.AuthType",
        "TLS_CLIENT_AUTH",
    ),
];

#[test]
fn enums_agree_with_prost_reflect() {
    let count = oracle::pool().all_enums().count();
    assert_eq!(enumerations().len(), count + ADDED_ENUMS.len());
    for added in ADDED_ENUMS {
        assert!(enumeration(added).is_some(), "{added}");
    }
    for expected in oracle::pool().all_enums() {
        let name = expected.full_name();
        let found = enumeration(name).expect(name);
        assert_eq!(found.full_name(), name);
        let added = ADDED_VALUES
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, value)| *value);
        let mut found_values: Vec<_> = found
            .values()
            .filter(|(value, _)| Some(*value) != added)
            .collect();
        found_values.sort_unstable();
        let mut values: Vec<_> = expected
            .values()
            .map(|value| (value.name().to_owned(), value.number()))
            .collect();
        values.sort_unstable();
        assert!(
            found_values
                .iter()
                .copied()
                .eq(values.iter().map(|(n, v)| (n.as_str(), *v)))
        );
        for (value, number) in found.values() {
            assert_eq!(found.number_of(value), Some(number), "{name}");
            let first = found.name_of(number).expect(name);
            assert_eq!(found.number_of(first), Some(number), "{name}");
        }
        for reserved in expected.reserved_names() {
            assert!(found.is_reserved_name(reserved), "{name}.{reserved}");
        }
        assert_eq!(found.number_of("NO_SUCH_VALUE"), None);
        assert_eq!(found.name_of(i32::MIN), None);
    }
}

#[test]
fn services_agree_with_prost_reflect() {
    assert_eq!(services().len(), oracle::pool().services().len());
    for expected in oracle::pool().services() {
        let found = service(expected.full_name()).expect("a service");
        assert_eq!(found.methods().len(), expected.methods().len());
        for expected in expected.methods() {
            let method = found.method(expected.name()).expect("a method");
            assert_eq!(method.input().full_name(), expected.input().full_name());
            assert_eq!(method.output().full_name(), expected.output().full_name());
            assert_eq!(method.client_streaming(), expected.is_client_streaming());
            assert_eq!(method.server_streaming(), expected.is_server_streaming());
            let http = oracle::pool()
                .get_extension_by_name("google.api.http")
                .expect("http");
            let annotated = expected.options().has_extension(&http);
            assert_eq!(
                method.http_rule().is_some(),
                annotated,
                "{}",
                expected.full_name()
            );
        }
    }
}

#[test]
fn well_known_messages_are_told_apart() {
    let well_known = |name: &str| message(name).and_then(Message::well_known);
    assert_eq!(well_known("google.protobuf.Any"), Some(WellKnown::Any));
    assert_eq!(well_known("google.protobuf.Empty"), Some(WellKnown::Empty));
    for message in messages() {
        let Some(WellKnown::Wrapper(kind)) = message.well_known() else {
            continue;
        };
        assert_eq!(message.field_by_number(1).map(Field::kind), Some(kind));
    }
    assert_eq!(
        messages()
            .filter(|m| matches!(m.well_known(), Some(WellKnown::Wrapper(_))))
            .count(),
        9
    );
    assert_eq!(well_known("envoy.config.route.v3.Route"), None);
    for name in WELL_KNOWN {
        if let Some(message) = message(name) {
            assert!(message.well_known().is_some(), "{name}");
        }
    }
}
