//! The state-of-the-world variant: every request repeats all that is wanted; for clusters and listeners every
//! response repeats all there is.

use std::{collections::BTreeSet, sync::Arc};

use portway_proto::pb::{
    envoy::{
        config::{
            cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment, listener::v3::Listener,
            route::v3::RouteConfiguration,
        },
        service::discovery::v3 as pb,
    },
    google::{protobuf::Any, rpc::Status},
};
use prost::{Message, Name};

use super::{Client, Kind, ProtocolError, Receipt, Resource, Subscription, Update, unique};

impl Client {
    /// Takes a response.
    pub fn sotw_response(
        &mut self,
        response: pb::DiscoveryResponse,
    ) -> Result<Update, ProtocolError> {
        let pb::DiscoveryResponse {
            version_info,
            resources,
            type_url,
            nonce,
            ..
        } = response;
        let Some((kind, subscription)) = self.subscription(&type_url) else {
            return Err(ProtocolError::UnknownType(type_url));
        };
        subscription.nonce.clone_from(&nonce);
        let mut faults = Vec::new();
        let mut received = Vec::with_capacity(resources.len());
        for (index, any) in resources.into_iter().enumerate() {
            match unwrap(kind, any) {
                Ok((name, wire)) => {
                    received.push(Resource {
                        name: name.into(),
                        version: version_info.clone(),
                        wire: wire.into(),
                    });
                }
                Err(fault) => faults.push(format!("resources[{index}]: {fault}")),
            }
        }
        let (resources, twice) = unique(received);
        faults.extend(twice);
        let mut removed = Vec::new();
        // What could not be read may be any of those that seem to be missing: then nothing is known to be gone.
        if kind.is_complete_in_sotw() && faults.is_empty() {
            let present: BTreeSet<&Arc<str>> =
                resources.iter().map(|resource| &resource.name).collect();
            removed = subscription
                .held
                .keys()
                .filter(|held| !present.contains(held))
                .cloned()
                .collect();
        }
        for name in &removed {
            subscription.held.remove(name);
        }
        for resource in &resources {
            subscription
                .held
                .insert(resource.name.clone(), resource.version.clone());
        }
        let receipt = Receipt {
            kind,
            nonce,
            version: version_info,
        };
        Ok(Update {
            kind,
            resources,
            removed,
            receipt,
            faults,
        })
    }
}

impl Subscription {
    pub(super) fn sotw_request(&self, kind: Kind, detail: Option<Status>) -> pb::DiscoveryRequest {
        pb::DiscoveryRequest {
            version_info: self.accepted.clone(),
            resource_names: self.wanted().iter().map(ToString::to_string).collect(),
            type_url: kind.type_url().to_owned(),
            response_nonce: self.nonce.clone(),
            error_detail: detail,
            ..pb::DiscoveryRequest::default()
        }
    }
}

/// The name and the encoded message of a resource, taken out of its wrapper if it has one.
fn unwrap(kind: Kind, any: Any) -> Result<(String, Vec<u8>), String> {
    let any = if any
        .type_url
        .ends_with(&format!("/{}", pb::Resource::full_name()))
    {
        let wrapper =
            pb::Resource::decode(any.value.as_slice()).map_err(|error| error.to_string())?;
        wrapper.resource.ok_or("a wrapper without a resource")?
    } else {
        any
    };
    if any.type_url != kind.type_url() {
        return Err(format!("is a {:?}", any.type_url));
    }
    let wire = any.value.as_slice();
    let name = match kind {
        Kind::Cluster => Cluster::decode(wire).map(|message| message.name),
        Kind::Endpoint => ClusterLoadAssignment::decode(wire).map(|message| message.cluster_name),
        Kind::Listener => Listener::decode(wire).map(|message| message.name),
        Kind::Route => RouteConfiguration::decode(wire).map(|message| message.name),
    };
    name.map(|name| (name, any.value))
        .map_err(|error| error.to_string())
}
