//! Forgetting: old revisions, and chunks that no revision names.
//!
//! Records go first, then chunks; a sweep cut off in between leaves orphans for the next. What is kept
//! is marked by walking it, each shared chunk once. Every removal is conditional on the head that was
//! marked. If the head moved meanwhile, the new revisions are marked and the page of chunks is judged
//! again; a writer that relied on a chunk removed since it looked finds the generation changed.

use rustc_hash::FxHashSet;

use super::record;
use super::revisions::{Revisions, backoff};
use super::walk;
use super::{BATCH_REMOVALS, Digest, Doomed, Head, Outcome, RevisionId, State, StoreError};

/// Records or digests read at once.
const PAGE: usize = 1000;
/// Revisions that pass between two sweeps of [`keep_swept`].
const SLACK: u64 = 64;
/// Times the head may move under one sweep. Past that the rest is left to the next sweep.
const TRIES: u32 = 100;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub revisions: usize,
    pub chunks: usize,
    pub chunks_kept: usize,
}

/// Sweeps at once, and again after every 64 revisions, for as long as the store is open. `pinned` is
/// asked before each sweep which revisions nodes are running. A sweep that fails is tried again at the
/// next turn; until then the store is merely larger.
pub async fn keep_swept(
    revisions: &Revisions,
    keep: usize,
    pinned: impl Fn() -> Vec<RevisionId> + Send,
) {
    let mut heads = revisions.watch();
    loop {
        let at = number(*heads.borrow_and_update());
        match revisions.sweep(keep, &pinned()).await {
            Ok(Swept {
                revisions: 0,
                chunks: 0,
                ..
            }) => {}
            Ok(swept) => tracing::debug!(?swept, "store swept"),
            Err(cause) => tracing::warn!(%cause, "store not swept"),
        }
        let due = at.saturating_add(SLACK);
        if heads.wait_for(|head| number(*head) >= due).await.is_err() {
            return;
        }
    }
}

fn number(head: Option<Head>) -> u64 {
    head.map_or(0, |head| head.id.get())
}

impl Revisions {
    /// Keeps the latest `keep` revisions (never fewer than one) and those in `pinned`, and removes the
    /// rest with all that only they named. Safe beside readers, who may find their revision gone, and
    /// writers.
    pub async fn sweep(&self, keep: usize, pinned: &[RevisionId]) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        let mut state = self.store.state().await?;
        let kept = self
            .sweep_records(&mut state, keep, pinned, &mut swept)
            .await?;

        let mut marked = FxHashSet::default();
        for id in kept {
            self.mark(id, &mut marked).await?;
        }
        let mut after = None;
        let mut tries = 0;
        loop {
            let page = self.store.chunks(after, PAGE).await?;
            let Some(last) = page.last().copied() else {
                break;
            };
            let orphans: Vec<_> = page
                .iter()
                .filter(|it| !marked.contains(*it))
                .copied()
                .collect();
            let mut whole = true;
            for batch in orphans.chunks(BATCH_REMOVALS) {
                let chunks = batch.to_vec();
                let removed = chunks.len();
                let doomed = Doomed {
                    records: Vec::new(),
                    chunks,
                };
                if self.remove(&mut state, doomed, &mut marked).await? {
                    swept.chunks = swept.chunks.saturating_add(removed);
                } else {
                    whole = false;
                    break;
                }
            }
            if whole {
                after = Some(last);
                continue;
            }
            tries += 1;
            if tries >= TRIES {
                return Err(StoreError::Busy);
            }
            backoff(tries).await;
        }
        swept.chunks_kept = marked.len();
        Ok(swept)
    }

    /// Removes old records and answers which are left, up to the head of `state`.
    async fn sweep_records(
        &self,
        state: &mut State,
        keep: usize,
        pinned: &[RevisionId],
        swept: &mut Swept,
    ) -> Result<Vec<RevisionId>, StoreError> {
        let pinned: FxHashSet<_> = pinned.iter().copied().collect();
        let (mut kept, mut doomed) = (Vec::new(), Vec::new());
        let mut before = state.head.and_then(|head| head.id.next());
        loop {
            let page = self.store.records(before, PAGE).await?;
            let Some((oldest, _)) = page.last() else {
                break;
            };
            before = Some(*oldest);
            for (id, _) in page {
                let list = match kept.len() < keep.max(1) || pinned.contains(&id) {
                    true => &mut kept,
                    false => &mut doomed,
                };
                list.push(id);
            }
        }
        // Oldest first, so that what is left is a history without a hole, pins aside.
        doomed.reverse();
        for batch in doomed.chunks(BATCH_REMOVALS) {
            let mut tries = 0;
            loop {
                let doomed = Doomed {
                    records: batch.to_vec(),
                    chunks: Vec::new(),
                };
                let _turn = self.turn().await;
                match self.store.remove(*state, doomed).await? {
                    Outcome::Done(now) => {
                        *state = now;
                        break;
                    }
                    // A newer head takes nothing back from what is old.
                    Outcome::Moved(now) => {
                        let newer = now.head.filter(|head| state.head != Some(*head));
                        kept.extend(self.between(state, newer.map(|head| head.id)));
                        *state = now;
                    }
                }
                tries += 1;
                if tries >= TRIES {
                    return Err(StoreError::Busy);
                }
            }
            swept.revisions = swept.revisions.saturating_add(batch.len());
        }
        Ok(kept)
    }

    /// The numbers after the head of `state` up to `newest`.
    fn between(&self, state: &State, newest: Option<RevisionId>) -> Vec<RevisionId> {
        let first = state
            .head
            .map_or(Some(RevisionId::FIRST), |head| head.id.next());
        let mut ids = Vec::new();
        let mut next = first;
        while let (Some(id), Some(newest)) = (next, newest) {
            if id > newest {
                break;
            }
            ids.push(id);
            next = id.next();
        }
        ids
    }

    /// False if the state had moved; what is new is marked then, and the caller looks again.
    async fn remove(
        &self,
        state: &mut State,
        doomed: Doomed,
        marked: &mut FxHashSet<Digest>,
    ) -> Result<bool, StoreError> {
        let _turn = self.turn().await;
        match self.store.remove(*state, doomed).await? {
            Outcome::Done(now) => {
                *state = now;
                Ok(true)
            }
            Outcome::Moved(now) => {
                let newer = now.head.filter(|head| state.head != Some(*head));
                for id in self.between(state, newer.map(|head| head.id)) {
                    self.mark(id, marked).await?;
                }
                *state = now;
                Ok(false)
            }
        }
    }

    async fn mark(&self, id: RevisionId, marked: &mut FxHashSet<Digest>) -> Result<(), StoreError> {
        // Another sweeper may have taken the record since it was listed; then it needs no chunks.
        let Some(bytes) = self.store.record(id).await? else {
            return Ok(());
        };
        let revision = record::decode(id, &bytes)?;
        match walk::mark(self.store.as_ref(), &revision, marked).await {
            // Swept while it was walked. What it shares with others is half marked: nothing may be
            // removed on the strength of this walk.
            Err(StoreError::Missing(_)) if self.store.record(id).await?.is_none() => {
                Err(StoreError::Busy)
            }
            other => other,
        }
    }
}
