//! Revisions and nodes as they change.
//!
//! One task per caller. It looks at the present state when something changed, so a slow caller misses steps in
//! between of a node, never the last one; revisions it gets all of.

use std::collections::BTreeMap;
use std::time::Duration;

use portway_proto::pb::portway::v1 as pb;
use portway_proto::pb::portway::v1::watch_response::Event;
use tokio::sync::mpsc;
use tonic::Status;

use super::{convert, refused, rows};
use crate::server::ControlPlane;
use crate::store::{RevisionId, StoreError};

/// Events on their way to the caller.
const QUEUE: usize = 64;
/// A thousand proxies answer a revision within moments; the rows are worked out this often at most.
const PAUSE: Duration = Duration::from_millis(50);

type Events = mpsc::Sender<Result<pb::WatchResponse, Status>>;

/// The caller is gone.
struct Gone;

pub(super) async fn start(
    plane: ControlPlane,
    request: pb::WatchRequest,
) -> Result<mpsc::Receiver<Result<pb::WatchResponse, Status>>, StoreError> {
    let pb::WatchRequest {
        after_revision,
        nodes,
    } = request;
    let after = match after_revision {
        Some(after) => after,
        None => {
            let head = plane.revisions().head().await?;
            head.map_or(0, |head| head.id.get())
        }
    };
    let (events, queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        // The stream ends with the caller.
        let Err(Gone) = run(plane, after, nodes, events).await;
    });
    Ok(queue)
}

async fn run(
    plane: ControlPlane,
    mut after: u64,
    nodes: bool,
    events: Events,
) -> Result<std::convert::Infallible, Gone> {
    let mut heads = plane.revisions().watch();
    let mut changes = plane.xds().changes();
    let mut known: BTreeMap<(i32, String, String), pb::Node> = BTreeMap::new();
    loop {
        let head = heads.borrow_and_update().map_or(0, |head| head.id.get());
        changes.borrow_and_update();
        while after < head {
            after += 1;
            match plane.revisions().revision(RevisionId::new(after)).await {
                Ok(revision) => {
                    send(&events, Event::Revision(convert::revision(&revision))).await?;
                }
                // Swept meanwhile.
                Err(StoreError::NotFound(_)) => {}
                Err(cause) => {
                    // Whether the caller hears it no longer matters: this ends the stream.
                    let _ = events.send(Err(refused(&cause))).await;
                    return Err(Gone);
                }
            }
        }
        if nodes {
            tell_nodes(&plane, &mut known, &events).await?;
        }
        tokio::select! {
            changed = heads.changed() => changed.map_err(|_| Gone)?,
            changed = changes.changed(), if nodes => {
                changed.map_err(|_| Gone)?;
                tokio::time::sleep(PAUSE).await;
            }
            () = events.closed() => return Err(Gone),
        }
    }
}

async fn tell_nodes(
    plane: &ControlPlane,
    known: &mut BTreeMap<(i32, String, String), pb::Node>,
    events: &Events,
) -> Result<(), Gone> {
    let mut before = std::mem::take(known);
    for node in rows(plane) {
        let key = (node.class, node.cluster.clone(), node.id.clone());
        if before.remove(&key).as_ref() != Some(&node) {
            send(events, Event::Node(node.clone())).await?;
        }
        known.insert(key, node);
    }
    for (_, _, id) in before.into_keys() {
        send(events, Event::NodeGone(id)).await?;
    }
    Ok(())
}

async fn send(events: &Events, event: Event) -> Result<(), Gone> {
    let message = pb::WatchResponse { event: Some(event) };
    events.send(Ok(message)).await.map_err(|_| Gone)
}
