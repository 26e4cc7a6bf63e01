//! What callers of the store hold: revisions, the objects in them, and how two revisions differ.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;

use super::Digest;

/// A revision's number: the first is 1, and each is its parent's plus one.
///
/// Numbers are for people. Where a number could mean two things (a data directory made anew counts
/// from 1 again), compare [`Revision::hash`], which covers the parent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionId(u64);

impl RevisionId {
    pub const FIRST: Self = Self(1);

    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    pub const fn get(self) -> u64 {
        self.0
    }

    /// `None` once the numbers are used up.
    pub(super) fn next(self) -> Option<Self> {
        self.0.checked_add(1).map(Self)
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RevisionId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Milliseconds since 1970, as the writer's clock had them: shown to people, never compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub u64);

/// A revision's number with the hash of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub id: RevisionId,
    pub hash: Digest,
}

/// One accepted state of the whole configuration. Its objects are read through `Revisions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub id: RevisionId,
    /// Hash of all of this record, the parent's hash included.
    pub hash: Digest,
    /// What it was based on; the sweeper may have removed that one since.
    pub parent: Option<Head>,
    pub author: String,
    pub message: String,
    pub time: UnixMillis,
    /// Hash of the set of objects: kinds, names, documents and specs, but not where they stood.
    pub content_hash: Digest,
    pub objects: u64,
    /// Root of the trie of positions, apart from the content: a line inserted at the top of a file
    /// moves every object below it and changes none.
    pub(super) positions: Digest,
}

impl Revision {
    pub fn head(&self) -> Head {
        Head {
            id: self.id,
            hash: self.hash,
        }
    }
}

/// Who writes a revision, why and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    pub author: String,
    pub message: String,
    pub time: UnixMillis,
}

/// What a writer wants the head to be at the moment of its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is: the last writer wins.
    Any,
    /// No revision yet.
    Empty,
    Revision(RevisionId),
}

impl Expected {
    pub(super) fn holds(self, head: Option<RevisionId>) -> bool {
        match self {
            Self::Any => true,
            Self::Empty => head.is_none(),
            Self::Revision(id) => head == Some(id),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any revision"),
            Self::Empty => f.write_str("no revision"),
            Self::Revision(id) => write!(f, "revision {id}"),
        }
    }
}

/// What makes an object one within its set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    pub kind: String,
    pub name: String,
}

impl ObjectKey {
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }

    /// Where the object lives in a trie. The kind's length keeps `ab`+`c` and `a`+`bc` apart.
    pub(super) fn digest(&self) -> Digest {
        let length = u64::try_from(self.kind.len())
            .unwrap_or(u64::MAX)
            .to_le_bytes();
        Digest::of_parts(&[&length, self.kind.as_bytes(), self.name.as_bytes()])
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// One object as the operator wrote it and as it was understood. Clones share the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub key: ObjectKey,
    /// The file it came from, as the operator named it; empty if from none.
    pub file: Arc<str>,
    /// Line on which its document starts, counted from 1; 0 if unknown.
    pub line: u32,
    /// The operator's own text of it.
    pub document: Arc<str>,
    /// Its spec, encoded.
    pub spec: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Removed,
    Changed,
}

/// One difference between two revisions; the objects are looked up by key where they are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub key: ObjectKey,
    pub kind: ChangeKind,
}
