//! Makes a request's head trustworthy before anything looks at it, as Envoy does.
//!
//! Hop-by-hop fields go, the client's address is settled, and the fields that this proxy vouches for
//! (`x-forwarded-proto`, `x-request-id`) are set.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
};

use super::{
    super::{
        connection::Downstream, h1, headers::HeaderField, local_reply::LocalReply, message::Scheme,
        name::Known, record::Record,
    },
    RequestState,
};
use crate::{resources::hcm::ClientAddress, stats::http::HttpCell};

/// Prepares the head; an `Err` is the answer to a request that goes no further.
pub fn prepare(
    down: &mut Downstream,
    record: &mut Record,
    frame: &h1::RequestFrame,
    request: &mut RequestState,
) -> Result<(), LocalReply> {
    let listener = down.listener.clone();
    let http = &listener.config.http;
    if http
        .max_requests_per_connection
        .is_some_and(|max| down.requests >= max)
    {
        request.keep_alive = false;
        down.count(HttpCell::DownstreamCxMaxRequestsReached);
    }
    h1::admit(&record.request, frame, &http.codec).map_err(refusal)?;
    if frame.upgrade {
        down.count(HttpCell::DownstreamRqWsOnNonWsRoute);
        return Err(LocalReply::empty(403, "upgrade_failed").closing(true));
    }
    if frame.expect_continue {
        // Envoy answers at once and keeps the expectation to itself.
        record.request.headers.remove_known(Known::Expect);
        down.outbox
            .tail()
            .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    h1::hop::strip_request(&mut record.request.headers, false, http.codec.strict);
    forwarded(record, &http.client_address);
    if let Some(via) = &http.via {
        append_list(record, Known::Via, via.as_bytes());
    }
    request_id(down, record);
    Ok(())
}

/// The answer to a request that was refused.
pub fn refusal(error: h1::RequestError) -> LocalReply {
    LocalReply::text(error.status(), error.body(), error.details())
        .flag(error.flag())
        .closing(error.closes())
}

/// Settles who the client is, passes on what is known of it, and takes off what only a trusted hop may say.
///
/// No client counts as internal: that takes an `internal_address_config`, which is refused.
fn forwarded(record: &mut Record, config: &ClientAddress) {
    let peer = record.connection.peer;
    let headers = &mut record.request.headers;
    let hops = config.trusted_hops as usize;
    let list = headers.get_known(Known::XForwardedFor);
    let edge = config.use_remote_address;
    if edge {
        let listed = hops
            .checked_sub(1)
            .and_then(|skip| from_the_right(list?, skip));
        record.client = listed.map(|ip| SocketAddr::new(ip, 0)).or(peer);
        if hops == 0 {
            headers.remove_known(Known::XForwardedProto);
        }
        if let (true, Some(peer)) = (config.append, peer) {
            append_list(
                record,
                Known::XForwardedFor,
                peer.ip().to_string().as_bytes(),
            );
        }
    } else if let Some(ip) = list.and_then(|list| from_the_right(list, hops)) {
        record.client = Some(SocketAddr::new(ip, 0));
    }
    let headers = &mut record.request.headers;
    headers.retain(|field| !is_reserved(&field, edge));
    if let (true, Some(client)) = (edge, record.client) {
        headers.set_known(
            Known::XEnvoyExternalAddress,
            client.ip().to_string().as_bytes(),
        );
    }
    if !headers.contains_known(Known::XForwardedProto) {
        headers.append_known(Known::XForwardedProto, Scheme::Http.as_str().as_bytes());
    }
}

/// Fields that tell this proxy or the next one what to do, and that only an internal client may send. Behind the
/// edge some are left to the hop that the client came through.
fn is_reserved(field: &HeaderField<'_>, edge: bool) -> bool {
    match field.known {
        Some(
            Known::XEnvoyDecoratorOperation
            | Known::XEnvoyDownstreamServiceCluster
            | Known::XEnvoyDownstreamServiceNode
            | Known::XEnvoyOriginalPath,
        ) => edge,
        Some(
            Known::XEnvoyInternal
            | Known::XEnvoyForceTrace
            | Known::XEnvoyIpTags
            | Known::XEnvoyMaxRetries
            | Known::XEnvoyRetryOn
            | Known::XEnvoyUpstreamRqTimeoutMs
            | Known::XEnvoyExpectedRqTimeoutMs,
        ) => true,
        _ => RESERVED.contains(&field.name),
    }
}

/// The same, for names that nothing else here needs to know.
const RESERVED: [&[u8]; 8] = [
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-upstream-alt-stat-name",
    b"x-envoy-upstream-rq-timeout-alt-response",
    b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-hedge-on-per-try-timeout",
    b"x-envoy-upstream-stream-duration-ms",
];

/// The `skip`-th address of a list, counted from its end.
fn from_the_right(list: &[u8], skip: usize) -> Option<IpAddr> {
    let entry = list.rsplit(|byte| *byte == b',').nth(skip)?;
    std::str::from_utf8(entry).ok()?.trim().parse().ok()
}

/// Adds to a field that is a list, or begins it.
fn append_list(record: &mut Record, name: Known, value: &[u8]) {
    let headers = &mut record.request.headers;
    match headers.get_known(name) {
        Some(list) => {
            let mut list = list.to_vec();
            list.extend_from_slice(if name == Known::Via { b", " } else { b"," });
            list.extend_from_slice(value);
            headers.set_known(name, &list);
        }
        None => headers.append_known(name, value),
    }
}

fn request_id(down: &Downstream, record: &mut Record) {
    let config = down.listener.config.http.request_id;
    let headers = &mut record.request.headers;
    let edge = down.listener.config.http.client_address.use_remote_address;
    if edge && !config.preserve_external {
        headers.remove_known(Known::XRequestId);
    }
    let missing = headers
        .get_known(Known::XRequestId)
        .is_none_or(<[u8]>::is_empty);
    if config.generate && missing {
        headers.set_known(
            Known::XRequestId,
            &uuid(down.worker.random(), down.worker.random()),
        );
    }
}

/// A random UUID (version 4). It names a request in logs; it guards nothing.
fn uuid(high: u64, low: u64) -> [u8; 36] {
    let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    let mut text = [0; 36];
    // Writing to a slice fails only when it is too short, and this one is as long as a UUID.
    let _ = write!(
        text.as_mut_slice(),
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_random_uuid() {
        assert_eq!(&uuid(0, 0), b"00000000-0000-4000-8000-000000000000");
        assert_eq!(
            &uuid(u64::MAX, u64::MAX),
            b"ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
    }

    #[test]
    fn trusted_addresses_are_counted_from_the_right() {
        let ip = |text: &str| text.parse::<IpAddr>().ok();
        assert_eq!(from_the_right(b"1.1.1.1, 2.2.2.2", 0), ip("2.2.2.2"));
        assert_eq!(from_the_right(b"1.1.1.1, 2.2.2.2", 1), ip("1.1.1.1"));
        assert_eq!(from_the_right(b"1.1.1.1", 1), None);
        assert_eq!(from_the_right(b"::1", 0), ip("::1"));
        assert_eq!(from_the_right(b"unknown, 1.1.1.1:80", 0), None);
    }
}
