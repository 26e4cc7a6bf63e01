//! Answers a request without an upstream.
//!
//! The answer passes the response filters and the log like any other. What is left of the request's body is
//! not read: the connection says so (`connection: close`) and ends, so that no byte of it can be taken for the
//! next request.

use std::future::poll_fn;

use portway_shared::clock;

use super::{
    super::{
        connection::Downstream, h1, local_reply::LocalReply, message::Version, name::Known,
        record::Record,
    },
    After, RequestState,
};

/// Writes the answer, and says what becomes of the connection.
pub async fn send(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    reply: LocalReply,
) -> After {
    let LocalReply {
        status,
        body,
        headers,
        flag,
        details,
        close,
    } = reply;
    if let Some(flag) = flag {
        record.flags.set(flag);
    }
    record.details = Some(details);
    record.response.clear();
    record.response.status = status;
    record.response.version = Version::Http11;
    for (name, value) in &headers {
        record.response.headers.append_known(*name, value);
    }
    let length = match body.len() {
        0 => h1::BodyLength::Empty,
        length => {
            record
                .response
                .headers
                .append_known(Known::ContentLength, length.to_string().as_bytes());
            record
                .response
                .headers
                .append_known(Known::ContentType, b"text/plain");
            h1::BodyLength::Length(length as u64)
        }
    };
    super::finish::local_response_head(down, record);
    let keep_alive = request.keep_alive && request.complete && !close && !down.drain.is_set();
    let (method, version, head) = (
        &record.request.method,
        record.request.version,
        &record.response,
    );
    let (announced, framing) = h1::response_framing(method, version, status, &head.headers, length);
    let connection = h1::ConnectionField::choose(version, keep_alive, announced);
    h1::write_response(down.outbox.tail(), head, version, announced, connection);
    record.sizes.response_head = down.outbox.waiting() as u64;
    record.times.response = Some(clock::now());
    if framing != h1::Framing::None {
        down.outbox.tail().extend_from_slice(&body);
        record.sizes.response_body = body.len() as u64;
    }
    record.sizes.downstream_sent += down.outbox.waiting() as u64;
    let written = poll_fn(|cx| down.outbox.poll_flush(&mut down.io, cx)).await;
    record.times.response_complete = Some(clock::now());
    if connection == h1::ConnectionField::Close || written.is_err() {
        After::Close
    } else {
        After::KeepAlive
    }
}
