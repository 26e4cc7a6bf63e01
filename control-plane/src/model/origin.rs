//! Where an object was written, and how to point into it.
//!
//! An object fresh from a file knows the place of every value. One from the store knows its file and line, and
//! all that is said about it is said there.

use std::fmt;
use std::sync::Arc;

use portway_proto::loader::{Diagnostic, Positions, Severity};
use portway_proto::path::FieldPath;

/// Where an object was written.
#[derive(Clone, Debug)]
pub struct Origin {
    file: Arc<str>,
    line: u32,
    positions: Option<Positions>,
}

impl Origin {
    pub(super) fn loaded(positions: Positions) -> Self {
        Self {
            file: Arc::clone(positions.file()),
            line: positions.root().place().line,
            positions: Some(positions),
        }
    }

    pub(super) fn stored(file: &Arc<str>, line: u32) -> Self {
        Self {
            file: Arc::clone(file),
            line,
            positions: None,
        }
    }

    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The line on which the object begins, from 1; 0 if unknown.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// A diagnostic at a value of the object, named by a written path.
    pub fn diagnostic(
        &self,
        severity: Severity,
        path: &str,
        message: impl Into<String>,
    ) -> Diagnostic {
        match &self.positions {
            Some(positions) => positions.diagnostic_text(severity, path, message),
            None => self.whole(severity, format!(".{path}"), message),
        }
    }

    /// The same by a path from a parser.
    pub fn at(
        &self,
        severity: Severity,
        path: &FieldPath,
        message: impl Into<String>,
    ) -> Diagnostic {
        match &self.positions {
            Some(positions) => positions.diagnostic(severity, path, message),
            None => self.whole(severity, format!(".{path}"), message),
        }
    }

    fn whole(&self, severity: Severity, path: String, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            line: self.line,
            path,
            ..Diagnostic::of_file(&self.file, severity, message)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
