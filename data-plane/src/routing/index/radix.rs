//! A compressed prefix tree over bytes, built once, read without allocating.
//!
//! Nodes lie in one vector in breadth-first order, so that siblings are neighbours and a child is found by
//! searching a run of first bytes. Every node knows the smallest rank in its subtree; a walk with a bound
//! leaves out subtrees that cannot go below it.

use std::ops::Range;

use memchr::memchr;

/// Something with a place in an order in which smaller wins.
pub trait Ranked {
    fn rank(&self) -> u32;
}

/// A map from byte strings to values that finds every key which a text begins with.
#[derive(Debug)]
pub struct Radix<T> {
    nodes: Vec<Node>,
    /// The first byte of each node's label, beside `nodes`.
    firsts: Vec<u8>,
    labels: Vec<u8>,
    values: Vec<T>,
}

#[derive(Debug)]
struct Node {
    label: u32,
    label_len: u32,
    children: u32,
    children_len: u16,
    value: u32,
    /// The smallest rank at or below this node.
    floor: u32,
}

const NO_VALUE: u32 = u32::MAX;

/// Keys that share their first `depth` bytes and belong below one parent.
struct Group {
    keys: Range<usize>,
    depth: usize,
}

impl<T: Ranked> Radix<T> {
    /// Takes keys in ascending order, each once.
    pub fn new<K: AsRef<[u8]>>(pairs: Vec<(K, T)>) -> Self {
        debug_assert!(pairs.is_sorted_by(|a, b| a.0.as_ref() < b.0.as_ref()));
        let (keys, values): (Vec<K>, Vec<T>) = pairs.into_iter().unzip();
        let mut tree = Self {
            nodes: Vec::new(),
            firsts: Vec::new(),
            labels: Vec::new(),
            values,
        };
        if keys.is_empty() {
            return tree;
        }
        let bytes = |key: usize| keys.get(key).map(AsRef::as_ref).unwrap_or_default();
        // The root has an empty label, so that every text enters it. Groups are worked off in the order in
        // which they were found, which makes the order of nodes breadth-first.
        let mut groups = std::collections::VecDeque::from([(tree.push(b""), 0..keys.len(), 0)]);
        let mut parents = vec![0];
        while let Some((node, mut range, depth)) = groups.pop_front() {
            if bytes(range.start).len() == depth {
                tree.set_value(node, range.start);
                range.start += 1;
            }
            let first_child = tree.nodes.len();
            for group in split(range, depth, &bytes) {
                let end = shared_len(bytes(group.keys.start), bytes(group.keys.end - 1));
                let label = bytes(group.keys.start).get(group.depth..end);
                let child = tree.push(label.unwrap_or_default());
                parents.push(node);
                groups.push_back((child, group.keys, end));
            }
            tree.set_children(node, first_child);
        }
        // Children come after their parents.
        for (node, parent) in parents.into_iter().enumerate().rev() {
            let floor = tree.nodes.get(node).map_or(u32::MAX, |node| node.floor);
            if let Some(parent) = tree.nodes.get_mut(parent) {
                parent.floor = parent.floor.min(floor);
            }
        }
        tree.nodes.shrink_to_fit();
        tree.firsts.shrink_to_fit();
        tree.labels.shrink_to_fit();
        tree
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Visits the value of every key that `text` begins with, shortest first, as long as one with a rank
    /// below `bound` can follow. The visitor gets the key's length and may lower the bound.
    pub fn walk<'a>(
        &'a self,
        text: &[u8],
        bound: &mut u32,
        mut visit: impl FnMut(usize, &'a T, &mut u32),
    ) {
        let Some(mut node) = self.nodes.first() else {
            return;
        };
        let mut rest = text;
        while node.floor < *bound {
            if let Some(value) = self.values.get(node.value as usize) {
                visit(text.len() - rest.len(), value, bound);
            }
            let Some(child) = rest.first().and_then(|first| self.child(node, *first)) else {
                return;
            };
            let label = child.label as usize;
            let label = self.labels.get(label..label + child.label_len as usize);
            let Some(below) = label.and_then(|label| rest.strip_prefix(label)) else {
                return;
            };
            rest = below;
            node = child;
        }
    }

    fn child(&self, node: &Node, first: u8) -> Option<&Node> {
        let start = node.children as usize;
        let firsts = self.firsts.get(start..start + node.children_len as usize)?;
        self.nodes.get(start + memchr(first, firsts)?)
    }

    fn push(&mut self, label: &[u8]) -> usize {
        self.nodes.push(Node {
            label: narrow(self.labels.len()),
            label_len: narrow(label.len()),
            children: 0,
            children_len: 0,
            value: NO_VALUE,
            floor: u32::MAX,
        });
        self.firsts.push(label.first().copied().unwrap_or_default());
        self.labels.extend_from_slice(label);
        self.nodes.len() - 1
    }

    fn set_value(&mut self, node: usize, value: usize) {
        let rank = self.values.get(value).map_or(u32::MAX, Ranked::rank);
        if let Some(node) = self.nodes.get_mut(node) {
            node.value = narrow(value);
            node.floor = rank;
        }
    }

    fn set_children(&mut self, node: usize, first_child: usize) {
        let count = self.nodes.len() - first_child;
        if let Some(node) = self.nodes.get_mut(node) {
            node.children = narrow(first_child);
            node.children_len = u16::try_from(count).unwrap_or(u16::MAX);
        }
    }
}

/// Splits keys by the byte at `depth`. All of them are longer than that.
fn split<'a>(keys: Range<usize>, depth: usize, bytes: &impl Fn(usize) -> &'a [u8]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for key in keys {
        let first = bytes(key).get(depth);
        match groups.last_mut() {
            Some(group) if bytes(group.keys.start).get(depth) == first => group.keys.end = key + 1,
            _ => groups.push(Group {
                keys: key..key + 1,
                depth,
            }),
        }
    }
    groups
}

fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Sizes stay far below 4 GiB: a message cannot be larger than half of that.
fn narrow(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Ranked for u32 {
        fn rank(&self) -> u32 {
            *self
        }
    }

    fn tree(keys: &[&str]) -> Radix<u32> {
        let mut pairs: Vec<(&str, u32)> = keys.iter().copied().zip(0..).collect();
        pairs.sort();
        Radix::new(pairs)
    }

    fn walk(tree: &Radix<u32>, text: &str, bound: u32) -> Vec<(usize, u32)> {
        let mut met = Vec::new();
        tree.walk(text.as_bytes(), &mut { bound }, |depth, value, _| {
            met.push((depth, *value));
        });
        met
    }

    #[test]
    fn a_walk_meets_every_key_the_text_begins_with() {
        let tree = tree(&["/api/v1/users", "/api", "/api/v1/u", "", "/b", "/api/v2"]);
        for (text, met) in [
            ("/api/v1/users/7", vec![(0, 3), (4, 1), (9, 2), (13, 0)]),
            ("/api/v1/user", vec![(0, 3), (4, 1), (9, 2)]),
            ("/api/v", vec![(0, 3), (4, 1)]),
            ("/ap", vec![(0, 3)]),
            ("", vec![(0, 3)]),
            ("/b", vec![(0, 3), (2, 4)]),
            ("/B", vec![(0, 3)]),
        ] {
            assert_eq!(walk(&tree, text, u32::MAX), met, "{text}");
        }
    }

    #[test]
    fn a_walk_leaves_out_subtrees_beyond_its_bound() {
        let tree = tree(&["/", "/a", "/a/b"]);
        assert_eq!(walk(&tree, "/a/b", 1), [(1, 0)]);
        assert_eq!(walk(&tree, "/a/b", 0), []);
    }

    #[test]
    fn an_empty_tree_has_nothing() {
        assert!(tree(&[]).is_empty());
        assert_eq!(walk(&tree(&[]), "/", u32::MAX), []);
    }

    #[test]
    fn a_chain_as_deep_as_its_longest_key() {
        let keys: Vec<String> = (1..5_000).map(|len| "a".repeat(len)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let tree = tree(&keys);
        assert_eq!(walk(&tree, &"a".repeat(6_000), u32::MAX).len(), 4_999);
    }
}
