//! What a client wants of one kind: everything, some names, or nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

/// The name that means everything.
pub(crate) const WILDCARD: &str = "*";

/// A subscription's names. Whether the wildcard exists for the kind and client is the caller's question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interest {
    wildcard: bool,
    names: BTreeSet<Arc<str>>,
    /// Whether any name was ever sent; from then on an empty list is an empty list (X27).
    named_before: bool,
}

impl Interest {
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.wildcard || self.names.contains(name)
    }

    pub(crate) fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    pub(crate) fn names(&self) -> &BTreeSet<Arc<str>> {
        &self.names
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.wildcard && self.names.is_empty()
    }

    /// The interest that a state-of-the-world request expresses: its list replaces what was before.
    pub(crate) fn replaced_by(
        &self,
        list: Vec<Arc<str>>,
        wildcard_exists: bool,
        legacy: bool,
    ) -> Self {
        let named_before = self.named_before || !list.is_empty();
        let mut names: BTreeSet<Arc<str>> = list.into_iter().collect();
        let wildcard = wildcard_exists
            && (names.remove(WILDCARD) || (legacy && !named_before && names.is_empty()));
        Self {
            wildcard,
            names,
            named_before,
        }
    }

    pub(crate) fn set_wildcard(&mut self, on: bool) {
        self.wildcard = on;
    }

    pub(crate) fn insert(&mut self, name: Arc<str>) -> bool {
        self.names.insert(name)
    }

    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.names.remove(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(lists: &[&[&str]], wildcard_exists: bool, legacy: bool) -> Interest {
        let mut interest = Interest::default();
        for list in lists {
            let list = list.iter().map(|name| Arc::from(*name)).collect();
            interest = interest.replaced_by(list, wildcard_exists, legacy);
        }
        interest
    }

    #[test]
    fn x27_wildcard_is_a_star_or_always_empty() {
        let cases: [(&[&[&str]], bool); 8] = [
            (&[&[]], true),
            (&[&[], &[]], true),
            (&[&["*"]], true),
            (&[&["*", "A"]], true),
            (&[&["*", "A"], &["A"]], false),
            (&[&["A"], &[]], false),
            (&[&["*"], &[]], false),
            (&[&[], &["A"], &["*"]], true),
        ];
        for (lists, wildcard) in cases {
            assert_eq!(walk(lists, true, true).is_wildcard(), wildcard, "{lists:?}");
        }
        assert!(walk(&[&["A"], &[]], true, true).is_empty());
        assert!(walk(&[&["*", "A"], &["A"]], true, true).covers("A"));
    }

    #[test]
    fn x28_no_wildcard_beyond_listeners_and_clusters() {
        assert!(walk(&[&[]], false, true).is_empty());
        let star = walk(&[&["*"]], false, true);
        assert!(!star.is_wildcard() && star.covers("*") && !star.covers("A"));
    }

    #[test]
    fn x29_no_legacy_wildcard_for_some_clients() {
        assert!(walk(&[&[]], true, false).is_empty());
        assert!(walk(&[&["*"]], true, false).is_wildcard());
    }

    #[test]
    fn x08_names_count_once() {
        assert_eq!(walk(&[&["A", "A", "B"]], true, true).names().len(), 2);
    }
}
