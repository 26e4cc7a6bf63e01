//! Writers and sweepers that meet at the worst moment, with no lock between them but the engine's
//! conditional writes: two facades on one engine, as two replicas would have.

use std::future::Future;
use std::pin::Pin;

use parking_lot::Mutex;

use super::*;

type Rival = Box<dyn FnOnce(Arc<dyn Store>) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// An engine in which rivals act just before the next conditional writes.
struct Raced {
    inner: Arc<dyn Store>,
    before_advance: Mutex<Vec<Rival>>,
    before_remove: Mutex<Vec<Rival>>,
    /// One is taken at each `get`; the last comes first, and `None` lets a call pass.
    before_get: Mutex<Vec<Option<Rival>>>,
}

impl std::fmt::Debug for Raced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Raced")
    }
}

impl Raced {
    fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            before_advance: Mutex::default(),
            before_remove: Mutex::default(),
            before_get: Mutex::default(),
        })
    }
}

impl Store for Raced {
    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        self.inner.state()
    }

    fn watch(&self) -> watch::Receiver<Option<Head>> {
        self.inner.watch()
    }

    fn put(&self, chunks: Vec<Chunk>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.inner.put(chunks)
    }

    fn get(&self, digests: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        let rival = self.before_get.lock().pop().flatten();
        Box::pin(async move {
            if let Some(rival) = rival {
                rival(Arc::clone(&self.inner)).await;
            }
            self.inner.get(digests).await
        })
    }

    fn advance(&self, seen: State, record: Record) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        let rival = self.before_advance.lock().pop();
        Box::pin(async move {
            if let Some(rival) = rival {
                rival(Arc::clone(&self.inner)).await;
            }
            self.inner.advance(seen, record).await
        })
    }

    fn record(&self, id: RevisionId) -> BoxFuture<'_, Result<Option<Bytes>, StoreError>> {
        self.inner.record(id)
    }

    fn records(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(RevisionId, Bytes)>, StoreError>> {
        self.inner.records(before, limit)
    }

    fn chunks(
        &self,
        after: Option<Digest>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Digest>, StoreError>> {
        self.inner.chunks(after, limit)
    }

    fn remove(&self, seen: State, doomed: Doomed) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        let rival = self.before_remove.lock().pop();
        Box::pin(async move {
            if let Some(rival) = rival {
                rival(Arc::clone(&self.inner)).await;
            }
            self.inner.remove(seen, doomed).await
        })
    }
}

fn sweeps(pinned: &'static [RevisionId]) -> Rival {
    Box::new(move |store| {
        Box::pin(async move {
            Revisions::new(store).sweep(1, pinned).await.unwrap();
        })
    })
}

fn commits(objects: Vec<Object>) -> Rival {
    Box::new(move |store| {
        Box::pin(async move {
            let revisions = Revisions::new(store);
            revisions
                .commit(Expected::Any, draft("rival"), objects)
                .await
                .unwrap();
        })
    })
}

#[tokio::test]
async fn a_sweep_between_chunks_and_head_makes_the_writer_write_them_again() {
    let raced = Raced::new(Arc::new(RedbStore::in_memory()));
    let revisions = Revisions::new(Arc::clone(&raced) as Arc<dyn Store>);
    let first = revisions
        .commit(Expected::Any, draft(""), routes(200))
        .await
        .unwrap();
    for round in 0..3 {
        raced
            .before_advance
            .lock()
            .extend([sweeps(&[]), sweeps(&[]), sweeps(&[])]);
        let mut objects = routes(200);
        objects[5].document = Arc::from(format!("round {round}"));
        let head = revisions.head().await.unwrap().unwrap().id;
        let revision = revisions
            .commit(Expected::Revision(head), draft(""), objects)
            .await
            .unwrap();
        assert_eq!(revision.id.get(), round + 2);
        assert!(
            raced.before_advance.lock().is_empty(),
            "every sweep took place"
        );
        revisions.verify(revision.id).await.unwrap();
    }
    // The target of a rollback goes while it is rolled back to.
    let head = revisions.head().await.unwrap().unwrap().id;
    revisions
        .commit(Expected::Revision(head), draft(""), Vec::new())
        .await
        .unwrap();
    raced.before_advance.lock().push(sweeps(&[]));
    let rolled = revisions.rollback(Expected::Any, head, draft("")).await;
    assert!(
        matches!(rolled, Err(StoreError::NotFound(id)) if id == head),
        "{rolled:?}"
    );
    let gone = revisions.revision(first.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))), "{gone:?}");
}

#[tokio::test]
async fn a_writer_that_loses_the_head_conflicts_or_follows() {
    let raced = Raced::new(Arc::new(RedbStore::in_memory()));
    let revisions = Revisions::new(Arc::clone(&raced) as Arc<dyn Store>);
    raced.before_advance.lock().push(commits(routes(3)));
    let lost = revisions
        .commit(Expected::Empty, draft(""), routes(5))
        .await;
    let found = Some(RevisionId::FIRST);
    assert!(
        matches!(lost, Err(StoreError::Conflict { found: f, .. }) if f == found),
        "{lost:?}"
    );

    raced.before_advance.lock().push(commits(routes(4)));
    let followed = revisions
        .commit(Expected::Any, draft(""), routes(5))
        .await
        .unwrap();
    assert_eq!(followed.id.get(), 3);
    assert_eq!(followed.parent.map(|parent| parent.id.get()), Some(2));
    for id in 1..=3 {
        revisions.verify(RevisionId::new(id)).await.unwrap();
    }
}

#[tokio::test]
async fn a_commit_of_doomed_content_during_a_sweep_is_kept() {
    let raced = Raced::new(Arc::new(RedbStore::in_memory()));
    let revisions = Revisions::new(Arc::clone(&raced) as Arc<dyn Store>);
    let large = object("EnvoyResources", "large", 1, &"large ".repeat(300_000));
    let old = |n: u32| {
        let mut objects = routes(300);
        objects.truncate(250 + usize::try_from(n).unwrap());
        objects.push(large.clone());
        objects
    };
    for n in 0..4 {
        revisions
            .commit(Expected::Any, draft(""), old(n))
            .await
            .unwrap();
    }
    revisions
        .commit(
            Expected::Any,
            draft(""),
            vec![object("Service", "s", 1, "")],
        )
        .await
        .unwrap();
    // Before the records go, between records and chunks, and again among the chunks.
    raced
        .before_remove
        .lock()
        .extend([commits(old(3)), commits(old(1)), commits(old(0))]);
    let swept = revisions.sweep(1, &[]).await.unwrap();
    assert!(raced.before_remove.lock().is_empty());
    assert_eq!(swept.revisions, 4);
    let history = revisions.history(None, 99).await.unwrap();
    let ids: Vec<_> = history.iter().map(|it| it.id.get()).collect();
    assert_eq!(ids, [8, 7, 6, 5]);
    for revision in history {
        revisions.verify(revision.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_sweep_overtaken_by_another_removes_nothing() {
    const FIRST: &[RevisionId] = &[RevisionId::FIRST];
    let raced = Raced::new(Arc::new(RedbStore::in_memory()));
    let revisions = Revisions::new(Arc::clone(&raced) as Arc<dyn Store>);
    let mut objects = routes(300);
    objects.push(object(
        "EnvoyResources",
        "large",
        1,
        &"large ".repeat(2_000),
    ));
    let first = revisions
        .commit(Expected::Any, draft(""), objects.clone())
        .await
        .unwrap();
    objects[0].document = Arc::from("changed");
    revisions
        .commit(Expected::Any, draft(""), objects)
        .await
        .unwrap();
    revisions
        .commit(Expected::Any, draft(""), Vec::new())
        .await
        .unwrap();
    // It has read the third revision and the root of the second, and holds every leaf of that to be in
    // use without having looked into one, when the second goes and the first stays.
    let rival = Some(sweeps(FIRST));
    raced.before_get.lock().extend([rival, None, None]);
    let overtaken = revisions.sweep(3, &[]).await;
    assert!(raced.before_get.lock().is_empty());
    assert!(matches!(overtaken, Err(StoreError::Busy)), "{overtaken:?}");
    revisions.verify(first.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_and_sweepers_at_once_lose_nothing() {
    let store: Arc<dyn Store> = Arc::new(RedbStore::in_memory());
    let mut tasks = Vec::new();
    for writer in 0..3u32 {
        let revisions = Revisions::new(Arc::clone(&store));
        tasks.push(tokio::spawn(async move {
            for n in 0..25u32 {
                // Few distinct sets, so that writers find chunks that sweepers are about to take.
                let mut objects = routes(60);
                objects.truncate(usize::try_from(30 + (writer + n) % 4 * 10).unwrap());
                let hash = content_hash(&objects);
                let revision = loop {
                    match revisions
                        .commit(Expected::Any, draft(""), objects.clone())
                        .await
                    {
                        Err(StoreError::Busy) => {}
                        other => break other.unwrap(),
                    }
                };
                assert_eq!(revision.content_hash, hash);
            }
        }));
    }
    for _ in 0..2 {
        let revisions = Revisions::new(Arc::clone(&store));
        tasks.push(tokio::spawn(async move {
            for _ in 0..15 {
                match revisions.sweep(2, &[]).await {
                    Ok(_) | Err(StoreError::Busy) => tokio::task::yield_now().await,
                    Err(other) => panic!("{other}"),
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let revisions = Revisions::new(store);
    assert_eq!(revisions.head().await.unwrap().unwrap().id.get(), 75);
    for revision in revisions.history(None, 99).await.unwrap() {
        revisions.verify(revision.id).await.unwrap();
    }
}
