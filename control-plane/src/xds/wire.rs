//! The few protobuf pieces written by hand, so that encoded resources are shared and never copied.
//!
//! Only length-delimited fields, and only the numbers the discovery messages need.

use bytes::{BufMut, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

/// `Any.type_url` and `Any.value`.
pub(crate) const ANY_TYPE_URL: u32 = 1;
pub(crate) const ANY_VALUE: u32 = 2;
/// `Resource.version` and `Resource.name`; its `resource` has the number of [`RESOURCES`].
pub(crate) const RESOURCE_VERSION: u32 = 1;
pub(crate) const RESOURCE_NAME: u32 = 3;
/// The fields of both discovery responses.
pub(crate) const VERSION_INFO: u32 = 1;
pub(crate) const RESOURCES: u32 = 2;
pub(crate) const TYPE_URL: u32 = 4;
pub(crate) const NONCE: u32 = 5;
pub(crate) const REMOVED_RESOURCES: u32 = 6;

/// `ClusterLoadAssignment.cluster_name`.
pub(crate) const CLUSTER_NAME: u32 = 1;

const LENGTH_DELIMITED: u32 = 2;

/// The size of a length-delimited field of this many bytes, its tag and length included.
pub(crate) fn field_len(number: u32, len: usize) -> usize {
    encoded_len_varint(tag(number))
        .saturating_add(encoded_len_varint(len as u64))
        .saturating_add(len)
}

/// Writes tag and length of a field whose content follows.
pub(crate) fn put_head(out: &mut BytesMut, number: u32, len: usize) {
    encode_varint(tag(number), out);
    encode_varint(len as u64, out);
}

/// Writes a whole field.
pub(crate) fn put_field(out: &mut BytesMut, number: u32, content: &[u8]) {
    put_head(out, number, content.len());
    out.put_slice(content);
}

fn tag(number: u32) -> u64 {
    u64::from(number << 3 | LENGTH_DELIMITED)
}
