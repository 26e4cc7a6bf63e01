//! From `validate.FieldRules` bytes to [`Rules`].
//!
//! The bytes come from descriptors that a protobuf compiler checked, so a record of the wrong
//! shape cannot be met; it would be passed over.

use super::*;
use crate::wire::{Records, Value, varint};

impl Rules {
    pub(in crate::index) fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            let Value::Bytes(inner) = value else { continue };
            match number {
                17 => {
                    for (number, value) in records(inner) {
                        match number {
                            1 => rules.skip = boolean(value),
                            2 => rules.required = boolean(value),
                            _ => {}
                        }
                    }
                }
                1 => rules.check = Check::Float(range(inner, float32)),
                2 => rules.check = Check::Float(range(inner, float64)),
                3 | 4 => rules.check = Check::Int(range(inner, int)),
                5 | 6 => rules.check = Check::Uint(range(inner, uint)),
                7 | 8 => rules.check = Check::Int(range(inner, zigzag)),
                9 => rules.check = Check::Uint(range(inner, fixed32)),
                10 => rules.check = Check::Uint(range(inner, fixed64)),
                11 => rules.check = Check::Int(range(inner, sfixed32)),
                12 => rules.check = Check::Int(range(inner, sfixed64)),
                13 => {
                    rules.check = Check::Bool {
                        equals: first(inner, 1).map(boolean),
                    }
                }
                14 => rules.check = Check::String(StringRules::decode(inner)),
                15 => rules.check = Check::Bytes(BytesRules::decode(inner)),
                16 => rules.check = Check::Enum(EnumRules::decode(inner)),
                18 => rules.check = Check::List(Box::new(ListRules::decode(inner))),
                19 => rules.check = Check::Map(Box::new(MapRules::decode(inner))),
                20 => rules.check = Check::Any(AnyRules::decode(inner)),
                21 => rules.check = Check::Duration(TimeRules::decode(inner)),
                22 => rules.check = Check::Timestamp(TimeRules::decode(inner)),
                _ => {}
            }
        }
        rules
    }
}

impl StringRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.equals = text(value),
                19 => rules.len = uint(value),
                2 => rules.min_len = uint(value),
                3 => rules.max_len = uint(value),
                20 => rules.len_bytes = uint(value),
                4 => rules.min_bytes = uint(value),
                5 => rules.max_bytes = uint(value),
                6 => rules.pattern = text(value),
                7 => rules.prefix = text(value),
                8 => rules.suffix = text(value),
                9 => rules.contains = text(value),
                23 => rules.not_contains = text(value),
                10 => rules.one_of.extend(text(value)),
                11 => rules.none_of.extend(text(value)),
                12 => rules.format = boolean(value).then_some(StringFormat::Email),
                13 => rules.format = boolean(value).then_some(StringFormat::Hostname),
                14 => rules.format = boolean(value).then_some(StringFormat::Ip),
                15 => rules.format = boolean(value).then_some(StringFormat::Ipv4),
                16 => rules.format = boolean(value).then_some(StringFormat::Ipv6),
                17 => rules.format = boolean(value).then_some(StringFormat::Uri),
                18 => rules.format = boolean(value).then_some(StringFormat::UriReference),
                21 => rules.format = boolean(value).then_some(StringFormat::Address),
                22 => rules.format = boolean(value).then_some(StringFormat::Uuid),
                24 => {
                    rules.format = match uint(value) {
                        Some(1) => Some(StringFormat::HttpHeaderName),
                        Some(2) => Some(StringFormat::HttpHeaderValue),
                        _ => None,
                    }
                }
                25 => rules.strict = Some(boolean(value)),
                26 => rules.ignore_empty = boolean(value),
                _ => {}
            }
        }
        rules
    }
}

impl BytesRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.equals = raw(value),
                13 => rules.len = uint(value),
                2 => rules.min_len = uint(value),
                3 => rules.max_len = uint(value),
                4 => rules.pattern = text(value),
                5 => rules.prefix = raw(value),
                6 => rules.suffix = raw(value),
                7 => rules.contains = raw(value),
                8 => rules.one_of.extend(raw(value)),
                9 => rules.none_of.extend(raw(value)),
                10 => rules.format = boolean(value).then_some(BytesFormat::Ip),
                11 => rules.format = boolean(value).then_some(BytesFormat::Ipv4),
                12 => rules.format = boolean(value).then_some(BytesFormat::Ipv6),
                14 => rules.ignore_empty = boolean(value),
                _ => {}
            }
        }
        rules
    }
}

impl EnumRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let narrow = |value| uint(value).map(|number| number as i32);
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.equals = narrow(value),
                2 => rules.defined_only = boolean(value),
                3 => each(value, narrow, &mut rules.one_of),
                4 => each(value, narrow, &mut rules.none_of),
                _ => {}
            }
        }
        rules
    }
}

impl ListRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.min_items = uint(value),
                2 => rules.max_items = uint(value),
                3 => rules.unique = boolean(value),
                4 => rules.items = raw(value).map(Rules::decode),
                5 => rules.ignore_empty = boolean(value),
                _ => {}
            }
        }
        rules
    }
}

impl MapRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.min_pairs = uint(value),
                2 => rules.max_pairs = uint(value),
                3 => rules.no_sparse = boolean(value),
                4 => rules.keys = raw(value).map(Rules::decode),
                5 => rules.values = raw(value).map(Rules::decode),
                6 => rules.ignore_empty = boolean(value),
                _ => {}
            }
        }
        rules
    }
}

impl AnyRules {
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        for (number, value) in records(bytes) {
            match number {
                1 => rules.required = boolean(value),
                2 => rules.one_of.extend(text(value)),
                3 => rules.none_of.extend(text(value)),
                _ => {}
            }
        }
        rules
    }
}

impl TimeRules {
    /// Durations list values as 7 and 8, where timestamps have two flags and a duration as 9; the
    /// wire types keep them apart.
    fn decode(bytes: &'static [u8]) -> Self {
        let mut rules = Self::default();
        let range = &mut rules.range;
        for (number, value) in records(bytes) {
            match (number, value) {
                (1, _) => rules.required = boolean(value),
                (2, _) => range.equals = time(value),
                (3, _) => range.lt = time(value),
                (4, _) => range.lte = time(value),
                (5, _) => range.gt = time(value),
                (6, _) => range.gte = time(value),
                (7, Value::Bytes(_)) => range.one_of.extend(time(value)),
                (8, Value::Bytes(_)) => range.none_of.extend(time(value)),
                (7, _) => rules.lt_now = boolean(value),
                (8, _) => rules.gt_now = boolean(value),
                (9, _) => rules.within = time(value),
                _ => {}
            }
        }
        rules
    }
}

fn range<T>(bytes: &'static [u8], read: fn(Value<'static>) -> Option<T>) -> Range<T> {
    let mut range = Range::default();
    for (number, value) in records(bytes) {
        match number {
            1 => range.equals = read(value),
            2 => range.lt = read(value),
            3 => range.lte = read(value),
            4 => range.gt = read(value),
            5 => range.gte = read(value),
            6 => each(value, read, &mut range.one_of),
            7 => each(value, read, &mut range.none_of),
            8 => range.ignore_empty = boolean(value),
            _ => {}
        }
    }
    range
}

/// A repeated number, packed or not. Rule messages are proto2 and do not pack, except where the
/// author of a rule file asked for it; only varints are ever packed there.
fn each<T>(value: Value<'static>, read: fn(Value<'static>) -> Option<T>, into: &mut Vec<T>) {
    let Value::Bytes(mut packed) = value else {
        into.extend(read(value));
        return;
    };
    while let Ok((number, length)) = varint(packed) {
        into.extend(read(Value::Varint(number)));
        packed = packed.get(length..).unwrap_or_default();
    }
}

fn records(bytes: &'static [u8]) -> impl Iterator<Item = (u32, Value<'static>)> {
    Records::new(bytes)
        .map_while(Result::ok)
        .map(|record| (record.number, record.value))
}

fn first(bytes: &'static [u8], wanted: u32) -> Option<Value<'static>> {
    records(bytes)
        .find(|(number, _)| *number == wanted)
        .map(|(_, value)| value)
}

fn raw(value: Value<'static>) -> Option<&'static [u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn text(value: Value<'static>) -> Option<&'static str> {
    raw(value).and_then(|bytes| str::from_utf8(bytes).ok())
}

fn boolean(value: Value<'static>) -> bool {
    matches!(value, Value::Varint(1..))
}

fn uint(value: Value<'static>) -> Option<u64> {
    match value {
        Value::Varint(number) => Some(number),
        _ => None,
    }
}

fn int(value: Value<'static>) -> Option<i64> {
    uint(value).map(|number| number as i64)
}

fn zigzag(value: Value<'static>) -> Option<i64> {
    uint(value).map(crate::wire::zigzag)
}

fn fixed32(value: Value<'static>) -> Option<u64> {
    match value {
        Value::Fixed32(number) => Some(u64::from(number)),
        _ => None,
    }
}

fn fixed64(value: Value<'static>) -> Option<u64> {
    match value {
        Value::Fixed64(number) => Some(number),
        _ => None,
    }
}

fn sfixed32(value: Value<'static>) -> Option<i64> {
    fixed32(value).map(|number| i64::from(number as u32 as i32))
}

fn sfixed64(value: Value<'static>) -> Option<i64> {
    fixed64(value).map(|number| number as i64)
}

fn float32(value: Value<'static>) -> Option<f64> {
    fixed32(value).map(|bits| f64::from(f32::from_bits(bits as u32)))
}

fn float64(value: Value<'static>) -> Option<f64> {
    fixed64(value).map(f64::from_bits)
}

fn time(value: Value<'static>) -> Option<Time> {
    let bytes = raw(value)?;
    let part = |number| first(bytes, number).and_then(int).unwrap_or(0);
    Some(Time {
        seconds: part(1),
        nanos: part(2) as i32,
    })
}
