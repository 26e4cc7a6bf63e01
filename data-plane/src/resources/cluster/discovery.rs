//! Where a cluster's endpoints come from: its own message, names to resolve, or EDS.

use std::{sync::Arc, time::Duration};

use portway_proto::pb::{
    envoy::config::{cluster::v3 as pb, endpoint::v3 as endpoint_pb},
    google::protobuf as wkt,
};

use crate::resources::{
    address::{Address, HostPort},
    at::{At, Parsed},
    config_source::{ConfigSource, config_source},
    endpoint::{self, Assignment},
    scalar,
};

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

const DEFAULT_DNS_REFRESH: Duration = Duration::from_secs(5);

pub(super) struct DnsSettings {
    family: DnsFamily,
    refresh: Duration,
    failure_refresh: Duration,
}

pub(super) fn dns_settings(
    at: At<'_>,
    family: i32,
    refresh: Option<wkt::Duration>,
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

pub(super) fn discovery(
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
