//! Every revision of the operator's configuration, kept so that none is lost once acknowledged.
//!
//! Two layers. [`Store`] is what an engine must do and knows nothing of objects: hold immutable chunks
//! under their own digest, hold one small record per revision, and move the head by compare-and-set.
//! [`Revisions`] is what the rest of the control plane calls: it turns a set of objects into chunks and
//! a record, and back. Engines: [`RedbStore`] in one file on disk; one on etcd fits the same trait.
//!
//! A write is two steps. Chunks go first, in as many bounded calls as they need; they are visible to
//! nobody. Then one compare-and-set of constant size adds the record and moves the head. A writer that
//! dies between the two leaves orphans for the sweeper and changes nothing.
//!
//! Chunks are shared between revisions. A set is a trie over the hashes of its objects' keys (`trie`),
//! and a node that did not change is the same chunk as before: one changed object of 10,000 writes the
//! nodes on its path. The trie's shape depends on the set alone, so its root digest is the set's
//! content hash and means the same on every replica.
//!
//! What races with the sweeper: a writer that found its chunk already there, and a sweep that deletes
//! this chunk before the head names it. [`State`] closes it. Each removal bumps a generation, and both
//! conditional writes compare head *and* generation: a head cannot move past a removal it has not seen,
//! nor a removal past a head it has not marked.
//!
//! Not here: what an object means (the model), who may write (the API), and which revisions nodes run.

mod content;
mod digest;
mod error;
mod failpoints;
mod limits;
mod record;
mod redb;
mod revisions;
mod sweep;
mod trie;
mod types;
mod walk;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use tokio::sync::watch;

pub use self::content::content_hash;
pub use self::digest::Digest;
pub use self::error::{OpenError, StoreError};
pub use self::failpoints::{Failpoints, Step};
pub use self::limits::{LimitError, Limits};
pub use self::redb::RedbStore;
pub use self::revisions::{Objects, Revisions};
pub use self::sweep::{Swept, keep_swept};
pub use self::types::{
    Change, ChangeKind, Draft, Expected, Head, Object, ObjectKey, Revision, RevisionId, UnixMillis,
};

/// Revisions kept besides the pinned ones.
pub const KEEP: usize = 1000;
/// The largest chunk. etcd refuses requests over 1.5 MiB, and a chunk is never split by an engine.
pub const CHUNK_BYTES: usize = 512 * 1024;
/// The most chunks one `put` or `get` names.
pub const BATCH_CHUNKS: usize = 256;
/// The most bytes one `put` carries, unless a single chunk is larger.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The most records and chunks one `remove` names: etcd allows 128 operations in a transaction.
pub const BATCH_REMOVALS: usize = 100;

/// What the two conditional writes compare: the head, and how many removals there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub head: Option<Head>,
    pub generation: u64,
}

/// An immutable piece of content under the digest of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    digest: Digest,
    bytes: Bytes,
}

impl Chunk {
    pub fn new(bytes: Bytes) -> Self {
        Self {
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// A revision as an engine keeps it: bytes it does not look into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub head: Head,
    pub bytes: Bytes,
}

/// How a conditional write ended; either way, the state now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(State),
    /// The state was not the one expected, and nothing was written.
    Moved(State),
}

/// What a `remove` takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doomed {
    pub records: Vec<RevisionId>,
    pub chunks: Vec<Digest>,
}

/// An engine.
///
/// The calls are asynchronous because etcd's are; an engine that reads a disk hands the work to
/// blocking threads itself, so that no caller can forget to. A boxed future per call does not show
/// beside an fsync or a network round trip.
pub trait Store: Debug + Send + Sync + 'static {
    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>>;

    /// The head as it moves. It never goes back; intermediate values may be skipped.
    fn watch(&self) -> watch::Receiver<Option<Head>>;

    /// Keeps the chunks, at the latest when a later `advance` is acknowledged. Answers how many were
    /// new. At most [`BATCH_CHUNKS`] and [`BATCH_BYTES`] a call.
    fn put(&self, chunks: Vec<Chunk>) -> BoxFuture<'_, Result<usize, StoreError>>;

    /// The chunks in the order asked for, each verified against its digest; `None` where there is none.
    fn get(&self, digests: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>>;

    /// Adds the record and makes it the head, if the state still is `seen`. Durable once answered.
    fn advance(&self, seen: State, record: Record) -> BoxFuture<'_, Result<Outcome, StoreError>>;

    fn record(&self, id: RevisionId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>>;

    /// Records with an id below `before`, newest first.
    fn records(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(RevisionId, Bytes)>, StoreError>>;

    /// Digests of stored chunks above `after`, in order.
    fn chunks(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>>;

    /// Takes the doomed away and bumps the generation, if the state still is `seen`.
    /// At most [`BATCH_REMOVALS`] a call.
    fn remove(&self, seen: State, doomed: Doomed) -> BoxFuture<'_, Result<Outcome, StoreError>>;
}
