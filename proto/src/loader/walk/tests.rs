//! Every kind of mistake at its exact place, and what Envoy accepts that looks like one.

use crate::index;
use crate::loader::{
    Diagnostic, Limits, Loaded, Options, Severity, Source, diagnostics, documents, load,
};

mod oracle;

const BOOTSTRAP: &str = "envoy.config.bootstrap.v3.Bootstrap";
const CLUSTER: &str = "envoy.config.cluster.v3.Cluster";
const HCM: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

fn read_with(name: &str, message: &str, text: &str, options: &Options) -> Loaded {
    let source = Source {
        name,
        bytes: text.as_bytes(),
    };
    let documents =
        documents(source, &Limits::default()).unwrap_or_else(|errors| panic!("{}", errors[0]));
    load(
        documents[0].root(),
        index::message(message).unwrap(),
        options,
    )
}

fn read(message: &str, text: &str) -> Loaded {
    read_with("a.yaml", message, text, &Options::default())
}

fn told(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().map(Diagnostic::short).collect()
}

#[track_caller]
fn accepts(message: &str, text: &str) -> Vec<u8> {
    let loaded = read(message, text);
    assert!(!loaded.has_errors(), "{text}\n{}", told(&loaded).join("\n"));
    loaded.wire
}

/// The errors, without the file's name.
fn errors(message: &str, text: &str) -> Vec<String> {
    let loaded = read(message, text);
    let errors = loaded.diagnostics.iter().filter(|d| d.is_error());
    errors
        .map(|d| d.short().replacen("a.yaml:", "", 1))
        .collect()
}

#[track_caller]
fn refuses(message: &str, text: &str, wanted: &[&str]) {
    assert_eq!(errors(message, text), wanted, "{text}");
}

#[test]
fn unknown_and_removed_fields() {
    refuses(
        HCM,
        "stat_prefix: a\nstat_prefx: b\nroute_config: {name: r}\nbugs: 1\n",
        &[
            "2:1: stat_prefx: unknown field `stat_prefx` in envoy.extensions.filters.network.\
             http_connection_manager.v3.HttpConnectionManager; did you mean `stat_prefix`?",
            "4:1: bugs: unknown field `bugs` in envoy.extensions.filters.network.\
             http_connection_manager.v3.HttpConnectionManager",
        ],
    );
    refuses(
        BOOTSTRAP,
        "node:\n  id: a\n  build_version: x\n",
        &[
            "3:3: node.build_version: field `build_version` was removed from envoy.config.core.v3.Node",
        ],
    );
}

#[test]
fn unknown_things_can_be_let_through() {
    let options = Options {
        reject_unknown: false,
        ..Options::default()
    };
    let text = "name: a\ntype: WHAT\nwat: {x: 1}\ntransport_socket: {name: t, typed_config: {\"@type\": type.googleapis.com/foo.Bar}}\n";
    let loaded = read_with("a.yaml", CLUSTER, text, &options);
    let severities: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|d| (d.line, d.severity))
        .collect();
    use Severity::{Error, Warning};
    assert_eq!(
        severities,
        [(2, Warning), (3, Warning), (4, Error)],
        "{:?}",
        told(&loaded)
    );
}

#[test]
fn fields_that_only_envoy_has() {
    let text = "stat_prefix: a\nroute_config: {name: r}\nrecord_route_resolution_stats: true\n";
    refuses(
        HCM,
        text,
        &[
            "3:1: record_route_resolution_stats: field `record_route_resolution_stats` of envoy.extensions.\
           filters.network.http_connection_manager.v3.HttpConnectionManager is not supported; only Envoy has it",
        ],
    );
    let options = Options {
        accept_undecodable: true,
        ..Options::default()
    };
    let loaded = read_with("a.yaml", HCM, text, &options);
    assert!(!loaded.has_errors(), "{:?}", told(&loaded));
    let message = index::message(HCM).expect(HCM);
    let found = crate::scan::unknown_fields(message, &loaded.wire).expect("valid");
    assert_eq!(
        found.iter().map(|field| field.number).collect::<Vec<_>>(),
        [63]
    );
}

#[test]
fn wrong_types() {
    for (text, wanted) in [
        (
            "name: 8080",
            r#"1:7: name: expected a string, found the number 8080; write "8080" in quotes"#,
        ),
        (
            "name: yes",
            r#"1:7: name: expected a string, found yes, which YAML reads as true; write "yes" in quotes"#,
        ),
        (
            "name: true",
            r#"1:7: name: expected a string, found true; write "true" in quotes"#,
        ),
        ("name: [a]", "1:7: name: expected a string, found a list"),
        ("name: {}", "1:7: name: expected a string, found a mapping"),
        (
            "name: a\nconnect_timeout: 5",
            "2:18: connect_timeout: 5 is not a duration; write 5s",
        ),
        (
            "name: a\nconnect_timeout: 5 s",
            "2:18: connect_timeout: \"5 s\" is not a duration; write 5s",
        ),
        (
            "name: a\nconnect_timeout: 500ms",
            "2:18: connect_timeout: \"500ms\" is not a duration; write 0.5s",
        ),
        (
            "name: a\nconnect_timeout: [5s]",
            "2:18: connect_timeout: a list is not a duration; write seconds with an s, as in 5s or 0.25s",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: x",
            "2:36: per_connection_buffer_limit_bytes: expected a whole number, found \"x\"",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: 4294967296",
            "2:36: per_connection_buffer_limit_bytes: \"4294967296\" is out of range; the field takes 0 to 4294967295",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: -1",
            "2:36: per_connection_buffer_limit_bytes: -1 is out of range; the field takes 0 to 4294967295",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: 1.5",
            "2:36: per_connection_buffer_limit_bytes: \"1.5\" is not a whole number",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: [1]",
            "2:36: per_connection_buffer_limit_bytes: expected a whole number, found a list",
        ),
        (
            "name: a\nper_connection_buffer_limit_bytes: {valu: 1}",
            "2:37: per_connection_buffer_limit_bytes.valu: unknown field `valu` in google.protobuf.UInt32Value; did you mean `value`?",
        ),
        (
            "name: a\nignore_health_on_host_removal: 1",
            "2:32: ignore_health_on_host_removal: expected true or false, found the number 1",
        ),
        (
            "name: a\ntype: WHAT",
            "2:7: type: value \"WHAT\" is not in enum envoy.config.cluster.v3.Cluster.DiscoveryType; one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST",
        ),
        (
            "name: a\ntype: STATC",
            "2:7: type: value \"STATC\" is not in enum envoy.config.cluster.v3.Cluster.DiscoveryType; did you mean `STATIC`?",
        ),
        (
            "name: a\ntype: true",
            "2:7: type: expected the name of a value, found true",
        ),
        (
            "name: a\ntype: 1.0",
            "2:7: type: value \"1.0\" is not in enum envoy.config.cluster.v3.Cluster.DiscoveryType; one of STATIC, STRICT_DNS, LOGICAL_DNS, EDS, ORIGINAL_DST",
        ),
        (
            "name: a\nmetadata: []",
            "2:11: metadata: expected a mapping (Metadata), found a list",
        ),
        (
            "name: a\nmetadata: {filter_metadata: x}",
            "2:29: metadata.filter_metadata: expected a mapping, found \"x\"",
        ),
        (
            "name: a\nmetadata: {filter_metadata: {k: x}}",
            "2:33: metadata.filter_metadata[\"k\"]: expected a mapping, found \"x\"",
        ),
        (
            "name: a\ntypedExtensionProtocolOptions: []",
            "2:32: typed_extension_protocol_options: expected a mapping, found a list",
        ),
        (
            "name: a\nhealth_checks: x",
            "2:16: health_checks[0]: expected a mapping (HealthCheck), found \"x\"",
        ),
        ("[]", "1:1: expected a mapping (Cluster), found a list"),
        ("x", "1:1: expected a mapping (Cluster), found \"x\""),
    ] {
        refuses(CLUSTER, text, &[wanted]);
    }
    refuses(
        "envoy.config.core.v3.DataSource",
        "inline_bytes: aG k",
        &[
            "1:15: inline_bytes: expected bytes in base64, found \"aG k\"; encode the bytes, as `base64` does",
        ],
    );
}

#[test]
fn two_of_one() {
    refuses(
        "envoy.config.route.v3.RouteAction",
        "cluster: a\nprefix_rewrite: /\nweighted_clusters: {clusters: [{name: b, weight: 1}]}\n",
        &[
            "3:1: weighted_clusters: `weighted_clusters` conflicts with `cluster`: only one of \
           cluster_specifier may be set (`cluster` is set on line 1)",
        ],
    );
    // Null does not set.
    accepts(
        "envoy.config.core.v3.Address",
        "pipe: ~\nsocket_address: {address: a, port_value: 1}",
    );
    refuses(
        CLUSTER,
        "name: a\ntype: EDS\nname: b\n",
        &["3:1: name: `name` is given twice (first given on line 1)"],
    );
    refuses(
        HCM,
        "stat_prefix: a\nstatPrefix: b\nroute_config: {}",
        &["2:1: statPrefix: `statPrefix` is given twice (first given on line 1)"],
    );
    refuses(
        CLUSTER,
        "name: a\nmetadata:\n  filter_metadata:\n    x: {a: 1, a: 2}\n    x: {}\n",
        &[
            "4:15: metadata.filter_metadata[\"x\"]: `a` is given twice (first given on line 4)",
            "5:5: metadata.filter_metadata: `x` is given twice (first given on line 4)",
        ],
    );
}

#[test]
fn anys() {
    let raw =
        "\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
    let any =
        |inner: &str| format!("name: a\ntransport_socket:\n  name: x\n  typed_config: {inner}\n");
    for inner in [
        "{}",
        "~",
        &format!("{{{raw}}}"),
        &format!("{{{}}}", raw.replace("type.googleapis.com", "x.y")),
        "{\"@type\": type.googleapis.com/google.protobuf.Duration, value: 5s}",
        "{value: {a: 1}, \"@type\": type.googleapis.com/google.protobuf.Struct}",
        "{\"@type\": type.googleapis.com/google.protobuf.Empty}",
        &format!("{{\"@type\": type.googleapis.com/google.protobuf.Any, value: {{{raw}}}}}"),
    ] {
        accepts(CLUSTER, &any(inner));
    }
    for (inner, wanted) in [
        (
            "{x: 1}",
            "4:17: transport_socket.typed_config: `@type` is missing; name the message, as in \"@type\": type.googleapis.com/envoy...",
        ),
        (
            "[]",
            "4:17: transport_socket.typed_config: expected a mapping with `@type`, found a list",
        ),
        (
            "{\"@type\": 5}",
            "4:27: transport_socket.typed_config.@type: expected a string, found the number 5; write \"5\" in quotes",
        ),
        (
            "{\"@type\": foo.Bar}",
            "4:27: transport_socket.typed_config.@type: \"foo.Bar\" is not a type URL; write type.googleapis.com/foo.Bar",
        ),
        (
            "{\"@type\": /foo.Bar}",
            "4:27: transport_socket.typed_config.@type: \"/foo.Bar\" is not a type URL; write type.googleapis.com/foo.Bar",
        ),
        (
            "{\"@type\": type.googleapis.com/foo.Bar}",
            "4:27: transport_socket.typed_config.@type: unknown message \"foo.Bar\"",
        ),
        (
            "{\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.raw_bufer.v3.RawBuffer}",
            "4:27: transport_socket.typed_config.@type: unknown message \"envoy.extensions.transport_sockets.raw_bufer.v3.RawBuffer\"; did you mean `envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer`?",
        ),
        (
            "{\"@type\": type.googleapis.com/google.protobuf.Duration, seconds: 5}",
            "4:73: transport_socket.typed_config: google.protobuf.Duration takes only `@type` and `value`",
        ),
        (
            "{\"@type\": type.googleapis.com/google.protobuf.Empty, value: {}}",
            "4:70: transport_socket.typed_config.value: unknown field `value` in google.protobuf.Empty",
        ),
    ] {
        refuses(CLUSTER, &any(inner), &[wanted]);
    }
    refuses(
        CLUSTER,
        &any(&format!("{{{raw}, x: 1, \"@type\": y}}")),
        &[
            "4:107: transport_socket.typed_config.x: unknown field `x` in envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
            "4:113: transport_socket.typed_config: `@type` is given twice (first given on line 4)",
        ],
    );
}

#[test]
fn typed_structs_are_checked_as_what_they_become() {
    let text = "name: a\ntyped_extension_protocol_options:\n  x:\n    \"@type\": type.googleapis.com/xds.type.v3.TypedStruct\n    type_url: type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions\n    value:\n      explicit_http_config: {http2_protocol_options: {}}\n      upstream_http_protocol_optoins: {}\n";
    refuses(
        CLUSTER,
        text,
        &[
            "8:7: typed_extension_protocol_options[\"x\"].value.upstream_http_protocol_optoins: \
        unknown field `upstream_http_protocol_optoins` in envoy.extensions.upstreams.http.v3.HttpProtocolOptions; \
        did you mean `upstream_http_protocol_options`?",
        ],
    );
    accepts(CLUSTER, &text.replace("optoins", "options"));
    // Without a value it becomes an empty message.
    refuses(
        "google.protobuf.Any",
        "'@type': type.googleapis.com/xds.type.v3.TypedStruct\n\
         type_url: type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute\n",
        &["1:1: value: one of `disabled`, `buffer` must be set"],
    );
}

#[test]
fn rules_point_at_the_value() {
    refuses(
        BOOTSTRAP,
        "admin:\n  address:\n    socket_address:\n      address: ''\n      port_value: 65536\n",
        &[
            "4:16: admin.address.socket_address.address: \"\" must not be empty",
            "5:19: admin.address.socket_address.port_value: 65536 must be at most 65535",
        ],
    );
    refuses(
        CLUSTER,
        "type: 99\nconnect_timeout: 0s\n",
        &[
            "1:1: name: `name` must not be empty; it is not set",
            "1:7: type: 99 must be a value of enum envoy.config.cluster.v3.Cluster.DiscoveryType",
            "2:18: connect_timeout: \"0s\" must be more than 0s",
        ],
    );
    // Plain forms of well-known types obey the same rules.
    refuses(
        CLUSTER,
        "name: a\nconnect_timeout: {}",
        &["2:18: connect_timeout: a mapping must be more than 0s"],
    );
    refuses(
        "envoy.config.core.v3.Address",
        "{}",
        &["1:1: one of `socket_address`, `pipe`, `envoy_internal_address` must be set"],
    );
    refuses(
        "envoy.config.core.v3.SocketAddress",
        "address: a\nport_value: ~",
        &["1:1: one of `port_value`, `named_port` must be set"],
    );
    // Inside an `Any`, and required messages.
    refuses(
        "envoy.config.listener.v3.Filter",
        "name: x\ntyped_config:\n  \"@type\": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n  stat_prefix: ''\n  cluster: a\n",
        &["4:16: typed_config.stat_prefix: \"\" must not be empty"],
    );
    refuses(
        "envoy.config.core.v3.HealthCheck",
        "timeout: 1s\nhealthy_threshold: 1\nunhealthy_threshold: 1\ntcp_health_check: {}",
        &["1:1: interval: `interval` is required"],
    );
    // What a oneof's member demands is asked only of who chooses it.
    accepts("envoy.type.matcher.v3.StringMatcher", "exact: a");
    refuses(
        "envoy.type.matcher.v3.StringMatcher",
        "prefix: ''",
        &["1:9: prefix: \"\" must not be empty"],
    );
    // An empty item breaks what its message demands.
    refuses(
        "envoy.config.bootstrap.v3.Bootstrap.StaticResources",
        "clusters: [~]\n",
        &["1:12: clusters[0].name: `name` must not be empty; it is not set"],
    );
}

#[test]
fn what_envoy_lets_pass() {
    for (message, text) in [
        (
            CLUSTER,
            "name: 1.5\nper_connection_buffer_limit_bytes: 0x10",
        ),
        (
            CLUSTER,
            "name: 2026-01-01\nper_connection_buffer_limit_bytes: '0x10'",
        ),
        (
            CLUSTER,
            "name: a\nper_connection_buffer_limit_bytes: {value: '5'}",
        ),
        (CLUSTER, "name: a\nper_connection_buffer_limit_bytes: {}"),
        (
            CLUSTER,
            "name: a\nper_connection_buffer_limit_bytes: {value: ~}",
        ),
        (
            CLUSTER,
            "name: a\nconnect_timeout: {seconds: '5', nanos: 5}",
        ),
        (
            CLUSTER,
            "name: a\nconnect_timeout: ~\ntype: ~\nhealth_checks: ~\nmetadata: ~",
        ),
        (CLUSTER, "name: a\ntype: sTaTiC"),
        (CLUSTER, "name: a\ntype: '0'"),
        (CLUSTER, "name: a\nignore_health_on_host_removal: 'yes'"),
        (CLUSTER, "name: a\nignore_health_on_host_removal: y"),
        (
            BOOTSTRAP,
            "node: {id: ~, metadata: {a: ~}, client_features: x}",
        ),
        (BOOTSTRAP, "node: {id: a, client_features: [[a], [b, [c]]]}"),
        (BOOTSTRAP, "node: {id: a, client_features: [~]}"),
        (
            BOOTSTRAP,
            "node: {id: a, dynamic_parameters: {x: {params: {a: ~}}, y: ~, yes: {}}}",
        ),
        (BOOTSTRAP, "static_resources: {clusters: [[]]}"),
        (BOOTSTRAP, "{}"),
    ] {
        accepts(message, text);
    }
}

#[test]
fn leniencies_that_look_like_slips_are_warned_about() {
    let loaded = read(
        BOOTSTRAP,
        "node:\n  client_features: x\n  extensions: [~]\n",
    );
    assert_eq!(
        told(&loaded),
        [
            "a.yaml:2:20: warning: node.client_features: a single value where a list belongs",
            "a.yaml:3:16: warning: node.extensions[0]: null, which is read as an empty value",
        ]
    );
    let loaded = read(
        CLUSTER,
        "name: a\ntrack_cluster_stats: {}\ntrack_timeout_budgets: true\n",
    );
    assert_eq!(
        told(&loaded),
        ["a.yaml:3:1: warning: track_timeout_budgets: field `track_timeout_budgets` is deprecated"]
    );
}

#[test]
fn what_envoy_no_longer_allows() {
    refuses(
        "envoy.config.trace.v3.ZipkinConfig",
        "collector_cluster: a\ncollector_endpoint: /x\n",
        &[
            "1:1: `collector_endpoint_version` is not set, and its default is deprecated and no \
           longer allowed; Envoy refuses it unless a runtime key allows it",
        ],
    );
    accepts(
        "envoy.config.trace.v3.ZipkinConfig",
        "collector_cluster: a\ncollector_endpoint: /x\ncollector_endpoint_version: HTTP_JSON",
    );
    refuses(
        "envoy.config.route.v3.RateLimit.Action",
        "dynamic_metadata: {descriptor_key: a, metadata_key: {key: a, path: [{key: b}]}}",
        &[
            "1:1: dynamic_metadata: field `dynamic_metadata` is deprecated and no longer allowed; \
           Envoy refuses it unless a runtime key allows it",
        ],
    );
}

#[test]
fn all_errors_come_in_the_order_of_the_file_and_once() {
    let text = "
static_resources:
  clusters:
  - &c
    name: 5
    type: NOPE
  - *c
  - <<: *c
    name: ok
  listeners:
  - address: {socket_address: {address: a, port_value: 99999}}
    nam: x
admin: 5
";
    let lines: Vec<_> = read(BOOTSTRAP, text)
        .diagnostics
        .iter()
        .map(|d| d.line)
        .collect();
    assert_eq!(lines, [5, 6, 11, 12, 13]);
}

#[test]
fn secrets_are_not_repeated() {
    const CERTIFICATE: &str = "envoy.extensions.transport_sockets.tls.v3.TlsCertificate";
    for text in [
        "private_key: {inline_bytes: '!hunter2'}",
        "private_key: {inline_string: 40302010}",
        "private_key: {inline_string: hunter2, inline_bytes: aGk=}",
        "private_key: {inline_strin: hunter2, filename: x}",
        "private_key: {filename: x}\nprivateKey: {inline_string: hunter2}",
    ] {
        let loaded = read(CERTIFICATE, text);
        let all = format!(
            "{}{}",
            diagnostics::human(&loaded.diagnostics),
            diagnostics::json(&loaded.diagnostics)
        );
        assert!(loaded.has_errors(), "{text}");
        assert!(
            !all.contains("hunter2") && !all.contains("40302010"),
            "{all}"
        );
    }
}

#[test]
fn diagnostics_are_bounded() {
    let text: String = (0..5_000).map(|n| format!("x{n}: 1\n")).collect();
    let options = Options {
        diagnostics: 10,
        ..Options::default()
    };
    let loaded = read_with("a.yaml", HCM, &text, &options);
    assert_eq!(loaded.diagnostics.len(), 11);
    let last = loaded.diagnostics.last().unwrap();
    // The unset required fields count too.
    assert!(
        last.message.ends_with("more errors are not shown"),
        "{last}"
    );
}

#[test]
fn json_files_take_the_same_way() {
    let text =
        "{\"name\": \"a\",\n \"perConnectionBufferLimitBytes\": 1e2,\n \"connectTimeout\": 1.5}";
    let loaded = read_with("a.json", CLUSTER, text, &Options::default());
    assert_eq!(
        told(&loaded),
        [
            "a.json:3:20: connectTimeout: 1.5 is not a duration; write \"1.5s\""
                .replace("connectTimeout", "connect_timeout")
        ]
    );
}

#[test]
fn bytes_do_not_depend_on_the_order_of_the_file() {
    let a = "name: a\ntype: EDS\nmetadata: {filter_metadata: {b: {y: 1, x: 2}, a: {}}}\n";
    let b = "metadata: {filterMetadata: {a: {}, b: {x: 2, y: 1}}}\ntype: eds\nname: a\n";
    assert_eq!(accepts(CLUSTER, a), accepts(CLUSTER, b));
}

#[test]
fn an_envelope_has_keys_of_its_own_at_the_outermost_place_only() {
    let options = Options {
        envelope: &["kind"],
        ..Options::default()
    };
    let text = "kind: X\nname: a\nconnect_timeout: 1s\nupstream_bind_config: {kind: X}\n";
    let loaded = read_with("a.yaml", CLUSTER, text, &options);
    let lines: Vec<_> = loaded.diagnostics.iter().map(|d| d.line).collect();
    assert_eq!(lines, [4], "{:?}", told(&loaded));
}
