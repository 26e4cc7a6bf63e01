//! Sizes: the last byte that passes and the first that does not, measured where Envoy has the limit.

use super::*;
use crate::http::h1::RequestErrorKind as Kind;

const HEAD: &str = "GET / HTTP/1.1\r\nHost: a\r\nx: \r\n\r\n";

fn verdict(input: &[u8], options: &Options) -> Option<Kind> {
    match serve(input, &[], options).outcomes.as_slice() {
        [Outcome::Refused(error)] => Some(error.kind),
        [Outcome::Upstream(_)] => None,
        other => panic!("{other:?}"),
    }
}

fn both() -> [Options; 2] {
    [Options::requests(), Options::requests().strict()]
}

#[test]
fn envoy_head_of_60_kib_passes_and_one_byte_more_does_not() {
    for options in both() {
        for (extra, expected) in [(0, None), (1, Some(Kind::HeadersTooLarge))] {
            let value = "v".repeat(options.max_head_bytes - HEAD.len() + extra);
            let input = HEAD.replace("x: ", &format!("x: {value}"));
            assert_eq!(verdict(input.as_bytes(), &options), expected, "{extra}");
        }
    }
}

#[test]
fn envoy_hundred_fields_pass_and_one_more_does_not() {
    for options in both() {
        for (count, expected) in [(99, None), (100, Some(Kind::TooManyHeaders))] {
            let input = HEAD.replace("x: \r\n", &"x: 1\r\n".repeat(count));
            assert_eq!(verdict(input.as_bytes(), &options), expected, "{count}");
        }
    }
}

#[test]
fn envoy_joined_duplicates_count_once() {
    let input = HEAD.replace("x: \r\n", &"accept: 1\r\n".repeat(150));
    assert_eq!(verdict(input.as_bytes(), &Options::requests()), None);
    assert_eq!(
        verdict(input.as_bytes(), &Options::requests().strict()),
        Some(Kind::TooManyHeaders)
    );
}

#[test]
fn a51_lines_without_number_or_end_are_refused_early() {
    for options in both() {
        let many = HEAD.replace("x: \r\n", &"te:\r\n".repeat(9_000));
        assert_eq!(
            verdict(many.as_bytes(), &options),
            Some(Kind::TooManyHeaders)
        );
        let folds = HEAD.replace("x: \r\n", &format!("x: 1\r\n{}", " a\r\n".repeat(9_000)));
        assert!(verdict(folds.as_bytes(), &options).is_some());
        let endless = HEAD.replace("x: \r\n\r\n", &format!("x: {}", "a".repeat(61 * 1024)));
        assert_eq!(
            verdict(endless.as_bytes(), &options),
            Some(Kind::HeadersTooLarge)
        );
        let line = format!("GET /{}", "a".repeat(61 * 1024));
        assert_eq!(
            verdict(line.as_bytes(), &options),
            Some(Kind::HeadersTooLarge)
        );
        let blank = "\r\n".repeat(40 * 1024);
        assert_eq!(
            verdict(blank.as_bytes(), &options),
            Some(Kind::HeadersTooLarge)
        );
    }
}

#[test]
fn envoy_trailers_have_the_heads_limits() {
    let options = Options::requests();
    let room = options.max_head_bytes - "X: \r\n\r\n".len();
    for (length, expected) in [(room, Ok(())), (room + 1, Err(BodyError::TrailersTooLarge))] {
        let input = format!("0\r\nX: {}\r\n\r\n", "a".repeat(length));
        let read = read_body(BodyLength::Chunked, input.as_bytes(), &options);
        assert_eq!(read.map(|_| ()), expected, "{length}");
    }
    let kept = Options {
        enable_trailers: true,
        ..Options::requests()
    };
    for (count, options, expected) in [
        (100, &kept, Ok(())),
        (101, &kept, Err(BodyError::TooManyTrailers)),
        (101, &options, Ok(())),
    ] {
        let input = format!("0\r\n{}\r\n", "X: a\r\n".repeat(count));
        let read = read_body(BodyLength::Chunked, input.as_bytes(), options);
        assert_eq!(read.map(|_| ()), expected, "{count}");
    }
}

#[test]
fn envoy_responses_may_have_80_kib() {
    let options = Options::responses();
    for (length, end) in [(62_000, AnswerEnd::Complete), (82_000, AnswerEnd::BadHead)] {
        let input = format!(
            "HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\nok",
            "a".repeat(length)
        );
        let answered = answer(&[input.as_bytes()], false, &Method::Get, &options);
        assert_eq!(answered.end, end, "{length}");
    }
}

#[test]
fn a_dripping_client_is_not_read_twice() {
    // Every line is looked at once: were each byte to start over, this would take minutes.
    let options = Options::requests();
    let value = "v".repeat(50_000);
    let input = HEAD.replace("x: ", &format!("x: {value}"));
    let mut scanner = HeadScanner::new();
    let mut head = RequestHead::default();
    let bytes = input.as_bytes();
    for end in 1..bytes.len() {
        let read = read_request(&bytes[..end], &mut scanner, &options, &mut head);
        assert_eq!(read, Ok(None), "{end}");
    }
    let frame = read_request(bytes, &mut scanner, &options, &mut head);
    assert_eq!(
        frame.unwrap().map(|frame| frame.consumed),
        Some(bytes.len())
    );
}
