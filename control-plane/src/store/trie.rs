//! A sorted map from key digests to small bodies, cut into chunks whose shape depends on the map alone.
//!
//! A node holds all entries whose digests share its path (four bits a level). It is a leaf if they fit
//! into [`LEAF_BYTES`], else a branch of up to 16 children. Since BLAKE3 spreads keys evenly the depth
//! is the logarithm of the size, and since the rule looks at nothing but the entries, equal maps have
//! equal roots, however they came to be. Order of insertion, history and engine leave no trace.
//!
//! This module is pure: it encodes and decodes nodes. `walk` reads them from a store. The constants
//! are part of the store's format: another value gives equal sets other content hashes.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::{Digest, StoreError};

/// A leaf's bytes at most; with the engine's own overhead it fits a page of 32 KiB.
const LEAF_BYTES: usize = 32_000;
/// What an entry costs in a leaf besides its body: digest, tags and lengths.
const ENTRY_BYTES: usize = 48;
/// Children of a branch, and levels at most (a digest has 64 groups of four bits).
const FANOUT: usize = 16;
pub(super) const DEPTH: usize = Digest::LEN * 2;

/// First byte of every chunk. Without it an object whose text equals a node would share the node's
/// chunk, and a sweep that met the text first would not look into the node.
const NODE: u8 = b'N';
pub(super) const BLOB: u8 = b'B';

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub key: Digest,
    pub body: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Child {
    pub digest: Digest,
    /// Known without reading it: so what a parent already has can be listed from branches alone.
    pub leaf: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Branch(Box<[Option<Child>; FANOUT]>),
    /// In key order.
    Leaf(Vec<Entry>),
}

#[derive(Clone, PartialEq, Message)]
struct NodeMessage {
    /// Bit n: there is a child n. None in a leaf.
    #[prost(uint32, tag = "1")]
    present: u32,
    /// Bit n: child n is a leaf.
    #[prost(uint32, tag = "2")]
    leaves: u32,
    /// Digests of the children present, joined.
    #[prost(bytes = "bytes", tag = "3")]
    children: Bytes,
    #[prost(message, repeated, tag = "4")]
    entries: Vec<EntryMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct EntryMessage {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
}

/// A node just encoded. For a leaf, `first..first + entries` are its places in the list given.
pub(super) struct Built {
    pub digest: Digest,
    pub bytes: Bytes,
    pub first: usize,
    pub entries: usize,
}

/// Encodes the map of `entries`, which are in key order and distinct. Every node goes to `sink`,
/// children before parents; the root's digest is returned.
pub(super) fn build(entries: &[Entry], sink: &mut dyn FnMut(Built)) -> Digest {
    subtree(entries, 0, 0, sink).digest
}

fn subtree(entries: &[Entry], first: usize, depth: usize, sink: &mut dyn FnMut(Built)) -> Child {
    let size = entries.iter().fold(0usize, |sum, entry| {
        sum.saturating_add(ENTRY_BYTES)
            .saturating_add(entry.body.len())
    });
    let leaf = size <= LEAF_BYTES || depth >= DEPTH;
    let mut message = NodeMessage::default();
    if leaf {
        message.entries = entries
            .iter()
            .map(|entry| EntryMessage {
                key: Bytes::copy_from_slice(entry.key.as_bytes()),
                body: entry.body.clone(),
            })
            .collect();
    } else {
        let mut children = BytesMut::with_capacity(FANOUT * Digest::LEN);
        let mut rest = entries;
        for nibble in 0..FANOUT {
            let count = rest.partition_point(|entry| entry.key.nibble(depth) <= nibble);
            let (here, after) = rest.split_at(count);
            if !here.is_empty() {
                let skipped = entries.len() - rest.len();
                let child = subtree(here, first + skipped, depth + 1, sink);
                children.put_slice(child.digest.as_bytes());
                message.present |= 1 << nibble;
                message.leaves |= u32::from(child.leaf) << nibble;
            }
            rest = after;
        }
        message.children = children.freeze();
    }
    let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
    bytes.put_u8(NODE);
    message.encode_raw(&mut bytes);
    let bytes = bytes.freeze();
    let digest = Digest::of(&bytes);
    sink(Built {
        digest,
        bytes,
        first,
        entries: if leaf { entries.len() } else { 0 },
    });
    Child { digest, leaf }
}

/// Reads a node back; everything about it is checked, so that no walk needs to.
pub(super) fn decode(digest: Digest, mut bytes: Bytes) -> Result<Node, StoreError> {
    let bad = |what: &str| StoreError::corrupt(format!("chunk {digest}: {what}"));
    if bytes.first() != Some(&NODE) {
        return Err(bad("not a node"));
    }
    let NodeMessage {
        present,
        leaves,
        children,
        entries,
    } = NodeMessage::decode(bytes.split_off(1)).map_err(|cause| bad(&cause.to_string()))?;
    if present == 0 {
        return leaf(entries).ok_or_else(|| bad("entries out of order"));
    }
    let count = usize::try_from(present.count_ones()).unwrap_or(usize::MAX);
    let fits = present < 1 << FANOUT
        && leaves & !present == 0
        && children.len() == count.saturating_mul(Digest::LEN)
        && entries.is_empty();
    if !fits {
        return Err(bad("not a branch"));
    }
    let mut digests = digests(&children);
    let mut slots = [None; FANOUT];
    for (nibble, slot) in slots.iter_mut().enumerate() {
        if present >> nibble & 1 == 1 {
            let leaf = leaves >> nibble & 1 == 1;
            *slot = digests.next().map(|digest| Child { digest, leaf });
        }
    }
    Ok(Node::Branch(Box::new(slots)))
}

fn leaf(messages: Vec<EntryMessage>) -> Option<Node> {
    let mut entries: Vec<Entry> = Vec::with_capacity(messages.len());
    for EntryMessage { key, body } in messages {
        let key = Digest::from_slice(&key)?;
        if entries.last().is_some_and(|last| last.key >= key) {
            return None;
        }
        entries.push(Entry { key, body });
    }
    Some(Node::Leaf(entries))
}

/// The digests of which `joined` consists; a rest shorter than one is left out.
pub(super) fn digests(joined: &[u8]) -> impl Iterator<Item = Digest> + '_ {
    let (whole, _) = joined.as_chunks::<{ Digest::LEN }>();
    whole.iter().copied().map(Digest::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(count: u32, body: usize) -> Vec<Entry> {
        let mut entries: Vec<_> = (0..count)
            .map(|n| Entry {
                key: Digest::of(&n.to_le_bytes()),
                body: Bytes::from(vec![7; body]),
            })
            .collect();
        entries.sort_by_key(|entry| entry.key);
        entries
    }

    fn nodes(entries: &[Entry]) -> (Digest, Vec<Built>) {
        let mut nodes = Vec::new();
        let root = build(entries, &mut |node| nodes.push(node));
        (root, nodes)
    }

    #[test]
    fn leaves_cover_the_entries_in_order_and_no_chunk_is_large() {
        for (count, body) in [(0, 0), (1, 10), (20, 8_600), (3_000, 300), (700, 20)] {
            let entries = entries(count, body);
            let (root, nodes) = nodes(&entries);
            assert_eq!(nodes.last().map(|node| node.digest), Some(root));
            let mut next = 0;
            for node in &nodes {
                assert!(node.bytes.len() <= LEAF_BYTES + 3, "{}", node.bytes.len());
                let Node::Leaf(read) = decode(node.digest, node.bytes.clone()).unwrap() else {
                    continue;
                };
                assert_eq!(node.first, next);
                assert_eq!(read, entries[next..next + node.entries]);
                next += node.entries;
            }
            assert_eq!(next, entries.len(), "{count} entries of {body} bytes");
        }
    }

    #[test]
    fn keys_that_share_their_start_end_in_a_leaf_at_the_bottom() {
        let mut entries = Vec::new();
        for last in 0..16u8 {
            let mut key = [0xab; 32];
            key[31] = last;
            entries.push(Entry {
                key: key.into(),
                body: Bytes::from(vec![0; 8_000]),
            });
        }
        let (_, nodes) = nodes(&entries);
        assert_eq!(nodes.len(), 16 + DEPTH);
    }

    #[test]
    fn a_damaged_node_is_an_error() {
        let (_, nodes) = nodes(&entries(3_000, 100));
        let digest = Digest::of(b"");
        for node in nodes.iter().rev().take(3) {
            for cut in 0..node.bytes.len().min(600) {
                decode(digest, node.bytes.slice(..cut)).ok();
                let mut flipped = node.bytes.to_vec();
                flipped[cut] ^= 0x55;
                decode(digest, flipped.into()).ok();
            }
        }
        let two = |first: u8, second: u8| NodeMessage {
            entries: [first, second]
                .map(|n| EntryMessage {
                    key: Bytes::from(vec![n; 32]),
                    body: Bytes::new(),
                })
                .to_vec(),
            ..NodeMessage::default()
        };
        let branch = |present, leaves, children: usize| NodeMessage {
            present,
            leaves,
            children: Bytes::from(vec![0; children]),
            ..NodeMessage::default()
        };
        let cases = [
            ("keys twice", two(3, 3), false),
            ("keys out of order", two(3, 2), false),
            ("two keys", two(2, 3), true),
            ("two children", branch(0b11, 0b10, 64), true),
            ("a child short", branch(0b11, 0, 63), false),
            ("a child too many", branch(0b11, 0, 96), false),
            ("leaf bit without child", branch(0b01, 0b10, 32), false),
            ("seventeenth child", branch(1 << 16, 0, 32), false),
            (
                "both",
                NodeMessage {
                    present: 1,
                    children: Bytes::from(vec![0; 32]),
                    ..two(2, 3)
                },
                false,
            ),
        ];
        for (name, message, sound) in cases {
            let mut bytes = vec![NODE];
            message.encode_raw(&mut bytes);
            assert_eq!(
                decode(digest, bytes.clone().into()).is_ok(),
                sound,
                "{name}"
            );
            bytes[0] = BLOB;
            assert!(decode(digest, bytes.into()).is_err(), "{name} as a blob");
        }
    }
}
