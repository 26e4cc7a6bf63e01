//! `Cluster`: a service the proxy can send requests to.

mod discovery;
mod protocol;

use std::{sync::Arc, time::Duration};

use portway_proto::pb::envoy::{
    config::{cluster::v3 as pb, core::v3 as core},
    extensions::transport_sockets::raw_buffer::v3::RawBuffer,
};

use super::{
    any,
    at::{At, Parsed},
    scalar,
};
use crate::http::h1;
use discovery::dns_settings;
pub use discovery::{Discovery, DnsConfig, DnsFamily};
use protocol::{HTTP_OPTIONS_KEY, HttpOptions, http_options};
pub use protocol::{Http1Upstream, UpstreamProtocol};

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

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    let discovery = discovery::discovery(
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
