//! Redaction inside `TypedStruct`, whose content is JSON of a type named beside it.
//!
//! The struct is walked beside that type's descriptor: a member whose field is sensitive is hidden,
//! and so is everything that no descriptor speaks for, down from an unknown type or member.

use super::PrintError;
use super::message::{Place, Printer, records};
use super::scalar::Scalar;
use super::well_known::{bytes, last, struct_members};
use crate::index::{self, Kind, Message, WellKnown};
use crate::wire::Record;

type Result<T = ()> = std::result::Result<T, PrintError>;

/// What a value of the JSON tree is known to be.
#[derive(Clone, Copy)]
enum Shape {
    Message(Message),
    /// A map whose values are of this message, or of no message.
    Map(Option<Message>),
    /// Free JSON or a scalar of a field that is not sensitive.
    Open,
    Unknown,
}

pub fn is_typed_struct(message: Message) -> bool {
    matches!(
        message.full_name(),
        "xds.type.v3.TypedStruct" | "udpa.type.v1.TypedStruct"
    )
}

impl Printer {
    /// The members of a `TypedStruct`, redacted.
    pub(super) fn typed_struct(&mut self, message: Message, wire: &[u8], place: Place) -> Result {
        let outer = records(message, wire)?;
        let type_url = match last(&outer, 1, Kind::String) {
            Some(Scalar::Text(text)) => {
                str::from_utf8(text).map_err(|_| PrintError::NotUtf8(message))?
            }
            _ => "",
        };
        if !type_url.is_empty() {
            self.writer.key(if self.options.proto_names {
                "type_url"
            } else {
                "typeUrl"
            });
            self.writer.text(type_url);
        }
        let pieces: Vec<_> = outer
            .iter()
            .filter(|r| r.number == 2)
            .filter_map(|r| bytes(r.value))
            .collect();
        if !pieces.is_empty() {
            self.writer.key("value");
            self.shaped_struct(&pieces.concat(), of_type_url(type_url), place.within(false))?;
        }
        Ok(())
    }

    fn shaped_struct(&mut self, wire: &[u8], shape: Shape, place: Place) -> Result {
        let Some(structure) = index::message("google.protobuf.Struct") else {
            return Ok(());
        };
        let of_struct = records(structure, wire)?;
        let members = struct_members(&of_struct)?;
        let shape = refine(shape, &members);
        self.writer.open('{');
        for (key, of_value) in &members {
            let (inner, sensitive) = member(shape, key, &members);
            self.writer.key(key);
            self.shaped_value(of_value, inner, place.within(sensitive))?;
        }
        self.writer.close('}');
        Ok(())
    }

    fn shaped_value(&mut self, of_value: &[Record<'_>], shape: Shape, place: Place) -> Result {
        if place.depth > crate::wire::MAX_DEPTH {
            return Err(PrintError::TooDeep);
        }
        let pieces: Vec<_> = of_value
            .iter()
            .filter_map(|record| bytes(record.value))
            .collect();
        let wire = pieces.concat();
        let Some(value) = index::message("google.protobuf.Value") else {
            return Ok(());
        };
        let inner = records(value, &wire)?;
        match inner
            .last()
            .map(|record| (record.number, bytes(record.value)))
        {
            Some((5, Some(structure))) => self.shaped_struct(structure, shape, place),
            Some((6, Some(list))) => {
                let Some(list_value) = index::message("google.protobuf.ListValue") else {
                    return Ok(());
                };
                self.writer.open('[');
                for record in records(list_value, list)?.iter().filter(|r| r.number == 1) {
                    self.writer.item();
                    self.shaped_value(std::slice::from_ref(record), shape, place.within(false))?;
                }
                self.writer.close(']');
                Ok(())
            }
            _ => self.nested_value(of_value, place),
        }
    }
}

fn of_type_url(type_url: &str) -> Shape {
    index::message_of_type_url(type_url).map_or(Shape::Unknown, Shape::Message)
}

/// An `Any` in JSON is the message that its `@type` names.
fn refine(shape: Shape, members: &[(&str, Vec<Record<'_>>)]) -> Shape {
    match shape {
        Shape::Message(message) if message.well_known() == Some(WellKnown::Any) => {
            text_of("@type", members).map_or(Shape::Unknown, |url| of_type_url(&url))
        }
        other => other,
    }
}

/// What a member of an object is, and whether it is to be hidden.
fn member(shape: Shape, key: &str, members: &[(&str, Vec<Record<'_>>)]) -> (Shape, bool) {
    let message = match shape {
        Shape::Open => return (Shape::Open, false),
        Shape::Unknown => return (Shape::Unknown, true),
        Shape::Map(value) => return (value.map_or(Shape::Open, Shape::Message), false),
        Shape::Message(message) => message,
    };
    if key == "@type" {
        return (Shape::Open, false);
    }
    if is_typed_struct(message) && key == "value" {
        let url = text_of("type_url", members).or_else(|| text_of("typeUrl", members));
        return (url.map_or(Shape::Unknown, |url| of_type_url(&url)), false);
    }
    match message.well_known() {
        Some(WellKnown::Struct | WellKnown::Value | WellKnown::ListValue) => {
            return (Shape::Open, false);
        }
        // Within `Any`, these stand under `value`.
        Some(_) if key == "value" => return (Shape::Message(message), false),
        _ => {}
    }
    let Some(field) = message.field_by_name(key) else {
        return (Shape::Unknown, true);
    };
    let inner = match field.kind() {
        Kind::Message(entry) if field.is_map() => {
            let value = entry.field_by_number(2).map(index::Field::kind);
            Shape::Map(match value {
                Some(Kind::Message(value)) => Some(value),
                _ => None,
            })
        }
        Kind::Message(inner) => Shape::Message(inner),
        _ => Shape::Open,
    };
    (inner, field.sensitive())
}

fn text_of(key: &str, members: &[(&str, Vec<Record<'_>>)]) -> Option<String> {
    let (_, of_value) = members.iter().find(|(name, _)| *name == key)?;
    let wire = bytes(of_value.last()?.value)?;
    let value = records(index::message("google.protobuf.Value")?, wire).ok()?;
    match last(&value, 3, Kind::String) {
        Some(Scalar::Text(text)) => str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    }
}
