use super::*;
use crate::index::messages;
use crate::index::oracle::{generate::*, pool};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

/// The number of rules in Envoy's own messages, as counted when the index was designed; of the
/// three that `gaps/envoy.proto` revises, two are new and one is gone.
#[test]
fn every_rule_of_envoy_survives_the_build() {
    let fields = messages()
        .filter(|message| message.full_name().starts_with("envoy."))
        .flat_map(|message| message.fields())
        .filter(|field| field.is_generated() && field.rules().is_some());
    assert_eq!(fields.count(), 1_171 + 2 - 1);
}

/// All rules of the set, read once by number from the index, once by name from prost-reflect.
#[test]
fn rules_agree_with_prost_reflect() {
    let extension = pool()
        .get_extension_by_name("validate.rules")
        .expect("validate.rules");
    let required = pool()
        .get_extension_by_name("validate.required")
        .expect("validate.required");
    let disabled = ["validate.disabled", "validate.ignored"]
        .map(|name| pool().get_extension_by_name(name).expect(name));
    for message in messages() {
        let Some(expected) = pool().get_message_by_name(message.full_name()) else {
            assert!(
                message.fields().all(|field| !field.is_generated()),
                "{message:?}"
            );
            continue;
        };
        let off = disabled
            .iter()
            .any(|off| *expected.options().get_extension(off) == Value::Bool(true));
        assert_eq!(message.rules_disabled(), off, "{message:?}");
        for oneof in message.oneofs() {
            let expected = expected.oneofs().find(|other| other.name() == oneof.name());
            let options = expected.expect("in the pool").options();
            let set = *options.get_extension(&required) == Value::Bool(true);
            assert_eq!(oneof.required(), set, "{oneof:?}");
        }
        for field in message.fields().filter(|field| field.is_generated()) {
            let name = format!("{}.{}", message.full_name(), field.name());
            if crate::index::tests::REVISED.contains(&name.as_str()) {
                continue;
            }
            let options = expected
                .get_field(field.number())
                .expect("in the pool")
                .options();
            let Some(rules) = field.rules() else { continue };
            let Value::Message(wanted) = options.get_extension(&extension).into_owned() else {
                panic!("rules are a message");
            };
            assert_eq!(
                format!("{rules:?}"),
                format!("{:?}", rules_of(&wanted)),
                "{field:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    /// Also the kinds of rules that no message of the set carries.
    #[test]
    fn any_rules_agree_with_prost_reflect(generated in any_message_of("validate.FieldRules")) {
        let bytes: &'static [u8] = Box::leak(generated.message.encode_to_vec().into_boxed_slice());
        let (found, wanted) = (Rules::decode(bytes), rules_of(&generated.message));
        prop_assert_eq!(format!("{:?}", found), format!("{:?}", wanted));
    }
}

fn rules_of(message: &DynamicMessage) -> Rules {
    let mut rules = Rules::default();
    for (field, value) in message.fields() {
        let Value::Message(of) = value else {
            panic!("{} is no message", field.name())
        };
        match field.name() {
            "message" => {
                rules.skip = flag(of, "skip");
                rules.required = flag(of, "required");
            }
            "float" | "double" => rules.check = Check::Float(range(of, float)),
            "int32" | "int64" | "sint32" | "sint64" | "sfixed32" | "sfixed64" => {
                rules.check = Check::Int(range(of, int));
            }
            "uint32" | "uint64" | "fixed32" | "fixed64" => {
                rules.check = Check::Uint(range(of, uint));
            }
            "bool" => {
                rules.check = Check::Bool {
                    equals: get(of, "const", Value::as_bool),
                }
            }
            "string" => rules.check = Check::String(string_rules(of)),
            "bytes" => rules.check = Check::Bytes(bytes_rules(of)),
            "enum" => {
                rules.check = Check::Enum(EnumRules {
                    equals: get(of, "const", Value::as_i32),
                    defined_only: flag(of, "defined_only"),
                    one_of: list(of, "in", Value::as_i32),
                    none_of: list(of, "not_in", Value::as_i32),
                });
            }
            "repeated" => {
                rules.check = Check::List(Box::new(ListRules {
                    min_items: get(of, "min_items", uint),
                    max_items: get(of, "max_items", uint),
                    unique: flag(of, "unique"),
                    items: get(of, "items", nested),
                    ignore_empty: flag(of, "ignore_empty"),
                }));
            }
            "map" => {
                rules.check = Check::Map(Box::new(MapRules {
                    min_pairs: get(of, "min_pairs", uint),
                    max_pairs: get(of, "max_pairs", uint),
                    no_sparse: flag(of, "no_sparse"),
                    keys: get(of, "keys", nested),
                    values: get(of, "values", nested),
                    ignore_empty: flag(of, "ignore_empty"),
                }));
            }
            "any" => {
                rules.check = Check::Any(AnyRules {
                    required: flag(of, "required"),
                    one_of: list(of, "in", text),
                    none_of: list(of, "not_in", text),
                });
            }
            "duration" => rules.check = Check::Duration(time_rules(of)),
            "timestamp" => rules.check = Check::Timestamp(time_rules(of)),
            other => panic!("{other} is new"),
        }
    }
    rules
}

fn string_rules(of: &DynamicMessage) -> StringRules {
    let formats = [
        ("email", StringFormat::Email),
        ("hostname", StringFormat::Hostname),
        ("ip", StringFormat::Ip),
        ("ipv4", StringFormat::Ipv4),
        ("ipv6", StringFormat::Ipv6),
        ("uri", StringFormat::Uri),
        ("uri_ref", StringFormat::UriReference),
        ("address", StringFormat::Address),
        ("uuid", StringFormat::Uuid),
    ];
    let known_regex = match get(of, "well_known_regex", Value::as_enum_number) {
        Some(1) => Some(StringFormat::HttpHeaderName),
        Some(2) => Some(StringFormat::HttpHeaderValue),
        _ => None,
    };
    let by_flag = formats
        .iter()
        .find(|(name, _)| flag(of, name))
        .map(|(_, format)| *format);
    StringRules {
        equals: get(of, "const", text),
        len: get(of, "len", uint),
        min_len: get(of, "min_len", uint),
        max_len: get(of, "max_len", uint),
        len_bytes: get(of, "len_bytes", uint),
        min_bytes: get(of, "min_bytes", uint),
        max_bytes: get(of, "max_bytes", uint),
        pattern: get(of, "pattern", text),
        prefix: get(of, "prefix", text),
        suffix: get(of, "suffix", text),
        contains: get(of, "contains", text),
        not_contains: get(of, "not_contains", text),
        one_of: list(of, "in", text),
        none_of: list(of, "not_in", text),
        format: known_regex.or(by_flag),
        strict: get(of, "strict", Value::as_bool),
        ignore_empty: flag(of, "ignore_empty"),
    }
}

fn bytes_rules(of: &DynamicMessage) -> BytesRules {
    let formats = [
        ("ip", BytesFormat::Ip),
        ("ipv4", BytesFormat::Ipv4),
        ("ipv6", BytesFormat::Ipv6),
    ];
    BytesRules {
        equals: get(of, "const", raw),
        len: get(of, "len", uint),
        min_len: get(of, "min_len", uint),
        max_len: get(of, "max_len", uint),
        pattern: get(of, "pattern", text),
        prefix: get(of, "prefix", raw),
        suffix: get(of, "suffix", raw),
        contains: get(of, "contains", raw),
        one_of: list(of, "in", raw),
        none_of: list(of, "not_in", raw),
        format: formats
            .iter()
            .find(|(name, _)| flag(of, name))
            .map(|(_, format)| *format),
        ignore_empty: flag(of, "ignore_empty"),
    }
}

fn time_rules(of: &DynamicMessage) -> TimeRules {
    let has = |name: &str| of.descriptor().get_field_by_name(name).is_some();
    TimeRules {
        required: flag(of, "required"),
        range: range(of, time),
        lt_now: has("lt_now") && flag(of, "lt_now"),
        gt_now: has("gt_now") && flag(of, "gt_now"),
        within: if has("within") {
            get(of, "within", time)
        } else {
            None
        },
    }
}

fn range<T>(of: &DynamicMessage, read: fn(&Value) -> Option<T>) -> Range<T> {
    let has = |name: &str| of.descriptor().get_field_by_name(name).is_some();
    Range {
        equals: get(of, "const", read),
        lt: get(of, "lt", read),
        lte: get(of, "lte", read),
        gt: get(of, "gt", read),
        gte: get(of, "gte", read),
        one_of: if has("in") {
            list(of, "in", read)
        } else {
            vec![]
        },
        none_of: if has("not_in") {
            list(of, "not_in", read)
        } else {
            vec![]
        },
        ignore_empty: has("ignore_empty") && flag(of, "ignore_empty"),
    }
}

fn get<T>(of: &DynamicMessage, name: &str, read: fn(&Value) -> Option<T>) -> Option<T> {
    let field = of.descriptor().get_field_by_name(name).expect(name);
    of.has_field(&field)
        .then(|| read(&of.get_field(&field)).expect(name))
}

fn list<T>(of: &DynamicMessage, name: &str, read: fn(&Value) -> Option<T>) -> Vec<T> {
    let value = of.get_field_by_name(name).expect(name).into_owned();
    value
        .as_list()
        .expect(name)
        .iter()
        .map(|item| read(item).expect(name))
        .collect()
}

fn flag(of: &DynamicMessage, name: &str) -> bool {
    get(of, name, Value::as_bool).unwrap_or(false)
}

fn nested(value: &Value) -> Option<Rules> {
    value.as_message().map(rules_of)
}

fn text(value: &Value) -> Option<&'static str> {
    value
        .as_str()
        .map(|text| &*Box::leak(text.to_owned().into_boxed_str()))
}

fn raw(value: &Value) -> Option<&'static [u8]> {
    value
        .as_bytes()
        .map(|bytes| &*Box::leak(bytes.to_vec().into_boxed_slice()))
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_f32().map(f64::from))
}

fn int(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

fn uint(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_u32().map(u64::from))
}

fn time(value: &Value) -> Option<Time> {
    let message = value.as_message()?;
    let seconds = message.get_field_by_name("seconds")?.as_i64()?;
    let nanos = message.get_field_by_name("nanos")?.as_i32()?;
    Some(Time { seconds, nanos })
}
