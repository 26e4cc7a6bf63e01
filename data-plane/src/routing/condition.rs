//! What a route asks of a request besides its path.
//!
//! A route's conditions are a list that is walked until one fails, so the first that fails has a name.

use super::text::TextMatch;
use crate::http::{
    message::{RequestField, RequestHead},
    name::Known,
};

/// A request as conditions see it.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    pub head: &'a RequestHead,
    /// Decides fractions; the same for every route, as in Envoy.
    pub random: u64,
}

/// One condition.
#[derive(Clone, Debug)]
pub enum Condition {
    Fraction(Fraction),
    /// `content-type: application/grpc` or `application/grpc+...`.
    Grpc,
    Header(HeaderCondition),
    Query(QueryCondition),
}

impl Condition {
    pub fn holds(&self, probe: &Probe<'_>) -> bool {
        match self {
            Condition::Fraction(fraction) => fraction.holds(probe.random),
            Condition::Grpc => is_grpc(probe.head),
            Condition::Header(header) => header.holds(probe.head),
            Condition::Query(query) => query.holds(probe.head),
        }
    }

    /// What must equal what, if this condition is an equality that can only hold for that very value.
    pub fn equality(&self) -> Option<(Subject, &[u8])> {
        match self {
            Condition::Header(HeaderCondition {
                field,
                test: HeaderTest::Text(TextMatch::Exact(want)),
                invert: false,
                missing_is_empty: false,
            }) => Some((Subject::Header(field.clone()), want.as_bytes())),
            Condition::Query(QueryCondition {
                name,
                test: QueryTest::Text(TextMatch::Exact(want)),
            }) => Some((Subject::Query(name.clone()), want.as_bytes())),
            Condition::Fraction(_)
            | Condition::Grpc
            | Condition::Header(_)
            | Condition::Query(_) => None,
        }
    }
}

/// What an equality compares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Header(RequestField),
    Query(Box<str>),
}

/// A share of all requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    pub numerator: u32,
    pub denominator: Denominator,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denominator {
    Hundred,
    TenThousand,
    Million,
}

impl Fraction {
    pub fn holds(self, random: u64) -> bool {
        let denominator = match self.denominator {
            Denominator::Hundred => 100,
            Denominator::TenThousand => 10_000,
            Denominator::Million => 1_000_000,
        };
        random % denominator < u64::from(self.numerator)
    }
}

/// A condition on a header, or on what Envoy calls a pseudo header. A header that came several times passes
/// when one of its values does.
#[derive(Clone, Debug)]
pub struct HeaderCondition {
    pub field: RequestField,
    pub test: HeaderTest,
    pub invert: bool,
    pub missing_is_empty: bool,
}

#[derive(Clone, Debug)]
pub enum HeaderTest {
    /// There (`true`) or not there (`false`).
    Present(bool),
    Text(TextMatch),
    /// A whole number from `start` to below `end`.
    Range {
        start: i64,
        end: i64,
    },
}

impl HeaderCondition {
    pub fn holds(&self, head: &RequestHead) -> bool {
        let present = match &self.field {
            RequestField::Header(name) => head.headers.get(name).is_some(),
            pseudo => pseudo.first(head).is_some(),
        };
        match &self.test {
            HeaderTest::Present(wanted) => {
                ((present || self.missing_is_empty) == *wanted) != self.invert
            }
            // A header that is missing satisfies no comparison, not even an inverted one.
            HeaderTest::Text(_) | HeaderTest::Range { .. }
                if !present && !self.missing_is_empty =>
            {
                false
            }
            HeaderTest::Text(text) => {
                self.any(head, present, |value| text.matches(value)) != self.invert
            }
            HeaderTest::Range { start, end } => {
                let within =
                    |value: &[u8]| whole_number(value).is_some_and(|n| (*start..*end).contains(&n));
                self.any(head, present, within) != self.invert
            }
        }
    }

    /// Whether one of the header's values passes; a header that is missing counts as an empty one here.
    fn any(&self, head: &RequestHead, present: bool, mut pass: impl FnMut(&[u8]) -> bool) -> bool {
        match &self.field {
            _ if !present => pass(b""),
            RequestField::Header(name) => head.headers.all(name).any(pass),
            pseudo => pseudo.first(head).is_some_and(pass),
        }
    }
}

/// A condition on the first query parameter of a name; names and values are compared as they came, escapes
/// included.
#[derive(Clone, Debug)]
pub struct QueryCondition {
    pub name: Box<str>,
    pub test: QueryTest,
}

#[derive(Clone, Debug)]
pub enum QueryTest {
    /// There (`true`) or not there (`false`).
    Present(bool),
    Text(TextMatch),
}

impl QueryCondition {
    fn holds(&self, head: &RequestHead) -> bool {
        let value = first_parameter(head, self.name.as_bytes());
        match &self.test {
            QueryTest::Present(wanted) => value.is_some() == *wanted,
            QueryTest::Text(text) => value.is_some_and(|value| text.matches(value)),
        }
    }
}

fn first_parameter<'a>(head: &'a RequestHead, name: &[u8]) -> Option<&'a [u8]> {
    parameters(head).find_map(|(known, value)| (known == name).then_some(value))
}

/// The query's parameters with their values, as they came; one without `=` has an empty value.
pub(super) fn parameters(head: &RequestHead) -> impl Iterator<Item = (&[u8], &[u8])> {
    let query = head.query().into_iter();
    let parameters = query.flat_map(|query| query.split(|byte| *byte == b'&'));
    parameters.map(|parameter| {
        let equals = parameter.iter().position(|byte| *byte == b'=');
        match equals.and_then(|equals| parameter.split_at_checked(equals)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (parameter, &b""[..]),
        }
    })
}

fn is_grpc(head: &RequestHead) -> bool {
    head.headers
        .get_known(Known::ContentType)
        .and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// Reads a decimal number as Envoy does: blanks around it and a sign are allowed.
fn whole_number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
