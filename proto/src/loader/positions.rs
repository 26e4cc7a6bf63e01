//! From a field path back to the file.
//!
//! Later stages work on decoded messages and name what displeases them by path. Nothing is recorded
//! for them beforehand: the tree is kept and the path is followed when someone asks, past spellings
//! (`stat_prefix`, `statPrefix`), aliases and `Any`s. A value that the file does not hold is
//! answered with the nearest thing that encloses it.

use super::diagnostics::{Diagnostic, Severity};
use super::lines::Place;
use super::tree::{Node, NodeId, Tree, Value};
use crate::path::{FieldPath, Segment};
use std::sync::Arc;

/// Where the values of one loaded message stand. Cheap to clone; keeps the file's tree alive.
#[derive(Debug, Clone)]
pub struct Positions {
    tree: Arc<Tree>,
    root: NodeId,
}

/// What a path led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found<'t> {
    pub node: Node<'t>,
    /// Whether the whole path was followed, and not only its beginning.
    pub exact: bool,
}

impl Positions {
    /// Of a value and what it holds; [`load`](super::load) gives those of what it loaded.
    pub fn of(node: Node<'_>) -> Self {
        Self {
            tree: Arc::clone(node.tree),
            root: node.id,
        }
    }

    pub fn root(&self) -> Node<'_> {
        Node {
            tree: &self.tree,
            id: self.root,
        }
    }

    pub fn file(&self) -> &Arc<str> {
        &self.tree.name
    }

    pub fn find(&self, path: &FieldPath) -> Found<'_> {
        self.follow(path.0.iter().map(|segment| match segment {
            Segment::Field(name) => Step::Field(name),
            Segment::Index(index) => Step::Index(*index),
            Segment::Key(key) => Step::Key(key),
        }))
    }

    /// The same for a written path: `.static_resources.listeners[0].name`, keys as `["key"]`, the
    /// first point optional.
    pub fn find_text(&self, path: &str) -> Found<'_> {
        self.follow(Steps(path))
    }

    pub fn place(&self, path: &FieldPath) -> Place {
        self.find(path).node.place()
    }

    /// A diagnostic at the value that `path` names.
    pub fn diagnostic(
        &self,
        severity: Severity,
        path: &FieldPath,
        message: impl Into<String>,
    ) -> Diagnostic {
        let text = if path.0.is_empty() {
            String::new()
        } else {
            format!(".{path}")
        };
        self.find(path).node.diagnostic(severity, text, message)
    }

    /// The same for a written path.
    pub fn diagnostic_text(
        &self,
        severity: Severity,
        path: &str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let dot = if path.is_empty() || path.starts_with(['.', '[']) {
            ""
        } else {
            "."
        };
        self.find_text(path)
            .node
            .diagnostic(severity, format!("{dot}{path}"), message)
    }

    fn follow<'p>(&self, steps: impl Iterator<Item = Step<'p>>) -> Found<'_> {
        let mut node = self.root();
        for step in steps {
            match step.from(node) {
                Some(next) => node = next,
                None => return Found { node, exact: false },
            }
        }
        Found { node, exact: true }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step<'p> {
    Field(&'p str),
    Index(usize),
    Key(&'p str),
    /// The written path goes on in a way that no value could have.
    Unreadable,
}

impl Step<'_> {
    fn from(self, node: Node<'_>) -> Option<Node<'_>> {
        match self {
            Step::Field(name) => field(node, name).or_else(|| {
                // A well-known type in an `Any`.
                let inner = node.get("@type").and_then(|_| node.get("value"))?;
                field(inner, name)
            }),
            Step::Index(index) => match node.value() {
                Value::Sequence(mut items) => items.nth(index),
                // A single value may stand for a list.
                _ => (index == 0).then_some(node),
            },
            Step::Key(key) => node.get(key),
            Step::Unreadable => None,
        }
    }
}

fn field<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    node.get(name).or_else(|| {
        node.entries()
            .find(|entry| same_field(entry.name(), name))
            .map(|entry| entry.value)
    })
}

/// Whether two names differ only in being snake case and lower camel case.
fn same_field(a: &str, b: &str) -> bool {
    fn snake(name: &str) -> impl Iterator<Item = char> {
        name.chars().flat_map(|c| {
            let underscore = c.is_ascii_uppercase().then_some('_');
            underscore
                .into_iter()
                .chain(std::iter::once(c.to_ascii_lowercase()))
        })
    }
    snake(a).eq(snake(b))
}

/// Reads a written path step by step.
struct Steps<'p>(&'p str);

impl<'p> Iterator for Steps<'p> {
    type Item = Step<'p>;

    fn next(&mut self) -> Option<Step<'p>> {
        let rest = self.0.strip_prefix('.').unwrap_or(self.0);
        if rest.is_empty() {
            return None;
        }
        let taken = match rest.strip_prefix('[') {
            Some(inner) => bracketed(inner),
            None => {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                rest.split_at_checked(end)
                    .map(|(name, rest)| (Step::Field(name), rest))
            }
        };
        let (step, rest) = taken.unwrap_or((Step::Unreadable, ""));
        self.0 = rest;
        Some(step)
    }
}

fn bracketed(inner: &str) -> Option<(Step<'_>, &str)> {
    if let Some(quoted) = inner.strip_prefix('"') {
        let (key, rest) = quoted.split_once("\"]")?;
        return Some((Step::Key(key), rest));
    }
    let (inside, rest) = inner.split_once(']')?;
    let step = inside.parse().map_or(Step::Key(inside), Step::Index);
    Some((step, rest))
}

#[cfg(test)]
mod tests;
