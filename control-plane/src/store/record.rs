//! A revision as bytes: its digest, then its fields. The digest makes a record checkable by itself,
//! and as it covers the parent's digest, the latest one vouches for all before it.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use super::{Digest, Draft, Head, Record, Revision, RevisionId, StoreError, UnixMillis};

#[derive(Clone, PartialEq, Message)]
struct RecordMessage {
    #[prost(uint64, tag = "1")]
    id: u64,
    /// 0: none.
    #[prost(uint64, tag = "2")]
    parent_id: u64,
    #[prost(bytes = "bytes", tag = "3")]
    parent_hash: Bytes,
    #[prost(string, tag = "4")]
    author: String,
    #[prost(string, tag = "5")]
    message: String,
    #[prost(uint64, tag = "6")]
    time: u64,
    #[prost(bytes = "bytes", tag = "7")]
    content: Bytes,
    #[prost(bytes = "bytes", tag = "8")]
    positions: Bytes,
    #[prost(uint64, tag = "9")]
    objects: u64,
}

/// What the record of a new revision says about its objects.
#[derive(Clone, Copy)]
pub(super) struct Roots {
    pub content: Digest,
    pub positions: Digest,
    pub objects: u64,
}

pub(super) fn encode(
    parent: Option<Head>,
    draft: &Draft,
    roots: Roots,
) -> Result<(Revision, Record), StoreError> {
    let id = match parent {
        None => RevisionId::FIRST,
        Some(head) => head.id.next().ok_or(StoreError::Exhausted(head.id))?,
    };
    let message = RecordMessage {
        id: id.get(),
        parent_id: parent.map_or(0, |head| head.id.get()),
        parent_hash: parent.map_or_else(Bytes::new, |head| bytes_of(head.hash)),
        author: draft.author.clone(),
        message: draft.message.clone(),
        time: draft.time.0,
        content: bytes_of(roots.content),
        positions: bytes_of(roots.positions),
        objects: roots.objects,
    };
    let fields = message.encode_to_vec();
    let hash = Digest::of(&fields);
    let mut bytes = BytesMut::with_capacity(Digest::LEN + fields.len());
    bytes.put_slice(hash.as_bytes());
    bytes.put_slice(&fields);
    let record = Record {
        head: Head { id, hash },
        bytes: bytes.freeze(),
    };
    let revision = Revision {
        id,
        hash,
        parent,
        author: draft.author.clone(),
        message: draft.message.clone(),
        time: draft.time,
        content_hash: roots.content,
        objects: roots.objects,
        positions: roots.positions,
    };
    Ok((revision, record))
}

pub(super) fn decode(id: RevisionId, bytes: &Bytes) -> Result<Revision, StoreError> {
    let bad = || StoreError::corrupt(format!("record of revision {id}: unreadable"));
    let (hash, fields) = bytes.split_at_checked(Digest::LEN).ok_or_else(bad)?;
    let hash = Digest::from_slice(hash).ok_or_else(bad)?;
    if Digest::of(fields) != hash {
        return Err(StoreError::corrupt(format!(
            "record of revision {id}: its hash differs"
        )));
    }
    let message = RecordMessage::decode(fields).map_err(|_| bad())?;
    let parent = match message.parent_id {
        0 => None,
        number => Some(Head {
            id: RevisionId::new(number),
            hash: Digest::from_slice(&message.parent_hash).ok_or_else(bad)?,
        }),
    };
    if message.id != id.get() {
        return Err(bad());
    }
    Ok(Revision {
        id,
        hash,
        parent,
        author: message.author,
        message: message.message,
        time: UnixMillis(message.time),
        content_hash: Digest::from_slice(&message.content).ok_or_else(bad)?,
        objects: message.objects,
        positions: Digest::from_slice(&message.positions).ok_or_else(bad)?,
    })
}

fn bytes_of(digest: Digest) -> Bytes {
    Bytes::copy_from_slice(digest.as_bytes())
}
