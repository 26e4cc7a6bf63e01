//! Fields and oneofs.

use super::layout::*;
use super::table::{self, name, name_eq};
use super::{Enum, Message, Rules};
use crate::wire::WireType;

/// A field's handle; it remembers the message it was found in.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    parent: Message,
    row: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Message(Message),
    Enum(Enum),
}

impl Kind {
    /// How a single value of the kind lies on the wire.
    pub fn wire_type(self) -> WireType {
        match self {
            Self::String | Self::Bytes | Self::Message(_) => WireType::Bytes,
            Self::Double | Self::Fixed64 | Self::Sfixed64 => WireType::Fixed64,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => WireType::Fixed32,
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool
            | Self::Enum(_) => WireType::Varint,
        }
    }
}

/// What Envoy does with a deprecated field or enum value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deprecation {
    /// Accepted with a warning.
    Warned,
    /// Refused unless a runtime key allows it.
    Disallowed,
}

impl Field {
    pub(super) fn at(parent: Message, row: u32) -> Self {
        Self { parent, row }
    }

    pub fn parent(self) -> Message {
        self.parent
    }

    pub fn name(self) -> &'static str {
        name(self.word(0))
    }

    pub fn json_name(self) -> &'static str {
        name(self.word(1))
    }

    pub(super) fn is_named(self, wanted: &str) -> bool {
        name_eq(self.word(0), wanted) || name_eq(self.word(1), wanted)
    }

    pub fn number(self) -> u32 {
        self.word(2)
    }

    pub fn kind(self) -> Kind {
        let word = self.word(3);
        let target = word as u16;
        match (word >> 16) & ((1 << FIELD_FLAGS_SHIFT) - 1) {
            1 => Kind::Double,
            2 => Kind::Float,
            3 => Kind::Int64,
            4 => Kind::Uint64,
            5 => Kind::Int32,
            6 => Kind::Fixed64,
            7 => Kind::Fixed32,
            8 => Kind::Bool,
            9 => Kind::String,
            11 => Kind::Message(Message(target)),
            13 => Kind::Uint32,
            14 => Kind::Enum(Enum::at(target)),
            15 => Kind::Sfixed32,
            16 => Kind::Sfixed64,
            17 => Kind::Sint32,
            18 => Kind::Sint64,
            // 12; the build script writes no other number.
            _ => Kind::Bytes,
        }
    }

    /// Repeated, and not a map.
    pub fn is_list(self) -> bool {
        self.has(FIELD_LIST)
    }

    /// A map; [`Field::kind`] is then the message of its entries, with `key` 1 and `value` 2.
    pub fn is_map(self) -> bool {
        self.has(FIELD_MAP)
    }

    /// The oneof it belongs to, synthetic ones excluded.
    pub fn oneof(self) -> Option<Oneof> {
        let row = (self.word(4) >> 16) as u16;
        (row != NONE).then_some(Oneof(row))
    }

    /// Whether "not set" differs from "set to the default".
    pub fn has_presence(self) -> bool {
        self.has(FIELD_PRESENCE)
    }

    pub fn packed(self) -> bool {
        self.has(FIELD_PACKED)
    }

    pub fn deprecated(self) -> bool {
        self.has(FIELD_DEPRECATED)
    }

    /// Whether its value is a secret that must not be shown.
    pub fn sensitive(self) -> bool {
        self.has(FIELD_SENSITIVE)
    }

    /// Envoy's own deprecation, which it enforces when it reads a configuration.
    pub fn deprecated_by_envoy(self) -> Option<Deprecation> {
        if self.has(FIELD_ENVOY_DISALLOWED) {
            Some(Deprecation::Disallowed)
        } else {
            self.has(FIELD_ENVOY_DEPRECATED)
                .then_some(Deprecation::Warned)
        }
    }

    /// Whether the generated Rust type has it. Decoding into that type drops those it has not, so
    /// whoever decodes has to refuse them; whoever passes the bytes on may take them.
    pub fn is_generated(self) -> bool {
        !self.has(FIELD_NOT_GENERATED)
    }

    /// Its validation rules, decoded anew by each call.
    pub fn rules(self) -> Option<Rules> {
        table::blob(self.word(4) as u16).map(Rules::decode)
    }

    fn has(self, flag: u32) -> bool {
        (self.word(3) >> (16 + FIELD_FLAGS_SHIFT)) & flag != 0
    }

    fn word(self, column: usize) -> u32 {
        table::FIELDS.word::<FIELD_WORDS>(self.row, column)
    }
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({}.{})", self.parent.full_name(), self.name())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Oneof(u16);

impl Oneof {
    pub(super) fn at(row: u16) -> Self {
        Self(row)
    }

    pub fn name(self) -> &'static str {
        name(self.word(0))
    }

    /// Whether a validation rule demands one of its fields.
    pub fn required(self) -> bool {
        (self.word(1) >> 16) & ONEOF_REQUIRED != 0
    }

    pub fn parent(self) -> Message {
        Message(self.word(1) as u16)
    }

    pub fn fields(self) -> impl Iterator<Item = Field> {
        self.parent()
            .fields()
            .filter(move |field| field.oneof() == Some(self))
    }

    fn word(self, column: usize) -> u32 {
        table::ONEOFS.word::<ONEOF_WORDS>(u32::from(self.0), column)
    }
}

impl std::fmt::Debug for Oneof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Oneof({}.{})", self.parent().full_name(), self.name())
    }
}
