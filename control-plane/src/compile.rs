//! The compiler: a set of objects to the resources of each client, every one with the objects it came from.
//!
//! In the order of a request: [`listeners`], [`routes`] with their `entry`s, [`services`]. What comes out depends
//! on the set alone, not on the order of files or objects, so versions (hashes of content) mean the same on every
//! replica.
//!
//! | object | resource | name |
//! |---|---|---|
//! | a Gateway's listener | Listener | `gateway/listener` |
//! | Routes on it | RouteConfiguration | `gateway/listener` |
//! | Service with endpoints | Cluster (EDS), ClusterLoadAssignment | the Service's |
//! | Service with dns | Cluster (STRICT_DNS) | the Service's |
//! | EnvoyResources | as written | as written |
//!
//! Clusters and their endpoints are for every client, listeners and routes for proxies: a gRPC library asks for
//! listeners of another shape, which EnvoyResources can hold, and may name Services in them.
//!
//! Resources are the same bytes for every class of clients. Where portway-proxy would refuse one, [`verify`] says
//! so at the operator's own line, before a revision is made of it.

mod entry;
mod listeners;
mod routes;
mod services;
mod verify;

use std::sync::Arc;

use bytes::Bytes;
use portway_proto::pb::envoy::config::core::v3 as core;
use portway_proto::pb::google::protobuf as wkt;
use portway_proto::{encode, index};
use prost::{Message, Name};

pub use self::verify::verify;
use crate::model::{ObjectKind, Origin, Set};
use crate::xds::{
    Class, Kind, Provenance, Resource, ResourceKey, Scope, Views, ViewsBuilder, refs,
};

/// What every node is to hold at a revision; `previous` is the one served before, whose unchanged sets are kept.
pub fn compile(set: &Set, revision: u64, previous: Option<&Views>) -> Views {
    let mut views = ViewsBuilder::new(revision);
    for draft in drafts(set) {
        let Draft {
            key,
            scope,
            wire,
            source,
        } = draft;
        // A name that is overlooked costs the order of delivery, nothing else.
        let named = refs::refers_to(key.kind, &wire).unwrap_or_default();
        let resource = Resource::new(key, &wire, named, Arc::new(source.provenance()));
        views.add(&scope, Arc::new(resource));
    }
    views.build(previous)
}

/// A resource with what it was made of.
struct Draft<'s> {
    key: ResourceKey,
    scope: Scope,
    wire: Bytes,
    source: Source<'s>,
}

/// The objects behind a resource.
enum Source<'s> {
    Object(Part<'s>),
    /// An element of an EnvoyResources.
    Raw {
        part: Part<'s>,
        index: usize,
    },
    /// Rules of Routes: for each virtual host and each route in it the Route and the rule.
    Rules {
        gateway: Part<'s>,
        hosts: Vec<Vec<(Part<'s>, usize)>>,
    },
}

/// An object as the source of something.
#[derive(Clone, Copy)]
struct Part<'s> {
    kind: ObjectKind,
    name: &'s str,
    origin: &'s Origin,
}

impl Part<'_> {
    fn provenance(self) -> Provenance {
        Provenance {
            kind: self.kind.as_str().to_owned(),
            name: self.name.to_owned(),
            file: self.origin.file().to_string(),
            line: self.origin.line(),
            // An object is a document, and documents begin lines.
            column: u32::from(self.origin.line() > 0),
            others: Vec::new(),
        }
    }
}

impl Source<'_> {
    fn provenance(&self) -> Provenance {
        match self {
            Self::Object(part) | Self::Raw { part, index: _ } => part.provenance(),
            Self::Rules { gateway, hosts } => {
                let mut parts: Vec<Part<'_>> =
                    hosts.iter().flatten().map(|(part, _)| *part).collect();
                parts.sort_by_key(|part| part.name);
                parts.dedup_by_key(|part| part.name);
                let mut parts = parts.into_iter();
                let first = parts.next().unwrap_or(*gateway);
                Provenance {
                    others: parts.map(Part::provenance).collect(),
                    ..first.provenance()
                }
            }
        }
    }
}

/// Every resource of a set, in an order of its own.
fn drafts(set: &Set) -> Vec<Draft<'_>> {
    let mut drafts = Vec::new();
    for (name, service) in set.services() {
        let part = Part {
            kind: ObjectKind::Service,
            name,
            origin: &service.origin,
        };
        let (cluster, assignment) = services::compile(name, &service.value);
        drafts.push(draft(Kind::Cluster, name, Scope::default(), &cluster, part));
        if let Some(assignment) = assignment {
            drafts.push(draft(
                Kind::Endpoint,
                name,
                Scope::default(),
                &assignment,
                part,
            ));
        }
    }
    for (name, gateway) in set.gateways() {
        let part = Part {
            kind: ObjectKind::Gateway,
            name,
            origin: &gateway.origin,
        };
        for listener in &gateway.value.listeners {
            let resource = format!("{name}/{}", listener.name);
            let message = listeners::compile(&resource, listener);
            drafts.push(draft(Kind::Listener, &resource, proxies(), &message, part));
            let (message, hosts) = routes::compile(&resource, set, name, &listener.name);
            drafts.push(Draft {
                source: Source::Rules {
                    gateway: part,
                    hosts,
                },
                ..draft(Kind::Route, &resource, proxies(), &message, part)
            });
        }
    }
    for (name, raw) in set.envoy_resources() {
        let part = Part {
            kind: ObjectKind::EnvoyResources,
            name,
            origin: &raw.origin,
        };
        for (index, resource) in raw.value.resources.iter().enumerate() {
            drafts.push(Draft {
                key: resource.key.clone(),
                scope: raw.value.nodes.clone(),
                wire: resource.wire.clone(),
                source: Source::Raw { part, index },
            });
        }
    }
    drafts
}

fn draft<'s, M: Message + Name>(
    kind: Kind,
    name: &str,
    scope: Scope,
    message: &M,
    part: Part<'s>,
) -> Draft<'s> {
    Draft {
        key: ResourceKey::new(kind, name),
        scope,
        wire: encoded(message).into(),
        source: Source::Object(part),
    }
}

/// The clients that listen for requests themselves.
fn proxies() -> Scope {
    Scope {
        classes: vec![Class::Portway, Class::Envoy],
        ..Scope::default()
    }
}

/// The one spelling of a message: prost writes maps in random order, and versions are hashes of the bytes.
fn encoded<M: Message + Name>(message: &M) -> Vec<u8> {
    let wire = message.encode_to_vec();
    let canonical = index::message(&M::full_name()).map(|of| encode::canonical(of, &wire));
    match canonical {
        Some(Ok(canonical)) => canonical,
        // Not for a message that prost has just written.
        Some(Err(_)) | None => wire,
    }
}

fn any<M: Message + Name>(message: &M) -> wkt::Any {
    wkt::Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: encoded(message),
    }
}

/// The stream that brings everything else.
fn ads() -> core::ConfigSource {
    core::ConfigSource {
        resource_api_version: core::ApiVersion::V3.into(),
        config_source_specifier: Some(core::config_source::ConfigSourceSpecifier::Ads(
            core::AggregatedConfigSource::default(),
        )),
        ..Default::default()
    }
}

fn address(host: &str, port: u16) -> core::Address {
    core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: host.to_owned(),
            port_specifier: Some(core::socket_address::PortSpecifier::PortValue(port.into())),
            ..Default::default()
        })),
    }
}

fn duration(value: std::time::Duration) -> wkt::Duration {
    wkt::Duration {
        seconds: i64::try_from(value.as_secs()).unwrap_or(i64::MAX),
        // Below a thousand million, so it fits.
        nanos: i32::try_from(value.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
