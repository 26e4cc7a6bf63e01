//! What each node is to be served: one revision, compiled.
//!
//! [`Views`] holds every resource of a revision with its [`Scope`], and hands each node the [`View`] of its
//! group. Nodes with the same scopes share one view, views with the same content of a kind share that set, and a
//! set that did not change is carried over from the revision before, with the bytes glued from it.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::kind::Kind;
use super::node::{Class, Node};
use super::resource::{Resource, ResourceKey, Version};
use super::set::{PerKind, ResourceSet};

/// How many groups are remembered; a revision with more builds the rest anew for each stream.
const MAX_GROUPS: usize = 1024;

/// Everything one group of nodes is to hold.
#[derive(Debug)]
pub struct View {
    revision: u64,
    sets: PerKind<Arc<ResourceSet>>,
}

impl View {
    /// The revision of the operator's configuration.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn set(&self, kind: Kind) -> &Arc<ResourceSet> {
        &self.sets[kind]
    }
}

/// Which nodes a resource is for. An empty list means no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    pub classes: Vec<Class>,
    pub node_ids: Vec<String>,
    pub node_clusters: Vec<String>,
}

impl Scope {
    fn matches(&self, node: &Node) -> bool {
        fn allows<T: PartialEq>(list: &[T], value: &T) -> bool {
            list.is_empty() || list.contains(value)
        }
        allows(&self.classes, &node.class)
            && allows(&self.node_ids, &node.id)
            && allows(&self.node_clusters, &node.cluster)
    }
}

/// Collects the resources of a revision.
#[derive(Debug, Default)]
pub struct ViewsBuilder {
    revision: u64,
    scopes: BTreeMap<Scope, usize>,
    resources: Vec<(usize, Arc<Resource>)>,
}

impl ViewsBuilder {
    pub fn new(revision: u64) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }

    /// Adds a resource. Where two of the same key reach the same node, the one added later stands.
    pub fn add(&mut self, scope: &Scope, resource: Arc<Resource>) {
        let next = self.scopes.len();
        let at = match self.scopes.get(scope) {
            Some(at) => *at,
            None => *self.scopes.entry(scope.clone()).or_insert(next),
        };
        self.resources.push((at, resource));
    }

    /// Finishes the revision; `previous` is the one it follows.
    pub fn build(self, previous: Option<&Views>) -> Views {
        let mut scopes = vec![Scope::default(); self.scopes.len()];
        for (scope, at) in self.scopes {
            if let Some(place) = scopes.get_mut(at) {
                *place = scope;
            }
        }
        let mut known = previous.map_or_else(FxHashMap::default, |p| p.groups.lock().known.clone());
        known.retain(|_, set: &mut Weak<ResourceSet>| set.strong_count() > 0);
        Views {
            revision: self.revision,
            scopes,
            resources: self.resources,
            groups: Mutex::new(Groups {
                views: BTreeMap::new(),
                known,
            }),
        }
    }
}

/// One revision for all nodes.
#[derive(Debug)]
pub struct Views {
    revision: u64,
    scopes: Vec<Scope>,
    resources: Vec<(usize, Arc<Resource>)>,
    groups: Mutex<Groups>,
}

#[derive(Debug, Default)]
struct Groups {
    /// By the scopes that match.
    views: BTreeMap<Vec<bool>, Arc<View>>,
    known: FxHashMap<(Kind, Version), Weak<ResourceSet>>,
}

impl Views {
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The view of a node's group.
    pub fn of(&self, node: &Node) -> Arc<View> {
        let matching: Vec<bool> = self.scopes.iter().map(|s| s.matches(node)).collect();
        let mut groups = self.groups.lock();
        if let Some(view) = groups.views.get(&matching) {
            return view.clone();
        }
        let view = Arc::new(self.assemble(&matching, &mut groups.known));
        if groups.views.len() < MAX_GROUPS {
            groups.views.insert(matching, view.clone());
        }
        view
    }

    fn assemble(
        &self,
        matching: &[bool],
        known: &mut FxHashMap<(Kind, Version), Weak<ResourceSet>>,
    ) -> View {
        let mut by_key: BTreeMap<&ResourceKey, &Arc<Resource>> = BTreeMap::new();
        for (scope, resource) in &self.resources {
            if matching.get(*scope) == Some(&true) {
                by_key.insert(resource.key(), resource);
            }
        }
        let mut lists: PerKind<Vec<Arc<Resource>>> = PerKind::build(|_| Vec::new());
        for (key, resource) in &by_key {
            lists[key.kind].push((*resource).clone());
        }
        let missing = missing_endpoints(&lists[Kind::Cluster], |key| by_key.contains_key(key));
        lists[Kind::Endpoint].extend(missing);

        let sets = PerKind::build(|kind| {
            let set = ResourceSet::new(std::mem::take(&mut lists[kind]));
            let place = known.entry((kind, set.version())).or_default();
            match place.upgrade() {
                Some(old) if same_origin(&old, &set) => old,
                _ => {
                    let set = Arc::new(set);
                    *place = Arc::downgrade(&set);
                    set
                }
            }
        });
        View {
            revision: self.revision,
            sets,
        }
    }
}

/// Two sets of one version hold the same content, yet an operator may have moved an object within a file.
fn same_origin(a: &ResourceSet, b: &ResourceSet) -> bool {
    let pairs = a.resources().iter().zip(b.resources());
    pairs
        .into_iter()
        .all(|(a, b)| Arc::ptr_eq(a, b) || a.provenance() == b.provenance())
}

/// Empty assignments for clusters whose endpoints the revision does not list: a client that asks must be
/// answered, or the cluster never warms (X56).
fn missing_endpoints(
    clusters: &[Arc<Resource>],
    known: impl Fn(&ResourceKey) -> bool,
) -> Vec<Arc<Resource>> {
    let mut missing = Vec::new();
    for cluster in clusters {
        for key in cluster.refers_to() {
            if key.kind == Kind::Endpoint && !known(key) {
                let origin = cluster.provenance().clone();
                let assignment = Resource::empty_assignment(&key.name).with_provenance(origin);
                missing.push(Arc::new(assignment));
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
    use super::super::resource::Provenance;
    use super::*;

    fn node(id: &str, class: Class) -> Node {
        Node {
            id: id.into(),
            cluster: "edge".into(),
            class,
            user_agent: String::new(),
            user_agent_version: String::new(),
        }
    }

    fn at_line(name: &str, body: &str, line: u32) -> Arc<Resource> {
        let refs = [ResourceKey::new(Kind::Endpoint, "svc")];
        let origin = Provenance {
            line,
            ..Provenance::default()
        };
        let key = ResourceKey::new(Kind::Cluster, name);
        Arc::new(Resource::new(key, body.as_bytes(), refs, Arc::new(origin)))
    }

    fn resource(name: &str, body: &str) -> Arc<Resource> {
        at_line(name, body, 1)
    }

    #[test]
    fn a_node_gets_what_its_scopes_allow() {
        let everyone = Scope::default();
        let envoys = Scope {
            classes: vec![Class::Envoy],
            ..Scope::default()
        };
        let one = Scope {
            node_ids: vec!["n1".into()],
            node_clusters: vec!["edge".into()],
            ..Scope::default()
        };
        let mut builder = ViewsBuilder::new(7);
        builder.add(&everyone, resource("a", "all"));
        builder.add(&envoys, resource("b", "envoy"));
        builder.add(&one, resource("a", "one"));
        let views = builder.build(None);

        let bodies = |id: &str, class: Class| -> Vec<(String, Version)> {
            let view = views.of(&node(id, class));
            assert_eq!(view.revision(), 7);
            let set = view.set(Kind::Cluster);
            let pairs = set.resources().iter();
            pairs.map(|r| (r.name().to_string(), r.version())).collect()
        };
        let v = |body: &str| Version::of(body.as_bytes());
        assert_eq!(
            bodies("n0", Class::Envoy),
            [("a".into(), v("all")), ("b".into(), v("envoy"))]
        );
        assert_eq!(bodies("n0", Class::Portway), [("a".into(), v("all"))]);
        assert_eq!(bodies("n1", Class::Grpc), [("a".into(), v("one"))]);
        assert!(Arc::ptr_eq(
            &views.of(&node("x", Class::Envoy)),
            &views.of(&node("y", Class::Envoy))
        ));
    }

    #[test]
    fn unchanged_sets_are_carried_over() {
        let build = |revision, body: &str, line, previous: Option<&Views>| {
            let mut builder = ViewsBuilder::new(revision);
            builder.add(&Scope::default(), at_line("a", body, line));
            builder.build(previous)
        };
        let first = build(1, "x", 1, None);
        let old = first.of(&node("n", Class::Envoy));
        for (body, line, carried) in [("x", 1, true), ("x", 2, false), ("y", 1, false)] {
            let second = build(2, body, line, Some(&first));
            let new = second.of(&node("n", Class::Envoy));
            let same = Arc::ptr_eq(old.set(Kind::Cluster), new.set(Kind::Cluster));
            assert_eq!(same, carried, "{body} at line {line}");
        }
    }

    #[test]
    fn x56_a_cluster_without_endpoints_gets_an_empty_assignment() {
        let mut builder = ViewsBuilder::new(1);
        builder.add(&Scope::default(), resource("a", "x"));
        builder.add(&Scope::default(), resource("b", "y"));
        let view = builder.build(None).of(&node("n", Class::Envoy));
        let set = view.set(Kind::Endpoint);
        assert_eq!(set.resources().len(), 1);
        let field = set.get("svc").unwrap().sotw_field();
        let response =
            super::super::pb::envoy::service::discovery::v3::DiscoveryResponse::decode(field)
                .unwrap();
        let assignment =
            ClusterLoadAssignment::decode(response.resources[0].value.as_slice()).unwrap();
        assert_eq!(assignment.cluster_name, "svc");
        assert!(assignment.endpoints.is_empty());
    }
}
