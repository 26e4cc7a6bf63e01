//! Files to a revision.
//!
//! Without `prune` the objects of the head that the files do not declare stay. They are read again from the text
//! that was kept of them, together with the files, so that the set is judged as one and every reference counts.

use std::collections::BTreeMap;

use portway_proto::loader::Diagnostic;
use portway_proto::pb::portway::v1 as pb;
use portway_shared::clock;

use super::text;
use crate::model::{Set, SourceFile, load_set};
use crate::store::{
    Draft, Expected, Object, ObjectKey, RevisionId, Revisions, StoreError, UnixMillis, content_hash,
};

/// How often a write that lost to another one is worked out anew.
const TRIES: usize = 5;
/// A kept object is put on its former line by blank lines; beyond this, positions are not worth the memory.
const MAX_PADDING: u32 = 200_000;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Applied,
    Unchanged,
    Valid,
    Refused,
}

/// What a call found and did.
#[derive(Clone, Debug)]
pub struct Applied {
    pub outcome: Outcome,
    /// The head after the call.
    pub revision: u64,
    pub diagnostics: Vec<Diagnostic>,
    /// The objects that diagnostics are about, where that is known.
    pub about: Vec<Option<ObjectKey>>,
    pub changes: Vec<Change>,
}

/// How one object differs.
#[derive(Clone, Debug)]
pub struct Change {
    pub key: ObjectKey,
    pub action: pb::change::Action,
    /// Filled in where it is asked for.
    pub diff: String,
}

/// Makes a revision of files, or says what is wrong with them.
pub async fn apply(
    revisions: &Revisions,
    request: pb::ApplyRequest,
) -> Result<Applied, StoreError> {
    let mut tries = 1;
    loop {
        match attempt(revisions, &request).await {
            Err(StoreError::Conflict { .. })
                if request.expected_revision.is_none() && tries < TRIES =>
            {
                tries += 1;
            }
            other => return other,
        }
    }
}

async fn attempt(revisions: &Revisions, request: &pb::ApplyRequest) -> Result<Applied, StoreError> {
    let head = revisions.head().await?;
    let found = head.as_ref().map(|head| head.id);
    check_expected(request.expected_revision, found)?;
    let before = match found {
        Some(id) => revisions.load(id).await?,
        None => Vec::new(),
    };
    let revision = found.map_or(0, RevisionId::get);
    let files = request.files.clone();
    let kept = match request.prune {
        true => Vec::new(),
        false => before.clone(),
    };
    let loaded = tokio::task::spawn_blocking(move || load(&files, &kept)).await;
    let set = match loaded.map_err(|cause| StoreError::Engine(cause.into()))? {
        Ok(set) => set,
        Err((diagnostics, about)) => {
            return Ok(Applied {
                outcome: Outcome::Refused,
                revision,
                diagnostics,
                about,
                changes: Vec::new(),
            });
        }
    };
    let objects = set.objects().to_vec();
    let mut applied = Applied {
        outcome: Outcome::Unchanged,
        revision,
        diagnostics: set.warnings().to_vec(),
        about: vec![None; set.warnings().len()],
        changes: changes(&before, &objects, request.dry_run),
    };
    if head.is_some_and(|head| head.content_hash == content_hash(&objects)) {
        return Ok(applied);
    }
    if request.dry_run {
        applied.outcome = Outcome::Valid;
        return Ok(applied);
    }
    let draft = draft(&request.author, &request.message);
    let written = revisions.commit(expect(found), draft, objects).await?;
    applied.outcome = Outcome::Applied;
    applied.revision = written.id.get();
    Ok(applied)
}

/// Makes a revision with the objects of an earlier one.
pub async fn rollback(
    revisions: &Revisions,
    request: pb::RollbackRequest,
) -> Result<Applied, StoreError> {
    let pb::RollbackRequest {
        revision,
        expected_revision,
        author,
        message,
        dry_run,
    } = request;
    let head = revisions.head().await?;
    let found = head.as_ref().map(|head| head.id);
    check_expected(expected_revision, found)?;
    let target = revisions.revision(RevisionId::new(revision)).await?;
    let before = match found {
        Some(id) => revisions.load(id).await?,
        None => Vec::new(),
    };
    let objects = revisions.load(target.id).await?;
    let mut applied = Applied {
        outcome: Outcome::Unchanged,
        revision: found.map_or(0, RevisionId::get),
        diagnostics: Vec::new(),
        about: Vec::new(),
        changes: changes(&before, &objects, dry_run),
    };
    if head.is_some_and(|head| head.content_hash == target.content_hash) {
        return Ok(applied);
    }
    if dry_run {
        applied.outcome = Outcome::Valid;
        return Ok(applied);
    }
    let message = match message.is_empty() {
        true => format!("roll back to revision {revision}"),
        false => message,
    };
    let draft = draft(&author, &message);
    let written = revisions.rollback(expect(found), target.id, draft).await?;
    applied.outcome = Outcome::Applied;
    applied.revision = written.id.get();
    Ok(applied)
}

fn check_expected(expected: Option<u64>, found: Option<RevisionId>) -> Result<(), StoreError> {
    match expected {
        Some(wanted) if wanted != found.map_or(0, RevisionId::get) => Err(StoreError::Conflict {
            expected: expect((wanted > 0).then(|| RevisionId::new(wanted))),
            found,
        }),
        _ => Ok(()),
    }
}

fn expect(head: Option<RevisionId>) -> Expected {
    head.map_or(Expected::Empty, Expected::Revision)
}

fn draft(author: &str, message: &str) -> Draft {
    let since = clock::wall().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Draft {
        author: author.to_owned(),
        message: message.to_owned(),
        time: UnixMillis(u64::try_from(millis).unwrap_or(u64::MAX)),
    }
}

type Faults = (Vec<Diagnostic>, Vec<Option<ObjectKey>>);

/// The files, and those of the kept objects that the files do not declare, as one set.
fn load(files: &[pb::SourceFile], kept: &[Object]) -> Result<Set, Faults> {
    let places: Vec<Place> = files.iter().flat_map(places).collect();
    let stays = |object: &&Object| !places.iter().any(|place| place.key == object.key);
    let kept: Vec<(String, String)> = kept
        .iter()
        .filter(stays)
        .map(|object| (file_of(object), padded(object)))
        .collect();
    let mut sources: Vec<SourceFile<'_>> = files
        .iter()
        .map(|file| SourceFile {
            name: &file.name,
            bytes: &file.content,
        })
        .collect();
    sources.extend(kept.iter().map(|(name, text)| SourceFile {
        name,
        bytes: text.as_bytes(),
    }));
    load_set(&sources).map_err(|diagnostics| {
        let about = diagnostics.iter().map(|d| about(d, &places)).collect();
        (diagnostics, about)
    })
}

fn file_of(object: &Object) -> String {
    match object.file.is_empty() {
        true => format!("{}.yaml", object.key),
        false => object.file.to_string(),
    }
}

fn padded(object: &Object) -> String {
    let lines = object.line.saturating_sub(1).min(MAX_PADDING) as usize;
    let mut text = "\n".repeat(lines);
    text.push_str(&object.document);
    text
}

/// Where a file declares an object.
struct Place {
    file: String,
    line: u32,
    key: ObjectKey,
}

/// What a file declares, well or badly; nothing if it cannot be read.
fn places(file: &pb::SourceFile) -> Vec<Place> {
    use portway_proto::loader::{Limits, Source, documents};
    let source = Source {
        name: &file.name,
        bytes: &file.content,
    };
    let documents = documents(source, &Limits::default()).unwrap_or_default();
    let places = documents.iter().filter_map(|document| {
        let root = document.root();
        let kind = root.get("kind")?.as_str()?;
        let name = root.get("metadata")?.get("name")?.as_str()?;
        Some(Place {
            file: file.name.clone(),
            line: root.place().line,
            key: ObjectKey::new(kind, name),
        })
    });
    places.collect()
}

/// The object that begins last before a diagnostic.
fn about(diagnostic: &Diagnostic, places: &[Place]) -> Option<ObjectKey> {
    let before = places
        .iter()
        .filter(|place| *place.file == *diagnostic.file && place.line <= diagnostic.line);
    before
        .max_by_key(|place| place.line)
        .map(|place| place.key.clone())
}

/// How two sets differ, by kind and name; both are sorted so.
fn changes(before: &[Object], after: &[Object], with_diff: bool) -> Vec<Change> {
    let old: BTreeMap<&ObjectKey, &Object> = before.iter().map(|o| (&o.key, o)).collect();
    let new: BTreeMap<&ObjectKey, &Object> = after.iter().map(|o| (&o.key, o)).collect();
    let mut keys: Vec<&ObjectKey> = old.keys().chain(new.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let changed = keys.into_iter().filter_map(|key| {
        let (old, new) = (old.get(key).copied(), new.get(key).copied());
        change(key, old, new, with_diff)
    });
    changed.collect()
}

/// How one object differs; none if it does not.
pub(super) fn change(
    key: &ObjectKey,
    old: Option<&Object>,
    new: Option<&Object>,
    with_diff: bool,
) -> Option<Change> {
    use pb::change::Action;
    let action = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => Action::Created,
        (Some(_), None) => Action::Deleted,
        (Some(old), Some(new)) if old.spec == new.spec && old.document == new.document => {
            return None;
        }
        (Some(_), Some(_)) => Action::Updated,
    };
    let document =
        |object: Option<&Object>| object.map_or("", |object| &*object.document).to_owned();
    let diff = match with_diff {
        true => text::unified(&document(old), &document(new)),
        false => String::new(),
    };
    Some(Change {
        key: key.clone(),
        action,
        diff,
    })
}
