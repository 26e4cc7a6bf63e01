//! `RouteConfiguration` to a [`RouteTable`].
//!
//! Everything that Envoy refuses is refused here. What Envoy takes and this proxy does not offer yet is
//! refused by name: retries, hedging, mirroring, hashing, rate limits, CORS, internal redirects, cluster
//! choice by header or plugin, matcher trees, and conditions on certificates, cookies and metadata.

mod answer;
mod conditions;
pub mod edits;
mod entry;
mod filters;
mod forward;
pub mod metadata;
pub mod text;
mod virtual_host;

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use portway_proto::pb::{envoy::config::route::v3 as pb, google::protobuf::Any};

use super::{
    at::{At, Parsed},
    scalar,
};
use crate::routing::{
    edits::HeaderEdits,
    filters::FilterConfig,
    hosts::{Domains, Host},
    pattern::Pattern,
    table::{RouteConfig, RouteTable},
};

/// What a route configuration is parsed against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Parses a filter's configuration for a part of the routes; `None` means that there is no such filter,
    /// or that it has no such configuration.
    pub filter_config: FilterConfigParser<'a>,
    /// Says whether a cluster exists, where that can be known.
    pub cluster_exists: Option<&'a dyn Fn(&str) -> bool>,
    /// Whether clusters must exist when `validate_clusters` is not set. Envoy: yes for routes inside a
    /// listener of the bootstrap, no for others.
    pub validate_clusters: bool,
}

/// Takes the filter's name and its message.
pub type FilterConfigParser<'a> =
    &'a dyn Fn(At<'_>, &str, &Any) -> Option<Parsed<Arc<dyn FilterConfig>>>;

/// Envoy's limit for the body of a direct response, unless the configuration names another.
const DEFAULT_MAX_BODY: usize = 4096;

/// What is shared by the parsers of one configuration.
struct Shared<'a> {
    context: Context<'a>,
    validate_clusters: bool,
    max_body: usize,
    clusters: RefCell<BTreeSet<Arc<str>>>,
    patterns: RefCell<HashMap<Box<str>, Arc<Pattern>>>,
    no_name: Arc<str>,
}

impl Shared<'_> {
    /// A cluster that a route names.
    fn cluster(&self, at: At<'_>, name: String) -> Parsed<Arc<str>> {
        if name.is_empty() {
            return Err(at.error("must name a cluster"));
        }
        let exists = self
            .context
            .cluster_exists
            .is_none_or(|exists| exists(&name));
        if self.validate_clusters && !exists {
            return Err(at.error(format!("there is no cluster {name:?}")));
        }
        let mut clusters = self.clusters.borrow_mut();
        if let Some(known) = clusters.get(name.as_str()) {
            return Ok(known.clone());
        }
        let name: Arc<str> = name.into();
        clusters.insert(name.clone());
        Ok(name)
    }

    /// A pattern, compiled once for all routes that use it.
    fn pattern(&self, at: At<'_>, text: &str) -> Parsed<Arc<Pattern>> {
        if let Some(known) = self.patterns.borrow().get(text) {
            return Ok(known.clone());
        }
        let pattern = Pattern::parse(text).map_err(|error| at.error(error.to_string()))?;
        let pattern = Arc::new(pattern);
        self.patterns
            .borrow_mut()
            .insert(text.into(), pattern.clone());
        Ok(pattern)
    }

    fn name(&self, name: String) -> Arc<str> {
        if name.is_empty() {
            self.no_name.clone()
        } else {
            name.into()
        }
    }
}

/// Parses a route configuration.
pub fn route_configuration(
    at: At<'_>,
    message: pb::RouteConfiguration,
    context: &Context<'_>,
) -> Parsed<RouteTable> {
    let pb::RouteConfiguration {
        name,
        virtual_hosts,
        vhds,
        internal_only_headers,
        response_headers_to_add,
        response_headers_to_remove,
        request_headers_to_add,
        request_headers_to_remove,
        most_specific_header_mutations_wins,
        validate_clusters,
        max_direct_response_body_size_bytes,
        cluster_specifier_plugins,
        request_mirror_policies,
        ignore_port_in_host_matching,
        vhost_header,
        ignore_path_parameters_in_path_matching,
        typed_per_filter_config,
        metadata,
        route_specifiers,
    } = message;
    at.refuse("vhds", &vhds);
    at.refuse("internal_only_headers", &internal_only_headers);
    at.refuse("cluster_specifier_plugins", &cluster_specifier_plugins);
    at.refuse("request_mirror_policies", &request_mirror_policies);
    at.refuse("vhost_header", &vhost_header);
    at.refuse("route_specifiers", &route_specifiers);
    let shared = Shared {
        context: *context,
        validate_clusters: scalar::bool_or(validate_clusters, context.validate_clusters),
        // Zero is no limit, as in Envoy.
        max_body: match max_direct_response_body_size_bytes.map(|bytes| bytes.value) {
            None => DEFAULT_MAX_BODY,
            Some(0) => usize::MAX,
            Some(bytes) => bytes as usize,
        },
        clusters: RefCell::default(),
        patterns: RefCell::default(),
        no_name: "".into(),
    };
    let edits = edits::header_edits(
        at,
        edits::Messages {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
        },
    );
    let filters = filters::overrides(at, typed_per_filter_config, &shared);
    let metadata = at.optional("metadata", metadata, metadata::metadata);
    let domains = domains(at, &virtual_hosts);
    let config = Arc::new(RouteConfig {
        name: name.into(),
        // Whatever failed has been reported, and the resource with it; what follows is still worth a look.
        edits: edits.unwrap_or_else(|_| HeaderEdits::default()),
        most_specific_edits_win: most_specific_header_mutations_wins,
        filters: filters.unwrap_or_default(),
        metadata: metadata.unwrap_or_default(),
    });
    let virtual_hosts = at.each("virtual_hosts", virtual_hosts, |at, message| {
        virtual_host::virtual_host(at, message, &config, &shared)
    });
    Ok(RouteTable {
        config,
        hosts: domains?.build(ignore_port_in_host_matching),
        virtual_hosts: virtual_hosts?,
        clusters: shared.clusters.into_inner().into_iter().collect(),
        ignore_path_parameters: ignore_path_parameters_in_path_matching,
    })
}

fn domains(at: At<'_>, virtual_hosts: &[pb::VirtualHost]) -> Parsed<Domains> {
    let mut domains = Domains::default();
    at.each(
        "virtual_hosts",
        virtual_hosts.iter().zip(0..),
        |at, (virtual_host, place)| {
            at.each("domains", &virtual_host.domains, |at, domain| {
                if let Some(bad) = domain.chars().find(|c| matches!(c, '\0' | '\r' | '\n')) {
                    return Err(at.error(format!("{domain:?} must not contain {bad:?}")));
                }
                domains.insert(domain, Host(place)).map_err(|taken| {
                    let other = virtual_hosts.get(taken.0.0 as usize);
                    let other = other.map_or("", |other| &other.name);
                    at.error(format!(
                        "{domain:?} is already a domain of virtual host {other:?}"
                    ))
                })
            })
        },
    )?;
    Ok(domains)
}

#[cfg(test)]
mod tests;
