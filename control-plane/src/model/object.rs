//! The kinds of objects, and how the spec of one becomes its own type.

use std::fmt;
use std::str::FromStr;

use portway_data_plane::resources::at::{self, At, Parsed};
use portway_proto::loader::{Diagnostic, Severity, closest};

use super::Origin;
use crate::store::Object;

/// The kinds of objects that an operator writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    EnvoyResources,
    Gateway,
    Route,
    Service,
}

impl ObjectKind {
    pub const ALL: [Self; 4] = [
        Self::EnvoyResources,
        Self::Gateway,
        Self::Route,
        Self::Service,
    ];

    /// The name that objects carry in `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EnvoyResources => "EnvoyResources",
            Self::Gateway => "Gateway",
            Self::Route => "Route",
            Self::Service => "Service",
        }
    }

    /// The message of the kind.
    pub const fn message_name(self) -> &'static str {
        match self {
            Self::EnvoyResources => "portway.v1.EnvoyResources",
            Self::Gateway => "portway.v1.Gateway",
            Self::Route => "portway.v1.Route",
            Self::Service => "portway.v1.Service",
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind(String);

impl UnknownKind {
    /// What to write instead.
    pub fn help(&self) -> String {
        let names = ObjectKind::ALL.map(ObjectKind::as_str);
        match closest(&self.0, names.into_iter()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write one of {}", names.join(", ")),
        }
    }
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no kind of object", self.0)
    }
}

impl std::error::Error for UnknownKind {}

impl FromStr for ObjectKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// Parses an object's spec; what is wrong with it is reported at its place.
pub(super) fn parse<M: prost::Message + Default, T>(
    object: &Object,
    origin: &Origin,
    diagnostics: &mut Vec<Diagnostic>,
    parser: impl FnOnce(At<'_>, M) -> Parsed<T>,
) -> Option<T> {
    let message = match M::decode(object.spec.clone()) {
        Ok(message) => message,
        Err(error) => {
            let text = format!("{} has a spec that cannot be read: {error}", object.key);
            diagnostics.push(origin.diagnostic(Severity::Error, "spec", text));
            return None;
        }
    };
    let (value, report) = at::parse(|at| at.field("spec", |at| parser(at, message)));
    let problems = |list: Vec<at::Problem>, severity| {
        list.into_iter()
            .map(move |problem| origin.at(severity, &problem.path, problem.reason))
    };
    diagnostics.extend(problems(report.errors, Severity::Error));
    diagnostics.extend(problems(report.warnings, Severity::Warning));
    value
}
