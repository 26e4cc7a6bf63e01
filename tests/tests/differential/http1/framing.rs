//! How long a request's body is, and what is not believed about it.

use portway_tests::differential::{Case, Table, case, run};

#[test]
fn framing() {
    run(&Table {
        name: "http1_framing",
        cases: [bodies(), lengths(), codings(), bad_chunks(), expectations()].concat(),
    });
}

/// Each head on a connection of its own, with a body of five bytes behind it.
fn heads(id: &'static str, fields: &[&str]) -> Case {
    fields
        .iter()
        .enumerate()
        .fold(case(id), |case, (index, fields)| {
            let case = if index > 0 { case.connect() } else { case };
            case.send(format!(
                "POST /{index} HTTP/1.1\r\nhost: x\r\n{fields}\r\nabcde"
            ))
            .response("POST")
        })
}

fn bodies() -> Vec<Case> {
    vec![
        case("a_body_with_a_length")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabcde")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\nContent-Length: 0\r\n\r\n")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0005\r\n\r\nabcde"),
        case("a_post_without_framing").exchange("POST / HTTP/1.1\r\nhost: x\r\n\r\n").get("/", ""),
        case("a_get_with_a_body")
            .exchange("GET /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            .exchange("GET /2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .exchange("HEAD /3 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            .exchange("DELETE /4 HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"),
        case("a_body_in_pieces")
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\n")
            .seen("\r\n\r\n")
            .send("ab")
            .seen("\r\n\r\nab")
            .send("cd")
            .pause(30)
            .send("ef")
            .response("POST"),
        case("a_chunked_body")
            .exchange("POST /1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n")
            .exchange("POST /2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n00002\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n")
            .exchange("POST /3 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n")
            .exchange("POST /4 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3;name=value\r\nabc\r\n0;x\r\n\r\n"),
        case("a_chunked_body_in_pieces")
            .send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            .seen("\r\n\r\n")
            .send("5")
            .pause(30)
            .send("\r\nab")
            .pause(30)
            .send("cde\r")
            .pause(30)
            .send("\n0\r\n")
            .pause(30)
            .send("\r\n")
            .response("POST"),
        case("trailers_are_dropped_by_default")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")
            .get("/next", ""),
        case("trailers_where_enabled")
            .manager("http_protocol_options: {enable_trailers: true}")
            .cluster("up", super::WITH_TRAILERS)
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\nX-U: two\r\n\r\n")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: 1\r\n\r\n"),
        case("trailers_that_are_not_for_trailers")
            .manager("http_protocol_options: {enable_trailers: true}")
            .cluster("up", super::WITH_TRAILERS)
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\ncontent-length: 9\r\nhost: y\r\ntransfer-encoding: chunked\r\nauthorization: z\r\n\r\n")
            .get("/next", ""),
    ]
}

fn lengths() -> Vec<Case> {
    vec![
        heads(
            "lengths_that_are_none",
            &[
                "content-length: +5\r\n",
                "content-length: 0x5\r\n",
                "content-length: 5,5\r\n",
                "content-length: -1\r\n",
                "content-length:\r\n",
                "content-length: 5 5\r\n",
                "content-length: five\r\n",
                "content-length: 5.0\r\n",
                "content-length: 18446744073709551616\r\n",
            ],
        ),
        heads(
            "several_lengths",
            &[
                "content-length: 5\r\ncontent-length: 5\r\n",
                "content-length: 5\r\ncontent-length: 6\r\n",
                "content-length: 5\r\nContent-Length: 0\r\n",
            ],
        ),
        case("a_length_beyond_what_comes")
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9223372036854775807\r\n\r\nabc")
            .seen("abc")
            .half_close()
            .end(),
        case("a_length_and_a_coding")
            .send("POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("POST")
            .connect()
            .send("POST /2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("POST"),
        case("a_length_and_a_coding_where_allowed")
            .manager("http_protocol_options: {allow_chunked_length: true}")
            .exchange("POST /1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    ]
}

fn codings() -> Vec<Case> {
    vec![
        heads(
            "codings_that_are_not_known",
            &[
                "transfer-encoding: xchunked\r\n",
                "transfer-encoding: identity\r\n",
                "transfer-encoding: gzip\r\n",
                "transfer-encoding: chunked, identity\r\n",
                "transfer-encoding: gzip, chunked\r\n",
                "transfer-encoding: chunked, chunked\r\n",
                "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
                "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
                "transfer-encoding:\r\n",
                "transfer-encoding: \"chunked\"\r\n",
                "transfer-encoding: chunked;q=1\r\n",
                "transfer-encoding: \x0bchunked\r\n",
                "transfer-encoding : chunked\r\n",
                " transfer-encoding: chunked\r\n",
                "transfer_encoding: chunked\r\ncontent-length: 5\r\n",
            ],
        ),
        case("codings_that_are_written_oddly")
            .exchange("POST /1 HTTP/1.1\r\nhost: x\r\ntransfer-encoding:\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .exchange("POST /2 HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked \r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        case("a_coding_on_http_1_0")
            .manager("http_protocol_options: {accept_http_10: true}")
            .send("POST /1 HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .response("POST"),
    ]
}

/// A chunked body whose head has reached the upstream before the bytes in question arrive.
fn chunk(id: &'static str, bytes: &str) -> Case {
    case(id)
        .send("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        .seen("\r\n\r\n")
        .send(bytes)
        .response("POST")
}

fn bad_chunks() -> Vec<Case> {
    vec![
        chunk(
            "a_chunk_size_that_overflows",
            "10000000000000003\r\nabc\r\n0\r\n\r\n",
        ),
        chunk("a_chunk_size_with_0x", "0x3\r\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_size_with_a_plus", "+3\r\nabc\r\n0\r\n\r\n"),
        chunk("an_empty_chunk_size", "\r\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_size_with_a_space_behind", "3 \r\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_size_with_a_space_before", " 3\r\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_size_that_is_no_number", "xyz\r\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_size_ended_by_lf", "3\nabc\r\n0\r\n\r\n"),
        chunk("a_chunk_extension_with_lf", "3;a\nb\r\nabc\r\n0\r\n\r\n"),
        chunk(
            "a_chunk_extension_with_quotes",
            "3;a=\"b;c\"\r\nabc\r\n0\r\n\r\n",
        ),
        chunk("chunk_data_ended_by_lf", "3\r\nabc\n0\r\n\r\n"),
        chunk("chunk_data_longer_than_said", "3\r\nabcde\r\n0\r\n\r\n"),
        chunk("a_trailer_without_colon", "0\r\nnonsense\r\n\r\n"),
    ]
}

fn expectations() -> Vec<Case> {
    vec![
        case("expect_100_continue")
            .send("POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
            .until("100 Continue\r\n\r\n")
            .send("abc")
            .response("POST"),
        case("expect_100_continue_without_waiting")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\nExpect: 100-Continue\r\ncontent-length: 3\r\n\r\nabc"),
        case("expect_100_continue_refused")
            .routes("- {match: {path: \"/a\"}, route: {cluster: @up}}")
            .send("POST /none HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
            .response("POST"),
        case("expect_100_continue_without_body")
            .exchange("GET / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\r\n"),
        case("other_expectations")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\nexpect: something\r\ncontent-length: 3\r\n\r\nabc"),
    ]
}
