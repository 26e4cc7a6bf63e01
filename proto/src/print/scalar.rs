//! Values that are no messages: from wire records to typed values, and from those to JSON.

use super::writer::Writer;
use crate::index::{Enum, Kind};
use crate::wire::{Cause, Packed, Value, WireType, zigzag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub const REDACTED: &str = "[redacted]";

/// A value, borrowed from the wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    Bool(bool),
    Int(i32),
    Long(i64),
    Uint(u32),
    Ulong(u64),
    Float(f32),
    Double(f64),
    /// Not yet known to be UTF-8.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Enum(Enum, i32),
}

/// The text was not UTF-8.
pub struct NotUtf8;

impl<'a> Scalar<'a> {
    /// `None` where the record is not of the wire type of the kind.
    pub fn read(kind: Kind, value: Value<'a>) -> Option<Self> {
        Some(match (kind, value) {
            (Kind::Double, Value::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
            (Kind::Float, Value::Fixed32(bits)) => Self::Float(f32::from_bits(bits)),
            (Kind::Fixed64, Value::Fixed64(value)) => Self::Ulong(value),
            (Kind::Sfixed64, Value::Fixed64(value)) => Self::Long(value as i64),
            (Kind::Fixed32, Value::Fixed32(value)) => Self::Uint(value),
            (Kind::Sfixed32, Value::Fixed32(value)) => Self::Int(value as i32),
            (Kind::Int32, Value::Varint(value)) => Self::Int(value as i32),
            (Kind::Int64, Value::Varint(value)) => Self::Long(value as i64),
            (Kind::Uint32, Value::Varint(value)) => Self::Uint(value as u32),
            (Kind::Uint64, Value::Varint(value)) => Self::Ulong(value),
            (Kind::Sint32, Value::Varint(value)) => {
                Self::Int(zigzag(u64::from(value as u32)) as i32)
            }
            (Kind::Sint64, Value::Varint(value)) => Self::Long(zigzag(value)),
            (Kind::Bool, Value::Varint(value)) => Self::Bool(value != 0),
            (Kind::Enum(of), Value::Varint(value)) => Self::Enum(of, value as i32),
            (Kind::String, Value::Bytes(text)) => Self::Text(text),
            (Kind::Bytes, Value::Bytes(bytes)) => Self::Bytes(bytes),
            _ => return None,
        })
    }

    /// What a field of the kind holds when nothing was sent. Messages have no such value.
    pub fn default_of(kind: Kind) -> Option<Self> {
        Some(match kind {
            Kind::Double => Self::Double(0.0),
            Kind::Float => Self::Float(0.0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Self::Int(0),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Self::Long(0),
            Kind::Uint32 | Kind::Fixed32 => Self::Uint(0),
            Kind::Uint64 | Kind::Fixed64 => Self::Ulong(0),
            Kind::Bool => Self::Bool(false),
            Kind::String => Self::Text(&[]),
            Kind::Bytes => Self::Bytes(&[]),
            Kind::Enum(of) => Self::Enum(of, 0),
            Kind::Message(_) => return None,
        })
    }

    /// Reads a list's record, which holds one value or packs any number of them.
    pub fn read_list(kind: Kind, value: Value<'a>, into: &mut Vec<Self>) -> Result<(), Cause> {
        match (kind.wire_type(), value) {
            (WireType::Varint | WireType::Fixed32 | WireType::Fixed64, Value::Bytes(packed)) => {
                for value in Packed::new(packed, kind.wire_type()) {
                    into.extend(Self::read(kind, value?));
                }
            }
            _ => into.extend(Self::read(kind, value)),
        }
        Ok(())
    }

    /// Whether a field without presence that holds this counts as not set.
    pub fn is_default(self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) | Self::Enum(_, value) => value == 0,
            Self::Long(value) => value == 0,
            Self::Uint(value) => value == 0,
            Self::Ulong(value) => value == 0,
            Self::Float(value) => value == 0.0,
            Self::Double(value) => value == 0.0,
            Self::Text(bytes) | Self::Bytes(bytes) => bytes.is_empty(),
        }
    }

    /// What remains of it below a sensitive field.
    pub fn redacted(self) -> Option<Self> {
        match self {
            Self::Text(_) => Some(Self::Text(REDACTED.as_bytes())),
            Self::Bytes(_) => Some(Self::Bytes(REDACTED.as_bytes())),
            _ => None,
        }
    }

    pub fn write(self, writer: &mut Writer) -> Result<(), NotUtf8> {
        match self {
            Self::Bool(value) => writer.bare(value),
            Self::Int(value) => writer.bare(value),
            Self::Uint(value) => writer.bare(value),
            Self::Long(value) => writer.quoted(value),
            Self::Ulong(value) => writer.quoted(value),
            Self::Float(value) => float(writer, f64::from(value), value),
            Self::Double(value) => float(writer, value, value),
            Self::Text(text) => writer.text(str::from_utf8(text).map_err(|_| NotUtf8)?),
            Self::Bytes(bytes) => writer.quoted(STANDARD.encode(bytes)),
            Self::Enum(of, _) if of.full_name() == "google.protobuf.NullValue" => {
                writer.bare("null");
            }
            Self::Enum(of, number) => match of.name_of(number) {
                Some(name) => writer.text(name),
                None => writer.bare(number),
            },
        }
        Ok(())
    }
}

/// The shortest text that reads back as the same number; `shown` keeps the narrower type, so that
/// a `float` of 0.1 does not read 0.10000000149011612.
pub fn float(writer: &mut Writer, value: f64, shown: impl std::fmt::Debug + std::fmt::Display) {
    if value.is_nan() {
        writer.quoted("NaN");
    } else if value.is_infinite() {
        writer.quoted(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        writer.bare(shown);
    } else {
        // `Debug` turns to exponents where `Display` would write hundreds of digits.
        writer.bare(format_args!("{shown:?}"));
    }
}
