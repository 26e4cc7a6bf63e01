//! The HTTP filters of a connection manager: from their messages to [`FilterChain`].
//!
//! A filter that this proxy does not have is refused, unless its configuration calls it optional.

use std::sync::Arc;

use portway_proto::pb::{
    envoy::extensions::filters::{
        http::{header_mutation::v3 as header_mutation_pb, router::v3 as router_pb},
        network::http_connection_manager::v3 as pb,
    },
    google::protobuf::Any,
};
use prost::Name;

use super::{
    any,
    at::{At, Parsed},
    route::Context,
};
use crate::{
    filters::{
        Filter, FilterChain, NamedFilter, RouterConfig,
        header_mutation::{HeaderMutation, HeaderMutationPerRoute},
    },
    routing::filters::FilterConfig,
};

/// Parses the list; the router must be its last entry and no other.
pub fn http_filters(at: At<'_>, messages: Vec<pb::HttpFilter>) -> Parsed<FilterChain> {
    let count = messages.len();
    let mut filters = Vec::new();
    let mut router = None;
    for (index, message) in messages.into_iter().enumerate() {
        let last = index + 1 == count;
        at.index(index, |at| match http_filter(at, message) {
            Ok(Some(Parts::Router(config))) if last => router = Some(config),
            Ok(Some(Parts::Router(_))) => {
                at.error("the router must be the last filter");
            }
            Ok(Some(Parts::Filter(filter))) => filters.push(filter),
            Ok(None) | Err(_) => {}
        });
    }
    match router {
        Some(router) => Ok(FilterChain::new(filters, router)),
        None => Err(at.error("the last filter must be envoy.filters.http.router")),
    }
}

enum Parts {
    Router(RouterConfig),
    Filter(NamedFilter),
}

fn http_filter(at: At<'_>, message: pb::HttpFilter) -> Parsed<Option<Parts>> {
    let pb::HttpFilter {
        name,
        is_optional,
        disabled,
        config_type,
    } = message;
    at.refuse("disabled", &disabled);
    let any = match config_type {
        Some(pb::http_filter::ConfigType::TypedConfig(any)) => any,
        Some(pb::http_filter::ConfigType::ConfigDiscovery(_)) => {
            return Err(at.field("config_discovery", |at| {
                at.unsupported("is not supported by this proxy")
            }));
        }
        None => return Err(at.error(format!("filter {name:?} needs a typed_config"))),
    };
    at.field("typed_config", |at| {
        let kind = any::type_name(&any);
        if kind == router_pb::Router::full_name() {
            return Ok(Some(Parts::Router(router(at, &any)?)));
        }
        if kind == header_mutation_pb::HeaderMutation::full_name() {
            let filter = Filter::HeaderMutation(HeaderMutation::parse(at, any::decode(at, &any)?)?);
            return Ok(Some(Parts::Filter(NamedFilter {
                name: name.into(),
                filter,
            })));
        }
        if is_optional {
            at.warn(format!(
                "{kind} is not supported by this proxy and skipped, because it is optional"
            ));
            return Ok(None);
        }
        Err(at.unsupported(format!("{kind} is not supported by this proxy")))
    })
}

#[expect(deprecated, reason = "every field is answered")]
fn router(at: At<'_>, any: &Any) -> Parsed<RouterConfig> {
    let router_pb::Router {
        dynamic_stats,
        start_child_span,
        upstream_log,
        upstream_log_options,
        suppress_envoy_headers,
        strict_check_headers,
        respect_expected_rq_timeout,
        suppress_grpc_request_failure_code_stats,
        upstream_http_filters,
        reject_connect_request_early_data,
    } = any::decode(at, any)?;
    at.harmless("dynamic_stats", &dynamic_stats);
    at.harmless("start_child_span", &start_child_span);
    at.harmless(
        "suppress_grpc_request_failure_code_stats",
        &suppress_grpc_request_failure_code_stats,
    );
    at.harmless(
        "reject_connect_request_early_data",
        &reject_connect_request_early_data,
    );
    at.refuse("upstream_log", &upstream_log);
    at.refuse("upstream_log_options", &upstream_log_options);
    at.refuse("strict_check_headers", &strict_check_headers);
    at.refuse("respect_expected_rq_timeout", &respect_expected_rq_timeout);
    at.refuse("upstream_http_filters", &upstream_http_filters);
    Ok(RouterConfig {
        suppress_envoy_headers,
    })
}

/// What route configurations are parsed against: the filters that routes can override.
pub fn route_context() -> Context<'static> {
    Context {
        filter_config: &route_filter_config,
        cluster_exists: None,
        validate_clusters: false,
    }
}

fn route_filter_config(
    at: At<'_>,
    _name: &str,
    any: &Any,
) -> Option<Parsed<Arc<dyn FilterConfig>>> {
    if any::type_name(any) == header_mutation_pb::HeaderMutationPerRoute::full_name() {
        return Some(
            HeaderMutationPerRoute::parse(at, any)
                .map(|config| Arc::new(config) as Arc<dyn FilterConfig>),
        );
    }
    None
}
