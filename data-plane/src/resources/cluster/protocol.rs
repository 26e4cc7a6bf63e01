//! What is spoken to a cluster's endpoints.

use std::time::Duration;

use portway_proto::pb::{
    envoy::{config::core::v3 as core, extensions::upstreams::http::v3 as http_pb},
    google::protobuf::Any,
};

use crate::{
    http::h1,
    resources::{
        any,
        at::{At, Parsed},
        scalar,
    },
};

/// What is spoken to the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    Http1(Http1Upstream),
    Http2,
}

impl UpstreamProtocol {
    pub(super) fn codec(self) -> h1::Options {
        let base = h1::Options::responses();
        match self {
            UpstreamProtocol::Http1(http1) => h1::Options {
                enable_trailers: http1.trailers,
                allow_chunked_length: http1.allow_chunked_length,
                ..base
            },
            UpstreamProtocol::Http2 => base,
        }
    }
}

/// How HTTP/1 is spoken to the endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http1Upstream {
    /// Trailers are sent and taken; otherwise they end here.
    pub trailers: bool,
    /// A length beside chunks is dropped; otherwise such an answer is no answer.
    pub allow_chunked_length: bool,
}

/// Under which key a cluster holds these options.
pub(super) const HTTP_OPTIONS_KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

pub(super) struct HttpOptions {
    pub protocol: UpstreamProtocol,
    pub idle_timeout: Option<Duration>,
    pub max_requests_per_connection: Option<u32>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            protocol: UpstreamProtocol::Http1(Http1Upstream::default()),
            idle_timeout: Some(DEFAULT_IDLE_TIMEOUT),
            max_requests_per_connection: None,
        }
    }
}

#[expect(deprecated, reason = "every field is answered")]
fn http1_options(at: At<'_>, message: core::Http1ProtocolOptions) -> UpstreamProtocol {
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
    // These speak of requests that come in; here requests go out.
    at.harmless("allow_absolute_url", &allow_absolute_url);
    at.harmless("accept_http_10", &accept_http_10);
    at.harmless("default_host_for_http_10", &default_host_for_http_10);
    at.harmless(
        "override_stream_error_on_invalid_http_message",
        &override_stream_error_on_invalid_http_message,
    );
    at.harmless("allow_custom_methods", &allow_custom_methods);
    at.harmless("ignore_http_11_upgrade", &ignore_http_11_upgrade);
    at.harmless("use_balsa_parser", &use_balsa_parser);
    at.refuse("header_key_format", &header_key_format);
    at.refuse("send_fully_qualified_url", &send_fully_qualified_url);
    UpstreamProtocol::Http1(Http1Upstream {
        trailers: enable_trailers,
        allow_chunked_length,
    })
}

pub(super) fn http_options(at: At<'_>, any: &Any) -> Parsed<HttpOptions> {
    use http_pb::http_protocol_options::{
        ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
    };
    let http_pb::HttpProtocolOptions {
        common_http_protocol_options,
        upstream_http_protocol_options,
        http_filters,
        header_validation_config,
        outlier_detection,
        request_mirror_policies,
        hash_policy,
        retry_policy,
        upstream_protocol_options,
    } = any::decode(at, any)?;
    at.refuse(
        "upstream_http_protocol_options",
        &upstream_http_protocol_options,
    );
    at.refuse("http_filters", &http_filters);
    at.refuse("header_validation_config", &header_validation_config);
    at.refuse("outlier_detection", &outlier_detection);
    at.refuse("request_mirror_policies", &request_mirror_policies);
    at.refuse("hash_policy", &hash_policy);
    at.refuse("retry_policy", &retry_policy);
    let protocol = match upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config,
        })) => at.field("explicit_http_config", |at| match protocol_config {
            Some(ProtocolConfig::HttpProtocolOptions(options)) => {
                at.field("http_protocol_options", |at| Ok(http1_options(at, options)))
            }
            Some(ProtocolConfig::Http2ProtocolOptions(options)) => {
                at.field("http2_protocol_options", |at| {
                    let core::Http2ProtocolOptions {
                        connection_keepalive,
                        ..
                    } = &options;
                    at.harmless("connection_keepalive", connection_keepalive);
                    let rest = core::Http2ProtocolOptions {
                        connection_keepalive: None,
                        ..options
                    };
                    if rest == core::Http2ProtocolOptions::default() {
                        return Ok(UpstreamProtocol::Http2);
                    }
                    Err(at.unsupported(
                        "options of HTTP/2 towards upstreams are not supported by this proxy",
                    ))
                })
            }
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => Err(at
                .field("http3_protocol_options", |at| {
                    at.unsupported("is not supported by this proxy")
                })),
            None => Err(at.error("needs a protocol")),
        }),
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(_)) => Err(at
            .field("use_downstream_protocol_config", |at| {
                at.unsupported("is not supported by this proxy")
            })),
        Some(UpstreamProtocolOptions::AutoConfig(_)) => Err(at.field("auto_config", |at| {
            at.unsupported("is not supported by this proxy")
        })),
        None => Err(at.error("needs upstream_protocol_options")),
    };
    let common = at.optional(
        "common_http_protocol_options",
        common_http_protocol_options,
        |at, common| {
            let core::HttpProtocolOptions {
                idle_timeout,
                max_connection_duration,
                max_connection_duration_jitter,
                max_headers_count,
                max_response_headers_kb,
                max_stream_duration,
                headers_with_underscores_action,
                max_requests_per_connection,
            } = common;
            at.refuse("max_connection_duration", &max_connection_duration);
            at.refuse(
                "max_connection_duration_jitter",
                &max_connection_duration_jitter,
            );
            at.refuse("max_headers_count", &max_headers_count);
            at.refuse("max_response_headers_kb", &max_response_headers_kb);
            at.refuse("max_stream_duration", &max_stream_duration);
            at.refuse(
                "headers_with_underscores_action",
                &headers_with_underscores_action,
            );
            let idle_timeout =
                at.optional("idle_timeout", idle_timeout, scalar::duration_or_none)?;
            Ok((
                idle_timeout,
                max_requests_per_connection
                    .map(|max| max.value)
                    .filter(|max| *max > 0),
            ))
        },
    );
    let (idle_timeout, max_requests_per_connection) = common?.unwrap_or_default();
    Ok(HttpOptions {
        protocol: protocol?,
        idle_timeout: idle_timeout.unwrap_or(Some(DEFAULT_IDLE_TIMEOUT)),
        max_requests_per_connection,
    })
}
