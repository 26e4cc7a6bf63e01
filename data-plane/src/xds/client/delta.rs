//! The delta variant: changes of what is wanted go up, changes of what there is come down.

use std::{collections::BTreeSet, sync::Arc};

use portway_proto::pb::{envoy::service::discovery::v3 as pb, google::rpc::Status};

use super::{Client, Kind, ProtocolError, Receipt, Resource, Subscription, Update, unique};

impl Client {
    /// Takes a response.
    pub fn delta_response(
        &mut self,
        response: pb::DeltaDiscoveryResponse,
    ) -> Result<Update, ProtocolError> {
        let pb::DeltaDiscoveryResponse {
            resources,
            type_url,
            removed_resources,
            nonce,
            ..
        } = response;
        let Some((kind, subscription)) = self.subscription(&type_url) else {
            return Err(ProtocolError::UnknownType(type_url));
        };
        subscription.nonce.clone_from(&nonce);
        let mut faults = Vec::new();
        let mut received = Vec::with_capacity(resources.len());
        for pb::Resource {
            name,
            version,
            resource,
            ..
        } in resources
        {
            match resource {
                Some(any) if any.type_url == kind.type_url() => {
                    received.push(Resource {
                        name: name.into(),
                        version,
                        wire: any.value.into(),
                    });
                }
                Some(any) => faults.push(format!("resource {name:?}: is a {:?}", any.type_url)),
                // Without a body it renews what is held (a heartbeat), and changes nothing.
                None => {}
            }
        }
        let (resources, twice) = unique(received);
        faults.extend(twice);
        for resource in &resources {
            subscription
                .held
                .insert(resource.name.clone(), resource.version.clone());
        }
        let removed: Vec<Arc<str>> = removed_resources.into_iter().map(Arc::from).collect();
        for name in &removed {
            subscription.held.remove(name);
        }
        let receipt = Receipt {
            kind,
            nonce,
            version: String::new(),
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
    pub(super) fn delta_request(
        &mut self,
        kind: Kind,
        wanted: BTreeSet<Arc<str>>,
    ) -> pb::DeltaDiscoveryRequest {
        let none = BTreeSet::new();
        let asked = self.asked.as_ref().unwrap_or(&none);
        let texts = |names: Vec<&Arc<str>>| names.into_iter().map(ToString::to_string).collect();
        let request = pb::DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            resource_names_subscribe: texts(wanted.difference(asked).collect()),
            resource_names_unsubscribe: texts(asked.difference(&wanted).collect()),
            // A type's first request on a stream says what is held, so that only changes come.
            initial_resource_versions: match self.asked {
                None => self
                    .held
                    .iter()
                    .map(|(name, version)| (name.to_string(), version.clone()))
                    .collect(),
                Some(_) => Default::default(),
            },
            ..pb::DeltaDiscoveryRequest::default()
        };
        self.asked = Some(wanted);
        request
    }
}

/// The answer to a response.
pub(super) fn answer(receipt: &Receipt, detail: Option<Status>) -> pb::DeltaDiscoveryRequest {
    pb::DeltaDiscoveryRequest {
        type_url: receipt.kind.type_url().to_owned(),
        response_nonce: receipt.nonce.clone(),
        error_detail: detail,
        ..pb::DeltaDiscoveryRequest::default()
    }
}
