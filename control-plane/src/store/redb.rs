//! The embedded engine: one redb file, `store.redb`, in the data directory.
//!
//! redb blocks, so every call runs on a blocking thread, a bounded number at a time. Every transaction
//! commits in two phases and saves its allocator state: some milliseconds more a commit, and opening
//! after a crash needs no walk over the whole file.
//!
//! One process at a time: `store.lock` is held for as long as the file is open and names the holder.
//! Both files are readable by their owner alone. What is in them is the operator's configuration;
//! secrets in it are encrypted before they get here.

mod file;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use ::redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use bytes::Bytes;
use futures_core::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

use super::{
    BATCH_BYTES, BATCH_CHUNKS, BATCH_REMOVALS, CHUNK_BYTES, Chunk, Digest, Doomed, Failpoints,
    Head, OpenError, Outcome, Record, RevisionId, State, Step, Store, StoreError,
};

/// Counts up when what is stored, or how a set is hashed, changes.
const FORMAT: u32 = 1;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
const CHUNKS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("chunks");

const META_FORMAT: &str = "format";
/// The head's number (8 bytes, little-endian) and hash.
const META_HEAD: &str = "head";
const META_GENERATION: &str = "generation";

/// Calls at work on blocking threads at once; the rest wait.
const CALLS: usize = 16;

#[derive(Debug)]
pub struct RedbStore {
    file: Arc<Inner>,
    calls: Arc<Semaphore>,
}

#[derive(Debug)]
struct Inner {
    // Before the lock, so that it is closed before the lock is released.
    db: Database,
    head: watch::Sender<Option<Head>>,
    failpoints: Failpoints,
    _lock: Option<File>,
}

impl RedbStore {
    /// Opens the store in `dir`, creating both where there is none.
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::open_with(dir, Failpoints::default()).await
    }

    /// The same, with a hook at each step of a write.
    pub async fn open_with(
        dir: impl Into<PathBuf>,
        failpoints: Failpoints,
    ) -> Result<Self, OpenError> {
        let dir = dir.into();
        let path = dir.clone();
        let opened = tokio::task::spawn_blocking(move || file::open(&dir, failpoints));
        let inner = opened.await.unwrap_or_else(|cause| {
            let source = StoreError::Engine(cause.into());
            Err(OpenError::Store { path, source })
        })?;
        Ok(Self::around(inner))
    }

    fn around(inner: Inner) -> Self {
        Self {
            file: Arc::new(inner),
            calls: Arc::new(Semaphore::new(CALLS)),
        }
    }

    /// Runs `work` on a blocking thread. A caller that goes away does not stop it.
    fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(async move {
            let permit = Arc::clone(&self.calls).acquire_owned().await;
            let permit = permit.map_err(|cause| StoreError::Engine(cause.into()))?;
            let file = Arc::clone(&self.file);
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                work(&file)
            });
            work.await
                .map_err(|cause| StoreError::Engine(cause.into()))?
        })
    }
}

impl Store for RedbStore {
    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        self.call(|file| {
            let txn = file.db.begin_read().map_err(fault)?;
            state(&txn.open_table(META).map_err(fault)?)
        })
    }

    fn watch(&self) -> watch::Receiver<Option<Head>> {
        self.file.head.subscribe()
    }

    fn put(&self, chunks: Vec<Chunk>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.call(move |file| file.put(&chunks))
    }

    fn get(&self, digests: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        self.call(move |file| file.get(&digests))
    }

    fn advance(&self, seen: State, record: Record) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        self.call(move |file| file.advance(seen, &record))
    }

    fn record(&self, id: RevisionId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.call(move |file| {
            let txn = file.db.begin_read().map_err(fault)?;
            let records = txn.open_table(RECORDS).map_err(fault)?;
            let bytes = records.get(id.get()).map_err(fault)?;
            Ok(bytes.map(|bytes| Bytes::copy_from_slice(bytes.value())))
        })
    }

    fn records(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(RevisionId, Bytes)>, StoreError>> {
        self.call(move |file| {
            let txn = file.db.begin_read().map_err(fault)?;
            let records = txn.open_table(RECORDS).map_err(fault)?;
            let range = match before {
                Some(before) => records.range(..before.get()),
                None => records.range::<u64>(..),
            };
            let mut found = Vec::new();
            for row in range.map_err(fault)?.rev().take(limit) {
                let (id, bytes) = row.map_err(fault)?;
                found.push((
                    RevisionId::new(id.value()),
                    Bytes::copy_from_slice(bytes.value()),
                ));
            }
            Ok(found)
        })
    }

    fn chunks(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>> {
        self.call(move |file| {
            let txn = file.db.begin_read().map_err(fault)?;
            let chunks = txn.open_table(CHUNKS).map_err(fault)?;
            let start = after.unwrap_or(Digest::from([0; 32]));
            let range = chunks
                .range::<&[u8; 32]>(start.as_bytes()..)
                .map_err(fault)?;
            let mut found = Vec::new();
            for row in range {
                let digest = Digest::from(*row.map_err(fault)?.0.value());
                if found.len() >= limit {
                    break;
                }
                if Some(digest) != after {
                    found.push(digest);
                }
            }
            Ok(found)
        })
    }

    fn remove(&self, seen: State, doomed: Doomed) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        self.call(move |file| file.remove(seen, &doomed))
    }
}

impl Inner {
    fn at(&self, step: Step) -> Result<(), StoreError> {
        self.failpoints.at(step).map_err(StoreError::Io)
    }

    fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let mut txn = self.db.begin_write().map_err(fault)?;
        txn.set_quick_repair(true);
        Ok(txn)
    }

    fn put(&self, chunks: &[Chunk]) -> Result<usize, StoreError> {
        bounded("chunks", chunks.len(), BATCH_CHUNKS)?;
        let sizes = chunks.iter().map(|chunk| chunk.bytes().len());
        bounded(
            "bytes in a chunk",
            sizes.clone().max().unwrap_or(0),
            CHUNK_BYTES,
        )?;
        bounded("bytes", sizes.sum(), BATCH_BYTES)?;
        self.at(Step::PutBegin)?;
        let txn = self.begin()?;
        let mut new = 0;
        {
            let mut table = txn.open_table(CHUNKS).map_err(fault)?;
            for chunk in chunks {
                let (digest, bytes) = (chunk.digest(), chunk.bytes());
                // Bytes that rotted under a good digest are mended here too.
                let there = table
                    .get(digest.as_bytes())
                    .map_err(fault)?
                    .is_some_and(|stored| stored.value() == bytes.as_ref());
                if !there {
                    table
                        .insert(digest.as_bytes(), bytes.as_ref())
                        .map_err(fault)?;
                    new += 1;
                }
                self.at(Step::PutChunk)?;
            }
        }
        if new == 0 {
            txn.abort().map_err(fault)?;
            return Ok(0);
        }
        self.at(Step::PutCommit)?;
        txn.commit().map_err(fault)?;
        self.at(Step::PutDone)?;
        Ok(new)
    }

    fn get(&self, digests: &[Digest]) -> Result<Vec<Option<Bytes>>, StoreError> {
        bounded("chunks", digests.len(), BATCH_CHUNKS)?;
        let txn = self.db.begin_read().map_err(fault)?;
        let table = txn.open_table(CHUNKS).map_err(fault)?;
        let mut found = Vec::with_capacity(digests.len());
        for digest in digests {
            let bytes = table.get(digest.as_bytes()).map_err(fault)?;
            let bytes = bytes.map(|bytes| Bytes::copy_from_slice(bytes.value()));
            if bytes
                .as_ref()
                .is_some_and(|bytes| Digest::of(bytes) != *digest)
            {
                return Err(StoreError::corrupt(format!(
                    "chunk {digest}: its bytes changed"
                )));
            }
            found.push(bytes);
        }
        Ok(found)
    }

    fn advance(&self, seen: State, record: &Record) -> Result<Outcome, StoreError> {
        self.at(Step::AdvanceBegin)?;
        let txn = self.begin()?;
        let done = State {
            head: Some(record.head),
            ..seen
        };
        {
            let mut meta = txn.open_table(META).map_err(fault)?;
            let now = state(&meta)?;
            if now != seen {
                drop(meta);
                txn.abort().map_err(fault)?;
                return Ok(Outcome::Moved(now));
            }
            let mut records = txn.open_table(RECORDS).map_err(fault)?;
            let id = record.head.id.get();
            records.insert(id, record.bytes.as_ref()).map_err(fault)?;
            self.at(Step::AdvanceRecord)?;
            let mut value = id.to_le_bytes().to_vec();
            value.extend_from_slice(record.head.hash.as_bytes());
            meta.insert(META_HEAD, value.as_slice()).map_err(fault)?;
            self.at(Step::AdvanceHead)?;
        }
        self.at(Step::AdvanceCommit)?;
        txn.commit().map_err(fault)?;
        self.at(Step::AdvanceDone)?;
        // Two calls may get here in either order; the head does not go back.
        self.head.send_if_modified(|head| {
            let newer = head.is_none_or(|head| head.id < record.head.id);
            if newer {
                *head = done.head;
            }
            newer
        });
        Ok(Outcome::Done(done))
    }

    fn remove(&self, seen: State, doomed: &Doomed) -> Result<Outcome, StoreError> {
        let Doomed { records, chunks } = doomed;
        bounded(
            "removals",
            records.len().saturating_add(chunks.len()),
            BATCH_REMOVALS,
        )?;
        self.at(Step::RemoveBegin)?;
        let txn = self.begin()?;
        let done = State {
            generation: seen.generation.wrapping_add(1),
            ..seen
        };
        {
            let mut meta = txn.open_table(META).map_err(fault)?;
            let now = state(&meta)?;
            if now != seen {
                drop(meta);
                txn.abort().map_err(fault)?;
                return Ok(Outcome::Moved(now));
            }
            let mut table = txn.open_table(RECORDS).map_err(fault)?;
            for id in records {
                table.remove(id.get()).map_err(fault)?;
                self.at(Step::RemoveRecord)?;
            }
            let mut table = txn.open_table(CHUNKS).map_err(fault)?;
            for digest in chunks {
                table.remove(digest.as_bytes()).map_err(fault)?;
                self.at(Step::RemoveChunk)?;
            }
            let generation = done.generation.to_le_bytes();
            meta.insert(META_GENERATION, generation.as_slice())
                .map_err(fault)?;
        }
        self.at(Step::RemoveCommit)?;
        txn.commit().map_err(fault)?;
        self.at(Step::RemoveDone)?;
        Ok(Outcome::Done(done))
    }
}

fn state(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<State, StoreError> {
    let bad = || StoreError::corrupt("the head is unreadable");
    let head = match meta.get(META_HEAD).map_err(fault)? {
        None => None,
        Some(value) => {
            let (id, hash) = value.value().split_first_chunk::<8>().ok_or_else(bad)?;
            Some(Head {
                id: RevisionId::new(u64::from_le_bytes(*id)),
                hash: Digest::from_slice(hash).ok_or_else(bad)?,
            })
        }
    };
    let generation = match meta.get(META_GENERATION).map_err(fault)? {
        None => 0,
        Some(value) => u64::from_le_bytes(value.value().try_into().map_err(|_| bad())?),
    };
    Ok(State { head, generation })
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<(), StoreError> {
    if found > limit {
        return Err(StoreError::Batch { what, found, limit });
    }
    Ok(())
}

fn fault(cause: impl Into<::redb::Error>) -> StoreError {
    use ::redb::Error;
    match cause.into() {
        Error::Io(cause) => StoreError::Io(cause),
        Error::Corrupted(what) => StoreError::Corrupt(what),
        other => StoreError::Engine(Box::new(other)),
    }
}
