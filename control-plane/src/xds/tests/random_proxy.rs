//! XC49: random histories of a client that works like Envoy, watched for the moment in which a route would have
//! no cluster.
//!
//! It asks for all clusters and listeners, for the endpoints its clusters name and the routes its listeners name.
//! A changed cluster is warm again only after endpoints arrived, and its confirmation waits for that. Operators
//! publish sets without dangling names, and no time passes while the history runs: so at no moment may a route
//! that the client uses name a cluster that it does not hold.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use fastrand::Rng;

use super::random_names::Tell;
use super::rig::*;
use crate::xds::pb::envoy::service::discovery::v3 as discovery;
use crate::xds::{Kind, Request, ResourceKey, Variant};

/// A body says what it names, so that the client can read it: `good7 cluster=a endpoints=b`.
fn body(taste: &str, number: u32, refs: &[ResourceKey]) -> String {
    let refs: String = refs
        .iter()
        .map(|r| format!(" {:?}={}", r.kind, r.name))
        .collect();
    format!("{taste}{number}{refs}")
}

fn refs(kind: Kind, body: &[u8]) -> Vec<String> {
    let prefix = format!("{kind:?}=");
    let text = std::str::from_utf8(body).unwrap();
    text.split(' ')
        .filter_map(|word| word.strip_prefix(&prefix))
        .map(str::to_owned)
        .collect()
}

#[derive(Default)]
struct Side {
    names: BTreeSet<String>,
    held: BTreeMap<String, (String, Vec<u8>)>,
    nonce: String,
    version: String,
}

struct Proxy {
    rng: Rng,
    rig: Rig,
    variant: Variant,
    sides: BTreeMap<Kind, Side>,
    warming: BTreeSet<String>,
    /// The confirmation of clusters that waits for them to be warm.
    held_back: Option<Request>,
    to_server: VecDeque<Request>,
    to_client: VecDeque<Got>,
    bodies: u32,
    /// Counts connections.
    connection: u32,
    /// On which connection a route came. Of those from before, a state-of-the-world server cannot know.
    came_on: BTreeMap<String, u32>,
}

impl Proxy {
    fn new(variant: Variant, seed: u64) -> Self {
        let mut proxy = Self {
            rng: Rng::with_seed(seed),
            rig: Rig::new(variant),
            variant,
            sides: [C, E, L, R].map(|kind| (kind, Side::default())).into(),
            warming: BTreeSet::new(),
            held_back: None,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            bodies: 0,
            connection: 0,
            came_on: BTreeMap::new(),
        };
        proxy.operator();
        proxy.connect();
        proxy
    }

    fn step(&mut self) {
        match self.rng.u8(0..100) {
            0..15 => self.operator(),
            15..55 => self.server_reads(),
            55..98 => self.client_reads(),
            _ => {
                self.rig.reconnect();
                self.connection += 1;
                self.connect();
            }
        }
        self.check();
    }

    /// Publishes a consistent set: routes name clusters of the set, listeners routes of the set.
    fn operator(&mut self) {
        let rng = &mut self.rng;
        let old = std::mem::take(&mut self.rig.op.resources);
        let mut new = BTreeMap::new();
        let mut bodies = self.bodies;
        let mut put = |rng: &mut Rng, kind: Kind, name: &str, to: Vec<ResourceKey>| {
            let key = key(kind, name);
            let keep = rng.u8(..3) > 0;
            match old.get(&key) {
                Some((body, refs)) if keep && *refs == to => {
                    new.insert(key, (body.clone(), to));
                }
                _ => {
                    bodies += 1;
                    let taste = if rng.u8(..12) == 0 { "bad" } else { "good" };
                    new.insert(key, (body(taste, bodies, &to), to));
                }
            }
        };
        let some = |rng: &mut Rng, all: &[&'static str]| -> Vec<&'static str> {
            all.iter().copied().filter(|_| rng.u8(..3) > 0).collect()
        };
        let clusters = some(rng, &["c1", "c2", "c3", "c4"]);
        for name in &clusters {
            put(rng, C, name, vec![key(E, name)]);
            // Endpoints are never bad, or a cluster would stay cold.
            new_endpoint(rng, &mut self.rig, name, &old, &mut self.bodies);
        }
        let routes = if clusters.is_empty() {
            Vec::new()
        } else {
            some(rng, &["r1", "r2", "r3"])
        };
        for name in &routes {
            let mut to = some(rng, &clusters);
            if to.is_empty() {
                to.push(clusters[rng.usize(..clusters.len())]);
            }
            put(rng, R, name, to.iter().map(|c| key(C, c)).collect());
        }
        if !routes.is_empty() {
            for name in some(rng, &["l1", "l2"]) {
                let to = routes[rng.usize(..routes.len())];
                put(rng, L, name, vec![key(R, to)]);
            }
        }
        self.bodies = self.bodies.max(bodies);
        self.rig.op.resources.extend(new);
        self.rig.publish();
        self.collect();
    }

    fn connect(&mut self) {
        self.to_client.clear();
        self.to_server.clear();
        self.held_back = None;
        for kind in [C, E, L, R] {
            let side = &self.sides[&kind];
            let all = matches!(kind, C | L);
            if !all && side.names.is_empty() {
                continue;
            }
            let request: Request = match self.variant {
                Variant::Sotw => self.list(kind, None),
                Variant::Delta => {
                    let initial: HashMap<_, _> = side
                        .held
                        .iter()
                        .map(|(n, (v, _))| (n.clone(), v.clone()))
                        .collect();
                    discovery::DeltaDiscoveryRequest {
                        node: Some(node("n1", "envoy")),
                        type_url: kind.type_url().into(),
                        resource_names_subscribe: side.names.iter().cloned().collect(),
                        initial_resource_versions: initial,
                        ..Default::default()
                    }
                    .into()
                }
            };
            self.to_server.push_back(request);
        }
    }

    fn list(&self, kind: Kind, error: Option<&str>) -> Request {
        let side = &self.sides[&kind];
        discovery::DiscoveryRequest {
            node: Some(node("n1", "envoy")),
            type_url: kind.type_url().into(),
            resource_names: side.names.iter().cloned().collect(),
            response_nonce: side.nonce.clone(),
            version_info: side.version.clone(),
            error_detail: error.map(status),
            ..Default::default()
        }
        .into()
    }

    fn server_reads(&mut self) {
        if let Some(request) = self.to_server.pop_front() {
            self.rig.request(request);
            self.collect();
        }
    }

    fn collect(&mut self) {
        assert_eq!(self.rig.closed, None);
        self.to_client.extend(self.rig.got.drain(..));
    }

    fn client_reads(&mut self) {
        let Some(got) = self.to_client.pop_front() else {
            return;
        };
        let kind = got.kind.unwrap();
        self.rig.note(format!("<- {}", got.nonce));
        let mut bad = Vec::new();
        let side = self.sides.get_mut(&kind).unwrap();
        if self.variant == Variant::Sotw && kind.is_full_state() {
            let names: BTreeSet<_> = got.resources.iter().map(|r| &r.0).collect();
            side.held.retain(|name, _| names.contains(name));
        }
        for (name, version, body) in &got.resources {
            if body.starts_with(b"bad") {
                bad.push(format!("resource \"{name}\": bad\n"));
                continue;
            }
            let wanted = matches!(kind, C | L) || side.names.contains(name);
            if !wanted {
                continue;
            }
            let before = side
                .held
                .insert(name.clone(), (version.clone(), body.clone()));
            match kind {
                Kind::Cluster if before.is_none_or(|(v, _)| v != *version) => {
                    self.warming.insert(name.clone());
                }
                Kind::Endpoint => {
                    self.warming.remove(name);
                }
                Kind::Route => {
                    self.came_on.insert(name.clone(), self.connection);
                }
                _ => {}
            }
        }
        if self.variant == Variant::Delta {
            for name in &got.removed {
                side.held.remove(name);
                if kind == E {
                    // Envoy takes a missing assignment for an answer.
                    self.warming.remove(name);
                }
            }
        }
        side.nonce = got.nonce.clone();
        let error = (!bad.is_empty()).then(|| bad.concat());
        side.version = match &error {
            None => got.version.clone(),
            // Clients report the version before, although they may have applied parts of what they refused. A
            // server that is spared resending by an equal version (X32) cannot know; that is not the question here.
            Some(_) => String::new(),
        };
        self.follow(C, E);
        self.follow(L, R);
        let clusters = &self.sides[&C].held;
        self.warming.retain(|name| clusters.contains_key(name));

        let answer: Request = match self.variant {
            Variant::Sotw => self.list(kind, error.as_deref()),
            Variant::Delta => discovery::DeltaDiscoveryRequest {
                node: Some(node("n1", "envoy")),
                type_url: kind.type_url().into(),
                response_nonce: got.nonce,
                error_detail: error.as_deref().map(status),
                ..Default::default()
            }
            .into(),
        };
        if kind == C {
            self.held_back = Some(answer);
        } else {
            self.to_server.push_back(answer);
        }
        if self.warming.is_empty() {
            self.to_server.extend(self.held_back.take());
        }
    }

    /// Asks for what the resources of a kind name, and drops what none names any more.
    fn follow(&mut self, from: Kind, to: Kind) {
        let named: BTreeSet<String> = self.sides[&from]
            .held
            .values()
            .flat_map(|(_, body)| refs(to, body))
            .collect();
        let side = self.sides.get_mut(&to).unwrap();
        let subscribe: Vec<String> = named.difference(&side.names).cloned().collect();
        let unsubscribe: Vec<String> = side.names.difference(&named).cloned().collect();
        if subscribe.is_empty() && unsubscribe.is_empty() {
            return;
        }
        side.held.retain(|name, _| named.contains(name));
        side.names = named;
        let request = match self.variant {
            Variant::Sotw => self.list(to, None),
            Variant::Delta => discovery::DeltaDiscoveryRequest {
                node: Some(node("n1", "envoy")),
                type_url: to.type_url().into(),
                resource_names_subscribe: subscribe,
                resource_names_unsubscribe: unsubscribe,
                ..Default::default()
            }
            .into(),
        };
        self.to_server.push_back(request);
    }

    fn check(&self) {
        if let Some((route, cluster)) = self.dangling() {
            panic!("X53, X54: route {route} names {cluster}, which the client does not hold");
        }
    }

    /// A route in use, and a cluster it names that the client does not hold.
    fn dangling(&self) -> Option<(String, String)> {
        let clusters = &self.sides[&C].held;
        let known = |route: &String| {
            self.variant == Variant::Delta || self.came_on.get(route) == Some(&self.connection)
        };
        let routes = self.sides[&R].held.iter().filter(|(route, _)| known(route));
        let mut named = routes
            .flat_map(|(route, (_, body))| refs(C, body).into_iter().map(|c| (route.clone(), c)));
        named.find(|(_, cluster)| !clusters.contains_key(cluster))
    }

    fn settle(&mut self) {
        for round in 0..3 {
            let mut messages = 0;
            while !self.to_server.is_empty() || !self.to_client.is_empty() {
                self.server_reads();
                self.client_reads();
                self.check();
                messages += 1;
                assert!(messages < 500, "the server does not come to rest");
            }
            // First what was brought along is given up, then what still waits is sent.
            if round < 2 {
                self.rig.wait(6);
                self.collect();
            }
        }
        assert!(
            self.warming.is_empty(),
            "X55: {:?} never warm",
            self.warming
        );
        self.compare();
    }

    fn compare(&self) {
        let wanted = &self.rig.op.resources;
        let bad_around = wanted.values().any(|(body, _)| body.starts_with("bad"));
        for (kind, side) in &self.sides {
            for (name, (_, body)) in &side.held {
                match wanted.get(&key(*kind, name)) {
                    Some((now, _)) if now.starts_with("good") => {
                        // A route waits for ever only for a cluster that was refused.
                        assert!(now.as_bytes() == body || bad_around, "{kind} {name}");
                    }
                    Some(_) => {}
                    None => assert!(bad_around, "{kind} {name} is gone, yet held"),
                }
            }
        }
        if !bad_around {
            for (key, (body, _)) in wanted {
                let side = &self.sides[&key.kind];
                if matches!(key.kind, C | L) || side.names.contains(&*key.name) {
                    let held = side.held.get(&*key.name).map(|(_, body)| body.as_slice());
                    assert_eq!(held, Some(body.as_bytes()), "{key}");
                }
            }
            let target = self.rig.stream.status().unwrap().target;
            assert_eq!(
                self.rig.stream.live(),
                Some(target),
                "all is well, so it is live"
            );
        }
    }
}

fn new_endpoint(
    rng: &mut Rng,
    rig: &mut Rig,
    name: &str,
    old: &BTreeMap<ResourceKey, (String, Vec<ResourceKey>)>,
    bodies: &mut u32,
) {
    let key = key(E, name);
    let body = match old.get(&key) {
        Some((body, _)) if rng.u8(..3) > 0 => body.clone(),
        _ => {
            *bodies += 1;
            format!("good-e{bodies}")
        }
    };
    rig.op.resources.insert(key, (body, Vec::new()));
}

fn histories(variant: Variant, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut tell = Tell(variant.as_str(), seed, 0);
        let mut proxy = Proxy::new(variant, seed);
        for step in 0..200 {
            tell.2 = step;
            proxy.step();
            if step % 50 == 49 {
                proxy.settle();
            }
        }
    }
}

#[test]
fn xc49_a_proxy_sotw() {
    histories(Variant::Sotw, 0..400);
}

#[test]
fn xc49_a_proxy_delta() {
    histories(Variant::Delta, 0..400);
}
