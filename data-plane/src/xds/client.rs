//! The client's side of the xDS protocol, both variants, without I/O.
//!
//! One [`Client`] outlives its streams. It remembers what is wanted and what is held; what belongs to a stream
//! (nonces, what has been asked on it) begins anew with each [`Client::connect`]. Every response is answered
//! exactly once, by [`Client::answer`], when whoever applies it knows the outcome; requests that change what is
//! wanted may go out in between.

mod delta;
mod sotw;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use portway_proto::pb::{
    envoy::{config::core::v3::Node, service::discovery::v3 as pb},
    google::rpc::Status,
};

use super::Kind;
use crate::resources::bootstrap::Variant;

/// What a client knows.
#[derive(Debug)]
pub struct Client {
    node: Node,
    variant: Variant,
    kinds: BTreeMap<Kind, Subscription>,
    /// The node goes with the first message of a stream.
    introduced: bool,
}

/// What is wanted and held of one kind.
#[derive(Debug, Default)]
struct Subscription {
    wildcard: bool,
    names: BTreeSet<Arc<str>>,
    /// What has been asked for on this stream; `None` before the first request.
    asked: Option<BTreeSet<Arc<str>>>,
    nonce: String,
    /// State of the world: of the last response that was accepted whole.
    accepted: String,
    /// What is held, with versions.
    held: BTreeMap<Arc<str>, String>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    Sotw(pb::DiscoveryRequest),
    Delta(pb::DeltaDiscoveryRequest),
}

/// What a response brings.
#[derive(Debug, PartialEq)]
pub struct Update {
    pub kind: Kind,
    pub resources: Vec<Resource>,
    /// Held before, and gone now.
    pub removed: Vec<Arc<str>>,
    /// To be handed back with the answer.
    pub receipt: Receipt,
    /// What is wrong with the response itself; its resources are good all the same.
    pub faults: Vec<String>,
}

/// One resource of a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub name: Arc<str>,
    pub version: String,
    /// The message, encoded, without its type.
    pub wire: Bytes,
}

/// Names the response that an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    kind: Kind,
    nonce: String,
    version: String,
}

/// A response that cannot be understood, not even to be refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("the server sent {0:?}, which was not asked for")]
    UnknownType(String),
}

impl Client {
    /// A client that wants all resources of some kinds, and as yet none of the others.
    pub fn new(node: Node, variant: Variant, wildcards: &[Kind]) -> Self {
        let kinds = Kind::ALL
            .into_iter()
            .map(|kind| {
                (
                    kind,
                    Subscription {
                        wildcard: wildcards.contains(&kind),
                        ..Subscription::default()
                    },
                )
            })
            .collect();
        Self {
            node,
            variant,
            kinds,
            introduced: false,
        }
    }

    /// Begins a stream: what to ask first. Nothing of the stream before is relied on.
    pub fn connect(&mut self) -> Vec<Request> {
        self.introduced = false;
        let mut requests = Vec::new();
        for kind in Kind::ALL {
            if let Some(subscription) = self.kinds.get_mut(&kind) {
                subscription.asked = None;
                subscription.nonce.clear();
            }
            requests.extend(self.ask(kind));
        }
        requests
    }

    /// Sets which resources of a kind are wanted by name; a request follows if that changes what is asked.
    pub fn want(&mut self, kind: Kind, names: BTreeSet<Arc<str>>) -> Option<Request> {
        let subscription = self.kinds.get_mut(&kind)?;
        if !subscription.wildcard {
            subscription.held.retain(|name, _| names.contains(name));
        }
        subscription.names = names;
        self.ask(kind)
    }

    /// Answers a response: whole, or refused for these reasons.
    pub fn answer(&mut self, receipt: &Receipt, faults: &[String]) -> Option<Request> {
        let detail = (!faults.is_empty())
            // 3 is INVALID_ARGUMENT.
            .then(|| Status { code: 3, message: faults.join("\n"), details: Vec::new() });
        let variant = self.variant;
        let subscription = self.kinds.get_mut(&receipt.kind)?;
        if detail.is_none() {
            subscription.accepted.clone_from(&receipt.version);
        }
        let request = match variant {
            Variant::StateOfTheWorld => {
                Request::Sotw(subscription.sotw_request(receipt.kind, detail))
            }
            Variant::Delta => Request::Delta(delta::answer(receipt, detail)),
        };
        Some(self.introduce(request))
    }

    fn ask(&mut self, kind: Kind) -> Option<Request> {
        let variant = self.variant;
        let subscription = self.kinds.get_mut(&kind)?;
        let wanted = subscription.wanted();
        if subscription
            .asked
            .as_ref()
            .map_or(wanted.is_empty(), |asked| *asked == wanted)
        {
            return None;
        }
        let request = match variant {
            Variant::StateOfTheWorld => {
                subscription.asked = Some(wanted);
                Request::Sotw(subscription.sotw_request(kind, None))
            }
            Variant::Delta => Request::Delta(subscription.delta_request(kind, wanted)),
        };
        Some(self.introduce(request))
    }

    fn subscription(&mut self, type_url: &str) -> Option<(Kind, &mut Subscription)> {
        let kind = Kind::of(type_url)?;
        self.kinds
            .get_mut(&kind)
            .map(|subscription| (kind, subscription))
    }

    fn introduce(&mut self, mut request: Request) -> Request {
        if !self.introduced {
            self.introduced = true;
            let node = Some(self.node.clone());
            match &mut request {
                Request::Sotw(request) => request.node = node,
                Request::Delta(request) => request.node = node,
            }
        }
        request
    }
}

impl Subscription {
    /// The names to ask for. The wildcard is always written out, never implied by an empty list.
    fn wanted(&self) -> BTreeSet<Arc<str>> {
        let mut wanted = self.names.clone();
        if self.wildcard {
            wanted.insert("*".into());
        }
        wanted
    }
}

/// Keeps the first of resources with the same name; says which came twice.
fn unique(resources: Vec<Resource>) -> (Vec<Resource>, Vec<String>) {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    let mut kept = Vec::with_capacity(resources.len());
    for resource in resources {
        if seen.insert(resource.name.clone()) {
            kept.push(resource);
        } else {
            faults.push(format!(
                "resource {:?} is in the response more than once",
                resource.name
            ));
        }
    }
    (kept, faults)
}
