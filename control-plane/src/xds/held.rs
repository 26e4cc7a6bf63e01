//! What a client holds of one kind, in the memory of a cursor and a few exceptions.
//!
//! A client that follows the pushes holds one of the server's sets. So that is what is kept: that set, shared
//! by all streams of the group, and the names for which it is not true.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::resource::{Resource, ResourceKey};
use super::set::ResourceSet;

/// What a client holds under one name.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Nothing,
    Has(Arc<Resource>),
    /// Something of an earlier stream whose content this server does not know (X38).
    Unknown,
}

impl Entry {
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    pub(crate) fn resource(&self) -> Option<&Arc<Resource>> {
        match self {
            Self::Has(resource) => Some(resource),
            Self::Nothing | Self::Unknown => None,
        }
    }

    fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Has(a), Self::Has(b)) => a.version() == b.version(),
            (Self::Nothing, Self::Nothing) => true,
            (Self::Has(_) | Self::Nothing | Self::Unknown, _) => false,
        }
    }
}

/// What a client holds. It says nothing of names outside the subscription: ask only for those within.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    base: Arc<ResourceSet>,
    over: BTreeMap<Arc<str>, Entry>,
}

impl Held {
    pub(crate) fn nothing() -> Self {
        Self {
            base: ResourceSet::empty(),
            over: BTreeMap::new(),
        }
    }

    /// Exactly this set.
    pub(crate) fn all_of(base: Arc<ResourceSet>) -> Self {
        Self {
            base,
            over: BTreeMap::new(),
        }
    }

    pub(crate) fn base(&self) -> &Arc<ResourceSet> {
        &self.base
    }

    pub(crate) fn exceptions(&self) -> &BTreeMap<Arc<str>, Entry> {
        &self.over
    }

    pub(crate) fn get(&self, name: &str) -> Entry {
        match self.over.get(name) {
            Some(entry) => entry.clone(),
            None => entry_of(&self.base, name),
        }
    }

    pub(crate) fn set(&mut self, name: &Arc<str>, entry: Entry) {
        if entry.same_as(&entry_of(&self.base, name)) {
            self.over.remove(name);
        } else {
            self.over.insert(name.clone(), entry);
        }
    }

    /// Moves the cursor. `differing` names everything that may differ between what is held and the new set.
    pub(crate) fn rebase(&mut self, base: &Arc<ResourceSet>, differing: &[Arc<str>]) {
        let mut over = BTreeMap::new();
        for name in differing {
            let entry = self.get(name);
            if !entry.same_as(&entry_of(base, name)) {
                over.insert(name.clone(), entry);
            }
        }
        self.base = base.clone();
        self.over = over;
    }

    /// Keeps what is held under the given names and forgets the rest.
    pub(crate) fn restrict<'a>(&mut self, names: impl IntoIterator<Item = &'a Arc<str>>) {
        let mut over = BTreeMap::new();
        for name in names {
            let entry = self.get(name);
            if !entry.is_nothing() {
                over.insert(name.clone(), entry);
            }
        }
        self.base = ResourceSet::empty();
        self.over = over;
    }

    /// The held resources that refer to `key`, also those outside the subscription.
    pub(crate) fn naming<'a>(
        &'a self,
        key: &'a ResourceKey,
    ) -> impl Iterator<Item = &'a Arc<Resource>> {
        let from_base = self
            .base
            .naming(key)
            .filter(|r| !self.over.contains_key(r.name()));
        let from_over = self
            .over
            .values()
            .filter_map(Entry::resource)
            .filter(|r| r.refers_to().contains(key));
        from_base.chain(from_over)
    }

    pub(crate) fn has_unknown(&self) -> bool {
        self.over
            .values()
            .any(|entry| matches!(entry, Entry::Unknown))
    }
}

fn entry_of(set: &ResourceSet, name: &str) -> Entry {
    match set.get(name) {
        Some(resource) => Entry::Has(resource.clone()),
        None => Entry::Nothing,
    }
}
