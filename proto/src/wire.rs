//! The protobuf wire format, below any knowledge of messages.

mod reader;

pub use reader::{Cause, MAX_DEPTH, Malformed, Record, Records, Value, varint};

/// How a value is laid out, as far as a tag tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireType {
    Varint,
    Fixed64,
    /// Texts, bytes, messages and packed lists.
    Bytes,
    Group,
    Fixed32,
}

impl Value<'_> {
    pub fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::Fixed64,
            Self::Bytes(_) => WireType::Bytes,
            Self::Group(_) => WireType::Group,
            Self::Fixed32(_) => WireType::Fixed32,
        }
    }
}

/// Iterates over the numbers of a packed list; ends after the first error.
#[derive(Clone, Debug)]
pub struct Packed<'a> {
    rest: &'a [u8],
    of: WireType,
}

impl<'a> Packed<'a> {
    pub fn new(list: &'a [u8], of: WireType) -> Self {
        Self { rest: list, of }
    }
}

impl<'a> Iterator for Packed<'a> {
    type Item = Result<Value<'a>, Cause>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = match self.of {
            WireType::Varint => varint(self.rest).map(|(value, n)| (Value::Varint(value), n)),
            WireType::Fixed32 => match self.rest.first_chunk() {
                Some(bytes) => Ok((Value::Fixed32(u32::from_le_bytes(*bytes)), 4)),
                None => Err(Cause::Truncated),
            },
            WireType::Fixed64 => match self.rest.first_chunk() {
                Some(bytes) => Ok((Value::Fixed64(u64::from_le_bytes(*bytes)), 8)),
                None => Err(Cause::Truncated),
            },
            WireType::Bytes => Err(Cause::BadWireType(2)),
            WireType::Group => Err(Cause::BadWireType(3)),
        };
        let length = read.map_or(self.rest.len(), |(_, length)| length);
        self.rest = self.rest.get(length..).unwrap_or_default();
        Some(read.map(|(value, _)| value))
    }
}

/// Undoes the zigzag encoding of `sint32` and `sint64`.
pub fn zigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}
