//! What stands in a revision, and how two differ.

use std::collections::{BTreeMap, BTreeSet};

use portway_proto::pb::portway::v1 as pb;
use tonic::Status;

use super::{Management, apply, convert, refused};
use crate::store::{Object, ObjectKey, RevisionId, Revisions, StoreError};

/// Objects on one page, at most and by default.
const PAGE: usize = 1000;
/// Revisions of one answer where none is asked for, and at most.
const HISTORY: (usize, usize) = (100, 1000);

impl Management {
    pub(super) async fn object(&self, request: pb::GetRequest) -> Result<pb::Object, Status> {
        let pb::GetRequest {
            kind,
            name,
            revision,
        } = request;
        let key = ObjectKey::new(kind, name);
        let missing = || Status::not_found(format!("there is no {key}"));
        let found = async {
            let Some(id) = self.pick(revision).await? else {
                return Ok(None);
            };
            let revisions = self.plane.revisions();
            let Some(object) = revisions.object(id, &key).await? else {
                return Ok(None);
            };
            let changed = changed_in(revisions, id, BTreeSet::from([key.clone()])).await?;
            Ok(Some((object, changed)))
        };
        let found: Result<_, StoreError> = found.await;
        let found = found.map_err(|cause| refused(&cause))?;
        let (object, changed) = found.ok_or_else(missing)?;
        let at = changed.get(&key).copied().unwrap_or(0);
        Ok(convert::object(object, at))
    }

    pub(super) async fn objects(
        &self,
        request: pb::ListRequest,
    ) -> Result<pb::ListResponse, Status> {
        let pb::ListRequest {
            kind,
            revision,
            page_size,
            page_token,
        } = request;
        let (revision, after) = match page_token.as_str() {
            "" => (revision, 0),
            token => {
                let (revision, after) = token_of(token).ok_or_else(|| {
                    Status::invalid_argument(
                        "page_token is none of ours; pass next_page_token of the page before",
                    )
                })?;
                (Some(revision), after)
            }
        };
        let page = match page_size as usize {
            0 => PAGE,
            size => size.min(PAGE),
        };
        let listed = async {
            let Some(id) = self.pick(revision).await? else {
                return Ok(pb::ListResponse::default());
            };
            let revisions = self.plane.revisions();
            let mut objects = revisions.load(id).await?;
            objects.retain(|object| kind.is_empty() || object.key.kind == kind);
            let more = objects.len() > after.saturating_add(page);
            let objects: Vec<Object> = objects.into_iter().skip(after).take(page).collect();
            let next_page_token = match more {
                true => format!("{id}:{}", after.saturating_add(page)),
                false => String::new(),
            };
            Ok(pb::ListResponse {
                objects: with_changes(revisions, id, objects).await?,
                revision: id.get(),
                next_page_token,
            })
        };
        listed.await.map_err(|cause: StoreError| refused(&cause))
    }

    pub(super) async fn revisions(
        &self,
        request: pb::HistoryRequest,
    ) -> Result<pb::HistoryResponse, Status> {
        let pb::HistoryRequest { before, limit } = request;
        let before = (before > 0).then(|| RevisionId::new(before));
        let limit = match limit as usize {
            0 => HISTORY.0,
            limit => limit.min(HISTORY.1),
        };
        let found = self.plane.revisions().history(before, limit).await;
        let found = found.map_err(|cause| refused(&cause))?;
        Ok(pb::HistoryResponse {
            revisions: found.iter().map(convert::revision).collect(),
        })
    }

    pub(super) async fn whole_revision(
        &self,
        request: pb::GetRevisionRequest,
    ) -> Result<pb::GetRevisionResponse, Status> {
        let id = RevisionId::new(request.revision);
        let revisions = self.plane.revisions();
        let read = async {
            let revision = revisions.revision(id).await?;
            let objects = revisions.load(id).await?;
            Ok(pb::GetRevisionResponse {
                revision: Some(convert::revision(&revision)),
                objects: with_changes(revisions, id, objects).await?,
            })
        };
        read.await.map_err(|cause: StoreError| refused(&cause))
    }

    pub(super) async fn difference(
        &self,
        request: pb::DiffRequest,
    ) -> Result<pb::DiffResponse, Status> {
        let pb::DiffRequest { from, to } = request;
        let revisions = self.plane.revisions();
        let read = async {
            let Some(to) = self.pick((to > 0).then_some(to)).await? else {
                return Ok(pb::DiffResponse::default());
            };
            let from = match from {
                0 => revisions.revision(to).await?.parent.map(|head| head.id),
                from => Some(RevisionId::new(from)),
            };
            Ok(pb::DiffResponse {
                from: from.map_or(0, RevisionId::get),
                to: to.get(),
                changes: changes(revisions, from, to).await?,
            })
        };
        read.await.map_err(|cause: StoreError| refused(&cause))
    }
}

async fn changes(
    revisions: &Revisions,
    from: Option<RevisionId>,
    to: RevisionId,
) -> Result<Vec<pb::Change>, StoreError> {
    let keys: Vec<ObjectKey> = match from {
        Some(from) => {
            let changes = revisions.diff(from, to).await?;
            changes.into_iter().map(|change| change.key).collect()
        }
        None => {
            let objects = revisions.load(to).await?;
            objects.into_iter().map(|object| object.key).collect()
        }
    };
    let mut changes = Vec::with_capacity(keys.len());
    for key in keys {
        let old = match from {
            Some(from) => revisions.object(from, &key).await?,
            None => None,
        };
        let new = revisions.object(to, &key).await?;
        let change = apply::change(&key, old.as_ref(), new.as_ref(), true);
        changes.extend(change.map(convert::change));
    }
    Ok(changes)
}

async fn with_changes(
    revisions: &Revisions,
    id: RevisionId,
    objects: Vec<Object>,
) -> Result<Vec<pb::Object>, StoreError> {
    let keys = objects.iter().map(|object| object.key.clone()).collect();
    let changed = changed_in(revisions, id, keys).await?;
    let objects = objects.into_iter().map(|object| {
        let at = changed.get(&object.key).copied().unwrap_or(0);
        convert::object(object, at)
    });
    Ok(objects.collect())
}

/// The revision that last changed each object, found by walking back. What changed before the oldest revision that
/// is kept is not found.
async fn changed_in(
    revisions: &Revisions,
    mut id: RevisionId,
    mut wanted: BTreeSet<ObjectKey>,
) -> Result<BTreeMap<ObjectKey, u64>, StoreError> {
    let mut found = BTreeMap::new();
    while !wanted.is_empty() {
        let Some(parent) = revisions.revision(id).await?.parent else {
            found.extend(wanted.into_iter().map(|key| (key, id.get())));
            break;
        };
        let changes = match revisions.diff(parent.id, id).await {
            Ok(changes) => changes,
            Err(StoreError::NotFound(_)) => break,
            Err(cause) => return Err(cause),
        };
        for change in changes {
            if wanted.remove(&change.key) {
                found.insert(change.key, id.get());
            }
        }
        id = parent.id;
    }
    Ok(found)
}

fn token_of(token: &str) -> Option<(u64, usize)> {
    let (revision, after) = token.split_once(':')?;
    Some((revision.parse().ok()?, after.parse().ok()?))
}
