//! Bodies while they move: large ones, both ways at once, answers that come early, sides that leave.

use std::time::Duration;

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::{Act, ok},
};

#[test]
fn streaming() {
    run(&Table {
        name: "http1_streaming",
        cases: [large(), early(), departures()].concat(),
    });
}

/// Bytes that repeat nowhere near a buffer's size.
fn body(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| b'a' + (index % 251 % 26) as u8)
        .collect()
}

fn with_body(head: &str, body: &[u8]) -> Vec<u8> {
    [head.as_bytes(), body].concat()
}

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

fn large() -> Vec<Case> {
    const MEGABYTE: usize = 1 << 20;
    let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {MEGABYTE}\r\n\r\n");
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {MEGABYTE}\r\n\r\n");
    vec![
        case("a_large_request")
            .send(with_body(&head, &body(MEGABYTE)))
            .response("POST")
            .get("/next", ""),
        case("a_large_chunked_request")
            .send(with_body(
                "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n",
                &chunked(&body(MEGABYTE), 9_999),
            ))
            .response("POST")
            .get("/next", ""),
        case("a_large_response")
            .script(vec![
                Act::Request,
                Act::Send(with_body(&answer, &body(MEGABYTE))),
                Act::Request,
                Act::Send(ok("next")),
            ])
            .get("/", "")
            .get("/next", ""),
        case("a_large_chunked_response")
            .script(vec![
                Act::Request,
                Act::Send(with_body(
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                    &chunked(&body(MEGABYTE), 7_777),
                )),
                Act::Request,
                Act::Send(ok("next")),
            ])
            .get("/", "")
            .get("/next", ""),
        case("a_slow_reader_gets_everything")
            .script(vec![
                Act::Request,
                Act::Send(with_body(
                    &format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                        4 * MEGABYTE
                    ),
                    &body(4 * MEGABYTE),
                )),
                Act::End,
            ])
            .hold()
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .pause(500)
            .resume()
            .response("GET"),
        case("a_slow_upstream_gets_everything")
            .script(vec![
                Act::Hold,
                Act::Pause(Duration::from_millis(500)),
                Act::Resume,
                Act::Request,
                Act::Send(ok("got it")),
                Act::End,
            ])
            .send(with_body(&head, &body(MEGABYTE)))
            .response("POST"),
    ]
}

fn early() -> Vec<Case> {
    vec![
        case("both_sides_take_turns")
            .script(vec![
                Act::Until(b"ping".into()),
                Act::Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npong\r\n".into()),
                Act::Until(b"PING".into()),
                Act::Send("4\r\nPONG\r\n0\r\n\r\n".into()),
                Act::End,
            ])
            .send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nping\r\n")
            .until("pong")
            .send("4\r\nPING\r\n0\r\n\r\n")
            .response("POST"),
        case("an_answer_before_the_body_ends_and_the_body_still_comes")
            .script(vec![
                Act::Until(b"\r\n\r\n".into()),
                Act::Send(ok("early")),
                Act::End,
            ])
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nab")
            .response("POST")
            .send("cdef")
            .end(),
        case("an_error_before_the_body_ends")
            .script(vec![
                Act::Until(b"\r\n\r\n".into()),
                Act::Send("HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into()),
                Act::End,
            ])
            .send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n")
            .response("POST"),
        case("a_streamed_answer_that_outlives_the_request")
            .script(vec![
                Act::Until(b"\r\n\r\n".into()),
                Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc".into()),
                Act::Request,
                Act::Send("def".into()),
                Act::End,
            ])
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
            .until("abc")
            .send("xyz")
            .response("POST"),
        case("a_local_reply_with_the_body_unread")
            .routes("- {match: {path: \"/a\"}, route: {cluster: @up}}")
            .send("POST /none HTTP/1.1\r\nhost: x\r\ncontent-length: 40\r\n\r\nGET /a HTTP/1.1\r\nhost: smuggled\r\n\r\n1234")
            .response("POST"),
    ]
}

fn departures() -> Vec<Case> {
    vec![
        case("the_client_leaves_while_the_upstream_thinks")
            .script(vec![Act::Request, Act::End])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .seen("\r\n\r\n")
            .close(),
        case("the_client_leaves_in_its_body")
            .script(vec![Act::Request, Act::End])
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc")
            .seen("abc")
            .close(),
        case("the_client_leaves_in_the_answer")
            .script(vec![
                Act::Request,
                Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".into()),
                Act::End,
            ])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .until("abc")
            .close(),
        case("the_client_closes_its_side_after_asking")
            .script(vec![
                Act::Request,
                Act::Pause(Duration::from_millis(300)),
                Act::Send(ok("late")),
                Act::End,
            ])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .seen("\r\n\r\n")
            .half_close()
            .end(),
        case("a_kept_upstream_connection_is_not_poisoned_by_a_departure")
            .scripts(vec![
                vec![Act::Request, Act::End],
                vec![Act::Request, Act::Send(ok("fresh")), Act::End],
            ])
            .send("GET /1 HTTP/1.1\r\nhost: x\r\n\r\n")
            .seen("GET /1")
            .close()
            .connect()
            .get("/2", ""),
    ]
}
