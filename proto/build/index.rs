//! Lays the schema out as the files that the crate embeds; `src/index/layout.rs` describes them.

use crate::descriptors::{Field, Schema, TYPE_ENUM, TYPE_MESSAGE};
use crate::layout::*;
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Names and blobs, each stored once.
#[derive(Default)]
struct Pool {
    text: String,
    names: HashMap<String, u32>,
    blob_bytes: Vec<u8>,
    blob_rows: Vec<u32>,
    blobs: HashMap<Vec<u8>, u16>,
}

impl Pool {
    fn name(&mut self, name: &str) -> Result<u32> {
        if let Some(&known) = self.names.get(name) {
            return Ok(known);
        }
        let length = u32::try_from(name.len())?;
        let offset = u32::try_from(self.text.len())?;
        if length > NAME_LENGTH_MASK || offset >> (32 - NAME_LENGTH_BITS) != 0 {
            return Err(format!("{name}: the index has no room for this name").into());
        }
        self.text.push_str(name);
        let reference = offset << NAME_LENGTH_BITS | length;
        self.names.insert(name.to_owned(), reference);
        Ok(reference)
    }

    fn blob(&mut self, bytes: &[u8]) -> Result<u16> {
        if bytes.is_empty() {
            return Ok(NONE);
        }
        if let Some(&known) = self.blobs.get(bytes) {
            return Ok(known);
        }
        let row = row(self.blobs.len())?;
        self.blob_rows.push(u32::try_from(self.blob_bytes.len())?);
        self.blob_rows.push(u32::try_from(bytes.len())?);
        self.blob_bytes.extend_from_slice(bytes);
        self.blobs.insert(bytes.to_owned(), row);
        Ok(row)
    }
}

/// A row number that fits 16 bits beside the "none" mark.
fn row(index: usize) -> Result<u16> {
    match u16::try_from(index) {
        Ok(row) if row != NONE => Ok(row),
        _ => Err("the index has no room for so many rows".into()),
    }
}

fn pair(low: u16, high: u16) -> u32 {
    u32::from(high) << 16 | u32::from(low)
}

fn bits(flags: &[(bool, u32)]) -> u32 {
    flags
        .iter()
        .filter(|(set, _)| *set)
        .fold(0, |all, (_, bit)| all | bit)
}

#[derive(Default)]
struct Sections {
    messages: Vec<u32>,
    fields: Vec<u32>,
    oneofs: Vec<u32>,
    enums: Vec<u32>,
    values: Vec<u32>,
    reserved_names: Vec<u32>,
    reserved_ranges: Vec<u32>,
    services: Vec<u32>,
    methods: Vec<u32>,
}

pub fn write(schema: &Schema, out: &Path) -> Result<()> {
    let mut pool = Pool::default();
    // The sorted names that look-ups search lie together, so that a search touches few pages.
    for message in &schema.messages {
        pool.name(&message.name)?;
    }
    for declared in &schema.enums {
        pool.name(&declared.name)?;
    }
    let sections = Sections::lay_out(schema, &mut pool)?;

    let mut words = Vec::new();
    let mut ranges = String::new();
    for (name, section, size) in [
        ("MESSAGES", &sections.messages, MESSAGE_WORDS),
        ("FIELDS", &sections.fields, FIELD_WORDS),
        ("ONEOFS", &sections.oneofs, ONEOF_WORDS),
        ("ENUMS", &sections.enums, ENUM_WORDS),
        ("VALUES", &sections.values, VALUE_WORDS),
        (
            "RESERVED_NAMES",
            &sections.reserved_names,
            RESERVED_NAME_WORDS,
        ),
        (
            "RESERVED_RANGES",
            &sections.reserved_ranges,
            RESERVED_RANGE_WORDS,
        ),
        ("SERVICES", &sections.services, SERVICE_WORDS),
        ("METHODS", &sections.methods, METHOD_WORDS),
        ("BLOBS", &pool.blob_rows, BLOB_WORDS),
    ] {
        let (start, rows) = (words.len(), section.len() / size);
        writeln!(
            ranges,
            "pub const {name}: Section = Section {{ start: {start}, rows: {rows} }};"
        )?;
        words.extend_from_slice(section);
    }
    let bytes: Vec<u8> = words
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    std::fs::write(out.join("index.bin"), bytes)?;
    std::fs::write(out.join("index_names.txt"), &pool.text)?;
    std::fs::write(out.join("index_blobs.bin"), &pool.blob_bytes)?;
    std::fs::write(out.join("index_sections.rs"), ranges)?;
    Ok(())
}

impl Sections {
    fn lay_out(schema: &Schema, pool: &mut Pool) -> Result<Self> {
        let mut rows = HashMap::new();
        for (index, message) in schema.messages.iter().enumerate() {
            rows.insert(message.name.as_str(), row(index)?);
        }
        for (index, declared) in schema.enums.iter().enumerate() {
            rows.insert(declared.name.as_str(), row(index)?);
        }
        let mut sections = Self::default();
        for (index, message) in schema.messages.iter().enumerate() {
            let fields = sections.fields.len() / FIELD_WORDS;
            let first_oneof = sections.oneofs.len() / ONEOF_WORDS;
            for field in &message.fields {
                let is_map = field.repeated
                    && field.kind == TYPE_MESSAGE
                    && schema
                        .messages
                        .binary_search_by(|known| known.name.as_str().cmp(&field.type_name))
                        .is_ok_and(|found| schema.messages[found].map_entry);
                sections.field(field, is_map, first_oneof, &rows, pool)?;
            }
            for oneof in &message.oneofs {
                let flags = bits(&[(oneof.required, ONEOF_REQUIRED)]);
                sections.oneofs.push(pool.name(&oneof.name)?);
                sections
                    .oneofs
                    .push(pair(row(index)?, u16::try_from(flags)?));
            }
            let names = sections.reserved_names(&message.reserved_names, pool)?;
            let ranges = sections.reserved_ranges.len() / RESERVED_RANGE_WORDS;
            for &(first, last) in &message.reserved_ranges {
                sections.reserved_ranges.extend([first, last]);
            }
            let well_known = WELL_KNOWN.iter().position(|name| *name == message.name);
            let flags = bits(&[
                (message.map_entry, MESSAGE_MAP_ENTRY),
                (message.rules_disabled, MESSAGE_RULES_DISABLED),
                (message.deprecated, MESSAGE_DEPRECATED),
            ]) | u32::try_from(well_known.map_or(0, |position| position + 1))?
                << MESSAGE_WELL_KNOWN_SHIFT;
            sections.messages.extend([
                pool.name(&message.name)?,
                u32::try_from(fields)?,
                u32::try_from(first_oneof)?,
                pair(row(message.fields.len())?, row(message.oneofs.len())?),
                names,
                u32::try_from(ranges)?,
                pair(
                    row(message.reserved_names.len())?,
                    row(message.reserved_ranges.len())?,
                ),
                flags,
            ]);
        }
        for declared in &schema.enums {
            let values = u32::try_from(sections.values.len() / VALUE_WORDS)?;
            for value in &declared.values {
                let flags = bits(&[
                    (value.deprecated, VALUE_DEPRECATED),
                    (value.envoy_deprecated, VALUE_ENVOY_DEPRECATED),
                    (value.envoy_disallowed, VALUE_ENVOY_DISALLOWED),
                ]);
                sections
                    .values
                    .extend([pool.name(&value.name)?, value.number as u32, flags]);
            }
            let names = sections.reserved_names(&declared.reserved_names, pool)?;
            sections.enums.extend([
                pool.name(&declared.name)?,
                values,
                pair(
                    row(declared.values.len())?,
                    row(declared.reserved_names.len())?,
                ),
                names,
            ]);
        }
        sections.services(schema, &rows, pool)?;
        Ok(sections)
    }

    fn field(
        &mut self,
        field: &Field,
        is_map: bool,
        first_oneof: usize,
        rows: &HashMap<&str, u16>,
        pool: &mut Pool,
    ) -> Result<()> {
        let target = match field.kind {
            TYPE_MESSAGE | TYPE_ENUM => *rows
                .get(field.type_name.as_str())
                .ok_or_else(|| format!("{}: unknown type {}", field.name, field.type_name))?,
            _ => NONE,
        };
        let flags = bits(&[
            (field.repeated && !is_map, FIELD_LIST),
            (is_map, FIELD_MAP),
            (field.presence, FIELD_PRESENCE),
            (field.packed, FIELD_PACKED),
            (field.deprecated, FIELD_DEPRECATED),
            (field.sensitive, FIELD_SENSITIVE),
            (field.envoy_deprecated, FIELD_ENVOY_DEPRECATED),
            (field.envoy_disallowed, FIELD_ENVOY_DISALLOWED),
            (!field.generated, FIELD_NOT_GENERATED),
        ]);
        let oneof = field
            .oneof
            .map_or(Ok(NONE), |index| row(first_oneof + index))?;
        let kind_and_flags =
            u16::try_from(u32::try_from(field.kind)? | flags << FIELD_FLAGS_SHIFT)?;
        self.fields.extend([
            pool.name(&field.name)?,
            pool.name(&field.json_name)?,
            field.number,
            pair(target, kind_and_flags),
            pair(pool.blob(&field.rules)?, oneof),
        ]);
        Ok(())
    }

    fn reserved_names(&mut self, names: &[String], pool: &mut Pool) -> Result<u32> {
        let start = u32::try_from(self.reserved_names.len())?;
        for name in names {
            self.reserved_names.push(pool.name(name)?);
        }
        Ok(start)
    }

    fn services(
        &mut self,
        schema: &Schema,
        rows: &HashMap<&str, u16>,
        pool: &mut Pool,
    ) -> Result<()> {
        let known = |name: &str| {
            rows.get(name)
                .copied()
                .ok_or_else(|| format!("unknown type {name} of a method"))
        };
        for service in &schema.services {
            let methods = u32::try_from(self.methods.len() / METHOD_WORDS)?;
            for method in &service.methods {
                let flags = bits(&[
                    (method.client_streaming, METHOD_CLIENT_STREAMING),
                    (method.server_streaming, METHOD_SERVER_STREAMING),
                ]);
                self.methods.extend([
                    pool.name(&method.name)?,
                    pair(known(&method.input)?, known(&method.output)?),
                    pair(u16::try_from(flags)?, pool.blob(&method.http)?),
                ]);
            }
            let count = u32::try_from(service.methods.len())?;
            self.services
                .extend([pool.name(&service.name)?, methods, count]);
        }
        Ok(())
    }
}
