//! Walks a message's fields.

use super::scalar::{NotUtf8, Scalar};
use super::writer::Writer;
use super::{Options, PrintError};
use crate::index::{Field, Kind, Message};
use crate::wire::{MAX_DEPTH, Malformed, Record, Records, Value};
use std::cmp::Ordering;

pub struct Printer {
    pub(super) writer: Writer,
    pub(super) options: Options,
}

/// Where the walk is.
#[derive(Clone, Copy, Default)]
pub struct Place {
    pub depth: usize,
    /// Below a field whose value must not be shown.
    pub hidden: bool,
}

impl Place {
    /// The place of what a field holds.
    pub fn within(self, sensitive: bool) -> Self {
        Self {
            depth: self.depth + 1,
            hidden: self.hidden || sensitive,
        }
    }
}

type Result<T = ()> = std::result::Result<T, PrintError>;

impl Printer {
    pub fn new(options: Options) -> Self {
        Self {
            writer: Writer::new(options.pretty),
            options,
        }
    }

    pub fn finish(self) -> String {
        self.writer.finish()
    }

    pub fn message(&mut self, message: Message, wire: &[u8], place: Place) -> Result {
        if place.depth > MAX_DEPTH {
            return Err(PrintError::TooDeep);
        }
        if let Some(well_known) = message.well_known() {
            return self.well_known(well_known, message, wire, place);
        }
        self.writer.open('{');
        self.fields(message, wire, place)?;
        self.writer.close('}');
        Ok(())
    }

    /// The members of a message's object, without its braces.
    pub fn fields(&mut self, message: Message, wire: &[u8], place: Place) -> Result {
        if self.options.redact && super::redact::is_typed_struct(message) {
            return self.typed_struct(message, wire, place);
        }
        let mut records = records(message, wire)?;
        drop_lost_oneof_members(message, &mut records);
        // Stable: a field's own records stay in wire order.
        records.sort_by_key(|record| record.number);
        for of_field in records.chunk_by(|a, b| a.number == b.number) {
            let Some(field) = of_field
                .first()
                .and_then(|r| message.field_by_number(r.number))
            else {
                continue;
            };
            let inside = place.within(self.options.redact && field.sensitive());
            if field.is_map() {
                self.map(field, of_field, inside)?;
            } else if field.is_list() {
                self.list(field, of_field, inside)?;
            } else {
                self.single(field, of_field, inside)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, field: Field) {
        let name = if self.options.proto_names {
            field.name()
        } else {
            field.json_name()
        };
        self.writer.key(name);
    }

    fn single(&mut self, field: Field, records: &[Record<'_>], place: Place) -> Result {
        if let Kind::Message(inner) = field.kind() {
            let pieces = messages(records);
            if pieces.is_empty() {
                return Ok(());
            }
            self.name(field);
            return match pieces.as_slice() {
                [whole] => self.message(inner, whole, place),
                // Pieces of one message merge, which is to concatenate them.
                pieces => self.message(inner, &pieces.concat(), place),
            };
        }
        let last = records
            .iter()
            .rev()
            .find_map(|r| Scalar::read(field.kind(), r.value));
        let shown = last.filter(|value| field.has_presence() || !value.is_default());
        let Some(value) = shown.and_then(|value| visible(value, place)) else {
            return Ok(());
        };
        self.name(field);
        self.scalar(field.parent(), value)
    }

    fn list(&mut self, field: Field, records: &[Record<'_>], place: Place) -> Result {
        if let Kind::Message(inner) = field.kind() {
            let items = messages(records);
            if items.is_empty() {
                return Ok(());
            }
            self.name(field);
            self.writer.open('[');
            for item in items {
                self.writer.item();
                self.message(inner, item, place)?;
            }
            self.writer.close(']');
            return Ok(());
        }
        let mut values = Vec::new();
        for record in records {
            Scalar::read_list(field.kind(), record.value, &mut values).map_err(|cause| {
                let cause = Malformed {
                    offset: record.offset,
                    cause,
                };
                PrintError::Malformed {
                    message: field.parent(),
                    cause,
                }
            })?;
        }
        let values: Vec<_> = values
            .into_iter()
            .filter_map(|value| visible(value, place))
            .collect();
        if values.is_empty() {
            return Ok(());
        }
        self.name(field);
        self.writer.open('[');
        for value in values {
            self.writer.item();
            self.scalar(field.parent(), value)?;
        }
        self.writer.close(']');
        Ok(())
    }

    fn map(&mut self, field: Field, records: &[Record<'_>], place: Place) -> Result {
        let Kind::Message(entry) = field.kind() else {
            return Ok(());
        };
        let (Some(key), Some(value)) = (entry.field_by_number(1), entry.field_by_number(2)) else {
            return Ok(());
        };
        let entries = map_entries(entry, key.kind(), records)?;
        if entries.is_empty() {
            return Ok(());
        }
        self.name(field);
        self.writer.open('{');
        for (key, of_entry) in entries {
            self.writer.key(&key_text(key, entry)?);
            match value.kind() {
                Kind::Message(inner) => {
                    self.message(inner, &messages(&of_entry).concat(), place)?;
                }
                kind => {
                    let read = of_entry
                        .iter()
                        .rev()
                        .find_map(|r| Scalar::read(kind, r.value));
                    let Some(default) = Scalar::default_of(kind) else {
                        continue;
                    };
                    // The key stays, and with it the entry.
                    let shown = visible(read.unwrap_or(default), place).unwrap_or(default);
                    self.scalar(entry, shown)?;
                }
            }
        }
        self.writer.close('}');
        Ok(())
    }

    pub fn scalar(&mut self, message: Message, value: Scalar<'_>) -> Result {
        value
            .write(&mut self.writer)
            .map_err(|NotUtf8| PrintError::NotUtf8(message))
    }
}

pub fn visible(value: Scalar<'_>, place: Place) -> Option<Scalar<'_>> {
    if place.hidden {
        value.redacted()
    } else {
        Some(value)
    }
}

pub fn records(message: Message, wire: &[u8]) -> Result<Vec<Record<'_>>> {
    Records::new(wire)
        .collect::<std::result::Result<_, _>>()
        .map_err(|cause| PrintError::Malformed { message, cause })
}

fn messages<'a>(records: &[Record<'a>]) -> Vec<&'a [u8]> {
    let bytes = records.iter().filter_map(|record| match record.value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    });
    bytes.collect()
}

/// Keeps of each oneof what decoding it keeps: the member that came last, without what it held
/// before another member took its place.
fn drop_lost_oneof_members(message: Message, records: &mut Vec<Record<'_>>) {
    for oneof in message.oneofs() {
        let member = |record: &Record<'_>| {
            message
                .field_by_number(record.number)
                .and_then(Field::oneof)
                == Some(oneof)
        };
        let Some(last) = records.iter().rev().find(|record| member(record)).copied() else {
            continue;
        };
        let taken_over = records
            .iter()
            .rev()
            .find(|record| record.number != last.number && member(record))
            .map(|record| record.offset);
        if let Some(offset) = taken_over {
            records.retain(|record| record.offset > offset || !member(record));
        }
    }
}

/// A map's entries sorted by key; of equal keys the last one, as when decoding.
pub fn map_entries<'a>(
    entry: Message,
    key: Kind,
    of_map: &[Record<'a>],
) -> Result<Vec<(Scalar<'a>, Vec<Record<'a>>)>> {
    let default = Scalar::default_of(key).unwrap_or(Scalar::Text(&[]));
    let mut entries = Vec::with_capacity(of_map.len());
    for bytes in messages(of_map) {
        let mut of_entry = records(entry, bytes)?;
        let read = of_entry
            .iter()
            .rev()
            .filter(|record| record.number == 1)
            .find_map(|record| Scalar::read(key, record.value));
        of_entry.retain(|record| record.number == 2);
        entries.push((read.unwrap_or(default), of_entry));
    }
    // Reversed first, so that the stable sort puts the last of equal keys in front.
    entries.reverse();
    entries.sort_by(|(a, _), (b, _)| key_order(*a, *b));
    entries.dedup_by(|(a, _), (b, _)| key_order(*a, *b) == Ordering::Equal);
    Ok(entries)
}

/// Keys of one map are of one kind.
fn key_order(a: Scalar<'_>, b: Scalar<'_>) -> Ordering {
    match (a, b) {
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(&b),
        (Scalar::Int(a), Scalar::Int(b)) => a.cmp(&b),
        (Scalar::Long(a), Scalar::Long(b)) => a.cmp(&b),
        (Scalar::Uint(a), Scalar::Uint(b)) => a.cmp(&b),
        (Scalar::Ulong(a), Scalar::Ulong(b)) => a.cmp(&b),
        (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

fn key_text(key: Scalar<'_>, entry: Message) -> Result<String> {
    Ok(match key {
        Scalar::Bool(key) => key.to_string(),
        Scalar::Int(key) => key.to_string(),
        Scalar::Long(key) => key.to_string(),
        Scalar::Uint(key) => key.to_string(),
        Scalar::Ulong(key) => key.to_string(),
        Scalar::Text(key) => str::from_utf8(key)
            .map_err(|_| PrintError::NotUtf8(entry))?
            .to_owned(),
        // Protobuf has no maps with such keys.
        Scalar::Float(_) | Scalar::Double(_) | Scalar::Bytes(_) | Scalar::Enum(..) => String::new(),
    })
}
