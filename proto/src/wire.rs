//! The protobuf wire format, below any knowledge of messages.

mod reader;

pub use reader::{Cause, MAX_DEPTH, Malformed, Record, Records, Value, varint};

/// Undoes the zigzag encoding of `sint32` and `sint64`.
pub fn zigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}
