//! Writes the protobuf wire format so that equal values give equal bytes.
//!
//! Versions of resources are hashes of their bytes, so fields stand in ascending order and map
//! entries in the order of their keys. [`put`] and its neighbours are what the loader writes with;
//! [`canonical`] brings a message that prost wrote (whose maps come in random order) into the same
//! form. Neither validates.

mod canonical;

pub use canonical::canonical;

/// Of the six wire types the three that `put_tag`'s callers name; lengths have [`open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    put_varint(out, (u64::from(number) << 3) | wire_type as u64);
}

/// A field of bytes or text.
pub fn put_bytes(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    put_tag(out, number, WireType::Length);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Where a nested message's content begins.
#[derive(Clone, Copy, Debug)]
#[must_use = "close it, or its length stays unwritten"]
pub struct Open(usize);

impl Open {
    pub fn start(self) -> usize {
        self.0
    }
}

/// Begins a length-delimited field; what is written until [`close`] is its content.
pub fn open(out: &mut Vec<u8>, number: u32) -> Open {
    put_tag(out, number, WireType::Length);
    // Most messages are shorter than 128 bytes; longer ones are moved by `close`.
    out.push(0);
    Open(out.len())
}

pub fn close(out: &mut Vec<u8>, Open(start): Open) {
    let mut length = Vec::with_capacity(5);
    put_varint(&mut length, out.len().saturating_sub(start) as u64);
    out.splice(start.saturating_sub(1)..start, length);
}

#[cfg(test)]
mod tests;
