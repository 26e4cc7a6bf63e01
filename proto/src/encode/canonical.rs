//! One spelling for each message.

use super::{WireType, close, open, put_bytes, put_tag, put_varint};
use crate::index::{Field, Kind, Message, WellKnown, message_of_type_url};
use crate::wire::{Cause, MAX_DEPTH, Malformed, Record, Records, Value};

/// Rewrites a message with its fields in ascending order and its map entries sorted by key, inside
/// nested messages and known `Any`s too. What the index does not know is kept as it is.
pub fn canonical(message: Message, wire: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut out = Vec::with_capacity(wire.len() + 8);
    rewrite(message, wire, &mut out, MAX_DEPTH)?;
    Ok(out)
}

fn rewrite(
    message: Message,
    wire: &[u8],
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    if depth == 0 {
        return Err(Malformed {
            offset: 0,
            cause: Cause::TooDeep,
        });
    }
    let mut records = Records::new(wire).collect::<Result<Vec<_>, _>>()?;
    records.sort_by_key(|record| record.number);
    if message.well_known() == Some(WellKnown::Any) {
        return rewrite_any(&records, out, depth);
    }
    for group in records.chunk_by(|a, b| a.number == b.number) {
        let Some(first) = group.first() else { continue };
        let field = message.field_by_number(first.number);
        let inner = field.and_then(|field| match field.kind() {
            Kind::Message(inner) => Some((field, inner)),
            _ => None,
        });
        match inner {
            Some((field, entry)) if field.is_map() => map(field, entry, group, out, depth)?,
            Some((_, inner)) => {
                for record in group {
                    nested(inner, record, out, depth)?;
                }
            }
            None => group.iter().for_each(|record| put_record(out, record)),
        }
    }
    Ok(())
}

fn nested(
    message: Message,
    record: &Record<'_>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    let Value::Bytes(bytes) = record.value else {
        put_record(out, record);
        return Ok(());
    };
    let mark = open(out, record.number);
    rewrite(message, bytes, out, depth - 1)?;
    close(out, mark);
    Ok(())
}

fn rewrite_any(records: &[Record<'_>], out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
    let message = records
        .iter()
        .find_map(|record| match (record.number, record.value) {
            (1, Value::Bytes(url)) => str::from_utf8(url).ok().and_then(message_of_type_url),
            _ => None,
        });
    for record in records {
        match message {
            Some(message) if record.number == 2 => nested(message, record, out, depth)?,
            _ => put_record(out, record),
        }
    }
    Ok(())
}

/// Entries sorted by key as numbers or bytes; of two with one key the later wins, as it would when
/// read.
fn map(
    field: Field,
    entry: Message,
    group: &[Record<'_>],
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Malformed> {
    let signed = entry.field_by_number(1).is_some_and(|key| {
        matches!(
            key.kind(),
            Kind::Int32 | Kind::Int64 | Kind::Sfixed32 | Kind::Sfixed64
        )
    });
    let mut entries = Vec::with_capacity(group.len());
    for record in group {
        let Value::Bytes(bytes) = record.value else {
            continue;
        };
        let mut key = Key::Number(0);
        for part in Records::new(bytes) {
            let part = part?;
            if part.number == 1 {
                key = match part.value {
                    Value::Bytes(text) => Key::Text(text),
                    Value::Varint(n) | Value::Fixed64(n) if signed => {
                        Key::Number(i128::from(n as i64))
                    }
                    Value::Fixed32(n) if signed => Key::Number(i128::from(n as i32)),
                    Value::Varint(n) | Value::Fixed64(n) => Key::Number(i128::from(n)),
                    Value::Fixed32(n) => Key::Number(i128::from(n)),
                    Value::Group(_) => key,
                };
            }
        }
        entries.push((key, bytes));
    }
    entries.sort_by_key(|(key, _)| *key);
    let mut entries = entries.into_iter().peekable();
    while let Some((key, bytes)) = entries.next() {
        if entries.peek().is_some_and(|(next, _)| *next == key) {
            continue;
        }
        let mark = open(out, field.number());
        rewrite(entry, bytes, out, depth - 1)?;
        close(out, mark);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Number(i128),
    Text(&'a [u8]),
}

fn put_record(out: &mut Vec<u8>, record: &Record<'_>) {
    let number = record.number;
    match record.value {
        Value::Varint(value) => {
            put_tag(out, number, WireType::Varint);
            put_varint(out, value);
        }
        Value::Fixed64(value) => {
            put_tag(out, number, WireType::Fixed64);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Fixed32(value) => {
            put_tag(out, number, WireType::Fixed32);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Value::Bytes(bytes) => put_bytes(out, number, bytes),
        Value::Group(content) => {
            put_varint(out, (u64::from(number) << 3) | 3);
            out.extend_from_slice(content);
            put_varint(out, (u64::from(number) << 3) | 4);
        }
    }
}
