//! Strict reading against the attack cases.

use super::*;
use crate::http::h1::{RequestErrorKind as Kind, ResponseError};

fn options() -> Options {
    Options::requests().strict()
}

#[track_caller]
fn refused(input: &[u8], status: u16, kind: Kind) {
    // What follows a refused message must never be read as a request.
    let mut bytes = input.to_vec();
    bytes.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    let served = serve(&bytes, &[], &options());
    let [Outcome::Refused(error)] = served.outcomes.as_slice() else {
        panic!("{}: {served:?}", escape(input));
    };
    assert_eq!(
        (error.status(), error.kind, served.closed),
        (status, kind, true),
        "{}",
        escape(input)
    );
}

#[track_caller]
fn served_as(input: &[u8], upstream: &str) {
    let served = serve(input, &[], &options());
    let [Outcome::Upstream(bytes)] = served.outcomes.as_slice() else {
        panic!("{}: {served:?}", escape(input));
    };
    assert_eq!(String::from_utf8_lossy(bytes), upstream);
}

fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

fn with_host(lines: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\n{lines}\r\n").into_bytes()
}

fn with_field(line: &str) -> Vec<u8> {
    with_host(&format!("Host: a\r\n{line}\r\n"))
}

fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
}

fn chunks(body: &str) -> Vec<u8> {
    post("Transfer-Encoding: chunked\r\n", body)
}

#[test]
fn a17_raw_control_del_or_space_in_the_target() {
    for target in ["/a\u{1}", "/a\u{7f}", "/a\t", "/\0"] {
        let kind = if target == "/a\t" {
            Kind::Syntax
        } else {
            Kind::InvalidCharacters
        };
        refused(&get(target), 400, kind);
    }
    refused(&get("/a b"), 400, Kind::Syntax);
    refused(&get("/\u{e9}"), 400, Kind::Syntax);
}

#[test]
fn a18_fragment_in_the_target() {
    for target in ["/admin#x", "/public#/../admin", "/#", "http://a/b#c"] {
        refused(&get(target), 400, Kind::Fragment);
    }
}

#[test]
fn a23_target_over_the_limit() {
    let limit = options().max_target_bytes;
    let exact = format!("/{}", "a".repeat(limit - 1));
    assert!(matches!(
        serve(&get(&exact), &[], &options()).outcomes.as_slice(),
        [Outcome::Upstream(_)]
    ));
    refused(&get(&format!("{exact}a")), 414, Kind::TargetTooLong);
}

#[test]
fn a24_absolute_target_with_another_host() {
    for target in ["http://b/", "http://a:8080/", "https://a:80/", "http://a.b"] {
        refused(&get(target), 400, Kind::HostMismatch);
    }
}

#[test]
fn a25_absolute_target_with_the_same_host() {
    for target in ["http://a/x?y", "HTTP://A/x?y"] {
        let upstream = target.find('/').map(|_| &target[7..8]).unwrap();
        served_as(
            &get(target),
            &format!("GET /x?y HTTP/1.1\r\nhost: {upstream}\r\n\r\n"),
        );
    }
    served_as(&get("http://a:80"), "GET / HTTP/1.1\r\nhost: a:80\r\n\r\n");
}

#[test]
fn a26_two_hosts() {
    refused(
        &with_host("Host: a\r\nHost: a\r\n"),
        400,
        Kind::DuplicateField,
    );
    refused(
        &with_host("Host: a\r\nhost: b\r\n"),
        400,
        Kind::DuplicateField,
    );
}

#[test]
fn a27_no_host() {
    refused(&with_host(""), 400, Kind::MissingHost);
    refused(&with_host("Host:\r\n"), 400, Kind::MissingHost);
    refused(&with_host("Host: \t\r\n"), 400, Kind::MissingHost);
}

#[test]
fn a28_host_that_is_none() {
    for host in [
        "a b", "a, b", "a,b", "x/../y", "a?b", "a#b", "[::1", "a:b", "a:99999", "a:80:80", ":80",
        "\u{e9}", "a%00", "*", "a;b",
    ] {
        refused(
            &with_host(&format!("Host: {host}\r\n")),
            400,
            Kind::InvalidAuthority,
        );
    }
    refused(&with_host("Host : a\r\n"), 400, Kind::Syntax);
    for host in ["a", "A-b.c_d.", "a:80", "[::1]", "[::1]:80", "127.0.0.1:1"] {
        served_as(
            &with_host(&format!("Host: {host}\r\n")),
            &format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        );
    }
}

#[test]
fn a29_userinfo() {
    refused(&with_host("Host: u@a\r\n"), 400, Kind::InvalidAuthority);
    refused(&get("http://u@a/"), 400, Kind::InvalidAuthority);
    refused(&get("http://u:p@a/"), 400, Kind::InvalidAuthority);
}

#[test]
fn a32_asterisk() {
    let served = serve(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &[], &options());
    assert!(matches!(
        served.outcomes.as_slice(),
        [Outcome::Refused(error)] if error.kind == Kind::NotAPath
    ));
    assert!(!served.closed, "the connection serves on");
    refused(&get("*"), 400, Kind::InvalidUrl);
}

#[test]
fn a34_content_length_then_transfer_encoding() {
    let fields = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n";
    refused(
        &post(fields, "3\r\nabc\r\n0\r\n\r\n"),
        400,
        Kind::LengthAndChunked,
    );
}

#[test]
fn a34_is_not_an_option() {
    let options = Options {
        allow_chunked_length: true,
        ..options()
    };
    let input = post(
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "3\r\nabc\r\n0\r\n\r\n",
    );
    assert!(matches!(
        serve(&input, &[], &options).outcomes.as_slice(),
        [Outcome::Refused(error)] if error.kind == Kind::LengthAndChunked
    ));
}

#[test]
fn a35_transfer_encoding_then_content_length() {
    let fields = "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n";
    refused(
        &post(fields, "3\r\nabc\r\n0\r\n\r\n"),
        400,
        Kind::LengthAndChunked,
    );
}

#[test]
fn a36_two_content_lengths() {
    for second in ["3", "4", "03"] {
        let fields = format!("Content-Length: 3\r\nContent-Length: {second}\r\n");
        refused(&post(&fields, "abc"), 400, Kind::Syntax);
    }
}

#[test]
fn a37_content_length_that_is_none() {
    for length in [
        "+5", "0x5", "5,5", "5, 5", "-1", "", "5 5", "5;", "\u{664}", "5.0",
    ] {
        let fields = format!("Content-Length: {length}\r\n");
        refused(&post(&fields, "abcde"), 400, Kind::Syntax);
    }
}

#[test]
fn a38_content_length_over_2_63() {
    for length in [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
    ] {
        refused(
            &post(&format!("Content-Length: {length}\r\n"), ""),
            400,
            Kind::Syntax,
        );
    }
}

#[test]
fn a39_transfer_encodings_that_are_not_ours() {
    for encoding in [
        "xchunked",
        "identity",
        "gzip",
        "",
        "chunkedx",
        "chunked;q=1",
    ] {
        let fields = format!("Transfer-Encoding: {encoding}\r\n");
        refused(
            &post(&fields, "0\r\n\r\n"),
            400,
            Kind::InvalidTransferEncoding,
        );
    }
}

#[test]
fn a40_lists_of_transfer_encodings() {
    for encoding in [
        "chunked, identity",
        "chunked, chunked",
        "gzip, chunked",
        ", chunked",
    ] {
        let fields = format!("Transfer-Encoding: {encoding}\r\n");
        refused(
            &post(&fields, "0\r\n\r\n"),
            400,
            Kind::InvalidTransferEncoding,
        );
    }
    let fields = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    refused(
        &post(fields, "0\r\n\r\n"),
        400,
        Kind::InvalidTransferEncoding,
    );
}

#[test]
fn a41_tab_before_chunked_is_white_space() {
    served_as(
        &post("Transfer-Encoding:\tchunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
}

#[test]
fn a42_hidden_transfer_encodings() {
    refused(
        &post("Transfer-Encoding:\u{b}chunked\r\n", "0\r\n\r\n"),
        400,
        Kind::InvalidCharacters,
    );
    for field in [
        "Transfer-Encoding : chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
    ] {
        refused(
            &post(&format!("{field}\r\n"), "0\r\n\r\n"),
            400,
            Kind::Syntax,
        );
    }
    refused(
        b"POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n",
        400,
        Kind::Syntax,
    );
}

#[test]
fn a43_transfer_encoding_on_http_10() {
    let options = Options {
        accept_http_10: true,
        ..options()
    };
    let input = b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(matches!(
        serve(input, &[], &options).outcomes.as_slice(),
        [Outcome::Refused(error)] if error.status() == 400
    ));
}

#[test]
fn a44_chunk_sizes_that_are_none() {
    for size in [
        "10000000000000003",
        "ffffffffffffffff",
        "8000000000000000",
        "0x3",
        "+3",
        "-3",
        "",
        "3 ",
        "3\t",
        " 3",
        "3g",
        "3,3",
    ] {
        refused(
            &chunks(&format!("{size}\r\nabc\r\n0\r\n\r\n")),
            400,
            Kind::Syntax,
        );
    }
}

#[test]
fn a45_chunk_extensions() {
    refused(&chunks("3;a\nb\r\nabc\r\n0\r\n\r\n"), 400, Kind::Syntax);
    refused(&chunks("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400, Kind::Syntax);
    refused(&chunks("3;\u{1}\r\nabc\r\n0\r\n\r\n"), 400, Kind::Syntax);
    refused(&chunks("3\nabc\r\n0\r\n\r\n"), 400, Kind::Syntax);
    let upstream =
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    served_as(&chunks("3;a=\"b c\"\r\nabc\r\n0;x\r\n\r\n"), upstream);
    let half = format!(";{}", "a".repeat(511));
    served_as(
        &chunks(&format!("3{half}\r\nabc\r\n0{half}\r\n\r\n")),
        upstream,
    );
    refused(
        &chunks(&format!("3{half}a\r\nabc\r\n0{half}\r\n\r\n")),
        400,
        Kind::Syntax,
    );
}

#[test]
fn a46_chunk_data_of_the_wrong_length() {
    for body in [
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\r0\r\n\r\n",
        "3\r\nabc\r\r\n0\r\n\r\n",
    ] {
        refused(&chunks(body), 400, Kind::Syntax);
    }
}

#[test]
fn a46_a_cut_body_is_never_complete() {
    for (length, input) in [
        (BodyLength::Chunked, "5\r\nabc"),
        (BodyLength::Chunked, "3\r\nabc\r\n"),
        (BodyLength::Chunked, "3\r\nabc\r\n0\r\n"),
        (BodyLength::Chunked, "3\r\nabc\r\n0\r\nX: 1\r\n"),
        (BodyLength::Length(4), "abc"),
    ] {
        let (_, mut reader, _) = read_body(length, input.as_bytes(), &options()).unwrap();
        assert!(!reader.is_done(), "{input}");
        assert_eq!(reader.on_eof(), Err(BodyError::Truncated), "{input}");
    }
}

#[test]
fn a47_bare_line_feeds() {
    for input in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    ] {
        refused(input.as_bytes(), 400, Kind::Syntax);
    }
}

#[test]
fn a48_folded_lines() {
    for fold in ["X: a\r\n b", "X: a\r\n\tb", "X:\r\n b"] {
        refused(&with_field(fold), 400, Kind::Syntax);
    }
    refused(&with_host("Host: a\r\n b\r\n"), 400, Kind::Syntax);
}

#[test]
fn a49_bad_names_and_values() {
    for field in ["X: a\0b", "X\0: a", "X: \u{7f}", "X: a\u{b}"] {
        refused(&with_field(field), 400, Kind::InvalidCharacters);
    }
    for field in [
        ": a",
        "X Y: a",
        "X",
        "X\u{e9}: a",
        "X(: a",
        "X\": a",
        ":path: /x",
    ] {
        refused(&with_field(field), 400, Kind::Syntax);
    }
}

#[test]
fn a50_forbidden_trailers_are_dropped() {
    let options = Options {
        enable_trailers: true,
        ..options()
    };
    let trailers = "X-T: 1\r\nContent-Length: 9\r\nHost: evil\r\nAuthorization: x\r\n\
                    X-Envoy-Y: 1\r\nTransfer-Encoding: chunked\r\nX-Forwarded-For: 1\r\n";
    let input = chunks(&format!("3\r\nabc\r\n0\r\n{trailers}\r\n"));
    let served = serve(&input, &[], &options);
    let [Outcome::Upstream(bytes)] = served.outcomes.as_slice() else {
        panic!("{served:?}");
    };
    assert!(
        bytes.ends_with(b"\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"),
        "{}",
        escape(bytes)
    );
}

#[test]
fn a52_get_with_a_body_is_framed_exactly() {
    let one = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET";
    let two =
        b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\n";
    let input = [&one[..], &two[..], &get("/last")].concat();
    let served = serve(&input, &[], &options());
    assert_eq!(served.outcomes.len(), 3, "{served:?}");
    assert!(
        served
            .outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Upstream(_)))
    );
}

#[test]
fn a53_versions() {
    for (version, status, kind) in [
        ("HTTP/0.9", 505, Kind::UnsupportedVersion),
        ("HTTP/2.0", 505, Kind::UnsupportedVersion),
        ("HTTP/1.2", 505, Kind::UnsupportedVersion),
        ("HTTP/1.10", 400, Kind::Syntax),
        ("http/1.1", 400, Kind::Syntax),
        ("HTTP/1", 400, Kind::Syntax),
        ("HTTP/1.1 ", 400, Kind::Syntax),
        (" HTTP/1.1", 400, Kind::Syntax),
        ("", 400, Kind::Syntax),
        ("HTTP/1.0", 426, Kind::LowVersion),
    ] {
        refused(
            format!("GET / {version}\r\nHost: a\r\n\r\n").as_bytes(),
            status,
            kind,
        );
    }
    refused(b"GET /\r\n", 400, Kind::Syntax);
}

#[test]
fn a54_pipelined_requests_are_each_judged() {
    let mut input = get("/").repeat(999);
    input.extend_from_slice(&get("/#"));
    let served = serve(&input, &[], &options());
    assert_eq!(served.outcomes.len(), 1000);
    assert!(matches!(served.outcomes.last(), Some(Outcome::Refused(_))));
}

fn answered(response: &str, method: Method) -> Answered {
    let options = Options::responses().strict();
    answer(&[response.as_bytes()], false, &method, &options)
}

#[test]
fn a55_responses_with_two_lengths() {
    for fields in [
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2,2\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Content-Length : 2\r\n",
        "X: a\r\n b\r\nContent-Length: 2\r\n",
    ] {
        let answered = answered(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nok"), Method::Get);
        assert_eq!(answered.end, AnswerEnd::BadHead, "{fields}");
        assert!(!answered.reuse);
    }
}

#[test]
fn a55_bad_chunk_and_bytes_after_the_end() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let bad = answered(&format!("{head}2\r\nok\r\nzz\r\n"), Method::Get);
    assert_eq!(
        (bad.end, bad.reuse),
        (AnswerEnd::Cut(BodyError::Framing), false)
    );
    for response in [
        format!("{head}2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA".to_owned(),
    ] {
        let answered = answered(&response, Method::Get);
        assert_eq!((answered.end, answered.reuse), (AnswerEnd::Complete, false));
        assert!(!answered.downstream.ends_with(b"EXTRA"));
    }
}

#[test]
fn a56_bodies_where_none_may_be() {
    for (response, method) in [
        ("HTTP/1.1 304 N\r\nContent-Length: 2\r\n\r\nok", Method::Get),
        ("HTTP/1.1 204 N\r\n\r\nok", Method::Get),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            Method::Head,
        ),
    ] {
        let answered = answered(response, method);
        assert_eq!(
            (answered.end, answered.reuse),
            (AnswerEnd::Complete, false),
            "{response}"
        );
        assert!(answered.downstream.ends_with(b"\r\n\r\n"), "{response}");
    }
    for response in [
        "HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 204 N\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 100 C\r\nContent-Length: 2\r\n\r\nok",
    ] {
        assert_eq!(
            answered(response, Method::Get).end,
            AnswerEnd::BadHead,
            "{response}"
        );
    }
}

#[test]
fn a63_other_expectations() {
    let fields = "Content-Length: 3\r\nExpect: something-else\r\n";
    refused(&post(fields, "abc"), 417, Kind::Expectation);
}

#[test]
fn a64_upgrade_is_a_plain_request_until_granted() {
    let input = [
        with_field("Connection: Upgrade\r\nUpgrade: x"),
        get("/second"),
    ]
    .concat();
    let served = serve(&input, &[], &options());
    assert_eq!(
        served.outcomes,
        [
            Outcome::Upstream(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
            Outcome::Upstream(b"GET /second HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()),
        ]
    );
}

#[test]
fn a66_h2c_is_not_forwarded() {
    let fields = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA";
    served_as(&with_field(fields), "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}

#[test]
fn a67_an_unasked_switch() {
    let mut head = ResponseHead::default();
    let read = read_response(
        b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\n",
        &mut HeadScanner::new(),
        &Options::responses().strict(),
        &Method::Get,
        &mut head,
    );
    assert_eq!(read, Err(ResponseError::UnaskedSwitch));
}

#[test]
fn a80_nominated_framing() {
    for name in ["Content-Length", "Host", "transfer-encoding", "x, host"] {
        let field = format!("Connection: {name}");
        refused(&with_field(&field), 400, Kind::ConnectionRejected);
    }
}

#[test]
fn h02_hop_by_hop_fields_stay_here() {
    let fields = "Connection: x-one, keep-alive, X-Forwarded-For\r\nX-One: 1\r\nX-Forwarded-For: 1\r\n\
                  Keep-Alive: 1\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\
                  TE: trailers, gzip\r\nUpgrade: x\r\nHTTP2-Settings: x\r\nX-Two: 2";
    served_as(
        &with_field(fields),
        "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nx-two: 2\r\n\r\n",
    );
}

#[test]
fn h09_single_fields_sent_twice() {
    for field in [
        "Authorization: a\r\nAuthorization: b",
        "Content-Type: a\r\ncontent-type: a",
    ] {
        refused(&with_field(field), 400, Kind::DuplicateField);
    }
    served_as(
        &with_field("X-Role: user\r\nAccept: a\r\nX-Role: admin\r\nAccept: b"),
        "GET / HTTP/1.1\r\nhost: a\r\nx-role: user\r\naccept: a\r\nx-role: admin\r\naccept: b\r\n\r\n",
    );
}

#[test]
fn h15_nothing_nominated_by_a_response_reaches_the_client() {
    let response = "HTTP/1.1 200 OK\r\nConnection: x-one, content-length\r\nX-One: 1\r\nKeep-Alive: 1\r\n\
                    Upgrade: x\r\nTE: x\r\nX-Two: 2\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(
        String::from_utf8(answered(response, Method::Get).downstream).unwrap(),
        "HTTP/1.1 200 OK\r\nx-two: 2\r\ncontent-length: 2\r\n\r\nok"
    );
}
