//! The index's layout, shared by the build script that writes it and the module that reads it.
//!
//! The index is one run of little-endian 32-bit words, split into sections of fixed-size rows, and
//! one text that holds every name. Rows refer to each other by row number and to names by offset
//! and length, so nothing has to be built before the first look-up.

/// Words per row of each section.
pub const MESSAGE_WORDS: usize = 8;
pub const FIELD_WORDS: usize = 5;
pub const ONEOF_WORDS: usize = 2;
pub const ENUM_WORDS: usize = 4;
pub const VALUE_WORDS: usize = 3;
pub const RESERVED_NAME_WORDS: usize = 1;
pub const RESERVED_RANGE_WORDS: usize = 2;
pub const BLOB_WORDS: usize = 2;
pub const SERVICE_WORDS: usize = 3;
pub const METHOD_WORDS: usize = 3;

/// A name is `offset << NAME_LENGTH_BITS | length` into the text.
pub const NAME_LENGTH_BITS: u32 = 8;
pub const NAME_LENGTH_MASK: u32 = (1 << NAME_LENGTH_BITS) - 1;

/// Marks "no row" where a row number has 16 bits.
pub const NONE: u16 = u16::MAX;

/// Low byte of a message's flag word; the second byte is its [`WELL_KNOWN`] position plus one.
pub const MESSAGE_MAP_ENTRY: u32 = 1;
pub const MESSAGE_RULES_DISABLED: u32 = 1 << 1;
pub const MESSAGE_DEPRECATED: u32 = 1 << 2;
pub const MESSAGE_WELL_KNOWN_SHIFT: u32 = 8;

/// The upper half of a field's fourth word: its kind, then these flags.
pub const FIELD_FLAGS_SHIFT: u32 = 5;
pub const FIELD_LIST: u32 = 1;
pub const FIELD_MAP: u32 = 1 << 1;
pub const FIELD_PRESENCE: u32 = 1 << 2;
pub const FIELD_PACKED: u32 = 1 << 3;
pub const FIELD_DEPRECATED: u32 = 1 << 4;
pub const FIELD_SENSITIVE: u32 = 1 << 5;
pub const FIELD_ENVOY_DEPRECATED: u32 = 1 << 6;
pub const FIELD_ENVOY_DISALLOWED: u32 = 1 << 7;
pub const FIELD_NOT_GENERATED: u32 = 1 << 8;

pub const ONEOF_REQUIRED: u32 = 1;

pub const VALUE_DEPRECATED: u32 = 1;
pub const VALUE_ENVOY_DEPRECATED: u32 = 1 << 1;
pub const VALUE_ENVOY_DISALLOWED: u32 = 1 << 2;

pub const METHOD_CLIENT_STREAMING: u32 = 1;
pub const METHOD_SERVER_STREAMING: u32 = 1 << 1;

/// The messages whose JSON form is not the ordinary one, in the order of
/// `WellKnown`'s variants.
pub const WELL_KNOWN: [&str; 17] = [
    "google.protobuf.Any",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
    "google.protobuf.FieldMask",
    "google.protobuf.Empty",
    "google.protobuf.DoubleValue",
    "google.protobuf.FloatValue",
    "google.protobuf.Int64Value",
    "google.protobuf.UInt64Value",
    "google.protobuf.Int32Value",
    "google.protobuf.UInt32Value",
    "google.protobuf.BoolValue",
    "google.protobuf.StringValue",
    "google.protobuf.BytesValue",
];
