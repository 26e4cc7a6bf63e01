//! Service to Cluster and ClusterLoadAssignment.
//!
//! Static endpoints travel by EDS, so that a change of endpoints leaves the cluster, and every connection to an
//! endpoint that stays, as they are. The cluster's name is the Service's: that is what statistics and access logs
//! show.

use portway_proto::pb::envoy::config::cluster::v3::Cluster;
use portway_proto::pb::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, DnsLookupFamily, EdsClusterConfig, LbPolicy,
};
use portway_proto::pb::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
};
use portway_proto::pb::google::protobuf::UInt32Value;

use super::{address, ads, duration};
use crate::model::Service;
use crate::model::service::{Endpoints, LoadBalancing};

pub(super) fn compile(name: &str, service: &Service) -> (Cluster, Option<ClusterLoadAssignment>) {
    let Service {
        endpoints,
        load_balancing,
        connect_timeout,
    } = service;
    let lb_policy = match load_balancing {
        LoadBalancing::RoundRobin => LbPolicy::RoundRobin,
    };
    let cluster = Cluster {
        name: name.to_owned(),
        lb_policy: lb_policy.into(),
        connect_timeout: connect_timeout.map(duration),
        ..Default::default()
    };
    match endpoints {
        Endpoints::Static(endpoints) => {
            let hosts = endpoints.iter().map(|endpoint| {
                let ip = endpoint.address.ip().to_string();
                host(&ip, endpoint.address.port(), endpoint.weight)
            });
            let assignment = assignment(name, hosts.collect());
            let cluster = Cluster {
                cluster_discovery_type: discovery(DiscoveryType::Eds),
                eds_cluster_config: Some(EdsClusterConfig {
                    eds_config: Some(ads()),
                    ..Default::default()
                }),
                ..cluster
            };
            (cluster, Some(assignment))
        }
        Endpoints::Dns { name: dns, port } => {
            let cluster = Cluster {
                cluster_discovery_type: discovery(DiscoveryType::StrictDns),
                load_assignment: Some(assignment(name, vec![host(dns, *port, None)])),
                // Names such as localhost have both families, and often only the older one is listened on.
                dns_lookup_family: DnsLookupFamily::V4Preferred.into(),
                ..cluster
            };
            (cluster, None)
        }
    }
}

fn discovery(kind: DiscoveryType) -> Option<ClusterDiscoveryType> {
    Some(ClusterDiscoveryType::Type(kind.into()))
}

fn assignment(name: &str, lb_endpoints: Vec<LbEndpoint>) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn host(name: &str, port: u16, weight: Option<u32>) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: Some(address(name, port)),
            ..Default::default()
        })),
        load_balancing_weight: weight.map(|value| UInt32Value { value }),
        ..Default::default()
    }
}
