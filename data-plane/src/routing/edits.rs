//! Header fields that configuration adds and removes.
//!
//! Two orders exist in Envoy, and both are here. A level of a route configuration ([`Edits`]) removes first,
//! then computes all its values from what is left, then overwrites, then adds. The header mutation filter
//! runs its mutations one by one ([`Edit::apply`]), each seeing what the last one did.

use std::ops::Range;

use portway_shared::format::{Message, Subject, Template};
use smallvec::SmallVec;

use crate::http::{field::Field, folding, headers::Headers, name::HeaderName};

/// A request whose heads can be edited; values are rendered from it.
pub trait Editable: Subject<Name = Field> {
    fn headers_mut(&mut self, message: Message) -> &mut Headers;
}

/// The edits of one level, for both ways.
#[derive(Clone, Debug, Default)]
pub struct HeaderEdits {
    pub request: Edits,
    pub response: Edits,
}

impl HeaderEdits {
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }
}

/// The edits of one level, one way.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    pub remove: Box<[HeaderName]>,
    pub add: Box<[Edit]>,
}

/// One header to write.
#[derive(Clone, Debug)]
pub struct Edit {
    pub name: HeaderName,
    pub value: Template<Field>,
    pub action: AppendAction,
    /// Writes the header even when its value is empty.
    pub keep_empty: bool,
}

/// What to do about a header that is or is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendAction {
    #[default]
    AppendIfExistsOrAdd,
    AddIfAbsent,
    OverwriteIfExistsOrAdd,
    OverwriteIfExists,
}

/// What an edit comes to, given what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Append,
    Overwrite,
}

impl AppendAction {
    fn write(self, exists: bool) -> Option<Write> {
        match (self, exists) {
            (AppendAction::AppendIfExistsOrAdd, _) | (AppendAction::AddIfAbsent, false) => {
                Some(Write::Append)
            }
            (AppendAction::OverwriteIfExistsOrAdd, _) | (AppendAction::OverwriteIfExists, true) => {
                Some(Write::Overwrite)
            }
            (AppendAction::AddIfAbsent, true) | (AppendAction::OverwriteIfExists, false) => None,
        }
    }
}

impl Edits {
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// Runs all edits of this level.
    pub fn apply(&self, record: &mut impl Editable, message: Message) {
        if self.is_empty() {
            return;
        }
        let headers = record.headers_mut(message);
        for name in &self.remove {
            headers.remove(name);
        }
        // Every value is computed before the first is written.
        let mut values = Vec::new();
        let mut writes = SmallVec::<[(&Edit, Write, Range<usize>); 4]>::new();
        for edit in &self.add {
            let start = values.len();
            edit.value.render(record, &mut values);
            if let Some(write) = edit.write(record, message, values.len() == start) {
                writes.push((edit, write, start..values.len()));
            }
        }
        let headers = record.headers_mut(message);
        for turn in [Write::Overwrite, Write::Append] {
            for (edit, write, value) in &writes {
                if *write == turn {
                    let value = values.get(value.clone()).unwrap_or_default();
                    edit.put(headers, message, *write, value);
                }
            }
        }
    }
}

impl Edit {
    /// Runs this edit alone.
    pub fn apply(&self, record: &mut impl Editable, message: Message) {
        let mut value = Vec::new();
        self.value.render(record, &mut value);
        if let Some(write) = self.write(record, message, value.is_empty()) {
            self.put(record.headers_mut(message), message, write, &value);
        }
    }

    fn write(&self, record: &mut impl Editable, message: Message, empty: bool) -> Option<Write> {
        if empty && !self.keep_empty {
            return None;
        }
        let exists = record.headers_mut(message).get(&self.name).is_some();
        self.action.write(exists)
    }

    fn put(&self, headers: &mut Headers, message: Message, write: Write, value: &[u8]) {
        match write {
            Write::Append => folding::append(headers, message, &self.name, value),
            Write::Overwrite => folding::set(headers, message, &self.name, value),
        }
    }
}

#[cfg(test)]
mod tests;
