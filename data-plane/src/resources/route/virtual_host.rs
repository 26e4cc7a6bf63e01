//! `VirtualHost`.

use std::sync::Arc;

use portway_proto::pb::envoy::config::route::v3 as pb;

use super::{Shared, edits, entry, filters, metadata};
use crate::{
    resources::at::{At, Parsed},
    routing::{
        index::PathIndex,
        table::{HostRoutes, RequireTls, Route, RouteConfig, VirtualHost},
    },
};

#[expect(deprecated, reason = "every field is answered")]
pub(super) fn virtual_host(
    at: At<'_>,
    message: pb::VirtualHost,
    config: &Arc<RouteConfig>,
    shared: &Shared<'_>,
) -> Parsed<HostRoutes> {
    let pb::VirtualHost {
        name,
        domains,
        routes,
        matcher,
        require_tls,
        virtual_clusters,
        rate_limits,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        cors,
        typed_per_filter_config,
        include_request_attempt_count,
        include_attempt_count_in_response,
        retry_policy,
        retry_policy_typed_config,
        hedge_policy,
        include_is_timeout_retry_header,
        per_request_buffer_limit_bytes,
        request_body_buffer_limit,
        request_mirror_policies,
        metadata,
        route_specifiers,
    } = message;
    at.refuse("matcher", &matcher);
    at.refuse("virtual_clusters", &virtual_clusters);
    at.refuse("rate_limits", &rate_limits);
    at.refuse("cors", &cors);
    at.refuse(
        "include_request_attempt_count",
        &include_request_attempt_count,
    );
    at.refuse(
        "include_attempt_count_in_response",
        &include_attempt_count_in_response,
    );
    at.refuse("retry_policy", &retry_policy);
    at.refuse("retry_policy_typed_config", &retry_policy_typed_config);
    at.refuse("hedge_policy", &hedge_policy);
    at.refuse(
        "include_is_timeout_retry_header",
        &include_is_timeout_retry_header,
    );
    at.refuse(
        "per_request_buffer_limit_bytes",
        &per_request_buffer_limit_bytes,
    );
    at.refuse("request_body_buffer_limit", &request_body_buffer_limit);
    at.refuse("request_mirror_policies", &request_mirror_policies);
    at.refuse("route_specifiers", &route_specifiers);
    if name.is_empty() {
        at.field("name", |at| at.error("must not be empty"));
    }
    if domains.is_empty() {
        at.field("domains", |at| {
            at.error("must have at least one domain; write \"*\" for any host")
        });
    }
    let require_tls = at.field("require_tls", |at| requirement(at, require_tls));
    let edits = edits::header_edits(
        at,
        edits::Messages {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
        },
    );
    let filters = filters::overrides(at, typed_per_filter_config, shared);
    let metadata = at.optional("metadata", metadata, metadata::metadata);
    let routes = at.each("routes", routes, |at, message| {
        entry::route(at, message, shared)
    })?;
    let routes: Box<[Arc<Route>]> = routes.into_iter().map(Arc::new).collect();
    Ok(HostRoutes {
        index: PathIndex::new(&routes),
        routes,
        host: Arc::new(VirtualHost {
            name: name.into(),
            config: config.clone(),
            require_tls: require_tls?,
            edits: edits?,
            filters: filters?,
            metadata: metadata?,
        }),
    })
}

fn requirement(at: At<'_>, value: i32) -> Parsed<RequireTls> {
    use pb::virtual_host::TlsRequirementType as Tls;
    match Tls::try_from(value) {
        Ok(Tls::None) => Ok(RequireTls::No),
        Ok(Tls::ExternalOnly) => Ok(RequireTls::External),
        Ok(Tls::All) => Ok(RequireTls::All),
        Err(_) => Err(at.error(format!(
            "{value} is no requirement; write NONE, EXTERNAL_ONLY or ALL"
        ))),
    }
}
