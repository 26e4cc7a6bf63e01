use super::*;
use crate::index::{message, oracle};
use prost_reflect::DynamicMessage;
use prost_reflect::prost::Message as _;

#[test]
fn lengths_of_every_size_are_written() {
    for size in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
        let mut out = vec![7];
        let mark = open(&mut out, 3);
        out.resize(out.len() + size, 9);
        close(&mut out, mark);
        let mut expected = vec![7];
        put_bytes(&mut expected, 3, &vec![9; size]);
        assert_eq!(out, expected, "{size}");
    }
}

#[test]
fn zigzag_is_undone_by_the_reader() {
    for value in [0, 1, -1, i64::MAX, i64::MIN, 77] {
        assert_eq!(crate::wire::zigzag(zigzag(value)), value);
    }
}

/// prost-reflect writes maps in random order; one message must have one canonical form.
#[test]
fn maps_come_out_in_one_order() {
    let name = "envoy.config.core.v3.Node";
    let descriptor = oracle::pool().get_message_by_name(name).unwrap();
    let text = r#"{"id": "a", "cluster": "b",
        "metadata": {"z": 1, "y": {"d": [1, {"q": 1, "p": 2}], "c": 2, "b": 3}, "x": "s"},
        "dynamicParameters": {"k2": {"params": {"c": "d", "a": "b"}}, "k1": {}},
        "extensions": [{"name": "e", "disabled": true}]}"#;
    let mut forms = std::collections::HashSet::new();
    let mut raw = std::collections::HashSet::new();
    for _ in 0..20 {
        let mut json = serde_json::Deserializer::from_str(text);
        let dynamic = DynamicMessage::deserialize(descriptor.clone(), &mut json).unwrap();
        let wire = dynamic.encode_to_vec();
        let form = canonical(message(name).unwrap(), &wire).unwrap();
        assert_eq!(
            DynamicMessage::decode(descriptor.clone(), form.as_slice()).unwrap(),
            dynamic
        );
        raw.insert(wire);
        forms.insert(form);
    }
    assert!(
        raw.len() > 1,
        "the oracle has become deterministic; the test proves nothing"
    );
    assert_eq!(forms.len(), 1);
}

#[test]
fn any_payloads_are_rewritten_and_unknown_fields_kept() {
    // Struct {b: null, a: null} with its entries in the wrong order, then an unknown field.
    let entry = |key: &[u8]| {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, key);
        put_bytes(&mut out, 2, &[8, 0]);
        out
    };
    let mut payload = Vec::new();
    put_bytes(&mut payload, 1, &entry(b"b"));
    put_bytes(&mut payload, 1, &entry(b"a"));
    let mut any = Vec::new();
    put_bytes(&mut any, 2, &payload);
    put_bytes(&mut any, 1, b"type.googleapis.com/google.protobuf.Struct");
    put_bytes(&mut any, 99, b"kept");
    let form = canonical(message("google.protobuf.Any").unwrap(), &any).unwrap();

    let mut payload = Vec::new();
    put_bytes(&mut payload, 1, &entry(b"a"));
    put_bytes(&mut payload, 1, &entry(b"b"));
    let mut expected = Vec::new();
    put_bytes(
        &mut expected,
        1,
        b"type.googleapis.com/google.protobuf.Struct",
    );
    put_bytes(&mut expected, 2, &payload);
    put_bytes(&mut expected, 99, b"kept");
    assert_eq!(form, expected);
}

#[test]
fn nesting_is_bounded() {
    let mut wire = Vec::new();
    for _ in 0..5_000 {
        let mut outer = Vec::new();
        // Value { list_value { values: [...] } }
        let mut list = Vec::new();
        put_bytes(&mut list, 1, &wire);
        put_bytes(&mut outer, 6, &list);
        wire = outer;
    }
    let error = canonical(message("google.protobuf.Value").unwrap(), &wire).unwrap_err();
    assert_eq!(error.cause, crate::wire::Cause::TooDeep);
}
