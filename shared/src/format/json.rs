//! A JSON value with operators in its strings: one log line each.
//!
//! A string that is one operator and nothing else keeps that operator's type: counts and durations stay
//! numbers, and what is not there is `null`. A string with more in it is always a string. Objects print their
//! keys in byte order. Without empty values, keys and elements that would be `null` go, and so do objects that
//! would be empty; lists stay.

use std::{collections::BTreeMap, fmt};

use portway_proto::path::{FieldPath, Segment};
use serde_json::Value;

use super::{
    Extensions, FormatError, Name, Outcome, Piece, Subject, Template,
    escape::{escape_from, quote},
    operator::Command,
};

/// A JSON value, ready to render.
#[derive(Clone, Debug)]
pub struct JsonTemplate<N> {
    root: Object<N>,
    omit_empty: bool,
}

type Object<N> = Box<[(Box<[u8]>, Node<N>)]>;

#[derive(Clone, Debug)]
enum Node<N> {
    /// JSON already.
    Fixed(Box<[u8]>),
    Null,
    Single(Command<N>),
    Mixed(Template<N>),
    Object(Object<N>),
    List(Box<[Node<N>]>),
}

/// Why a value is not a template, and which of its strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFormatError {
    /// From the object that was parsed.
    pub path: FieldPath,
    pub error: FormatError,
}

impl fmt::Display for JsonFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.error)
    }
}

impl std::error::Error for JsonFormatError {}

impl<N: Name> JsonTemplate<N> {
    /// Reads the members of an object.
    pub fn parse(
        members: BTreeMap<String, Value>,
        extensions: Extensions,
        omit_empty: bool,
    ) -> Result<Self, JsonFormatError> {
        let reader = Reader {
            extensions,
            omit_empty,
        };
        let root = reader.object(&FieldPath::default(), members)?;
        Ok(Self { root, omit_empty })
    }
}

impl<N> JsonTemplate<N> {
    /// Appends one line.
    pub fn render(&self, subject: &(impl Subject<Name = N> + ?Sized), out: &mut Vec<u8>) {
        self.object(&self.root, subject, out);
        out.push(b'\n');
    }

    /// Appends an object; says whether it has members.
    fn object(
        &self,
        members: &Object<N>,
        subject: &(impl Subject<Name = N> + ?Sized),
        out: &mut Vec<u8>,
    ) -> bool {
        out.push(b'{');
        let first = out.len();
        for (key, node) in members {
            let before = out.len();
            if before > first {
                out.push(b',');
            }
            out.extend_from_slice(key);
            if !self.node(node, subject, out) {
                out.truncate(before);
            }
        }
        let full = out.len() > first;
        out.push(b'}');
        full
    }

    /// Appends a value; says whether it is there or to be left out.
    fn node(
        &self,
        node: &Node<N>,
        subject: &(impl Subject<Name = N> + ?Sized),
        out: &mut Vec<u8>,
    ) -> bool {
        let keep = !self.omit_empty;
        match node {
            Node::Fixed(json) => out.extend_from_slice(json),
            Node::Null => {
                out.extend_from_slice(b"null");
                return keep;
            }
            Node::Single(command) => {
                let start = out.len();
                match command.write(subject, out) {
                    Outcome::Number => {}
                    Outcome::Text => {
                        out.insert(start, b'"');
                        escape_from(start + 1, out);
                        out.push(b'"');
                    }
                    Outcome::Unset => {
                        out.extend_from_slice(b"null");
                        return keep;
                    }
                }
            }
            Node::Mixed(template) => {
                out.push(b'"');
                template.render_escaped(subject, out);
                out.push(b'"');
            }
            Node::Object(members) => return self.object(members, subject, out) || keep,
            Node::List(nodes) => {
                out.push(b'[');
                let first = out.len();
                for node in nodes {
                    let before = out.len();
                    if before > first {
                        out.push(b',');
                    }
                    if !self.node(node, subject, out) {
                        out.truncate(before);
                    }
                }
                out.push(b']');
            }
        }
        true
    }
}

impl<N> Template<N> {
    /// Renders into a JSON string; every piece is escaped for itself, as one may be UTF-8 and another not.
    fn render_escaped(&self, subject: &(impl Subject<Name = N> + ?Sized), out: &mut Vec<u8>) {
        for piece in &self.pieces {
            let start = out.len();
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Command(command) => {
                    let unset = command.write(subject, out) == Outcome::Unset;
                    if unset && !self.omit_empty {
                        out.push(b'-');
                    }
                }
            }
            escape_from(start, out);
        }
    }
}

struct Reader {
    extensions: Extensions,
    omit_empty: bool,
}

impl Reader {
    fn object<N: Name>(
        &self,
        path: &FieldPath,
        members: impl IntoIterator<Item = (String, Value)>,
    ) -> Result<Object<N>, JsonFormatError> {
        let mut members: Vec<(String, Value)> = members.into_iter().collect();
        members.sort_by(|(left, _), (right, _)| left.cmp(right));
        members
            .into_iter()
            .map(|(key, value)| {
                let mut json = Vec::new();
                quote(&key, &mut json);
                json.push(b':');
                let inner = inside(path, Segment::Key(key.into()));
                Ok((json.into(), self.node(&inner, value)?))
            })
            .collect()
    }

    fn node<N: Name>(&self, path: &FieldPath, value: Value) -> Result<Node<N>, JsonFormatError> {
        Ok(match value {
            Value::Null => Node::Null,
            Value::Bool(_) | Value::Number(_) => Node::Fixed(value.to_string().into_bytes().into()),
            Value::String(text) => self.text(path, &text)?,
            Value::Object(members) => Node::Object(self.object(path, members)?),
            Value::Array(values) => Node::List(
                values
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| self.node(&inside(path, Segment::Index(index)), value))
                    .collect::<Result<_, _>>()?,
            ),
        })
    }

    fn text<N: Name>(&self, path: &FieldPath, text: &str) -> Result<Node<N>, JsonFormatError> {
        let template =
            Template::parse_with(text, self.extensions).map_err(|error| JsonFormatError {
                path: path.clone(),
                error,
            })?;
        if let Some(literal) = template.literal() {
            let mut json = vec![b'"'];
            json.extend_from_slice(literal);
            escape_from(1, &mut json);
            json.push(b'"');
            return Ok(Node::Fixed(json.into()));
        }
        Ok(
            match <[Piece<N>; 1]>::try_from(Vec::from(template.pieces)) {
                Ok([Piece::Command(command)]) => Node::Single(command),
                Ok([text]) => Node::Mixed(self.mixed(vec![text])),
                Err(pieces) => Node::Mixed(self.mixed(pieces)),
            },
        )
    }

    fn mixed<N>(&self, pieces: Vec<Piece<N>>) -> Template<N> {
        Template {
            pieces: pieces.into(),
            omit_empty: self.omit_empty,
        }
    }
}

fn inside(path: &FieldPath, segment: Segment) -> FieldPath {
    let mut path = path.clone();
    path.0.push(segment);
    path
}
