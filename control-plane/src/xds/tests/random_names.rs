//! XC49: random histories of a client that subscribes to anything, against what it must end up holding.
//!
//! Requests and responses pass through queues of random delay, resources come, change and go, some are rejected,
//! and streams break. No resource names another here: what order owes is `random_proxy`'s question.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use fastrand::Rng;

use super::rig::*;
use crate::xds::pb::envoy::service::discovery::v3 as discovery;
use crate::xds::request::Ask;
use crate::xds::status::State;
use crate::xds::{Kind, Request, Variant};

const KINDS: [Kind; 4] = [C, E, L, R];
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// What a client wants and holds of one kind.
#[derive(Default)]
struct Side {
    asked: bool,
    wildcard: bool,
    names: BTreeSet<String>,
    held: BTreeMap<String, (String, Vec<u8>)>,
    nonce: String,
    version: String,
    /// What was rejected and has not changed since.
    refused: BTreeMap<String, String>,
    /// Names that the server has read a wish for and not answered since.
    due: BTreeSet<String>,
    /// The last state-of-the-world list that the server has read.
    list: BTreeSet<String>,
}

impl Side {
    fn covers(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }
}

struct World {
    rng: Rng,
    rig: Rig,
    variant: Variant,
    sides: BTreeMap<Kind, Side>,
    to_server: VecDeque<Request>,
    /// With the names in it that the client had asked for.
    to_client: VecDeque<(Got, BTreeSet<String>)>,
    bodies: u32,
}

impl World {
    fn new(variant: Variant, seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            rig: Rig::new(variant),
            variant,
            sides: KINDS.map(|kind| (kind, Side::default())).into(),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            bodies: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.u8(0..100) {
            0..20 => self.operator(),
            20..45 => self.resubscribe(),
            45..70 => self.server_reads(),
            70..95 => self.client_reads(),
            95..98 => self.reconnect(),
            _ => {
                let seconds = self.rng.u64(1..4);
                self.rig.wait(seconds);
                self.collect();
            }
        }
    }

    fn kind(&mut self) -> Kind {
        KINDS[self.rng.usize(..KINDS.len())]
    }

    fn name(&mut self) -> &'static str {
        NAMES[self.rng.usize(..NAMES.len())]
    }

    fn operator(&mut self) {
        for _ in 0..self.rng.usize(1..4) {
            let (kind, name) = (self.kind(), self.name());
            if self.rng.u8(..3) == 0 {
                self.rig.unset(kind, name);
            } else {
                self.bodies += 1;
                let taste = if self.rng.u8(..5) == 0 { "bad" } else { "good" };
                let body = format!("{taste}{}", self.bodies);
                self.rig.set(&[(kind, name, &body, &[])]);
            }
            if let Some(side) = self.sides.get_mut(&kind) {
                side.refused.remove(name);
            }
        }
        self.rig.publish();
        self.collect();
    }

    /// Changes what is wanted of one kind, and says so.
    fn resubscribe(&mut self) {
        let kind = self.kind();
        let add: Vec<String> = (0..self.rng.usize(..3))
            .map(|_| self.name().into())
            .collect();
        let drop: Vec<String> = (0..self.rng.usize(..2))
            .map(|_| self.name().into())
            .collect();
        let flip = kind.has_wildcard() && self.rng.u8(..6) == 0;
        let side = self.sides.get_mut(&kind).unwrap();
        let (first, was_wildcard) = (!side.asked, side.wildcard);
        side.asked = true;

        let mut subscribe = add.clone();
        let mut unsubscribe: Vec<String> = Vec::new();
        // A first request without names is the legacy wildcard, whatever the client means.
        let legacy = first && kind.has_wildcard() && add.is_empty();
        if legacy {
            side.wildcard = true;
        } else if flip {
            side.wildcard = !was_wildcard;
            let list = if was_wildcard {
                &mut unsubscribe
            } else {
                &mut subscribe
            };
            list.push("*".into());
        }
        for name in &add {
            side.names.insert(name.clone());
        }
        for name in &drop {
            if side.names.remove(name) {
                unsubscribe.push(name.clone());
                // A delta client may drop what it leaves, even under the wildcard, and is then answered (X43).
                if self.variant == Variant::Delta {
                    side.held.remove(name);
                }
            }
        }
        let (wildcard, names) = (side.wildcard, side.names.clone());
        side.held.retain(|name, _| wildcard || names.contains(name));
        let request = match self.variant {
            Variant::Sotw => self.whole_list(kind, legacy && names.is_empty(), None),
            Variant::Delta => {
                let request = discovery::DeltaDiscoveryRequest {
                    resource_names_subscribe: subscribe,
                    resource_names_unsubscribe: unsubscribe,
                    ..self.rig.delta(kind)
                };
                self.with_node(request.into())
            }
        };
        self.to_server.push_back(request);
    }

    fn with_node(&self, mut request: Request) -> Request {
        request.node = Some(node("n1", "envoy"));
        request
    }

    fn whole_list(&self, kind: Kind, legacy: bool, error: Option<&str>) -> Request {
        let side = &self.sides[&kind];
        let mut names: Vec<String> = side.names.iter().cloned().collect();
        if side.wildcard && !legacy {
            names.push("*".into());
        }
        let request = discovery::DiscoveryRequest {
            type_url: kind.type_url().into(),
            resource_names: names,
            response_nonce: side.nonce.clone(),
            version_info: side.version.clone(),
            error_detail: error.map(status),
            ..Default::default()
        };
        self.with_node(request.into())
    }

    fn server_reads(&mut self) {
        if let Some(request) = self.to_server.pop_front() {
            self.note_wishes(&request);
            self.rig.request(request);
            self.collect();
        }
    }

    /// What the server sent is under way.
    fn collect(&mut self) {
        assert_eq!(self.rig.closed, None);
        for got in self.rig.got.drain(..) {
            let side = self.sides.get_mut(&got.kind.unwrap()).unwrap();
            let sent = got.resources.iter().map(|r| &r.0);
            let due = sent
                .filter(|name| side.due.remove(*name))
                .cloned()
                .collect();
            self.to_client.push_back((got, due));
        }
        for kind in KINDS {
            let of_kind = |(got, _): &&(Got, BTreeSet<String>)| got.kind == Some(kind);
            let under_way = self.to_client.iter().filter(of_kind).count();
            assert!(
                under_way <= 1,
                "X22: {under_way} responses of {kind} under way"
            );
        }
    }

    /// What a request asks for may come again, refused or not.
    fn note_wishes(&mut self, request: &Request) {
        let kind = Kind::from_type_url(&request.type_url).unwrap();
        let side = self.sides.get_mut(&kind).unwrap();
        let wishes: Vec<String> = match &request.ask {
            Ask::Sotw { names, .. } => {
                let list: BTreeSet<String> = names.iter().cloned().collect();
                let before = std::mem::replace(&mut side.list, list.clone());
                list.difference(&before).cloned().collect()
            }
            Ask::Delta {
                subscribe,
                unsubscribe,
                ..
            } => subscribe.iter().chain(unsubscribe).cloned().collect(),
        };
        if wishes.iter().any(|name| name == "*") {
            side.due.extend(NAMES.map(String::from));
        }
        side.due.extend(wishes);
    }

    fn client_reads(&mut self) {
        let Some((got, due)) = self.to_client.pop_front() else {
            return;
        };
        let kind = got.kind.unwrap();
        self.rig.note(format!("<- {}", got.nonce));
        let side = self.sides.get_mut(&kind).unwrap();
        assert_ne!(got.nonce, side.nonce, "X15");
        let names: BTreeSet<_> = got.resources.iter().map(|r| &r.0).collect();
        assert_eq!(names.len(), got.resources.len(), "X08");

        let mut bad = Vec::new();
        let full = self.variant == Variant::Sotw && kind.is_full_state();
        if full {
            side.held.retain(|name, _| names.contains(name));
        }
        for (name, version, body) in &got.resources {
            if !full && !due.contains(name) {
                let refused = side.refused.get(name);
                assert_ne!(refused, Some(version), "X18: {kind} {name} again");
            }
            if body.starts_with(b"bad") {
                bad.push((name.clone(), version.clone()));
            } else if side.covers(name) {
                side.held
                    .insert(name.clone(), (version.clone(), body.clone()));
            }
        }
        if self.variant == Variant::Delta {
            for name in &got.removed {
                assert!(!names.contains(name), "both sent and removed");
                side.held.remove(name);
            }
        }
        side.nonce = got.nonce.clone();
        let named = self.rng.bool();
        let error = (!bad.is_empty()).then(|| match named {
            true => bad
                .iter()
                .map(|(name, _)| format!("resource \"{name}\": bad\n"))
                .collect(),
            false => "something is wrong".to_owned(),
        });
        if error.is_none() {
            side.version = got.version;
        }
        for (name, version) in bad {
            if side.covers(&name) {
                side.refused.insert(name, version);
            }
        }
        let request = match self.variant {
            Variant::Sotw => {
                let legacy = false;
                self.whole_list(kind, legacy, error.as_deref())
            }
            Variant::Delta => {
                let request = discovery::DeltaDiscoveryRequest {
                    response_nonce: got.nonce,
                    error_detail: error.as_deref().map(status),
                    ..self.rig.delta(kind)
                };
                self.with_node(request.into())
            }
        };
        self.to_server.push_back(request);
    }

    fn reconnect(&mut self) {
        self.rig.reconnect();
        self.to_client.clear();
        self.to_server.clear();
        for kind in KINDS {
            let drops = kind == E && self.rng.bool();
            let side = self.sides.get_mut(&kind).unwrap();
            side.refused.clear();
            side.due.clear();
            side.list.clear();
            if !side.asked || (!side.wildcard && side.names.is_empty()) {
                // Nothing to ask for: the kind starts over.
                *side = Side::default();
                continue;
            }
            let initial: HashMap<String, String> = side
                .held
                .iter()
                .map(|(n, (v, _))| (n.clone(), v.clone()))
                .collect();
            if drops {
                // Envoy reports endpoints that it has forgotten (X39).
                side.held.clear();
            }
            let request = match self.variant {
                Variant::Sotw => self.whole_list(kind, false, None),
                Variant::Delta => {
                    let side = &self.sides[&kind];
                    let mut subscribe: Vec<String> = side.names.iter().cloned().collect();
                    if side.wildcard {
                        subscribe.push("*".into());
                    }
                    let request = discovery::DeltaDiscoveryRequest {
                        resource_names_subscribe: subscribe,
                        initial_resource_versions: initial,
                        ..self.rig.delta(kind)
                    };
                    self.with_node(request.into())
                }
            };
            self.to_server.push_back(request);
        }
    }

    /// Lets everything arrive, then compares.
    fn settle(&mut self) {
        for _ in 0..3 {
            let mut rounds = 0;
            while !self.to_server.is_empty() || !self.to_client.is_empty() {
                self.server_reads();
                self.client_reads();
                rounds += 1;
                assert!(rounds < 500, "the server does not come to rest");
            }
            self.rig.wait(11);
            self.collect();
        }
        assert!(self.to_client.is_empty());
        let status = self.rig.stream.status();
        for (kind, side) in &self.sides {
            let of_kind = status
                .iter()
                .flat_map(|s| &s.kinds)
                .find(|k| k.kind == *kind);
            let mut retained = of_kind.map_or(0, |k| k.retained);
            let wanted = |name: &str| self.rig.op.resources.get(&key(*kind, name));
            for name in NAMES {
                let held = side.held.get(name).map(|(_, body)| body.as_slice());
                let silent = self.variant == Variant::Sotw && !kind.is_full_state();
                match wanted(name) {
                    _ if !side.covers(name) => assert_eq!(held, None, "{kind} {name} unwanted"),
                    Some((body, _)) if body.starts_with("good") => {
                        assert_eq!(held, Some(body.as_bytes()), "{kind} {name}");
                    }
                    Some(_) => {}
                    None if silent => {}
                    // While the client runs a listener whose replacement it refused, routes stay that it may name.
                    None if held.is_some() && retained > 0 => retained -= 1,
                    None => assert_eq!(held, None, "{kind} {name} is gone"),
                }
            }
        }
        self.compare_status();
    }

    fn compare_status(&self) {
        let Some(status) = self.rig.stream.status() else {
            return;
        };
        for of_kind in &status.kinds {
            let side = &self.sides[&of_kind.kind];
            let refused = NAMES.iter().any(|name| {
                let body = self.rig.op.resources.get(&key(of_kind.kind, name));
                side.covers(name) && body.is_some_and(|(body, _)| body.starts_with("bad"))
            });
            match of_kind.state {
                State::Pending => panic!("{:?} is pending at rest", of_kind.kind),
                State::Nacked => assert!(refused || !of_kind.rejections.is_empty()),
                State::Synced => assert!(!refused, "{:?} hides a rejection", of_kind.kind),
            }
        }
    }
}

/// Says where a history failed.
pub(super) struct Tell(pub(super) &'static str, pub(super) u64, pub(super) usize);

impl Drop for Tell {
    #[expect(clippy::print_stderr, reason = "a failing history must be repeatable")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: seed {} step {}", self.0, self.1, self.2);
        }
    }
}

fn histories(variant: Variant, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut world = World::new(variant, seed);
        let mut tell = Tell(variant.as_str(), seed, 0);
        for step in 0..120 {
            tell.2 = step;
            world.step();
            if step % 40 == 39 {
                world.settle();
            }
        }
    }
}

#[test]
fn xc49_any_names_sotw() {
    histories(Variant::Sotw, 0..400);
}

#[test]
fn xc49_any_names_delta() {
    histories(Variant::Delta, 0..400);
}
