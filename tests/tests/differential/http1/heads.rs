//! Requests before their bodies: versions, targets, fields, limits, connections.

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::Act,
};

#[test]
fn heads() {
    run(&Table {
        name: "http1_heads",
        cases: [connections(), versions(), targets(), fields(), limits()].concat(),
    });
}

/// Each request on a connection of its own.
fn each(id: &'static str, requests: &[&str]) -> Case {
    requests
        .iter()
        .enumerate()
        .fold(case(id), |case, (index, request)| {
            let case = if index > 0 { case.connect() } else { case };
            case.exchange(request)
        })
}

fn connections() -> Vec<Case> {
    vec![
        case("keep_alive_is_the_default").get("/1", "").get("/2", ""),
        case("connection_close")
            .get("/1", "connection: close\r\n")
            .connect()
            .get("/2", "Connection: Close\r\n")
            .connect()
            .get("/3", "connection: x, close\r\n")
            .connect()
            .get("/4", "connection: keep-alive, close\r\n"),
        case("proxy_connection_close_means_nothing").get("/1", "proxy-connection: close\r\n").get("/2", ""),
        case("pipelined_requests_are_answered_in_order")
            .answers(&[
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none",
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo",
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nthree",
            ])
            .send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\nGET /3 HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("GET")
            .response("GET")
            .response("GET"),
        // The local reply comes last: Envoy closes when another request is behind one in the same read
        // (`Too many responses queued`), which nobody should build on.
        case("pipelined_requests_with_bodies_and_a_local_reply")
            .routes("- {match: {path: \"/up\"}, route: {cluster: @up}}")
            .send("POST /up HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabcPOST /up HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\nGET /none HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("POST")
            .response("POST")
            .response("GET"),
        case("a_bad_request_behind_a_good_one")
            .send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
            .response("GET")
            .response("GET"),
        case("blank_lines_before_a_request")
            .exchange("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n")
            .exchange("\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\n")
            .exchange("\r\n\r\nGET /3 HTTP/1.1\r\nhost: x\r\n\r\n"),
        case("a_head_in_pieces")
            .send("GE")
            .pause(30)
            .send("T /a HTTP/1.1\r")
            .pause(30)
            .send("\nho")
            .pause(30)
            .send("st: x\r\nx-a: b")
            .pause(30)
            .send("c\r\n\r")
            .pause(30)
            .send("\n")
            .response("GET"),
        case("nothing_is_said").half_close().end(),
        case("half_a_head_and_the_end").send("GET / HTTP/1.1\r\nhost:").half_close().end(),
    ]
}

fn versions() -> Vec<Case> {
    vec![
        each(
            "http_1_0_is_refused_by_default",
            &[
                "GET / HTTP/1.0\r\nhost: x\r\n\r\n",
                "GET / HTTP/1.0\r\n\r\n",
                "GET / HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n",
            ],
        ),
        each(
            "http_1_0_where_accepted",
            &[
                "GET /1 HTTP/1.0\r\nhost: x\r\n\r\n",
                "GET /2 HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n",
                "GET /3 HTTP/1.0\r\n\r\n",
                "GET /4 HTTP/1.1\r\n\r\n",
            ],
        )
        .manager("http_protocol_options: {accept_http_10: true, default_host_for_http_10: default.example}"),
        each(
            "http_1_0_without_default_host",
            &["GET /1 HTTP/1.0\r\n\r\n", "GET /2 HTTP/1.0\r\nhost: x\r\n\r\n"],
        )
        .manager("http_protocol_options: {accept_http_10: true}"),
        case("a_chunked_answer_to_http_1_0")
            .manager("http_protocol_options: {accept_http_10: true}")
            .answers(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"])
            .exchange("GET / HTTP/1.0\r\nhost: x\r\n\r\n"),
        each(
            "other_versions",
            &[
                "GET /\r\n\r\n",
                "GET / HTTP/0.9\r\nhost: x\r\n\r\n",
                "GET / HTTP/1.10\r\nhost: x\r\n\r\n",
                "GET / HTTP/1.2\r\nhost: x\r\n\r\n",
                "GET / HTTP/2.0\r\nhost: x\r\n\r\n",
                "GET / http/1.1\r\nhost: x\r\n\r\n",
                "GET / HTTP/11\r\nhost: x\r\n\r\n",
                "GET / HTTPS/1.1\r\nhost: x\r\n\r\n",
            ],
        ),
    ]
}

fn targets() -> Vec<Case> {
    vec![
        each(
            "absolute_form",
            &[
                "GET http://test.example/a?b HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http://other.example/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http://other.example:8080/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http://other.example HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http://other.example?q HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET https://test.example/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET HTTP://TEST.example/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET ftp://test.example/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http:///a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "GET http://user@test.example/a HTTP/1.1\r\nhost: test.example\r\n\r\n",
                "OPTIONS http://test.example HTTP/1.1\r\nhost: test.example\r\n\r\n",
            ],
        ),
        each(
            "odd_targets",
            &[
                "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET  /a HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /a  HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET\t/a HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /a\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /a\x7f HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /\u{e9} HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET \\admin HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET /%zz%00 HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET ? HTTP/1.1\r\nhost: x\r\n\r\n",
                "GET / HTTP/1.1 \r\nhost: x\r\n\r\n",
                " GET / HTTP/1.1\r\nhost: x\r\n\r\n",
            ],
        ),
        each(
            "methods",
            &[
                "FOO / HTTP/1.1\r\nhost: x\r\n\r\n",
                "PURGE / HTTP/1.1\r\nhost: x\r\n\r\n",
                "get / HTTP/1.1\r\nhost: x\r\n\r\n",
                "G@T / HTTP/1.1\r\nhost: x\r\n\r\n",
                "TRACE / HTTP/1.1\r\nhost: x\r\n\r\n",
                "PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
                "M-SEARCH / HTTP/1.1\r\nhost: x\r\n\r\n",
            ],
        ),
        each(
            "connect_is_not_enabled",
            &[
                "CONNECT test.example:443 HTTP/1.1\r\nhost: test.example:443\r\n\r\n",
                "CONNECT / HTTP/1.1\r\nhost: x\r\n\r\n",
            ],
        ),
        case("upgrades_are_not_enabled")
            .get("/1", "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n")
            .connect()
            .get("/2", "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n")
            .connect()
            .get("/3", "upgrade: websocket\r\n")
            .connect()
            .get("/4", "connection: upgrade\r\n")
            .connect()
            .get("/5", "connection: upgrade\r\nupgrade: foo\r\n"),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        each(
            "host_is_required_once",
            &[
                "GET / HTTP/1.1\r\n\r\n",
                "GET / HTTP/1.1\r\nhost:\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n",
                "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            ],
        ),
        each(
            "line_ends",
            &[
                "GET /1 HTTP/1.1\nhost: x\n\n",
                "GET /2 HTTP/1.1\r\nhost: x\n\r\n",
                "GET /3 HTTP/1.1\nhost: x\r\n\r\n",
                "GET /4 HTTP/1.1\r\nhost: x\r\n\n",
                "GET /5 HTTP/1.1\r\nhost: x\rx-a: b\r\n\r\n",
            ],
        ),
        case("carriage_returns_alone_end_nothing")
            .send("GET /1 HTTP/1.1\rhost: x\r\r")
            .pause(300)
            .connect()
            .send("GET /2 HTTP/1.1\r\nhost: x\r\n\r\r\n")
            .pause(300),
        each(
            "folded_lines",
            &[
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n c\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n\tc\r\nx-d: e\r\n\r\n",
                "GET / HTTP/1.1\r\n host: x\r\n\r\n",
            ],
        ),
        each(
            "field_names",
            &[
                "GET / HTTP/1.1\r\nhost: x\r\n: v\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx a: v\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a : v\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx(a): v\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx\u{e9}: v\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\n:path: /y\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx\0a: v\r\n\r\n",
            ],
        ),
        each(
            "field_values",
            &[
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: a\0b\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: a\x01b\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: a\x7fb\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a: a\x0bb\r\n\r\n",
                "GET / HTTP/1.1\r\nhost: x\r\nx-a:b\r\nx-c:   d\t \r\n\r\n",
            ],
        ),
        case("repeated_fields_keep_their_order").get("/", "x-a: 1\r\nx-b: 2\r\nX-A: 3\r\nx-a:\r\n"),
    ]
}

fn limits() -> Vec<Case> {
    let long = |count: usize| "a".repeat(count);
    let many = |count: usize| -> String {
        (0..count)
            .map(|index| format!("x-{index}: v\r\n"))
            .collect()
    };
    vec![
        case("a_field_of_59_kib_passes").get("/", &format!("x-long: {}\r\n", long(59 * 1024))),
        case("a_field_of_61_kib_does_not").get("/", &format!("x-long: {}\r\n", long(61 * 1024))),
        case("fields_of_61_kib_in_sum_do_not").get(
            "/",
            &(0..61)
                .map(|index| format!("x-{index}: {}\r\n", long(1020)))
                .collect::<String>(),
        ),
        case("an_endless_field_is_cut")
            .send(format!(
                "GET / HTTP/1.1\r\nhost: x\r\nx-long: {}",
                long(70 * 1024)
            ))
            .response("GET"),
        case("99_fields_pass_101_do_not")
            .get("/1", &many(98))
            .connect()
            .get("/2", &many(101)),
        case("a_long_target")
            .get(&format!("/{}", long(20 * 1024)), "")
            .connect()
            .get(&format!("/{}", long(64 * 1024)), ""),
        case("limits_can_be_set")
            .manager(
                "max_request_headers_kb: 1\ncommon_http_protocol_options: {max_headers_count: 5}",
            )
            .get("/1", "")
            .connect()
            .get("/2", &format!("x-long: {}\r\n", long(1100)))
            .connect()
            .get("/3", &many(6)),
        case("a_head_that_takes_too_long")
            .manager("request_headers_timeout: 0.3s")
            .send("GET / HTTP/1.1\r\nhost: x\r\n")
            .response("GET")
            .end(),
        case("a_request_that_takes_too_long")
            .manager("request_timeout: 0.4s")
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
            .response("POST"),
        case("an_idle_connection_is_closed")
            .manager("common_http_protocol_options: {idle_timeout: 0.4s}")
            .get("/", "")
            .end(),
        case("a_connection_that_never_asks_is_closed")
            .manager("common_http_protocol_options: {idle_timeout: 0.4s}")
            .end(),
        case("a_stream_that_idles_before_the_answer")
            .manager("stream_idle_timeout: 0.4s")
            .script(vec![Act::Request, Act::End])
            .get("/", ""),
        case("a_stream_that_idles_in_the_request")
            .manager("stream_idle_timeout: 0.4s")
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab")
            .response("POST"),
        case("a_stream_that_idles_in_the_answer")
            .manager("stream_idle_timeout: 0.4s")
            .script(vec![
                Act::Request,
                Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab".into()),
                Act::End,
            ])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("GET")
            .end(),
    ]
}
