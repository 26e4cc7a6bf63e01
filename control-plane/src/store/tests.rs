//! The facade over the embedded engine: what callers rely on.

mod economy;
mod history;
mod races;

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::future::BoxFuture;
use tokio::sync::watch;

use super::*;

pub(super) fn object(kind: &str, name: &str, line: u32, document: &str) -> Object {
    Object {
        key: ObjectKey::new(kind, name),
        file: Arc::from("shop.yaml"),
        line,
        document: Arc::from(document),
        spec: Bytes::from(format!("spec of {document}")),
    }
}

pub(super) fn draft(message: &str) -> Draft {
    Draft {
        author: "ada".to_owned(),
        message: message.to_owned(),
        time: UnixMillis(1_700_000_000_000),
    }
}

/// As a set of 10,000 routes would be: some 700 bytes of text and 300 of spec each.
fn routes(count: u32) -> Vec<Object> {
    (0..count)
        .map(|n| {
            let text = format!("kind: Route\nmetadata: {{name: r{n}}}\n").repeat(20);
            let mut object = object("Route", &format!("r{n}"), n * 21, &text);
            object.spec = Bytes::from(vec![7; 300]);
            object
        })
        .collect()
}

fn sorted(mut objects: Vec<Object>) -> Vec<Object> {
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    objects
}

pub(super) async fn every_chunk(store: &dyn Store) -> BTreeSet<Digest> {
    let mut all = BTreeSet::new();
    while let Some(last) = {
        let page = store.chunks(all.last().copied(), 700).await.unwrap();
        all.extend(page.iter().copied());
        page.last().copied()
    } {
        assert_eq!(all.last(), Some(&last), "pages come in order");
    }
    all
}

#[tokio::test]
async fn what_is_committed_is_read_back() {
    let revisions = Revisions::new(Arc::new(RedbStore::in_memory()));
    assert_eq!(revisions.head().await.unwrap(), None);
    assert_eq!(revisions.history(None, 10).await.unwrap(), []);

    let mut large = object("EnvoyResources", "all", 1, &"- größer\n".repeat(300_000));
    large.spec = (0..700_000u32).flat_map(u32::to_le_bytes).collect();
    let mut bare = object("Service", "s", 0, "");
    bare.spec = Bytes::new();
    bare.file = Arc::from("");
    // Around the inline limit, and around a full slice.
    let edges = [4095, 4096, 4097, 508 * 1024, 508 * 1024 + 1]
        .map(|size| object("Edge", &size.to_string(), 3, &"x".repeat(size)));
    let mut objects = vec![large, bare];
    objects.extend(edges);

    let first = revisions
        .commit(Expected::Empty, draft("one"), objects.clone())
        .await
        .unwrap();
    assert_eq!(first.id, RevisionId::FIRST);
    assert_eq!((first.parent, first.objects), (None, 7));
    assert_eq!(first.content_hash, content_hash(&objects));
    assert_eq!(
        revisions.load(first.id).await.unwrap(),
        sorted(objects.clone())
    );
    for object in &objects {
        let found = revisions.object(first.id, &object.key).await.unwrap();
        assert_eq!(found.as_ref(), Some(object));
    }
    let absent = ObjectKey::new("Edge", "4098");
    assert_eq!(revisions.object(first.id, &absent).await.unwrap(), None);

    let second = revisions
        .commit(Expected::Any, draft("two"), Vec::new())
        .await
        .unwrap();
    assert_eq!(second.parent, Some(first.head()));
    assert_eq!(revisions.load(second.id).await.unwrap(), []);
    let third = revisions
        .rollback(Expected::Revision(second.id), first.id, draft("three"))
        .await;
    let third = third.unwrap();
    assert_eq!(third.content_hash, first.content_hash);
    assert_eq!(revisions.load(third.id).await.unwrap(), sorted(objects));
    assert_eq!(revisions.head().await.unwrap().as_ref(), Some(&third));
    assert_eq!(*revisions.watch().borrow(), Some(third.head()));

    let all = revisions.history(None, 10).await.unwrap();
    assert_eq!(all, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(
        revisions.history(Some(third.id), 1).await.unwrap(),
        [second]
    );
    assert_eq!(revisions.history(Some(first.id), 9).await.unwrap(), []);
    revisions.verify(first.id).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_refused_unless_the_head_is_as_expected() {
    let revisions = Revisions::new(Arc::new(RedbStore::in_memory()));
    let id = RevisionId::new;
    let steps = [
        (Expected::Revision(id(1)), None),
        (Expected::Empty, Some(1)),
        (Expected::Empty, None),
        (Expected::Revision(id(1)), Some(2)),
        (Expected::Revision(id(1)), None),
        (Expected::Revision(id(3)), None),
        (Expected::Any, Some(3)),
    ];
    for (n, (expected, wanted)) in steps.into_iter().enumerate() {
        let before = revisions.head().await.unwrap().map(|head| head.id);
        match revisions.commit(expected, draft(""), Vec::new()).await {
            Ok(revision) => assert_eq!(Some(revision.id.get()), wanted, "step {n}"),
            Err(StoreError::Conflict { expected: e, found }) => {
                assert_eq!((e, found, wanted), (expected, before, None), "step {n}");
            }
            Err(other) => panic!("step {n}: {other}"),
        }
    }
    let conflict = revisions
        .rollback(Expected::Empty, id(1), draft(""))
        .await
        .unwrap_err();
    let text =
        "expected no revision, but the latest is revision 3; look at what changed and try again";
    assert_eq!(conflict.to_string(), text);
    let gone = revisions
        .rollback(Expected::Any, id(9), draft(""))
        .await
        .unwrap_err();
    assert_eq!(
        gone.to_string(),
        "there is no revision 9; it never was, or it was swept"
    );
}

#[tokio::test]
async fn a_set_past_a_limit_is_refused_whole() {
    let limits = Limits {
        objects: 3,
        object_bytes: 40,
        set_bytes: 60,
        kind_bytes: 8,
        name_bytes: 4,
        file_bytes: 9,
        author_bytes: 3,
        message_bytes: 5,
    };
    let revisions = Revisions::with_limits(Arc::new(RedbStore::in_memory()), limits);
    let small = |name: &str| object("Route", name, 1, "x");
    let mut far = small("a");
    far.file = Arc::from("shops.yaml");
    let quiet = || draft("m");
    let loud = |author: &str, message: &str| Draft {
        author: author.to_owned(),
        message: message.to_owned(),
        time: UnixMillis(0),
    };
    let cases = [
        (quiet(), vec![small("a"), small("b"), small("c")], ""),
        (
            quiet(),
            ["a", "b", "c", "d"].map(small).to_vec(),
            "the set holds 4 objects; at most 3 are kept",
        ),
        (
            quiet(),
            vec![object("Route", "a", 1, &"x".repeat(17))],
            "Route/a takes 42 bytes; at most 40 are kept, split it",
        ),
        (
            quiet(),
            vec![
                object("Route", "a", 1, &"x".repeat(15)),
                object("Route", "b", 1, &"x".repeat(9)),
            ],
            "the set takes more than 60 bytes, Route/b crosses the limit",
        ),
        (
            quiet(),
            vec![small("abcde")],
            "the object name takes 5 bytes; write at most 4",
        ),
        (quiet(), vec![small("")], "the object name is empty"),
        (
            quiet(),
            vec![object("Resources", "a", 1, "")],
            "the object kind takes 9 bytes; write at most 8",
        ),
        (
            quiet(),
            vec![object("", "a", 1, "")],
            "the object kind is empty",
        ),
        (
            quiet(),
            vec![far],
            "the file name takes 10 bytes; write at most 9",
        ),
        (
            quiet(),
            vec![small("a"), small("b"), small("a")],
            "Route/a stands in the set twice",
        ),
        (
            loud("adam", ""),
            vec![],
            "the author takes 4 bytes; write at most 3",
        ),
        (
            loud("ada", "sixsix"),
            vec![],
            "the message takes 6 bytes; write at most 5",
        ),
    ];
    let mut accepted = 0;
    for (draft, objects, wanted) in cases {
        match revisions.commit(Expected::Any, draft, objects).await {
            Ok(revision) => accepted = revision.id.get(),
            Err(refused) => assert_eq!(refused.to_string(), wanted),
        }
        assert_eq!(accepted, 1, "{wanted}");
    }
    assert_eq!(revisions.history(None, 9).await.unwrap().len(), 1);
}

#[test]
fn the_content_hash_sees_content_and_nothing_else() {
    let base = || {
        vec![
            object("Route", "a", 1, "one"),
            object("Service", "b", 9, "two"),
        ]
    };
    let hash = content_hash(&base());
    let mut reversed = base();
    reversed.reverse();
    assert_eq!(content_hash(&reversed), hash, "order");
    let mut moved = base();
    moved[0].line = 77;
    moved[1].file = Arc::from("other.yaml");
    assert_eq!(content_hash(&moved), hash, "position");

    let changes: [fn(&mut Object); 5] = [
        |object| object.key.kind = "Routes".to_owned(),
        |object| object.key.name = "c".to_owned(),
        |object| object.document = Arc::from("One"),
        |object| object.spec = Bytes::from_static(b"other"),
        |object| object.spec = Bytes::new(),
    ];
    let mut seen = BTreeSet::from([hash, content_hash(&[]), content_hash(&base()[..1])]);
    for change in changes {
        let mut changed = base();
        change(&mut changed[0]);
        assert!(seen.insert(content_hash(&changed)));
    }
    assert_eq!(seen.len(), 8);
    let split = |kind: &str, name: &str| content_hash(&[object(kind, name, 1, "")]);
    assert_ne!(split("ab", "c"), split("a", "bc"));

    // Kept in revisions on disk: a change here is a change of format.
    let wanted = "ea0373ab07c854be837838dc6441df2d0d08fd90623b70f38eb77d8d4d61def8";
    assert_eq!(content_hash(&routes(2_000)).to_string(), wanted);
}

#[tokio::test]
async fn a_sweep_keeps_the_latest_and_the_pinned_and_nothing_else() {
    let store = Arc::new(RedbStore::in_memory());
    let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
    assert_eq!(revisions.sweep(3, &[]).await.unwrap(), Swept::default());
    let large = object("EnvoyResources", "large", 1, &"large ".repeat(200_000));
    let mut sets = Vec::new();
    for n in 0..12u32 {
        let mut objects = routes(300);
        objects[7].document = Arc::from(format!("change {n}"));
        if n == 2 || n == 5 {
            objects.push(large.clone());
        }
        revisions
            .commit(Expected::Any, draft(""), objects.clone())
            .await
            .unwrap();
        sets.push(sorted(objects));
    }
    // A writer that died between its two steps.
    let orphan = Chunk::new(Bytes::from_static(b"Borphan"));
    store.put(vec![orphan.clone()]).await.unwrap();
    let mut slow = revisions.objects(RevisionId::new(2)).await.unwrap();

    let pinned = [3, 99, 11].map(RevisionId::new);
    let swept = revisions.sweep(4, &pinned).await.unwrap();
    assert_eq!(swept.revisions, 7);
    assert!(swept.chunks > 7, "{swept:?}");
    let left: Vec<_> = revisions
        .history(None, 99)
        .await
        .unwrap()
        .iter()
        .map(|it| it.id.get())
        .collect();
    assert_eq!(left, [12, 11, 10, 9, 3]);
    for id in 1..=12 {
        let loaded = revisions.load(RevisionId::new(id)).await;
        match left.contains(&id) {
            true => assert_eq!(loaded.unwrap(), sets[usize::try_from(id).unwrap() - 1]),
            false => assert!(
                matches!(loaded, Err(StoreError::NotFound(_))),
                "revision {id}"
            ),
        }
    }
    assert_eq!(store.get(vec![orphan.digest()]).await.unwrap(), [None]);
    assert_eq!(every_chunk(store.as_ref()).await.len(), swept.chunks_kept);
    assert!(matches!(
        slow.next_page().await,
        Err(StoreError::NotFound(_))
    ));

    let again = revisions.sweep(4, &pinned).await.unwrap();
    assert_eq!((again.revisions, again.chunks), (0, 0));
    // The pin is gone, and with it the large object.
    let last = revisions.sweep(0, &[]).await.unwrap();
    assert_eq!(last.revisions, 4);
    assert!(every_chunk(store.as_ref()).await.len() < 60);
    revisions.verify(RevisionId::new(12)).await.unwrap();
}

#[tokio::test]
async fn the_sweeper_comes_back_after_every_64_revisions() {
    let revisions = Arc::new(Revisions::new(Arc::new(RedbStore::in_memory())));
    let commit = async |count: u32| {
        for _ in 0..count {
            let head = revisions
                .commit(Expected::Any, draft(""), Vec::new())
                .await
                .unwrap();
            assert_eq!(head.id, revisions.head().await.unwrap().unwrap().id);
        }
    };
    let oldest = async |wanted: u64| loop {
        let history = revisions.history(None, 1000).await.unwrap();
        if history.iter().map(|it| it.id.get()).min() == Some(wanted) {
            break history.len();
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    commit(30).await;
    let swept = Arc::clone(&revisions);
    let sweeper = tokio::spawn(async move {
        keep_swept(&swept, 10, || vec![RevisionId::new(25)]).await;
    });
    assert_eq!(oldest(21).await, 10);
    commit(63).await;
    assert_eq!(oldest(21).await, 73);
    commit(1).await;
    assert_eq!(oldest(25).await, 11, "ten and the pinned one");
    sweeper.abort();
}

#[tokio::test]
async fn a_spec_that_equals_a_node_does_not_hide_what_the_node_names() {
    let store = Arc::new(RedbStore::in_memory());
    let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
    let mut objects = routes(9);
    objects.push(object(
        "EnvoyResources",
        "large",
        1,
        &"large ".repeat(2_000),
    ));
    let first = revisions
        .commit(Expected::Any, draft(""), objects)
        .await
        .unwrap();
    let node = store
        .get(vec![first.content_hash])
        .await
        .unwrap()
        .remove(0)
        .unwrap();
    assert!(
        node.len() > 4096,
        "large enough to stand in a chunk of its own"
    );
    let mut double = object("EnvoyResources", "double", 1, "");
    double.spec = node;
    let second = revisions
        .commit(Expected::Any, draft(""), vec![double])
        .await
        .unwrap();
    // The newer one is marked first.
    revisions.sweep(2, &[]).await.unwrap();
    revisions.verify(first.id).await.unwrap();
    revisions.verify(second.id).await.unwrap();
}

#[test]
fn futures_may_move_between_threads() {
    fn send<T: Send>(_: &T) {}
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let revisions = Revisions::new(Arc::new(RedbStore::in_memory()));
    let id = RevisionId::FIRST;
    send(&revisions.commit(Expected::Any, Draft::default(), Vec::new()));
    send(&revisions.sweep(1, &[]));
    send(&revisions.diff(id, id));
    send(&revisions.load(id));
    send(&revisions.object(id, &ObjectKey::new("", "")));
    drop(runtime);
}
