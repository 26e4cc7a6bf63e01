//! Reads file descriptor sets on the wire, keeping the extension options that the index stores.

use crate::wire::{Record, Records, Value};
use std::collections::BTreeMap;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Extension numbers of the options the index keeps: protoc-gen-validate's, udpa's, Envoy's and
/// the one that maps an RPC to HTTP.
const VALIDATE: u32 = 1071;
const VALIDATE_IGNORED: u32 = 1072;
const SENSITIVE: u32 = 76_569_463;
const DISALLOWED_BY_DEFAULT: u32 = 189_503_207;
const DEPRECATED_AT_MINOR_VERSION: u32 = 157_299_826;
const DISALLOWED_BY_DEFAULT_ENUM: u32 = 70_100_853;
const DEPRECATED_AT_MINOR_VERSION_ENUM: u32 = 181_198_657;
const HTTP: u32 = 72_295_728;
/// Our own: what a declaration of `gaps/envoy.proto` is part of.
const STANDS_FOR: u32 = 77_001;

const TYPE_GROUP: u64 = 10;
pub const TYPE_MESSAGE: u64 = 11;
pub const TYPE_ENUM: u64 = 14;
const LABEL_REPEATED: u64 = 3;

#[derive(Default)]
pub struct Schema {
    pub messages: Vec<Message>,
    pub enums: Vec<Enum>,
    pub services: Vec<Service>,
}

#[derive(Default)]
pub struct Message {
    pub name: String,
    pub stands_for: String,
    pub fields: Vec<Field>,
    pub oneofs: Vec<Oneof>,
    pub reserved_names: Vec<String>,
    /// First and last number, both included.
    pub reserved_ranges: Vec<(u32, u32)>,
    pub map_entry: bool,
    pub deprecated: bool,
    pub rules_disabled: bool,
}

#[derive(Default)]
pub struct Field {
    pub name: String,
    pub json_name: String,
    pub number: u32,
    pub kind: u64,
    /// Without the leading dot.
    pub type_name: String,
    pub repeated: bool,
    pub presence: bool,
    pub packed: bool,
    pub deprecated: bool,
    pub sensitive: bool,
    pub envoy_deprecated: bool,
    pub envoy_disallowed: bool,
    /// Position among the message's real (not synthetic) oneofs.
    pub oneof: Option<usize>,
    pub rules: Vec<u8>,
    /// Whether the generated Rust type has it.
    pub generated: bool,
}

#[derive(Default)]
pub struct Oneof {
    pub name: String,
    pub required: bool,
}

#[derive(Default)]
pub struct Enum {
    pub name: String,
    pub stands_for: String,
    pub values: Vec<EnumValue>,
    pub reserved_names: Vec<String>,
}

#[derive(Default)]
pub struct EnumValue {
    pub name: String,
    pub number: i32,
    pub deprecated: bool,
    pub envoy_deprecated: bool,
    pub envoy_disallowed: bool,
}

#[derive(Default)]
pub struct Service {
    pub name: String,
    pub methods: Vec<Method>,
}

#[derive(Default)]
pub struct Method {
    pub name: String,
    pub input: String,
    pub output: String,
    pub client_streaming: bool,
    pub server_streaming: bool,
    pub http: Vec<u8>,
}

/// Files by name, as encoded `FileDescriptorProto`s without source information.
#[derive(Default)]
pub struct FileSet(BTreeMap<String, Vec<u8>>);

impl FileSet {
    /// Adds the files of an encoded `FileDescriptorSet`; a file that is there already stays.
    pub fn add(&mut self, set: &[u8]) -> Result<()> {
        for file in messages(set, 1)? {
            let name = string(file, 1)?;
            let mut kept = Vec::with_capacity(file.len());
            let mut records = Records::new(file).peekable();
            while let Some(record) = records.next() {
                let record = record?;
                let end = match records.peek() {
                    Some(Ok(next)) => next.offset,
                    _ => file.len(),
                };
                // 9 is source_code_info: comments and positions, four fifths of the set.
                if record.number != 9 {
                    kept.extend_from_slice(&file[record.offset..end]);
                }
            }
            self.0.entry(name).or_insert(kept);
        }
        Ok(())
    }

    /// Takes one file out, as a set of its own.
    pub fn take(&mut self, name: &str) -> Self {
        Self(self.0.remove_entry(name).into_iter().collect())
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut set = Vec::new();
        for file in self.0.values() {
            set.push(0x0a);
            let mut length = file.len();
            while length >= 0x80 {
                set.push(length as u8 | 0x80);
                length >>= 7;
            }
            set.push(length as u8);
            set.extend_from_slice(file);
        }
        set
    }

    /// Everything the files declare, sorted by full name.
    pub fn parse(&self) -> Result<Schema> {
        let mut schema = Schema::default();
        for (name, file) in &self.0 {
            schema
                .add(file)
                .map_err(|cause| format!("{name}: {cause}"))?;
        }
        schema.sort();
        Ok(schema)
    }
}

impl Schema {
    pub fn sort(&mut self) {
        self.messages.sort_by(|a, b| a.name.cmp(&b.name));
        self.enums.sort_by(|a, b| a.name.cmp(&b.name));
        self.services.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn add(&mut self, file: &[u8]) -> Result<()> {
        let package = string(file, 2)?;
        let proto3 = match string(file, 12)?.as_str() {
            "proto3" => true,
            "" | "proto2" => false,
            other => return Err(format!("syntax {other} is not understood").into()),
        };
        for message in messages(file, 4)? {
            self.add_message(message, &package, proto3)?;
        }
        for declared in messages(file, 5)? {
            self.enums.push(enumeration(declared, &package)?);
        }
        for declared in messages(file, 6)? {
            self.services.push(service(declared, &package)?);
        }
        Ok(())
    }

    fn add_message(&mut self, bytes: &[u8], scope: &str, proto3: bool) -> Result<()> {
        let name = join(scope, &string(bytes, 1)?);
        for nested in messages(bytes, 3)? {
            self.add_message(nested, &name, proto3)?;
        }
        for declared in messages(bytes, 4)? {
            self.enums.push(enumeration(declared, &name)?);
        }
        let options = merged(bytes, 7)?;
        let mut message = Message {
            map_entry: flag(&options, 7)?,
            deprecated: flag(&options, 3)?,
            rules_disabled: flag(&options, VALIDATE)? || flag(&options, VALIDATE_IGNORED)?,
            reserved_names: strings(bytes, 10)?,
            stands_for: string(&options, STANDS_FOR)?,
            name,
            ..Message::default()
        };
        for range in messages(bytes, 9)? {
            let (start, end) = (number(range, 1)? as u32, number(range, 2)? as u32);
            message.reserved_ranges.push((start, end.saturating_sub(1)));
        }
        for declared in messages(bytes, 8)? {
            let options = merged(declared, 2)?;
            message.oneofs.push(Oneof {
                name: string(declared, 1)?,
                required: flag(&options, VALIDATE)?,
            });
        }
        for declared in messages(bytes, 2)? {
            message.fields.push(field(declared, proto3)?);
        }
        message.fields.sort_by_key(|field| field.number);
        // The compiler lists synthetic oneofs, one per `optional` field of proto3, last.
        let used = |index: usize| {
            message
                .fields
                .iter()
                .any(|field| field.oneof == Some(index))
        };
        let real = (0..message.oneofs.len())
            .take_while(|&index| used(index))
            .count();
        message.oneofs.truncate(real);
        self.messages.push(message);
        Ok(())
    }
}

fn field(bytes: &[u8], proto3: bool) -> Result<Field> {
    let options = merged(bytes, 8)?;
    let kind = number(bytes, 5)?;
    let repeated = number(bytes, 4)? == LABEL_REPEATED;
    let optional = flag(bytes, 17)?;
    if kind == TYPE_GROUP {
        return Err("groups are not understood".into());
    }
    let oneof = last(bytes, 9)?
        .filter(|_| !optional)
        .map(|value| match value {
            Value::Varint(index) => Ok(index as usize),
            _ => Err("oneof index is no number"),
        })
        .transpose()?;
    let packable = !matches!(kind, 9 | 11 | 12);
    let packed = match last(&options, 2)? {
        Some(Value::Varint(value)) => value != 0,
        _ => proto3,
    };
    Ok(Field {
        name: string(bytes, 1)?,
        json_name: string(bytes, 10)?,
        number: number(bytes, 3)? as u32,
        kind,
        type_name: string(bytes, 6)?.trim_start_matches('.').to_owned(),
        repeated,
        presence: !repeated && (!proto3 || optional || oneof.is_some() || kind == TYPE_MESSAGE),
        packed: repeated && packable && packed,
        deprecated: flag(&options, 3)?,
        sensitive: flag(&options, SENSITIVE)?,
        envoy_deprecated: last(&options, DEPRECATED_AT_MINOR_VERSION)?.is_some(),
        envoy_disallowed: flag(&options, DISALLOWED_BY_DEFAULT)?,
        oneof,
        rules: merged(&options, VALIDATE)?,
        generated: true,
    })
}

fn enumeration(bytes: &[u8], scope: &str) -> Result<Enum> {
    let mut values = Vec::new();
    for declared in messages(bytes, 2)? {
        let options = merged(declared, 3)?;
        values.push(EnumValue {
            name: string(declared, 1)?,
            number: number(declared, 2)? as i32,
            deprecated: flag(&options, 1)?,
            envoy_deprecated: last(&options, DEPRECATED_AT_MINOR_VERSION_ENUM)?.is_some(),
            envoy_disallowed: flag(&options, DISALLOWED_BY_DEFAULT_ENUM)?,
        });
    }
    let name = join(scope, &string(bytes, 1)?);
    Ok(Enum {
        name,
        stands_for: string(&merged(bytes, 3)?, STANDS_FOR)?,
        values,
        reserved_names: strings(bytes, 5)?,
    })
}

fn service(bytes: &[u8], scope: &str) -> Result<Service> {
    let mut methods = Vec::new();
    for declared in messages(bytes, 2)? {
        methods.push(Method {
            name: string(declared, 1)?,
            input: string(declared, 2)?.trim_start_matches('.').to_owned(),
            output: string(declared, 3)?.trim_start_matches('.').to_owned(),
            client_streaming: flag(declared, 5)?,
            server_streaming: flag(declared, 6)?,
            http: merged(&merged(declared, 4)?, HTTP)?,
        });
    }
    Ok(Service {
        name: join(scope, &string(bytes, 1)?),
        methods,
    })
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}

fn all(bytes: &[u8], number: u32) -> impl Iterator<Item = Result<Value<'_>>> {
    Records::new(bytes).filter_map(move |record| match record {
        Ok(Record {
            number: found,
            value,
            ..
        }) => (found == number).then_some(Ok(value)),
        Err(malformed) => Some(Err(malformed.into())),
    })
}

fn last(bytes: &[u8], number: u32) -> Result<Option<Value<'_>>> {
    let mut found = None;
    for value in all(bytes, number) {
        found = Some(value?);
    }
    Ok(found)
}

fn messages(bytes: &[u8], number: u32) -> Result<Vec<&[u8]>> {
    all(bytes, number)
        .map(|value| match value? {
            Value::Bytes(message) => Ok(message),
            _ => Err(format!("field {number} is no message").into()),
        })
        .collect()
}

/// A singular message that may come in pieces: protobuf merges them, which is to concatenate.
fn merged(bytes: &[u8], number: u32) -> Result<Vec<u8>> {
    Ok(messages(bytes, number)?.concat())
}

fn strings(bytes: &[u8], number: u32) -> Result<Vec<String>> {
    messages(bytes, number)?
        .into_iter()
        .map(|text| Ok(str::from_utf8(text)?.to_owned()))
        .collect()
}

fn string(bytes: &[u8], number: u32) -> Result<String> {
    Ok(strings(bytes, number)?.pop().unwrap_or_default())
}

fn number(bytes: &[u8], number: u32) -> Result<u64> {
    match last(bytes, number)? {
        Some(Value::Varint(value)) => Ok(value),
        None => Ok(0),
        Some(_) => Err(format!("field {number} is no number").into()),
    }
}

fn flag(bytes: &[u8], field: u32) -> Result<bool> {
    Ok(number(bytes, field)? != 0)
}
