//! Descriptors of every message that Portway reads or writes: Envoy's and our own.
//!
//! The build script lays them out as flat tables; this module reads those in place. Nothing is
//! built at start and nothing is kept on the heap: a look-up is a binary search over names in
//! read-only memory, so a proxy pays for the pages it touches and for nothing else. Handles
//! ([`Message`], [`Field`], ...) are row numbers and copy freely.
//!
//! The index knows shape and annotations. It holds no comments, no option it does not name and no
//! extension fields, and it does not encode or decode: see [`crate::print`] and [`crate::scan`].

mod enums;
mod field;
mod layout;
pub mod rules;
mod service;
mod table;

pub use enums::Enum;
pub use field::{Deprecation, Field, Kind, Oneof};
pub use rules::Rules;
pub use service::{Method, Service, service, services};

use layout::*;
use table::name;

/// The message of this full name, such as `envoy.config.route.v3.Route`.
pub fn message(full_name: &str) -> Option<Message> {
    table::search::<MESSAGE_WORDS>(table::MESSAGES, full_name).map(Message)
}

/// The enum of this full name.
pub fn enumeration(full_name: &str) -> Option<Enum> {
    Enum::find(full_name)
}

/// Every message, sorted by full name; those of map entries included.
pub fn messages() -> impl ExactSizeIterator<Item = Message> {
    (0..table::MESSAGES.rows()).map(Message)
}

/// Every enum, sorted by full name.
pub fn enumerations() -> impl ExactSizeIterator<Item = Enum> {
    Enum::all()
}

/// The message that an `Any` names: what follows the last slash of its type URL.
pub fn message_of_type_url(type_url: &str) -> Option<Message> {
    let (_, full_name) = type_url.rsplit_once('/')?;
    message(full_name)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message(u16);

impl Message {
    pub fn full_name(self) -> &'static str {
        name(self.word(0))
    }

    /// Ascending by number.
    pub fn fields(self) -> impl ExactSizeIterator<Item = Field> {
        table::rows(self.word(1), self.word(3) as u16).map(move |row| Field::at(self, row))
    }

    /// Finds a field by its proto name or its JSON name.
    pub fn field_by_name(self, wanted: &str) -> Option<Field> {
        self.fields().find(|field| field.is_named(wanted))
    }

    pub fn field_by_number(self, number: u32) -> Option<Field> {
        let first = self.word(1);
        let (mut low, mut high) = (0, self.word(3) & 0xffff);
        while low < high {
            let middle = low + (high - low) / 2;
            let field = Field::at(self, first.saturating_add(middle));
            match field.number().cmp(&number) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(field),
            }
        }
        None
    }

    /// Oneofs as written; those that `optional` fields of proto3 imply are not among them.
    pub fn oneofs(self) -> impl ExactSizeIterator<Item = Oneof> {
        let first = self.word(2) as u16;
        let count = (self.word(3) >> 16) as u16;
        (first..first.saturating_add(count)).map(Oneof::at)
    }

    /// Whether a field of this name was removed and must not come back.
    pub fn is_reserved_name(self, wanted: &str) -> bool {
        self.reserved_names().any(|reserved| reserved == wanted)
    }

    pub fn reserved_names(self) -> impl ExactSizeIterator<Item = &'static str> {
        table::reserved_names(self.word(4), self.word(6) as u16)
    }

    pub fn is_reserved_number(self, number: u32) -> bool {
        self.reserved_ranges()
            .any(|(first, last)| (first..=last).contains(&number))
    }

    /// Reserved field numbers, first and last included.
    pub fn reserved_ranges(self) -> impl ExactSizeIterator<Item = (u32, u32)> {
        table::rows(self.word(5), (self.word(6) >> 16) as u16).map(|row| {
            let word = |column| table::RESERVED_RANGES.word::<RESERVED_RANGE_WORDS>(row, column);
            (word(0), word(1))
        })
    }

    pub fn is_map_entry(self) -> bool {
        self.has(MESSAGE_MAP_ENTRY)
    }

    /// Whether validation rules inside this message are switched off.
    pub fn rules_disabled(self) -> bool {
        self.has(MESSAGE_RULES_DISABLED)
    }

    pub fn deprecated(self) -> bool {
        self.has(MESSAGE_DEPRECATED)
    }

    /// Which of protobuf's own messages with a JSON form of their own this is, if any.
    pub fn well_known(self) -> Option<WellKnown> {
        let position = (self.word(7) >> MESSAGE_WELL_KNOWN_SHIFT).checked_sub(1)?;
        WellKnown::ALL.get(position as usize).copied()
    }

    fn has(self, flag: u32) -> bool {
        self.word(7) & flag != 0
    }

    fn word(self, column: usize) -> u32 {
        table::MESSAGES.word::<MESSAGE_WORDS>(u32::from(self.0), column)
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({})", self.full_name())
    }
}

/// Messages whose JSON form differs from the ordinary object of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WellKnown {
    Any,
    Duration,
    Timestamp,
    Struct,
    Value,
    ListValue,
    FieldMask,
    Empty,
    /// A wrapper, written as the bare value of its one field.
    Wrapper(Kind),
}

impl WellKnown {
    /// In the order of [`WELL_KNOWN`].
    const ALL: [Self; WELL_KNOWN.len()] = [
        Self::Any,
        Self::Duration,
        Self::Timestamp,
        Self::Struct,
        Self::Value,
        Self::ListValue,
        Self::FieldMask,
        Self::Empty,
        Self::Wrapper(Kind::Double),
        Self::Wrapper(Kind::Float),
        Self::Wrapper(Kind::Int64),
        Self::Wrapper(Kind::Uint64),
        Self::Wrapper(Kind::Int32),
        Self::Wrapper(Kind::Uint32),
        Self::Wrapper(Kind::Bool),
        Self::Wrapper(Kind::String),
        Self::Wrapper(Kind::Bytes),
    ];
}

#[cfg(test)]
pub(crate) mod oracle;
#[cfg(test)]
mod tests;
