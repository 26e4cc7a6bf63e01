//! YAML and JSON files to messages, with a place in the file for every value and every error.
//!
//! A file becomes a spanned tree ([`documents`]), a tree or a part of it becomes the wire bytes of
//! a message ([`load`]). All errors of a file are reported in one pass, each with line, column,
//! field path and a remedy. Portway's own kinds, Envoy resources and Envoy bootstraps take the same
//! way; the messages are known through the descriptor index alone, so that no generated type is
//! needed to validate one.
//!
//! What it does not do: decide which message a file holds, merge two configurations, resolve
//! references between objects, or check what an implementation supports. Those are told to the
//! operator at the same places through [`Positions`].

mod builder;
pub mod diagnostics;
mod json;
mod lines;
mod positions;
mod rules;
mod tree;
mod walk;
mod yaml;

pub use diagnostics::{Diagnostic, Excerpt, Related, Severity};
pub use lines::Place;
pub use positions::{Found, Positions};
pub use tree::{Entries, Entry, Items, Node, Span, Value};
pub use walk::{Options, closest};

use crate::index::Message;
use builder::{Builder, Fault};
use std::sync::Arc;
use tree::{NodeId, Tree};

/// What a file may cost. The defaults keep the reader below 256 MiB and two seconds, whatever the
/// file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a file.
    pub bytes: usize,
    /// Mappings and lists within each other, aliases expanded. Envoy's JSON reader stops at 100.
    pub depth: usize,
    /// Values of a file, aliases expanded, keys not counted.
    pub values: usize,
    /// Anchors of a file; aliases count as the values they stand for.
    pub anchors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 << 20,
            depth: 100,
            values: 2_000_000,
            anchors: 10_000,
        }
    }
}

/// A file as read from disk or received.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Shown in diagnostics. `.json` selects JSON, `.yaml` and `.yml` YAML; any other name is
    /// read as JSON if it can be, else as YAML.
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// One document of a file. A YAML file may hold several, a JSON file holds one.
#[derive(Debug, Clone)]
pub struct Document {
    tree: Arc<Tree>,
    root: NodeId,
}

impl Document {
    pub fn root(&self) -> Node<'_> {
        Node {
            tree: &self.tree,
            id: self.root,
        }
    }

    pub fn file(&self) -> &Arc<str> {
        &self.tree.name
    }
}

/// What [`load`] made of a value.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The message, deterministically encoded. Not to be used if there are errors.
    pub wire: Vec<u8>,
    /// In the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    pub positions: Positions,
}

impl Loaded {
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Makes a message of a document's root or of any value in it, and reports every mistake.
pub fn load(node: Node<'_>, message: Message, options: &Options) -> Loaded {
    let (wire, diagnostics) = walk::walk(node, message, options);
    Loaded {
        wire,
        diagnostics,
        positions: Positions::of(node),
    }
}

/// Reads a file. An error of syntax or of a limit ends the reading, so it comes alone; errors of
/// content are [`load`]'s and come together. An empty file holds no document.
pub fn documents(source: Source<'_>, limits: &Limits) -> Result<Vec<Document>, Vec<Diagnostic>> {
    let text = decode(source, limits)?;
    let json = match extension(source.name) {
        Some(Format::Json) => true,
        Some(Format::Yaml) => false,
        None => text.trim_start().starts_with(['{', '[']),
    };
    let mut tree = Tree::new(source.name, text);
    let parsed = if json {
        parse(&mut tree, limits, Format::Json).or_else(|fault| {
            if extension(source.name).is_some() {
                return Err(fault);
            }
            // A flow mapping of YAML begins like JSON.
            parse(&mut tree, limits, Format::Yaml).map_err(|_| fault)
        })
    } else {
        parse(&mut tree, limits, Format::Yaml)
    };
    match parsed {
        Ok(roots) => {
            let tree = Arc::new(tree);
            Ok(roots
                .into_iter()
                .map(|root| Document {
                    tree: Arc::clone(&tree),
                    root,
                })
                .collect())
        }
        Err(fault) => Err(vec![fault.into_diagnostic(&tree)]),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
}

fn extension(name: &str) -> Option<Format> {
    let (_, extension) = name.rsplit_once('.')?;
    if extension.eq_ignore_ascii_case("json") {
        Some(Format::Json)
    } else if extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml") {
        Some(Format::Yaml)
    } else {
        None
    }
}

fn parse(tree: &mut Tree, limits: &Limits, format: Format) -> Result<Vec<NodeId>, Fault> {
    let mut builder = Builder::new(&tree.text, limits);
    let roots = match format {
        Format::Json => json::read(&mut builder, &tree.text),
        Format::Yaml => yaml::read(&mut builder, &tree.text, limits),
    }?;
    (tree.nodes, tree.children, tree.owned) = builder.finish();
    Ok(roots)
}

/// Bytes to text: size, encoding, byte-order mark.
fn decode(source: Source<'_>, limits: &Limits) -> Result<String, Vec<Diagnostic>> {
    let Source { name, bytes } = source;
    let fail = |message: String, help: &str| {
        vec![Diagnostic::of_file(name, Severity::Error, message).with_help(help)]
    };
    let limit = limits.bytes.min(u32::MAX as usize);
    if bytes.len() > limit {
        let message = format!("{} bytes are more than the limit of {limit}", bytes.len());
        return Err(fail(message, "split the file"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fail("the file is UTF-16".into(), "save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text.to_owned()),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let rest = bytes.get(at..).unwrap_or_default();
    let end = at + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    // Only as much text as it takes to find and show the place.
    let text = String::from_utf8_lossy(bytes.get(..end).unwrap_or(bytes)).into_owned();
    let byte = rest.first().copied().unwrap_or_default();
    let span = Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8());
    let fault = Fault::new(span, format!("byte 0x{byte:02x} is not UTF-8"));
    Err(vec![
        fault
            .help("save the file as UTF-8")
            .into_diagnostic(&Tree::new(name, text)),
    ])
}

#[cfg(test)]
mod tests;
