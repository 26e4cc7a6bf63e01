use super::*;
use crate::index::message;
use crate::index::oracle::generate::*;
use crate::pb::envoy::config::core::v3::{HealthCheck, Node, health_check};
use crate::pb::envoy::config::listener::v3 as listener;
use crate::pb::envoy::config::route::v3 as route;
use crate::pb::google::protobuf::Any;
use crate::wire::Cause;
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::ReflectMessage as _;

fn known(name: &str) -> Message {
    message(name).expect(name)
}

/// A record of a field that no message has.
fn alien() -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::string::encode(UNKNOWN_NUMBER, &"policy".to_owned(), &mut bytes);
    bytes
}

fn texts(found: Result<Vec<UnknownField>, ScanError>) -> Vec<String> {
    found
        .expect("readable")
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn names_number_message_and_path_through_lists_and_any() {
    let mut config = route::RouteConfiguration {
        name: "r".into(),
        ..Default::default()
    }
    .encode_to_vec();
    config.extend(alien());
    let filter = listener::Filter {
        name: "hcm".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(Any {
            type_url: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration".into(),
            value: config,
        })),
    };
    let wire = listener::Listener {
        filter_chains: vec![
            listener::FilterChain::default(),
            listener::FilterChain {
                filters: vec![filter],
                ..Default::default()
            },
        ],
        ..Default::default()
    }
    .encode_to_vec();
    assert_eq!(
        texts(unknown_fields(
            known("envoy.config.listener.v3.Listener"),
            &wire
        )),
        [
            "unknown field 300000017 of envoy.config.route.v3.RouteConfiguration at \
          filter_chains[1].filters[0].typed_config"
        ]
    );
}

#[test]
fn names_the_key_of_a_map_entry() {
    let node = Node {
        dynamic_parameters: [("p".to_owned(), Default::default())].into(),
        ..Default::default()
    };
    let mut params = alien();
    let mut entry = vec![0x0a, 1, b'p', 0x12];
    entry.push(params.len() as u8);
    entry.append(&mut params);
    let mut wire = node.encode_to_vec();
    prost::encoding::bytes::encode(12, &entry, &mut wire);
    assert_eq!(
        texts(unknown_fields(known("envoy.config.core.v3.Node"), &wire)),
        ["unknown field 300000017 of xds.core.v3.ContextParams at dynamic_parameters[\"p\"]"]
    );
}

#[test]
fn tells_removed_fields_from_unknown_ones() {
    let health_check = known("envoy.config.core.v3.HealthCheck");
    let (number, _) = health_check
        .reserved_ranges()
        .next()
        .expect("Envoy removed one");
    let mut wire = HealthCheck {
        health_checker: Some(health_check::HealthChecker::TcpHealthCheck(
            Default::default(),
        )),
        ..Default::default()
    }
    .encode_to_vec();
    prost::encoding::bool::encode(number, &true, &mut wire);
    assert_eq!(
        texts(unknown_fields(health_check, &wire)),
        [format!(
            "removed field {number} of envoy.config.core.v3.HealthCheck"
        )]
    );
}

#[test]
fn finds_fields_that_only_the_index_knows() {
    let check = known("envoy.config.core.v3.HealthCheck");
    let mut wire = Vec::new();
    prost::encoding::string::encode(27, &"readiness".to_owned(), &mut wire);
    assert_eq!(
        texts(unknown_fields(check, &wire)),
        ["unsupported field name (27) of envoy.config.core.v3.HealthCheck"]
    );
}

#[test]
fn passes_over_any_of_unknown_type() {
    let any = Any {
        type_url: "type.googleapis.com/acme.v1.Secret".into(),
        value: vec![0xff],
    };
    assert_eq!(
        unknown_fields(known("google.protobuf.Any"), &any.encode_to_vec()),
        Ok(vec![])
    );
}

#[test]
fn says_where_the_bytes_stop_making_sense() {
    let config = known("envoy.config.route.v3.RouteConfiguration");
    // virtual_hosts holds a message whose name is cut short.
    let cut = unknown_fields(config, &[0x12, 2, 0x0a, 9]).expect_err("cut short");
    assert_eq!(
        cut.cause,
        ScanCause::Malformed(Malformed {
            offset: 0,
            cause: Cause::Truncated
        })
    );
    assert_eq!(
        cut.to_string(),
        "not a envoy.config.route.v3.VirtualHost: message ends in the middle of the field at byte 0 \
         at virtual_hosts[0]"
    );
    let wrong = unknown_fields(config, &[0x08, 1]).expect_err("name is no number");
    assert_eq!(
        wrong.to_string(),
        "not a envoy.config.route.v3.RouteConfiguration: wrong wire type for field name"
    );
}

#[test]
fn nesting_is_bounded() {
    // Any within Any within Any ...
    let mut any = Any::default();
    for _ in 0..200 {
        any = Any {
            type_url: "/google.protobuf.Any".into(),
            value: any.encode_to_vec(),
        };
    }
    let error = unknown_fields(known("google.protobuf.Any"), &any.encode_to_vec());
    assert_eq!(error.map_err(|error| error.cause), Err(ScanCause::TooDeep));
}

#[test]
fn a_message_of_nothing_else_is_reported_in_part() {
    let mut wire = Vec::new();
    for number in 0..10_000 {
        prost::encoding::bool::encode(UNKNOWN_NUMBER + number, &true, &mut wire);
    }
    let found = unknown_fields(known("envoy.config.route.v3.Route"), &wire).expect("readable");
    assert_eq!(found.len(), MAX_REPORTED);
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn finds_exactly_the_unknown_fields(generated in any_message_with_unknown_fields()) {
        let message = known(generated.message.descriptor().full_name());
        let found = unknown_fields(message, &generated.message.encode_to_vec());
        let mut found: Vec<_> = found
            .expect("readable")
            .into_iter()
            .map(|field| {
                assert_eq!(field.number, UNKNOWN_NUMBER);
                (field.message.full_name().to_owned(), field.path.to_string())
            })
            .collect();
        found.sort();
        let mut expected = generated.unknown;
        expected.sort();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn damaged_messages_end_in_an_answer(
        generated in any_message_with_unknown_fields(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let message = known(generated.message.descriptor().full_name());
        let mut wire = generated.message.encode_to_vec();
        for (index, byte) in damage {
            if !wire.is_empty() {
                let at = index.index(wire.len());
                wire[at] = byte;
            }
        }
        if unknown_fields(message, &wire).is_err() {
            return Ok(());
        }
        // What the scan can read, prost can, but for texts and depth, which are not its concern.
        let descriptor = generated.message.descriptor();
        if let Err(error) = prost_reflect::DynamicMessage::decode(descriptor, wire.as_slice()) {
            let error = error.to_string();
            prop_assert!(error.contains("UTF-8"), "{error}");
        }
    }
}
