//! Random messages, printed as JSON by prost-reflect, must come through the walk unchanged.

use super::*;
use crate::index::oracle::pool;
use proptest::prelude::*;
use proptest::test_runner::TestRng;
use prost_reflect::prost::Message as _;
use prost_reflect::{
    Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    SerializeOptions, Value,
};
use std::collections::HashMap;

/// Whole trees of Envoy's configuration, our own kinds, and the well-known types.
const MESSAGES: &[&str] = &[
    BOOTSTRAP,
    CLUSTER,
    HCM,
    "envoy.config.listener.v3.Listener",
    "envoy.config.route.v3.RouteConfiguration",
    "envoy.config.core.v3.Node",
    "envoy.config.core.v3.Metadata",
    "envoy.config.core.v3.HealthCheck",
    "envoy.config.rbac.v3.RBAC",
    "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "envoy.service.discovery.v3.DeltaDiscoveryRequest",
    "envoy.admin.v3.ServerInfo",
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "google.protobuf.DoubleValue",
    "google.protobuf.UInt64Value",
    "google.protobuf.Any",
];

struct Maker {
    rng: TestRng,
    budget: usize,
}

impl Maker {
    fn below(&mut self, bound: usize) -> usize {
        self.rng.random_range(0..bound)
    }

    fn message(&mut self, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
        self.budget = self.budget.saturating_sub(1);
        let mut message = DynamicMessage::new(of.clone());
        match of.full_name() {
            "google.protobuf.Any" => {
                let name = MESSAGES[self.below(MESSAGES.len())];
                let inner = self.message(&pool().get_message_by_name(name).unwrap(), depth + 1);
                let url = format!("type.googleapis.com/{name}");
                message.set_field_by_name("type_url", Value::String(url));
                message.set_field_by_name("value", Value::Bytes(inner.encode_to_vec().into()));
            }
            "google.protobuf.Duration" => {
                let sign = [1, -1][self.below(2)];
                let seconds = self.below(1 << 30) as i64 * sign;
                let nanos = [0, 500_000_000, 1, 999_999_999][self.below(4)] * sign as i32;
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "google.protobuf.Timestamp" => {
                let seconds = self.rng.random_range(-62_135_596_800i64..253_402_300_799);
                message.set_field_by_name("seconds", Value::I64(seconds));
                message.set_field_by_name("nanos", Value::I32([0, 1, 999_000_000][self.below(3)]));
            }
            // The oracle prints infinities in wrappers as null.
            "google.protobuf.DoubleValue" => {
                message.set_field_by_name("value", Value::F64(self.below(9) as f64 / 8.0));
            }
            "google.protobuf.FloatValue" => {
                message.set_field_by_name("value", Value::F32(self.below(9) as f32 / 8.0));
            }
            "google.protobuf.Value" => {
                let kinds = [
                    "null_value",
                    "number_value",
                    "string_value",
                    "bool_value",
                    "struct_value",
                    "list_value",
                ];
                let simple = if depth > 6 || self.budget == 0 { 4 } else { 6 };
                let field = of.get_field_by_name(kinds[self.below(simple)]).unwrap();
                let value = match field.name() {
                    // JSON has no such numbers.
                    "number_value" => Value::F64(self.below(1 << 20) as f64 / 8.0),
                    _ => self.value(&field, depth),
                };
                message.set_field(&field, value);
            }
            _ => self.fill(&mut message, of, depth),
        }
        message
    }

    fn fill(&mut self, message: &mut DynamicMessage, of: &MessageDescriptor, depth: usize) {
        let sparse = of.fields().len().max(4);
        for field in of.fields() {
            let wanted = self.below(sparse) < 4;
            let nested = matches!(field.kind(), Kind::Message(_));
            if !wanted || (nested && (depth > 6 || self.budget == 0)) {
                continue;
            }
            let other = field.containing_oneof();
            if other.is_some_and(|oneof| oneof.fields().any(|field| message.has_field(&field))) {
                continue;
            }
            let count = self.below(3);
            let value = if let Kind::Message(entry) = field.kind()
                && field.is_map()
            {
                let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
                let pair = |maker: &mut Self| (maker.key(&key), maker.value(&value, depth));
                Value::Map((0..count).map(|_| pair(self)).collect::<HashMap<_, _>>())
            } else if field.cardinality() == Cardinality::Repeated {
                Value::List((0..count).map(|_| self.value(&field, depth)).collect())
            } else {
                self.value(&field, depth)
            };
            message.set_field(&field, value);
        }
    }

    fn key(&mut self, field: &FieldDescriptor) -> MapKey {
        let number = self.rng.random::<u64>();
        match field.kind() {
            Kind::Bool => MapKey::Bool(number & 1 == 1),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => MapKey::I32(number as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => MapKey::I64(number as i64),
            Kind::Uint32 | Kind::Fixed32 => MapKey::U32(number as u32),
            Kind::Uint64 | Kind::Fixed64 => MapKey::U64(number),
            _ => MapKey::String(self.text()),
        }
    }

    fn text(&mut self) -> String {
        const TEXTS: &[&str] = &[
            "",
            "a",
            "true",
            "null",
            "10",
            "1.5",
            "5s",
            "é😀\u{1}\n\"\\",
            "@type",
            "value",
            "a.b[0]",
            "\u{2028}",
            "\u{10ffff}",
            "{}",
            "~",
        ];
        TEXTS[self.below(TEXTS.len())].into()
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let wide = self.rng.random::<u64>() >> self.below(64);
        match field.kind() {
            Kind::Double => {
                let odd = [
                    0.0,
                    -0.0,
                    1.0,
                    0.1,
                    1e300,
                    5e-324,
                    f64::NAN,
                    f64::INFINITY,
                    f64::NEG_INFINITY,
                ];
                Value::F64(odd[self.below(odd.len())])
            }
            Kind::Float => {
                let odd = [
                    0.0,
                    -0.0,
                    1.0,
                    0.1,
                    f32::MAX,
                    1e-45,
                    f32::NAN,
                    f32::INFINITY,
                ];
                Value::F32(odd[self.below(odd.len())])
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(wide as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(wide as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(wide as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(wide),
            Kind::Bool => Value::Bool(wide & 1 == 1),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Enum(of) => {
                let values: Vec<i32> = of.values().map(|value| value.number()).collect();
                // NullValue is printed as null, whatever its number.
                let stray = of.full_name() != "google.protobuf.NullValue" && self.below(20) == 0;
                Value::EnumNumber(if stray {
                    12_345
                } else {
                    values[self.below(values.len())]
                })
            }
            Kind::Message(of) => Value::Message(self.message(&of, depth + 1)),
        }
    }
}

/// The wire bytes, brought into one order by the oracle itself.
fn decoded(name: &str, wire: &[u8]) -> String {
    let descriptor = pool().get_message_by_name(name).unwrap();
    let message = DynamicMessage::decode(descriptor, wire).unwrap();
    let options = SerializeOptions::new();
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, &options).unwrap();
    // Through a map with sorted keys, since the oracle's maps are not.
    let value: serde_json::Value = serde_json::from_slice(&out.into_inner()).unwrap();
    serde_json::to_string(&value).unwrap()
}

fn printed(message: &DynamicMessage, proto_names: bool) -> String {
    let options = SerializeOptions::new().use_proto_field_name(proto_names);
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, &options).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

/// Errors that are about rules, not about reading. Random messages obey none.
fn is_rule(diagnostic: &Diagnostic) -> bool {
    let message = &diagnostic.message;
    message.contains(" must ") || message.contains("is required") || message.contains("deprecated")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_come_through(seed in any::<[u8; 32]>(), which in 0..MESSAGES.len(), proto_names: bool) {
        let name = MESSAGES[which];
        let rng = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let message = Maker { rng, budget: 60 }
            .message(&pool().get_message_by_name(name).unwrap(), 0);
        let json = printed(&message, proto_names);
        let options = Options { diagnostics: 100_000, ..Options::default() };
        let loaded = read_with("a.json", name, &json, &options);
        let wrong: Vec<_> =
            loaded.diagnostics.iter().filter(|d| d.is_error() && !is_rule(d)).collect();
        prop_assert!(wrong.is_empty(), "{}\n{}", json, wrong[0]);
        prop_assert_eq!(decoded(name, &loaded.wire), decoded(name, &message.encode_to_vec()), "{}", json);
        // One message, one spelling, whichever program wrote it.
        let canonical = crate::encode::canonical(index::message(name).unwrap(), &loaded.wire).unwrap();
        prop_assert_eq!(&canonical, &loaded.wire, "{}", json);
    }
}
