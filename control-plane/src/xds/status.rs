//! What is known of a connected node: which revision it runs, and what it rejected.
//!
//! Everything here comes from what the client answered, never from what was sent (XM03).

use std::sync::Arc;

use super::held::Entry;
use super::kind::Kind;
use super::node::Node;
use super::request::Variant;
use super::resource::{Provenance, ResourceKey, Version};
use super::stream::{Service, Stream};
use super::subscription::Subscription;

/// How many rejected resources a status lists per rejection.
const MAX_LISTED: usize = 32;

/// One stream of one node, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeStatus {
    pub stream: u64,
    pub node: Arc<Node>,
    pub service: Service,
    pub variant: Variant,
    /// The revision the node is to run.
    pub target: u64,
    /// The newest revision of which it confirmed everything.
    pub live: Option<u64>,
    /// One for each kind it asked for.
    pub kinds: Vec<KindStatus>,
}

/// One kind of resource of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct KindStatus {
    pub kind: Kind,
    pub state: State,
    /// The names subscribed to, besides everything if `wildcard`.
    pub names: usize,
    pub wildcard: bool,
    /// The version of the target's resources of this kind.
    pub version: Version,
    pub rejections: Vec<RejectionStatus>,
    /// What is held back, and which resource it waits for.
    pub waiting: Vec<(ResourceKey, ResourceKey)>,
    /// Removals held back until nothing names the resource any more.
    pub retained: usize,
}

/// How far a kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Everything is confirmed.
    Synced,
    /// Something is on its way, or held back.
    Pending,
    /// The newest version of something was rejected.
    Nacked,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Synced => "SYNCED",
            Self::Pending => "PENDING",
            Self::Nacked => "NACKED",
        }
    }
}

/// One rejection in the client's words.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectionStatus {
    pub text: Arc<str>,
    /// What the text names, or else everything the response held.
    pub resources: Vec<RejectedResource>,
    /// Whether the text named them.
    pub attributed: bool,
    /// How many more there are.
    pub more: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RejectedResource {
    pub name: Arc<str>,
    pub version: Version,
    pub provenance: Arc<Provenance>,
}

/// How far one resource is on one stream (X19).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delivery {
    pub sent: Option<Version>,
    pub acked: Option<Version>,
    /// The rejected version, and why.
    pub nacked: Option<(Version, Arc<str>)>,
}

impl Stream {
    /// The status of the node; none before it has said who it is.
    pub fn status(&self) -> Option<NodeStatus> {
        let node = self.node()?.clone();
        let view = self.view()?;
        let kinds = Kind::ALL.into_iter().filter_map(|kind| {
            let subscription = self.subscription(kind)?;
            let target = view.set(kind);
            let state = if !subscription.is_delivered(target) {
                State::Pending
            } else if subscription.rejections().is_empty() {
                State::Synced
            } else {
                State::Nacked
            };
            let waiting = subscription.waiting().iter();
            Some(KindStatus {
                kind,
                state,
                names: subscription.interest().names().len(),
                wildcard: subscription.interest().is_wildcard(),
                version: target.version(),
                rejections: rejections(subscription, target),
                waiting: waiting
                    .take(MAX_LISTED)
                    .map(|(name, w)| (ResourceKey::new(kind, name.clone()), w.on.clone()))
                    .collect(),
                retained: subscription.retained(),
            })
        });
        Some(NodeStatus {
            stream: self.id(),
            node,
            service: self.service(),
            variant: self.variant(),
            target: view.revision(),
            live: self.live(),
            kinds: kinds.collect(),
        })
    }

    /// How far one resource is.
    pub fn delivery(&self, key: &ResourceKey) -> Delivery {
        let Some(subscription) = self.subscription(key.kind) else {
            return Delivery::default();
        };
        let version = |entry: Entry| entry.resource().map(|r| r.version());
        let sent = subscription.sent(&key.name);
        let rejection = sent
            .resource()
            .and_then(|r| Some((r.version(), subscription.rejections().of(r)?.text.clone())));
        Delivery {
            nacked: rejection,
            sent: version(sent),
            acked: version(subscription.confirmed(&key.name)),
        }
    }
}

fn rejections(
    subscription: &Subscription,
    target: &super::set::ResourceSet,
) -> Vec<RejectionStatus> {
    let statuses = subscription.rejections().iter().map(|rejection| {
        let resources = rejection.resources.iter().take(MAX_LISTED).map(|sent| {
            // The same content may since have moved within the operator's files.
            let now = target.get(sent.name());
            let now = now.filter(|now| now.version() == sent.version());
            RejectedResource {
                name: sent.name().clone(),
                version: sent.version(),
                provenance: now.unwrap_or(sent).provenance().clone(),
            }
        });
        RejectionStatus {
            text: rejection.text.clone(),
            resources: resources.collect(),
            attributed: rejection.attributed,
            more: rejection.resources.len().saturating_sub(MAX_LISTED),
        }
    });
    statuses.collect()
}
