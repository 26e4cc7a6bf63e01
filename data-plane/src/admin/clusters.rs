//! `/clusters`: clusters in force, and their endpoints.

use std::fmt::Write;

use http::{Response, StatusCode};
use portway_proto::pb::envoy::{
    admin::v3::{self as pb, simple_metric},
    config::core::v3::HealthStatus,
};
use regex::RegexBuilder;

use super::{
    View,
    answer::{self, Body},
    pages,
    params::Params,
    view::address_message,
};
use crate::{
    clusters::{Cluster, endpoints::Member},
    resources::{cluster::Discovery, endpoint::Health},
    snapshot::state::Origin,
    stats::{Cell, Kind, endpoint::EndpointCell},
};

/// A filter may not compile to more than this.
const MAX_FILTER: usize = 1 << 20;

pub fn answer(view: &View, params: &Params) -> Response<Body> {
    let filter = params.get("filter").filter(|filter| !filter.is_empty());
    let filter = filter.map(|filter| RegexBuilder::new(filter).size_limit(MAX_FILTER).build());
    let filter = match filter.transpose() {
        Ok(filter) => filter,
        Err(error) => {
            return answer::text(
                StatusCode::BAD_REQUEST,
                format!("invalid filter: {error}\n"),
            );
        }
    };
    let clusters: Vec<(&Cluster, bool)> = view
        .clusters
        .iter()
        .filter(|(resource, _)| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(&resource.name))
        })
        .filter_map(|(resource, cluster)| {
            Some((cluster.as_deref()?, resource.raw.origin == Origin::Stream))
        })
        .collect();
    match params.get("format") {
        Some("json") => pages::message(&pb::Clusters {
            cluster_statuses: clusters
                .into_iter()
                .map(|(cluster, via_api)| status(cluster, via_api))
                .collect(),
        }),
        _ => {
            let pieces: Vec<String> = clusters
                .into_iter()
                .map(|(cluster, via_api)| text(cluster, via_api))
                .collect();
            answer::stream(answer::Kind::Text, pieces.into_iter())
        }
    }
}

fn text(cluster: &Cluster, via_api: bool) -> String {
    let name = &cluster.config.name;
    let mut out = String::new();
    // A String takes every write.
    let _ = writeln!(
        out,
        "{name}::observability_name::{}",
        cluster.config.stat_name
    );
    let _ = writeln!(out, "{name}::added_via_api::{via_api}");
    if let Discovery::Eds { service_name, .. } = &cluster.config.discovery {
        let _ = writeln!(out, "{name}::eds_service_name::{service_name}");
    }
    for member in &cluster.endpoints.members {
        let address = &member.endpoint.address_text;
        let mut line = |what: &str, value: &dyn std::fmt::Display| {
            let _ = writeln!(out, "{name}::{address}::{what}::{value}");
        };
        for cell in EndpointCell::ALL {
            line(cell.name(), &member.endpoint.stats.read(*cell));
        }
        line("hostname", &member.hostname);
        line("health_flags", &health_flags(member));
        line("weight", &member.weight);
        line("region", &"");
        line("zone", &"");
        line("sub_zone", &"");
        line("canary", &false);
        line("priority", &member.priority);
        line("success_rate", &"-1");
        line("local_origin_success_rate", &"-1");
    }
    out
}

fn health_flags(member: &Member) -> &'static str {
    match member.health {
        Health::Healthy => "healthy",
        Health::Degraded => "/degraded_eds_health",
        Health::Unhealthy => "/failed_eds_health",
    }
}

fn status(cluster: &Cluster, via_api: bool) -> pb::ClusterStatus {
    let service_name = match &cluster.config.discovery {
        Discovery::Eds { service_name, .. } => service_name.to_string(),
        Discovery::Static(_) | Discovery::StrictDns(_) => String::new(),
    };
    pb::ClusterStatus {
        name: cluster.config.name.to_string(),
        added_via_api: via_api,
        host_statuses: cluster.endpoints.members.iter().map(host).collect(),
        observability_name: cluster.config.stat_name.to_string(),
        eds_service_name: service_name,
        ..pb::ClusterStatus::default()
    }
}

fn host(member: &Member) -> pb::HostStatus {
    let metric = |cell: &EndpointCell| pb::SimpleMetric {
        r#type: match cell.kind() {
            Kind::Gauge => simple_metric::Type::Gauge.into(),
            Kind::Counter | Kind::Rare => simple_metric::Type::Counter.into(),
        },
        name: cell.name().to_owned(),
        value: member.endpoint.stats.read(*cell),
    };
    let (gauges, counters): (Vec<_>, Vec<_>) = EndpointCell::ALL
        .iter()
        .partition(|cell| cell.kind() == Kind::Gauge);
    let health = match member.health {
        Health::Healthy => HealthStatus::Healthy,
        Health::Degraded => HealthStatus::Degraded,
        Health::Unhealthy => HealthStatus::Unhealthy,
    };
    pb::HostStatus {
        address: Some(address_message(&member.endpoint.address)),
        stats: counters.into_iter().chain(gauges).map(metric).collect(),
        health_status: Some(pb::HostHealthStatus {
            eds_health_status: health.into(),
            ..pb::HostHealthStatus::default()
        }),
        weight: member.weight,
        hostname: member.hostname.to_string(),
        priority: member.priority,
        ..pb::HostStatus::default()
    }
}
