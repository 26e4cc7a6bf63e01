//! A response as gRPC frames: a small head of its own, then the shared pieces.
//!
//! Protobuf allows fields in any order, so what differs from stream to stream (the nonce above all) stands in
//! front, and the encoded resources follow uncopied.

use bytes::{BufMut, Bytes, BytesMut};

use super::request::Variant;
use super::stream::Response;
use super::wire;

/// Pieces below this size are cheaper to copy than to write on their own.
const COPY_BELOW: usize = 4 * 1024;
const GRPC_HEADER: usize = 5;

/// One length-prefixed gRPC message.
pub(crate) fn frames(response: Response, variant: Variant) -> Vec<Bytes> {
    let Response {
        type_url,
        version,
        nonce,
        fields,
        resources: _,
        removed,
    } = response;
    let names_removed: &[_] = match variant {
        // There, absence says it.
        Variant::Sotw => &[],
        Variant::Delta => &removed,
    };
    let own = [
        (wire::VERSION_INFO, version.as_bytes()),
        (wire::TYPE_URL, type_url.as_bytes()),
        (wire::NONCE, nonce.as_bytes()),
    ];
    let removed = names_removed
        .iter()
        .map(|name| (wire::REMOVED_RESOURCES, name.as_bytes()));
    let own = || own.iter().copied().chain(removed.clone());

    let own_len: usize = own()
        .map(|(number, content)| wire::field_len(number, content.len()))
        .sum();
    let shared_len: usize = fields.iter().map(Bytes::len).sum();
    let len = own_len.saturating_add(shared_len);

    let mut head = BytesMut::with_capacity(
        GRPC_HEADER
            .saturating_add(own_len)
            .saturating_add(shared_len.min(COPY_BELOW)),
    );
    head.put_u8(0); // not compressed
    head.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    for (number, content) in own() {
        wire::put_field(&mut head, number, content);
    }
    let mut frames = Vec::with_capacity(fields.len().saturating_add(1));
    for field in fields {
        if field.len() < COPY_BELOW {
            head.extend_from_slice(&field);
        } else {
            if !head.is_empty() {
                frames.push(head.split().freeze());
            }
            frames.push(field);
        }
    }
    if !head.is_empty() {
        frames.push(head.freeze());
    }
    frames
}
