//! What is written, byte by byte.

use super::*;
use crate::http::h1::{LengthMismatch, reason};

fn request(fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead {
        path: b"/x".to_vec(),
        authority: b"h".to_vec(),
        ..RequestHead::default()
    };
    for (name, value) in fields {
        head.headers.append(name.as_bytes(), value.as_bytes());
    }
    head
}

fn written(head: &RequestHead, framing: Framing) -> String {
    let mut out = Vec::new();
    write_request(&mut out, head, framing);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_length_stays_in_its_place_and_means_what_is_sent() {
    let head = request(&[("a", "1"), ("content-length", "03"), ("b", "2")]);
    let start = "GET /x HTTP/1.1\r\nhost: h\r\na: 1\r\n";
    for (framing, rest) in [
        (Framing::Length(3), "content-length: 03\r\nb: 2\r\n\r\n"),
        (Framing::Length(4), "content-length: 4\r\nb: 2\r\n\r\n"),
        (
            Framing::Chunked,
            "b: 2\r\ntransfer-encoding: chunked\r\n\r\n",
        ),
        (Framing::None, "b: 2\r\n\r\n"),
    ] {
        assert_eq!(
            written(&head, framing),
            format!("{start}{rest}"),
            "{framing:?}"
        );
    }
}

#[test]
fn framing_fields_that_a_filter_left_are_never_doubled() {
    let head = request(&[
        ("content-length", "3"),
        ("transfer-encoding", "gzip"),
        ("content-length", "9"),
    ]);
    assert_eq!(
        written(&head, Framing::Length(3)),
        "GET /x HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n"
    );
    assert_eq!(
        written(&head, Framing::Chunked),
        "GET /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
    );
}

#[test]
fn envoy_empty_bodies_have_a_length_where_a_method_calls_for_one() {
    for (method, framing) in [
        ("GET", Framing::None),
        ("HEAD", Framing::None),
        ("DELETE", Framing::None),
        ("TRACE", Framing::None),
        ("CONNECT", Framing::None),
        ("POST", Framing::Length(0)),
        ("PUT", Framing::Length(0)),
        ("PATCH", Framing::Length(0)),
        ("OPTIONS", Framing::Length(0)),
        ("PURGE", Framing::Length(0)),
    ] {
        let head = request(&[]);
        assert_eq!(
            Framing::for_request(&Method::of(method), &head.headers, BodyLength::Empty),
            framing,
            "{method}"
        );
    }
}

fn response(version: Version, framing: Framing, connection: ConnectionField) -> String {
    let mut head = ResponseHead {
        status: 418,
        ..ResponseHead::default()
    };
    head.headers.append(b"a", b"");
    let mut out = Vec::new();
    write_response(&mut out, &head, version, framing, connection);
    String::from_utf8(out).unwrap()
}

#[test]
fn envoy_connection_comes_before_the_framing() {
    assert_eq!(
        response(Version::Http11, Framing::Length(0), ConnectionField::Close),
        "HTTP/1.1 418 Unknown\r\na: \r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(
        response(Version::Http10, Framing::Close, ConnectionField::Close),
        "HTTP/1.0 418 Unknown\r\na: \r\nconnection: close\r\n\r\n"
    );
    assert_eq!(
        response(
            Version::Http10,
            Framing::Length(7),
            ConnectionField::KeepAlive
        ),
        "HTTP/1.0 418 Unknown\r\na: \r\nconnection: keep-alive\r\ncontent-length: 7\r\n\r\n"
    );
}

#[test]
fn envoy_http_10_goes_on_only_behind_a_known_length() {
    use ConnectionField::{Close, KeepAlive, Omit};
    for (version, keep_alive, framing, field) in [
        (Version::Http11, true, Framing::Chunked, Omit),
        (Version::Http11, false, Framing::Chunked, Close),
        (Version::Http10, true, Framing::Length(0), KeepAlive),
        (Version::Http10, true, Framing::Close, Close),
        (Version::Http10, true, Framing::None, Close),
        (Version::Http10, false, Framing::Length(0), Close),
    ] {
        assert_eq!(ConnectionField::choose(version, keep_alive, framing), field);
    }
}

#[test]
fn envoy_response_framing_for_old_clients_and_head() {
    let mut with_length = ResponseHead::default();
    with_length.headers.append(b"content-length", b"5");
    let without = ResponseHead::default();
    let framing = |method: Method, version, status, head: &ResponseHead, body| {
        response_framing(&method, version, status, &head.headers, body)
    };
    let (v10, v11) = (Version::Http10, Version::Http11);
    let both = |framing| (framing, framing);
    for (method, version, status, head, body, expected) in [
        (
            Method::Get,
            v11,
            200,
            &without,
            BodyLength::Chunked,
            both(Framing::Chunked),
        ),
        (
            Method::Get,
            v10,
            200,
            &without,
            BodyLength::Chunked,
            both(Framing::Close),
        ),
        (
            Method::Get,
            v11,
            200,
            &without,
            BodyLength::UntilClose,
            both(Framing::Chunked),
        ),
        (
            Method::Get,
            v11,
            200,
            &with_length,
            BodyLength::Length(5),
            both(Framing::Length(5)),
        ),
        (
            Method::Get,
            v11,
            200,
            &without,
            BodyLength::Length(5),
            both(Framing::Chunked),
        ),
        (
            Method::Get,
            v11,
            200,
            &without,
            BodyLength::Empty,
            both(Framing::Length(0)),
        ),
        (
            Method::Get,
            v11,
            204,
            &without,
            BodyLength::Empty,
            both(Framing::None),
        ),
        (
            Method::Get,
            v11,
            304,
            &with_length,
            BodyLength::Empty,
            both(Framing::None),
        ),
        (
            Method::Get,
            v11,
            101,
            &without,
            BodyLength::Empty,
            both(Framing::None),
        ),
        (
            Method::Head,
            v11,
            200,
            &with_length,
            BodyLength::Empty,
            both(Framing::None),
        ),
        (
            Method::Head,
            v11,
            200,
            &without,
            BodyLength::Empty,
            (Framing::Chunked, Framing::None),
        ),
        (
            Method::Head,
            v10,
            200,
            &without,
            BodyLength::Empty,
            both(Framing::None),
        ),
    ] {
        assert_eq!(
            framing(method, version, status, head, body),
            expected,
            "{status} {body:?}"
        );
    }
}

#[test]
fn a_writer_holds_the_body_to_its_length() {
    let mut out = Vec::new();
    let mut writer = BodyWriter::new(Framing::Length(3));
    writer.write(&mut out, b"ab").unwrap();
    assert_eq!(
        writer.finish(&mut out, None),
        Err(LengthMismatch::TooShort(1))
    );
    assert_eq!(writer.write(&mut out, b"cd"), Err(LengthMismatch::TooLong));
    assert_eq!(out, b"ab");
    writer.write(&mut out, b"c").unwrap();
    assert_eq!(writer.finish(&mut out, None), Ok(()));
    assert_eq!(
        BodyWriter::new(Framing::None).write(&mut out, b"x"),
        Err(LengthMismatch::TooLong)
    );
}

#[test]
fn an_empty_piece_does_not_end_the_chunks() {
    let mut out = Vec::new();
    let mut writer = BodyWriter::new(Framing::Chunked);
    writer.write(&mut out, b"").unwrap();
    writer.write(&mut out, &[b'x'; 26]).unwrap();
    writer.finish(&mut out, None).unwrap();
    assert_eq!(out, b"1a\r\nxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n");
}

#[test]
fn envoy_reasons_are_canonical() {
    for (status, text) in [
        (200, "OK"),
        (413, "Payload Too Large"),
        (426, "Upgrade Required"),
        (431, "Request Header Fields Too Large"),
        (599, "Last Unassigned Server Error Code"),
        (418, "Unknown"),
        (1000, "Unknown"),
    ] {
        assert_eq!(reason(status), text);
    }
}
