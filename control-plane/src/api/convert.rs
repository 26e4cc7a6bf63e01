//! Between the API's messages and the types behind it.

use bytes::Bytes;
use portway_proto::encode::put_bytes;
use portway_proto::loader::{Diagnostic, Severity};
use portway_proto::pb::google::protobuf::{Any, Timestamp};
use portway_proto::pb::portway::v1 as pb;
use tonic::{Code, Status};

use super::apply::{Applied, Change, Outcome};
use crate::store::{Object, ObjectKey, Revision, StoreError, UnixMillis};

/// How a fault of the store is told to a caller.
pub fn refused(cause: &StoreError) -> Status {
    let code = match cause {
        StoreError::Conflict { .. } => Code::FailedPrecondition,
        StoreError::NotFound(_) => Code::NotFound,
        StoreError::Duplicate(_) | StoreError::Limit(_) => Code::InvalidArgument,
        StoreError::Busy => Code::Aborted,
        StoreError::Missing(_) | StoreError::Corrupt(_) => Code::DataLoss,
        StoreError::Exhausted(_) => Code::ResourceExhausted,
        StoreError::Batch { .. } | StoreError::Io(_) | StoreError::Engine(_) => Code::Internal,
    };
    if matches!(code, Code::DataLoss | Code::Internal) {
        tracing::error!(%cause, "the store failed");
    }
    let mut text = cause.to_string();
    let mut source = std::error::Error::source(cause);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    Status::new(code, text)
}

pub(super) fn applied(applied: Applied) -> pb::ApplyResponse {
    let Applied {
        outcome,
        revision,
        diagnostics,
        about,
        changes,
    } = applied;
    let outcome = match outcome {
        Outcome::Applied => pb::apply_response::Outcome::Applied,
        Outcome::Unchanged => pb::apply_response::Outcome::Unchanged,
        Outcome::Valid => pb::apply_response::Outcome::Valid,
        Outcome::Refused => pb::apply_response::Outcome::Refused,
    };
    let diagnostics = diagnostics.iter().zip(about);
    pb::ApplyResponse {
        outcome: outcome.into(),
        revision,
        diagnostics: diagnostics.map(|(d, key)| diagnostic(d, key)).collect(),
        changes: changes.into_iter().map(change).collect(),
    }
}

fn diagnostic(diagnostic: &Diagnostic, about: Option<ObjectKey>) -> pb::Diagnostic {
    let severity = match diagnostic.severity {
        Severity::Error => pb::diagnostic::Severity::Error,
        Severity::Warning => pb::diagnostic::Severity::Warning,
    };
    let mut message = diagnostic.message.clone();
    for related in &diagnostic.related {
        let (line, column) = (related.line, related.column);
        message.push_str(&format!(" ({} at {line}:{column})", related.message));
    }
    pb::Diagnostic {
        severity: severity.into(),
        file: diagnostic.file.to_string(),
        line: diagnostic.line,
        column: diagnostic.column,
        path: diagnostic.path.trim_start_matches('.').to_owned(),
        message,
        help: diagnostic.help.clone().unwrap_or_default(),
        object: about.map(reference),
    }
}

pub(super) fn change(change: Change) -> pb::Change {
    pb::Change {
        action: change.action.into(),
        object: Some(reference(change.key)),
        diff: change.diff,
    }
}

pub(super) fn reference(key: ObjectKey) -> pb::ObjectRef {
    pb::ObjectRef {
        kind: key.kind,
        name: key.name,
    }
}

/// The message of an object's kind: its metadata and its spec.
pub(super) fn object(object: Object, changed_in: u64) -> pb::Object {
    let mut metadata = Vec::new();
    put_bytes(&mut metadata, 1, object.key.name.as_bytes());
    let mut message = Vec::new();
    put_bytes(&mut message, 1, &metadata);
    put_bytes(&mut message, 2, &object.spec);
    pb::Object {
        content: Some(Any {
            type_url: format!("type.googleapis.com/portway.v1.{}", object.key.kind),
            value: Bytes::from(message).into(),
        }),
        r#ref: Some(reference(object.key)),
        file: object.file.to_string(),
        line: object.line,
        changed_in,
    }
}

pub(super) fn revision(revision: &Revision) -> pb::Revision {
    pb::Revision {
        id: revision.id.get(),
        parent: revision.parent.map_or(0, |parent| parent.id.get()),
        author: revision.author.clone(),
        message: revision.message.clone(),
        time: Some(timestamp(revision.time)),
        content_hash: revision.content_hash.to_string(),
        objects: u32::try_from(revision.objects).unwrap_or(u32::MAX),
    }
}

pub(super) fn timestamp(time: UnixMillis) -> Timestamp {
    let UnixMillis(millis) = time;
    Timestamp {
        seconds: i64::try_from(millis / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(millis % 1000 * 1_000_000).unwrap_or(0),
    }
}
