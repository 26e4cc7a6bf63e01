//! Makes up messages of any type out of a run of bytes, so that proptest can shrink them.

use super::pool;
use crate::path::{FieldPath, Segment};
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};
use std::collections::HashMap;

/// A number that no message of the set uses, and none reserves.
pub(crate) const UNKNOWN_NUMBER: u32 = 300_000_017;

const MAX_DEPTH: usize = 12;

/// A message, and where unknown fields were put into it: the full name of the message that got
/// one, and its path.
#[derive(Clone)]
pub(crate) struct Generated {
    pub(crate) message: DynamicMessage,
    pub(crate) unknown: Vec<(String, String)>,
}

// `DynamicMessage`'s own prints descriptors without end.
impl std::fmt::Debug for Generated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {:?}",
            self.message.descriptor().full_name(),
            self.message,
            self.unknown
        )
    }
}

/// So many cases; failures are printed, not written into the source tree.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Messages of every type of the set, some big, most small.
pub(crate) fn any_message() -> impl Strategy<Value = Generated> {
    generated(false)
}

/// The same with fields in them that no descriptor knows.
pub(crate) fn any_message_with_unknown_fields() -> impl Strategy<Value = Generated> {
    generated(true)
}

/// Messages of one type.
pub(crate) fn any_message_of(name: &str) -> impl Strategy<Value = Generated> + use<> {
    made_of(
        vec![pool().get_message_by_name(name).expect("a known name")],
        false,
    )
}

fn generated(poison: bool) -> impl Strategy<Value = Generated> {
    made_of(
        pool()
            .all_messages()
            .filter(|message| !message.is_map_entry())
            .collect(),
        poison,
    )
}

fn made_of(
    types: Vec<MessageDescriptor>,
    poison: bool,
) -> impl Strategy<Value = Generated> + use<> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..1_500);
    (proptest::sample::select(types), bytes).prop_map(move |(descriptor, bytes)| {
        let mut source = Source {
            bytes: bytes.into_iter(),
            poison,
            path: vec![],
            unknown: vec![],
        };
        let message = source.message(&descriptor, 0);
        Generated {
            message,
            unknown: source.unknown,
        }
    })
}

struct Source {
    bytes: std::vec::IntoIter<u8>,
    poison: bool,
    path: Vec<Segment>,
    unknown: Vec<(String, String)>,
}

impl Source {
    /// Zero once the bytes are used up, and zero always means the smaller choice.
    fn byte(&mut self) -> usize {
        usize::from(self.bytes.next().unwrap_or(0))
    }

    fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.byte() % choices.len()].clone()
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        match descriptor.full_name() {
            "google.protobuf.Any" => return self.any(message, depth),
            "google.protobuf.Duration" => {
                let sign = self.pick(&[1i64, -1]);
                let seconds = self.pick(&[0, 1, 90, 315_576_000_000]) * sign;
                let nanos = self.pick(&[0, 1, 20_000, 999_000_000]) * sign as i32;
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(nanos));
                return message;
            }
            "google.protobuf.Timestamp" => {
                let times = [
                    0,
                    -1,
                    951_782_400,
                    1_709_210_096,
                    -62_135_596_800,
                    253_402_300_799,
                ];
                message.set_field_by_name("seconds", Value::I64(self.pick(&times)));
                let nanos = self.pick(&[0, 1, 20_000, 999_000_000]);
                message.set_field_by_name("nanos", Value::I32(nanos));
                return message;
            }
            "google.protobuf.FieldMask" => {
                let paths = self.pick(&[vec![], vec!["a"], vec!["snake_case.x", "b"]]);
                let paths = paths
                    .into_iter()
                    .map(|path| Value::String(path.to_owned()))
                    .collect();
                message.set_field_by_name("paths", Value::List(paths));
                return message;
            }
            // JSON has no value that is none.
            "google.protobuf.Value" => {
                let fields: Vec<_> = descriptor.fields().collect();
                let deep = depth > MAX_DEPTH - 4;
                let field = self.pick(if deep { &fields[..4] } else { &fields });
                let value = match field.kind() {
                    Kind::Enum(_) => Value::EnumNumber(0),
                    Kind::Double => Value::F64(self.pick(&[0.0, 1.5, -7.0, 1e300])),
                    _ => {
                        self.field(&mut message, &field, depth);
                        return message;
                    }
                };
                message.set_field(&field, value);
                return message;
            }
            _ => {}
        }
        if depth < MAX_DEPTH {
            for field in descriptor.fields() {
                if self.byte() > 160 {
                    self.field(&mut message, &field, depth);
                }
            }
        }
        self.maybe_poisoned(message)
    }

    /// Adds an unknown field now and then, and remembers where.
    fn maybe_poisoned(&mut self, message: DynamicMessage) -> DynamicMessage {
        if !self.poison || self.byte() < 128 || self.unknown.len() >= crate::scan::MAX_REPORTED {
            return message;
        }
        let descriptor = message.descriptor();
        let mut wire = message.encode_to_vec();
        prost::encoding::uint32::encode(UNKNOWN_NUMBER, &1, &mut wire);
        let path = FieldPath(self.path.clone()).to_string();
        self.unknown.push((descriptor.full_name().to_owned(), path));
        DynamicMessage::decode(descriptor, wire.as_slice()).expect("valid with one field more")
    }

    /// Never without a type: JSON as prost-reflect writes it has no form for that.
    fn any(&mut self, mut any: DynamicMessage, depth: usize) -> DynamicMessage {
        let count = pool().all_messages().len();
        let index = (self.byte() << 8 | self.byte()) % count;
        let fits = depth + 2 < MAX_DEPTH;
        let content = pool()
            .all_messages()
            .nth(index)
            .filter(|m| fits && !m.is_map_entry());
        let empty = || {
            pool()
                .get_message_by_name("google.protobuf.Empty")
                .expect("Empty")
        };
        let content = content.unwrap_or_else(empty);
        let url = format!("type.googleapis.com/{}", content.full_name());
        let content = self.message(&content, depth + 1).encode_to_vec();
        any.set_field_by_name("type_url", Value::String(url));
        any.set_field_by_name("value", Value::Bytes(content.into()));
        any
    }

    fn field(&mut self, message: &mut DynamicMessage, field: &FieldDescriptor, depth: usize) {
        let name = crate::index::message(field.parent_message().full_name())
            .and_then(|parent| parent.field_by_number(field.number()))
            .expect("the index has the field")
            .name();
        // A member that takes a oneof over takes what was put into the former one with it.
        if let Some(oneof) = field.containing_oneof()
            && oneof
                .fields()
                .any(|other| other != *field && message.has_field(&other))
        {
            return;
        }
        self.path.push(Segment::Field(name));
        let value = if field.is_map() {
            let Kind::Message(entry) = field.kind() else {
                unreachable!()
            };
            let mut map = HashMap::new();
            for _ in 0..=self.byte() % 3 {
                let key = self.map_key(&entry.map_entry_key_field());
                if map.contains_key(&key) {
                    continue;
                }
                self.path.push(Segment::Key(key_text(&key).into()));
                let value = self.value(&entry.map_entry_value_field(), depth);
                self.path.pop();
                map.insert(key, value);
            }
            Value::Map(map)
        } else if field.is_list() {
            let mut list = Vec::new();
            for index in 0..=self.byte() % 3 {
                self.path.push(Segment::Index(index));
                list.push(self.value(field, depth));
                self.path.pop();
            }
            Value::List(list)
        } else {
            self.value(field, depth)
        };
        self.path.pop();
        message.set_field(field, value);
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        // prost-reflect writes `null` for wrapped numbers that are not finite.
        let wrapper = field
            .parent_message()
            .full_name()
            .starts_with("google.protobuf.");
        let ints = [
            0i64,
            1,
            -1,
            300,
            i64::from(i32::MAX),
            i64::MIN,
            i64::MAX,
            1 << 53,
        ];
        match field.kind() {
            Kind::Double => {
                let all = [0.0, 0.1, -2.0, 1e20, 5e-324, f64::INFINITY, f64::NAN];
                Value::F64(self.pick(if wrapper { &all[..5] } else { &all }))
            }
            Kind::Float => {
                let all = [0.0, 0.1, -2.0, 1e20, f32::MAX, f32::NEG_INFINITY];
                Value::F32(self.pick(if wrapper { &all[..5] } else { &all }))
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(self.pick(&ints) as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(self.pick(&ints)),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(self.pick(&ints) as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(self.pick(&ints) as u64),
            Kind::Bool => Value::Bool(self.byte() % 2 == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => {
                let length = self.byte() % 5;
                Value::Bytes(
                    (0..length)
                        .map(|_| self.byte() as u8)
                        .collect::<Vec<_>>()
                        .into(),
                )
            }
            Kind::Enum(descriptor) => {
                let count = descriptor.values().len();
                let known = descriptor
                    .values()
                    .nth(self.byte() % count)
                    .map(|value| value.number());
                // Closed enums do not take numbers that they do not list.
                let open = descriptor.parent_file().syntax() == prost_reflect::Syntax::Proto3;
                Value::EnumNumber(match self.byte() {
                    250.. if open => 77_777,
                    _ => known.unwrap_or(0),
                })
            }
            Kind::Message(descriptor) => Value::Message(self.message(&descriptor, depth + 1)),
        }
    }

    fn map_key(&mut self, field: &FieldDescriptor) -> MapKey {
        match self.value(field, MAX_DEPTH) {
            Value::Bool(key) => MapKey::Bool(key),
            Value::I32(key) => MapKey::I32(key),
            Value::I64(key) => MapKey::I64(key),
            Value::U32(key) => MapKey::U32(key),
            Value::U64(key) => MapKey::U64(key),
            Value::String(key) => MapKey::String(key),
            _ => unreachable!("protobuf has no such map"),
        }
    }

    fn text(&mut self) -> String {
        let texts = [
            "",
            "a",
            "envoy.filters.http.router",
            "\"\\\n\t\r\u{1}\u{7f}",
            "häß 𝄞 \u{2028}",
        ];
        self.pick(&texts).to_owned()
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}
