//! The management API: what operators and programs ask of the control plane.
//!
//! In the order of a change: [`apply`](mod@apply) makes a revision of files, `read` answers what stands in one and
//! how two differ (with `text`), `nodes` says what became of it on the proxies, `watch` tells all of it as it
//! happens. `convert` has both sides' types.
//!
//! Not here: who may call (the servers' sockets and token), and when a revision is served
//! ([`crate::server`] follows the store).

pub mod apply;
mod convert;
mod nodes;
mod read;
mod text;
mod watch;

use portway_proto::pb::portway::v1 as pb;
use portway_proto::pb::portway::v1::management_server::Management as Service;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

pub use self::convert::refused;
pub use self::nodes::rows;
use crate::server::ControlPlane;
use crate::store::{RevisionId, StoreError};

/// The service, as tonic serves it.
#[derive(Clone, Debug)]
pub struct Management {
    plane: ControlPlane,
}

type Answer<T> = Result<Response<T>, Status>;

impl Management {
    pub fn new(plane: ControlPlane) -> Self {
        Self { plane }
    }

    /// A revision named by number, or else the head. None: there is no revision at all.
    async fn pick(&self, wanted: Option<u64>) -> Result<Option<RevisionId>, StoreError> {
        match wanted {
            Some(0) => Ok(None),
            Some(id) => Ok(Some(RevisionId::new(id))),
            None => Ok(self.plane.revisions().head().await?.map(|head| head.id)),
        }
    }
}

#[tonic::async_trait]
impl Service for Management {
    async fn apply(&self, request: Request<pb::ApplyRequest>) -> Answer<pb::ApplyResponse> {
        let request = request.into_inner();
        // With prune, no files would mean to delete everything.
        if request.files.is_empty() || request.files.iter().any(|file| file.name.is_empty()) {
            return Err(Status::invalid_argument(
                "files: send at least one, and name each",
            ));
        }
        let applied = apply::apply(self.plane.revisions(), request).await;
        let applied = applied.map_err(|cause| refused(&cause))?;
        Ok(Response::new(convert::applied(applied)))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Answer<pb::Object> {
        self.object(request.into_inner()).await.map(Response::new)
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Answer<pb::ListResponse> {
        self.objects(request.into_inner()).await.map(Response::new)
    }

    async fn history(&self, request: Request<pb::HistoryRequest>) -> Answer<pb::HistoryResponse> {
        self.revisions(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn get_revision(
        &self,
        request: Request<pb::GetRevisionRequest>,
    ) -> Answer<pb::GetRevisionResponse> {
        self.whole_revision(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn diff(&self, request: Request<pb::DiffRequest>) -> Answer<pb::DiffResponse> {
        self.difference(request.into_inner())
            .await
            .map(Response::new)
    }

    async fn rollback(&self, request: Request<pb::RollbackRequest>) -> Answer<pb::ApplyResponse> {
        let applied = apply::rollback(self.plane.revisions(), request.into_inner()).await;
        let applied = applied.map_err(|cause| refused(&cause))?;
        Ok(Response::new(convert::applied(applied)))
    }

    type WatchStream = ReceiverStream<Result<pb::WatchResponse, Status>>;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Answer<Self::WatchStream> {
        let events = watch::start(self.plane.clone(), request.into_inner()).await;
        let events = events.map_err(|cause| refused(&cause))?;
        Ok(Response::new(ReceiverStream::new(events)))
    }

    async fn node_status(
        &self,
        request: Request<pb::NodeStatusRequest>,
    ) -> Answer<pb::NodeStatusResponse> {
        let pb::NodeStatusRequest { ids } = request.into_inner();
        let head = self.pick(None).await.map_err(|cause| refused(&cause))?;
        let mut nodes = rows(&self.plane);
        nodes.retain(|node| ids.is_empty() || ids.contains(&node.id));
        Ok(Response::new(pb::NodeStatusResponse {
            nodes,
            revision: head.map_or(0, RevisionId::get),
        }))
    }
}

#[cfg(test)]
mod tests;
