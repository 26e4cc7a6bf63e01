//! `Listener`: an address, and what happens to the connections it takes.

use std::sync::Arc;

use portway_proto::pb::envoy::{
    config::listener::v3 as pb,
    extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
};

use super::{
    address::{Address, address},
    any,
    at::{At, Parsed},
    filters::route_context,
    hcm::{HttpConfig, http_connection_manager},
    route::Context,
    scalar,
};

/// A listener as configured.
#[derive(Debug)]
pub struct ListenerConfig {
    pub name: Arc<str>,
    pub addresses: Vec<Address>,
    /// What statistics call it: `stat_prefix`, else the first address.
    pub stat_name: Arc<str>,
    pub http: HttpConfig,
    pub backlog: u32,
    /// One socket per worker; otherwise one socket for all.
    pub reuse_port: bool,
}

/// What Linux takes at most unless told otherwise; Envoy asks for the same.
const DEFAULT_BACKLOG: u32 = 4096;

/// Parses a listener whose routes may name any cluster.
pub fn listener(at: At<'_>, message: pb::Listener) -> Parsed<ListenerConfig> {
    listener_among(at, message, &route_context())
}

/// Parses a listener.
#[expect(deprecated, reason = "every field is answered")]
pub fn listener_among(
    at: At<'_>,
    message: pb::Listener,
    context: &Context<'_>,
) -> Parsed<ListenerConfig> {
    let pb::Listener {
        name,
        address: main_address,
        additional_addresses,
        stat_prefix,
        stats_matcher,
        filter_chains,
        fcds_config,
        filter_chain_matcher,
        use_original_dst,
        default_filter_chain,
        per_connection_buffer_limit_bytes,
        per_connection_buffer_high_watermark_timeout,
        metadata,
        deprecated_v1,
        drain_type,
        listener_filters,
        listener_filters_timeout,
        continue_on_listener_filters_timeout,
        transparent,
        freebind,
        socket_options,
        tcp_fast_open_queue_length,
        traffic_direction,
        udp_listener_config,
        api_listener,
        connection_balance_config,
        reuse_port,
        enable_reuse_port,
        access_log,
        tcp_backlog_size,
        max_connections_to_accept_per_socket_event,
        bind_to_port,
        enable_mptcp,
        ignore_global_conn_limit,
        bypass_overload_manager,
        tcp_keepalive,
        listener_specifier,
    } = message;
    // Buffers are bounded far below any limit that makes sense here.
    let _ = per_connection_buffer_limit_bytes;
    at.harmless("stats_matcher", &stats_matcher);
    at.harmless("metadata", &metadata);
    at.harmless("traffic_direction", &traffic_direction);
    at.harmless(
        "max_connections_to_accept_per_socket_event",
        &max_connections_to_accept_per_socket_event,
    );
    at.harmless("ignore_global_conn_limit", &ignore_global_conn_limit);
    at.harmless("bypass_overload_manager", &bypass_overload_manager);
    at.harmless("listener_filters_timeout", &listener_filters_timeout);
    at.harmless(
        "continue_on_listener_filters_timeout",
        &continue_on_listener_filters_timeout,
    );
    at.refuse("fcds_config", &fcds_config);
    at.refuse("filter_chain_matcher", &filter_chain_matcher);
    at.refuse("use_original_dst", &use_original_dst);
    at.refuse(
        "per_connection_buffer_high_watermark_timeout",
        &per_connection_buffer_high_watermark_timeout,
    );
    at.refuse("deprecated_v1", &deprecated_v1);
    at.refuse("drain_type", &drain_type);
    at.refuse("listener_filters", &listener_filters);
    at.refuse("transparent", &transparent.filter(|value| value.value));
    at.refuse("freebind", &freebind.filter(|value| value.value));
    at.refuse("socket_options", &socket_options);
    at.refuse("tcp_fast_open_queue_length", &tcp_fast_open_queue_length);
    at.refuse("udp_listener_config", &udp_listener_config);
    at.refuse("api_listener", &api_listener);
    at.refuse("connection_balance_config", &connection_balance_config);
    at.refuse("access_log", &access_log);
    at.refuse("bind_to_port", &bind_to_port.filter(|value| !value.value));
    at.refuse("enable_mptcp", &enable_mptcp);
    at.refuse("tcp_keepalive", &tcp_keepalive);
    at.refuse("listener_specifier", &listener_specifier);

    let first = at.required("address", main_address, address);
    let additional = at.each(
        "additional_addresses",
        additional_addresses,
        |at, additional| {
            let pb::AdditionalAddress {
                address: more,
                socket_options,
                tcp_keepalive,
            } = additional;
            at.refuse("socket_options", &socket_options);
            at.refuse("tcp_keepalive", &tcp_keepalive);
            at.required("address", more, address)
        },
    );
    let http = chain(at, filter_chains, default_filter_chain, context);
    let backlog = tcp_backlog_size.map_or(DEFAULT_BACKLOG, |size| size.value);

    let first = first?;
    let mut addresses = vec![first];
    addresses.extend(additional?);
    let first = addresses
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    Ok(ListenerConfig {
        // Envoy makes up a name where there is none; the address is as good and can be understood.
        name: if name.is_empty() {
            first.as_str().into()
        } else {
            name.into()
        },
        stat_name: if stat_prefix.is_empty() {
            first.into()
        } else {
            stat_prefix.into()
        },
        addresses,
        http: http?,
        backlog,
        reuse_port: scalar::bool_or(enable_reuse_port, true) || reuse_port,
    })
}

/// The one chain a listener has: the only one without conditions, or the default.
fn chain(
    at: At<'_>,
    chains: Vec<pb::FilterChain>,
    default: Option<pb::FilterChain>,
    context: &Context<'_>,
) -> Parsed<HttpConfig> {
    let mut chains = chains.into_iter();
    match (chains.next(), chains.next(), default) {
        (Some(only), None, None) => at.field("filter_chains", |at| {
            at.index(0, |at| filter_chain(at, only, context))
        }),
        (None, None, Some(default)) => at.field("default_filter_chain", |at| {
            filter_chain(at, default, context)
        }),
        (None, None, None) => Err(at.error("needs a filter chain")),
        _ => Err(at.field("filter_chains", |at| {
            at.unsupported("more than one filter chain is not supported by this proxy")
        })),
    }
}

#[expect(deprecated, reason = "every field is answered")]
fn filter_chain(at: At<'_>, message: pb::FilterChain, context: &Context<'_>) -> Parsed<HttpConfig> {
    let pb::FilterChain {
        filter_chain_match,
        filters,
        use_proxy_proto,
        metadata,
        transport_socket,
        transport_socket_connect_timeout,
        name: _,
    } = message;
    at.harmless("metadata", &metadata);
    at.harmless(
        "transport_socket_connect_timeout",
        &transport_socket_connect_timeout,
    );
    at.refuse(
        "use_proxy_proto",
        &use_proxy_proto.filter(|value| value.value),
    );
    at.refuse(
        "filter_chain_match",
        &filter_chain_match.filter(|found| *found != pb::FilterChainMatch::default()),
    );
    let _ = at.optional(
        "transport_socket",
        transport_socket,
        super::cluster::plaintext,
    );
    let mut filters = filters.into_iter();
    match (filters.next(), filters.next()) {
        (Some(only), None) => at.field("filters", |at| {
            at.index(0, |at| network_filter(at, only, context))
        }),
        (None, None) => Err(at.field("filters", |at| at.error("needs a filter"))),
        _ => Err(at.field("filters", |at| {
            at.unsupported(
                "filters beside the HTTP connection manager are not supported by this proxy",
            )
        })),
    }
}

fn network_filter(at: At<'_>, message: pb::Filter, context: &Context<'_>) -> Parsed<HttpConfig> {
    let pb::Filter { name, config_type } = message;
    match config_type {
        Some(pb::filter::ConfigType::TypedConfig(any)) => at.field("typed_config", |at| {
            if any::type_name(&any) != <HttpConnectionManager as prost::Name>::full_name() {
                return Err(at.unsupported(format!(
                    "{} is not supported by this proxy",
                    any::type_name(&any)
                )));
            }
            http_connection_manager(at, any::decode(at, &any)?, context)
        }),
        Some(pb::filter::ConfigType::ConfigDiscovery(_)) => Err(at
            .field("config_discovery", |at| {
                at.unsupported("is not supported by this proxy")
            })),
        None => Err(at.error(format!("filter {name:?} needs a typed_config"))),
    }
}
