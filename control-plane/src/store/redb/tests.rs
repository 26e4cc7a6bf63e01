//! The embedded engine by itself: opening, limits, failing and cheating disks.

mod power;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ::redb::backends::InMemoryBackend;
use ::redb::{Builder, StorageBackend};
use parking_lot::Mutex;

use super::super::tests::{draft, every_chunk, object};
use super::super::{Expected, Revisions};
use super::*;

impl RedbStore {
    pub(in super::super) fn in_memory() -> Self {
        Self::on(InMemoryBackend::new())
    }

    fn on(backend: impl StorageBackend) -> Self {
        let db = Builder::new().create_with_backend(backend).unwrap();
        file::initialise(&db).unwrap();
        Self::around(file::attach(db, "memory".into(), Failpoints::default(), None).unwrap())
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

async fn refused(dir: &Path) -> String {
    let error = RedbStore::open(dir).await.unwrap_err();
    error.to_string().replace(&dir.display().to_string(), "DIR")
}

#[tokio::test]
async fn files_are_private_and_held_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b");
    let store = RedbStore::open(&data).await.unwrap();
    let file = data.join("store.redb");
    assert_eq!(
        (mode(&data), mode(&file), mode(&data.join("store.lock"))),
        (0o700, 0o600, 0o600)
    );
    let pid = std::process::id();
    let wanted = format!(
        "DIR/store.lock is in use by process {pid}; stop it first, or choose another data directory"
    );
    assert_eq!(refused(&data).await, wanted);
    drop(store);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(data.join("store.redb.new"), b"what a crash left").unwrap();
    RedbStore::open(&data).await.unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.redb");
    fs::write(&file, b"").unwrap();
    let advice = "restore it, or choose another data directory";
    let wanted = format!("DIR/store.redb is not a portway store: it is empty; {advice}");
    assert_eq!(refused(dir.path()).await, wanted);

    let text = b"something else\n".repeat(1000);
    fs::write(&file, &text).unwrap();
    let message = refused(dir.path()).await;
    assert!(
        message.starts_with("DIR/store.redb is not a portway store: "),
        "{message}"
    );
    assert_eq!(fs::read(&file).unwrap(), text);

    // A copy cut short.
    let whole = tempfile::tempdir().unwrap();
    drop(RedbStore::open(whole.path()).await.unwrap());
    let mut bytes = fs::read(whole.path().join("store.redb")).unwrap();
    for kept in [bytes.len() / 2, 700, 100, 9] {
        bytes.truncate(kept);
        fs::write(&file, &bytes).unwrap();
        let message = refused(dir.path()).await;
        assert!(
            message.starts_with("DIR/store.redb is not a portway store: "),
            "{kept}: {message}"
        );
    }

    fs::remove_file(&file).unwrap();
    drop(Database::create(&file).unwrap());
    let wanted =
        format!("DIR/store.redb is not a portway store: it has no format number; {advice}");
    assert_eq!(refused(dir.path()).await, wanted);

    let db = Database::create(&file).unwrap();
    let txn = db.begin_write().unwrap();
    let later = 2u32.to_le_bytes();
    txn.open_table(META)
        .unwrap()
        .insert(META_FORMAT, later.as_slice())
        .unwrap();
    txn.commit().unwrap();
    drop(db);
    let wanted = "DIR/store.redb has store format 2; this build reads format 1";
    assert_eq!(refused(dir.path()).await, wanted);

    fs::remove_file(&file).unwrap();
    let under_file = dir.path().join("store.lock/data");
    let wanted = "cannot create DIR";
    assert_eq!(refused(&under_file).await, wanted);
}

#[tokio::test]
async fn batches_past_their_limits_are_refused() {
    let store = RedbStore::in_memory();
    let chunk = |size: usize| Chunk::new(Bytes::from(vec![1; size]));
    let head = Digest::of(b"");
    let cases = [
        (
            store.put(vec![chunk(1); 257]).await.err(),
            "a batch of 257 chunks exceeds the engine's limit of 256",
        ),
        (
            store.put(vec![chunk(CHUNK_BYTES + 1)]).await.err(),
            "a batch of 524289 bytes in a chunk exceeds the engine's limit of 524288",
        ),
        (
            store.put(vec![chunk(CHUNK_BYTES); 9]).await.err(),
            "a batch of 4718592 bytes exceeds the engine's limit of 4194304",
        ),
        (
            store.get(vec![head; 257]).await.err(),
            "a batch of 257 chunks exceeds the engine's limit of 256",
        ),
        (
            store
                .remove(
                    State::default(),
                    Doomed {
                        records: vec![RevisionId::FIRST; 50],
                        chunks: vec![head; 51],
                    },
                )
                .await
                .err(),
            "a batch of 101 removals exceeds the engine's limit of 100",
        ),
    ];
    for (error, wanted) in cases {
        assert_eq!(
            error.map(|error| error.to_string()).as_deref(),
            Some(wanted)
        );
    }
    assert_eq!(
        store.put(vec![chunk(3), chunk(4), chunk(3)]).await.unwrap(),
        2
    );
    assert_eq!(store.put(vec![chunk(3)]).await.unwrap(), 0);
}

#[tokio::test]
async fn conditional_writes_compare_the_whole_state() {
    let store = RedbStore::in_memory();
    let record = |id, text: &'static [u8]| Record {
        head: Head {
            id: RevisionId::new(id),
            hash: Digest::of(text),
        },
        bytes: Bytes::from_static(text),
    };
    let mut watch = store.watch();
    let start = State::default();
    let one = State {
        head: Some(record(1, b"one").head),
        generation: 0,
    };
    assert_eq!(
        store.advance(start, record(1, b"one")).await.unwrap(),
        Outcome::Done(one)
    );
    assert!(watch.has_changed().unwrap());
    assert_eq!(*watch.borrow_and_update(), one.head);
    let swept = State {
        generation: 1,
        ..one
    };
    let other_hash = State {
        head: Some(record(1, b"other").head),
        generation: 1,
    };
    assert_eq!(
        store.remove(start, Doomed::default()).await.unwrap(),
        Outcome::Moved(one)
    );
    assert_eq!(
        store.remove(one, Doomed::default()).await.unwrap(),
        Outcome::Done(swept)
    );
    for stale in [start, one, other_hash] {
        let moved = Outcome::Moved(swept);
        assert_eq!(
            store.advance(stale, record(2, b"two")).await.unwrap(),
            moved
        );
        assert_eq!(store.remove(stale, Doomed::default()).await.unwrap(), moved);
    }
    assert!(!watch.has_changed().unwrap());
    assert_eq!(store.record(RevisionId::new(2)).await.unwrap(), None);
    assert_eq!(store.state().await.unwrap(), swept);
}

#[tokio::test]
async fn a_chunk_that_rotted_is_found_and_the_next_change_near_it_mends_it() {
    let large = "y".repeat(9_000);
    let set = |document| {
        vec![
            object("Route", "a", 1, document),
            object("Service", "b", 1, &large),
        ]
    };
    for (nth, gone) in (0..8).map(|n| (n / 2, n % 2 == 0)) {
        let store = Arc::new(RedbStore::in_memory());
        let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
        let first = revisions
            .commit(Expected::Any, draft(""), set("x"))
            .await
            .unwrap();
        let chunks = every_chunk(store.as_ref()).await;
        assert_eq!(
            chunks.len(),
            4,
            "a leaf of each trie, a document and a spec"
        );
        let rotten = *chunks.iter().nth(nth).unwrap();
        {
            let txn = store.file.db.begin_write().unwrap();
            let mut table = txn.open_table(CHUNKS).unwrap();
            match gone {
                true => drop(table.remove(rotten.as_bytes()).unwrap()),
                false => drop(table.insert(rotten.as_bytes(), b"rot".as_slice()).unwrap()),
            }
            drop(table);
            txn.commit().unwrap();
        }
        let damaged = revisions.verify(first.id).await;
        assert!(
            matches!(damaged, Err(StoreError::Corrupt(_))),
            "{damaged:?}"
        );
        let left = every_chunk(store.as_ref()).await;
        revisions.sweep(1, &[]).await.ok();
        assert_eq!(
            every_chunk(store.as_ref()).await,
            left,
            "what is in use was removed"
        );
        let next = revisions
            .commit(Expected::Any, draft(""), set("new"))
            .await
            .unwrap();
        revisions.verify(next.id).await.unwrap();
    }
}

/// An engine in a directory, whose disk fails at the `nth` occurrence of `step`.
async fn failing(dir: &Path, step: Step, nth: usize) -> Result<RedbStore, OpenError> {
    let left = Mutex::new(nth);
    let failpoints = Failpoints::new(move |at| {
        let mut left = left.lock();
        if at == step {
            *left = left.saturating_sub(1);
        }
        // Once failed, it stays so: nothing later may paper over it.
        match *left {
            0 => Err(io::Error::new(io::ErrorKind::StorageFull, "disk full")),
            _ => Ok(()),
        }
    });
    RedbStore::open_with(dir, failpoints).await
}

#[tokio::test]
async fn a_write_that_fails_at_any_step_loses_nothing_acknowledged() {
    let mut failures = 0;
    for step in Step::ALL {
        for nth in [1, 2, 7] {
            let at = format!("{} {nth}", step.name());
            let dir = tempfile::tempdir().unwrap();
            let mut acknowledged = Vec::new();
            if let Ok(store) = failing(dir.path(), *step, nth).await {
                let revisions = Revisions::new(Arc::new(store));
                for n in 0..4u32 {
                    let objects = vec![object(
                        "Route",
                        "a",
                        n,
                        &"x".repeat(5_000 + usize::try_from(n).unwrap()),
                    )];
                    match revisions.commit(Expected::Any, draft(&at), objects).await {
                        Ok(revision) => acknowledged.push(revision),
                        Err(_) => failures += 1,
                    }
                    if revisions.sweep(2, &[]).await.is_err() {
                        failures += 1;
                    }
                }
            }
            let store = RedbStore::open(dir.path()).await;
            let revisions = Revisions::new(Arc::new(store.unwrap_or_else(|e| panic!("{at}: {e}"))));
            let head = revisions.head().await.unwrap();
            for revision in acknowledged.iter().rev().take(1) {
                let kept = revisions.revision(revision.id).await.unwrap();
                assert_eq!(kept, *revision, "{at}");
                assert!(
                    head.as_ref().is_some_and(|head| head.id >= revision.id),
                    "{at}"
                );
            }
            for revision in revisions.history(None, 9).await.unwrap() {
                revisions.verify(revision.id).await.unwrap();
            }
            revisions
                .commit(Expected::Any, draft(&at), Vec::new())
                .await
                .unwrap();
        }
    }
    assert!(failures > 100, "{failures}");
}
