//! `RouteAction`: sending a request to a cluster.

use std::{sync::Arc, time::Duration};

use portway_proto::pb::{
    envoy::config::{core::v3::RoutingPriority, route::v3 as pb},
    google::protobuf as wkt,
};

use super::{Shared, edits, filters, text};
use crate::{
    http::name::HeaderName,
    resources::{
        at::{At, Parsed, Rejected},
        scalar,
    },
    routing::{
        action::{ClusterChoice, Forward, IdleTimeout, Weighted, WeightedCluster},
        rewrite::{HostRewrite, Rewrite},
    },
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

#[expect(deprecated, reason = "every field is answered")]
pub(super) fn route_action(
    at: At<'_>,
    message: pb::RouteAction,
    shared: &Shared<'_>,
) -> Parsed<Forward> {
    let pb::RouteAction {
        cluster_not_found_response_code,
        metadata_match,
        prefix_rewrite,
        regex_rewrite,
        path_rewrite_policy,
        path_rewrite,
        append_x_forwarded_host,
        timeout,
        idle_timeout,
        flush_timeout,
        early_data_policy,
        retry_policy,
        retry_policy_typed_config,
        request_mirror_policies,
        priority,
        rate_limits,
        include_vh_rate_limits,
        hash_policy,
        cors,
        max_grpc_timeout,
        grpc_timeout_offset,
        upgrade_configs,
        internal_redirect_policy,
        internal_redirect_action,
        max_internal_redirects,
        hedge_policy,
        max_stream_duration,
        cluster_specifier,
        host_rewrite_specifier,
    } = message;
    at.refuse("metadata_match", &metadata_match);
    at.refuse("path_rewrite_policy", &path_rewrite_policy);
    at.refuse("path_rewrite", &path_rewrite);
    at.refuse("flush_timeout", &flush_timeout);
    at.refuse("early_data_policy", &early_data_policy);
    at.refuse("retry_policy", &retry_policy);
    at.refuse("retry_policy_typed_config", &retry_policy_typed_config);
    at.refuse("request_mirror_policies", &request_mirror_policies);
    at.refuse("rate_limits", &rate_limits);
    at.refuse("include_vh_rate_limits", &include_vh_rate_limits);
    at.refuse("hash_policy", &hash_policy);
    at.refuse("cors", &cors);
    at.refuse("max_grpc_timeout", &max_grpc_timeout);
    at.refuse("grpc_timeout_offset", &grpc_timeout_offset);
    at.refuse("upgrade_configs", &upgrade_configs);
    at.refuse("internal_redirect_policy", &internal_redirect_policy);
    at.refuse("internal_redirect_action", &internal_redirect_action);
    at.refuse("max_internal_redirects", &max_internal_redirects);
    at.refuse("hedge_policy", &hedge_policy);
    at.refuse("max_stream_duration", &max_stream_duration);
    match RoutingPriority::try_from(priority) {
        Ok(RoutingPriority::Default) => {}
        Ok(RoutingPriority::High) => at.refuse("priority", &priority),
        Err(_) => {
            at.field("priority", |at| {
                at.error(format!("{priority} is no priority"))
            });
        }
    }
    let clusters = cluster_choice(at, cluster_specifier, shared);
    let not_found = at.field("cluster_not_found_response_code", |at| {
        not_found_status(at, cluster_not_found_response_code)
    });
    let pattern = at.optional("regex_rewrite", regex_rewrite, text::substitution);
    let prefix = at.field("prefix_rewrite", |at| {
        text::header_value(at, &prefix_rewrite)
    });
    let rewrite = match (prefix_rewrite.is_empty(), pattern?) {
        (true, None) => None,
        (true, Some(pattern)) => Some(Box::new(Rewrite::Pattern(pattern))),
        (false, None) => Some(Box::new(Rewrite::Prefix(prefix_rewrite.into()))),
        (false, Some(_)) => {
            return Err(at.error("has both prefix_rewrite and regex_rewrite; write only one"));
        }
    };
    prefix?;
    let host_rewrite = host_rewrite(at, host_rewrite_specifier);
    let timeout = at.optional("timeout", timeout, milliseconds);
    let idle_timeout = at.optional("idle_timeout", idle_timeout, milliseconds);
    Ok(Forward {
        clusters: clusters?,
        cluster_not_found_status: not_found?,
        rewrite,
        host_rewrite: host_rewrite?.map(Box::new),
        append_forwarded_host: append_x_forwarded_host,
        timeout: timeout?.unwrap_or(Some(DEFAULT_TIMEOUT)),
        idle_timeout: match idle_timeout? {
            None => IdleTimeout::Inherit,
            Some(None) => IdleTimeout::Never,
            Some(Some(after)) => IdleTimeout::After(after),
        },
    })
}

/// A timeout in whole milliseconds, as Envoy keeps it; what is left of less than one is none.
fn milliseconds(at: At<'_>, message: wkt::Duration) -> Parsed<Option<Duration>> {
    let whole = scalar::duration(at, message)?.as_millis();
    let whole = u64::try_from(whole).unwrap_or(u64::MAX);
    Ok(Some(Duration::from_millis(whole)).filter(|timeout| !timeout.is_zero()))
}

fn not_found_status(at: At<'_>, value: i32) -> Parsed<u16> {
    use pb::route_action::ClusterNotFoundResponseCode as Code;
    match Code::try_from(value) {
        Ok(Code::ServiceUnavailable) => Ok(503),
        Ok(Code::NotFound) => Ok(404),
        Ok(Code::InternalServerError) => Ok(500),
        Err(_) => Err(at.error(format!("{value} is no response code for a missing cluster"))),
    }
}

fn host_rewrite(
    at: At<'_>,
    specifier: Option<pb::route_action::HostRewriteSpecifier>,
) -> Parsed<Option<HostRewrite>> {
    use pb::route_action::HostRewriteSpecifier as Host;
    match specifier {
        None => Ok(None),
        Some(Host::HostRewriteLiteral(literal)) => at.field("host_rewrite_literal", |at| {
            text::header_value(at, &literal)?;
            Ok(Some(literal)
                .filter(|literal| !literal.is_empty())
                .map(|literal| HostRewrite::Literal(literal.into())))
        }),
        Some(Host::HostRewriteHeader(name)) if name.is_empty() => Ok(None),
        Some(Host::HostRewriteHeader(name)) => at
            .field("host_rewrite_header", |at| {
                HeaderName::parse(&name).map_err(|error| at.error(error.to_string()))
            })
            .map(|name| Some(HostRewrite::Header(name))),
        Some(Host::HostRewritePathRegex(message)) => at
            .field("host_rewrite_path_regex", |at| {
                text::substitution(at, message)
            })
            .map(|substitution| Some(HostRewrite::Path(substitution))),
        Some(Host::AutoHostRewrite(auto)) => {
            at.refuse("auto_host_rewrite", &auto.value);
            Ok(None)
        }
        Some(Host::HostRewrite(_)) => {
            at.refuse("host_rewrite", &true);
            Err(Rejected)
        }
    }
}

fn cluster_choice(
    at: At<'_>,
    specifier: Option<pb::route_action::ClusterSpecifier>,
    shared: &Shared<'_>,
) -> Parsed<ClusterChoice> {
    use pb::route_action::ClusterSpecifier as Cluster;
    let refused = |field| {
        at.refuse(field, &true);
        Err(Rejected)
    };
    match specifier {
        Some(Cluster::Cluster(name)) => at
            .field("cluster", |at| shared.cluster(at, name))
            .map(ClusterChoice::Single),
        Some(Cluster::WeightedClusters(message)) => at
            .field("weighted_clusters", |at| weighted(at, message, shared))
            .map(|weighted| ClusterChoice::Weighted(Box::new(weighted))),
        Some(Cluster::ClusterHeader(_)) => refused("cluster_header"),
        Some(Cluster::ClusterSpecifierPlugin(_)) => refused("cluster_specifier_plugin"),
        Some(Cluster::InlineClusterSpecifierPlugin(_)) => {
            refused("inline_cluster_specifier_plugin")
        }
        None => Err(at.error("needs one of cluster and weighted_clusters")),
    }
}

#[expect(deprecated, reason = "every field is answered")]
fn weighted(at: At<'_>, message: pb::WeightedCluster, shared: &Shared<'_>) -> Parsed<Weighted> {
    use pb::weighted_cluster::RandomValueSpecifier as Random;
    let pb::WeightedCluster {
        clusters,
        total_weight,
        runtime_key_prefix,
        random_value_specifier,
    } = message;
    at.harmless("runtime_key_prefix", &runtime_key_prefix);
    at.harmless("total_weight", &total_weight);
    if clusters.is_empty() {
        return Err(at.field("clusters", |at| at.error("must have at least one cluster")));
    }
    let header = match random_value_specifier {
        None => Ok(None),
        Some(Random::HeaderName(name)) => at.field("header_name", |at| {
            let name = Some(name).filter(|name| !name.is_empty());
            name.map(|name| HeaderName::parse(&name).map_err(|error| at.error(error.to_string())))
                .transpose()
        }),
        Some(Random::UseHashPolicy(used)) => {
            at.refuse("use_hash_policy", &used.value);
            Ok(None)
        }
    };
    let clusters = at.each("clusters", clusters, |at, message| {
        weighted_cluster(at, message, shared)
    })?;
    Weighted::new(clusters, header?).map_err(|error| at.error(error.to_string()))
}

fn weighted_cluster(
    at: At<'_>,
    message: pb::weighted_cluster::ClusterWeight,
    shared: &Shared<'_>,
) -> Parsed<WeightedCluster> {
    use pb::weighted_cluster::cluster_weight::HostRewriteSpecifier as Host;
    let pb::weighted_cluster::ClusterWeight {
        name,
        cluster_header,
        weight,
        metadata_match,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        typed_per_filter_config,
        host_rewrite_specifier,
    } = message;
    at.refuse("cluster_header", &cluster_header);
    at.refuse("metadata_match", &metadata_match);
    let name: Parsed<Arc<str>> = at.field("name", |at| shared.cluster(at, name));
    let weight = at.required("weight", weight, |_, weight| Ok(weight.value));
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
    let host_rewrite = match host_rewrite_specifier {
        None => Ok(None),
        Some(Host::HostRewriteLiteral(literal)) => at
            .field("host_rewrite_literal", |at| {
                text::header_value(at, &literal)
            })
            .map(|()| {
                Some(literal)
                    .filter(|literal| !literal.is_empty())
                    .map(Into::into)
            }),
    };
    Ok(WeightedCluster {
        name: name?,
        weight: weight?,
        edits: Some(edits?).filter(|edits| !edits.is_empty()).map(Box::new),
        host_rewrite: host_rewrite?,
        filters: filters?,
    })
}
