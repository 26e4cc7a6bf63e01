//! Bodies, one step at a time.

use super::*;
use crate::http::h1::BodyStep;

#[test]
fn a_step_yields_one_piece_and_the_framing_around_it() {
    let options = Options::requests();
    let mut reader = BodyReader::new(BodyLength::Chunked, &options);
    let input = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET";
    let first = reader.read(input).unwrap();
    assert_eq!((first.data, first.done), (&b"abc"[..], false));
    let second = reader.read(&input[first.consumed..]).unwrap();
    assert_eq!((second.data, second.done), (&b"de"[..], true));
    assert_eq!(&input[first.consumed + second.consumed..], b"GET");
    assert_eq!(
        reader.read(b"GET"),
        Ok(BodyStep {
            consumed: 0,
            data: b"",
            done: true
        })
    );
}

#[test]
fn data_before_an_error_comes_before_the_error() {
    let options = Options::requests();
    let mut reader = BodyReader::new(BodyLength::Chunked, &options);
    let input = b"3\r\nabc\r\nzz\r\n";
    let step = reader.read(input).unwrap();
    assert_eq!((step.data, step.done), (&b"abc"[..], false));
    assert_eq!(
        reader.read(&input[step.consumed..]),
        Err(BodyError::Framing)
    );
    assert_eq!(reader.read(b"3\r\nabc\r\n"), Err(BodyError::Framing));
    assert_eq!(reader.on_eof(), Err(BodyError::Framing));
}

#[test]
fn a_length_takes_its_bytes_and_no_more() {
    let options = Options::requests();
    let mut reader = BodyReader::new(BodyLength::Length(5), &options);
    let step = reader.read(b"abc").unwrap();
    assert_eq!(
        (step.consumed, step.data, step.done),
        (3, &b"abc"[..], false)
    );
    let step = reader.read(b"deGET").unwrap();
    assert_eq!((step.consumed, step.data, step.done), (2, &b"de"[..], true));
    assert_eq!(reader.on_eof(), Ok(()));
}

#[test]
fn until_close_ends_with_the_connection() {
    let options = Options::responses();
    let mut reader = BodyReader::new(BodyLength::UntilClose, &options);
    let step = reader.read(b"abc").unwrap();
    assert_eq!(
        (step.consumed, step.data, step.done),
        (3, &b"abc"[..], false)
    );
    assert!(!reader.is_done());
    assert_eq!(reader.on_eof(), Ok(()));
    assert!(reader.is_done());
}

#[test]
fn trailers_are_taken_once_and_only_when_wanted() {
    let kept = Options {
        enable_trailers: true,
        ..Options::requests()
    };
    let input = b"0\r\nX-T: 1\r\nx-t: 2\r\n\r\n";
    let (_, mut reader, rest) = read_body(BodyLength::Chunked, input, &kept).unwrap();
    assert!(rest.is_empty());
    let trailers = reader.take_trailers().unwrap();
    let values: Vec<&[u8]> = trailers.iter().map(|field| field.value).collect();
    assert_eq!(values, [b"1", b"2"]);
    assert!(reader.take_trailers().is_none());

    let dropped = Options::requests();
    let (_, mut reader, _) = read_body(BodyLength::Chunked, input, &dropped).unwrap();
    assert!(reader.is_done() && reader.take_trailers().is_none());
}

#[test]
fn framing_with_a_carriage_return_inside_is_refused_where_envoy_is_fooled() {
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chu\rnked\r\n\r\n0\r\n\r\n";
    let served = serve(input, &[], &Options::requests());
    assert!(served.closed);
    assert!(matches!(
        served.outcomes.as_slice(),
        [Outcome::Refused(error)] if error.status() == 400
    ));
}

#[test]
fn a_carriage_return_never_goes_through_whatever_the_other_lines_end_in() {
    // As many CRs as lines, but not where lines end.
    let input = b"GET / HTTP/1.1\r\nHost: a\nX: a\rb\r\n\r\n";
    let served = serve(input, &[], &Options::requests());
    assert_eq!(
        served.outcomes,
        [Outcome::Upstream(
            b"GET / HTTP/1.1\r\nhost: a\r\nx: ab\r\n\r\n".to_vec()
        )]
    );
    assert!(matches!(
        serve(input, &[], &Options::requests().strict())
            .outcomes
            .as_slice(),
        [Outcome::Refused(_)]
    ));
}
