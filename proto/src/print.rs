//! Messages on the wire to JSON text, by descriptor.
//!
//! Follows protobuf's JSON mapping: defaults left out, 64-bit numbers as text, bytes in base64, the
//! well-known messages in their own forms, `Any` expanded in place where its type is known. Fields
//! come in the order of their numbers and maps sorted by key, so equal messages give equal text.
//!
//! It prints what it is given and knows nothing of generated types: a field that those lack but the
//! index has is printed too. Unknown fields are left out ([`crate::scan`] finds them).
//!
//! Redaction follows Envoy's: below a field marked sensitive, texts read `[redacted]` and other
//! values disappear. Where Envoy gives up because it cannot look inside (an `Any` or `TypedStruct` of a
//! type it does not know) everything inside is hidden instead.

mod message;
mod redact;
mod scalar;
mod well_known;
mod writer;

use crate::index::Message;
use crate::wire::{MAX_DEPTH, Malformed};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Names as in the `.proto` file, as Envoy prints them; otherwise lowerCamelCase.
    pub proto_names: bool,
    /// A line per value.
    pub pretty: bool,
    /// Hide what is marked sensitive.
    pub redact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    #[error("not a {}: {cause}", .message.full_name())]
    Malformed { message: Message, cause: Malformed },
    #[error("text in {} is not UTF-8", .0.full_name())]
    NotUtf8(Message),
    #[error("{} is out of the range that has a text form", .0.full_name())]
    OutOfRange(Message),
    #[error("messages nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

/// Prints the message that `wire` encodes.
pub fn json(message: Message, wire: &[u8], options: Options) -> Result<String, PrintError> {
    let mut printer = message::Printer::new(options);
    printer.message(message, wire, message::Place::default())?;
    Ok(printer.finish())
}

#[cfg(test)]
mod tests;
