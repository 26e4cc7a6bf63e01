//! What can go wrong with a store: on opening it, and on using it.

use std::io;
use std::path::PathBuf;

use super::{Digest, Expected, LimitError, ObjectKey, RevisionId};

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "{} is in use by {}; stop it first, or choose another data directory",
        path.display(),
        holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse { path: PathBuf, holder: Option<u32> },
    #[error("{} has store format {found}; this build reads format {supported}", path.display())]
    Format {
        path: PathBuf,
        found: u32,
        supported: u32,
    },
    #[error("{} is not a portway store: {reason}; restore it, or choose another data directory", path.display())]
    NotAStore { path: PathBuf, reason: String },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot read {}", path.display())]
    Store { path: PathBuf, source: StoreError },
}

/// Why a store did not do what it was asked. Nothing was written unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "expected {expected}, but the latest is {}; look at what changed and try again",
        found.map_or_else(|| "no revision".to_owned(), |id| format!("revision {id}"))
    )]
    Conflict {
        expected: Expected,
        found: Option<RevisionId>,
    },
    #[error("there is no revision {0}; it never was, or it was swept")]
    NotFound(RevisionId),
    #[error("{0} stands in the set twice")]
    Duplicate(ObjectKey),
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A chunk is gone. `Revisions` makes `NotFound` or `Corrupt` of it wherever it can tell which.
    #[error("chunk {0} is missing")]
    Missing(Digest),
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    #[error("other writers kept moving the head; try again")]
    Busy,
    #[error("no revision number is left after {0}")]
    Exhausted(RevisionId),
    /// An engine was called past one of its batch limits: a fault of the caller's code.
    #[error("a batch of {found} {what} exceeds the engine's limit of {limit}")]
    Batch {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    /// The disk failed. Whether the last write counts shows once the store is opened again.
    #[error("storage failed")]
    Io(#[source] io::Error),
    #[error("the storage engine failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}
