//! From the store's head to what is served.

use std::sync::Arc;
use std::time::Duration;

use portway_proto::loader::Diagnostic;
use tokio::sync::watch;

use crate::compile::compile;
use crate::model::Set;
use crate::store::{RevisionId, Revisions, StoreError};
use crate::xds::Views;

/// How soon a head that could not be read is read again.
const RETRY: Duration = Duration::from_secs(1);

type Publisher = watch::Sender<Option<Arc<Views>>>;

/// Why a revision is not served.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}", .0.iter().map(Diagnostic::short).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Diagnostic>),
    #[error("compiling it ended early: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Serves each head in turn; heads that come while one is compiled are passed over for the newest. What fails
/// leaves the views before it in place.
pub(super) async fn follow(revisions: &Revisions, views: &Publisher) {
    let mut heads = revisions.watch();
    loop {
        let head = *heads.borrow_and_update();
        let mut failed = false;
        if let Some(head) = head {
            match read(revisions, head.id, views).await {
                Ok(new) => {
                    tracing::info!(revision = %head.id, "revision served");
                    views.send_replace(Some(Arc::new(new)));
                }
                Err(cause) => {
                    let still = views.borrow().as_ref().map(|views| views.revision());
                    tracing::error!(revision = %head.id, %cause, ?still, "revision not served");
                    failed = !matches!(cause, Failure::Refused(_));
                }
            }
        }
        let changed = async {
            if failed {
                // A passing fault of the disk must not keep a good revision from the proxies.
                tokio::time::timeout(RETRY, heads.changed())
                    .await
                    .unwrap_or(Ok(()))
            } else {
                heads.changed().await
            }
        };
        if changed.await.is_err() {
            return;
        }
    }
}

async fn read(revisions: &Revisions, id: RevisionId, views: &Publisher) -> Result<Views, Failure> {
    let objects = revisions.load(id).await?;
    let previous = views.borrow().clone();
    let compiled = tokio::task::spawn_blocking(move || {
        let set = Set::from_objects(&objects)?;
        Ok(compile(&set, id.get(), previous.as_deref()))
    });
    compiled.await?.map_err(Failure::Refused)
}
