//! Responses from upstreams: framing, interim responses, and answers that are none.

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::{Act, ok},
};

#[test]
fn answers() {
    run(&Table {
        name: "http1_answers",
        cases: [bodies(), interim(), bad_answers(), early_ends(), fields()].concat(),
    });
}

/// The upstream answers in these bytes and closes; a second request shows what became of the connections.
fn closing(id: &'static str, answer: &str) -> Case {
    case(id)
        .script(vec![Act::Request, Act::Send(answer.into()), Act::Close])
        .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .response("GET")
}

/// The upstream answers in these bytes and leaves the connection open.
fn answering(id: &'static str, answer: &str) -> Case {
    case(id)
        .script(vec![Act::Request, Act::Send(answer.into()), Act::End])
        .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .response("GET")
}

fn bodies() -> Vec<Case> {
    vec![
        case("a_chunked_response")
            .answers(&[
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
            ])
            .get("/", "")
            .get("/", ""),
        case("trailers_of_a_response_are_dropped_by_default")
            .answers(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"])
            .get("/", "")
            .get("/", ""),
        case("trailers_of_a_response_where_enabled")
            .manager("http_protocol_options: {enable_trailers: true}")
            .cluster("up", super::WITH_TRAILERS)
            .answers(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\nx-u: 2\r\n\r\n"])
            .get("/", "te: trailers\r\n")
            .get("/", ""),
        closing(
            "a_response_until_close",
            "HTTP/1.1 200 OK\r\nx-a: b\r\n\r\nall of it",
        ),
        case("responses_to_head")
            .answers(&[
                "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\n\r\n",
            ])
            .ask("HEAD", "/1", "")
            .ask("HEAD", "/2", "")
            .ask("HEAD", "/3", ""),
        case("responses_without_body")
            .answers(&[
                "HTTP/1.1 204 No Content\r\nx-a: b\r\n\r\n",
                "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"x\"\r\n\r\n",
                "HTTP/1.1 304 Not Modified\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            ])
            .get("/1", "")
            .get("/2", "")
            .get("/3", "")
            .get("/4", ""),
        case("204_with_a_length_of_nothing")
            .answers(&["HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"])
            .get("/", "")
            .get("/", ""),
        answering(
            "204_with_a_body",
            "HTTP/1.1 204 No Content\r\ncontent-length: 3\r\n\r\nabc",
        ),
        answering(
            "304_with_a_body",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\nabc",
        ),
        case("a_head_response_with_a_body")
            .script(vec![Act::Request, Act::Send(ok("leaked")), Act::Request, Act::Send(ok("second")), Act::End])
            .ask("HEAD", "/1", "")
            .pause(200)
            .ask("GET", "/2", ""),
        closing(
            "http_1_0_responses",
            "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        ),
        case("http_1_0_keep_alive_from_the_upstream")
            .answers(&["HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc"])
            .get("/1", "")
            .get("/2", ""),
    ]
}

fn interim() -> Vec<Case> {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    vec![
        case("an_unasked_100")
            .answers(&[&format!("HTTP/1.1 100 Continue\r\n\r\n{answer}")])
            .get("/", ""),
        case("early_hints")
            .answers(&[&format!("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n{answer}")])
            .get("/", "")
            .get("/", ""),
        case("processing")
            .answers(&[&format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n{answer}")])
            .get("/", ""),
        case("an_unasked_101")
            .script(vec![Act::Request, Act::Send("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nraw".into()), Act::End])
            .get("/", ""),
    ]
}

fn bad_answers() -> Vec<Case> {
    vec![
        answering("nonsense", "nonsense\r\n\r\n"),
        answering("http_2_version", "HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n"),
        answering("no_reason", "HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok"),
        answering("an_empty_reason", "HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok"),
        answering("another_reason", "HTTP/1.1 200 Fine By Me\r\ncontent-length: 2\r\n\r\nok"),
        answering("status_of_two_digits", "HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok"),
        answering("status_of_four_digits", "HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok"),
        answering("status_999", "HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok"),
        answering("status_600", "HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\nok"),
        answering("status_000", "HTTP/1.1 000 Odd\r\ncontent-length: 2\r\n\r\nok"),
        answering("unknown_status", "HTTP/1.1 299 Own\r\ncontent-length: 2\r\n\r\nok"),
        answering(
            "length_and_coding",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        answering(
            "two_equal_lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
        ),
        answering(
            "two_lengths",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        ),
        answering("a_bad_length", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nok"),
        answering(
            "an_unknown_coding",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
        ),
        answering(
            "two_codings",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        answering(
            "a_name_with_a_space",
            "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 2\r\n\r\nok",
        ),
        answering("bare_line_feeds", "HTTP/1.1 200 OK\ncontent-length: 2\n\nok"),
        answering(
            "a_folded_line",
            "HTTP/1.1 200 OK\r\nx-a: b\r\n c\r\ncontent-length: 2\r\n\r\nok",
        ),
        answering(
            "a_nul_in_a_value",
            "HTTP/1.1 200 OK\r\nx-a: b\0c\r\ncontent-length: 2\r\n\r\nok",
        ),
        answering(
            "a_head_of_61_kib",
            &format!("HTTP/1.1 200 OK\r\nx-long: {}\r\ncontent-length: 2\r\n\r\nok", "a".repeat(61 * 1024)),
        ),
        answering(
            "more_than_100_fields",
            &format!(
                "HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\nok",
                (0..101).map(|index| format!("x-{index}: v\r\n")).collect::<String>()
            ),
        ),
        case("bytes_behind_the_response")
            .scripts(vec![
                vec![Act::Request, Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison".into()), Act::End],
                vec![Act::Request, Act::Send(ok("clean")), Act::End],
            ])
            .get("/1", "")
            .pause(200)
            .get("/2", ""),
        case("an_answer_nobody_asked_for")
            .scripts(vec![
                vec![Act::Request, Act::Send(ok("first")), Act::Pause(std::time::Duration::from_millis(200)), Act::Send(ok("poison")), Act::End],
                vec![Act::Request, Act::Send(ok("clean")), Act::End],
            ])
            .get("/1", "")
            .pause(500)
            .get("/2", ""),
    ]
}

fn early_ends() -> Vec<Case> {
    vec![
        case("closed_before_the_answer")
            .script(vec![Act::Request, Act::Close])
            .get("/", "")
            .ask("HEAD", "/", ""),
        case("reset_before_the_answer")
            .script(vec![Act::Request, Act::Reset])
            .get("/", ""),
        closing("closed_in_the_head", "HTTP/1.1 200 OK\r\ncontent-le"),
        closing(
            "closed_in_the_body",
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        )
        .end(),
        closing(
            "closed_in_a_chunked_body",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nabc",
        )
        .end(),
        closing(
            "closed_before_the_last_chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        )
        .end(),
        case("reset_in_the_body")
            .script(vec![
                Act::Request,
                Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into()),
                Act::Pause(std::time::Duration::from_millis(200)),
                Act::Reset,
            ])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("GET")
            .end(),
        case("closed_while_the_request_is_sent")
            .script(vec![Act::Until(b"\r\n\r\nab".into()), Act::Close])
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nab")
            .response("POST"),
        case("closed_right_after_accepting")
            .scripts(vec![vec![Act::Close]])
            .mask(
                r"(?s)upstream up connection 1.*?end: [a-z ]+",
                "<a connection without an answer>",
            )
            .mask(
                r"upstream_reset_before_response_started\{[^}]*\}",
                "<reset>",
            )
            .mask(r"reset reason: [a-z ]+", "<reason>")
            .mask(r"content-length: \d+|length\] \d+|sent=\d+", "<n>")
            .get("/", ""),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        case("hop_by_hop_response_headers")
            .answers(&["HTTP/1.1 200 OK\r\nconnection: x-gone\r\nx-gone: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nproxy-authenticate: basic\r\nupgrade: h2c\r\ntrailer: x\r\ncontent-length: 0\r\n\r\n"])
            .get("/", "")
            .get("/", ""),
        case("response_names_and_repeats")
            .answers(&["HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Mixed: v\r\nVary: a\r\nvary: b\r\nx-empty:\r\ncontent-length: 0\r\n\r\n"])
            .get("/", ""),
        case("date_and_server_of_the_upstream")
            .answers(&["HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nserver: origin/1\r\nvia: 1.1 origin\r\nx-powered-by: x\r\ncontent-length: 0\r\n\r\n"])
            .get("/", ""),
        case("envoy_headers_of_the_upstream")
            .answers(&["HTTP/1.1 200 OK\r\nx-envoy-upstream-service-time: 12345\r\nx-envoy-overloaded: true\r\nx-envoy-degraded: true\r\nx-request-id: theirs\r\nx-envoy-decorator-operation: y\r\ncontent-length: 0\r\n\r\n"])
            .get("/", ""),
        case("a_response_to_a_closing_client")
            .answers(&["HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n"])
            .get("/", "connection: close\r\n"),
    ]
}
