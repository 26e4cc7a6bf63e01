//! `ClusterLoadAssignment`: which endpoints a cluster has, in which order of preference.

use portway_proto::pb::envoy::config::{core::v3 as core, endpoint::v3 as pb};

use super::{
    address::{self, Address, HostPort},
    at::{At, Parsed},
};

/// The endpoints of one cluster. `A` is [`Address`], or [`HostPort`] where names are resolved later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment<A> {
    pub cluster_name: Box<str>,
    pub endpoints: Vec<EndpointConfig<A>>,
}

/// One endpoint as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointConfig<A> {
    pub address: A,
    pub hostname: Box<str>,
    pub weight: u32,
    /// 0 is tried first.
    pub priority: u32,
    pub health: Health,
}

/// What the configuration says of an endpoint's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Healthy,
    Degraded,
    Unhealthy,
}

/// An assignment whose addresses are literal.
pub fn literal(at: At<'_>, message: pb::ClusterLoadAssignment) -> Parsed<Assignment<Address>> {
    assignment(at, message, address::address)
}

/// An assignment whose hosts may be names.
pub fn named(at: At<'_>, message: pb::ClusterLoadAssignment) -> Parsed<Assignment<HostPort>> {
    assignment(at, message, address::host_port)
}

fn assignment<A>(
    at: At<'_>,
    message: pb::ClusterLoadAssignment,
    address: fn(At<'_>, core::Address) -> Parsed<A>,
) -> Parsed<Assignment<A>> {
    let pb::ClusterLoadAssignment {
        cluster_name,
        endpoints,
        named_endpoints,
        policy,
    } = message;
    at.refuse("named_endpoints", &named_endpoints);
    let _ = at.optional("policy", policy, self::policy);
    let endpoints = at
        .each("endpoints", endpoints, |at, group| {
            locality(at, group, address)
        })?
        .into_iter()
        .flatten()
        .collect();
    Ok(Assignment {
        cluster_name: cluster_name.into(),
        endpoints,
    })
}

fn policy(at: At<'_>, message: pb::cluster_load_assignment::Policy) -> Parsed<()> {
    let pb::cluster_load_assignment::Policy {
        drop_overloads,
        overprovisioning_factor,
        endpoint_stale_after,
        weighted_priority_health,
    } = message;
    at.refuse("drop_overloads", &drop_overloads);
    at.refuse("overprovisioning_factor", &overprovisioning_factor);
    at.refuse("endpoint_stale_after", &endpoint_stale_after);
    at.refuse("weighted_priority_health", &weighted_priority_health);
    Ok(())
}

fn locality<A>(
    at: At<'_>,
    message: pb::LocalityLbEndpoints,
    address: fn(At<'_>, core::Address) -> Parsed<A>,
) -> Parsed<Vec<EndpointConfig<A>>> {
    let pb::LocalityLbEndpoints {
        locality,
        metadata,
        lb_endpoints,
        load_balancing_weight,
        priority,
        proximity,
        lb_config,
    } = message;
    // Without locality-weighted balancing, which a cluster would have to ask for, these only describe.
    let _ = (locality, load_balancing_weight);
    at.harmless("metadata", &metadata);
    at.harmless("proximity", &proximity);
    at.refuse("lb_config", &lb_config);
    let too_high = (priority > 128).then(|| {
        at.field("priority", |at| {
            at.error(format!("{priority} is too high; priorities end at 128"))
        })
    });
    let endpoints = at.each("lb_endpoints", lb_endpoints, |at, endpoint| {
        lb_endpoint(at, endpoint, priority, address)
    });
    too_high.map_or(endpoints, Err)
}

fn lb_endpoint<A>(
    at: At<'_>,
    message: pb::LbEndpoint,
    priority: u32,
    address: fn(At<'_>, core::Address) -> Parsed<A>,
) -> Parsed<EndpointConfig<A>> {
    let pb::LbEndpoint {
        health_status,
        metadata,
        load_balancing_weight,
        host_identifier,
    } = message;
    at.harmless("metadata", &metadata);
    let health = at.field("health_status", |at| health(at, health_status));
    let weight = load_balancing_weight.map_or(1, |weight| weight.value);
    let weight = if weight == 0 {
        Err(at.field("load_balancing_weight", |at| at.error("must be 1 or more")))
    } else {
        Ok(weight)
    };
    let (address, hostname) = match host_identifier {
        Some(pb::lb_endpoint::HostIdentifier::Endpoint(endpoint)) => {
            at.field("endpoint", |at| self::endpoint(at, endpoint, address))?
        }
        Some(pb::lb_endpoint::HostIdentifier::EndpointName(_)) => {
            return Err(at.field("endpoint_name", |at| {
                at.unsupported("is not supported by this proxy")
            }));
        }
        None => return Err(at.error("needs an endpoint")),
    };
    Ok(EndpointConfig {
        address,
        hostname,
        weight: weight?,
        priority,
        health: health?,
    })
}

fn endpoint<A>(
    at: At<'_>,
    message: pb::Endpoint,
    parse: fn(At<'_>, core::Address) -> Parsed<A>,
) -> Parsed<(A, Box<str>)> {
    let pb::Endpoint {
        address,
        health_check_config,
        hostname,
        additional_addresses,
        observability_name,
    } = message;
    at.harmless("health_check_config", &health_check_config);
    at.harmless("observability_name", &observability_name);
    at.refuse("additional_addresses", &additional_addresses);
    let address = at.required("address", address, parse);
    Ok((address?, hostname.into()))
}

fn health(at: At<'_>, value: i32) -> Parsed<Health> {
    use core::HealthStatus;
    match HealthStatus::try_from(value) {
        Ok(HealthStatus::Unknown | HealthStatus::Healthy) => Ok(Health::Healthy),
        Ok(HealthStatus::Degraded) => Ok(Health::Degraded),
        Ok(HealthStatus::Unhealthy | HealthStatus::Draining | HealthStatus::Timeout) => {
            Ok(Health::Unhealthy)
        }
        Err(_) => Err(at.error(format!("{value} is no health status"))),
    }
}
