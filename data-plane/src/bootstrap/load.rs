//! From text to the bootstrap message.
//!
//! A bootstrap may come as a file, as text on the command line, or as both: then the text is merged over the
//! file, as protobuf merges (lists grow, single values are replaced). Errors in either are placed in it.

use portway_proto::{
    index,
    loader::{self, Diagnostic, Document, Limits, Positions, Severity, Source},
    pb::envoy::config::bootstrap::v3 as pb,
};
use prost::{Message, Name};

use crate::resources::at::{Problem, Report};

/// A bootstrap and where its values stand.
#[derive(Debug)]
pub struct Loaded {
    pub message: pb::Bootstrap,
    pub warnings: Vec<Diagnostic>,
    positions: Vec<Positions>,
}

/// What a bootstrap is read with.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Fields that no message here has are told, not refused.
    pub allow_unknown: bool,
}

/// Reads and merges sources, the later over the earlier; all errors come together.
pub fn load(sources: &[Source<'_>], options: &LoadOptions) -> Result<Loaded, Vec<Diagnostic>> {
    let mut wire = Vec::new();
    let mut diagnostics = Vec::new();
    let mut positions = Vec::new();
    for source in sources {
        match single_document(*source).and_then(|document| read(&document, options)) {
            Ok(loaded) => {
                wire.extend_from_slice(&loaded.wire);
                diagnostics.extend(loaded.diagnostics);
                positions.push(loaded.positions);
            }
            Err(errors) => diagnostics.extend(errors),
        }
    }
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    match pb::Bootstrap::decode(wire.as_slice()) {
        Ok(message) => Ok(Loaded {
            message,
            warnings: diagnostics,
            positions,
        }),
        Err(error) => {
            let name = sources.first().map_or("bootstrap", |source| source.name);
            Err(vec![Diagnostic::of_file(
                name,
                Severity::Error,
                format!("is no valid bootstrap: {error}"),
            )])
        }
    }
}

fn single_document(source: Source<'_>) -> Result<Document, Vec<Diagnostic>> {
    let fail = |message: &str| {
        Err(vec![Diagnostic::of_file(
            source.name,
            Severity::Error,
            message,
        )])
    };
    let mut documents = loader::documents(source, &Limits::default())?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => fail("the file is empty; a bootstrap is one document"),
        (Some(_), Some(second)) => {
            let message = "a second document begins here; a bootstrap is one document";
            Err(vec![second.root().diagnostic(
                Severity::Error,
                String::new(),
                message,
            )])
        }
    }
}

fn read(document: &Document, options: &LoadOptions) -> Result<loader::Loaded, Vec<Diagnostic>> {
    let walk = loader::Options {
        reject_unknown: !options.allow_unknown,
        ..loader::Options::default()
    };
    match index::message(&pb::Bootstrap::full_name()) {
        Some(message) => Ok(loader::load(document.root(), message, &walk)),
        None => Err(vec![Diagnostic::of_file(
            document.file(),
            Severity::Error,
            "this build knows no bootstrap",
        )]),
    }
}

impl Loaded {
    /// Places what was found wrong or without effect in the message.
    pub fn diagnostics(&self, report: &Report) -> Vec<Diagnostic> {
        let place = |severity, problem: &Problem| {
            // With two sources a value stands in the last one that has it.
            let holder = self
                .positions
                .iter()
                .rev()
                .find(|positions| positions.find(&problem.path).exact);
            let positions = holder.or(self.positions.first());
            match positions {
                Some(positions) => {
                    positions.diagnostic(severity, &problem.path, problem.reason.clone())
                }
                None => Diagnostic::of_file("bootstrap", severity, problem.to_string()),
            }
        };
        let errors = report
            .errors
            .iter()
            .map(|problem| place(Severity::Error, problem));
        errors
            .chain(
                report
                    .warnings
                    .iter()
                    .map(|problem| place(Severity::Warning, problem)),
            )
            .collect()
    }
}
