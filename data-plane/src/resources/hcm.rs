//! `HttpConnectionManager`: how a listener speaks HTTP and where its requests go.

use std::{sync::Arc, time::Duration};

use portway_proto::pb::envoy::{
    config::core::v3 as core, extensions::filters::network::http_connection_manager::v3 as pb,
};

use super::{
    access_log::{AccessLog, access_log},
    at::{At, Parsed},
    config_source::{ConfigSource, config_source},
    filters::http_filters,
    route::{Context, route_configuration},
    scalar,
};
use crate::{filters::FilterChain, http::h1, routing::RouteTable};

/// How one listener speaks HTTP.
#[derive(Debug)]
pub struct HttpConfig {
    pub stat_prefix: Arc<str>,
    pub routes: RouteSource,
    pub filters: FilterChain,
    pub access_logs: Vec<AccessLog>,
    pub codec: h1::Options,
    pub timeouts: Timeouts,
    pub max_requests_per_connection: Option<u32>,
    pub server: ServerHeader,
    pub client_address: ClientAddress,
    pub via: Option<Box<str>>,
    pub request_id: RequestId,
}

/// Where the routes of a listener come from.
#[derive(Clone, Debug)]
pub enum RouteSource {
    Inline(Arc<RouteTable>),
    Rds {
        name: Arc<str>,
        source: ConfigSource,
    },
}

/// How long the parts of a connection's life may take; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Between two requests.
    pub idle: Option<Duration>,
    /// From the first byte of a request to the end of its head.
    pub request_headers: Option<Duration>,
    /// From the first byte of a request to the end of its body.
    pub request: Option<Duration>,
    /// Without a byte in either direction while a request is under way.
    pub stream_idle: Option<Duration>,
    /// For a client to take notice of a close.
    pub delayed_close: Option<Duration>,
}

/// What becomes of the `server` header in responses.
#[derive(Clone, Debug)]
pub struct ServerHeader {
    pub name: Box<str>,
    pub mode: ServerHeaderMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerHeaderMode {
    Overwrite,
    AppendIfAbsent,
    PassThrough,
}

/// Whose word counts for the client's address.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress {
    pub use_remote_address: bool,
    pub trusted_hops: u32,
    pub append: bool,
}

/// What becomes of `x-request-id`.
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    pub generate: bool,
    pub preserve_external: bool,
    pub always_in_response: bool,
}

const DEFAULT_IDLE: Duration = Duration::from_secs(3600);
const DEFAULT_STREAM_IDLE: Duration = Duration::from_secs(300);
const DEFAULT_DELAYED_CLOSE: Duration = Duration::from_secs(1);
const DEFAULT_MAX_HEAD_KB: u32 = 60;
const DEFAULT_MAX_HEADERS: u32 = 100;

/// Parses a connection manager.
#[expect(deprecated, reason = "every field is answered")]
pub fn http_connection_manager(
    at: At<'_>,
    message: pb::HttpConnectionManager,
    context: &Context<'_>,
) -> Parsed<HttpConfig> {
    let pb::HttpConnectionManager {
        codec_type,
        stat_prefix,
        http_filters: filters,
        add_user_agent,
        tracing,
        common_http_protocol_options,
        http1_safe_max_connection_duration,
        http_protocol_options,
        http2_protocol_options,
        http3_protocol_options,
        server_name,
        server_header_transformation,
        scheme_header_transformation,
        max_request_headers_kb,
        stream_idle_timeout,
        stream_flush_timeout,
        request_timeout,
        request_headers_timeout,
        drain_timeout,
        drain_timeout_jitter,
        delayed_close_timeout,
        access_log: access_logs,
        access_log_flush_interval,
        flush_access_log_on_new_request,
        access_log_options,
        use_remote_address,
        xff_num_trusted_hops,
        original_ip_detection_extensions,
        early_header_mutation_extensions,
        internal_address_config,
        skip_xff_append,
        via,
        generate_request_id,
        preserve_external_request_id,
        always_set_request_id_in_response,
        forward_client_cert_details,
        set_current_client_cert_details,
        forward_client_cert_matcher,
        proxy_100_continue,
        represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
        upgrade_configs,
        normalize_path,
        merge_slashes,
        path_with_escaped_slashes_action,
        request_id_extension,
        local_reply_config,
        strip_matching_host_port,
        stream_error_on_invalid_http_message,
        path_normalization_options,
        strip_trailing_host_dot,
        proxy_status_config,
        typed_header_validation_config,
        append_x_forwarded_port,
        append_local_overload,
        add_proxy_protocol_connection_state,
        forward_proto_config,
        route_specifier,
        strip_port_mode,
    } = message;
    // Listeners take HTTP/1 only, so options for other versions have nothing to act on.
    at.harmless("http2_protocol_options", &http2_protocol_options);
    at.harmless(
        "add_proxy_protocol_connection_state",
        &add_proxy_protocol_connection_state,
    );
    at.harmless("append_local_overload", &append_local_overload);
    at.harmless(
        "set_current_client_cert_details",
        &set_current_client_cert_details,
    );
    at.refuse("http3_protocol_options", &http3_protocol_options);
    at.refuse(
        "add_user_agent",
        &add_user_agent.filter(|value| value.value),
    );
    at.refuse("tracing", &tracing);
    at.refuse(
        "http1_safe_max_connection_duration",
        &http1_safe_max_connection_duration,
    );
    at.refuse(
        "scheme_header_transformation",
        &scheme_header_transformation,
    );
    at.refuse("stream_flush_timeout", &stream_flush_timeout);
    at.refuse("drain_timeout", &drain_timeout);
    at.refuse("drain_timeout_jitter", &drain_timeout_jitter);
    at.refuse("access_log_flush_interval", &access_log_flush_interval);
    at.refuse(
        "flush_access_log_on_new_request",
        &flush_access_log_on_new_request,
    );
    at.refuse("access_log_options", &access_log_options);
    at.refuse(
        "original_ip_detection_extensions",
        &original_ip_detection_extensions,
    );
    at.refuse(
        "early_header_mutation_extensions",
        &early_header_mutation_extensions,
    );
    at.refuse("internal_address_config", &internal_address_config);
    at.refuse("forward_client_cert_details", &forward_client_cert_details);
    at.refuse("forward_client_cert_matcher", &forward_client_cert_matcher);
    at.refuse("proxy_100_continue", &proxy_100_continue);
    at.refuse(
        "represent_ipv4_remote_address_as_ipv4_mapped_ipv6",
        &represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
    );
    at.refuse("upgrade_configs", &upgrade_configs);
    at.refuse(
        "normalize_path",
        &normalize_path.filter(|value| value.value),
    );
    at.refuse("merge_slashes", &merge_slashes);
    at.refuse(
        "path_with_escaped_slashes_action",
        &path_with_escaped_slashes_action,
    );
    at.refuse("request_id_extension", &request_id_extension);
    at.refuse("local_reply_config", &local_reply_config);
    at.refuse("strip_matching_host_port", &strip_matching_host_port);
    at.refuse(
        "stream_error_on_invalid_http_message",
        &stream_error_on_invalid_http_message.filter(|value| value.value),
    );
    at.refuse("path_normalization_options", &path_normalization_options);
    at.refuse("strip_trailing_host_dot", &strip_trailing_host_dot);
    at.refuse("proxy_status_config", &proxy_status_config);
    at.refuse(
        "typed_header_validation_config",
        &typed_header_validation_config,
    );
    at.refuse("append_x_forwarded_port", &append_x_forwarded_port);
    at.refuse("forward_proto_config", &forward_proto_config);
    at.refuse("strip_port_mode", &strip_port_mode);

    at.field("codec_type", |at| {
        use pb::http_connection_manager::CodecType;
        match CodecType::try_from(codec_type) {
            Ok(CodecType::Auto | CodecType::Http1) => {}
            Ok(codec @ (CodecType::Http2 | CodecType::Http3)) => {
                at.unsupported(format!(
                    "{} is not supported by this proxy",
                    codec.as_str_name()
                ));
            }
            Err(_) => {
                at.error(format!("{codec_type} is no codec type"));
            }
        }
    });
    if stat_prefix.is_empty() {
        at.field("stat_prefix", |at| at.error("must not be empty"));
    }
    let common = at.optional(
        "common_http_protocol_options",
        common_http_protocol_options,
        common_options,
    );
    let http1 = at.optional(
        "http_protocol_options",
        http_protocol_options,
        http1_options,
    );
    let stream_idle = at.optional(
        "stream_idle_timeout",
        stream_idle_timeout,
        scalar::duration_or_none,
    );
    let request = at.optional("request_timeout", request_timeout, scalar::duration_or_none);
    let request_headers = at.optional(
        "request_headers_timeout",
        request_headers_timeout,
        scalar::duration_or_none,
    );
    let delayed_close = at.optional(
        "delayed_close_timeout",
        delayed_close_timeout,
        scalar::duration_or_none,
    );
    let max_head_kb = max_request_headers_kb.map_or(DEFAULT_MAX_HEAD_KB, |kb| kb.value);
    if !(1..=8192).contains(&max_head_kb) {
        at.field("max_request_headers_kb", |at| {
            at.error(format!("{max_head_kb} is not within 1 to 8192"))
        });
    }
    let server_mode = server_header_mode(at, server_header_transformation);
    let access_logs = at.each("access_log", access_logs, access_log);
    let routes = route_source(at, route_specifier, context);
    let filters = at.field("http_filters", |at| http_filters(at, filters));

    let common = common?.unwrap_or_default();
    let http1 = http1?.unwrap_or_else(h1::Options::requests);
    Ok(HttpConfig {
        stat_prefix: stat_prefix.into(),
        routes: routes?,
        filters: filters?,
        access_logs: access_logs?,
        codec: h1::Options {
            max_head_bytes: max_head_kb as usize * 1024,
            max_headers: common.max_headers,
            ..http1
        },
        timeouts: Timeouts {
            idle: common.idle,
            request_headers: request_headers?.flatten(),
            request: request?.flatten(),
            stream_idle: stream_idle?.unwrap_or(Some(DEFAULT_STREAM_IDLE)),
            delayed_close: delayed_close?.unwrap_or(Some(DEFAULT_DELAYED_CLOSE)),
        },
        max_requests_per_connection: common.max_requests,
        server: ServerHeader {
            name: if server_name.is_empty() {
                "envoy".into()
            } else {
                server_name.into()
            },
            mode: server_mode?,
        },
        client_address: ClientAddress {
            use_remote_address: scalar::bool_or(use_remote_address, false),
            trusted_hops: xff_num_trusted_hops,
            append: !skip_xff_append,
        },
        via: Some(via).filter(|via| !via.is_empty()).map(Into::into),
        request_id: RequestId {
            generate: scalar::bool_or(generate_request_id, true),
            preserve_external: preserve_external_request_id,
            always_in_response: always_set_request_id_in_response,
        },
    })
}

struct CommonOptions {
    idle: Option<Duration>,
    max_headers: usize,
    max_requests: Option<u32>,
}

impl Default for CommonOptions {
    fn default() -> Self {
        Self {
            idle: Some(DEFAULT_IDLE),
            max_headers: DEFAULT_MAX_HEADERS as usize,
            max_requests: None,
        }
    }
}

fn common_options(at: At<'_>, message: core::HttpProtocolOptions) -> Parsed<CommonOptions> {
    let core::HttpProtocolOptions {
        idle_timeout,
        max_connection_duration,
        max_connection_duration_jitter,
        max_headers_count,
        max_response_headers_kb,
        max_stream_duration,
        headers_with_underscores_action,
        max_requests_per_connection,
    } = message;
    at.refuse("max_connection_duration", &max_connection_duration);
    at.refuse(
        "max_connection_duration_jitter",
        &max_connection_duration_jitter,
    );
    at.harmless("max_response_headers_kb", &max_response_headers_kb);
    at.refuse("max_stream_duration", &max_stream_duration);
    at.refuse(
        "headers_with_underscores_action",
        &headers_with_underscores_action,
    );
    let idle = at.optional("idle_timeout", idle_timeout, scalar::duration_or_none)?;
    let max_headers = max_headers_count.map_or(DEFAULT_MAX_HEADERS, |count| count.value);
    if max_headers == 0 {
        return Err(at.field("max_headers_count", |at| at.error("must be 1 or more")));
    }
    Ok(CommonOptions {
        idle: idle.unwrap_or(Some(DEFAULT_IDLE)),
        max_headers: max_headers as usize,
        max_requests: max_requests_per_connection
            .map(|max| max.value)
            .filter(|max| *max > 0),
    })
}

#[expect(deprecated, reason = "every field is answered")]
fn http1_options(at: At<'_>, message: core::Http1ProtocolOptions) -> Parsed<h1::Options> {
    let core::Http1ProtocolOptions {
        allow_absolute_url,
        accept_http_10,
        default_host_for_http_10,
        header_key_format,
        enable_trailers,
        allow_chunked_length,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        use_balsa_parser,
        allow_custom_methods,
        ignore_http_11_upgrade,
    } = message;
    at.harmless("use_balsa_parser", &use_balsa_parser);
    at.harmless("send_fully_qualified_url", &send_fully_qualified_url);
    at.refuse("header_key_format", &header_key_format);
    at.refuse(
        "override_stream_error_on_invalid_http_message",
        &override_stream_error_on_invalid_http_message.filter(|value| value.value),
    );
    at.refuse("allow_custom_methods", &allow_custom_methods);
    at.refuse("ignore_http_11_upgrade", &ignore_http_11_upgrade);
    Ok(h1::Options {
        allow_absolute_url: scalar::bool_or(allow_absolute_url, true),
        accept_http_10,
        default_host_for_http_10: Some(default_host_for_http_10)
            .filter(|host| !host.is_empty())
            .map(Into::into),
        enable_trailers,
        allow_chunked_length,
        ..h1::Options::requests()
    })
}

fn server_header_mode(at: At<'_>, value: i32) -> Parsed<ServerHeaderMode> {
    use pb::http_connection_manager::ServerHeaderTransformation as Mode;
    match Mode::try_from(value) {
        Ok(Mode::Overwrite) => Ok(ServerHeaderMode::Overwrite),
        Ok(Mode::AppendIfAbsent) => Ok(ServerHeaderMode::AppendIfAbsent),
        Ok(Mode::PassThrough) => Ok(ServerHeaderMode::PassThrough),
        Err(_) => Err(at.field("server_header_transformation", |at| {
            at.error(format!("{value} is no server header transformation"))
        })),
    }
}

fn route_source(
    at: At<'_>,
    specifier: Option<pb::http_connection_manager::RouteSpecifier>,
    context: &Context<'_>,
) -> Parsed<RouteSource> {
    use pb::http_connection_manager::RouteSpecifier;
    match specifier {
        Some(RouteSpecifier::RouteConfig(config)) => at
            .field("route_config", |at| {
                route_configuration(at, config, context)
            })
            .map(|table| RouteSource::Inline(Arc::new(table))),
        Some(RouteSpecifier::Rds(rds)) => at.field("rds", |at| {
            let pb::Rds {
                config_source: source,
                route_config_name,
            } = rds;
            let source = at.required("config_source", source, config_source);
            if route_config_name.is_empty() {
                return Err(at.field("route_config_name", |at| at.error("must not be empty")));
            }
            Ok(RouteSource::Rds {
                name: route_config_name.into(),
                source: source?,
            })
        }),
        Some(RouteSpecifier::ScopedRoutes(_)) => Err(at.field("scoped_routes", |at| {
            at.unsupported("is not supported by this proxy")
        })),
        None => Err(at.error("needs a route_config or rds")),
    }
}
