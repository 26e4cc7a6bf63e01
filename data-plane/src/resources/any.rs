//! Messages inside `Any`: which type it is, and decoding it once the type is known.

use portway_proto::pb::google::protobuf::Any;
use prost::{Message, Name};

use super::at::{At, Parsed};

/// The full name of the message inside: the part of the type URL after the last `/`.
pub fn type_name(any: &Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or_default()
}

/// Decodes the message inside, which must be an `M`.
pub fn decode<M: Message + Name + Default>(at: At<'_>, any: &Any) -> Parsed<M> {
    let found = type_name(any);
    let wanted = M::full_name();
    if found != wanted {
        return Err(at.error(format!("holds a {found:?}, expected {wanted}")));
    }
    M::decode(any.value.as_slice())
        .map_err(|error| at.error(format!("is no valid {wanted}: {error}")))
}
