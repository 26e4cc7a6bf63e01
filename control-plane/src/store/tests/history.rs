//! Random histories against a model that keeps every set whole.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;

type Set = BTreeMap<ObjectKey, Object>;

struct Model {
    rng: Rng,
    revisions: BTreeMap<u64, (Revision, Set)>,
    head: u64,
    largest: usize,
}

impl Model {
    fn current(&self) -> Set {
        self.revisions
            .get(&self.head)
            .map(|(_, set)| set.clone())
            .unwrap_or_default()
    }

    fn any(&mut self) -> u64 {
        // Past the head, swept and kept ones.
        self.rng.u64(1..=self.head + 2)
    }

    fn mutated(&mut self) -> Set {
        let mut set = self.current();
        if self.rng.u8(..) < 8 {
            set.clear();
        }
        for _ in 0..self.rng.usize(0..=self.rng.clone().usize(1..60)) {
            let key = ObjectKey::new(
                ["Route", "Service"][self.rng.usize(..2)],
                self.rng.u8(..200).to_string(),
            );
            let line = self.rng.u32(..);
            match self.rng.u8(..4) {
                0 => drop(set.remove(&key)),
                1 => {
                    if let Some(object) = set.get_mut(&key) {
                        object.line = line;
                    }
                }
                _ => {
                    let size = self.rng.usize(..self.largest);
                    let mut new = object(&key.kind, &key.name, line, &"d".repeat(size));
                    new.spec = vec![self.rng.u8(..); self.rng.usize(..900)].into();
                    new.file = Arc::from(["a.yaml", "b.yaml"][self.rng.usize(..2)]);
                    set.insert(key, new);
                }
            }
        }
        set
    }

    fn expected(&mut self) -> Expected {
        match self.rng.u8(..5) {
            0 => Expected::Empty,
            1 => Expected::Revision(RevisionId::new(self.any())),
            2 if self.head > 0 => Expected::Revision(RevisionId::new(self.head)),
            _ => Expected::Any,
        }
    }

    fn wrote(
        &mut self,
        expected: Expected,
        result: Result<Revision, StoreError>,
        set: Set,
        at: &str,
    ) {
        let head = (self.head > 0).then(|| RevisionId::new(self.head));
        if !expected.holds(head) {
            let conflict =
                matches!(result, Err(StoreError::Conflict { found, .. }) if found == head);
            assert!(conflict, "{at}: {result:?}");
            return;
        }
        let revision = result.unwrap_or_else(|refused| panic!("{at}: {refused}"));
        self.head += 1;
        assert_eq!(revision.id.get(), self.head, "{at}");
        assert_eq!(revision.parent.map(|parent| parent.id), head, "{at}");
        let objects: Vec<_> = set.values().cloned().collect();
        assert_eq!(revision.content_hash, content_hash(&objects), "{at}");
        self.revisions.insert(self.head, (revision, set));
    }
}

fn differences(before: &Set, after: &Set) -> Vec<Change> {
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
    let content = |object: &Object| (Arc::clone(&object.document), object.spec.clone());
    let change = |key: ObjectKey| {
        let kind = match (before.get(&key), after.get(&key)) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(before), Some(after)) if content(before) != content(after) => ChangeKind::Changed,
            _ => return None,
        };
        Some(Change { key, kind })
    };
    keys.into_iter().filter_map(change).collect()
}

async fn step(revisions: &Revisions, model: &mut Model, at: &str) {
    let expected = model.expected();
    match model.rng.u8(..10) {
        0..4 => {
            let set = model.mutated();
            let mut objects: Vec<_> = set.values().cloned().collect();
            model.rng.shuffle(&mut objects);
            let result = revisions.commit(expected, draft(at), objects).await;
            model.wrote(expected, result, set, at);
        }
        4 => {
            let to = model.any();
            let result = revisions
                .rollback(expected, RevisionId::new(to), draft(at))
                .await;
            match model.revisions.get(&to).cloned() {
                Some((_, set)) => model.wrote(expected, result, set, at),
                None => assert!(
                    matches!(
                        result,
                        Err(StoreError::NotFound(_) | StoreError::Conflict { .. })
                    ),
                    "{at}: {result:?}"
                ),
            }
        }
        5 => {
            let id = model.any();
            let loaded = revisions.load(RevisionId::new(id)).await;
            match model.revisions.get(&id) {
                Some((revision, set)) => {
                    assert!(loaded.unwrap().iter().eq(set.values()), "{at}");
                    let kept = revisions.revision(revision.id).await.unwrap();
                    assert_eq!(kept, *revision, "{at}");
                }
                None => assert!(matches!(loaded, Err(StoreError::NotFound(_))), "{at}"),
            }
        }
        6 => {
            let (a, b) = (model.any(), model.any());
            let found = revisions.diff(RevisionId::new(a), RevisionId::new(b)).await;
            match (model.revisions.get(&a), model.revisions.get(&b)) {
                (Some((_, before)), Some((_, after))) => {
                    assert_eq!(found.unwrap(), differences(before, after), "{at}");
                }
                _ => assert!(matches!(found, Err(StoreError::NotFound(_))), "{at}"),
            }
        }
        7 => {
            let key = ObjectKey::new("Route", model.rng.u8(..200).to_string());
            if let Some((revision, set)) = model.revisions.get(&model.head) {
                let found = revisions.object(revision.id, &key).await.unwrap();
                assert_eq!(found.as_ref(), set.get(&key), "{at}");
            }
        }
        8 => {
            let before = model.any();
            let limit = model.rng.usize(..6);
            let found = revisions
                .history(Some(RevisionId::new(before)), limit)
                .await
                .unwrap();
            let wanted = model.revisions.range(..before).rev().take(limit);
            assert!(
                found.iter().eq(wanted.map(|(_, (revision, _))| revision)),
                "{at}"
            );
        }
        _ => {
            let keep = model.rng.usize(..12);
            let pinned = [model.any(), model.any()];
            let swept = revisions
                .sweep(keep, &pinned.map(RevisionId::new))
                .await
                .unwrap();
            let newest: BTreeSet<_> = model
                .revisions
                .keys()
                .rev()
                .take(keep.max(1))
                .copied()
                .collect();
            let before = model.revisions.len();
            model
                .revisions
                .retain(|id, _| newest.contains(id) || pinned.contains(id));
            assert_eq!(swept.revisions, before - model.revisions.len(), "{at}");
            let stored = every_chunk(revisions.store.as_ref()).await.len();
            assert_eq!(stored, swept.chunks_kept, "{at}");
        }
    }
    let head = revisions.head().await.unwrap();
    assert_eq!(
        head.as_ref(),
        model.revisions.get(&model.head).map(|(it, _)| it),
        "{at}"
    );
    assert_eq!(
        *revisions.watch().borrow(),
        head.map(|head| head.head()),
        "{at}"
    );
}

async fn history(seed: u64, steps: u32, largest: usize, reopen: bool) {
    let mut model = Model {
        rng: Rng::with_seed(seed),
        revisions: BTreeMap::new(),
        head: 0,
        largest,
    };
    let dir = tempfile::tempdir().unwrap();
    let mut revisions = Revisions::new(Arc::new(RedbStore::in_memory()));
    for n in 0..steps {
        if reopen && n % 15 == 0 {
            drop(revisions);
            let store = RedbStore::open(dir.path()).await.unwrap();
            revisions = Revisions::new(Arc::new(store));
        }
        step(&revisions, &mut model, &format!("seed {seed}, step {n}")).await;
    }
    for id in model.revisions.keys() {
        revisions.verify(RevisionId::new(*id)).await.unwrap();
    }
}

#[tokio::test]
async fn random_histories_match_the_model() {
    for seed in 0..24 {
        history(seed, 120, 1_500, false).await;
    }
    history(100, 80, 60_000, false).await;
}

#[tokio::test]
async fn random_histories_survive_reopening() {
    for seed in 200..203 {
        history(seed, 60, 1_500, true).await;
    }
}
