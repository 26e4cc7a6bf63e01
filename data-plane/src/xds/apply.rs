//! Puts what a response brings into the state, one resource at a time.
//!
//! A good resource is taken, a bad one refused with every reason; the answer to the server names each bad
//! resource, field and reason, so that an operator can find the place.

use std::time::{Instant, SystemTime};

use portway_proto::{index, pb::envoy::config as pb, scan};
use prost::{Message, Name};
use tracing::warn;

use super::{
    Kind,
    client::{Resource, Update},
};
use crate::{
    resources::at::Problem,
    snapshot::state::{Origin, Raw, Refused, State},
};

/// Takes an update. Returns what was wrong with it, a line per problem; empty means all of it is accepted.
pub fn apply(
    state: &mut State,
    update: &Update,
    unknown_fields: UnknownFields,
    now: Instant,
    wall: SystemTime,
) -> Vec<String> {
    let mut faults = update.faults.clone();
    for resource in &update.resources {
        match put(state, update.kind, resource, unknown_fields, now, wall) {
            Ok(warnings) => {
                for warning in warnings {
                    warn!(resource = %resource.name, %warning, "a field has no effect");
                }
            }
            Err(reasons) => faults.extend(
                reasons
                    .into_iter()
                    .map(|reason| format!("resource {:?}: {reason}", resource.name)),
            ),
        }
    }
    for name in &update.removed {
        match update.kind {
            Kind::Cluster => state.remove_cluster(name),
            Kind::Endpoint => state.remove_assignment(name),
            Kind::Listener => state.remove_listener(name),
            Kind::Route => state.remove_routes(name),
        }
    }
    faults
}

/// What to do about fields that this proxy's messages do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownFields {
    Refuse,
    Ignore,
}

fn put(
    state: &mut State,
    kind: Kind,
    resource: &Resource,
    unknown_fields: UnknownFields,
    now: Instant,
    wall: SystemTime,
) -> Result<Vec<Problem>, Vec<String>> {
    let raw = Raw {
        wire: resource.wire.clone(),
        version: resource.version.as_str().into(),
        updated: wall,
        origin: Origin::Stream,
    };
    let wire = &resource.wire;
    let outcome = match kind {
        Kind::Cluster => state.put_cluster(
            decode::<pb::cluster::v3::Cluster>(wire, unknown_fields)?,
            raw,
            now,
        ),
        Kind::Endpoint => state.put_assignment(
            decode::<pb::endpoint::v3::ClusterLoadAssignment>(wire, unknown_fields)?,
            raw,
        ),
        Kind::Listener => state.put_listener(
            decode::<pb::listener::v3::Listener>(wire, unknown_fields)?,
            raw,
        ),
        Kind::Route => state.put_routes(
            decode::<pb::route::v3::RouteConfiguration>(wire, unknown_fields)?,
            raw,
        ),
    };
    outcome.map_err(|Refused { problems, .. }| problems.iter().map(ToString::to_string).collect())
}

fn decode<M: Message + Name + Default>(
    wire: &[u8],
    unknown_fields: UnknownFields,
) -> Result<M, Vec<String>> {
    let name = M::full_name();
    if unknown_fields == UnknownFields::Refuse
        && let Some(message) = index::message(&name)
    {
        let unknown =
            scan::unknown_fields(message, wire).map_err(|error| vec![error.to_string()])?;
        if !unknown.is_empty() {
            return Err(unknown.iter().map(ToString::to_string).collect());
        }
    }
    M::decode(wire).map_err(|error| vec![format!("is no valid {name}: {error}")])
}
