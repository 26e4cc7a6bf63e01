//! All resources of one kind in one view: immutable, sorted by name, shared by every stream of a group.
//!
//! What is computed about a set is computed once and kept in it: the glued bytes, the difference from the sets
//! that streams are moving away from, and which resources name which others.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::kind::Kind;
use super::resource::{Resource, ResourceKey, Version};
use super::segments::Segments;

/// How many differences a set remembers. Streams leave the last few sets, rarely an older one.
const REMEMBERED_DIFFS: usize = 8;

/// All resources of one kind.
#[derive(Debug)]
pub struct ResourceSet {
    version: Version,
    all: Segments,
    /// For each name, the positions of the resources that refer to it.
    named_by: OnceLock<FxHashMap<ResourceKey, Vec<usize>>>,
    diffs: Mutex<Vec<(Version, Arc<Diff>)>>,
}

/// What leads from one set to another.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    /// New or with another version.
    pub(crate) changed: Segments,
    pub(crate) removed: Vec<Arc<str>>,
}

impl Diff {
    fn none() -> Arc<Self> {
        static NONE: OnceLock<Arc<Diff>> = OnceLock::new();
        NONE.get_or_init(Arc::default).clone()
    }
}

impl ResourceSet {
    pub(crate) fn new(resources: impl IntoIterator<Item = Arc<Resource>>) -> Self {
        let by_name: BTreeMap<Arc<str>, Arc<Resource>> = resources
            .into_iter()
            .map(|resource| (resource.name().clone(), resource))
            .collect();
        let items: Arc<[Arc<Resource>]> = by_name.into_values().collect();
        Self {
            version: Version::of_list(items.iter()),
            all: Segments::new(items),
            named_by: OnceLock::new(),
            diffs: Mutex::default(),
        }
    }

    /// The set that every stream starts from.
    pub(crate) fn empty() -> Arc<Self> {
        static EMPTY: OnceLock<Arc<ResourceSet>> = OnceLock::new();
        EMPTY.get_or_init(|| Arc::new(Self::new([]))).clone()
    }

    /// A hash over names and versions: equal exactly when the content is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// In the order of names.
    pub fn resources(&self) -> &[Arc<Resource>] {
        self.all.items()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        let items = self.resources();
        let at = items.binary_search_by(|r| r.name().as_ref().cmp(name));
        items.get(at.ok()?)
    }

    pub(crate) fn all(&self) -> &Segments {
        &self.all
    }

    /// The resources of this set that refer to `key`.
    pub(crate) fn naming(&self, key: &ResourceKey) -> impl Iterator<Item = &Arc<Resource>> {
        let items = self.resources();
        let index = self.named_by.get_or_init(|| {
            let mut index: FxHashMap<ResourceKey, Vec<usize>> = FxHashMap::default();
            for (at, resource) in items.iter().enumerate() {
                for named in resource.refers_to() {
                    index.entry(named.clone()).or_default().push(at);
                }
            }
            index
        });
        let positions = index.get(key).map(Vec::as_slice).unwrap_or_default();
        positions.iter().filter_map(|at| items.get(*at))
    }

    /// What changed since `from`, computed once for all streams that make this step.
    pub(crate) fn diff_from(&self, from: &Self) -> Arc<Diff> {
        if self.version == from.version {
            return Diff::none();
        }
        let mut diffs = self.diffs.lock();
        if let Some((_, diff)) = diffs.iter().find(|(version, _)| *version == from.version) {
            return diff.clone();
        }
        let diff = Arc::new(self.compute_diff(from));
        if diffs.len() >= REMEMBERED_DIFFS {
            diffs.remove(0);
        }
        diffs.push((from.version, diff.clone()));
        diff
    }

    fn compute_diff(&self, from: &Self) -> Diff {
        if from.resources().is_empty() {
            return Diff {
                changed: Segments::new(self.all.items().clone()),
                removed: Vec::new(),
            };
        }
        let mut changed = Vec::new();
        let mut removed = Vec::new();
        let mut old = from.resources().iter().peekable();
        for new in self.resources() {
            while let Some(gone) = old.next_if(|r| r.name() < new.name()) {
                removed.push(gone.name().clone());
            }
            match old.next_if(|r| r.name() == new.name()) {
                Some(same) if same.version() == new.version() => {}
                _ => changed.push(new.clone()),
            }
        }
        removed.extend(old.map(|gone| gone.name().clone()));
        Diff {
            changed: Segments::new(changed.into()),
            removed,
        }
    }
}

/// One set per kind.
#[derive(Clone, Debug)]
pub(crate) struct PerKind<T>([T; Kind::COUNT]);

impl<T> PerKind<T> {
    pub(crate) fn build(make: impl FnMut(Kind) -> T) -> Self {
        Self(Kind::ALL.map(make))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Kind, &T)> {
        Kind::ALL.into_iter().zip(self.0.iter())
    }
}

impl<T> std::ops::Index<Kind> for PerKind<T> {
    type Output = T;

    #[expect(
        clippy::indexing_slicing,
        reason = "the array has a place for every kind"
    )]
    fn index(&self, kind: Kind) -> &T {
        &self.0[kind.index()]
    }
}

impl<T> std::ops::IndexMut<Kind> for PerKind<T> {
    #[expect(
        clippy::indexing_slicing,
        reason = "the array has a place for every kind"
    )]
    fn index_mut(&mut self, kind: Kind) -> &mut T {
        &mut self.0[kind.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(resources: &[(&str, &str, &[&str])]) -> ResourceSet {
        ResourceSet::new(resources.iter().map(|(name, body, refs)| {
            let refs: Vec<_> = refs
                .iter()
                .map(|r| ResourceKey::new(Kind::Cluster, *r))
                .collect();
            let key = ResourceKey::new(Kind::Route, *name);
            Arc::new(Resource::new(key, body.as_bytes(), refs, Arc::default()))
        }))
    }

    #[test]
    fn a_difference_is_changed_and_removed() {
        let old = set(&[("a", "1", &[]), ("b", "1", &[]), ("d", "1", &[])]);
        let new = set(&[("b", "2", &[]), ("c", "1", &[]), ("d", "1", &[])]);
        let diff = new.diff_from(&old);
        let changed: Vec<_> = diff.changed.items().iter().map(|r| &**r.name()).collect();
        assert_eq!(changed, ["b", "c"]);
        assert_eq!(diff.removed, [Arc::from("a")]);
        assert!(
            Arc::ptr_eq(&diff, &new.diff_from(&old)),
            "computed once for all"
        );
        let gone: Vec<_> = ResourceSet::new([]).diff_from(&new).removed.clone();
        assert_eq!(gone.len(), 3);
    }

    #[test]
    fn x11_order_and_origin_do_not_change_the_version() {
        let one = set(&[("a", "1", &[]), ("b", "2", &[])]);
        let two = set(&[("b", "2", &["x"]), ("a", "1", &[])]);
        assert_eq!(one.version(), two.version());
        assert_ne!(one.version(), set(&[("a", "2", &[])]).version());
        // Neither may a name run into its neighbour's.
        let glued = set(&[("ab", "1", &[])]);
        assert_ne!(glued.version(), set(&[("a", "1", &[])]).version());
    }

    #[test]
    fn who_names_whom() {
        let set = set(&[("a", "1", &["x", "y"]), ("b", "1", &["y"]), ("c", "1", &[])]);
        let naming = |name: &str| -> Vec<String> {
            set.naming(&ResourceKey::new(Kind::Cluster, name))
                .map(|r| r.name().to_string())
                .collect()
        };
        assert_eq!(naming("x"), ["a"]);
        assert_eq!(naming("y"), ["a", "b"]);
        assert!(naming("z").is_empty());
    }

    #[test]
    fn finds_by_name() {
        let set = set(&[("b", "1", &[]), ("a", "1", &[]), ("c", "1", &[])]);
        assert_eq!(&**set.get("b").unwrap().name(), "b");
        assert!(set.get("bb").is_none());
    }
}
