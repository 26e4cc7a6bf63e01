//! How much a revision may hold. Checked before anything is hashed or written, so that whatever is in
//! the store is within them and readers need no second opinion.

use super::{Draft, Object, ObjectKey, StoreError};

/// The bounds of one revision. The defaults leave room for 100,000 raw routes in one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub objects: usize,
    /// Document and spec of one object together.
    pub object_bytes: usize,
    /// Documents and specs of all objects together.
    pub set_bytes: usize,
    pub kind_bytes: usize,
    pub name_bytes: usize,
    pub file_bytes: usize,
    pub author_bytes: usize,
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects: 100_000,
            object_bytes: 64 << 20,
            set_bytes: 256 << 20,
            kind_bytes: 64,
            name_bytes: 253,
            file_bytes: 4096,
            author_bytes: 256,
            message_bytes: 16 << 10,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    #[error("the set holds {found} objects; at most {limit} are kept")]
    Objects { found: usize, limit: usize },
    #[error("{key} takes {found} bytes; at most {limit} are kept, split it")]
    Object {
        key: ObjectKey,
        found: usize,
        limit: usize,
    },
    #[error("the set takes more than {limit} bytes, {key} crosses the limit")]
    Set { key: ObjectKey, limit: usize },
    #[error("the {what} takes {found} bytes; write at most {limit}")]
    Text {
        what: &'static str,
        found: usize,
        limit: usize,
    },
    #[error("the {what} is empty")]
    Empty { what: &'static str },
}

impl Limits {
    pub(super) fn check_draft(&self, draft: &Draft) -> Result<(), LimitError> {
        at_most("author", draft.author.len(), self.author_bytes)?;
        at_most("message", draft.message.len(), self.message_bytes)
    }

    pub(super) fn check_objects(&self, objects: &[Object]) -> Result<(), StoreError> {
        let limit = self.objects;
        if objects.len() > limit {
            let found = objects.len();
            return Err(LimitError::Objects { found, limit }.into());
        }
        let mut total = 0usize;
        for object in objects {
            let Object {
                key,
                file,
                line: _,
                document,
                spec,
            } = object;
            present("object kind", &key.kind)?;
            present("object name", &key.name)?;
            at_most("object kind", key.kind.len(), self.kind_bytes)?;
            at_most("object name", key.name.len(), self.name_bytes)?;
            at_most("file name", file.len(), self.file_bytes)?;
            let found = document.len().saturating_add(spec.len());
            if found > self.object_bytes {
                let (key, limit) = (key.clone(), self.object_bytes);
                return Err(LimitError::Object { key, found, limit }.into());
            }
            total = total.saturating_add(found);
            if total > self.set_bytes {
                let (key, limit) = (key.clone(), self.set_bytes);
                return Err(LimitError::Set { key, limit }.into());
            }
        }
        let mut keys: Vec<_> = objects.iter().map(|object| &object.key).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            if let [a, b] = pair
                && a == b
            {
                return Err(StoreError::Duplicate((*a).clone()));
            }
        }
        Ok(())
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), LimitError> {
    if found > limit {
        return Err(LimitError::Text { what, found, limit });
    }
    Ok(())
}

fn present(what: &'static str, text: &str) -> Result<(), LimitError> {
    if text.is_empty() {
        return Err(LimitError::Empty { what });
    }
    Ok(())
}
