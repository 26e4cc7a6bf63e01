//! Collects what is wrong while the walk goes on.
//!
//! The number of diagnostics is bounded, and nothing is formatted once the bound is reached: a file
//! of two million mistakes costs what a file of a hundred does. A mistake inside an anchor that
//! many aliases name is told once.

use super::super::diagnostics::{Diagnostic, Related, Severity};
use super::super::tree::{Node, Span, Tree};
use crate::loader::Value;
use std::fmt::Write as _;

/// One step of the path to the value being walked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'t> {
    Field(&'t str),
    Index(usize),
    Key(&'t str),
}

#[derive(Debug, Default)]
pub(super) struct Report<'t> {
    pub(super) path: Vec<Step<'t>>,
    /// How many secret fields enclose the current value.
    pub(super) secret: usize,
    limit: usize,
    errors: usize,
    warnings: usize,
    list: Vec<Diagnostic>,
}

impl<'t> Report<'t> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Errors so far, untold ones included.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Reports at a place; the caller may add help to what comes back.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        tree: &Tree,
        span: Span,
        message: impl FnOnce() -> String,
    ) -> Option<&mut Diagnostic> {
        let count = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count = count.saturating_add(1);
        if *count > self.limit {
            return None;
        }
        let path = self.path();
        self.list.push(if self.secret > 0 {
            tree.hidden_diagnostic(severity, span, path, message())
        } else {
            tree.diagnostic(severity, span, path, message())
        });
        self.list.last_mut()
    }

    pub(super) fn error(
        &mut self,
        node: Node<'t>,
        message: impl FnOnce() -> String,
    ) -> Option<&mut Diagnostic> {
        self.add(Severity::Error, node.tree, node.span(), message)
    }

    pub(super) fn warning(
        &mut self,
        node: Node<'t>,
        message: impl FnOnce() -> String,
    ) -> Option<&mut Diagnostic> {
        self.add(Severity::Warning, node.tree, node.span(), message)
    }

    /// The value was not of the kind the field takes.
    pub(super) fn expected(&mut self, wanted: &str, node: Node<'t>) -> Option<&mut Diagnostic> {
        let seen = self.seen(node);
        self.error(node, || format!("expected {wanted}, found {seen}"))
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            let _ = match step {
                Step::Field(name) => write!(path, ".{name}"),
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) => write!(path, "[{key:?}]"),
            };
        }
        path
    }

    /// The value in a message: as written where that is short and not secret.
    pub(super) fn shown(&self, node: Node<'_>) -> String {
        match node.value() {
            Value::Null => "null".into(),
            Value::Sequence(_) => "a list".into(),
            Value::Mapping(_) => "a mapping".into(),
            _ if self.secret > 0 => "the value".into(),
            Value::String(text) => quoted(text),
            Value::Number(text) => text.to_owned(),
            Value::Int(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
        }
    }

    /// The same with its kind, where the kind is what is wrong.
    pub(super) fn seen(&self, node: Node<'_>) -> String {
        let shown = self.shown(node);
        match node.value() {
            _ if self.secret > 0 => shown,
            Value::Number(_) | Value::Int(_) => format!("the number {shown}"),
            Value::Bool(_) if matches!(node.source(), "true" | "false") => shown,
            // `yes` surprises only when it stands there; an alias says nothing.
            Value::Bool(_) if !node.source().starts_with('*') => {
                format!("{}, which YAML reads as {shown}", node.source())
            }
            _ => shown,
        }
    }

    /// Everything told, in the order of the file.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|d| (d.span.start, d.severity));
        self.list
            .dedup_by(|a, b| a.span == b.span && a.message == b.message);
        let untold = self.errors.saturating_sub(self.limit);
        if untold > 0 {
            let file = self
                .list
                .first()
                .map(|d| d.file.to_string())
                .unwrap_or_default();
            let message = format!("{untold} more errors are not shown");
            self.list
                .push(Diagnostic::of_file(&file, Severity::Error, message));
        }
        self.list
    }
}

pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{:?}…", text.get(..cut).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// Points at the other of two values that cannot both stand.
pub(super) fn relate(diagnostic: Option<&mut Diagnostic>, other: Node<'_>, message: &str) {
    if let Some(diagnostic) = diagnostic {
        let place = other.place();
        diagnostic.related.push(Related {
            line: place.line,
            column: place.column,
            message: message.into(),
        });
    }
}

pub(super) fn help(diagnostic: Option<&mut Diagnostic>, text: impl FnOnce() -> String) {
    if let Some(diagnostic) = diagnostic {
        diagnostic.help = Some(text());
    }
}
