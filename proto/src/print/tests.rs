use super::*;
use crate::index::{message, oracle::generate::*};
use crate::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use crate::pb::envoy::extensions::transport_sockets::tls::v3::{Secret, TlsCertificate, secret};
use crate::pb::google::protobuf::{Any, Struct, Value, value::Kind};
use crate::pb::xds::r#type::v3::TypedStruct;
use proptest::prelude::*;
use prost::{Message as _, Name};
use prost_reflect::{DynamicMessage, ReflectMessage as _, SerializeOptions};
use serde_json::Value as Json;

const REDACT: Options = Options {
    proto_names: true,
    pretty: false,
    redact: true,
};
const ENVOY: Options = Options {
    proto_names: true,
    pretty: false,
    redact: false,
};

fn known(name: &str) -> Message {
    message(name).expect(name)
}

fn print<M: prost::Message + Name>(message: &M, options: Options) -> String {
    json(known(&M::full_name()), &message.encode_to_vec(), options).expect("printable")
}

fn packed<M: prost::Message + Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

/// Numbers by value: `1` and `1.0` are the same one.
fn normal(json: Json) -> Json {
    match json {
        Json::Number(number) => Json::String(format!("number {:?}", number.as_f64())),
        Json::Array(items) => items.into_iter().map(normal).collect(),
        Json::Object(members) => members.into_iter().map(|(k, v)| (k, normal(v))).collect(),
        other => other,
    }
}

fn by_prost_reflect(message: &DynamicMessage, proto_names: bool) -> Json {
    let options = SerializeOptions::new().use_proto_field_name(proto_names);
    let text = serde_json::value::Serializer;
    message
        .serialize_with_options(text, &options)
        .expect("serializable")
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn prints_what_prost_reflect_prints(
        generated in any_message(),
        proto_names in any::<bool>(),
        pretty in any::<bool>(),
    ) {
        let of = known(generated.message.descriptor().full_name());
        let wire = generated.message.encode_to_vec();
        let text = json(of, &wire, Options { proto_names, pretty, redact: false });
        let text = text.expect("printable");
        let printed: Json = serde_json::from_str(&text).expect("valid JSON");
        let expected = by_prost_reflect(&generated.message, proto_names);
        prop_assert_eq!(normal(printed), normal(expected), "{}", text);
    }

    /// Encoders order maps as they like; the text does not show it.
    #[test]
    fn equal_messages_give_equal_text(generated in any_message()) {
        let descriptor = generated.message.descriptor();
        let of = known(descriptor.full_name());
        let first = generated.message.encode_to_vec();
        let again = DynamicMessage::decode(descriptor, first.as_slice()).expect("valid");
        let second = again.encode_to_vec();
        prop_assert_eq!(json(of, &first, ENVOY), json(of, &second, ENVOY));
    }

    /// Two halves on the wire print as what they merge into.
    #[test]
    fn merges_as_decoding_does(generated in any_message(), other in any_message()) {
        let descriptor = generated.message.descriptor();
        let of = known(descriptor.full_name());
        let mut wire = generated.message.encode_to_vec();
        if other.message.descriptor() == descriptor {
            wire.extend(other.message.encode_to_vec());
        } else {
            wire.extend_from_within(..);
        }
        let merged = DynamicMessage::decode(descriptor, wire.as_slice()).expect("valid");
        prop_assert_eq!(json(of, &wire, ENVOY), json(of, &merged.encode_to_vec(), ENVOY));
    }

    #[test]
    fn damaged_messages_end_in_an_answer(
        generated in any_message(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut wire = generated.message.encode_to_vec();
        for (index, byte) in damage {
            if !wire.is_empty() {
                let at = index.index(wire.len());
                wire[at] = byte;
            }
        }
        let of = known(generated.message.descriptor().full_name());
        for options in [ENVOY, REDACT] {
            if let Ok(text) = json(of, &wire, options) {
                serde_json::from_str::<Json>(&text).expect("valid JSON");
            }
        }
    }
}

fn secret() -> Secret {
    let inline = |text: &str| DataSource {
        specifier: Some(Specifier::InlineString(text.into())),
        ..Default::default()
    };
    Secret {
        name: "server".into(),
        r#type: Some(secret::Type::TlsCertificate(TlsCertificate {
            certificate_chain: Some(inline("public")),
            private_key: Some(DataSource {
                specifier: Some(Specifier::InlineBytes(b"hush".to_vec())),
                ..Default::default()
            }),
            password: Some(inline("hush")),
            ..Default::default()
        })),
    }
}

const REDACTED_SECRET: &str = r#""tls_certificate":{"certificate_chain":{"inline_string":"public"},"private_key":{"inline_bytes":"W3JlZGFjdGVkXQ=="},"password":{"inline_string":"[redacted]"}}"#;

#[test]
fn redacts_what_is_marked_sensitive() {
    assert_eq!(
        print(&secret(), REDACT),
        format!(r#"{{"name":"server",{REDACTED_SECRET}}}"#)
    );
    assert!(print(&secret(), ENVOY).contains("hush"));
    assert_eq!(
        print(&packed(&secret()), REDACT),
        format!(
            r#"{{"@type":"{}","name":"server",{REDACTED_SECRET}}}"#,
            Secret::type_url()
        )
    );
}

#[test]
fn hides_any_content_that_nobody_can_judge() {
    let unknown = Any {
        type_url: "x/acme.Secret".into(),
        value: b"hush".to_vec(),
    };
    assert_eq!(
        print(&unknown, REDACT),
        r#"{"@type":"x/acme.Secret","value":"W3JlZGFjdGVkXQ=="}"#
    );
    assert_eq!(
        print(&unknown, ENVOY),
        r#"{"@type":"x/acme.Secret","value":"aHVzaA=="}"#
    );
    let broken = Any {
        type_url: Secret::type_url(),
        value: vec![0x0a, 9],
    };
    assert_eq!(
        print(&broken, ENVOY),
        format!(r#"{{"@type":"{}","value":"Cgk="}}"#, Secret::type_url())
    );
}

fn of_json(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().expect("finite")),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(crate::pb::google::protobuf::ListValue {
            values: items.iter().map(of_json).collect(),
        }),
        Json::Object(members) => Kind::StructValue(Struct {
            fields: members
                .iter()
                .map(|(key, value)| (key.clone(), of_json(value)))
                .collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn typed_struct(type_url: &str, value: &Json) -> TypedStruct {
    let Some(Kind::StructValue(value)) = of_json(value).kind else {
        panic!("an object")
    };
    TypedStruct {
        type_url: type_url.into(),
        value: Some(value),
    }
}

#[test]
fn redacts_typed_structs_by_the_type_they_name() {
    let value: Json = serde_json::from_str(&print(&secret(), ENVOY)).expect("valid JSON");
    let text = print(&packed(&typed_struct(&Secret::type_url(), &value)), REDACT);
    let printed: Json = serde_json::from_str(&text).expect("valid JSON");
    let certificate = &printed["value"]["tls_certificate"];
    assert_eq!(printed["value"]["name"], "server");
    assert_eq!(certificate["certificate_chain"]["inline_string"], "public");
    assert_eq!(certificate["private_key"]["inline_bytes"], "[redacted]");
    assert_eq!(certificate["password"]["inline_string"], "[redacted]");

    // The same inside an `Any` inside the struct, and in a struct inside that.
    let mut inner = value.clone();
    inner["@type"] = Secret::type_url().into();
    let list = serde_json::json!({ "resources": [inner], "version_info": "7" });
    let list = typed_struct("x/envoy.service.discovery.v3.DiscoveryResponse", &list);
    let text = print(&packed(&list), REDACT);
    assert!(
        !text.contains("hush") && text.contains("public") && text.contains("\"7\""),
        "{text}"
    );
    let nested = serde_json::json!({ "type_url": Secret::type_url(), "value": value });
    let nested = typed_struct("x/xds.type.v3.TypedStruct", &nested);
    let text = print(&packed(&nested), REDACT);
    assert!(!text.contains("hush") && text.contains("public"), "{text}");
}

#[test]
fn hides_typed_structs_of_unknown_types_and_unknown_members() {
    let value = serde_json::json!({ "key": "hush", "list": ["hush", 7], "on": true });
    let text = print(&packed(&typed_struct("x/acme.Plugin", &value)), REDACT);
    assert_eq!(
        text,
        r#"{"@type":"type.googleapis.com/xds.type.v3.TypedStruct","type_url":"x/acme.Plugin","value":{"key":"[redacted]","list":["[redacted]",null],"on":null}}"#
    );
    let value = serde_json::json!({ "name": "public", "new_secret": "hush" });
    let text = print(&packed(&typed_struct(&Secret::type_url(), &value)), REDACT);
    assert!(!text.contains("hush") && text.contains("public"), "{text}");
}

#[test]
fn pretty_text_has_a_line_per_value() {
    let value = of_json(&serde_json::json!({ "a": [1, {}], "b": [], "c": "x" }));
    let pretty = Options {
        pretty: true,
        ..Options::default()
    };
    assert_eq!(
        print(&value, pretty),
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": [],\n  \"c\": \"x\"\n}"
    );
}

#[test]
fn nesting_is_bounded() {
    let mut value = of_json(&Json::Null);
    for _ in 0..200 {
        let list = crate::pb::google::protobuf::ListValue {
            values: vec![value],
        };
        value = Value {
            kind: Some(Kind::ListValue(list)),
        };
    }
    let wire = value.encode_to_vec();
    let of = known("google.protobuf.Value");
    assert_eq!(
        json(of, &wire, Options::default()),
        Err(PrintError::TooDeep)
    );
    // Inside an `Any`, what nests too deep falls back to bytes.
    let text = print(&packed(&value), Options::default());
    assert!(
        text.ends_with("=\"}") || text.contains("\"value\":\""),
        "{text}"
    );
}

#[test]
fn impossible_times_are_errors() {
    for (name, wire) in [
        (
            "google.protobuf.Duration",
            [0x08, 0x01, 0x10, 0xff, 0xff, 0xff, 0xff, 0x0f].as_slice(),
        ),
        (
            "google.protobuf.Timestamp",
            &[0x10, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ),
    ] {
        let error = json(known(name), wire, Options::default());
        assert_eq!(error, Err(PrintError::OutOfRange(known(name))), "{name}");
    }
}
