//! Builds a tree from a reader's events, within limits.
//!
//! Both readers push here, so that depth, size and expansion are counted in one place. Aliases are
//! counted as often as what they stand for: a file may be short and yet mean a billion values. The
//! depth limit bounds the recursion of everything that later walks the tree.

use super::lines::line_start;
use super::tree::{Content, NodeId, Raw, Span, Tree, clamp};
use super::{Limits, diagnostics::Diagnostic, diagnostics::Related, diagnostics::Severity};
use rustc_hash::{FxHashMap, FxHashSet};

/// An error of syntax or of a limit, before it has a file name and a line.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) related: Option<(Span, &'static str)>,
}

impl Fault {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: None,
            related: None,
        }
    }

    pub(super) fn at(offset: usize, message: impl Into<String>) -> Self {
        Self::new(Span::new(offset, offset), message)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn into_diagnostic(self, tree: &Tree) -> Diagnostic {
        // An unexpected end stands after the last line break: show the last line instead.
        let mut span = self.span;
        let text = tree.text.as_str();
        if span.start as usize >= text.len() && line_start(text, text.len()) == text.len() {
            let end = clamp(text.trim_end().len());
            span = Span { start: end, end };
        }
        let mut diagnostic = tree.diagnostic(Severity::Error, span, String::new(), self.message);
        diagnostic.help = self.help;
        if let Some((span, message)) = self.related {
            let place = tree.place(span.start);
            diagnostic.related.push(Related {
                line: place.line,
                column: place.column,
                message: message.into(),
            });
        }
        diagnostic
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Sequence,
    Mapping,
}

struct Frame {
    shape: Shape,
    start: usize,
    /// Where this collection's children begin in `pending`.
    base: usize,
    anchor: usize,
    /// `expanded` when it opened.
    before: u64,
    /// Of the deepest child so far.
    height: usize,
    merges: bool,
    ignore: bool,
}

#[derive(Clone, Copy)]
struct Anchored {
    node: NodeId,
    weight: u64,
    height: usize,
}

pub(super) struct Builder<'a> {
    text: &'a str,
    limits: &'a Limits,
    nodes: Vec<Raw>,
    children: Vec<NodeId>,
    owned: String,
    frames: Vec<Frame>,
    pending: Vec<NodeId>,
    anchors: FxHashMap<usize, Anchored>,
    /// Anchors of all documents so far.
    anchored: usize,
    expanded: u64,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits) -> Self {
        // A guess that fits ordinary files and wastes little on others.
        let guess = (text.len() / 16).min(limits.values);
        Self {
            text,
            limits,
            nodes: Vec::with_capacity(guess),
            children: Vec::with_capacity(guess),
            owned: String::new(),
            frames: Vec::new(),
            pending: Vec::new(),
            anchors: FxHashMap::default(),
            anchored: 0,
            expanded: 0,
        }
    }

    /// Whether the next node is a mapping's key.
    pub(super) fn wants_key(&self) -> bool {
        self.frames.last().is_some_and(|frame| {
            frame.shape == Shape::Mapping && (self.pending.len() - frame.base).is_multiple_of(2)
        })
    }

    pub(super) fn open(&mut self, shape: Shape, start: usize, anchor: usize) -> Result<(), Fault> {
        let span = Span::new(start, start);
        self.check_depth(span, 1)?;
        let before = self.expanded;
        self.count(span, 1)?;
        self.frames.push(Frame {
            shape,
            start,
            base: self.pending.len(),
            anchor,
            before,
            height: 0,
            merges: false,
            ignore: false,
        });
        Ok(())
    }

    /// Ends the innermost collection; without `end`, where its last child ends.
    pub(super) fn close(&mut self, end: Option<usize>) -> Result<(), Fault> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let last = self
            .pending
            .get(frame.base..)
            .and_then(<[_]>::last)
            .copied();
        let end = end
            .or_else(|| {
                last.and_then(|id| self.raw(id))
                    .map(|raw| raw.span.end as usize)
            })
            .unwrap_or(frame.start);
        if frame.merges {
            self.merge(frame.base)?;
        }
        let first = clamp(self.children.len());
        let count = self.pending.len().saturating_sub(frame.base);
        self.children.extend(self.pending.drain(frame.base..));
        let content = match frame.shape {
            Shape::Sequence => Content::Sequence {
                first,
                len: clamp(count),
            },
            Shape::Mapping => Content::Mapping {
                first,
                len: clamp(count / 2),
            },
        };
        let node = self.push(Span::new(frame.start, end), content);
        let weight = self.expanded.saturating_sub(frame.before);
        self.complete(
            Anchored {
                node,
                weight,
                height: frame.height + 1,
            },
            frame.anchor,
        )
    }

    pub(super) fn scalar(
        &mut self,
        span: Span,
        content: Content,
        anchor: usize,
    ) -> Result<(), Fault> {
        if !self.wants_key() {
            self.count(span, 1)?;
        }
        let node = self.push(span, content);
        self.complete(
            Anchored {
                node,
                weight: 1,
                height: 0,
            },
            anchor,
        )
    }

    pub(super) fn alias(&mut self, span: Span, anchor: usize) -> Result<(), Fault> {
        let Some(&anchored) = self.anchors.get(&anchor) else {
            return Err(
                Fault::new(span, "this alias stands inside the value that it names")
                    .help("an alias may only name a value that ends before it"),
            );
        };
        if self.wants_key() {
            return match self.string(anchored.node) {
                Some(_) => {
                    let Some(raw) = self.raw(anchored.node) else {
                        return Ok(());
                    };
                    let node = self.push(span, raw.content);
                    self.complete(
                        Anchored {
                            node,
                            weight: 1,
                            height: 0,
                        },
                        0,
                    )
                }
                None => Err(not_a_key(span)),
            };
        }
        self.check_depth(span, anchored.height)?;
        self.count(span, anchored.weight)?;
        let node = self.push(span, Content::Alias(anchored.node));
        self.complete(Anchored { node, ..anchored }, 0)
    }

    /// The entry whose key comes next is YAML's `<<`.
    pub(super) fn mark_merge(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.merges = true;
        }
    }

    /// The entry whose key comes next is left out.
    pub(super) fn mark_ignored(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.ignore = true;
        }
    }

    /// Keeps text that does not stand in the file as it is.
    pub(super) fn own(&mut self, text: &str) -> Content {
        let start = clamp(self.owned.len());
        self.owned.push_str(text);
        Content::Owned {
            start,
            len: clamp(text.len()),
        }
    }

    /// A string's content: borrowed from the file when it stands there.
    pub(super) fn text(&mut self, text: &str) -> Content {
        let at = (text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let inside = at
            .checked_add(text.len())
            .is_some_and(|end| end <= self.text.len());
        if inside && self.text.get(at..at + text.len()) == Some(text) {
            Content::Text {
                start: clamp(at),
                len: clamp(text.len()),
            }
        } else {
            self.own(text)
        }
    }

    /// The finished document's root, if it has one.
    pub(super) fn take_root(&mut self) -> Option<NodeId> {
        self.anchors.clear();
        self.frames.clear();
        let root = self.pending.pop();
        self.pending.clear();
        root
    }

    /// Moves what was built into `tree`.
    pub(super) fn finish(self) -> (Vec<Raw>, Vec<NodeId>, String) {
        (self.nodes, self.children, self.owned)
    }

    fn raw(&self, id: NodeId) -> Option<Raw> {
        self.nodes.get(id.0 as usize).copied()
    }

    fn push(&mut self, span: Span, content: Content) -> NodeId {
        let id = NodeId(clamp(self.nodes.len()));
        self.nodes.push(Raw { span, content });
        id
    }

    fn complete(&mut self, done: Anchored, anchor: usize) -> Result<(), Fault> {
        if anchor != 0 {
            self.anchored += 1;
            if self.anchored > self.limits.anchors {
                let span = self.raw(done.node).map(|raw| raw.span).unwrap_or_default();
                let limit = self.limits.anchors;
                return Err(Fault::new(
                    span,
                    format!("more than {limit} anchors in one file"),
                ));
            }
            self.anchors.insert(anchor, done);
        }
        self.pending.push(done.node);
        if let Some(frame) = self.frames.last_mut() {
            frame.height = frame.height.max(done.height);
            if frame.ignore && (self.pending.len() - frame.base).is_multiple_of(2) {
                frame.ignore = false;
                self.pending.truncate(self.pending.len() - 2);
            }
        }
        Ok(())
    }

    fn check_depth(&self, span: Span, height: usize) -> Result<(), Fault> {
        if self.frames.len().saturating_add(height) > self.limits.depth {
            let limit = self.limits.depth;
            return Err(Fault::new(
                span,
                format!("nested more than {limit} levels deep"),
            ));
        }
        Ok(())
    }

    fn count(&mut self, span: Span, weight: u64) -> Result<(), Fault> {
        self.expanded = self.expanded.saturating_add(weight);
        if self.expanded > self.limits.values as u64 {
            let limit = self.limits.values;
            let fault = Fault::new(span, format!("more than {limit} values in one file"));
            return Err(if weight > 1 {
                fault.help("this alias stands for too many values")
            } else {
                fault.help("split the file")
            });
        }
        Ok(())
    }

    fn string(&self, id: NodeId) -> Option<&str> {
        match self.raw(id)?.content {
            Content::Text { start, len } => self
                .text
                .get(start as usize..start.saturating_add(len) as usize),
            Content::Owned { start, len } => self
                .owned
                .get(start as usize..start.saturating_add(len) as usize),
            _ => None,
        }
    }

    fn resolve(&self, id: NodeId) -> NodeId {
        match self.raw(id).map(|raw| raw.content) {
            Some(Content::Alias(target)) => target,
            _ => id,
        }
    }

    fn ids(&self, first: u32, len: u32) -> &[NodeId] {
        let first = first as usize;
        self.children
            .get(first..first.saturating_add(len as usize))
            .unwrap_or_default()
    }

    /// Replaces `<<` entries by the entries they name. What the mapping says itself wins, then what
    /// was named first.
    fn merge(&mut self, base: usize) -> Result<(), Fault> {
        let entries = self.pending.split_off(base.min(self.pending.len()));
        let (mut own, mut merged) = (Vec::with_capacity(entries.len()), Vec::new());
        for pair in entries.chunks_exact(2) {
            let &[key, value] = pair else { continue };
            if self.string(key) == Some("<<") {
                self.merge_sources(value, &mut merged)?;
            } else {
                own.extend([key, value]);
            }
        }
        let mut seen: FxHashSet<&str> = own
            .iter()
            .step_by(2)
            .filter_map(|&key| self.string(key))
            .collect();
        let mut added = Vec::new();
        for mapping in merged {
            let Some(Raw {
                content: Content::Mapping { first, len },
                ..
            }) = self.raw(mapping)
            else {
                continue;
            };
            for pair in self.ids(first, len.saturating_mul(2)).chunks_exact(2) {
                let &[key, value] = pair else { continue };
                if self.string(key).is_some_and(|name| seen.insert(name)) {
                    added.extend([key, value]);
                }
            }
        }
        self.pending.extend(own);
        self.pending.extend(added);
        Ok(())
    }

    fn merge_sources(&self, value: NodeId, out: &mut Vec<NodeId>) -> Result<(), Fault> {
        let target = self.resolve(value);
        let wrong = |id: NodeId| {
            let span = self.raw(id).map(|raw| raw.span).unwrap_or_default();
            Err(Fault::new(
                span,
                "`<<` takes a mapping or a list of mappings",
            ))
        };
        match self.raw(target).map(|raw| raw.content) {
            Some(Content::Mapping { .. }) => out.push(target),
            Some(Content::Sequence { first, len }) => {
                for &item in self.ids(first, len) {
                    let mapping = self.resolve(item);
                    match self.raw(mapping).map(|raw| raw.content) {
                        Some(Content::Mapping { .. }) => out.push(mapping),
                        _ => return wrong(item),
                    }
                }
            }
            _ => return wrong(value),
        }
        Ok(())
    }
}

pub(super) fn not_a_key(span: Span) -> Fault {
    Fault::new(
        span,
        "a key must be a single word or string, not a list or a mapping",
    )
}
