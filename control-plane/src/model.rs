//! The operator's configuration as Portway understands it: files to one checked set of own types.
//!
//! In the order in which data meets them: `document` reads one document of a file (its envelope, the message in
//! it, its place), [`gateway`], [`route`], [`service`] and [`raw`] are the kinds, each parsed once from its
//! message, `references` checks what only the whole set can tell: names that lead nowhere, two of a name, two
//! listeners on one port. A set is accepted or refused as one, and all that is wrong with it is told in one pass.
//!
//! Not here: how a set is kept (the store), and what becomes of it on the wire ([`crate::compile`], which
//! [`load_set`] asks whether it could be).

mod document;
pub mod gateway;
mod object;
mod origin;
pub mod raw;
mod references;
pub mod route;
pub mod service;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use portway_proto::loader::{self, Diagnostic, Limits, Severity};

pub use self::gateway::Gateway;
pub use self::object::ObjectKind;
pub use self::origin::Origin;
pub use self::raw::EnvoyResources;
pub use self::route::Route;
pub use self::service::Service;
use crate::store::Object;

/// What every document says of itself.
pub const API_VERSION: &str = "portway.v1";

/// A file as read from disk or received.
#[derive(Clone, Copy, Debug)]
pub struct SourceFile<'a> {
    /// As the operator named it; its ending tells YAML from JSON.
    pub name: &'a str,
    pub bytes: &'a [u8],
}

/// An object with where it was written.
#[derive(Clone, Debug)]
pub struct Declared<T> {
    pub origin: Origin,
    pub value: T,
}

type Objects<T> = BTreeMap<Arc<str>, Declared<T>>;

/// A whole configuration in which everything is well formed and every reference leads somewhere.
#[derive(Clone, Debug, Default)]
pub struct Set {
    pub(crate) gateways: Objects<Gateway>,
    pub(crate) routes: Objects<Route>,
    pub(crate) services: Objects<Service>,
    pub(crate) raw: Objects<EnvoyResources>,
    objects: Vec<Object>,
    warnings: Vec<Diagnostic>,
}

impl Set {
    pub fn gateways(&self) -> &BTreeMap<Arc<str>, Declared<Gateway>> {
        &self.gateways
    }

    pub fn routes(&self) -> &BTreeMap<Arc<str>, Declared<Route>> {
        &self.routes
    }

    pub fn services(&self) -> &BTreeMap<Arc<str>, Declared<Service>> {
        &self.services
    }

    pub fn envoy_resources(&self) -> &BTreeMap<Arc<str>, Declared<EnvoyResources>> {
        &self.raw
    }

    /// The objects as the store keeps them, sorted by kind and name.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// What the operator should know though nothing is refused.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The set that these objects, which were a set's, make. What a proxy supports is not asked again: a revision
    /// that was accepted once stays one that can be served.
    pub fn from_objects(objects: &[Object]) -> Result<Self, Vec<Diagnostic>> {
        let mut builder = Builder::default();
        for stored in objects {
            builder.add_stored(stored);
        }
        builder.finish()
    }
}

/// Reads files into a set, or tells everything that is wrong with them, sorted by file and place.
///
/// A set that comes back compiles to resources that portway-proxy takes; warnings are in it.
pub fn load_set(files: &[SourceFile<'_>]) -> Result<Set, Vec<Diagnostic>> {
    let mut builder = Builder::default();
    for file in files {
        let source = loader::Source {
            name: file.name,
            bytes: file.bytes,
        };
        match loader::documents(source, &Limits::default()) {
            Ok(documents) => {
                for document in &documents {
                    builder.add_document(document);
                }
            }
            Err(diagnostics) => {
                // Nothing is known of what the file declares, so references into it cannot be judged.
                builder.incomplete = true;
                builder.diagnostics.extend(diagnostics);
            }
        }
    }
    let mut set = builder.finish()?;
    let found = crate::compile::verify(&set);
    if found.iter().any(Diagnostic::is_error) {
        let mut all = std::mem::take(&mut set.warnings);
        all.extend(found);
        sort(&mut all);
        return Err(all);
    }
    set.warnings.extend(found);
    sort(&mut set.warnings);
    Ok(set)
}

/// Puts a set together object by object.
#[derive(Debug, Default)]
struct Builder {
    set: Set,
    /// Every name that is declared, well or badly, with the place of the first.
    declared: BTreeMap<(ObjectKind, Arc<str>), Origin>,
    /// Names whose object is faulty: a reference to one is no second mistake.
    faulty: BTreeSet<(ObjectKind, Arc<str>)>,
    /// A part of the configuration could not be read at all.
    incomplete: bool,
    diagnostics: Vec<Diagnostic>,
}

impl Builder {
    fn add_document(&mut self, document: &loader::Document) {
        let Some(read) = document::read(document.root(), &mut self.diagnostics) else {
            // An empty document declares nothing; any other was something.
            self.incomplete |= !document.root().is_null();
            return;
        };
        let document::Read {
            kind,
            name,
            origin,
            object,
        } = read;
        let key = (kind, name);
        if let Some(first) = self.declared.get(&key) {
            let duplicate = origin.diagnostic(
                Severity::Error,
                "metadata.name",
                format!("{kind} {:?} is declared twice", &*key.1),
            );
            let duplicate = duplicate.with_help(format!(
                "rename or remove one of them; the other is at {first}"
            ));
            self.diagnostics.push(duplicate);
            return;
        }
        self.declared.insert(key.clone(), origin.clone());
        match object {
            Some(object) => self.add_object(key, origin, object),
            None => {
                self.faulty.insert(key);
            }
        }
    }

    fn add_stored(&mut self, stored: &Object) {
        let origin = Origin::stored(&stored.file, stored.line);
        let name: Arc<str> = stored.key.name.as_str().into();
        match stored.key.kind.parse::<ObjectKind>() {
            Ok(kind) => {
                let key = (kind, name);
                self.declared.insert(key.clone(), origin.clone());
                self.add_object(key, origin, stored.clone());
            }
            Err(unknown) => {
                let diagnostic = origin.diagnostic(Severity::Error, "kind", unknown.to_string());
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// Parses an object's spec into the type of its kind.
    fn add_object(&mut self, key: (ObjectKind, Arc<str>), origin: Origin, object: Object) {
        let (kind, name) = &key;
        let (set, diagnostics) = (&mut self.set, &mut self.diagnostics);
        let name = Arc::clone(name);
        let done = match kind {
            ObjectKind::EnvoyResources => object::parse(&object, &origin, diagnostics, raw::parse)
                .map(|value| insert(&mut set.raw, name, origin, value)),
            ObjectKind::Gateway => object::parse(&object, &origin, diagnostics, gateway::parse)
                .map(|value| insert(&mut set.gateways, name, origin, value)),
            ObjectKind::Route => object::parse(&object, &origin, diagnostics, route::parse)
                .map(|value| insert(&mut set.routes, name, origin, value)),
            ObjectKind::Service => object::parse(&object, &origin, diagnostics, service::parse)
                .map(|value| insert(&mut set.services, name, origin, value)),
        };
        match done {
            Some(()) => self.set.objects.push(object),
            None => {
                self.faulty.insert(key);
            }
        }
    }

    fn finish(mut self) -> Result<Set, Vec<Diagnostic>> {
        references::check(&mut self);
        sort(&mut self.diagnostics);
        if self.diagnostics.iter().any(Diagnostic::is_error) {
            return Err(self.diagnostics);
        }
        self.set.objects.sort_by(|a, b| a.key.cmp(&b.key));
        self.set.warnings = self.diagnostics;
        Ok(self.set)
    }
}

fn insert<T>(objects: &mut Objects<T>, name: Arc<str>, origin: Origin, value: T) {
    objects.insert(name, Declared { origin, value });
}

/// By file and place, so that the order in which files were named or objects checked does not show.
fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let place = |d: &Diagnostic| (d.line, d.column);
        (&a.file, place(a), &a.path, &a.message).cmp(&(&b.file, place(b), &b.path, &b.message))
    });
}

#[cfg(test)]
mod tests;
