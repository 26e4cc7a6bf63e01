//! `Cluster`: a service the proxy can send requests to.

use std::{sync::Arc, time::Duration};

use portway_proto::pb::{
    envoy::{
        config::{cluster::v3 as pb, core::v3 as core, endpoint::v3 as endpoint_pb},
        extensions::{
            transport_sockets::raw_buffer::v3::RawBuffer, upstreams::http::v3 as http_pb,
        },
    },
    google::protobuf::Any,
};

use super::{
    address::{Address, HostPort},
    any,
    at::{At, Parsed},
    config_source::{ConfigSource, config_source},
    endpoint::{self, Assignment},
    scalar,
};
use crate::http::h1;

/// A cluster as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterConfig {
    pub name: Arc<str>,
    /// What statistics call it.
    pub stat_name: Arc<str>,
    pub discovery: Discovery,
    pub connect_timeout: Duration,
    pub protocol: UpstreamProtocol,
    /// How answers are read.
    pub codec: h1::Options,
    /// How long an unused connection is kept.
    pub idle_timeout: Option<Duration>,
    pub max_requests_per_connection: Option<u32>,
    /// Whether the cluster keeps listeners from opening until it knows its endpoints.
    pub wait_for_warm: bool,
}

/// Where a cluster's endpoints come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Discovery {
    Static(Assignment<Address>),
    StrictDns(DnsConfig),
    Eds {
        service_name: Arc<str>,
        source: ConfigSource,
    },
}

/// Names to resolve, and how often.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsConfig {
    pub assignment: Assignment<HostPort>,
    pub family: DnsFamily,
    pub refresh: Duration,
    pub failure_refresh: Duration,
}

/// Which addresses of a name count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsFamily {
    /// IPv6 if there is any, else IPv4.
    Auto,
    V4Only,
    V6Only,
    /// IPv4 if there is any, else IPv6.
    V4Preferred,
    All,
}

/// What is spoken to the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    Http1(Http1Upstream),
    Http2,
}

impl UpstreamProtocol {
    fn codec(self) -> h1::Options {
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

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const DEFAULT_DNS_REFRESH: Duration = Duration::from_secs(5);
const HTTP_OPTIONS_KEY: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Parses a cluster.
#[expect(deprecated, reason = "every field is answered")]
pub fn cluster(at: At<'_>, message: pb::Cluster) -> Parsed<ClusterConfig> {
    let pb::Cluster {
        transport_socket_matches,
        transport_socket_matcher,
        name,
        alt_stat_name,
        stats_matcher,
        eds_cluster_config,
        connect_timeout,
        per_connection_buffer_limit_bytes,
        per_connection_buffer_high_watermark_timeout,
        lb_policy,
        load_assignment,
        health_checks,
        max_requests_per_connection,
        circuit_breakers,
        upstream_http_protocol_options,
        common_http_protocol_options,
        http_protocol_options,
        http2_protocol_options,
        typed_extension_protocol_options,
        dns_refresh_rate,
        dns_jitter,
        dns_failure_refresh_rate,
        respect_dns_ttl,
        dns_lookup_family,
        dns_resolvers,
        use_tcp_for_dns_lookups,
        dns_resolution_config,
        typed_dns_resolver_config,
        wait_for_warm_on_init,
        outlier_detection,
        cleanup_interval,
        upstream_bind_config,
        lb_subset_config,
        common_lb_config,
        transport_socket,
        metadata,
        protocol_selection,
        upstream_connection_options,
        close_connections_on_host_health_failure,
        ignore_health_on_host_removal,
        filters,
        load_balancing_policy,
        lrs_server,
        lrs_report_endpoint_metrics,
        track_timeout_budgets,
        upstream_config,
        track_cluster_stats,
        preconnect_policy,
        connection_pool_per_downstream_connection,
        queuing_policies,
        cluster_discovery_type,
        lb_config,
    } = message;
    // Buffers are bounded far below any limit that makes sense here, so a limit is kept without being read.
    let _ = per_connection_buffer_limit_bytes;
    at.harmless("stats_matcher", &stats_matcher);
    at.harmless("cleanup_interval", &cleanup_interval);
    at.harmless("metadata", &metadata);
    at.harmless(
        "ignore_health_on_host_removal",
        &ignore_health_on_host_removal,
    );
    at.harmless(
        "close_connections_on_host_health_failure",
        &close_connections_on_host_health_failure,
    );
    at.harmless("lrs_report_endpoint_metrics", &lrs_report_endpoint_metrics);
    at.harmless("track_timeout_budgets", &track_timeout_budgets);
    at.harmless("track_cluster_stats", &track_cluster_stats);
    at.harmless("dns_jitter", &dns_jitter);
    at.refuse("transport_socket_matches", &transport_socket_matches);
    at.refuse("transport_socket_matcher", &transport_socket_matcher);
    at.refuse(
        "per_connection_buffer_high_watermark_timeout",
        &per_connection_buffer_high_watermark_timeout,
    );
    at.refuse("health_checks", &health_checks);
    at.refuse("circuit_breakers", &circuit_breakers);
    at.refuse(
        "upstream_http_protocol_options",
        &upstream_http_protocol_options,
    );
    at.refuse(
        "common_http_protocol_options",
        &common_http_protocol_options,
    );
    at.refuse("http_protocol_options", &http_protocol_options);
    at.refuse("http2_protocol_options", &http2_protocol_options);
    at.refuse("respect_dns_ttl", &respect_dns_ttl);
    at.refuse("dns_resolvers", &dns_resolvers);
    at.refuse("use_tcp_for_dns_lookups", &use_tcp_for_dns_lookups);
    at.refuse("dns_resolution_config", &dns_resolution_config);
    at.refuse("typed_dns_resolver_config", &typed_dns_resolver_config);
    at.refuse("outlier_detection", &outlier_detection);
    at.refuse("upstream_bind_config", &upstream_bind_config);
    at.refuse("lb_subset_config", &lb_subset_config);
    at.refuse("common_lb_config", &common_lb_config);
    at.refuse("protocol_selection", &protocol_selection);
    at.refuse("upstream_connection_options", &upstream_connection_options);
    at.refuse("filters", &filters);
    at.refuse("load_balancing_policy", &load_balancing_policy);
    at.refuse("lrs_server", &lrs_server);
    at.refuse("upstream_config", &upstream_config);
    at.refuse("preconnect_policy", &preconnect_policy);
    at.refuse(
        "connection_pool_per_downstream_connection",
        &connection_pool_per_downstream_connection,
    );
    at.refuse("queuing_policies", &queuing_policies);
    at.refuse("lb_config", &lb_config);
    let _ = at.field("lb_policy", |at| self::lb_policy(at, lb_policy));
    let _ = at.optional("transport_socket", transport_socket, plaintext);
    let connect_timeout = at.optional(
        "connect_timeout",
        connect_timeout,
        scalar::positive_duration,
    );
    let deprecated_max_requests = max_requests_per_connection
        .map(|max| max.value)
        .filter(|max| *max > 0);
    let dns = dns_settings(
        at,
        dns_lookup_family,
        dns_refresh_rate,
        dns_failure_refresh_rate,
    );
    let http = at.field("typed_extension_protocol_options", |at| {
        let mut options = HttpOptions::default();
        for (key, any) in &typed_extension_protocol_options {
            at.key(key, |at| match key.as_str() {
                HTTP_OPTIONS_KEY => http_options(at, any).map(|parsed| options = parsed),
                _ => Err(at.unsupported("these protocol options are not supported by this proxy")),
            })?;
        }
        Ok(options)
    });
    let discovery = discovery(
        at,
        &name,
        cluster_discovery_type,
        load_assignment,
        eds_cluster_config,
        dns,
    );
    let named = if name.is_empty() {
        Err(at.field("name", |at| at.error("must not be empty")))
    } else {
        Ok(())
    };

    named?;
    let http = http?;
    let name: Arc<str> = name.into();
    Ok(ClusterConfig {
        stat_name: if alt_stat_name.is_empty() {
            name.clone()
        } else {
            alt_stat_name.into()
        },
        name,
        discovery: discovery?,
        connect_timeout: connect_timeout?.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
        codec: http.protocol.codec(),
        protocol: http.protocol,
        idle_timeout: http.idle_timeout,
        max_requests_per_connection: http.max_requests_per_connection.or(deprecated_max_requests),
        wait_for_warm: scalar::bool_or(wait_for_warm_on_init, true),
    })
}

fn lb_policy(at: At<'_>, value: i32) -> Parsed<()> {
    use pb::cluster::LbPolicy;
    match LbPolicy::try_from(value) {
        Ok(LbPolicy::RoundRobin) => Ok(()),
        Ok(
            policy @ (LbPolicy::LeastRequest
            | LbPolicy::RingHash
            | LbPolicy::Random
            | LbPolicy::Maglev
            | LbPolicy::ClusterProvided
            | LbPolicy::LoadBalancingPolicyConfig),
        ) => Err(at.unsupported(format!(
            "{} is not supported by this proxy; use ROUND_ROBIN",
            policy.as_str_name()
        ))),
        Err(_) => Err(at.error(format!("{value} is no load balancing policy"))),
    }
}

/// The transport sockets that mean "none".
pub fn plaintext(at: At<'_>, message: core::TransportSocket) -> Parsed<()> {
    let core::TransportSocket {
        name: _,
        config_type,
    } = message;
    match config_type {
        Some(core::transport_socket::ConfigType::TypedConfig(any)) => {
            at.field("typed_config", |at| {
                if any::type_name(&any) == <RawBuffer as prost::Name>::full_name() {
                    return Ok(());
                }
                Err(at.unsupported(format!(
                    "{} is not supported by this proxy",
                    any::type_name(&any)
                )))
            })
        }
        None => Err(at.unsupported("is not supported by this proxy without a typed_config")),
    }
}

struct DnsSettings {
    family: DnsFamily,
    refresh: Duration,
    failure_refresh: Duration,
}

fn dns_settings(
    at: At<'_>,
    family: i32,
    refresh: Option<portway_proto::pb::google::protobuf::Duration>,
    failure: Option<pb::cluster::RefreshRate>,
) -> Parsed<DnsSettings> {
    use pb::cluster::DnsLookupFamily;
    let refresh = at.optional("dns_refresh_rate", refresh, scalar::positive_duration);
    let failure = at.optional("dns_failure_refresh_rate", failure, |at, rate| {
        let pb::cluster::RefreshRate {
            base_interval,
            max_interval,
        } = rate;
        at.harmless("max_interval", &max_interval);
        at.required("base_interval", base_interval, scalar::positive_duration)
    });
    let family = match DnsLookupFamily::try_from(family) {
        Ok(DnsLookupFamily::Auto) => Ok(DnsFamily::Auto),
        Ok(DnsLookupFamily::V4Only) => Ok(DnsFamily::V4Only),
        Ok(DnsLookupFamily::V6Only) => Ok(DnsFamily::V6Only),
        Ok(DnsLookupFamily::V4Preferred) => Ok(DnsFamily::V4Preferred),
        Ok(DnsLookupFamily::All) => Ok(DnsFamily::All),
        Err(_) => Err(at.field("dns_lookup_family", |at| {
            at.error(format!("{family} is no lookup family"))
        })),
    };
    let refresh = refresh?.unwrap_or(DEFAULT_DNS_REFRESH);
    Ok(DnsSettings {
        family: family?,
        refresh,
        failure_refresh: failure?.unwrap_or(refresh),
    })
}

fn discovery(
    at: At<'_>,
    name: &str,
    kind: Option<pb::cluster::ClusterDiscoveryType>,
    assignment: Option<endpoint_pb::ClusterLoadAssignment>,
    eds: Option<pb::cluster::EdsClusterConfig>,
    dns: Parsed<DnsSettings>,
) -> Parsed<Discovery> {
    use pb::cluster::{ClusterDiscoveryType, DiscoveryType};
    let kind = match kind {
        None => DiscoveryType::Static,
        Some(ClusterDiscoveryType::Type(value)) => {
            DiscoveryType::try_from(value).map_err(|_| {
                at.field("type", |at| {
                    at.error(format!("{value} is no discovery type"))
                })
            })?
        }
        Some(ClusterDiscoveryType::ClusterType(_)) => {
            return Err(at.field("cluster_type", |at| {
                at.unsupported("is not supported by this proxy")
            }));
        }
    };
    if kind != DiscoveryType::Eds && eds.is_some() {
        return Err(at.field("eds_cluster_config", |at| {
            at.error("is only for clusters of type EDS")
        }));
    }
    match kind {
        DiscoveryType::Static => {
            let empty = endpoint_pb::ClusterLoadAssignment::default();
            let assignment = assignment.unwrap_or(empty);
            at.field("load_assignment", |at| endpoint::literal(at, assignment))
                .map(Discovery::Static)
        }
        DiscoveryType::StrictDns => {
            let assignment = at.required("load_assignment", assignment, endpoint::named);
            let DnsSettings {
                family,
                refresh,
                failure_refresh,
            } = dns?;
            Ok(Discovery::StrictDns(DnsConfig {
                assignment: assignment?,
                family,
                refresh,
                failure_refresh,
            }))
        }
        DiscoveryType::Eds => {
            if assignment.is_some() {
                return Err(at.field("load_assignment", |at| {
                    at.error("an EDS cluster gets its endpoints by EDS")
                }));
            }
            at.required("eds_cluster_config", eds, |at, config| {
                let pb::cluster::EdsClusterConfig {
                    eds_config,
                    service_name,
                } = config;
                let source = at.required("eds_config", eds_config, config_source)?;
                let service_name = if service_name.is_empty() {
                    name.into()
                } else {
                    service_name.into()
                };
                Ok(Discovery::Eds {
                    service_name,
                    source,
                })
            })
        }
        DiscoveryType::LogicalDns | DiscoveryType::OriginalDst => Err(at.field("type", |at| {
            at.unsupported(format!(
                "{} is not supported by this proxy",
                kind.as_str_name()
            ))
        })),
    }
}

struct HttpOptions {
    protocol: UpstreamProtocol,
    idle_timeout: Option<Duration>,
    max_requests_per_connection: Option<u32>,
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

fn http_options(at: At<'_>, any: &Any) -> Parsed<HttpOptions> {
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
