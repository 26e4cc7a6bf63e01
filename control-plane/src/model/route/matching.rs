//! Conditions on requests.

use portway_data_plane::http::message::RequestField;
use portway_data_plane::resources::at::{At, Parsed};
use portway_data_plane::routing::pattern::Pattern;
use portway_proto::pb::portway::v1 as pb;

/// Matches when everything that is set in it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    pub path: PathMatch,
    /// Any of these; empty: every method.
    pub methods: Vec<Box<str>>,
    pub headers: Vec<ValueMatch>,
    pub query: Vec<ValueMatch>,
}

/// Compared with the path without its query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PathMatch {
    #[default]
    Any,
    Exact(Box<str>),
    /// Whole segments.
    Prefix(Box<str>),
    Regex(Box<str>),
}

/// A condition on a header or on a parameter of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueMatch {
    pub name: Box<str>,
    pub test: ValueTest,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueTest {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Regex(Box<str>),
    Present(bool),
}

pub(super) fn parse(at: At<'_>, message: pb::RouteMatch) -> Parsed<Match> {
    let pb::RouteMatch {
        path,
        methods,
        headers,
        query,
    } = message;
    let path = at.optional("path", path, self::path);
    let headers = at.each("headers", headers, header);
    let query = at.each("query", query, self::query);
    Ok(Match {
        path: path?.unwrap_or_default(),
        methods: methods.into_iter().map(Into::into).collect(),
        headers: headers?,
        query: query?,
    })
}

fn path(at: At<'_>, message: pb::PathMatch) -> Parsed<PathMatch> {
    use pb::path_match::Kind;
    let pb::PathMatch { kind } = message;
    match kind {
        Some(Kind::Exact(path)) => at
            .field("exact", |at| literal(at, path))
            .map(PathMatch::Exact),
        Some(Kind::Prefix(path)) => at
            .field("prefix", |at| literal(at, path))
            .map(PathMatch::Prefix),
        Some(Kind::Regex(text)) => at
            .field("regex", |at| regex(at, text))
            .map(PathMatch::Regex),
        None => Err(at.error("needs one of exact, prefix and regex")),
    }
}

/// A path never holds what begins a query or a fragment, so such a match could not succeed.
fn literal(at: At<'_>, path: String) -> Parsed<Box<str>> {
    match path.chars().find(|c| matches!(c, '?' | '#')) {
        Some(found) => Err(at.error(format!(
            "{path:?} contains {found:?}; a path ends before it, and conditions on the query go under query"
        ))),
        None => Ok(path.into()),
    }
}

fn regex(at: At<'_>, text: String) -> Parsed<Box<str>> {
    match Pattern::parse(&text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(at.error(error.to_string())),
    }
}

fn header(at: At<'_>, message: pb::HeaderMatch) -> Parsed<ValueMatch> {
    use pb::header_match::Value;
    let pb::HeaderMatch { name, value } = message;
    let known = at.field("name", |at| {
        RequestField::parse(&name).map_err(|error| at.error(error.to_string()))
    });
    let test = match value {
        Some(Value::Exact(text)) => Ok(ValueTest::Exact(text.into())),
        Some(Value::Prefix(text)) => Ok(ValueTest::Prefix(text.into())),
        Some(Value::Suffix(text)) => Ok(ValueTest::Suffix(text.into())),
        Some(Value::Regex(text)) => at
            .field("regex", |at| regex(at, text))
            .map(ValueTest::Regex),
        Some(Value::Present(present)) => Ok(ValueTest::Present(present)),
        None => Err(at.error("needs one of exact, prefix, suffix, regex and present")),
    };
    known?;
    Ok(ValueMatch {
        name: name.to_ascii_lowercase().into(),
        test: test?,
    })
}

fn query(at: At<'_>, message: pb::QueryMatch) -> Parsed<ValueMatch> {
    use pb::query_match::Value;
    let pb::QueryMatch { name, value } = message;
    let test = match value {
        Some(Value::Exact(text)) => Ok(ValueTest::Exact(text.into())),
        Some(Value::Prefix(text)) => Ok(ValueTest::Prefix(text.into())),
        Some(Value::Regex(text)) => at
            .field("regex", |at| regex(at, text))
            .map(ValueTest::Regex),
        Some(Value::Present(present)) => Ok(ValueTest::Present(present)),
        None => Err(at.error("needs one of exact, prefix, regex and present")),
    };
    let length = if name.len() > 1024 {
        Err(at.field("name", |at| at.error("must not be longer than 1024 bytes")))
    } else {
        Ok(())
    };
    length?;
    Ok(ValueMatch {
        name: name.into(),
        test: test?,
    })
}
