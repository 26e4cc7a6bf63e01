//! One scalar of a file to one scalar of a message.
//!
//! Pinned to Envoy 1.40, which reads YAML into JSON and JSON with protobuf's lenient reader:
//!
//! | field | accepts | refuses |
//! |---|---|---|
//! | string | strings; also `1.5` and `2026-01-01`, which are strings in YAML | `8080`, `yes` |
//! | bool | `true`, `yes`, `on`; quoted `"true"`, `"yes"`, `"1"` | `1`, `0` |
//! | whole numbers | `10`, `0x10`, `"10"`, `1.0`, `1e2`, `"0x10"` | `1.5`, `" 5"`, `true`, `""` |
//! | numbers | all of those, `.5`, `"Infinity"`, `inf` | `.inf` |
//! | enum | names in any case, numbers, quoted numbers | other names, `1.0` |
//! | bytes | base 64 of either alphabet, padded or not | `"aG k"`, `5` |

use super::Walker;
use super::number::{self, Wrong};
use super::report::{help, quoted};
use super::suggest::closest;
use crate::encode::{WireType, put_tag, put_varint, zigzag};
use crate::index::{Deprecation, Enum, Kind};
use crate::loader::{Node, Severity, Value};

#[derive(Debug, Clone, PartialEq)]
pub(in crate::loader) enum Scalar<'t> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'t str),
    Bytes(Vec<u8>),
    Enum(i32),
}

impl Scalar<'_> {
    pub(in crate::loader) fn zero(kind: Kind) -> Self {
        match kind {
            Kind::Double | Kind::Float => Self::Float(0.0),
            Kind::Int32
            | Kind::Int64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Sfixed32
            | Kind::Sfixed64 => Self::Int(0),
            Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => Self::Uint(0),
            Kind::Bool => Self::Bool(false),
            Kind::String => Self::Text(""),
            Kind::Bytes | Kind::Message(_) => Self::Bytes(Vec::new()),
            Kind::Enum(_) => Self::Enum(0),
        }
    }

    /// Whether proto3 leaves it off the wire. Minus zero is not zero there.
    pub(super) fn is_zero(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Float(value) => value.to_bits() == 0,
            Self::Text(text) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Enum(number) => *number == 0,
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, number: u32, kind: Kind) {
        let wire_type = match kind {
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => WireType::Fixed64,
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => WireType::Fixed32,
            Kind::String | Kind::Bytes | Kind::Message(_) => WireType::Length,
            _ => WireType::Varint,
        };
        put_tag(out, number, wire_type);
        self.put_bare(out, kind);
    }

    /// Without its tag, as in a packed list.
    pub(super) fn put_bare(&self, out: &mut Vec<u8>, kind: Kind) {
        match self {
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Int(value) => match kind {
                Kind::Sint32 | Kind::Sint64 => put_varint(out, zigzag(*value)),
                Kind::Sfixed32 => out.extend((*value as i32).to_le_bytes()),
                Kind::Sfixed64 => out.extend(value.to_le_bytes()),
                _ => put_varint(out, *value as u64),
            },
            Self::Uint(value) => match kind {
                Kind::Fixed32 => out.extend((*value as u32).to_le_bytes()),
                Kind::Fixed64 => out.extend(value.to_le_bytes()),
                _ => put_varint(out, *value),
            },
            Self::Float(value) => match kind {
                Kind::Float => out.extend((*value as f32).to_le_bytes()),
                _ => out.extend(value.to_le_bytes()),
            },
            Self::Text(text) => put_length(out, text.as_bytes()),
            Self::Bytes(bytes) => put_length(out, bytes),
            Self::Enum(number) => put_varint(out, i64::from(*number) as u64),
        }
    }
}

fn put_length(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

impl<'t> Walker<'t> {
    /// None if it was refused, which is then reported.
    pub(super) fn scalar(&mut self, node: Node<'t>, kind: Kind) -> Option<Scalar<'t>> {
        match kind {
            Kind::Double | Kind::Float => self.float(node, kind == Kind::Float),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                self.signed(node, i64::from(i32::MIN), i64::from(i32::MAX))
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => self.signed(node, i64::MIN, i64::MAX),
            Kind::Uint32 | Kind::Fixed32 => self.unsigned(node, u64::from(u32::MAX)),
            Kind::Uint64 | Kind::Fixed64 => self.unsigned(node, u64::MAX),
            Kind::Bool => self.boolean(node),
            Kind::String => self.string(node).map(Scalar::Text),
            Kind::Bytes => self.bytes(node),
            Kind::Enum(of) => self.enumeration(node, of),
            // Messages take another way.
            Kind::Message(_) => None,
        }
    }

    pub(super) fn string(&mut self, node: Node<'t>) -> Option<&'t str> {
        if let Value::String(text) = node.value() {
            return Some(text);
        }
        let secret = self.report.secret > 0;
        let diagnostic = self.report.expected("a string", node);
        if matches!(
            node.value(),
            Value::Int(_) | Value::Number(_) | Value::Bool(_)
        ) && !secret
        {
            help(diagnostic, || {
                format!("write \"{}\" in quotes", unaliased(node))
            });
        }
        None
    }

    fn boolean(&mut self, node: Node<'t>) -> Option<Scalar<'t>> {
        let value = match node.value() {
            Value::Bool(value) => Some(value),
            Value::String(text) => number::boolean(text),
            _ => None,
        };
        if value.is_none() {
            self.report.expected("true or false", node);
        }
        value.map(Scalar::Bool)
    }

    fn signed(&mut self, node: Node<'t>, low: i64, high: i64) -> Option<Scalar<'t>> {
        let value = match node.value() {
            Value::Int(value) => Ok(i64::from(value)),
            Value::Number(text) | Value::String(text) => number::signed(text),
            _ => Err(Wrong::NotANumber),
        };
        let value = value.and_then(|v| {
            if (low..=high).contains(&v) {
                Ok(v)
            } else {
                Err(Wrong::Range)
            }
        });
        self.whole(node, value, || format!("{low} to {high}"))
            .map(Scalar::Int)
    }

    fn unsigned(&mut self, node: Node<'t>, high: u64) -> Option<Scalar<'t>> {
        let value = match node.value() {
            Value::Int(value) => u64::try_from(value).map_err(|_| Wrong::Range),
            Value::Number(text) | Value::String(text) => number::unsigned(text),
            _ => Err(Wrong::NotANumber),
        };
        let value = value.and_then(|v| if v <= high { Ok(v) } else { Err(Wrong::Range) });
        self.whole(node, value, || format!("0 to {high}"))
            .map(Scalar::Uint)
    }

    fn whole<T>(
        &mut self,
        node: Node<'t>,
        value: Result<T, Wrong>,
        range: impl FnOnce() -> String,
    ) -> Option<T> {
        let wrong = match value {
            Ok(value) => return Some(value),
            Err(wrong) => wrong,
        };
        let shown = self.report.shown(node);
        match wrong {
            Wrong::NotANumber => {
                self.report.expected("a whole number", node);
            }
            Wrong::Fraction => {
                self.report
                    .error(node, || format!("{shown} is not a whole number"));
            }
            Wrong::Range => {
                let diagnostic = self
                    .report
                    .error(node, || format!("{shown} is out of range"));
                help(diagnostic, || format!("the field takes {}", range()));
            }
        }
        None
    }

    fn float(&mut self, node: Node<'t>, single: bool) -> Option<Scalar<'t>> {
        let value = match node.value() {
            Value::Int(value) => Some(f64::from(value)),
            Value::Number(text) => text.parse().ok(),
            Value::String("NaN") => Some(f64::NAN),
            Value::String("Infinity") => Some(f64::INFINITY),
            Value::String("-Infinity") => Some(f64::NEG_INFINITY),
            Value::String(text) => number::float(text),
            _ => None,
        };
        let Some(value) = value else {
            self.report.expected("a number", node);
            return None;
        };
        if single && value.is_finite() && !(value as f32).is_finite() {
            let shown = self.report.shown(node);
            self.report
                .error(node, || format!("{shown} is out of range"));
            return None;
        }
        Some(Scalar::Float(value))
    }

    fn bytes(&mut self, node: Node<'t>) -> Option<Scalar<'t>> {
        let decoded = node.as_str().and_then(number::base64);
        if decoded.is_none() {
            let diagnostic = self.report.expected("bytes in base64", node);
            help(diagnostic, || "encode the bytes, as `base64` does".into());
        }
        decoded.map(Scalar::Bytes)
    }

    fn enumeration(&mut self, node: Node<'t>, of: Enum) -> Option<Scalar<'t>> {
        let number = match node.value() {
            Value::Int(number) => number,
            Value::Number(text) => {
                let value = number::signed(text);
                let value = value.and_then(|v| i32::try_from(v).map_err(|_| Wrong::Range));
                self.whole(node, value, || format!("{} to {}", i32::MIN, i32::MAX))?
            }
            Value::String(text) => match enum_number(of, text) {
                Some(number) => number,
                None => {
                    self.unknown_value(node, of, text);
                    return None;
                }
            },
            _ => {
                self.report.expected("the name of a value", node);
                return None;
            }
        };
        if let Some(name) = of.name_of(number) {
            let deprecation = of.deprecated_by_envoy(number);
            let deprecation =
                deprecation.or_else(|| of.is_deprecated(number).then_some(Deprecation::Warned));
            self.deprecated(node, deprecation, || format!("value `{name}`"));
        }
        Some(Scalar::Enum(number))
    }

    fn unknown_value(&mut self, node: Node<'t>, of: Enum, text: &str) {
        let severity = self.unknown_severity();
        let diagnostic = self.report.add(severity, node.tree, node.span(), || {
            let what = if of.is_reserved_name(text) {
                "was removed from"
            } else {
                "is not in"
            };
            format!("value {} {what} enum {}", quoted(text), of.full_name())
        });
        help(diagnostic, || {
            if let Some(name) = closest(text, of.values().map(|(name, _)| name)) {
                return format!("did you mean `{name}`?");
            }
            let mut names: Vec<_> = of.values().map(|(name, _)| name).take(21).collect();
            if names.len() > 20 {
                names[20..].fill("…");
            }
            format!("one of {}", names.join(", "))
        });
    }

    pub(super) fn unknown_severity(&self) -> Severity {
        if self.options.reject_unknown {
            Severity::Error
        } else {
            Severity::Warning
        }
    }
}

fn enum_number(of: Enum, text: &str) -> Option<i32> {
    let any_case = || {
        of.values()
            .find(|(name, _)| name.eq_ignore_ascii_case(text))
            .map(|(_, number)| number)
    };
    of.number_of(text)
        .or_else(any_case)
        .or_else(|| text.trim_ascii().parse().ok())
}

/// The value's text where the node may be an alias.
fn unaliased(node: Node<'_>) -> String {
    match node.value() {
        Value::Int(number) if node.source().starts_with('*') => number.to_string(),
        Value::Bool(value) if node.source().starts_with('*') => value.to_string(),
        _ => node.source().to_owned(),
    }
}
