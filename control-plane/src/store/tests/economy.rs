//! How little is written and read: counts of chunks and bytes, never of time.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

/// An engine that counts chunks on their way.
#[derive(Debug)]
struct Counted {
    inner: RedbStore,
    read: AtomicUsize,
    written: AtomicUsize,
    written_bytes: AtomicUsize,
}

impl Counted {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: RedbStore::in_memory(),
            read: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            written_bytes: AtomicUsize::new(0),
        })
    }

    /// Chunks read, chunks written and their bytes since the last call.
    fn take(&self) -> (usize, usize, usize) {
        (
            self.read.swap(0, Relaxed),
            self.written.swap(0, Relaxed),
            self.written_bytes.swap(0, Relaxed),
        )
    }
}

impl Store for Counted {
    fn state(&self) -> BoxFuture<'_, Result<State, StoreError>> {
        self.inner.state()
    }

    fn watch(&self) -> watch::Receiver<Option<Head>> {
        self.inner.watch()
    }

    fn put(&self, chunks: Vec<Chunk>) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.written.fetch_add(chunks.len(), Relaxed);
        let bytes = chunks.iter().map(|chunk| chunk.bytes().len()).sum();
        self.written_bytes.fetch_add(bytes, Relaxed);
        self.inner.put(chunks)
    }

    fn get(&self, digests: Vec<Digest>) -> BoxFuture<'_, Result<Vec<Option<Bytes>>, StoreError>> {
        self.read.fetch_add(digests.len(), Relaxed);
        self.inner.get(digests)
    }

    fn advance(&self, seen: State, record: Record) -> BoxFuture<'_, Result<Outcome, StoreError>> {
        self.inner.advance(seen, record)
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
        self.inner.remove(seen, doomed)
    }
}

#[tokio::test]
async fn one_changed_object_of_10_000_writes_a_handful_of_chunks() {
    let store = Counted::new();
    let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
    let mut objects = routes(10_000);
    let first = revisions
        .commit(Expected::Any, draft(""), objects.clone())
        .await
        .unwrap();
    let (_, whole, _) = store.take();
    assert!(whole > 300, "{whole} chunks");
    let stored = every_chunk(store.as_ref()).await.len();
    assert_eq!(stored, whole, "each is written once");

    // What changes, and the chunks and bytes that may cost.
    type Change = fn(&mut Vec<Object>);
    let changes: [(&str, Change, usize, usize); 5] = [
        (
            "a document",
            |set| set[4_711].document = Arc::from("new"),
            5,
            40_000,
        ),
        ("a position", |set| set[4_711].line += 1, 5, 80_000),
        (
            "an object more",
            |set| set.push(object("Route", "another", 1, "x")),
            9,
            80_000,
        ),
        ("an object less", |set| drop(set.swap_remove(17)), 9, 80_000),
        ("nothing", |_| {}, 0, 0),
    ];
    let mut last = first.clone();
    for (what, change, chunks, bytes) in changes {
        change(&mut objects);
        let next = revisions
            .commit(Expected::Revision(last.id), draft(what), objects.clone())
            .await;
        let next = next.unwrap();
        let (_, written, written_bytes) = store.take();
        assert!(written <= chunks, "{what}: {written} chunks");
        assert!(written_bytes <= bytes, "{what}: {written_bytes} bytes");
        assert_eq!(next.content_hash, content_hash(&objects), "{what}");
        last = next;
    }

    // A line inserted at the top of the file moves all, and rewrites positions only.
    for object in &mut objects {
        object.line += 1;
    }
    last = revisions
        .commit(Expected::Any, draft("all moved"), objects.clone())
        .await
        .unwrap();
    let (_, written, written_bytes) = store.take();
    assert!(
        written_bytes < 1_000_000,
        "{written} chunks, {written_bytes} bytes"
    );

    // Differences and lookups read paths, not sets.
    let changes = revisions.diff(first.id, last.id).await.unwrap();
    let (read, ..) = store.take();
    assert!(read < 40, "diff read {read} chunks");
    let changes: Vec<_> = changes
        .iter()
        .map(|it| (it.key.name.as_str(), it.kind))
        .collect();
    let wanted = [
        ("another", ChangeKind::Added),
        ("r17", ChangeKind::Removed),
        ("r4711", ChangeKind::Changed),
    ];
    assert_eq!(changes, wanted);
    let key = ObjectKey::new("Route", "r42");
    assert_eq!(
        revisions.object(last.id, &key).await.unwrap().unwrap().line,
        42 * 21 + 1
    );
    let (read, ..) = store.take();
    assert!(read <= 10, "a lookup read {read} chunks");
    assert_eq!(revisions.load(last.id).await.unwrap(), sorted(objects));
}
