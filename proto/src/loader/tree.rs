//! The spanned tree: what a YAML or JSON file says, each value with its place.
//!
//! Nodes live in one vector and name each other by index; text stays in the file wherever it needs
//! no unescaping. A value costs 20 bytes, a mapping entry 28 more, so that two million values fit
//! beside the file in the memory a validation may use. An alias is a node of its own that points
//! at its anchor's node: the place of use and the place of definition both survive, and a file of
//! aliases costs what it is long, not what it expands to.
//!
//! Nothing here knows about messages. What a scalar means as a *type* (YAML's `yes` is a bool) is
//! decided by the reader that built the node; what a *field* accepts is decided by the walk.

use super::diagnostics::{Diagnostic, Excerpt, Severity};
use super::lines::{Lines, Place, line_at, line_start};
use std::fmt;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(pub(super) u32);

/// Byte range in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }
}

/// Offsets fit 32 bits because the reader refuses longer files.
pub(super) fn clamp(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Content {
    Null,
    Bool(bool),
    /// A YAML integer of 32 bits: what Envoy carries as a JSON number.
    Int(i32),
    /// A JSON number: the text of the node.
    Number,
    /// A string that stands in the file as it is.
    Text {
        start: u32,
        len: u32,
    },
    /// A string that needed unescaping or folding.
    Owned {
        start: u32,
        len: u32,
    },
    Sequence {
        first: u32,
        len: u32,
    },
    /// `len` pairs of key and value.
    Mapping {
        first: u32,
        len: u32,
    },
    Alias(NodeId),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Raw {
    pub(super) span: Span,
    pub(super) content: Content,
}

/// One file: its text and every node of its documents.
pub(super) struct Tree {
    pub(super) name: Arc<str>,
    pub(super) text: String,
    pub(super) nodes: Vec<Raw>,
    pub(super) children: Vec<NodeId>,
    pub(super) owned: String,
    pub(super) lines: Lines,
}

impl fmt::Debug for Tree {
    // Files hold secrets and may be large: neither belongs into a debug line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree")
            .field("name", &self.name)
            .field("nodes", &self.nodes.len())
            .finish()
    }
}

impl Tree {
    pub(super) fn new(name: &str, text: String) -> Self {
        let lines = Lines::new(&text);
        Self {
            name: Arc::from(name),
            lines,
            nodes: Vec::new(),
            children: Vec::new(),
            owned: String::new(),
            text,
        }
    }

    pub(super) fn raw(&self, id: NodeId) -> Raw {
        const MISSING: Raw = Raw {
            span: Span { start: 0, end: 0 },
            content: Content::Null,
        };
        self.nodes.get(id.0 as usize).copied().unwrap_or(MISSING)
    }

    pub(super) fn place(&self, offset: u32) -> Place {
        self.lines.place(&self.text, offset as usize)
    }

    pub(super) fn source(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// A diagnostic at `span`, with the source line it stands on.
    pub(super) fn diagnostic(
        &self,
        severity: Severity,
        span: Span,
        path: String,
        message: String,
    ) -> Diagnostic {
        let start = span.start as usize;
        let excerpt = Excerpt::new(
            line_at(&self.text, start),
            start - line_start(&self.text, start.min(self.text.len())).min(start),
            (span.end - span.start) as usize,
        );
        let mut diagnostic = self.hidden_diagnostic(severity, span, path, message);
        diagnostic.excerpt = Some(excerpt);
        diagnostic
    }

    /// The same without the source line, for values that are secret.
    pub(super) fn hidden_diagnostic(
        &self,
        severity: Severity,
        span: Span,
        path: String,
        message: String,
    ) -> Diagnostic {
        let Place { line, column } = self.place(span.start);
        Diagnostic {
            severity,
            file: Arc::clone(&self.name),
            line,
            column,
            span,
            path,
            message,
            help: None,
            related: Vec::new(),
            excerpt: None,
        }
    }
}

/// What a value is, aliases followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'t> {
    Null,
    Bool(bool),
    Int(i32),
    /// The exact text of a JSON number.
    Number(&'t str),
    String(&'t str),
    Sequence(Items<'t>),
    Mapping(Entries<'t>),
}

/// One value of a document. Cheap to copy; lives as long as its document.
#[derive(Clone, Copy)]
pub struct Node<'t> {
    pub(super) tree: &'t Arc<Tree>,
    pub(super) id: NodeId,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.tree, other.tree) && self.id == other.id
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        write!(
            f,
            "Node({}:{}:{})",
            self.tree.name, place.line, place.column
        )
    }
}

impl<'t> Node<'t> {
    pub fn value(self) -> Value<'t> {
        let tree: &'t Tree = self.tree;
        let raw = tree.raw(self.target());
        match raw.content {
            // `target` has followed it; an alias never points at an alias.
            Content::Null | Content::Alias(_) => Value::Null,
            Content::Bool(value) => Value::Bool(value),
            Content::Int(value) => Value::Int(value),
            Content::Number => Value::Number(tree.source(raw.span)),
            Content::Text { start, len } => Value::String(tree.source(Span {
                start,
                end: start.saturating_add(len),
            })),
            Content::Owned { start, len } => {
                let (start, len) = (start as usize, len as usize);
                Value::String(
                    tree.owned
                        .get(start..start.saturating_add(len))
                        .unwrap_or_default(),
                )
            }
            Content::Sequence { first, len } => Value::Sequence(Items {
                tree: self.tree,
                ids: slice(&tree.children, first, len),
            }),
            Content::Mapping { first, len } => Value::Mapping(Entries {
                tree: self.tree,
                ids: slice(&tree.children, first, len.saturating_mul(2)),
            }),
        }
    }

    pub(super) fn target(self) -> NodeId {
        match self.tree.raw(self.id).content {
            Content::Alias(target) => target,
            _ => self.id,
        }
    }

    /// Where it stands: for an alias the place of use.
    pub fn span(self) -> Span {
        self.tree.raw(self.id).span
    }

    pub fn place(self) -> Place {
        self.tree.place(self.span().start)
    }

    /// The text as written.
    pub fn source(self) -> &'t str {
        let tree: &'t Tree = self.tree;
        tree.source(self.span())
    }

    pub fn file(self) -> &'t Arc<str> {
        &self.tree.name
    }

    pub fn as_str(self) -> Option<&'t str> {
        match self.value() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn is_null(self) -> bool {
        matches!(self.value(), Value::Null)
    }

    pub fn entries(self) -> Entries<'t> {
        match self.value() {
            Value::Mapping(entries) => entries,
            _ => Entries::none(self),
        }
    }

    pub fn items(self) -> Items<'t> {
        match self.value() {
            Value::Sequence(items) => items,
            _ => Items {
                tree: self.tree,
                ids: &[],
            },
        }
    }

    /// The value of a mapping's key.
    pub fn get(self, key: &str) -> Option<Node<'t>> {
        self.entries()
            .find(|entry| entry.name() == key)
            .map(|entry| entry.value)
    }

    /// A diagnostic that points at this value.
    pub fn diagnostic(
        self,
        severity: Severity,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.tree
            .diagnostic(severity, self.span(), path.into(), message.into())
    }
}

fn slice(children: &[NodeId], first: u32, len: u32) -> &[NodeId] {
    let first = first as usize;
    children
        .get(first..first.saturating_add(len as usize))
        .unwrap_or_default()
}

/// The values of a sequence, in order.
#[derive(Clone, Copy)]
pub struct Items<'t> {
    tree: &'t Arc<Tree>,
    ids: &'t [NodeId],
}

/// The entries of a mapping, in order.
#[derive(Clone, Copy)]
pub struct Entries<'t> {
    tree: &'t Arc<Tree>,
    ids: &'t [NodeId],
}

impl<'t> Entries<'t> {
    /// No entries, in the file of `node`.
    pub(super) fn none(node: Node<'t>) -> Self {
        Self {
            tree: node.tree,
            ids: &[],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'t> {
    pub key: Node<'t>,
    pub value: Node<'t>,
}

impl<'t> Entry<'t> {
    /// The key's text. Readers admit only keys that have one.
    pub fn name(self) -> &'t str {
        self.key.as_str().unwrap_or_default()
    }
}

impl<'t> Iterator for Items<'t> {
    type Item = Node<'t>;

    fn next(&mut self) -> Option<Node<'t>> {
        let (&id, rest) = self.ids.split_first()?;
        self.ids = rest;
        Some(Node {
            tree: self.tree,
            id,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ids.len(), Some(self.ids.len()))
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        let (&[key, value], rest) = self.ids.split_first_chunk()?;
        self.ids = rest;
        let node = |id| Node {
            tree: self.tree,
            id,
        };
        Some(Entry {
            key: node(key),
            value: node(value),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ids.len() / 2, Some(self.ids.len() / 2))
    }
}

impl ExactSizeIterator for Items<'_> {}
impl ExactSizeIterator for Entries<'_> {}

impl PartialEq for Items<'_> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.tree, other.tree) && self.ids == other.ids
    }
}

impl PartialEq for Entries<'_> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.tree, other.tree) && self.ids == other.ids
    }
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}
