//! The API's calls against a real store.

use portway_proto::pb::portway::v1 as pb;
use portway_proto::pb::portway::v1::apply_response::Outcome;
use portway_proto::pb::portway::v1::management_server::Management as _;
use portway_proto::pb::portway::v1::watch_response::Event;
use tempfile::TempDir;
use tokio_stream::StreamExt;
use tonic::{Code, Request, Status};

use super::Management;
use crate::server::ControlPlane;

const GATEWAY: &str = "apiVersion: portway.v1
kind: Gateway
metadata: {name: public}
spec:
  listeners: [{name: http, port: 8080}]
";

fn route(name: &str, body: &str) -> String {
    format!(
        "apiVersion: portway.v1
kind: Route
metadata: {{name: {name}}}
spec:
  gateways: [public]
  hostnames: [{name}.example.com]
  rules:
    - direct_response: {{status: 200, body: \"{body}\"}}
"
    )
}

struct Rig {
    _dir: TempDir,
    api: Management,
}

impl Rig {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plane = ControlPlane::open(dir.path()).await.unwrap();
        Self {
            _dir: dir,
            api: Management::new(plane),
        }
    }

    async fn call(&self, request: pb::ApplyRequest) -> Result<pb::ApplyResponse, Status> {
        let answer = self.api.apply(Request::new(request)).await?;
        Ok(answer.into_inner())
    }

    async fn apply(&self, files: &[(&str, &str)]) -> pb::ApplyResponse {
        self.call(request(files)).await.unwrap()
    }

    async fn names(&self, revision: Option<u64>) -> Vec<String> {
        let request = pb::ListRequest {
            revision,
            ..Default::default()
        };
        let list = self.api.list(Request::new(request)).await.unwrap();
        let objects = list.into_inner().objects;
        let names = objects.into_iter().map(|object| object.r#ref.unwrap().name);
        names.collect()
    }
}

fn request(files: &[(&str, &str)]) -> pb::ApplyRequest {
    let files = files.iter().map(|(name, text)| pb::SourceFile {
        name: (*name).to_owned(),
        content: text.as_bytes().to_vec().into(),
    });
    pb::ApplyRequest {
        files: files.collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_set_is_applied_once_and_then_unchanged() {
    let rig = Rig::new().await;
    let shop = route("shop", "a");
    let files = [("g.yaml", GATEWAY), ("shop.yaml", &*shop)];
    let first = rig.apply(&files).await;
    assert_eq!((first.outcome(), first.revision), (Outcome::Applied, 1));
    assert_eq!(first.changes.len(), 2);
    let again = rig.apply(&files).await;
    assert_eq!((again.outcome(), again.revision), (Outcome::Unchanged, 1));
    assert!(again.changes.is_empty());
}

#[tokio::test]
async fn what_the_files_do_not_hold_stays_unless_pruned() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY), ("a.yaml", &route("a", "1"))])
        .await;
    // Refers to a gateway that only the store has.
    let second = rig.apply(&[("b.yaml", &route("b", "2"))]).await;
    assert_eq!(second.outcome(), Outcome::Applied, "{second:?}");
    assert_eq!(rig.names(None).await, ["public", "a", "b"]);
    let pruned = rig
        .call(pb::ApplyRequest {
            prune: true,
            ..request(&[("g.yaml", GATEWAY), ("b.yaml", &route("b", "2"))])
        })
        .await
        .unwrap();
    assert_eq!(pruned.outcome(), Outcome::Applied);
    assert_eq!(rig.names(None).await, ["public", "b"]);
    assert_eq!(rig.names(Some(2)).await, ["public", "a", "b"]);
}

#[tokio::test]
async fn no_files_are_a_mistake_and_not_an_empty_configuration() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY)]).await;
    for files in [vec![], vec![("", GATEWAY)]] {
        let request = pb::ApplyRequest {
            prune: true,
            ..request(&files)
        };
        let error = rig.call(request).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    assert_eq!(rig.names(None).await, ["public"]);
}

#[tokio::test]
async fn a_refused_set_tells_file_line_column_and_object_and_writes_nothing() {
    let rig = Rig::new().await;
    let bad = format!(
        "{GATEWAY}---\n{}",
        route("shop", "a").replace("200", "2000")
    );
    let answer = rig.apply(&[("shop.yaml", &bad)]).await;
    assert_eq!((answer.outcome(), answer.revision), (Outcome::Refused, 0));
    let [found] = answer.diagnostics.as_slice() else {
        panic!("{:?}", answer.diagnostics);
    };
    assert_eq!(
        (&*found.file, found.line, found.column),
        ("shop.yaml", 14, 33)
    );
    assert_eq!(found.path, "spec.rules[0].direct_response.status");
    let object = found.object.clone().unwrap();
    assert_eq!((&*object.kind, &*object.name), ("Route", "shop"));
    assert!(rig.names(None).await.is_empty());
}

#[tokio::test]
async fn a_kept_object_that_new_files_break_is_told_at_its_own_place() {
    let rig = Rig::new().await;
    let padded = format!("# a comment\n\n{}", route("shop", "a"));
    rig.apply(&[("g.yaml", GATEWAY), ("shop.yaml", &padded)])
        .await;
    let gone = GATEWAY.replace("public", "other");
    let answer = rig
        .call(pb::ApplyRequest {
            prune: true,
            ..request(&[("g.yaml", &gone), ("shop.yaml", &padded)])
        })
        .await
        .unwrap();
    assert_eq!(answer.outcome(), Outcome::Refused);
    let place = |answer: &pb::ApplyResponse| {
        let found = answer.diagnostics.first().unwrap();
        (found.file.clone(), found.line)
    };
    let expected = place(&answer);
    assert_eq!(expected, ("shop.yaml".to_owned(), 7));
    // The same mistake in an object that is only in the store.
    rig.apply(&[("other.yaml", &gone)]).await;
    let clash = rig
        .apply(&[("other.yaml", &route("shop", "a").replace("public", "none"))])
        .await;
    assert_eq!(clash.outcome(), Outcome::Refused);
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_writes_nothing() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY)]).await;
    let dry = pb::ApplyRequest {
        dry_run: true,
        ..request(&[("g.yaml", &GATEWAY.replace("8080", "8081"))])
    };
    let answer = rig.call(dry).await.unwrap();
    assert_eq!((answer.outcome(), answer.revision), (Outcome::Valid, 1));
    let [change] = answer.changes.as_slice() else {
        panic!("{:?}", answer.changes);
    };
    assert_eq!(change.action(), pb::change::Action::Updated);
    assert!(
        change
            .diff
            .contains("-  listeners: [{name: http, port: 8080}]\n+")
    );
    let history = rig
        .api
        .history(Request::new(pb::HistoryRequest::default()))
        .await
        .unwrap();
    assert_eq!(history.into_inner().revisions.len(), 1);
}

#[tokio::test]
async fn a_change_of_what_one_has_not_seen_is_refused() {
    let rig = Rig::new().await;
    let expecting = |revision| pb::ApplyRequest {
        expected_revision: Some(revision),
        ..request(&[("g.yaml", GATEWAY)])
    };
    let error = rig.call(expecting(1)).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
    assert_eq!(rig.call(expecting(0)).await.unwrap().revision, 1);
    let error = rig.call(expecting(0)).await.unwrap_err();
    assert!(error.message().contains("revision 1"), "{error}");
}

#[tokio::test]
async fn writers_that_do_not_care_all_get_through() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY)]).await;
    let routes: Vec<String> = (0..4).map(|n| route(&format!("r{n}"), "x")).collect();
    let one = |n: usize| {
        let rig = &rig;
        let text = routes[n].as_str();
        async move { rig.apply(&[("r.yaml", text)]).await.outcome() }
    };
    let ended = tokio::join!(one(0), one(1), one(2), one(3));
    let applied = Outcome::Applied;
    assert_eq!(ended, (applied, applied, applied, applied));
    assert_eq!(rig.names(None).await, ["public", "r0", "r1", "r2", "r3"]);
}

#[tokio::test]
async fn diff_rollback_and_history_agree() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY)]).await;
    rig.apply(&[("a.yaml", &route("a", "1"))]).await;
    let diff = |from, to| {
        let request = Request::new(pb::DiffRequest { from, to });
        async { rig.api.diff(request).await.unwrap().into_inner() }
    };
    let last = diff(0, 0).await;
    assert_eq!((last.from, last.to, last.changes.len()), (1, 2, 1));
    let back = pb::RollbackRequest {
        revision: 1,
        ..Default::default()
    };
    let back = rig.api.rollback(Request::new(back)).await.unwrap();
    let back = back.into_inner();
    assert_eq!((back.outcome(), back.revision), (Outcome::Applied, 3));
    assert_eq!(back.changes[0].action(), pb::change::Action::Deleted);
    assert!(diff(1, 3).await.changes.is_empty());
    let missing = pb::RollbackRequest {
        revision: 9,
        ..Default::default()
    };
    let error = rig.api.rollback(Request::new(missing)).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let history = rig
        .api
        .history(Request::new(pb::HistoryRequest::default()))
        .await
        .unwrap();
    let history = history.into_inner().revisions;
    let parents: Vec<_> = history.iter().map(|r| (r.id, r.parent)).collect();
    assert_eq!(parents, [(3, 2), (2, 1), (1, 0)]);
    assert_eq!(history[0].content_hash, history[2].content_hash);
    assert_eq!(history[0].message, "roll back to revision 1");
}

#[tokio::test]
async fn an_object_names_the_revision_that_last_changed_it_and_pages_fit_together() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY), ("a.yaml", &route("a", "1"))])
        .await;
    rig.apply(&[("a.yaml", &route("a", "2"))]).await;
    rig.apply(&[("b.yaml", &route("b", "1"))]).await;
    let get = pb::GetRequest {
        kind: "Route".to_owned(),
        name: "a".to_owned(),
        revision: None,
    };
    let object = rig.api.get(Request::new(get)).await.unwrap().into_inner();
    assert_eq!(object.changed_in, 2);
    let mut list = pb::ListRequest {
        page_size: 2,
        ..Default::default()
    };
    let first = rig.api.list(Request::new(list.clone())).await.unwrap();
    let first = first.into_inner();
    let changed: Vec<_> = first.objects.iter().map(|o| o.changed_in).collect();
    assert_eq!(changed, [1, 2]);
    // A revision in between does not move the pages.
    rig.apply(&[("c.yaml", &route("a0", "1"))]).await;
    list.page_token = first.next_page_token;
    let second = rig.api.list(Request::new(list)).await.unwrap().into_inner();
    assert_eq!((second.objects.len(), second.revision), (1, 3));
    assert!(second.next_page_token.is_empty());
}

#[tokio::test]
async fn a_watch_tells_past_revisions_and_then_each_new_one() {
    let rig = Rig::new().await;
    rig.apply(&[("g.yaml", GATEWAY)]).await;
    let watch = pb::WatchRequest {
        after_revision: Some(0),
        nodes: false,
    };
    let mut events = rig
        .api
        .watch(Request::new(watch))
        .await
        .unwrap()
        .into_inner();
    let second = rig.apply(&[("a.yaml", &route("a", "1"))]).await;
    assert_eq!(second.revision, 2);
    for wanted in 1..=2 {
        let event = events.next().await.unwrap().unwrap().event;
        assert!(matches!(event, Some(Event::Revision(r)) if r.id == wanted));
    }
}
