//! `Metadata`: values that operators attach for logs and filters.

use portway_proto::pb::{envoy::config::core::v3 as pb, google::protobuf as wkt};
use serde_json::{Number, Value};

use crate::{
    resources::at::{At, Parsed},
    routing::metadata::Metadata,
};

/// Parses metadata.
pub fn metadata(at: At<'_>, message: pb::Metadata) -> Parsed<Metadata> {
    let pb::Metadata {
        filter_metadata,
        typed_filter_metadata,
    } = message;
    // Nothing here reads typed metadata; Envoy skips what none of its parts asks for.
    at.harmless("typed_filter_metadata", &typed_filter_metadata);
    let values = filter_metadata
        .into_iter()
        .map(|(namespace, values)| (namespace.into(), object(values)));
    Ok(Metadata(values.collect()))
}

fn object(message: wkt::Struct) -> Value {
    let fields = message.fields.into_iter();
    Value::Object(fields.map(|(key, field)| (key, value(field))).collect())
}

fn value(message: wkt::Value) -> Value {
    use wkt::value::Kind;
    match message.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => {
            Number::from_f64(value).map_or(Value::Null, Value::Number)
        }
        Some(Kind::StringValue(value)) => Value::String(value),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value).collect(),
        Some(Kind::StructValue(fields)) => object(fields),
    }
}
