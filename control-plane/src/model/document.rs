//! One document of a file: the envelope, and the message in it.
//!
//! The envelope's `apiVersion` and `kind` choose the message; `metadata` and `spec` are its fields. The name is
//! taken from the text itself, so that a faulty object still counts as declared and references to it are not
//! called wrong as well.

use std::sync::Arc;

use bytes::Bytes;
use portway_proto::index;
use portway_proto::loader::{self, Diagnostic, Node, Options, Severity, Value, closest};
use portway_proto::wire::{self, Records};

use super::{API_VERSION, ObjectKind, Origin};
use crate::store::{Object, ObjectKey};

/// What a document declares.
pub(super) struct Read {
    pub(super) kind: ObjectKind,
    pub(super) name: Arc<str>,
    pub(super) origin: Origin,
    /// Absent where the document has errors.
    pub(super) object: Option<Object>,
}

const ENVELOPE: [&str; 2] = ["apiVersion", "kind"];
/// The number that `spec` has in the message of every kind.
const SPEC: u32 = 2;

/// Reads a document. Nothing comes back where it cannot be told what it declares.
pub(super) fn read(root: Node<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<Read> {
    if root.is_null() {
        return None;
    }
    if !matches!(root.value(), Value::Mapping(_)) {
        let diagnostic = root.diagnostic(Severity::Error, "", "this is no object");
        diagnostics.push(diagnostic.with_help(OBJECT));
        return None;
    }
    let known = api_version(root, diagnostics);
    let kind = kind(root, diagnostics)?;
    if !known {
        return None;
    }
    let message = index::message(kind.message_name())?;
    let options = Options {
        envelope: &ENVELOPE,
        accept_undecodable: kind == ObjectKind::EnvoyResources && goes_on_as_it_is(root),
        ..Options::default()
    };
    let loaded = loader::load(root, message, &options);
    let failed = loaded.has_errors();
    diagnostics.extend(loaded.diagnostics);
    let name: Arc<str> = root.get("metadata")?.get("name")?.as_str()?.into();
    let origin = Origin::loaded(loaded.positions);
    let object = (!failed).then(|| Object {
        key: ObjectKey::new(kind.as_str(), &*name),
        file: Arc::clone(origin.file()),
        line: origin.line(),
        document: text(root).into(),
        spec: spec(&loaded.wire),
    });
    Some(Read {
        kind,
        name,
        origin,
        object,
    })
}

const OBJECT: &str =
    "write an object: apiVersion: portway.v1, kind: Route, metadata: {name: ...}, spec: {...}";
const RAW: &str =
    "Envoy's own resources go under kind: EnvoyResources, into the list spec.resources";

fn api_version(root: Node<'_>, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let Some(version) = root.get("apiVersion") else {
        let diagnostic = root.diagnostic(Severity::Error, "", "`apiVersion` is required");
        let raw = ["@type", "static_resources", "staticResources"];
        let help = if raw.into_iter().any(|key| root.get(key).is_some()) {
            RAW.to_owned()
        } else {
            similar_key(root, "apiVersion")
                .unwrap_or_else(|| format!("write apiVersion: {API_VERSION}"))
        };
        diagnostics.push(diagnostic.with_help(help));
        return false;
    };
    if version.as_str() == Some(API_VERSION) {
        return true;
    }
    let message = format!("{} is no version of the API", version.source());
    let diagnostic = version.diagnostic(Severity::Error, ".apiVersion", message);
    diagnostics.push(diagnostic.with_help(format!("write {API_VERSION}")));
    false
}

fn kind(root: Node<'_>, diagnostics: &mut Vec<Diagnostic>) -> Option<ObjectKind> {
    let Some(kind) = root.get("kind") else {
        // A document without both was told about already.
        if root.get("apiVersion").is_some() {
            let diagnostic = root.diagnostic(Severity::Error, "", "`kind` is required");
            let help = similar_key(root, "kind").unwrap_or_else(|| {
                let names = ObjectKind::ALL.map(ObjectKind::as_str);
                format!("write one of {}", names.join(", "))
            });
            diagnostics.push(diagnostic.with_help(help));
        }
        return None;
    };
    match kind.as_str().unwrap_or(kind.source()).parse::<ObjectKind>() {
        Ok(kind) => Some(kind),
        Err(unknown) => {
            let diagnostic = kind.diagnostic(Severity::Error, ".kind", unknown.to_string());
            diagnostics.push(diagnostic.with_help(unknown.help()));
            None
        }
    }
}

/// A key that looks like a slip of the pen for the one that is missing.
fn similar_key(root: Node<'_>, wanted: &str) -> Option<String> {
    let keys = root.entries().map(|entry| entry.name());
    let found = closest(wanted, keys)?;
    Some(format!("write `{wanted}` instead of `{found}`"))
}

/// Whether raw resources reach none but clients that know every field of Envoy's.
fn goes_on_as_it_is(root: Node<'_>) -> bool {
    let classes = ["spec", "nodes", "classes"];
    let classes = classes
        .into_iter()
        .try_fold(root, |node, key| node.get(key));
    classes.is_some_and(|classes| {
        let mut classes = classes.items().peekable();
        classes.peek().is_some()
            && classes.all(|class| matches!(class.as_str(), Some("ENVOY" | "GRPC")))
    })
}

/// The operator's own text of a document. What stands before it on its first line (an indentation, or a marker)
/// becomes blanks, so that its lines stay aligned.
fn text(root: Node<'_>) -> String {
    let column = root.place().column as usize;
    let mut text = " ".repeat(column.saturating_sub(1).min(1024));
    text.push_str(root.source().trim_end());
    text.push('\n');
    text
}

/// The bytes of the field `spec`.
fn spec(message: &[u8]) -> Bytes {
    let spec = Records::new(message)
        .filter_map(Result::ok)
        .filter(|record| record.number == SPEC)
        .find_map(|record| match record.value {
            wire::Value::Bytes(bytes) => Some(Bytes::copy_from_slice(bytes)),
            _ => None,
        });
    spec.unwrap_or_default()
}
