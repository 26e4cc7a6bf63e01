//! Finds fields that our descriptors do not know, before decoding drops them in silence.
//!
//! A message decoded into generated types loses what those types lack: a policy set by a newer
//! control plane would vanish. The scan walks the wire bytes beside the descriptors, through
//! nested messages, lists, maps and every `Any` whose type is known. An `Any` of an unknown type is
//! passed over: whoever unpacks it has to refuse it by its type.
//!
//! The scan does not judge. Which unknown fields are harmless is the caller's decision.

use crate::index::{self, Field, Kind, Message, WellKnown};
use crate::path::{FieldPath, Segment};
use crate::wire::{MAX_DEPTH, Malformed, Packed, Record, Records, Value};
use std::fmt;

/// How many findings are reported; a message made of nothing else stays cheap to refuse.
pub const MAX_REPORTED: usize = 100;

/// A field number that its message does not have, or only in Envoy and not in our generated types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// The message that holds it, and where that message stands.
    pub message: Message,
    pub path: FieldPath,
    pub number: u32,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.message.full_name();
        let number = self.number;
        match self.message.field_by_number(number) {
            Some(field) => write!(f, "unsupported field {} ({number}) of {name}", field.name())?,
            None if self.message.is_reserved_number(number) => {
                write!(f, "removed field {number} of {name}")?;
            }
            None => write!(f, "unknown field {number} of {name}")?,
        }
        at(&self.path, f)
    }
}

/// The bytes are no message of this type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    pub message: Message,
    pub path: FieldPath,
    pub cause: ScanCause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanCause {
    Malformed(Malformed),
    /// The field's value is not encoded as a field of its type is.
    WireType(Field),
    TooDeep,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.message.full_name();
        match self.cause {
            ScanCause::Malformed(cause) => write!(f, "not a {name}: {cause}")?,
            ScanCause::WireType(field) => {
                write!(
                    f,
                    "not a {name}: wrong wire type for field {}",
                    field.name()
                )?;
            }
            ScanCause::TooDeep => write!(f, "messages nested deeper than {MAX_DEPTH}")?,
        }
        at(&self.path, f)
    }
}

impl std::error::Error for ScanError {}

fn at(path: &FieldPath, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if path.0.is_empty() {
        Ok(())
    } else {
        write!(f, " at {path}")
    }
}

/// Reports every unknown field once per place, in wire order, up to [`MAX_REPORTED`].
pub fn unknown_fields(message: Message, wire: &[u8]) -> Result<Vec<UnknownField>, ScanError> {
    let mut scan = Scan {
        path: Vec::new(),
        found: Vec::new(),
    };
    scan.message(message, wire, 0)?;
    Ok(scan.found)
}

struct Scan<'a> {
    path: Vec<Step<'a>>,
    found: Vec<UnknownField>,
}

/// A path segment that costs nothing until it is reported.
enum Step<'a> {
    Field(&'static str),
    Index(usize),
    Key(Kind, Value<'a>),
}

impl<'a> Scan<'a> {
    fn message(&mut self, message: Message, wire: &'a [u8], depth: usize) -> Result<(), ScanError> {
        if depth > MAX_DEPTH {
            return Err(self.error(message, ScanCause::TooDeep));
        }
        if message.well_known() == Some(WellKnown::Any) {
            return self.any(message, wire, depth);
        }
        // How often each list was met, for the index in the path.
        let mut lengths: Vec<(u32, usize)> = Vec::new();
        for record in Records::new(wire) {
            let record =
                record.map_err(|cause| self.error(message, ScanCause::Malformed(cause)))?;
            let field = message.field_by_number(record.number);
            let Some(field) = field.filter(|field| field.is_generated()) else {
                self.report(message, record.number);
                continue;
            };
            check(field, record).map_err(|cause| self.error(message, cause))?;
            let (Kind::Message(inner), Value::Bytes(bytes)) = (field.kind(), record.value) else {
                continue;
            };
            let steps = self.path.len();
            self.path.push(Step::Field(field.name()));
            if field.is_map() {
                self.entry(inner, bytes, depth + 1)?;
            } else {
                if field.is_list() {
                    self.path
                        .push(Step::Index(next_index(&mut lengths, record.number)));
                }
                self.message(inner, bytes, depth + 1)?;
            }
            self.path.truncate(steps);
        }
        Ok(())
    }

    /// A map entry: its key becomes the path, so it is read before the entry is scanned.
    fn entry(&mut self, entry: Message, wire: &'a [u8], depth: usize) -> Result<(), ScanError> {
        let key = entry.field_by_number(1).map_or(Kind::String, Field::kind);
        let default = match key {
            Kind::String => Value::Bytes(&[]),
            _ => Value::Varint(0),
        };
        let found = Records::new(wire)
            .map_while(Result::ok)
            .filter(|record| record.number == 1)
            .last()
            .map_or(default, |record| record.value);
        self.path.push(Step::Key(key, found));
        for record in Records::new(wire) {
            let record = record.map_err(|cause| self.error(entry, ScanCause::Malformed(cause)))?;
            let Some(field) = entry.field_by_number(record.number) else {
                self.report(entry, record.number);
                continue;
            };
            check(field, record).map_err(|cause| self.error(entry, cause))?;
            if let (Kind::Message(inner), Value::Bytes(bytes)) = (field.kind(), record.value) {
                self.message(inner, bytes, depth + 1)?;
            }
        }
        Ok(())
    }

    fn any(&mut self, any: Message, wire: &'a [u8], depth: usize) -> Result<(), ScanError> {
        let (mut type_url, mut content): (&[u8], &[u8]) = (&[], &[]);
        for record in Records::new(wire) {
            let record = record.map_err(|cause| self.error(any, ScanCause::Malformed(cause)))?;
            match (record.number, record.value) {
                (1, Value::Bytes(bytes)) => type_url = bytes,
                (2, Value::Bytes(bytes)) => content = bytes,
                (number, _) => match any.field_by_number(number) {
                    Some(field) => return Err(self.error(any, ScanCause::WireType(field))),
                    None => self.report(any, number),
                },
            }
        }
        match str::from_utf8(type_url)
            .ok()
            .and_then(index::message_of_type_url)
        {
            Some(inner) => self.message(inner, content, depth + 1),
            None => Ok(()),
        }
    }

    fn report(&mut self, message: Message, number: u32) {
        if self.found.len() >= MAX_REPORTED {
            return;
        }
        let finding = UnknownField {
            message,
            path: self.path(),
            number,
        };
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    fn error(&self, message: Message, cause: ScanCause) -> ScanError {
        ScanError {
            message,
            path: self.path(),
            cause,
        }
    }

    fn path(&self) -> FieldPath {
        let segments = self.path.iter().map(|step| match step {
            Step::Field(name) => Segment::Field(name),
            Step::Index(index) => Segment::Index(*index),
            Step::Key(kind, value) => Segment::Key(key_text(*kind, *value).into()),
        });
        FieldPath(segments.collect())
    }
}

fn next_index(lengths: &mut Vec<(u32, usize)>, number: u32) -> usize {
    match lengths.iter_mut().find(|(known, _)| *known == number) {
        Some((_, length)) => {
            *length = length.saturating_add(1);
            *length
        }
        None => {
            lengths.push((number, 0));
            0
        }
    }
}

fn key_text(kind: Kind, value: Value<'_>) -> String {
    match (kind, value) {
        (_, Value::Bytes(text) | Value::Group(text)) => String::from_utf8_lossy(text).into_owned(),
        (Kind::Bool, Value::Varint(value)) => (value != 0).to_string(),
        (Kind::Sint32 | Kind::Sint64, Value::Varint(value)) => {
            crate::wire::zigzag(value).to_string()
        }
        (Kind::Int32 | Kind::Int64, Value::Varint(value)) => (value as i64).to_string(),
        (Kind::Sfixed32, Value::Fixed32(value)) => (value as i32).to_string(),
        (Kind::Sfixed64, Value::Fixed64(value)) => (value as i64).to_string(),
        (_, Value::Varint(value) | Value::Fixed64(value)) => value.to_string(),
        (_, Value::Fixed32(value)) => value.to_string(),
    }
}

/// Whether the value may stand for the field; lists of numbers may be packed.
fn check(field: Field, record: Record<'_>) -> Result<(), ScanCause> {
    let expected = field.kind().wire_type();
    match record.value {
        value if value.wire_type() == expected => Ok(()),
        Value::Bytes(packed) if field.is_list() => {
            match Packed::new(packed, expected).find_map(Result::err) {
                Some(cause) => Err(ScanCause::Malformed(Malformed {
                    offset: record.offset,
                    cause,
                })),
                None => Ok(()),
            }
        }
        _ => Err(ScanCause::WireType(field)),
    }
}

#[cfg(test)]
mod tests;
