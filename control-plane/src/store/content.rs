//! Objects as entries of two tries, and back.
//!
//! The *content* trie holds kind, name, document and spec; its root is the set's content hash. The
//! *position* trie holds file and line under the same keys. They are apart because editing the top of
//! a file moves everything below it: that rewrites some 70 bytes an object rather than all of it.
//!
//! A document or spec above [`INLINE_BYTES`] stands in chunks of its own, so that leaves stay small.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use rustc_hash::FxHashSet;

use super::trie::{self, BLOB, Entry};
use super::walk;
use super::{CHUNK_BYTES, Chunk, Digest, Object, ObjectKey, Store, StoreError};

/// What stays inside an entry.
const INLINE_BYTES: usize = 4096;
/// What one chunk carries of a larger one: a little below the limit, so that chunk and overhead fit
/// the engine's page of 512 KiB.
const SLICE_BYTES: usize = CHUNK_BYTES - 4096;

#[derive(Clone, PartialEq, Message)]
struct BodyMessage {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, required, tag = "3")]
    document: BlobMessage,
    #[prost(message, required, tag = "4")]
    spec: BlobMessage,
}

#[derive(Clone, PartialEq, Message)]
struct BlobMessage {
    /// All of it, unless there are chunks.
    #[prost(bytes = "bytes", tag = "1")]
    inline: Bytes,
    /// Digests of its chunks, joined.
    #[prost(bytes = "bytes", tag = "2")]
    chunks: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct PositionMessage {
    #[prost(string, tag = "1")]
    file: String,
    #[prost(uint32, tag = "2")]
    line: u32,
}

/// A set of objects, ready to be written.
pub(super) struct Encoded {
    pub content_hash: Digest,
    pub positions: Digest,
    /// Children before parents, without what the parent revision has.
    pub chunks: Vec<Chunk>,
}

/// The hash a revision of these objects would have: to see whether anything changed at all.
/// Where the objects stand in their files does not count, nor does their order.
pub fn content_hash(objects: &[Object]) -> Digest {
    let (entries, _) = entries(objects, body);
    trie::build(&entries, &mut |_| {})
}

/// Encodes a set. `known` names nodes of the parent revision: neither they nor what they name needs
/// writing again.
pub(super) fn encode(objects: &[Object], known: &FxHashSet<Digest>) -> Encoded {
    let mut chunks = Vec::new();
    let (bodies, order) = entries(objects, body);
    let content_hash = trie::build(&bodies, &mut |node| {
        if known.contains(&node.digest) {
            return;
        }
        for place in order.iter().skip(node.first).take(node.entries) {
            if let Some(object) = objects.get(*place) {
                chunks.extend(slices(object.document.as_bytes()).map(slice_chunk));
                chunks.extend(slices(&object.spec).map(slice_chunk));
            }
        }
        chunks.push(Chunk::new(node.bytes));
    });
    let (places, _) = entries(objects, position);
    let positions = trie::build(&places, &mut |node| {
        if !known.contains(&node.digest) {
            chunks.push(Chunk::new(node.bytes));
        }
    });
    Encoded {
        content_hash,
        positions,
        chunks,
    }
}

/// The entries in key order, and for each the place of its object in the list.
fn entries(objects: &[Object], encode: fn(&Object) -> Bytes) -> (Vec<Entry>, Vec<usize>) {
    let mut placed: Vec<_> = objects
        .iter()
        .map(|object| object.key.digest())
        .zip(0..)
        .collect();
    placed.sort_unstable();
    placed
        .into_iter()
        .filter_map(|(key, place)| {
            let body = encode(objects.get(place)?);
            Some((Entry { key, body }, place))
        })
        .unzip()
}

fn body(object: &Object) -> Bytes {
    let message = BodyMessage {
        kind: object.key.kind.clone(),
        name: object.key.name.clone(),
        document: blob(object.document.as_bytes()),
        spec: blob(&object.spec),
    };
    message.encode_to_vec().into()
}

fn position(object: &Object) -> Bytes {
    let message = PositionMessage {
        file: object.file.as_ref().to_owned(),
        line: object.line,
    };
    message.encode_to_vec().into()
}

fn blob(bytes: &[u8]) -> BlobMessage {
    if bytes.len() <= INLINE_BYTES {
        return BlobMessage {
            inline: Bytes::copy_from_slice(bytes),
            chunks: Bytes::new(),
        };
    }
    let mut chunks = BytesMut::new();
    for slice in slices(bytes) {
        chunks.put_slice(Digest::of_parts(&[&[BLOB], slice]).as_bytes());
    }
    BlobMessage {
        inline: Bytes::new(),
        chunks: chunks.freeze(),
    }
}

/// None for what stays inline.
fn slices(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let apart = if bytes.len() <= INLINE_BYTES {
        &[]
    } else {
        bytes
    };
    apart.chunks(SLICE_BYTES)
}

fn slice_chunk(slice: &[u8]) -> Chunk {
    let mut bytes = BytesMut::with_capacity(1 + slice.len());
    bytes.put_u8(BLOB);
    bytes.put_slice(slice);
    Chunk::new(bytes.freeze())
}

/// The key of a content entry.
pub(super) fn key(entry: &Entry) -> Result<ObjectKey, StoreError> {
    let BodyMessage {
        kind,
        name,
        document: _,
        spec: _,
    } = decode_body(entry)?;
    Ok(ObjectKey { kind, name })
}

/// The chunks that a content entry names.
pub(super) fn references(entry: &Entry) -> Result<Vec<Digest>, StoreError> {
    let BodyMessage {
        kind: _,
        name: _,
        document,
        spec,
    } = decode_body(entry)?;
    Ok(trie::digests(&document.chunks)
        .chain(trie::digests(&spec.chunks))
        .collect())
}

/// The object of a content entry and the position entry of the same key.
pub(super) async fn object(
    store: &dyn Store,
    content: &Entry,
    place: &Entry,
) -> Result<Object, StoreError> {
    let bad = || StoreError::corrupt(format!("object {}: unreadable", content.key));
    let BodyMessage {
        kind,
        name,
        document,
        spec,
    } = decode_body(content)?;
    let PositionMessage { file, line } =
        PositionMessage::decode(place.body.clone()).map_err(|_| bad())?;
    let document = read_blob(store, document).await?;
    let spec = read_blob(store, spec).await?;
    Ok(Object {
        key: ObjectKey { kind, name },
        file: Arc::from(file),
        line,
        document: std::str::from_utf8(&document)
            .map(Arc::from)
            .map_err(|_| bad())?,
        spec,
    })
}

async fn read_blob(store: &dyn Store, blob: BlobMessage) -> Result<Bytes, StoreError> {
    let BlobMessage { inline, chunks } = blob;
    if chunks.is_empty() {
        return Ok(inline);
    }
    let mut whole = BytesMut::new();
    // One at a time: a slice is half a MiB, and few objects have any.
    for digest in trie::digests(&chunks) {
        let chunk = walk::fetch(store, vec![digest]).await?;
        let slice = chunk.first().and_then(|chunk| chunk.strip_prefix(&[BLOB]));
        whole.put_slice(
            slice.ok_or_else(|| StoreError::corrupt(format!("chunk {digest}: not a blob")))?,
        );
    }
    Ok(whole.freeze())
}

fn decode_body(entry: &Entry) -> Result<BodyMessage, StoreError> {
    let body = BodyMessage::decode(entry.body.clone())
        .map_err(|cause| StoreError::corrupt(format!("object {}: {cause}", entry.key)))?;
    Ok(body)
}
