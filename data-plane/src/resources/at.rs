//! How a parser says where it stands and what is wrong there.
//!
//! An [`At`] is a cursor: it knows the way from the resource's root to the value at hand and writes what it
//! finds into one [`Report`]. Parsers take messages apart exhaustively and answer for every field in one of
//! three ways: they use it, call it [`At::harmless`] (warned about once), or [`At::refuse`] it. A field that
//! carries policy is never dropped in silence.
//!
//! Errors do not stop a parser: it reports, goes on to its other fields, and gives up at its end, so that an
//! operator sees everything at once. [`Rejected`] says only that the reasons are already in the report.

use std::{cell::RefCell, collections::HashMap, fmt};

use portway_proto::path::{FieldPath, Segment};

/// One thing that is wrong, or without effect, in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub path: FieldPath,
    pub reason: String,
    /// The field exists but this proxy does not offer it, and it was refused by name.
    pub unsupported: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.0.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path, self.reason)
        }
    }
}

/// Everything found while one resource was parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
}

/// A value that could not be had; why stands in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected;

/// The result of a parser.
pub type Parsed<T> = Result<T, Rejected>;

/// A place inside a resource.
#[derive(Clone, Copy)]
pub struct At<'a> {
    report: &'a RefCell<Report>,
    step: Option<&'a Step<'a>>,
}

struct Step<'a> {
    segment: Segment,
    parent: Option<&'a Step<'a>>,
}

/// Reports beyond this many errors help nobody and cost memory.
const MAX_PROBLEMS: usize = 200;

/// Parses one resource: hands the root to `parse`, returns what it made or why not, and the warnings.
/// A parser that reported an error has failed, whatever it returned.
pub fn parse<T>(parse: impl FnOnce(At<'_>) -> Parsed<T>) -> (Option<T>, Report) {
    let report = RefCell::new(Report::default());
    let value = parse(At {
        report: &report,
        step: None,
    });
    let report = report.into_inner();
    (value.ok().filter(|_| report.errors.is_empty()), report)
}

impl<'a> At<'a> {
    /// Goes to a field and parses it there.
    pub fn field<T>(self, name: &'static str, parse: impl FnOnce(At<'_>) -> T) -> T {
        self.enter(Segment::Field(name), parse)
    }

    /// Goes to an element of the repeated field at hand.
    pub fn index<T>(self, index: usize, parse: impl FnOnce(At<'_>) -> T) -> T {
        self.enter(Segment::Index(index), parse)
    }

    /// Goes to an entry of the map field at hand.
    pub fn key<T>(self, key: &str, parse: impl FnOnce(At<'_>) -> T) -> T {
        self.enter(Segment::Key(key.into()), parse)
    }

    /// Parses every element of a repeated field; all of them are looked at before it fails.
    pub fn each<M, T>(
        self,
        name: &'static str,
        messages: impl IntoIterator<Item = M>,
        mut parse: impl FnMut(At<'_>, M) -> Parsed<T>,
    ) -> Parsed<Vec<T>> {
        self.field(name, |at| {
            let parsed: Vec<Parsed<T>> = messages
                .into_iter()
                .enumerate()
                .map(|(index, message)| at.index(index, |at| parse(at, message)))
                .collect();
            parsed.into_iter().collect()
        })
    }

    /// Says what is wrong with the value at hand.
    pub fn error(self, reason: impl Into<String>) -> Rejected {
        self.push(reason.into(), false)
    }

    /// A message field that must be there.
    pub fn required<M, T>(
        self,
        name: &'static str,
        message: Option<M>,
        parse: impl FnOnce(At<'_>, M) -> Parsed<T>,
    ) -> Parsed<T> {
        self.field(name, |at| match message {
            Some(message) => parse(at, message),
            None => Err(at.error("is required")),
        })
    }

    /// A message field that may be absent.
    pub fn optional<M, T>(
        self,
        name: &'static str,
        message: Option<M>,
        parse: impl FnOnce(At<'_>, M) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        match message {
            Some(message) => self.field(name, |at| parse(at, message)).map(Some),
            None => Ok(None),
        }
    }

    /// Refuses a field that is set and that this proxy does not offer.
    pub fn refuse(self, name: &'static str, value: &impl Unset) {
        if !value.is_unset() {
            self.field(name, |at| at.unsupported("is not supported by this proxy"));
        }
    }

    /// Refuses the value at hand as one that this proxy does not offer.
    pub fn unsupported(self, reason: impl Into<String>) -> Rejected {
        self.push(reason.into(), true)
    }

    /// Notes a field that is set, changes nothing here and carries no policy.
    pub fn harmless(self, name: &'static str, value: &impl Unset) {
        if !value.is_unset() {
            self.field(name, |at| at.warn("has no effect in this proxy"));
        }
    }

    /// Notes something about the value at hand that does not stop it from being used.
    pub fn warn(self, reason: impl Into<String>) {
        let path = self.path();
        let mut report = self.report.borrow_mut();
        if report.warnings.len() < MAX_PROBLEMS {
            report.warnings.push(Problem {
                path,
                reason: reason.into(),
                unsupported: false,
            });
        }
    }

    fn enter<T>(self, segment: Segment, parse: impl FnOnce(At<'_>) -> T) -> T {
        let step = Step {
            segment,
            parent: self.step,
        };
        parse(At {
            report: self.report,
            step: Some(&step),
        })
    }

    fn push(self, reason: String, unsupported: bool) -> Rejected {
        let path = self.path();
        let mut report = self.report.borrow_mut();
        if report.errors.len() < MAX_PROBLEMS {
            report.errors.push(Problem {
                path,
                reason,
                unsupported,
            });
        }
        Rejected
    }

    fn path(self) -> FieldPath {
        let mut segments = Vec::new();
        let mut step = self.step;
        while let Some(at) = step {
            segments.push(at.segment.clone());
            step = at.parent;
        }
        segments.reverse();
        FieldPath(segments)
    }
}

/// Whether a field was left out of its message.
pub trait Unset {
    fn is_unset(&self) -> bool;
}

impl<T> Unset for Option<T> {
    fn is_unset(&self) -> bool {
        self.is_none()
    }
}

impl<T> Unset for Vec<T> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Unset for HashMap<K, V> {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

impl Unset for String {
    fn is_unset(&self) -> bool {
        self.is_empty()
    }
}

macro_rules! unset_when_default {
    ($($type:ty)*) => { $(impl Unset for $type {
        fn is_unset(&self) -> bool {
            *self == <$type>::default()
        }
    })* };
}

unset_when_default!(bool i32 i64 u32 u64 f32 f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_reported_with_its_path() {
        let (value, report) = parse(|at| {
            at.refuse("legacy", &true);
            let all = at.each("items", [1, -1, -2], |at, item| {
                if item < 0 {
                    Err(at.field("size", |at| at.error(format!("{item} is negative"))))
                } else {
                    Ok(item)
                }
            });
            at.harmless("hint", &"x".to_owned());
            at.harmless("unset", &String::new());
            all
        });
        assert_eq!(value, None);
        let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "legacy: is not supported by this proxy",
                "items[1].size: -1 is negative",
                "items[2].size: -2 is negative"
            ]
        );
        assert_eq!(
            report
                .errors
                .iter()
                .map(|problem| problem.unsupported)
                .collect::<Vec<_>>(),
            [true, false, false]
        );
        assert_eq!(
            report.warnings[0].to_string(),
            "hint: has no effect in this proxy"
        );
        assert_eq!(report.warnings.len(), 1);
    }

    #[test]
    fn a_parser_that_reported_an_error_has_failed() {
        let (value, _) = parse(|at| {
            at.field("a", |at| at.error("wrong"));
            Ok(1)
        });
        assert_eq!(value, None);
    }
}
