//! One stream: the kinds on it, in order, and the client behind it.
//!
//! Requests, views and time go in; responses, reports and at most one close come out. There is no socket, no
//! task and no clock in here. A stream's state ends with it (X24).

mod admit;
mod live;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Limits;
use super::gate::{Gate, PATIENCE};
use super::kind::Kind;
use super::node::Node;
use super::request::{Ask, Request, Variant};
use super::resource::{Resource, ResourceKey};
use super::set::{PerKind, ResourceSet};
use super::subscription::{Answer, Subscription};
use super::view::{View, Views};

/// How long a route waits for its cluster (X53).
const GATE_WAIT: Duration = Duration::from_secs(10);

/// What a stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// All kinds.
    Aggregated,
    /// One kind, whose name a request may leave out.
    Only(Kind),
}

/// What the shell is to do.
#[derive(Debug)]
pub enum Action {
    Send(Response),
    Report(Report),
    /// End the stream; nothing follows.
    Close(Closed),
}

/// A response, its resources encoded and shared.
#[derive(Debug)]
pub struct Response {
    pub type_url: Arc<str>,
    pub version: String,
    pub nonce: Arc<str>,
    /// The `resources` fields of the message, in pieces.
    pub(crate) fields: Vec<Bytes>,
    pub resources: Arc<[Arc<Resource>]>,
    /// In the state-of-the-world variant these are only absent.
    pub removed: Vec<Arc<str>>,
}

/// What happened, for logs and metrics.
#[derive(Debug)]
pub enum Report {
    Acked {
        kind: Kind,
        resources: usize,
        removed: usize,
    },
    Nacked {
        kind: Kind,
        text: Arc<str>,
        resources: Arc<[Arc<Resource>]>,
    },
    /// Sent without the confirmation it waited for.
    Overdue {
        resource: ResourceKey,
        waited_for: ResourceKey,
    },
    /// The client confirmed everything of a revision.
    Live { revision: u64 },
    /// The first request for a type that is not served (X06).
    UnknownType { type_url: String },
}

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Closed {
    pub reason: CloseReason,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
}

impl Closed {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            reason: CloseReason::InvalidArgument,
            message: message.into(),
        }
    }

    pub(crate) fn exhausted(message: impl Into<String>) -> Self {
        Self {
            reason: CloseReason::ResourceExhausted,
            message: message.into(),
        }
    }
}

/// The state of one stream.
#[derive(Debug)]
pub struct Stream {
    id: u64,
    service: Service,
    variant: Variant,
    limits: Arc<Limits>,
    started: Instant,
    /// Known from the first request on.
    client: Option<Client>,
    subscriptions: PerKind<Option<Box<Subscription>>>,
    /// The endpoints of the view from which clusters were sent last: a cluster that has left since still needs
    /// its endpoints until the client has let go of it.
    endpoints_of_clusters: Arc<ResourceSet>,
    nonces: u64,
    live: Option<u64>,
    met_unknown_type: bool,
    /// Whether the client said that it holds resources of an earlier stream, on a stream of many kinds.
    brought_along: bool,
}

#[derive(Debug)]
struct Client {
    node: Arc<Node>,
    view: Arc<View>,
    /// Since when the view is this one.
    since: Instant,
}

impl Stream {
    /// `id` must be unlike that of every other stream, of earlier processes too: nonces are made of it (X15).
    pub fn new(
        id: u64,
        service: Service,
        variant: Variant,
        limits: Arc<Limits>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            service,
            variant,
            limits,
            started: now,
            client: None,
            subscriptions: PerKind::build(|_| None),
            endpoints_of_clusters: ResourceSet::empty(),
            nonces: 0,
            live: None,
            met_unknown_type: false,
            brought_along: false,
        }
    }

    /// Takes a request. Its variant is the stream's.
    pub fn on_request(&mut self, request: Request, views: &Views, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        match self.try_request(request, views, now, &mut actions) {
            Ok(()) => self.pump(now, &mut actions),
            Err(closed) => actions.push(Action::Close(closed)),
        }
        actions
    }

    /// Takes a new revision. Intermediate ones may be skipped (XP04).
    pub fn on_views(&mut self, views: &Views, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(client) = &mut self.client {
            let view = views.of(&client.node);
            if !Arc::ptr_eq(&view, &client.view) {
                client.view = view;
                client.since = now;
                self.pump(now, &mut actions);
            }
        }
        actions
    }

    /// Looks again at what waits for time to pass.
    pub fn on_tick(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.pump(now, &mut actions);
        actions
    }

    /// When the next tick is due.
    pub fn deadline(&self) -> Option<Instant> {
        let client = self.client.as_ref()?;
        let subscriptions = || self.subscriptions.iter().filter_map(|(_, s)| s.as_ref());
        let waiting = subscriptions().filter_map(|s| s.deadline(GATE_WAIT));
        let unknown = subscriptions()
            .any(|s| s.retains_for_now())
            .then(|| self.started.checked_add(PATIENCE));
        let grace = (self.live != Some(client.view.revision()))
            .then(|| client.since.checked_add(live::GRACE))
            .flatten()
            .filter(|_| self.is_confirmed(&client.view));
        waiting.chain(unknown.flatten()).chain(grace).min()
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn service(&self) -> Service {
        self.service
    }

    pub fn variant(&self) -> Variant {
        self.variant
    }

    pub fn node(&self) -> Option<&Arc<Node>> {
        self.client.as_ref().map(|client| &client.node)
    }

    pub(crate) fn view(&self) -> Option<&Arc<View>> {
        self.client.as_ref().map(|client| &client.view)
    }

    /// The newest revision of which the client confirmed everything it asked for.
    pub fn live(&self) -> Option<u64> {
        self.live
    }

    pub(crate) fn subscription(&self, kind: Kind) -> Option<&Subscription> {
        self.subscriptions[kind].as_deref()
    }

    fn try_request(
        &mut self,
        request: Request,
        views: &Views,
        now: Instant,
        actions: &mut Vec<Action>,
    ) -> Result<(), Closed> {
        let Request {
            node,
            type_url,
            nonce,
            error,
            ask,
        } = request;
        let (class, view) = self.identify(node, views, now)?;
        self.check_size(&ask)?;
        let Some(kind) = self.kind_of(&type_url)? else {
            self.unknown_type(type_url, ask, actions);
            return Ok(());
        };
        let first = self.subscriptions[kind].is_none();
        let variant = self.variant;
        let place = &mut self.subscriptions[kind];
        let subscription = place.get_or_insert_with(|| Box::new(Subscription::new(kind, variant)));
        // A first request may carry the nonce of an earlier stream (X16).
        if !first && let Some(answer) = subscription.on_answer(&nonce, error.as_deref()) {
            actions.push(Action::Report(report(kind, answer)));
        }
        let target = view.set(kind);
        if let Ask::Delta { initial, .. } = &ask {
            self.brought_along |= self.service == Service::Aggregated && !initial.is_empty();
        }
        match ask {
            Ask::Sotw { version, names } => {
                subscription.on_list(names, &version, first, class, target);
            }
            Ask::Delta {
                subscribe,
                unsubscribe,
                initial,
            } => subscription.on_delta(subscribe, unsubscribe, &initial, first, class, target),
        }
        let names = subscription.interest().names().len();
        if names > self.limits.names {
            return Err(Closed::exhausted(format!(
                "the stream subscribes to {names} names of one type; at most {} are accepted, so use `*` or several streams",
                self.limits.names
            )));
        }
        Ok(())
    }

    /// Nothing of an unknown type exists; only the delta variant has words for that (X06, X40).
    fn unknown_type(&mut self, type_url: String, ask: Ask, actions: &mut Vec<Action>) {
        if !std::mem::replace(&mut self.met_unknown_type, true) {
            actions.push(Action::Report(Report::UnknownType {
                type_url: type_url.chars().take(self.limits.name_len).collect(),
            }));
        }
        if let Ask::Delta { subscribe, .. } = ask
            && !subscribe.is_empty()
        {
            let mut removed: Vec<Arc<str>> = subscribe.into_iter().map(Arc::from).collect();
            removed.sort();
            removed.dedup();
            actions.push(Action::Send(Response {
                type_url: type_url.into(),
                version: String::new(),
                nonce: self.next_nonce(),
                fields: Vec::new(),
                resources: Arc::default(),
                removed,
            }));
        }
    }

    fn next_nonce(&mut self) -> Arc<str> {
        self.nonces = self.nonces.wrapping_add(1);
        format!("{:x}-{:x}", self.id, self.nonces).into()
    }

    /// Sends what can be sent, kind by kind in the order of make before break (X52).
    fn pump(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(client) = &self.client else { return };
        let view = client.view.clone();
        for kind in Kind::ALL {
            let Some(mut subscription) = self.subscriptions[kind].take() else {
                continue;
            };
            let gate = Gate {
                others: &self.subscriptions,
                view: &view,
                earlier_endpoints: &self.endpoints_of_clusters,
                brought_along: self.brought_along,
                started: self.started,
                now,
                wait: GATE_WAIT,
            };
            let push = subscription.plan(view.set(kind), &gate);
            if let Some(push) = push {
                let nonce = self.next_nonce();
                subscription.launch(&push, nonce.clone());
                if kind == Kind::Cluster {
                    self.endpoints_of_clusters = view.set(Kind::Endpoint).clone();
                }
                if let Some(endpoints) = &mut self.subscriptions[Kind::Endpoint] {
                    push.rewarmed.iter().for_each(|name| endpoints.owe(name));
                }
                for (name, waited_for) in push.overdue {
                    let resource = ResourceKey { kind, name };
                    actions.push(Action::Report(Report::Overdue {
                        resource,
                        waited_for,
                    }));
                }
                actions.push(Action::Send(Response {
                    type_url: kind.type_url().into(),
                    version: push.version.to_string(),
                    nonce,
                    fields: push.fields,
                    resources: push.resources,
                    removed: push.removed,
                }));
            }
            self.subscriptions[kind] = Some(subscription);
        }
        self.update_live(now, &view, actions);
    }
}

fn report(kind: Kind, answer: Answer) -> Report {
    match answer {
        Answer::Acked { resources, removed } => Report::Acked {
            kind,
            resources,
            removed,
        },
        Answer::Nacked(rejection) => Report::Nacked {
            kind,
            text: rejection.text,
            resources: rejection.resources,
        },
    }
}
