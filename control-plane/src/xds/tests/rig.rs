//! A stream under test, its operator and its client, in few words.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message as _;

use crate::xds::pb::envoy::config::core::v3 as core;
use crate::xds::pb::envoy::service::discovery::v3 as discovery;
use crate::xds::pb::google::rpc;
use crate::xds::resource::{Provenance, Resource, ResourceKey};
use crate::xds::stream::{Action, Closed, Report, Service, Stream};
use crate::xds::view::{Scope, Views, ViewsBuilder};
use crate::xds::{Kind, Limits, Request, Variant, encode};

pub(super) use Kind::{Cluster as C, Endpoint as E, Listener as L, Route as R};

/// A response as the client decodes it.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub(super) kind: Option<Kind>,
    pub(super) type_url: String,
    pub(super) version: String,
    pub(super) nonce: String,
    /// Name, version and body; in the state-of-the-world variant names come from the server's list.
    pub(super) resources: Vec<(String, String, Vec<u8>)>,
    pub(super) removed: Vec<String>,
}

impl Got {
    /// Kind, names, and removed names behind a minus.
    fn brief(&self) -> String {
        let mut text = self
            .kind
            .map_or(self.type_url.clone(), |k| k.noun().to_owned());
        for (name, _, _) in &self.resources {
            text.push(' ');
            text.push_str(name);
        }
        for name in &self.removed {
            text.push_str(" -");
            text.push_str(name);
        }
        text
    }
}

/// The operator's side: a mutable set of resources, published as revisions.
pub(super) struct Operator {
    pub(super) resources: BTreeMap<ResourceKey, (String, Vec<ResourceKey>)>,
    revision: u64,
    pub(super) views: Arc<Views>,
}

impl Operator {
    pub(super) fn new() -> Self {
        Self {
            resources: BTreeMap::new(),
            revision: 0,
            views: Arc::new(ViewsBuilder::new(0).build(None)),
        }
    }

    pub(super) fn publish(&mut self) {
        self.revision += 1;
        let mut builder = ViewsBuilder::new(self.revision);
        for (line, (key, (body, refs))) in (1..).zip(&self.resources) {
            let origin = Provenance {
                kind: "EnvoyResources".into(),
                name: "raw".into(),
                file: "edge.yaml".into(),
                line,
                column: 1,
                others: Vec::new(),
            };
            let resource =
                Resource::new(key.clone(), body.as_bytes(), refs.clone(), Arc::new(origin));
            builder.add(&Scope::default(), Arc::new(resource));
        }
        self.views = Arc::new(builder.build(Some(&self.views)));
    }
}

/// A resource: kind, name, body, and what it refers to.
pub(super) type Said<'a> = (Kind, &'a str, &'a str, &'a [(Kind, &'a str)]);

/// A stream with an operator and the client's memory of nonces and names.
pub(super) struct Rig {
    pub(super) op: Operator,
    pub(super) stream: Stream,
    pub(super) now: Instant,
    variant: Variant,
    agent: &'static str,
    nonces: BTreeMap<Kind, String>,
    names: BTreeMap<Kind, Vec<String>>,
    versions: BTreeMap<Kind, String>,
    pub(super) got: Vec<Got>,
    pub(super) reports: Vec<String>,
    pub(super) closed: Option<Closed>,
    /// What happened, shown when a test fails.
    history: Vec<String>,
}

impl Drop for Rig {
    #[expect(clippy::print_stderr, reason = "a failing history must be readable")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.history.len().saturating_sub(80);
            eprintln!("{}", self.history[from..].join("\n"));
        }
    }
}

pub(super) fn node(id: &str, agent: &str) -> core::Node {
    core::Node {
        id: id.into(),
        cluster: "edge".into(),
        user_agent_name: agent.into(),
        ..Default::default()
    }
}

pub(super) fn key(kind: Kind, name: &str) -> ResourceKey {
    ResourceKey::new(kind, name)
}

impl Rig {
    pub(super) fn new(variant: Variant) -> Self {
        Self::with(variant, Service::Aggregated, "envoy")
    }

    pub(super) fn with(variant: Variant, service: Service, agent: &'static str) -> Self {
        let now = portway_shared::clock::now();
        let limits = Arc::new(Limits::default());
        Self {
            op: Operator::new(),
            stream: Stream::new(1, service, variant, limits, now),
            now,
            variant,
            agent,
            nonces: BTreeMap::new(),
            names: BTreeMap::new(),
            versions: BTreeMap::new(),
            got: Vec::new(),
            reports: Vec::new(),
            closed: None,
            history: Vec::new(),
        }
    }

    /// Notes something for the history.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.history.push(what.into());
    }

    /// The client comes back on a new stream, possibly of another server process.
    pub(super) fn reconnect(&mut self) {
        self.note("reconnect");
        let limits = Arc::new(Limits::default());
        let service = self.stream.service();
        let id = self.stream.id() + 1;
        self.stream = Stream::new(id, service, self.variant, limits, self.now);
        self.names.clear();
    }

    /// Sets resources.
    pub(super) fn set(&mut self, resources: &[Said<'_>]) -> &mut Self {
        for (kind, name, body, refs) in resources {
            let refs = refs.iter().map(|(k, n)| key(*k, n)).collect();
            self.op
                .resources
                .insert(key(*kind, name), ((*body).into(), refs));
        }
        self
    }

    pub(super) fn unset(&mut self, kind: Kind, name: &str) -> &mut Self {
        self.op.resources.remove(&key(kind, name));
        self
    }

    /// Publishes what is set.
    pub(super) fn publish(&mut self) -> Vec<String> {
        self.op.publish();
        let set: Vec<String> = self
            .op
            .resources
            .iter()
            .map(|(k, (b, _))| format!("{k} {b}"))
            .collect();
        self.note(format!("publish {}", set.join(", ")));
        let views = self.op.views.clone();
        let actions = self.stream.on_views(&views, self.now);
        self.take(actions)
    }

    pub(super) fn wait(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        let actions = self.stream.on_tick(self.now);
        self.take(actions)
    }

    pub(super) fn request(&mut self, request: impl Into<Request>) -> Vec<String> {
        let views = self.op.views.clone();
        let request = request.into();
        let kind = Kind::from_type_url(&request.type_url).map_or("?", Kind::noun);
        let (nonce, error, ask) = (&request.nonce, &request.error, &request.ask);
        self.note(format!("-> {kind} {nonce:?} {error:?} {ask:?}"));
        let actions = self.stream.on_request(request, &views, self.now);
        self.take(actions)
    }

    fn take(&mut self, actions: Vec<Action>) -> Vec<String> {
        let mut briefs = Vec::new();
        for action in actions {
            match action {
                Action::Send(response) => {
                    let names: Vec<String> = response
                        .resources
                        .iter()
                        .map(|r| r.name().to_string())
                        .collect();
                    let gone = response.removed.iter().map(|n| n.to_string()).collect();
                    let bytes = encode::frames(response, self.variant).concat();
                    let got = decode(&bytes, self.variant, names, gone);
                    if let Some(kind) = got.kind {
                        self.nonces.insert(kind, got.nonce.clone());
                        self.versions.insert(kind, got.version.clone());
                    }
                    self.note(format!("   sends {} {}", got.brief(), got.nonce));
                    briefs.push(got.brief());
                    self.got.push(got);
                }
                Action::Report(report) => self.reports.push(brief_report(&report)),
                Action::Close(closed) => {
                    briefs.push(format!("closed: {:?}", closed.reason));
                    self.closed = Some(closed);
                }
            }
        }
        briefs
    }

    pub(super) fn nonce(&self, kind: Kind) -> String {
        self.nonces.get(&kind).cloned().unwrap_or_default()
    }

    pub(super) fn version(&self, kind: Kind) -> String {
        self.versions.get(&kind).cloned().unwrap_or_default()
    }

    fn node(&self) -> Option<core::Node> {
        self.stream.node().is_none().then(|| node("n1", self.agent))
    }

    /// A state-of-the-world request for these names, with the nonce and version known.
    pub(super) fn want(&mut self, kind: Kind, names: &[&str]) -> Vec<String> {
        self.names
            .insert(kind, names.iter().map(|n| n.to_string()).collect());
        let request = self.sotw(kind, None);
        self.request(request)
    }

    pub(super) fn sotw(&self, kind: Kind, error: Option<&str>) -> discovery::DiscoveryRequest {
        discovery::DiscoveryRequest {
            node: self.node(),
            type_url: kind.type_url().into(),
            version_info: self.version(kind),
            response_nonce: self.nonce(kind),
            resource_names: self.names.get(&kind).cloned().unwrap_or_default(),
            error_detail: error.map(status),
            ..Default::default()
        }
    }

    pub(super) fn delta(&self, kind: Kind) -> discovery::DeltaDiscoveryRequest {
        discovery::DeltaDiscoveryRequest {
            node: self.node(),
            type_url: kind.type_url().into(),
            ..Default::default()
        }
    }

    /// A delta request that subscribes and unsubscribes.
    pub(super) fn sub(&mut self, kind: Kind, add: &[&str], drop: &[&str]) -> Vec<String> {
        let request = discovery::DeltaDiscoveryRequest {
            resource_names_subscribe: add.iter().map(|n| n.to_string()).collect(),
            resource_names_unsubscribe: drop.iter().map(|n| n.to_string()).collect(),
            ..self.delta(kind)
        };
        self.request(request)
    }

    /// A first delta request of a reconnected client that brings `(name, version)` along.
    pub(super) fn bring(
        &mut self,
        kind: Kind,
        add: &[&str],
        initial: &[(&str, &str)],
    ) -> Vec<String> {
        let initial: HashMap<_, _> = initial
            .iter()
            .map(|(n, v)| (n.to_string(), v.to_string()))
            .collect();
        let request = discovery::DeltaDiscoveryRequest {
            resource_names_subscribe: add.iter().map(|n| n.to_string()).collect(),
            initial_resource_versions: initial,
            ..self.delta(kind)
        };
        self.request(request)
    }

    pub(super) fn ack(&mut self, kind: Kind) -> Vec<String> {
        self.answer(kind, None)
    }

    pub(super) fn nack(&mut self, kind: Kind, text: &str) -> Vec<String> {
        self.answer(kind, Some(text))
    }

    fn answer(&mut self, kind: Kind, error: Option<&str>) -> Vec<String> {
        match self.variant {
            Variant::Sotw => {
                let request = self.sotw(kind, error);
                self.request(request)
            }
            Variant::Delta => {
                let request = discovery::DeltaDiscoveryRequest {
                    response_nonce: self.nonce(kind),
                    error_detail: error.map(status),
                    ..self.delta(kind)
                };
                self.request(request)
            }
        }
    }

    /// Asks for everything of a kind, or for names of a kind that has no wildcard.
    pub(super) fn start(&mut self, kind: Kind, names: &[&str]) -> Vec<String> {
        match self.variant {
            Variant::Sotw => self.want(kind, names),
            Variant::Delta => self.sub(kind, names, &[]),
        }
    }

    /// The version that the newest response gave a resource.
    pub(super) fn version_of(&self, kind: Kind, name: &str) -> String {
        let set = &self.op.resources;
        let (body, _) = &set[&key(kind, name)];
        crate::xds::Version::of(body.as_bytes()).to_string()
    }
}

pub(super) fn status(text: &str) -> rpc::Status {
    rpc::Status {
        code: 13,
        message: text.into(),
        details: Vec::new(),
    }
}

/// Reads the frames of one response.
pub(super) fn decode(
    frames: &[u8],
    variant: Variant,
    names: Vec<String>,
    gone: Vec<String>,
) -> Got {
    let (head, message) = frames.split_at(5);
    assert_eq!(head[0], 0);
    assert_eq!(
        u32::from_be_bytes(head[1..].try_into().unwrap()) as usize,
        message.len()
    );
    match variant {
        Variant::Sotw => {
            let m = discovery::DiscoveryResponse::decode(message).unwrap();
            assert_eq!(m.resources.len(), names.len());
            let resources = names.into_iter().zip(m.resources).map(|(name, any)| {
                assert_eq!(any.type_url, m.type_url);
                let version = crate::xds::Version::of(&any.value).to_string();
                (name, version, any.value)
            });
            Got {
                kind: Kind::from_type_url(&m.type_url),
                resources: resources.collect(),
                type_url: m.type_url,
                version: m.version_info,
                nonce: m.nonce,
                removed: gone,
            }
        }
        Variant::Delta => {
            let m = discovery::DeltaDiscoveryResponse::decode(message).unwrap();
            let resources = m.resources.into_iter().map(|r| {
                let any = r.resource.unwrap();
                assert_eq!(any.type_url, m.type_url);
                (r.name, r.version, any.value)
            });
            Got {
                kind: Kind::from_type_url(&m.type_url),
                resources: resources.collect(),
                type_url: m.type_url.clone(),
                version: m.system_version_info,
                nonce: m.nonce,
                removed: m.removed_resources,
            }
        }
    }
}

fn brief_report(report: &Report) -> String {
    match report {
        Report::Acked { kind, .. } => format!("acked {kind}"),
        Report::Nacked { kind, text, .. } => format!("nacked {kind}: {text}"),
        Report::Overdue {
            resource,
            waited_for,
        } => format!("overdue {resource} for {waited_for}"),
        Report::Live { revision } => format!("live {revision}"),
        Report::UnknownType { type_url } => format!("unknown {type_url}"),
    }
}

pub(super) const BOTH: [Variant; 2] = [Variant::Sotw, Variant::Delta];
pub(super) const NONE: [&str; 0] = [];
