//! The store as the rest of the control plane sees it: whole revisions in, whole revisions out.
//!
//! Commits and the batches of a sweep take turns within a process; a fair lock keeps either from
//! starving the other. Between processes (replicas on one etcd) nothing is locked: the conditional
//! writes decide, and who lost reads the new state and tries again.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashSet;
use tokio::sync::{Mutex, MutexGuard, watch};

use super::content::{self, Encoded};
use super::record::{self, Roots};
use super::walk::{self, Follower, Walk};
use super::{
    BATCH_BYTES, BATCH_CHUNKS, Change, ChangeKind, Chunk, Digest, Draft, Expected, Head, Limits,
    Object, ObjectKey, Outcome, Revision, RevisionId, Store, StoreError,
};

/// Tries before a conditional write gives up. Each loss means that another writer won.
const TRIES: u32 = 40;
/// Revisions one call of `history` returns at most.
const HISTORY: usize = 1000;

#[derive(Debug)]
pub struct Revisions {
    pub(super) store: Arc<dyn Store>,
    limits: Limits,
    turn: Mutex<()>,
}

impl Revisions {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self::with_limits(store, Limits::default())
    }

    pub fn with_limits(store: Arc<dyn Store>, limits: Limits) -> Self {
        let turn = Mutex::new(());
        Self {
            store,
            limits,
            turn,
        }
    }

    /// The latest revision's number and hash, and every later one.
    pub fn watch(&self) -> watch::Receiver<Option<Head>> {
        self.store.watch()
    }

    pub async fn head(&self) -> Result<Option<Revision>, StoreError> {
        match self.store.state().await?.head {
            None => Ok(None),
            Some(head) => {
                let revision = self.revision(head.id).await?;
                if revision.hash != head.hash {
                    let what = format!("the head names another revision {}", head.id);
                    return Err(StoreError::Corrupt(what));
                }
                Ok(Some(revision))
            }
        }
    }

    pub async fn revision(&self, id: RevisionId) -> Result<Revision, StoreError> {
        let bytes = self.store.record(id).await?;
        record::decode(id, &bytes.ok_or(StoreError::NotFound(id))?)
    }

    /// Up to `limit` (and never more than 1,000) revisions below `before`, newest first.
    pub async fn history(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<Revision>, StoreError> {
        let records = self.store.records(before, limit.min(HISTORY)).await?;
        records
            .iter()
            .map(|(id, bytes)| record::decode(*id, bytes))
            .collect()
    }

    /// Writes `objects` as the revision after `expected`. What is acknowledged is on disk.
    pub async fn commit(
        &self,
        expected: Expected,
        draft: Draft,
        objects: Vec<Object>,
    ) -> Result<Revision, StoreError> {
        self.limits.check_draft(&draft)?;
        self.limits.check_objects(&objects)?;
        self.write(expected, &draft, Source::Objects(Arc::new(objects)))
            .await
    }

    /// Writes a revision with the objects of an earlier one. No object is copied.
    pub async fn rollback(
        &self,
        expected: Expected,
        to: RevisionId,
        draft: Draft,
    ) -> Result<Revision, StoreError> {
        self.limits.check_draft(&draft)?;
        self.write(expected, &draft, Source::Revision(to)).await
    }

    async fn write(
        &self,
        expected: Expected,
        draft: &Draft,
        source: Source,
    ) -> Result<Revision, StoreError> {
        let _turn = self.turn().await;
        for attempt in 0..TRIES {
            let state = self.store.state().await?;
            let found = state.head.map(|head| head.id);
            if !expected.holds(found) {
                return Err(StoreError::Conflict { expected, found });
            }
            // After the state was read: a removal from here on makes `advance` answer that it moved,
            // and all of this runs again.
            let roots = self.roots(&source, found).await?;
            let (revision, record) = record::encode(state.head, draft, roots)?;
            match self.store.advance(state, record).await? {
                Outcome::Done(_) => return Ok(revision),
                Outcome::Moved(_) => backoff(attempt).await,
            }
        }
        Err(StoreError::Busy)
    }

    /// Sees to it that all a new revision names is stored.
    async fn roots(
        &self,
        source: &Source,
        parent: Option<RevisionId>,
    ) -> Result<Roots, StoreError> {
        let objects = match source {
            Source::Objects(objects) => Arc::clone(objects),
            Source::Revision(id) => {
                let target = self.revision(*id).await?;
                return Ok(Roots {
                    content: target.content_hash,
                    positions: target.positions,
                    objects: target.objects,
                });
            }
        };
        let count = u64::try_from(objects.len()).unwrap_or(u64::MAX);
        let known = match parent {
            None => FxHashSet::default(),
            Some(parent) => self.known(parent).await,
        };
        let encoded = tokio::task::spawn_blocking(move || content::encode(&objects, &known));
        let Encoded {
            content_hash,
            positions,
            chunks,
        } = encoded
            .await
            .map_err(|cause| StoreError::Engine(cause.into()))?;
        self.put(chunks).await?;
        Ok(Roots {
            content: content_hash,
            positions,
            objects: count,
        })
    }

    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// What need not be written again. Should the parent be damaged, everything is written again,
    /// which mends it as far as the new revision goes.
    async fn known(&self, parent: RevisionId) -> FxHashSet<Digest> {
        let outline = async {
            let parent = self.revision(parent).await?;
            walk::outline(self.store.as_ref(), &parent).await
        };
        outline.await.unwrap_or_else(|cause| {
            tracing::warn!(revision = %parent, %cause, "parent unreadable, writing every chunk");
            FxHashSet::default()
        })
    }

    async fn put(&self, chunks: Vec<Chunk>) -> Result<(), StoreError> {
        let (mut batch, mut bytes) = (Vec::new(), 0usize);
        for chunk in chunks {
            let size = chunk.bytes().len();
            if batch.len() >= BATCH_CHUNKS || bytes.saturating_add(size) > BATCH_BYTES {
                self.store.put(std::mem::take(&mut batch)).await?;
                bytes = 0;
            }
            bytes = bytes.saturating_add(size);
            batch.push(chunk);
        }
        if !batch.is_empty() {
            self.store.put(batch).await?;
        }
        Ok(())
    }

    /// All objects of a revision, by kind and name.
    pub async fn load(&self, id: RevisionId) -> Result<Vec<Object>, StoreError> {
        let mut pages = self.objects(id).await?;
        let mut objects = Vec::new();
        while let Some(page) = pages.next_page().await? {
            objects.extend(page);
        }
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// The objects of a revision a page at a time, in no order of use to people.
    pub async fn objects(&self, id: RevisionId) -> Result<Objects, StoreError> {
        let revision = self.revision(id).await?;
        let walk = |root| Walk::new(Arc::clone(&self.store), root);
        Ok(Objects {
            store: Arc::clone(&self.store),
            id,
            content: walk(revision.content_hash),
            positions: Follower::new(walk(revision.positions)),
        })
    }

    pub async fn object(
        &self,
        id: RevisionId,
        key: &ObjectKey,
    ) -> Result<Option<Object>, StoreError> {
        let revision = self.revision(id).await?;
        let store = self.store.as_ref();
        let read = async {
            let key = key.digest();
            let Some(content) = walk::lookup(store, revision.content_hash, key).await? else {
                return Ok(None);
            };
            let place = walk::lookup(store, revision.positions, key).await?;
            let place = place.ok_or_else(|| no_position(id))?;
            content::object(store, &content, &place).await.map(Some)
        };
        settle(store, &[id], read).await
    }

    /// How `to` differs from `from`, by kind and name. Objects that only moved within their file are
    /// the same.
    pub async fn diff(&self, from: RevisionId, to: RevisionId) -> Result<Vec<Change>, StoreError> {
        let before = self.revision(from).await?.content_hash;
        let after = self.revision(to).await?.content_hash;
        let store = self.store.as_ref();
        let differences = settle(store, &[from, to], walk::diff(store, before, after)).await?;
        let mut changes = Vec::with_capacity(differences.len());
        for pair in differences {
            let (kind, entry) = match pair {
                (None, Some(entry)) => (ChangeKind::Added, entry),
                (Some(entry), None) => (ChangeKind::Removed, entry),
                (Some(_), Some(entry)) => (ChangeKind::Changed, entry),
                (None, None) => continue,
            };
            let key = content::key(&entry)?;
            changes.push(Change { key, kind });
        }
        changes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(changes)
    }

    /// Reads all of a revision and hashes it anew.
    pub async fn verify(&self, id: RevisionId) -> Result<(), StoreError> {
        let revision = self.revision(id).await?;
        let objects = self.load(id).await?;
        let found = content::content_hash(&objects);
        let count = u64::try_from(objects.len()).unwrap_or(u64::MAX);
        if found != revision.content_hash || count != revision.objects {
            let what = format!("revision {id}: its {count} objects hash to {found}");
            return Err(StoreError::Corrupt(what));
        }
        Ok(())
    }
}

/// What a new revision is made of.
enum Source {
    Objects(Arc<Vec<Object>>),
    /// The objects of an earlier one.
    Revision(RevisionId),
}

/// The objects of one revision, as they are read.
pub struct Objects {
    store: Arc<dyn Store>,
    id: RevisionId,
    content: Walk,
    positions: Follower,
}

impl Objects {
    /// Some more objects; `None` after the last.
    pub async fn next_page(&mut self) -> Result<Option<Vec<Object>>, StoreError> {
        let store = Arc::clone(&self.store);
        let read = async {
            let Some(entries) = self.content.next().await? else {
                return Ok(None);
            };
            let mut objects = Vec::with_capacity(entries.len());
            for entry in entries {
                let place = self.positions.next().await?;
                let place = place.filter(|place| place.key == entry.key);
                let place = place.ok_or_else(|| no_position(self.id))?;
                objects.push(content::object(store.as_ref(), &entry, &place).await?);
            }
            Ok(Some(objects))
        };
        settle(store.as_ref(), &[self.id], read).await
    }
}

fn no_position(id: RevisionId) -> StoreError {
    StoreError::corrupt(format!("revision {id}: positions do not match objects"))
}

/// A chunk that is missing means a damaged store, unless a revision was swept while it was read.
async fn settle<T>(
    store: &dyn Store,
    ids: &[RevisionId],
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let missing = match read.await {
        Err(StoreError::Missing(digest)) => digest,
        other => return other,
    };
    for id in ids {
        if store.record(*id).await?.is_none() {
            return Err(StoreError::NotFound(*id));
        }
    }
    Err(StoreError::corrupt(format!("chunk {missing} is missing")))
}

pub(super) async fn backoff(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(attempt.min(20)))).await;
}
