//! Reading tries from a store: lookup, iteration in key order, difference, and what a revision names.
//!
//! Every walk fetches nodes in batches, because a call to an engine crosses threads or a network, and
//! keeps no more than a few batches at once, because a set may be large.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashSet;

use super::content;
use super::trie::{self, Child, DEPTH, Entry, Node};
use super::{BATCH_CHUNKS, Digest, Revision, Store, StoreError};

/// Nodes fetched at once: at 32 KiB a leaf at most, a MiB.
const FETCH: usize = 32;

/// The chunks, all of which must be there.
pub(super) async fn fetch(
    store: &dyn Store,
    digests: Vec<Digest>,
) -> Result<Vec<Bytes>, StoreError> {
    let found = store.get(digests.clone()).await?;
    if found.len() != digests.len() {
        return Err(StoreError::corrupt(
            "the engine answered fewer chunks than asked for",
        ));
    }
    digests
        .into_iter()
        .zip(found)
        .map(|(digest, bytes)| bytes.ok_or(StoreError::Missing(digest)))
        .collect()
}

async fn nodes(store: &dyn Store, digests: Vec<Digest>) -> Result<Vec<Node>, StoreError> {
    let chunks = fetch(store, digests.clone()).await?;
    digests
        .into_iter()
        .zip(chunks)
        .map(|(digest, bytes)| trie::decode(digest, bytes))
        .collect()
}

/// The entry under `key`.
pub(super) async fn lookup(
    store: &dyn Store,
    root: Digest,
    key: Digest,
) -> Result<Option<Entry>, StoreError> {
    let mut at = root;
    for depth in 0..=DEPTH {
        match nodes(store, vec![at]).await?.pop() {
            Some(Node::Branch(children)) => match children.get(key.nibble(depth)) {
                Some(Some(child)) => at = child.digest,
                Some(None) | None => return Ok(None),
            },
            Some(Node::Leaf(mut entries)) => {
                let place = entries.binary_search_by_key(&key, |entry| entry.key);
                return Ok(place.ok().map(|place| entries.swap_remove(place)));
            }
            None => break,
        }
    }
    Err(too_deep(root))
}

/// All entries in key order, a leaf at a time.
pub(super) struct Walk {
    store: Arc<dyn Store>,
    /// What is still to come, the next on top.
    ahead: Vec<Ahead>,
}

enum Ahead {
    Stored(Digest),
    Read(Vec<Entry>),
}

impl Walk {
    pub(super) fn new(store: Arc<dyn Store>, root: Digest) -> Self {
        let ahead = vec![Ahead::Stored(root)];
        Self { store, ahead }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Vec<Entry>>, StoreError> {
        loop {
            let mut digests = Vec::new();
            while digests.len() < FETCH {
                match self.ahead.pop() {
                    Some(Ahead::Stored(digest)) => digests.push(digest),
                    Some(Ahead::Read(entries)) if digests.is_empty() => return Ok(Some(entries)),
                    Some(read @ Ahead::Read(_)) => {
                        self.ahead.push(read);
                        break;
                    }
                    None => break,
                }
            }
            if digests.is_empty() {
                return Ok(None);
            }
            for node in nodes(self.store.as_ref(), digests).await?.into_iter().rev() {
                match node {
                    Node::Branch(children) => {
                        let children = children.into_iter().rev().flatten();
                        self.ahead
                            .extend(children.map(|child| Ahead::Stored(child.digest)));
                    }
                    Node::Leaf(entries) => self.ahead.push(Ahead::Read(entries)),
                }
            }
        }
    }
}

/// One side of a comparison at some place in the trie.
#[derive(Debug, PartialEq)]
enum Side {
    Nothing,
    Stored(Digest),
    Branch(Box<[Option<Child>; 16]>),
    Entries(Vec<Entry>),
}

/// The entries in which two tries differ: before and after. Subtrees of equal digest are not read.
pub(super) async fn diff(
    store: &dyn Store,
    before: Digest,
    after: Digest,
) -> Result<Vec<(Option<Entry>, Option<Entry>)>, StoreError> {
    let mut found = Vec::new();
    let mut ahead = vec![(0, Side::Stored(before), Side::Stored(after))];
    while !ahead.is_empty() {
        let mut now = ahead.split_off(ahead.len().saturating_sub(FETCH));
        now.retain(|(_, before, after)| before != after);
        let sides = now
            .iter_mut()
            .flat_map(|(_, before, after)| [before, after]);
        let mut waiting: Vec<(&mut Side, Digest)> = Vec::new();
        for side in sides {
            if let Side::Stored(digest) = *side {
                waiting.push((side, digest));
            }
        }
        let digests = waiting.iter().map(|(_, digest)| *digest).collect();
        for ((side, _), node) in waiting.iter_mut().zip(nodes(store, digests).await?) {
            **side = match node {
                Node::Branch(children) => Side::Branch(children),
                Node::Leaf(entries) => Side::Entries(entries),
            };
        }
        for (depth, before, after) in now {
            if depth > DEPTH {
                return Err(StoreError::corrupt("a set is nested too deeply"));
            }
            match (before, after) {
                (before @ Side::Branch(_), after) | (before, after @ Side::Branch(_)) => {
                    let pairs = split(before, depth).into_iter().zip(split(after, depth));
                    ahead.extend(pairs.map(|(before, after)| (depth + 1, before, after)));
                }
                (before, after) => merge(before.entries(), after.entries(), &mut found),
            }
        }
    }
    Ok(found)
}

impl Side {
    fn entries(self) -> Vec<Entry> {
        match self {
            Self::Entries(entries) => entries,
            Self::Nothing | Self::Stored(_) | Self::Branch(_) => Vec::new(),
        }
    }
}

/// The sixteen parts of a side one level down.
fn split(side: Side, depth: usize) -> [Side; 16] {
    let mut parts = [const { Side::Nothing }; 16];
    match side {
        Side::Branch(children) => {
            for (part, child) in parts.iter_mut().zip(*children) {
                if let Some(child) = child {
                    *part = Side::Stored(child.digest);
                }
            }
        }
        Side::Entries(entries) => {
            for entry in entries {
                match parts.get_mut(entry.key.nibble(depth)) {
                    Some(Side::Entries(part)) => part.push(entry),
                    Some(part) => *part = Side::Entries(vec![entry]),
                    None => {}
                }
            }
        }
        Side::Nothing | Side::Stored(_) => {}
    }
    parts
}

fn merge(before: Vec<Entry>, after: Vec<Entry>, found: &mut Vec<(Option<Entry>, Option<Entry>)>) {
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(before), Some(after)) => before.key.cmp(&after.key),
        };
        let pair = match order {
            std::cmp::Ordering::Less => (before.next(), None),
            std::cmp::Ordering::Greater => (None, after.next()),
            std::cmp::Ordering::Equal => (before.next(), after.next()),
        };
        if pair.0 != pair.1 {
            found.push(pair);
        }
    }
}

/// The digests of all nodes of a revision, read from its branches alone.
pub(super) async fn outline(
    store: &dyn Store,
    revision: &Revision,
) -> Result<FxHashSet<Digest>, StoreError> {
    let mut known = FxHashSet::default();
    let mut ahead = vec![revision.content_hash, revision.positions];
    known.extend(ahead.iter().copied());
    while !ahead.is_empty() {
        let now = ahead.split_off(ahead.len().saturating_sub(BATCH_CHUNKS));
        for node in nodes(store, now).await? {
            let Node::Branch(children) = node else {
                continue; // a root that is a leaf
            };
            for child in children.into_iter().flatten() {
                if known.insert(child.digest) && !child.leaf {
                    ahead.push(child.digest);
                }
            }
        }
    }
    Ok(known)
}

/// Adds every chunk that a revision names to `marked`; what is marked already is not read again.
pub(super) async fn mark(
    store: &dyn Store,
    revision: &Revision,
    marked: &mut FxHashSet<Digest>,
) -> Result<(), StoreError> {
    for (root, has_blobs) in [(revision.content_hash, true), (revision.positions, false)] {
        let mut ahead = Vec::new();
        if marked.insert(root) {
            ahead.push(root);
        }
        while !ahead.is_empty() {
            let now = ahead.split_off(ahead.len().saturating_sub(FETCH));
            for node in nodes(store, now).await? {
                match node {
                    Node::Branch(children) => {
                        for child in children.into_iter().flatten() {
                            // Positions name nothing further: their leaves need no reading.
                            if marked.insert(child.digest) && (has_blobs || !child.leaf) {
                                ahead.push(child.digest);
                            }
                        }
                    }
                    Node::Leaf(entries) if has_blobs => {
                        for entry in &entries {
                            marked.extend(content::references(entry)?);
                        }
                    }
                    Node::Leaf(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// Takes the entry of `key` off a run of position entries that arrive in key order.
pub(super) struct Follower {
    walk: Walk,
    page: std::vec::IntoIter<Entry>,
}

impl Follower {
    pub(super) fn new(walk: Walk) -> Self {
        let page = Vec::new().into_iter();
        Self { walk, page }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Entry>, StoreError> {
        loop {
            if let Some(entry) = self.page.next() {
                return Ok(Some(entry));
            }
            match self.walk.next().await? {
                Some(entries) => drop(mem::replace(&mut self.page, entries.into_iter())),
                None => return Ok(None),
            }
        }
    }
}

fn too_deep(root: Digest) -> StoreError {
    StoreError::corrupt(format!("the set under {root} is nested too deeply"))
}
