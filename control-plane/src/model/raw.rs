//! `EnvoyResources`: resources of Envoy's own kinds, passed on as they are.
//!
//! The loader has validated them by then, with Envoy's own rules. What is taken from each is its type and its
//! name; the bytes are not touched, so that a field which this program has no Rust type for survives.

use std::sync::Arc;

use bytes::Bytes;
use portway_data_plane::resources::at::{At, Parsed};
use portway_proto::index;
use portway_proto::pb::google::protobuf::Any;
use portway_proto::pb::portway::v1 as pb;
use portway_proto::wire::{Records, Value};

use crate::xds::{Class, Kind, ResourceKey, Scope};

/// Raw resources and the nodes they are for.
#[derive(Clone, Debug)]
pub struct EnvoyResources {
    pub resources: Vec<RawResource>,
    pub nodes: Scope,
}

/// One resource, encoded.
#[derive(Clone, Debug)]
pub struct RawResource {
    pub key: ResourceKey,
    pub wire: Bytes,
}

pub(super) fn parse(at: At<'_>, message: pb::EnvoyResourcesSpec) -> Parsed<EnvoyResources> {
    let pb::EnvoyResourcesSpec { resources, nodes } = message;
    let resources = at.each("resources", resources, resource);
    let nodes = at.optional("nodes", nodes, selector);
    Ok(EnvoyResources {
        resources: resources?,
        nodes: nodes?.unwrap_or_default(),
    })
}

fn resource(at: At<'_>, message: Any) -> Parsed<RawResource> {
    let Any { type_url, value } = message;
    let Some(kind) = kind(&type_url) else {
        let names = Kind::ALL.map(|kind| full_name(kind.type_url()));
        return Err(at.error(format!(
            "{type_url:?} is no resource that is served; the types are {}",
            names.join(", ")
        )));
    };
    let field = match kind {
        Kind::Endpoint => "cluster_name",
        Kind::Cluster
        | Kind::Listener
        | Kind::ScopedRoute
        | Kind::Route
        | Kind::Secret
        | Kind::Extension
        | Kind::Runtime => "name",
    };
    let name = name(kind, field, &value);
    if name.is_empty() {
        return Err(at.field(field, |at| {
            at.error(format!("the {kind} has no name; write `{field}`"))
        }));
    }
    Ok(RawResource {
        key: ResourceKey::new(kind, name),
        wire: value.into(),
    })
}

/// The host part of a type URL does not matter.
fn kind(type_url: &str) -> Option<Kind> {
    let wanted = full_name(type_url);
    Kind::ALL
        .into_iter()
        .find(|kind| full_name(kind.type_url()) == wanted)
}

fn full_name(type_url: &str) -> &str {
    type_url.rsplit('/').next().unwrap_or(type_url)
}

/// The last value on the wire counts, as for every reader of protobuf.
fn name(kind: Kind, field: &str, message: &[u8]) -> Arc<str> {
    let number = index::message_of_type_url(kind.type_url())
        .and_then(|message| message.field_by_name(field))
        .map(|field| field.number());
    let texts = Records::new(message)
        .filter_map(Result::ok)
        .filter(|record| Some(record.number) == number)
        .filter_map(|record| match record.value {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Value::Varint(_) | Value::Fixed64(_) | Value::Group(_) | Value::Fixed32(_) => None,
        });
    texts.last().unwrap_or_default().into()
}

fn selector(at: At<'_>, message: pb::NodeSelector) -> Parsed<Scope> {
    let pb::NodeSelector {
        ids,
        clusters,
        classes,
    } = message;
    let classes = at.each(
        "classes",
        classes,
        |at, class| match pb::NodeClass::try_from(class) {
            Ok(pb::NodeClass::Portway) => Ok(Class::Portway),
            Ok(pb::NodeClass::Envoy) => Ok(Class::Envoy),
            Ok(pb::NodeClass::Grpc) => Ok(Class::Grpc),
            Ok(pb::NodeClass::Unspecified) | Err(_) => {
                Err(at.error(format!("{class} is no class; write PORTWAY, ENVOY or GRPC")))
            }
        },
    );
    // One order, so that equal selectors make one group of nodes.
    Ok(Scope {
        classes: sorted(classes?),
        node_ids: sorted(ids),
        node_clusters: sorted(clusters),
    })
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list.dedup();
    list
}
